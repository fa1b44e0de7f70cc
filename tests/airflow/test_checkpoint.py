"""The checkpoint in a task's state store, which survives between tries."""

import json
from typing import Any

import attrs
import pytest
from support.fake_task import MemoryStore

from fieldingkit.airflow.checkpoint import TaskStateCheckpoint
from fieldingkit.errors import JournalError
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.chunks import Chunk, ChunkState, split_into_chunks
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import Outcome, Straggler, SweepProject, UnlistedProject
from fieldingkit.sweeps.state import FoundGroup, Ledger, SweepState

P1, P2, P3 = (f"01BTGNYV6HRNK8K8VKZASZCFP{number}" for number in range(3))
GROUPS = [f"01BTGNYV6HRNK8K8VKZASZCF0{number}" for number in range(6)]
PLAN = SweepPlan(action="pause", target_groups={P1: GROUPS[:4], P2: GROUPS[4:]}, run_id="run", chunk_size=2)
IDENTITY = RunIdentity(base_url="https://api.cint.com/v1", account_id="101", api_version="v", run_id="run")


class CountingStore(MemoryStore):
    """A store that counts the bytes that are written."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def set(self, key: str, value: Any) -> None:
        """Store a value."""
        self.sizes.append(len(json.dumps(value)))
        super().set(key, value)


def state(groups: list[FoundGroup] | None = None, plan: SweepPlan = PLAN) -> SweepState:
    """Return a run of six target groups in three chunks; one target group is unchanged."""
    ledger = Ledger(
        groups
        or [
            FoundGroup(id_, P1 if n < 4 else P2, TargetGroupStatus.PAUSED if n == 5 else TargetGroupStatus.LIVE)
            for n, id_ in enumerate(GROUPS)
        ]
    )
    chunks = split_into_chunks(IDENTITY, plan.action, ledger.settle_by_status(plan.action), size=plan.chunk_size)
    return SweepState(
        identity=IDENTITY,
        fingerprint=plan.fingerprint,
        ledger=ledger,
        chunks=chunks,
        started_at=1.0,
        discovered_at=2.0,
        unlisted=[UnlistedProject(P3, "a reason")],
        projects=[SweepProject(P1, "Ärzte", "P-1"), SweepProject(P3, "Empty")],
    )


def settle(chunk: Chunk, *, token: str, job_id: str) -> Chunk:
    """Return the chunk after all of its transitions."""
    submitted = chunk.advance(ChunkState.SENDING, 1.0).advance(ChunkState.SUBMITTED, 2.0, token=token, job_id=job_id)
    return submitted.advance(ChunkState.SETTLED, 4.0, ended_at=3.0)


async def restored(store: MemoryStore, plan: SweepPlan = PLAN) -> SweepState:
    """Return the state that the next try loads."""
    loaded = await TaskStateCheckpoint(store).load(plan, IDENTITY)
    assert loaded is not None
    return loaded


async def test_chunks_are_restored_in_every_state() -> None:
    """Chunks that were pending, sent, submitted, settled or followed up are restored unchanged."""
    store = MemoryStore()
    checkpoint, before = TaskStateCheckpoint(store), state()
    assert await checkpoint.load(PLAN, IDENTITY) is None
    await checkpoint.discovered(before)
    first, second, third = before.chunks
    first = before.put(settle(first, token="t1", job_id="j1"))
    follow_up = before.put(
        Chunk(number=3, project_id=P1, ids=first.ids[:1], key="k4", generation=1, ambiguous=first.ids[:1])
    )
    failed = before.ledger.settle(first.ids[1], Outcome.FAILED, "because", code="Odd", job_id="j1")
    await checkpoint.save(first, [failed], follow_up=follow_up)
    follow_up = follow_up.advance(ChunkState.SENDING, 4.0).advance(ChunkState.SUBMITTED, 5.0, token="t4", job_id="j4")
    await checkpoint.save(before.put(follow_up))
    second = before.put(second.advance(ChunkState.SENDING, 2.0, sent_date=2.0))
    await checkpoint.save(second)
    after = await restored(store)
    assert after.chunks == before.chunks == [first, second, third, follow_up]
    assert [chunk.number for chunk in after.unfinished()] == [1, 2, 3]
    report = after.report(PLAN)
    assert report.by_id[first.ids[1]] == failed
    assert report.by_id[first.ids[0]].outcome is Outcome.UNKNOWN
    assert report.by_id[GROUPS[5]].outcome is Outcome.UNCHANGED


async def test_a_restored_chunk_goes_on_where_it_was_saved() -> None:
    """A later try replaces what the earlier one saved for a chunk, and keeps its other retries."""
    store = MemoryStore()
    checkpoint, before = TaskStateCheckpoint(store), state()
    await checkpoint.discovered(before)
    for chunk in before.chunks[:2]:
        settled = before.put(settle(chunk, token="t", job_id="j"))
        number = len(before.chunks)
        retry = before.put(Chunk(number=number, project_id=P1, ids=chunk.ids[:1], key=f"k{number}", generation=1))
        await checkpoint.save(settled, [], follow_up=retry)
    later = TaskStateCheckpoint(store)
    after = await later.load(PLAN, IDENTITY)
    assert after is not None
    done = after.put(settle(after.chunks[4], token="t5", job_id="j5"))
    await later.save(done, [after.ledger.settle(done.ids[0], Outcome.UPDATED, job_id="j5")])
    last = await restored(store)
    assert last.chunks == [*before.chunks[:4], done]
    assert last.ledger.outcome_of(done.ids[0]) == after.ledger.outcome_of(done.ids[0])


async def test_target_groups_are_restored_with_names_and_reasons() -> None:
    """Names, projects without target groups, and outcomes that an undo determined before sending are kept."""
    groups = [
        FoundGroup(GROUPS[0], P1, TargetGroupStatus.LIVE, name="Ä" * 80, short_id="TG-1"),
        FoundGroup(GROUPS[1], P1, TargetGroupStatus.LIVE, outcome=Outcome.SKIPPED, reason="changed again"),
        FoundGroup(GROUPS[2], P2),
    ]
    store, before = MemoryStore(), state(groups)
    await TaskStateCheckpoint(store).discovered(before)
    after = await restored(store)
    assert list(after.ledger.found) == groups
    assert after.report(PLAN).groups == before.report(PLAN).groups
    for name in ("identity", "chunks", "unlisted", "projects", "started_at", "discovered_at", "finished_at"):
        assert getattr(after, name) == getattr(before, name)


async def test_target_groups_of_a_later_listing_keep_the_state_of_the_others() -> None:
    """A project that can be listed later adds chunks, and the position of a project in the list moves none."""
    store = MemoryStore()
    checkpoint, before = TaskStateCheckpoint(store), state()
    before.projects = (SweepProject(P3, "Late"), SweepProject(P1, "Ärzte"))
    await checkpoint.discovered(before)
    for chunk in list(before.chunks):
        await checkpoint.save(before.put(settle(chunk, token="t", job_id="j")))
    retry = Chunk(number=3, project_id=P1, ids=GROUPS[:1], key="k", generation=1)
    await checkpoint.save(before.chunks[0], follow_up=before.put(retry))
    later = TaskStateCheckpoint(store)
    loaded = await later.load(PLAN, IDENTITY)
    assert loaded is not None
    # One in a project that is listed now, and one that an earlier try could not check, beside others that were sent.
    new = [FoundGroup(GROUPS[0][:-2] + "99", P3, TargetGroupStatus.LIVE), FoundGroup(GROUPS[5], P2)]
    for chunk in split_into_chunks(IDENTITY, PLAN.action, loaded.ledger.add(new, PLAN.action), size=2):
        loaded.put(attrs.evolve(chunk, number=len(loaded.chunks)))
    loaded.unlisted = ()
    await later.discovered(loaded)
    await later.save(loaded.put(loaded.chunks[-1].advance(ChunkState.SENDING, 6.0)))
    after = await restored(store)
    assert {chunk.key: attrs.evolve(chunk, number=0) for chunk in after.chunks} == {
        chunk.key: attrs.evolve(chunk, number=0) for chunk in loaded.chunks
    }
    assert [chunk.number for chunk in after.chunks] == [0, 1, 2, 3, 4, 5]
    assert set(after.ledger.found) == set(loaded.ledger.found)
    assert after.unlisted == ()


async def test_the_end_and_the_verification_are_restored() -> None:
    """A cleared task returns its report with what the verification found."""
    store = MemoryStore()
    checkpoint, before = TaskStateCheckpoint(store), state()
    await checkpoint.discovered(before)
    before.finished_at, before.unlisted = 4.0, ()
    await checkpoint.finished(before)
    assert (await restored(store)).finished_at is None  # chunks are open: the next try resumes them
    for chunk in list(before.chunks):
        before.put(chunk.advance(ChunkState.SETTLED, 3.0))
    await checkpoint.finished(before)
    before.verified_at = 5.0
    before.stragglers = (Straggler(GROUPS[0], P1, TargetGroupStatus.LIVE, "moved since"),)
    before.unverified = (UnlistedProject(P2, "a reason"),)
    await checkpoint.verified(before)
    after = await restored(store)
    for name in ("finished_at", "verified_at", "stragglers", "unverified"):
        assert getattr(after, name) == getattr(before, name)


@pytest.mark.parametrize("other", [{"account_id": "202"}, {"base_url": "https://staging.example/v1"}])
async def test_a_state_of_another_api_or_account_is_refused(other: dict[str, str]) -> None:
    """A connection that was edited between two tries continues nothing."""
    store = MemoryStore()
    await TaskStateCheckpoint(store).discovered(state())
    with pytest.raises(JournalError, match="nothing was sent"):
        await TaskStateCheckpoint(store).load(PLAN, attrs.evolve(IDENTITY, **other))


async def test_a_state_that_airflow_removed_in_part_is_not_used() -> None:
    """Airflow removes old values one by one: without all of the target groups, the state is of no use."""
    store = MemoryStore()
    await TaskStateCheckpoint(store).discovered(state())
    del store[next(key for key in store if ".groups." in key)]
    assert await TaskStateCheckpoint(store).load(PLAN, IDENTITY) is None


async def test_each_step_writes_one_small_value() -> None:
    """The bytes of a step do not depend on the number of chunks, and no value reaches Airflow's limit."""

    async def written(chunks: int) -> tuple[list[int], list[int]]:
        groups = [
            FoundGroup(f"01BTGNYV6HRNK8K8VKZ{n:07}", P1, TargetGroupStatus.LIVE, name=f"A target group {n:5}")
            for n in range(100 * chunks)
        ]
        plan = attrs.evolve(PLAN, target_groups={P1: [group.target_group_id for group in groups]}, chunk_size=100)
        store, before = CountingStore(), state(groups, plan)
        checkpoint = TaskStateCheckpoint(store)
        await checkpoint.discovered(before)
        found = store.sizes.copy()
        store.sizes.clear()
        for chunk in list(before.chunks):
            sent = before.put(chunk.advance(ChunkState.SENDING, 1.0, sent_date=1.0))
            await checkpoint.save(sent)
            submitted = before.put(sent.advance(ChunkState.SUBMITTED, 2.0, token="t" * 260, job_id="j" * 26))
            await checkpoint.save(submitted)
            settled = before.put(submitted.advance(ChunkState.SETTLED, 3.0, ended_at=2.0))
            outcomes = [before.ledger.settle(id_, Outcome.UPDATED, job_id="j" * 26) for id_ in chunk.ids]
            await checkpoint.save(settled, outcomes)
        assert (await restored(store, plan)).ledger.counts == before.ledger.counts
        return found, store.sizes

    _, few = await written(10)
    found, many = await written(60)
    assert max(found) < 65_535
    assert (len(few), len(many)) == (30, 180)
    assert sum(many) / len(many) == pytest.approx(sum(few) / len(few), rel=0.05)
    assert max(many) < 1000
