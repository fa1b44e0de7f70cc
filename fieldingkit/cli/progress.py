"""Progress of a sweep: a bar on a terminal, a line per event in a pipe, a JSON document per event with ``--json``."""

import time
from types import TracebackType
from typing import Final, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from fieldingkit.cli.output import Output
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
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._shown: tuple[str, int] = ("", -1)
        self._shown_at = 0.0

    def __call__(self, progress: SweepProgress) -> None:
        """Display a progress event."""
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task,
                description=progress.phase,
                completed=progress.counts.total,
                total=progress.total or None,
                details=_details(progress),
            )
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
            text = ", ".join(filter(None, [so_far, _details(progress)]))
            self._output.note(f"{progress.elapsed:7.1f} s  {progress.phase:<9} {text}")

    def __enter__(self) -> Self:
        if self._output.stderr.is_terminal and not self._output.json:
            self._bar = Progress(
                TextColumn("{task.description:<9}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[details]}"),
                console=self._output.stderr,
                transient=True,
            )
            self._task = self._bar.add_task("finding", total=None, details="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _details(progress: SweepProgress) -> str:
    parts = [f"{progress.jobs_settled:,} of {progress.jobs:,} jobs"] if progress.jobs else []
    parts += [f"{progress.counts.failed:,} failed"] if progress.counts.failed else []
    parts += [f"{progress.waiting:,} requests wait for the rate limit"] if progress.waiting else []
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
