"""The states of a chunk: the transition table, and the transitions that a sweep stores."""

import sqlite3
from operator import itemgetter
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_clock import FakeClock
from support.sweep_plans import pausing

from fieldingkit import AsyncClient
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sweeps import sweep
from fieldingkit.sweeps.chunks import TRANSITIONS, Chunk, ChunkState

CREATE, LIST = "create_bulk_pause_target_groups_job", "get_list_target_groups"
RUNS = "get_fielding_runs_by_target_group_id"
CHUNK = Chunk(number=0, project_id="P", ids=("A", "B"), key="K")
TIMES = {
    ChunkState.SENDING: "sent_at",
    ChunkState.SUBMITTED: "submitted_at",
    ChunkState.AMBIGUOUS: "ambiguous_at",
    ChunkState.SETTLED: "settled_at",
}


def test_every_state_leads_to_settled_and_settled_to_none() -> None:
    """No chunk can get stuck, and what is settled stays settled."""
    leading = {ChunkState.SETTLED}
    for _ in ChunkState:
        leading |= {state for state, following in TRANSITIONS.items() if following & leading}

    assert leading == set(TRANSITIONS) == set(ChunkState)
    assert TRANSITIONS[ChunkState.SETTLED] == frozenset()


@given(st.lists(st.sampled_from(ChunkState), max_size=12))
def test_only_the_transitions_of_the_table_are_made(states: list[ChunkState]) -> None:
    """Any other one is refused and changes nothing; each transition leaves its time."""
    chunk, seen = CHUNK, {ChunkState.PENDING}
    for time, state in enumerate(states, 1):
        if state not in TRANSITIONS[chunk.state]:
            with pytest.raises(ValueError, match=f"a chunk that is {chunk.state} does not become {state}"):
                chunk.advance(state, float(time))
            continue
        chunk = chunk.advance(state, float(time))
        seen.add(state)
        assert chunk.state is state
        if state is ChunkState.PENDING:
            assert chunk == CHUNK
        else:
            assert getattr(chunk, TIMES[state]) == float(time)
        # A job may exist from the first use of the key on; only a refusal of every send takes that back.
        assert chunk.may_have_job == (state in {ChunkState.SENDING, ChunkState.AMBIGUOUS})
        assert (chunk.state is ChunkState.PENDING) <= (not {ChunkState.SUBMITTED, ChunkState.AMBIGUOUS} & seen)


def test_a_chunk_survives_as_plain_json_values() -> None:
    """Its fields rebuild it, with lists for tuples and text for the state."""
    chunk = CHUNK.advance(ChunkState.SENDING, 1.0, sent_date=2.0)
    fields = attrs.asdict(chunk) | {"ids": ["A", "B"], "state": "sending"}

    assert Chunk(**fields) == chunk


def transitions(path: Path) -> list[tuple[str, ...]]:
    """Return the state of each chunk in a journal, and the names of its stored times in their order."""
    with sqlite3.connect(path) as database:
        rows = database.execute(f"SELECT state, {', '.join(TIMES.values())} FROM chunks ORDER BY number").fetchall()
    database.close()
    known = [[(time, name) for time, name in zip(row[1:], TIMES.values(), strict=True) if time] for row in rows]
    ordered = [[name for _, name in sorted(times, key=itemgetter(0))] for times in known]
    return [(row[0], *names) for row, names in zip(rows, ordered, strict=True)]


async def test_each_transition_of_a_sweep_is_stored_with_its_time(
    client_without_retries: AsyncClient, sandbox: Sandbox, sandbox_clock: FakeClock, path: Path
) -> None:
    """A chunk whose answer was lost is ambiguous, then submitted by a later process, then settled."""
    plan = pausing(sandbox.seed(live=2), run_id="tonight")
    sandbox.faults.add(CREATE, faults.ApplyThenDrop(), times=None)
    for operation in (RUNS, LIST):
        sandbox.faults.add(operation, faults.Answer(503), times=None)
    await sweep(client_without_retries, plan, journal=path)
    assert transitions(path) == [("ambiguous", "sent_at", "ambiguous_at")]

    sandbox.faults.clear()
    sandbox_clock.advance(60.0)
    await sweep(client_without_retries, plan, journal=path)

    assert transitions(path) == [("settled", "sent_at", "ambiguous_at", "submitted_at", "settled_at")]


async def test_a_refused_chunk_is_pending_again(sweep_client: AsyncClient, sandbox: Sandbox, path: Path) -> None:
    """Its key was not used, so that the next process sends it like a new one."""
    plan = pausing(sandbox.seed(live=1), run_id="tonight")
    sandbox.faults.add(CREATE, faults.Answer(404), times=None)

    await sweep(sweep_client, plan, journal=path)

    assert transitions(path) == [("pending",)]
