"""What a task writes down on its way: the journal's part, played by Airflow's task state store.

The store belongs to one task of one DAG run. It outlives the tries of the task, its being cleared and its worker, and
Airflow removes it some time after. Two values are kept: what was found before anything was sent, written once, and how
far the jobs have come, written before a job is sent and after each answer.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast

import attrs

from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.checkpoint import Checkpoint
from fieldingkit.sweeps.chunks import Chunk, split_into_chunks
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import GroupOutcome, Outcome
from fieldingkit.sweeps.state import FoundGroup, Ledger, SweepState

__all__ = ["StateStore", "TaskInstance", "TaskStateCheckpoint", "reference", "run_name"]


class TaskInstance(Protocol):
    """What is needed of Airflow's task instance."""

    dag_id: str
    """The DAG's id."""
    run_id: str
    """The DAG run's id."""
    task_id: str
    """The task's id, with those of its task groups."""
    map_index: int | None
    """Which of the mapped tasks it is; -1 or None if it is not mapped."""


def run_name(ti: TaskInstance) -> str:
    """The run id of a task's sweep, from which the idempotency keys of its jobs follow.

    The number of the try has no part in it: a task that is tried again, or cleared, goes on with its own jobs. To do
    the same afresh, start a new DAG run.
    """
    parts = json.dumps(list(reference(ti).values()))
    return f"airflow-{hashlib.sha256(parts.encode()).hexdigest()[:40]}"


def reference(ti: TaskInstance) -> dict[str, str | int]:
    """Which task it is, of which run: plain JSON, to find its result again."""
    index = -1 if ti.map_index is None else ti.map_index
    return {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": index}


FOUND = "fieldingkit.found"
JOBS = "fieldingkit.jobs"
_VERSION = 1


class StateStore(Protocol):
    """What is needed of ``context["task_state_store"]``."""

    def get(self, key: str) -> Any:
        """The value of a key; None if there is none."""
        ...

    def set(self, key: str, value: Any) -> object:
        """Write a value: plain JSON, so lists and no tuples."""
        ...


class TaskStateCheckpoint(Checkpoint):
    """Writes a sweep's steps into a task's state store.

    Args:
        store: The store.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._standing: SweepState | None = None
        self._initial = 0
        self._rest: dict[int, list[list[Any]]] = {}
        self._behind = False
        self._turn = asyncio.Lock()

    async def load(self, plan: SweepPlan) -> SweepState | None:
        """How far an earlier try has come; None if there was none, or if it had another plan or another release."""
        found = cast("dict[str, Any] | None", await asyncio.to_thread(self._store.get, FOUND))
        if found is None or (found["v"], found["fingerprint"]) != (_VERSION, plan.fingerprint):
            return None
        rows = cast("list[dict[str, Any]] | None", await asyncio.to_thread(self._store.get, JOBS)) or []
        ledger = Ledger(
            FoundGroup(id_, project_id, None if status is None else TargetGroupStatus(status))
            for project_id, members in found["groups"]
            for id_, status in members
        )
        initial = split_into_chunks(plan.run_id, plan.action, ledger.judge(plan.action), size=plan.chunk_size)
        chunks = list(_restored(initial, rows))
        self._rest = {number: row["rest"] for number, row in enumerate(rows) if row["ended"]}
        self._settle(ledger, chunks)
        self._initial = len(initial)
        self._standing = SweepState(
            fingerprint=plan.fingerprint, ledger=ledger, chunks=chunks, started=found["started"]
        )
        return self._standing

    async def begun(self, plan: SweepPlan, state: SweepState) -> None:
        """Write down what was found."""
        projects: dict[str, list[list[str | None]]] = {}
        for group in state.ledger.found:
            projects.setdefault(group.project_id, []).append(
                [group.target_group_id, None if group.status is None else group.status.value]
            )
        found = {
            "v": _VERSION,
            "fingerprint": plan.fingerprint,
            "started": state.started,
            "groups": [[project_id, members] for project_id, members in projects.items()],
        }
        self._standing, self._initial, self._rest = state, len(state.chunks), {}
        await self._write()  # first, since an earlier try may have left the jobs of another plan
        await asyncio.to_thread(self._store.set, FOUND, found)

    async def sending(self, chunk: Chunk) -> None:
        """Write down that the job's key is used from now on."""
        del chunk  # it is part of the standing, as is every other
        await self._write()

    async def accepted(self, chunk: Chunk) -> None:
        """Write down how to find the job again."""
        del chunk
        await self._write()

    async def settled(self, chunk: Chunk, outcomes: Sequence[GroupOutcome], follow_up: Chunk | None) -> None:
        """Write down what became of a job's target groups, and the job that takes up the rest."""
        del follow_up
        self._rest[chunk.number] = [
            [item.target_group_id, item.outcome.value, item.code, item.reason]
            for item in outcomes
            if item.outcome is not Outcome.UPDATED
        ]
        await self._write()

    async def _write(self) -> None:
        """Write how far the jobs have come; steps that come while a write is going on are written together."""
        self._behind = True
        async with self._turn:
            if not self._behind or self._standing is None:
                return
            self._behind = False
            rows = [self._row(chunk) for chunk in self._standing.chunks]
            try:
                await asyncio.to_thread(self._store.set, JOBS, rows)
            except BaseException:
                self._behind = True
                raise

    def _row(self, chunk: Chunk) -> dict[str, Any]:
        row: dict[str, Any] = {
            "first_sent_at": chunk.first_sent_at,
            "token": chunk.token,
            "job": chunk.job_id,
            "ended": chunk.ended,
        }
        if chunk.ended:
            row["rest"] = self._rest.get(chunk.number, [])
        if chunk.number >= self._initial:
            row |= {
                "project": chunk.project_id,
                "ids": list(chunk.ids),
                "key": chunk.key,
                "generation": chunk.generation,
            }
        return row

    def _settle(self, ledger: Ledger, chunks: Iterable[Chunk]) -> None:
        """Enter the outcomes of the jobs that had ended; where a later job took something up, its word counts."""
        for chunk in chunks:
            if not chunk.ended:
                continue
            for id_ in chunk.ids:
                ledger.settle(id_, Outcome.UPDATED, job_id=chunk.job_id)
            for id_, outcome, code, reason in self._rest[chunk.number]:
                ledger.settle(id_, Outcome(outcome), reason, code=code, job_id=chunk.job_id)


def _restored(initial: Sequence[Chunk], rows: Sequence[dict[str, Any]]) -> Iterable[Chunk]:
    """The jobs as they were written down; which they were at the beginning follows from what was found."""
    for number, row in enumerate(rows):
        chunk = initial[number] if number < len(initial) else _follow_up(number, row)
        yield attrs.evolve(
            chunk, first_sent_at=row["first_sent_at"], token=row["token"], job_id=row["job"], ended=row["ended"]
        )
    yield from initial[len(rows) :]


def _follow_up(number: int, row: dict[str, Any]) -> Chunk:
    return Chunk(
        number=number,
        project_id=row["project"],
        ids=tuple(row["ids"]),
        key=row["key"],
        generation=row["generation"],
    )
