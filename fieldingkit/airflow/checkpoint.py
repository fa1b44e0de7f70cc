"""A sweep checkpoint in Airflow's task state store.

The store belongs to one task of one DAG run. It survives retries, clearing and the loss of a worker; Airflow removes it
some time later. Each value is small, and each step writes one:

- ``fieldingkit.run``: the identity of the run, written last at its start. It names a prefix for the other keys, so that
  values that an earlier plan of the task left behind are never read.
- ``<prefix>.groups.1.0`` and so on: the target groups that were found, written once before anything is sent. The first
  number grows if a later try lists projects that could not be listed before.
- ``<prefix>.chunk.<idempotency key>``: the state of one job, and of the jobs that retry its target groups, written
  before each job is sent and after each response.
- ``<prefix>.end``: the end of the run, and what its verification found.
- ``<prefix>.<run id>.run``: the identity of a run for the stragglers of that run, which has a prefix of its own.
"""

import asyncio
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import attrs

from fieldingkit.airflow.task_state import StateStore
from fieldingkit.errors import JournalError
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.checkpoint import Checkpoint
from fieldingkit.sweeps.chunks import Chunk
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import GroupOutcome, Outcome, Straggler, SweepProject, UnlistedProject
from fieldingkit.sweeps.state import FoundGroup, Ledger, SweepState

__all__ = ["TaskStateCheckpoint"]


RUN_KEY = "fieldingkit.run"
_VERSION = 3
_PART_SIZE = 32_768
"""The size of a part of the target groups in bytes of JSON; Airflow warns of values above 65,535 bytes."""
_DERIVED = frozenset({"number", "project_id", "ids", "key"})
"""The fields of a chunk that are saved with the target groups, unless it retries those of another chunk."""


class TaskStateCheckpoint(Checkpoint):
    """A checkpoint in a task's state store.

    Args:
        store: The store.
        base: The prefix of the task's own run, for a run for its stragglers.
        run_id: The id of that run.
    """

    def __init__(self, store: StateStore, *, base: str = "", run_id: str = "") -> None:
        self._store = store
        self._base = base
        self._run_key = f"{base}.{run_id}.run" if base else RUN_KEY
        self._prefix = ""
        self._plan: str | None = None
        """The plan of a run for stragglers, without its target groups."""
        self._listing = 0
        """The number of times that the target groups were saved."""
        self._rows: dict[str, list[dict[str, Any]]] = {}
        """For each first chunk, by its key: its row, and the rows of the chunks that retry its target groups."""
        self._places: dict[int, tuple[str, int]] = {}
        """The row of each chunk, by its number: the key of the first chunk, and the position in its list."""
        self._end: dict[str, Any] = {}
        self._writing = asyncio.Lock()  # a worker talks to its supervisor over one connection

    async def load(self, plan: SweepPlan, identity: RunIdentity) -> SweepState | None:
        """Return the state that an earlier try left; None if there is none, or another plan or release wrote it.

        Raises:
            JournalError: if the state is of another API or account.
        """
        return await asyncio.to_thread(self._load, plan, identity)

    def _load(self, plan: SweepPlan, identity: RunIdentity) -> SweepState | None:
        run = self._read_run()
        if run is None or run["fingerprint"] != plan.fingerprint:
            return None
        earlier = RunIdentity(**run["identity"])
        if difference := earlier.mismatch(identity):
            raise JournalError(f"{difference}; nothing was sent. Restore the connection, or start a new DAG run")
        listed = self._read_groups(run)
        if listed is None:
            return None
        self._prefix, self._listing = run["prefix"], run["listing"]
        self._plan = run["plan"]
        ledger = Ledger(_group(project_id, row) for project_id, _, _, rows in listed for row in rows)
        ledger.settle_by_status(plan.action)
        chunks = self._load_chunks(listed)
        for chunk in chunks:
            if chunk.settled:
                self._restore_outcomes(ledger, chunk)
        self._end = self._get("end") or {}
        state = SweepState(
            identity=earlier,
            fingerprint=plan.fingerprint,
            continues=run["continues"],
            ledger=ledger,
            chunks=chunks,
            unlisted=[UnlistedProject(*item) for item in run["unlisted"].items()],
            projects=[SweepProject(project_id, *name) for project_id, name, *_ in listed if name],
            started_at=run["started_at"],
            discovered_at=run["discovered_at"],
            finished_at=self._end.get("finished_at"),
        )
        state.verified_at = self._end.get("verified_at")
        state.stragglers = tuple(map(_straggler, self._end.get("stragglers", ())))
        state.unverified = tuple(UnlistedProject(*item) for item in self._end.get("unverified", ()))
        return state

    def for_run(self, run_id: str) -> "TaskStateCheckpoint":
        """Return the checkpoint of a run for the stragglers of the task's run, never read for another plan."""
        return TaskStateCheckpoint(self._store, base=self._base or self._prefix, run_id=run_id)

    async def plan(self) -> SweepPlan | None:
        """Return the plan of a run for stragglers; None if there is no such run, or another release wrote it."""
        return await asyncio.to_thread(self._read_plan)

    async def discovering(
        self, plan: SweepPlan, identity: RunIdentity, *, started_at: float, continues: str | None = None
    ) -> None:
        """Remember the plan of a run for stragglers, to be saved with its target groups; nothing is sent before."""
        del identity, started_at
        if continues is not None:
            self._plan = attrs.evolve(plan, target_groups={}).encode()

    async def discovered(self, state: SweepState) -> None:
        """Save the target groups that were found, and then the run, before anything is sent."""
        self._prefix = self._prefix or f"fieldingkit.{secrets.token_hex(4)}"
        self._listing += 1
        for chunk in state.chunks:
            self._places.setdefault(chunk.number, (chunk.key, 0))
        first = [chunk for chunk in state.chunks if self._places[chunk.number][1] == 0]
        parts = list(_parts(_entries(state, first)))
        for number, part in enumerate(parts):
            await self._set(f"{self._prefix}.groups.{self._listing}.{number}", part)
        run = {
            "v": _VERSION,
            "prefix": self._prefix,
            "listing": self._listing,
            "parts": len(parts),
            "fingerprint": state.fingerprint,
            "plan": self._plan,
            "continues": state.continues,
            "identity": attrs.asdict(state.identity),
            "unlisted": {project.project_id: project.reason for project in state.unlisted},
            "started_at": state.started_at,
            "discovered_at": state.discovered_at,
        }
        await self._set(self._run_key, run)

    async def save(
        self, chunk: Chunk, outcomes: Sequence[GroupOutcome] = (), *, follow_up: Chunk | None = None
    ) -> None:
        """Save a chunk after a transition, the outcomes of its target groups, and a chunk that follows it."""
        first, position = self._places[chunk.number]
        rows = self._rows.setdefault(first, [])
        rows[position:] = [_row(chunk, first=position == 0)]
        if chunk.settled:
            rows[position]["outcomes"] = [
                [item.target_group_id, item.outcome.value, item.code, item.reason, item.verified]
                for item in outcomes
                if item.outcome is not Outcome.UPDATED
            ]
        if follow_up is not None:
            self._places[follow_up.number] = (first, position + 1)
            rows.append(_row(follow_up, first=False))
        await self._set(f"{self._prefix}.chunk.{first}", rows)

    async def finished(self, state: SweepState) -> None:
        """Save that the run is finished, unless a later try can still find out or do something for it."""
        if state.complete:
            self._end["finished_at"] = state.finished_at
            await self._set(f"{self._prefix}.end", self._end)

    async def verified(self, state: SweepState) -> None:
        """Save what the verification after the last job found."""
        self._end |= {
            "verified_at": state.verified_at,
            "stragglers": [list(attrs.astuple(straggler)) for straggler in state.stragglers],
            "unverified": [list(attrs.astuple(project)) for project in state.unverified],
        }
        await self._set(f"{self._prefix}.end", self._end)

    def _read_run(self) -> dict[str, Any] | None:
        run = cast("dict[str, Any] | None", self._store.get(self._run_key))
        return None if run is None or run["v"] != _VERSION else run

    def _read_groups(self, run: Mapping[str, Any]) -> list[list[Any]] | None:
        """Return the lists of target groups; None if Airflow has removed an older part of them."""
        keys = (f"{run['prefix']}.groups.{run['listing']}.{number}" for number in range(run["parts"]))
        parts = list(map(self._store.get, keys))
        return None if None in parts else [entry for part in parts for entry in part]

    def _read_plan(self) -> SweepPlan | None:
        run = self._read_run()
        listed = None if run is None else self._read_groups(run)
        if run is None or run["plan"] is None or listed is None:
            return None
        groups: dict[str, list[str]] = {}
        for project_id, _, _, rows in listed:
            groups.setdefault(project_id, []).extend(row[0] for row in rows)
        return attrs.evolve(SweepPlan.decode(run["plan"]), target_groups=groups)

    def _get(self, name: str) -> Any:
        return self._store.get(f"{self._prefix}.{name}")

    async def _set(self, key: str, value: Any) -> None:
        async with self._writing:
            await asyncio.to_thread(self._store.set, key, value)

    def _load_chunks(self, listed: Sequence[Sequence[Any]]) -> list[Chunk]:
        """Return the first chunks, which were saved with the target groups, and then those that retry them."""
        ids: dict[tuple[str, str], list[str]] = {}
        for project_id, _, key, rows in listed:
            if key is not None:
                ids.setdefault((key, project_id), []).extend(row[0] for row in rows)
        self._rows, self._places = {}, {}
        chunks: list[Chunk] = []
        for number, ((key, project_id), members) in enumerate(ids.items()):
            self._rows[key] = list(self._get(f"chunk.{key}") or ())
            self._places[number] = (key, 0)
            chunk = Chunk(number=number, project_id=project_id, ids=members, key=key)
            chunks.append(attrs.evolve(chunk, **_fields(self._rows[key][:1])))
        for key, rows in self._rows.items():
            for position, row in enumerate(rows[1:], 1):
                self._places[len(chunks)] = (key, position)
                chunks.append(Chunk(number=len(chunks), **_fields([row])))
        return chunks

    def _restore_outcomes(self, ledger: Ledger, chunk: Chunk) -> None:
        """Restore the outcomes of a settled chunk; those of a chunk that retries it come later, and replace them."""
        first, position = self._places[chunk.number]
        for id_ in chunk.ids:
            ledger.settle(id_, Outcome.UPDATED, job_id=chunk.job_id)
        for id_, outcome, code, reason, verified in self._rows[first][position]["outcomes"]:
            ledger.settle(id_, Outcome(outcome), reason, code=code, job_id=chunk.job_id, verified=verified)


def _entries(state: SweepState, first: Iterable[Chunk]) -> Iterable[tuple[str, Any, str | None, list[list[Any]]]]:
    """Return the target groups in lists: one for each first chunk, and one for the others of each project.

    Each has the project, its name and short id where they are known, the key of the chunk, and the target groups.
    """
    names = {project.project_id: [project.name, project.short_id] for project in state.projects}
    rows: dict[str, dict[str, list[Any]]] = {project_id: {} for project_id in names}
    for group in state.ledger.found:
        rows.setdefault(group.project_id, {})[group.target_group_id] = _group_row(group)
    chunks: dict[str, list[Chunk]] = {}
    for chunk in first:
        chunks.setdefault(chunk.project_id, []).append(chunk)
    for project_id, others in rows.items():
        for chunk in chunks.get(project_id, ()):
            yield project_id, names.pop(project_id, None), chunk.key, [others.pop(id_) for id_ in chunk.ids]
        if others or project_id in names:
            yield project_id, names.pop(project_id, None), None, list(others.values())


def _parts(entries: Iterable[tuple[str, Any, str | None, list[list[Any]]]]) -> Iterable[list[list[Any]]]:
    """Return the lists of target groups in parts of a limited size; a list may continue in the next part."""
    part: list[list[Any]] = []
    size = 0
    for project_id, name, key, rows in entries:
        part.append([project_id, name, key, []])
        size += len(json.dumps(part[-1]))
        for row in rows:
            size += len(json.dumps(row))
            if size > _PART_SIZE:
                yield part
                part, size = [[project_id, None, key, []]], 0
            part[-1][3].append(row)
    if part:
        yield part


def _group_row(group: FoundGroup) -> list[Any]:
    outcome = None if group.outcome is None else group.outcome.value
    status = None if group.status is None else group.status.value
    row = [group.target_group_id, status, group.name, group.short_id, outcome, group.reason]
    return row[: 1 + max(position for position, value in enumerate(row) if value is not None)]


def _group(project_id: str, row: Sequence[Any]) -> FoundGroup:
    padding: list[Any] = [None] * (6 - len(row))
    id_, status, name, short_id, outcome, reason = [*row, *padding]
    return FoundGroup(
        id_,
        project_id,
        None if status is None else TargetGroupStatus(status),
        outcome=None if outcome is None else Outcome(outcome),
        reason=reason,
        name=name,
        short_id=short_id,
    )


def _straggler(row: Sequence[Any]) -> Straggler:
    id_, project_id, status, *others = row
    return Straggler(id_, project_id, None if status is None else TargetGroupStatus(status), *others)


def _row(chunk: Chunk, *, first: bool) -> dict[str, Any]:
    """Return the fields of a chunk that were set, without those that are saved with the target groups."""
    fields = ((field.name, getattr(chunk, field.name), field.default) for field in attrs.fields(Chunk))
    left_out = _DERIVED if first else {"number"}
    row = {name: value for name, value, default in fields if value != default and name not in left_out}
    return cast("dict[str, Any]", json.loads(json.dumps(row)))


def _fields(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the fields of a chunk from its row; none if the chunk was never saved."""
    return {name: value for row in rows for name, value in row.items() if name != "outcomes"}
