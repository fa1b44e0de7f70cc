"""Where sweeps keep their journals, and which run is to be gone on with."""

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


_UNNAMED: Final = timedelta(hours=1)
"""How long ago a run may have begun to be gone on with, if neither it nor its journal was named."""
_IN_NAMED_FILE: Final = timedelta(hours=12)
"""The same if its journal was named."""


@attrs.frozen
class JournalTarget:
    """Where a sweep is to be written down."""

    path: Path
    """The journal's file; there may be none yet."""
    plan: SweepPlan
    """The plan, under the run id to go on with."""
    begun: RunSummary | None = None
    """The run that is gone on with; None for a new one."""
    older: "JournalTarget | None" = None
    """A run that could be gone on with, and is not since it is too long ago."""


def journal_folder(base_url: str) -> Path:
    """Where journals are kept that no file was named for; each API has a folder of its own."""
    host = urlsplit(base_url).netloc.rpartition("@")[2].replace(":", "-")
    return user_state_path("fieldingkit", appauthor=False) / "sweeps" / (host or "api")


def choose_journal(plan: SweepPlan, path: Path | None, *, base_url: str, named: bool) -> JournalTarget:
    """Find the run that this same command began and did not finish, or a place for a new one. Makes no file.

    A run is for the target groups that were found when it began. So one that began long ago is only gone on with by its
    name: who says "pause all that are live" now means those that are live now.

    Args:
        plan: What is to be done.
        path: The journal that was named; None for one where journals are kept.
        base_url: The API.
        named: Whether the plan's run id was given: then only the run of that name is gone on with.

    Raises:
        UsageError: if the run of that name was for something else.
    """
    candidates = [path.expanduser()] if path is not None else _latest(journal_folder(base_url))
    oldest = datetime.now(UTC) - (_IN_NAMED_FILE if path is not None else _UNNAMED)
    older: JournalTarget | None = None
    for candidate in candidates:
        run = _run_in(candidate, plan, named=named)
        if run is None:
            continue
        place = JournalTarget(candidate, attrs.evolve(plan, run_id=run.run_id), run)
        if named or run.started_at >= oldest:
            return place
        older = older or place
    where = path.expanduser() if path is not None else _new_file(base_url, plan.run_id)
    return JournalTarget(where, plan, older=older)


def open_journal(path: Path) -> Journal:
    """Open a journal to write to it.

    Raises:
        UsageError: if it cannot be used, or another sweep is using it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Journal(path)
    except JournalError as exc:
        raise UsageError(f"{exc.message}\nNothing was sent.") from exc
    except OSError as exc:
        raise UsageError(f"{path} cannot be used as a journal: {exc.strerror}\nNothing was sent.") from exc


def _new_file(base_url: str, run_id: str) -> Path:
    return journal_folder(base_url) / f"{run_id.replace(':', '-')}.journal"


def _run_in(path: Path, plan: SweepPlan, *, named: bool) -> RunSummary | None:
    if not path.is_file():
        return None
    try:
        with Journal(path, read_only=True) as journal:
            for run in journal.runs():
                same = journal.plan(run.run_id).fingerprint == plan.fingerprint
                if named and run.run_id == plan.run_id and not same:
                    raise UsageError(
                        f"the run {run.run_id} of {path} was for other target groups\n"
                        "Nothing was sent. Give another --run-id."
                    )
                if run.run_id == plan.run_id if named else same and run.finished_at is None:
                    return run
    except JournalError:
        pass  # whoever opens it to write will say what is wrong with it
    return None


def _latest(folder: Path) -> Iterator[Path]:
    try:
        found = [(path.stat().st_mtime, path) for path in folder.glob("*.journal")]
    except OSError:
        return
    yield from (path for _, path in sorted(found, reverse=True)[:50])
