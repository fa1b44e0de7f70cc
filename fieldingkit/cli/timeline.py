"""When the jobs of a sweep ran: their beginnings from the journal, their ends as this process saw them."""

from datetime import UTC, datetime

from fieldingkit.cli.report_record import JobSpan
from fieldingkit.errors import ConfigurationError
from fieldingkit.jobs.reports import PollEvent
from fieldingkit.jobs.token import JobToken
from fieldingkit.transport.problem import trace_id_of
from fieldingkit.workflows.journal import Journal

__all__ = ["Ends", "spans_of"]

_TOKENS = "SELECT token FROM chunks WHERE run_id = ? AND token IS NOT NULL ORDER BY number"


class Ends:
    """Takes note of when jobs ended; to be given to a client as ``on_poll``."""

    def __init__(self) -> None:
        self._ended: dict[str, datetime] = {}

    def __call__(self, event: PollEvent) -> None:
        """A job was looked at."""
        if event.finished:
            self._ended.setdefault(event.job_id, datetime.now(UTC))

    def of(self, job_id: str) -> datetime | None:
        """When a job's end was seen; None if it was not, or in another process."""
        return self._ended.get(job_id)


def spans_of(journal: Journal, run_id: str, ends: Ends) -> tuple[JobSpan, ...]:
    """When the jobs of a run ran, those of earlier processes included, as far as it is known."""
    spans: list[JobSpan] = []
    rows = journal.do(lambda database: database.execute(_TOKENS, (run_id,)).fetchall()).result()
    for (token,) in rows:
        try:
            job = JobToken.decode(str(token))
        except ConfigurationError:
            continue
        spans.append(
            JobSpan(
                job_id=job.job_id,
                trace_id=trace_id_of({"traceparent": job.traceparent or ""}),
                began=datetime.fromtimestamp(job.created, UTC),
                ended=ends.of(job.job_id),
            )
        )
    return tuple(spans)
