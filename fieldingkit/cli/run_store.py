"""Locate journals and choose the run to resume."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs
from platformdirs import user_state_path

from fieldingkit.cli.errors import UsageError
from fieldingkit.errors import JournalError
from fieldingkit.sweeps.journal import Journal, RunSummary
from fieldingkit.sweeps.plan import SweepPlan

__all__ = ["JournalTarget", "choose_journal", "journal_folder", "open_journal"]


_MAX_AGE: Final = timedelta(hours=1)
"""The age up to which a run is resumed if neither its id nor its journal was given."""
_MAX_AGE_IN_NAMED_JOURNAL: Final = timedelta(hours=12)
"""The age up to which a run is resumed if its journal was given."""


@attrs.frozen
class JournalTarget:
    """The journal and the run of a sweep."""

    path: Path
    """The journal's file, which may not exist yet."""
    plan: SweepPlan
    """The plan, with the id of the run to resume or of a new run."""
    resumed: RunSummary | None = None
    """The run to resume; None for a new run."""
    too_old: "JournalTarget | None" = None
    """A matching unfinished run that is not resumed because of its age."""


def journal_folder(base_url: str) -> Path:
    """Return the folder for journals that were not named; each API host has its own."""
    host = urlsplit(base_url).netloc.rpartition("@")[2].replace(":", "-")
    return user_state_path("fieldingkit", appauthor=False) / "sweeps" / (host or "api")


def choose_journal(plan: SweepPlan, path: Path | None, *, base_url: str, named: bool) -> JournalTarget:
    """Choose the unfinished run of the same plan, or a journal for a new run. Creates no file.

    A run covers the target groups that matched when it started. An old run is therefore resumed only by its id: "all
    live target groups" means those that are live when the command runs.

    Args:
        plan: The plan of the sweep.
        path: The given journal; None for one in the journal folder.
        base_url: The base URL of the API.
        named: The plan's run id was given, so only the run with this id is resumed.

    Raises:
        UsageError: The run with this id is of another plan.
    """
    candidates = [path.expanduser()] if path is not None else _latest_journals(journal_folder(base_url))
    oldest = datetime.now(UTC) - (_MAX_AGE_IN_NAMED_JOURNAL if path is not None else _MAX_AGE)
    too_old: JournalTarget | None = None
    for candidate in candidates:
        run = _matching_run(candidate, plan, named=named)
        if run is None:
            continue
        target = JournalTarget(candidate, attrs.evolve(plan, run_id=run.run_id), run)
        if named or run.started_at >= oldest:
            return target
        too_old = too_old or target
    new = path.expanduser() if path is not None else journal_folder(base_url) / _file_name(plan.run_id)
    return JournalTarget(new, plan, too_old=too_old)


def open_journal(path: Path) -> Journal:
    """Open a journal for writing.

    Raises:
        UsageError: The journal cannot be used, or another sweep is using it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Journal(path)
    except JournalError as exc:
        raise UsageError(f"{exc.message}\nNothing was sent.") from exc
    except OSError as exc:
        raise UsageError(f"{path} cannot be used as a journal: {exc.strerror}\nNothing was sent.") from exc


def _file_name(run_id: str) -> str:
    return f"{run_id.replace(':', '-')}.journal"


def _matching_run(path: Path, plan: SweepPlan, *, named: bool) -> RunSummary | None:
    if not path.is_file():
        return None
    try:
        with Journal(path, read_only=True) as journal:
            for run in journal.runs():
                same_plan = journal.plan(run.run_id).fingerprint == plan.fingerprint
                if named and run.run_id == plan.run_id and not same_plan:
                    raise UsageError(
                        f"the run {run.run_id} in {path} is of another plan\nNothing was sent. Give another --run-id."
                    )
                if run.run_id == plan.run_id if named else same_plan and run.finished_at is None:
                    return run
    except JournalError:
        pass  # open_journal reports it
    return None


def _latest_journals(folder: Path) -> Iterator[Path]:
    try:
        found = [(path.stat().st_mtime, path) for path in folder.glob("*.journal")]
    except OSError:
        return
    yield from (path for _, path in sorted(found, reverse=True)[:50])
