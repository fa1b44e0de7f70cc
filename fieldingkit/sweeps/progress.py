"""The reporter that calls a sweep's ``on_progress`` callback."""

from collections.abc import Callable

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.report import SweepProgress
from fieldingkit.sweeps.state import SweepState
from fieldingkit.transport.telemetry.attempts import notify

__all__ = ["ProgressReporter"]


class ProgressReporter:
    """Calls ``on_progress``, if there is one."""

    def __init__(
        self, client: AsyncClient, plan: SweepPlan, callback: Callable[[SweepProgress], object] | None
    ) -> None:
        self._client = client
        self._run_id = plan.run_id
        self._callback = callback
        self._started = client.clock.now()

    def checking(self, total: int) -> None:
        """Report the number of changelogs to read, one a request, before the first one is read."""
        rate = self._client.rate_limiter.rate
        seconds = None if rate is None else max(0, total - 1) / rate
        self._report(SweepProgress(run_id=self._run_id, phase="checking", total=total, seconds=seconds))

    def found(self, total: int) -> None:
        """Report the number of target groups found so far."""
        self._report(SweepProgress(run_id=self._run_id, phase="finding", total=total))

    def swept(self, state: SweepState) -> None:
        """Report the progress of the jobs."""
        self._report(
            SweepProgress(
                run_id=self._run_id,
                phase=state.phase,
                total=len(state.ledger),
                counts=state.ledger.counts,
                jobs=len(state.chunks),
                jobs_submitted=state.submitted,
                jobs_settled=state.settled,
            )
        )

    def _report(self, progress: SweepProgress) -> None:
        if self._callback is not None:
            elapsed = self._client.clock.now() - self._started
            waiting = self._client.rate_limiter.waiting
            notify(self._callback, attrs.evolve(progress, waiting=waiting, elapsed=elapsed))
