"""What a sweep writes down on its way, and reads again to go on."""

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from fieldingkit.errors import JournalError
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.chunks import Chunk
from fieldingkit.sweeps.journal import Journal, Statement
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import GroupOutcome, Outcome, SweepReport
from fieldingkit.sweeps.state import FoundGroup, Ledger, SweepState

__all__ = ["Checkpoint", "JournalCheckpoint", "read_report"]


class Checkpoint:
    """Takes note of a sweep's steps, and forgets them: a sweep without a journal."""

    async def load(self, plan: SweepPlan) -> SweepState | None:
        """How far the run has come in an earlier process; None if it was never begun."""
        del plan
        return None

    async def begun(self, plan: SweepPlan, state: SweepState) -> None:
        """It was worked out what is to be done; nothing has been sent yet."""

    async def sending(self, chunk: Chunk) -> None:
        """A job is about to be sent."""

    async def accepted(self, chunk: Chunk) -> None:
        """The API has taken a job on."""

    async def settled(self, chunk: Chunk, outcomes: Sequence[GroupOutcome], follow_up: Chunk | None) -> None:
        """It is known what became of a job's target groups, but for those that another job is to deal with."""

    async def finished(self, state: SweepState) -> None:
        """Nothing more is to be done now."""


class JournalCheckpoint(Checkpoint):
    """Writes a sweep's steps into a journal.

    Args:
        journal: The journal.
        run_id: The run's id.
    """

    def __init__(self, journal: Journal, run_id: str) -> None:
        self._journal = journal
        self._run_id = run_id
        self._pending: list[Statement] = []
        self._writing = asyncio.Lock()
        self._failure: BaseException | None = None

    async def load(self, plan: SweepPlan) -> SweepState | None:
        """How far the run has come in an earlier process; None if it was never begun.

        Raises:
            JournalError: if the run was of another plan, or the journal cannot be read.
        """
        state = await asyncio.wrap_future(self._journal.do(partial(_load, run_id=self._run_id)))
        if state is not None and state.fingerprint != plan.fingerprint:
            raise JournalError(
                f"the run {self._run_id} of {self._journal.path} is of another plan: give this one another run_id"
            )
        return state

    async def begun(self, plan: SweepPlan, state: SweepState) -> None:
        """Write down what is to be done."""
        ledger = state.ledger
        groups = (
            (place, group.target_group_id, group.project_id, group.status, *_columns(ledger, group))
            for place, group in enumerate(ledger.found)
        )
        await self._write(
            Statement(
                "INSERT INTO runs VALUES (?, ?, ?, ?, NULL)",
                [(self._run_id, plan.fingerprint, plan.encode(), state.started)],
            ),
            Statement("INSERT INTO groups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", self._rows(groups)),
            Statement(_NEW_CHUNK, self._rows(map(_chunk_row, state.chunks))),
        )

    async def sending(self, chunk: Chunk) -> None:
        """Write down that the key is used from now on."""
        await self._write(Statement(_BORN, [(chunk.first_sent_at, self._run_id, chunk.number)]))

    async def accepted(self, chunk: Chunk) -> None:
        """Write down how to find the job again."""
        await self._write(Statement(_ACCEPTED, [(chunk.token, chunk.job_id, self._run_id, chunk.number)]))

    async def settled(self, chunk: Chunk, outcomes: Sequence[GroupOutcome], follow_up: Chunk | None) -> None:
        """Write down what became of a job's target groups, and the job that takes up the rest."""
        rows = [
            (item.outcome, item.code, item.reason, item.job_id, self._run_id, item.target_group_id) for item in outcomes
        ]
        statements = [
            Statement(_SETTLED, rows),
            Statement(_ENDED, [(chunk.ended, chunk.first_sent_at, self._run_id, chunk.number)]),
        ]
        if follow_up is not None:
            statements.append(Statement(_NEW_CHUNK, self._rows([_chunk_row(follow_up)])))
        await self._write(*statements)

    async def finished(self, state: SweepState) -> None:
        """Write down that the run has ended, if every one of its jobs has."""
        if state.ended == len(state.chunks):
            await self._write(
                Statement("UPDATE runs SET finished = ? WHERE run_id = ?", [(state.finished, self._run_id)])
            )

    def _rows(self, rows: Iterable[Sequence[object]]) -> Iterable[Sequence[object]]:
        return ((self._run_id, *row) for row in rows)

    async def _write(self, *statements: Statement) -> None:
        """Write, together with whatever else has gathered while the write before was going on.

        Raises:
            JournalError: if it cannot be written; then nothing is written any more.
        """
        self._pending.extend(statements)
        async with self._writing:
            if self._failure is not None:
                raise JournalError("an earlier write failed") from self._failure
            pending, self._pending = self._pending, []
            if pending:
                try:
                    await asyncio.wrap_future(self._journal.write(pending))
                except BaseException as exc:
                    self._failure = exc
                    raise


class _Row(NamedTuple):
    """A row of the table of chunks."""

    number: int
    project_id: str
    ids: str
    key: str
    generation: int
    first_sent_at: float | None
    token: str | None
    job_id: str | None
    ended: int


_NEW_CHUNK = "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_BORN = "UPDATE chunks SET first_sent_at = ? WHERE run_id = ? AND number = ?"
_ACCEPTED = "UPDATE chunks SET token = ?, job_id = ? WHERE run_id = ? AND number = ?"
_ENDED = "UPDATE chunks SET ended = ?, first_sent_at = ? WHERE run_id = ? AND number = ?"
_SETTLED = "UPDATE groups SET outcome = ?, code = ?, reason = ?, job_id = ? WHERE run_id = ? AND target_group_id = ?"


def read_report(journal: Journal, run_id: str) -> SweepReport:
    """What became of a run, or has become of it so far: what is still open is unknown.

    Args:
        journal: The journal; one that was opened to read only will do.
        run_id: The run's id.

    Raises:
        JournalError: if the journal knows no such run, or cannot be read.
    """
    plan = journal.plan(run_id)
    state = journal.do(partial(_load, run_id=run_id)).result()
    if state is None:
        raise JournalError(f"{journal.path} knows no run {run_id!r}")
    return state.report(plan)


def _load(database: sqlite3.Connection, *, run_id: str) -> SweepState | None:
    sql = "SELECT fingerprint, started, finished FROM runs WHERE run_id = ?"
    run = database.execute(sql, (run_id,)).fetchone()
    if run is None:
        return None
    fingerprint, started, finished = run
    groups = database.execute(
        "SELECT target_group_id, project_id, before, outcome, code, reason, job_id FROM groups WHERE run_id = ?"
        " ORDER BY place",
        (run_id,),
    ).fetchall()
    ledger = Ledger(
        FoundGroup(id_, project_id, None if before is None else TargetGroupStatus(before))
        for id_, project_id, before, *_ in groups
    )
    for id_, _, _, outcome, code, reason, job_id in groups:
        if outcome is not None:
            ledger.settle(id_, Outcome(outcome), reason, code=code, job_id=job_id)
    rows = database.execute(
        "SELECT number, project_id, ids, key, generation, first_sent_at, token, job_id, ended FROM chunks"
        " WHERE run_id = ? ORDER BY number",
        (run_id,),
    )
    chunks = [
        Chunk(
            number=row.number,
            project_id=row.project_id,
            ids=tuple(row.ids.split()),
            key=row.key,
            generation=row.generation,
            first_sent_at=row.first_sent_at,
            token=row.token,
            job_id=row.job_id,
            ended=bool(row.ended),
        )
        for row in map(_Row._make, rows)
    ]
    return SweepState(ledger=ledger, chunks=chunks, started=started, finished=finished, fingerprint=fingerprint)


def _columns(ledger: Ledger, group: FoundGroup) -> tuple[str | None, ...]:
    settled = ledger.outcome_of(group.target_group_id)
    if settled is None:
        return (None, None, None, None)
    return (settled.outcome, settled.code, settled.reason, settled.job_id)


def _chunk_row(chunk: Chunk) -> _Row:
    return _Row(
        number=chunk.number,
        project_id=chunk.project_id,
        ids=" ".join(chunk.ids),
        key=chunk.key,
        generation=chunk.generation,
        first_sent_at=chunk.first_sent_at,
        token=chunk.token,
        job_id=chunk.job_id,
        ended=int(chunk.ended),
    )
