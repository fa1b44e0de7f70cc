"""Splitting into chunks, and idempotency keys."""

import uuid

import attrs
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.sweeps import Action
from fieldingkit.sweeps.chunks import chunk_key, replacement_key, retry_key, split_into_chunks
from fieldingkit.sweeps.identity import RunIdentity

RUN = RunIdentity(base_url="https://api.cint.com/v1", account_id="101", api_version="2026-06-26", run_id="run")
PAIRS = st.lists(st.tuples(st.sampled_from(["P1", "P2", "P3"]), st.uuids().map(str)), max_size=60, unique=True)


@given(PAIRS, st.integers(1, 9))
def test_every_target_group_is_in_one_chunk_of_its_project(pairs: list[tuple[str, str]], size: int) -> None:
    """Chunks lose and repeat nothing, keep the order, and have one project and a limited size."""
    chunks = split_into_chunks(RUN, Action.PAUSE, pairs, size=size)

    assert sorted((chunk.project_id, id_) for chunk in chunks for id_ in chunk.ids) == sorted(pairs)
    assert all(1 <= len(chunk.ids) <= size for chunk in chunks)
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    for project_id in {project_id for project_id, _ in pairs}:
        cut_up = [id_ for chunk in chunks if chunk.project_id == project_id for id_ in chunk.ids]
        assert cut_up == [id_ for known, id_ in pairs if known == project_id]


@given(PAIRS, st.integers(1, 9))
def test_all_chunks_but_the_last_are_full(pairs: list[tuple[str, str]], size: int) -> None:
    """Every chunk is full except the last one of each project."""
    projects: dict[str, int] = {}
    for project_id, _ in pairs:
        projects[project_id] = projects.get(project_id, 0) + 1

    chunks = split_into_chunks(RUN, Action.PAUSE, pairs, size=size)

    assert len(chunks) == sum(-(-count // size) for count in projects.values())


@given(PAIRS)
def test_every_chunk_has_its_own_key(pairs: list[tuple[str, str]]) -> None:
    """Two jobs of a run never share a key."""
    keys = [chunk.key for chunk in split_into_chunks(RUN, Action.PAUSE, pairs, size=2)]

    assert len(set(keys)) == len(keys)


def test_keys_are_stable_across_releases() -> None:
    """A key that changed with a release would create a second job after an update."""
    ids = ["01BTGNYV6HRNK8K8VKZASZCFP0", "01BTGNYV6HRNK8K8VKZASZCFP1"]
    key = chunk_key(RUN, Action.PAUSE, "01BTGNYV6HRNK8K8VKZASZCFPA", ids)

    assert key == "8dc29300-5d28-4413-a752-06a9fe70d1e0"
    assert retry_key(key, 1, ids) == "a0ea580a-49fa-467b-b9ec-59bbe39a6937"
    assert replacement_key(key, ids) == "529d8b24-1065-46a2-9b98-9f570f590a1e"
    assert uuid.UUID(key).version == 4


def test_a_key_depends_on_run_action_project_ids_and_order() -> None:
    """Another run, action, project, target group or order results in another key."""
    keys = {
        chunk_key(RUN, Action.PAUSE, "P", ["A", "B"]),
        chunk_key(attrs.evolve(RUN, run_id="other"), Action.PAUSE, "P", ["A", "B"]),
        chunk_key(RUN, Action.RESUME, "P", ["A", "B"]),
        chunk_key(RUN, Action.PAUSE, "Q", ["A", "B"]),
        chunk_key(RUN, Action.PAUSE, "P", ["A", "C"]),
        chunk_key(RUN, Action.PAUSE, "P", ["B", "A"]),
        chunk_key(RUN, Action.PAUSE, "P", ["AB"]),
        chunk_key(RUN, Action.PAUSE, "P", ["A"]),
        retry_key("run", 1, ["A"]),
        retry_key("run", 2, ["A"]),
        replacement_key("run", ["A"]),
    }

    assert len(keys) == 11
