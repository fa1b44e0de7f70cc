"""Locate journals, choose the run to resume, and keep a sweep from running twice at once."""

import hashlib
import os
import socket
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs
from platformdirs import user_state_path

from fieldingkit.cli.errors import UsageError
from fieldingkit.configuration import Configuration
from fieldingkit.errors import JournalError
from fieldingkit.sweeps.journal import Journal, RunSummary
from fieldingkit.sweeps.locks import FileLock
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.transport.urls import normalize_url

__all__ = ["JournalTarget", "choose_journal", "journal_folder", "lock_sweep", "open_journal", "state_folder"]


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
    return state_folder() / "sweeps" / (host or "api")


def state_folder() -> Path:
    """Return the folder for journals and locks, unless a journal was named."""
    return user_state_path("fieldingkit", appauthor=False)


def choose_journal(
    plan: SweepPlan, path: Path | None, *, base_url: str, named: bool, warn: Callable[[str], object]
) -> JournalTarget:
    """Choose the unfinished run of the same plan, or a journal for a new run. Creates no file.

    A run covers the target groups that matched when it started. An old run is therefore resumed only by its id: "all
    live target groups" means those that are live when the command runs.

    Args:
        plan: The plan of the sweep.
        path: The given journal; None for one in the journal folder.
        base_url: The base URL of the API.
        named: The plan's run id was given, so only the run with this id is resumed.
        warn: Called with the reason why a journal of the journal folder was skipped.

    Raises:
        UsageError: The run with this id is of another plan, API or account, or the given journal cannot be read.
    """
    candidates = [path.expanduser()] if path is not None else _latest_journals(journal_folder(base_url))
    oldest = datetime.now(UTC) - (_MAX_AGE_IN_NAMED_JOURNAL if path is not None else _MAX_AGE)
    too_old: JournalTarget | None = None
    for candidate in candidates:
        try:
            run = _matching_run(candidate, plan, base_url=base_url, named=named)
        except JournalError as exc:
            if path is not None:
                raise UsageError(f"{exc.message}\nNothing was sent.") from exc
            warn(f"Skipped a journal: {exc.message}.")
            continue
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


def _matching_run(path: Path, plan: SweepPlan, *, base_url: str, named: bool) -> RunSummary | None:
    if not path.is_file():
        return None
    with Journal(path, read_only=True) as journal:
        runs = [run for run in journal.runs() if run.discovered_at is not None]
    wanted = (normalize_url(base_url), None if plan.account_id is None else str(plan.account_id))
    for run in runs:
        same_account = (run.base_url, run.account_id) == wanted
        same_plan = run.fingerprint == plan.fingerprint
        if not named and same_account and same_plan and run.finished_at is None:
            return run
        if not named or run.run_id != plan.run_id:
            continue
        if not same_account:
            raise UsageError(
                f"the run {run.run_id} in {path} is of account {run.account_id} at {run.base_url}, and the connection "
                f"is to account {wanted[1]} at {wanted[0]}\nNothing was sent. Give another --run-id."
            )
        if not same_plan:
            raise UsageError(
                f"the run {run.run_id} in {path} is of another plan\nNothing was sent. Give another --run-id."
            )
        return run
    return None


def _latest_journals(folder: Path) -> Iterator[Path]:
    found: list[tuple[float, Path]] = []
    for path in folder.glob("*.journal"):
        with suppress(OSError):  # it was removed meanwhile
            found.append((path.stat().st_mtime, path))
    yield from (path for _, path in sorted(found, reverse=True)[:50])


@contextmanager
def lock_sweep(plan: SweepPlan, configuration: Configuration, warn: Callable[[str], object]) -> Generator[None]:
    """Keep other processes of this host from the same sweep: the same API, account and target groups.

    Args:
        plan: The plan of the sweep.
        configuration: The settings of the connection.
        warn: Called if the lock cannot be taken for another reason than another sweep.

    Raises:
        UsageError: Another process runs the same sweep.
    """
    key = "\n".join([configuration.base_url, str(configuration.account), plan.fingerprint])
    path = state_folder() / "locks" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.lock"
    holder = path.with_suffix(".holder")
    lock: FileLock | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(path)
        holder.write_text(
            f"process {os.getpid()} on {socket.gethostname()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        )
    except BlockingIOError as exc:
        first = ""
        with suppress(OSError):
            first = f": {holder.read_text()}"
        raise UsageError(f"the same sweep is in progress{first}\nNothing was sent.") from exc
    except (OSError, sqlite3.Error) as exc:
        reason = getattr(exc, "strerror", None) or exc
        warn(f"{path} cannot be locked: {reason}. The same sweep must not run twice at the same time.")
    try:
        yield
    finally:
        if lock is not None:
            lock.close()
