"""The runs of earlier sweeps: find them in all known journals, or in a given one."""

from collections.abc import Callable
from pathlib import Path

import attrs

from fieldingkit.cli.errors import UsageError
from fieldingkit.cli.run_store import known_journals
from fieldingkit.errors import JournalError
from fieldingkit.sweeps.checkpoint import read_report
from fieldingkit.sweeps.journal import Journal, RunSummary
from fieldingkit.sweeps.report import SweepReport

__all__ = ["StoredRun", "find_run", "read_run", "stored_runs"]


@attrs.frozen
class StoredRun:
    """A run, and the journal that contains it."""

    path: Path
    """The journal."""
    summary: RunSummary
    """The run in short."""
    continued_by: str | None = None
    """The id of the run that continues it, and whose report covers both; None if there is none."""
    writer: str | None = None
    """The process on this machine that sweeps with the journal now, in words, if the run is open; else None."""

    @property
    def run_id(self) -> str:
        """The run id."""
        return self.summary.run_id


def stored_runs(path: Path | None, warn: Callable[[str], object]) -> list[StoredRun]:
    """Return the runs of all journals, the latest first.

    Args:
        path: A journal; None for all known ones: those of the state folder, and those that --journal named before.
        warn: Called with the reason why a journal was skipped.

    Raises:
        UsageError: The given journal cannot be read.
    """
    found: list[StoredRun] = []
    for journal in known_journals() if path is None else [path.expanduser()]:
        try:
            found += _runs_of(journal)
        except JournalError as exc:
            if path is not None:
                raise UsageError(exc.message) from exc
            warn(f"Skipped a journal: {exc.message}.")
    return sorted(found, key=lambda run: run.summary.started_at, reverse=True)


def find_run(run_id: str, path: Path | None, warn: Callable[[str], object]) -> StoredRun:
    """Return the run with an id.

    Args:
        run_id: The run id.
        path: A journal; None for all known ones.
        warn: Called with the reason why a journal was skipped.

    Raises:
        UsageError: There is no such run, or more than one, or the given journal cannot be read.
    """
    found = [run for run in stored_runs(path, warn) if run.run_id == run_id]
    if not found:
        where = "a known journal" if path is None else path
        raise UsageError(
            f"there is no run {run_id} in {where}\nRun `fieldingkit sweeps list`, or name its journal with --journal."
        )
    if len(found) > 1:
        paths = "\n".join(str(run.path) for run in found)
        raise UsageError(f"the run {run_id} is in {len(found)} journals; name one of them with --journal:\n{paths}")
    return found[0]


def read_run(run: StoredRun) -> SweepReport:
    """Return the report of a run, and of the runs that it continues.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        with Journal(run.path, read_only=True) as journal:
            return read_report(journal, run.run_id)
    except JournalError as exc:
        raise UsageError(exc.message) from exc


def _runs_of(path: Path) -> list[StoredRun]:
    with Journal(path, read_only=True) as journal:
        writer = journal.writer  # asked before the runs are read: one that ends in between was not interrupted
        runs = journal.runs()
    successors = {run.continues: run.run_id for run in runs}
    return [
        StoredRun(
            path,
            run,
            continued_by := successors.get(run.run_id),
            writer if run.finished_at is None and continued_by is None else None,
        )
        for run in runs
    ]
