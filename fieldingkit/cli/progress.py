"""Progress of a sweep: a bar on a terminal, a line per event in a pipe, a JSON document per event with ``--json``."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from fieldingkit.cli.output import Output
from fieldingkit.rendering.text import pluralize
from fieldingkit.sweeps.report import SweepProgress

__all__ = ["ProgressDisplay"]

_INTERVAL: Final = 1.0
"""Seconds between two lines while no job ends."""


class ProgressDisplay:
    """Display the progress of a sweep; a context manager, and the sweep's ``on_progress`` callback.

    Args:
        output: The output of the command.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._bar = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=output.stderr,
            auto_refresh=False,
        )
        self._task = self._bar.add_task("finding", total=None)
        self._live: Live | None = None
        self._latest: SweepProgress | None = None
        self._shown: tuple[str, int] = ("", -1)
        self._shown_at = 0.0

    def __call__(self, progress: SweepProgress) -> None:
        """Display a progress event."""
        self._latest = progress
        if self._live is not None:
            self._bar.update(
                self._task, description=progress.phase, completed=progress.counts.total, total=progress.total or None
            )
            new_phase = progress.phase != self._shown[0]
            self._shown = (progress.phase, progress.jobs_settled)
            self._live.update(Group(self._bar, Text(_details(progress))), refresh=new_phase)
            return
        state, now = (progress.phase, progress.jobs_settled), time.monotonic()
        if state == self._shown and now - self._shown_at < _INTERVAL:
            return
        self._shown, self._shown_at = state, now
        if self._output.json:
            self._output.print_json({"event": "progress", **_fields(progress)})
        else:
            so_far = f"{progress.counts.total:,} of {progress.total:,} settled"
            if progress.phase == "finding":
                so_far = f"{progress.total:,} found"
            elif progress.phase == "checking":
                so_far = f"{progress.total:,} changelogs to read"
            text = ", ".join(filter(None, [so_far, _details(progress)]))
            self._output.note(f"{progress.elapsed:7.1f} s  {progress.phase:<9} {text}")

    def __enter__(self) -> Self:
        if self._output.stderr.is_terminal and not self._output.json:
            self._live = Live(self._bar, console=self._output.stderr, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    @property
    def open_groups(self) -> int:
        """The number of target groups without an outcome so far."""
        return 0 if self._latest is None else self._latest.total - self._latest.counts.total

    @property
    def open_jobs(self) -> int:
        """The number of jobs that are not settled so far."""
        return 0 if self._latest is None else self._latest.jobs - self._latest.jobs_settled

    @contextmanager
    def paused(self) -> Generator[None]:
        """Display nothing meanwhile, such as for a question."""
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self.__enter__()


def _details(progress: SweepProgress) -> str:
    parts: list[str] = []
    if progress.jobs:
        submitted = f"{progress.jobs_submitted:,} of {progress.jobs:,} jobs submitted"
        parts.append(f"{submitted}, {progress.jobs_settled:,} settled")
    parts += [f"{progress.counts.failed:,} failed"] if progress.counts.failed else []
    if progress.waiting:
        parts.append(f"{pluralize(progress.waiting, 'request')} waiting for the rate limit")
    return ", ".join(parts)


def _fields(progress: SweepProgress) -> dict[str, object]:
    return {
        "run_id": progress.run_id,
        "phase": progress.phase,
        "total": progress.total,
        "counts": progress.counts._asdict(),
        "jobs": progress.jobs,
        "jobs_submitted": progress.jobs_submitted,
        "jobs_settled": progress.jobs_settled,
        "waiting": progress.waiting,
        "elapsed": round(progress.elapsed, 3),
    }
