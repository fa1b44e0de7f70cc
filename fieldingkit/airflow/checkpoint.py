"""A sweep checkpoint in Airflow's task state store, and the run id that follows from a task instance.

The store belongs to one task of one DAG run. It survives retries, clearing and the loss of a worker; Airflow removes it
some time later. The checkpoint keeps two values: the target groups that were found, written once before anything is
sent, and the state of the jobs, written before each job is sent and after each response.
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
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import GroupOutcome, Outcome, UnlistedProject
from fieldingkit.sweeps.state import FoundGroup, Ledger, SweepState

__all__ = ["StateStore", "TaskInstance", "TaskStateCheckpoint", "run_id_for", "task_reference"]


class TaskInstance(Protocol):
    """The attributes of Airflow's task instance that identify it."""

    dag_id: str
    """The DAG's id."""
    run_id: str
    """The DAG run's id."""
    task_id: str
    """The task's id, with the ids of its task groups."""
    map_index: int | None
    """The index of a mapped task; -1 or None if the task is not mapped."""


def run_id_for(ti: TaskInstance) -> str:
    """Return the run id of a task's sweep, from which the idempotency keys of its jobs are derived.

    The try number is not part of it: a task that is retried or cleared resumes its own jobs. A new DAG run starts new
    jobs.
    """
    parts = json.dumps(list(task_reference(ti).values()))
    return f"airflow-{hashlib.sha256(parts.encode()).hexdigest()[:40]}"


def task_reference(ti: TaskInstance) -> dict[str, str | int]:
    """Return the ids of a task instance as plain JSON, by which its result is found in XCom."""
    index = -1 if ti.map_index is None else ti.map_index
    return {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": index}


FOUND_KEY = "fieldingkit.found"
JOBS_KEY = "fieldingkit.jobs"
_VERSION = 1


class StateStore(Protocol):
    """The methods of ``context["task_state_store"]`` that the checkpoint uses."""

    def get(self, key: str) -> Any:
        """Return the value of a key; None if there is none."""
        ...

    def set(self, key: str, value: Any) -> object:
        """Write a value of plain JSON: lists, not tuples."""
        ...


class TaskStateCheckpoint(Checkpoint):
    """A checkpoint in a task's state store.

    Args:
        store: The store.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._state: SweepState | None = None
        self._initial_chunks = 0
        self._exceptions: dict[int, list[list[Any]]] = {}
        """The outcomes other than ``updated`` of each settled chunk, by its number."""
        self._dirty = False
        self._writing = asyncio.Lock()

    async def load(self, plan: SweepPlan, identity: RunIdentity) -> SweepState | None:
        """Return the state that an earlier try left; None if there is none, or another plan or release wrote it.

        Raises:
            JournalError: if the state is of another API or account.
        """
        found = cast("dict[str, Any] | None", await asyncio.to_thread(self._store.get, FOUND_KEY))
        if found is None or (found["v"], found["fingerprint"]) != (_VERSION, plan.fingerprint):
            return None
        earlier = RunIdentity(**found["identity"])
        earlier.check(identity)
        rows = cast("list[dict[str, Any]] | None", await asyncio.to_thread(self._store.get, JOBS_KEY)) or []
        ledger = Ledger(
            FoundGroup(id_, project_id, None if status is None else TargetGroupStatus(status))
            for project_id, members in found["groups"]
            for id_, status in members
        )
        to_send = ledger.settle_by_status(plan.action)
        initial = split_into_chunks(earlier, plan.action, to_send, size=plan.chunk_size)
        chunks = list(_chunks(initial, rows))
        self._exceptions = {number: row["exceptions"] for number, row in enumerate(rows) if row["settled"]}
        self._settle(ledger, chunks)
        self._initial_chunks = len(initial)
        self._state = SweepState(
            identity=earlier,
            fingerprint=plan.fingerprint,
            unlisted=[UnlistedProject(*item) for item in found["unlisted"].items()],
            ledger=ledger,
            chunks=chunks,
            started_at=found["started_at"],
        )
        return self._state

    async def discovered(self, state: SweepState) -> None:
        """Save the target groups that were found."""
        projects: dict[str, list[list[str | None]]] = {}
        for group in state.ledger.found:
            projects.setdefault(group.project_id, []).append(
                [group.target_group_id, None if group.status is None else group.status.value]
            )
        found = {
            "v": _VERSION,
            "fingerprint": state.fingerprint,
            "identity": attrs.asdict(state.identity),
            "unlisted": {project.project_id: project.reason for project in state.unlisted},
            "started_at": state.started_at,
            "groups": [[project_id, members] for project_id, members in projects.items()],
        }
        self._state, self._initial_chunks, self._exceptions = state, len(state.chunks), {}
        await self._write()  # first, because an earlier try may have left the jobs of another plan
        await asyncio.to_thread(self._store.set, FOUND_KEY, found)

    async def sending(self, chunk: Chunk) -> None:
        """Save that the key of a chunk is about to be used."""
        del chunk  # the state contains it
        await self._write()

    async def submitted(self, chunk: Chunk) -> None:
        """Save the token of the job that the API has accepted."""
        del chunk
        await self._write()

    async def settled(self, chunk: Chunk, outcomes: Sequence[GroupOutcome], follow_up: Chunk | None) -> None:
        """Save the outcomes of a chunk, and the follow-up chunk for the target groups that have none."""
        del follow_up
        self._exceptions[chunk.number] = [
            [item.target_group_id, item.outcome.value, item.code, item.reason, item.verified]
            for item in outcomes
            if item.outcome is not Outcome.UPDATED
        ]
        await self._write()

    async def _write(self) -> None:
        """Write the state of all jobs. Steps that happen during a write are saved together by the next one."""
        self._dirty = True
        async with self._writing:
            if not self._dirty or self._state is None:
                return
            self._dirty = False
            rows = [self._row(chunk) for chunk in self._state.chunks]
            try:
                await asyncio.to_thread(self._store.set, JOBS_KEY, rows)
            except BaseException:
                self._dirty = True
                raise

    def _row(self, chunk: Chunk) -> dict[str, Any]:
        row: dict[str, Any] = {
            "first_sent_at": chunk.first_sent_at,
            "token": chunk.token,
            "job_id": chunk.job_id,
            "ended_at": chunk.ended_at,
            "api_created_at": chunk.api_created_at,
            "settled": chunk.settled,
        }
        if chunk.settled:
            row["exceptions"] = self._exceptions.get(chunk.number, [])
        if chunk.number >= self._initial_chunks:
            row |= {
                "project_id": chunk.project_id,
                "ids": list(chunk.ids),
                "key": chunk.key,
                "generation": chunk.generation,
                "ambiguous": list(chunk.ambiguous),
            }
        return row

    def _settle(self, ledger: Ledger, chunks: Iterable[Chunk]) -> None:
        """Restore the outcomes of settled chunks; the outcome of a follow-up chunk replaces an earlier one."""
        for chunk in chunks:
            if not chunk.settled:
                continue
            for id_ in chunk.ids:
                ledger.settle(id_, Outcome.UPDATED, job_id=chunk.job_id)
            for id_, outcome, code, reason, verified in self._exceptions[chunk.number]:
                ledger.settle(id_, Outcome(outcome), reason, code=code, job_id=chunk.job_id, verified=verified)


def _chunks(initial: Sequence[Chunk], rows: Sequence[dict[str, Any]]) -> Iterable[Chunk]:
    """Return all chunks: the initial ones, which follow from the target groups, and the follow-ups that were saved."""
    for number, row in enumerate(rows):
        chunk = initial[number] if number < len(initial) else _follow_up(number, row)
        yield attrs.evolve(
            chunk,
            first_sent_at=row["first_sent_at"],
            token=row["token"],
            job_id=row["job_id"],
            ended_at=row["ended_at"],
            api_created_at=row["api_created_at"],
            settled=row["settled"],
        )
    yield from initial[len(rows) :]


def _follow_up(number: int, row: dict[str, Any]) -> Chunk:
    return Chunk(
        number=number,
        project_id=row["project_id"],
        ids=tuple(row["ids"]),
        key=row["key"],
        generation=row["generation"],
        ambiguous=tuple(row["ambiguous"]),
    )
