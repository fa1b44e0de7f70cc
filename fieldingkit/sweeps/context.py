"""The context of a running sweep, shared by the steps that advance it."""

from typing import cast

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.resources.batch_jobs import BatchResult
from fieldingkit.sweeps.checkpoint import Checkpoint
from fieldingkit.sweeps.continuation import merge
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.progress import ProgressReporter
from fieldingkit.sweeps.report import Outcome, SweepReport
from fieldingkit.sweeps.state import SweepState
from fieldingkit.sweeps.status_age import StatusAge

__all__ = ["SweepContext"]


@attrs.frozen(kw_only=True)
class SweepContext:
    """A sweep in progress. ``discover`` creates it."""

    client: AsyncClient
    """The client that sends all requests of the sweep."""
    plan: SweepPlan
    """The plan."""
    state: SweepState
    """The progress of the run, updated in place."""
    checkpoint: Checkpoint
    """The persistence of every step."""
    earlier: frozenset[str] = frozenset()
    """The target groups whose outcome an earlier process has recorded; this process has not seen their status."""
    as_of: float | None = None
    """When an earlier process finished the run: seconds since 1970, UTC; None if it has not."""
    continued: tuple["SweepContext", ...] = ()
    """The interrupted runs that this one continues, the first one first."""
    progress: ProgressReporter
    """Reports the progress after every step."""
    status_age: StatusAge = attrs.field(factory=StatusAge)
    """The age of the statuses that were read before anything is sent."""

    def notify(self) -> None:
        """Report the progress."""
        self.progress.swept(self.state)

    def report(self) -> SweepReport:
        """Return the report of the run, and of those that it continues, as far as it has come."""
        return merge(*(each.state.report(each.plan, as_of=self.as_of) for each in (*self.continued, self)))

    def claimed_unread(self) -> frozenset[str]:
        """Return the target groups that the report takes from an earlier run, and that discovery did not read."""
        claims = (Outcome.UPDATED, Outcome.UNCHANGED)
        rows = (self.state.ledger.outcome_of(row.target_group_id) for row in self.report().of(*claims))
        return frozenset(
            row.target_group_id
            for row in rows
            if row is not None and (row.outcome not in claims or row.previous_status is None)
        )

    @property
    def version_conflict(self) -> str | None:
        """The reason why no new jobs are created, if the run was started with another API version than the client's."""
        version = self.state.identity.api_version
        if version == self.client.api_version:
            return None
        return (
            f"the run was started with API version {version}, and the client has {self.client.api_version}; "
            "start a new run"
        )

    def job(self, token: str) -> AsyncJob[BatchResult]:
        """Return the handle of a job of the run; it is polled with the API version that it was created with."""
        client = self.client
        if self.version_conflict is not None:
            client = client.with_options(api_version=self.state.identity.api_version)
        # The jobs of a sweep are batch jobs, which a token alone cannot show.
        return cast("AsyncJob[BatchResult]", client.job(token))
