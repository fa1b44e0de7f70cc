"""How a sweep is cut into jobs, and the keys of those."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.sweeps import Action
from fieldingkit.sweeps.chunks import chunk_key, replacement_key, retry_key, split_into_chunks

PAIRS = st.lists(st.tuples(st.sampled_from(["P1", "P2", "P3"]), st.uuids().map(str)), max_size=60, unique=True)


@given(PAIRS, st.integers(1, 9))
def test_every_target_group_is_in_one_chunk_of_its_project(pairs: list[tuple[str, str]], size: int) -> None:
    """Nothing is lost, nothing comes twice, no chunk is too large or of two projects, and the order stays."""
    chunks = split_into_chunks("run", Action.PAUSE, pairs, size=size)

    assert sorted((chunk.project_id, id_) for chunk in chunks for id_ in chunk.ids) == sorted(pairs)
    assert all(1 <= len(chunk.ids) <= size for chunk in chunks)
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    for project_id in {project_id for project_id, _ in pairs}:
        cut_up = [id_ for chunk in chunks if chunk.project_id == project_id for id_ in chunk.ids]
        assert cut_up == [id_ for known, id_ in pairs if known == project_id]


@given(PAIRS, st.integers(1, 9))
def test_as_few_chunks_as_will_do(pairs: list[tuple[str, str]], size: int) -> None:
    """Every chunk is full but the last of each project."""
    projects: dict[str, int] = {}
    for project_id, _ in pairs:
        projects[project_id] = projects.get(project_id, 0) + 1

    chunks = split_into_chunks("run", Action.PAUSE, pairs, size=size)

    assert len(chunks) == sum(-(-count // size) for count in projects.values())


@given(PAIRS)
def test_every_chunk_has_a_key_of_its_own(pairs: list[tuple[str, str]]) -> None:
    """Two jobs of a run never share a key."""
    keys = [chunk.key for chunk in split_into_chunks("run", Action.PAUSE, pairs, size=2)]

    assert len(set(keys)) == len(keys)


def test_a_key_is_the_same_in_every_process_and_release() -> None:
    """A key that changed with a release would make a second job after an update."""
    ids = ["01BTGNYV6HRNK8K8VKZASZCFP0", "01BTGNYV6HRNK8K8VKZASZCFP1"]
    key = chunk_key("run", Action.PAUSE, "01BTGNYV6HRNK8K8VKZASZCFPA", ids)

    assert key == "c59ef41a-dcec-4f07-b679-a99fb8890284"
    assert retry_key(key, 1, ids) == "2c415b53-754c-44bf-a34b-a8542a123a5d"
    assert replacement_key(key, ids) == "0c1a7bab-4e6d-4271-94ba-365a81e3940c"
    assert uuid.UUID(key).version == 4


def test_a_key_depends_on_everything_that_makes_a_job_another_job() -> None:
    """Another run, action, project, target group or order is another job."""
    keys = {
        chunk_key("run", Action.PAUSE, "P", ["A", "B"]),
        chunk_key("other", Action.PAUSE, "P", ["A", "B"]),
        chunk_key("run", Action.RESUME, "P", ["A", "B"]),
        chunk_key("run", Action.PAUSE, "Q", ["A", "B"]),
        chunk_key("run", Action.PAUSE, "P", ["A", "C"]),
        chunk_key("run", Action.PAUSE, "P", ["B", "A"]),
        chunk_key("run", Action.PAUSE, "P", ["AB"]),
        chunk_key("run", Action.PAUSE, "P", ["A"]),
        retry_key("run", 1, ["A"]),
        retry_key("run", 2, ["A"]),
        replacement_key("run", ["A"]),
    }

    assert len(keys) == 11
