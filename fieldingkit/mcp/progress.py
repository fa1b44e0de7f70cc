"""The progress that a call reports to the client while it runs: many clients give up without news."""

import asyncio
from typing import Final, Self

from mcp.server.mcpserver import Context

from fieldingkit.rendering.text import pluralize
from fieldingkit.sweeps.report import SweepProgress

__all__ = ["BEAT", "Heartbeat", "SweepReports"]

BEAT: Final = 5.0
"""Seconds between two reports of progress without news."""


class Heartbeat:
    """Reports every few seconds that a call is still reading.

    Args:
        context: The context of the call; one that is called without a client reports nothing.
    """

    def __init__(self, context: Context | None) -> None:
        self._context = context
        self._repeated = 0
        self._reports: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._beating = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Wait for the reports; the client may have left."""
        self._beating.cancel()
        await asyncio.gather(self._beating, *self._reports, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self._repeated += 1
            await self._report()

    async def _report(self) -> None:
        await self._send(self._repeated, None, "reading")

    async def _send(self, progress: float, total: float | None, message: str) -> None:
        if self._context is not None:
            await self._context.report_progress(progress, total, message)


class SweepReports(Heartbeat):
    """Reports the progress of a sweep, also while nothing settles.

    A progress must grow with each report, so one without news adds a part of a target group; after the last one, that
    is the reading of the statuses.

    Args:
        context: The context of the call.
        groups: The number of target groups.
    """

    def __init__(self, context: Context, groups: int) -> None:
        super().__init__(context)
        self._groups = groups
        self._phase = "checking"
        self._settled = 0

    def __call__(self, progress: SweepProgress) -> None:
        """Report that further target groups are settled."""
        self._phase = progress.phase
        if progress.counts.total > self._settled:
            self._settled, self._repeated = progress.counts.total, 0
            self._reports.add(asyncio.create_task(self._report()))

    async def _report(self) -> None:
        part = self._repeated / (self._repeated + 1)
        text = f"{self._phase}: {self._settled:,} of {pluralize(self._groups)} settled"
        await self._send(self._settled + part, self._groups + 1, text)
