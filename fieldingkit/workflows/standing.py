"""How far a run has come."""

from collections.abc import Iterable
from datetime import UTC, datetime

from fieldingkit.workflows.accounting import Ledger
from fieldingkit.workflows.chunks import Chunk
from fieldingkit.workflows.plan import SweepPlan
from fieldingkit.workflows.report import SweepReport, SweptJob

__all__ = ["Standing"]


class Standing:
    """How far a run has come: its target groups, its jobs, and how many of them are where.

    Args:
        fingerprint: What tells its plan from others.
        ledger: Its target groups and their outcomes.
        chunks: Its jobs, ended ones included, by their number.
        started: When it began: seconds since 1970, UTC.
        finished: When it ended; None if it has not.
    """

    def __init__(
        self,
        *,
        fingerprint: str,
        ledger: Ledger,
        chunks: Iterable[Chunk],
        started: float,
        finished: float | None = None,
    ) -> None:
        self.fingerprint = fingerprint
        self.ledger = ledger
        self.chunks: list[Chunk] = list(chunks)
        self.started = started
        self.finished = finished
        self.submitted: int = sum(chunk.token is not None for chunk in self.chunks)
        """How many jobs the API has taken on."""
        self.ended: int = sum(chunk.ended for chunk in self.chunks)
        """How many jobs are settled."""

    def keep(self, chunk: Chunk) -> Chunk:
        """Put a job in the place of the one with its number, or at the end."""
        if chunk.number == len(self.chunks):
            self.chunks.append(chunk)
        else:
            before = self.chunks[chunk.number]
            self.submitted -= before.token is not None
            self.ended -= before.ended
            self.chunks[chunk.number] = chunk
        self.submitted += chunk.token is not None
        self.ended += chunk.ended
        return chunk

    def go_on(self) -> list[Chunk]:
        """The jobs that are not settled; how their target groups came out before is forgotten."""
        open_chunks = [chunk for chunk in self.chunks if not chunk.ended]
        self.ledger.reopen(id_ for chunk in open_chunks for id_ in chunk.ids)
        return open_chunks

    def report(self, plan: SweepPlan) -> SweepReport:
        """What became of it; what is still open is unknown."""
        return SweepReport(
            run_id=plan.run_id,
            action=plan.action,
            groups=self.ledger.close(),
            jobs=tuple(
                SweptJob(
                    job_id=chunk.job_id, project_id=chunk.project_id, idempotency_key=chunk.key, size=len(chunk.ids)
                )
                for chunk in self.chunks
                if chunk.job_id is not None
            ),
            started_at=datetime.fromtimestamp(self.started, UTC),
            finished_at=None if self.finished is None else datetime.fromtimestamp(self.finished, UTC),
        )
