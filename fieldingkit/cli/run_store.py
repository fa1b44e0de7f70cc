"""Locate journals, choose the run to resume or to continue, and keep a sweep from running twice at once."""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs
from platformdirs import user_state_path

from fieldingkit.cli.errors import UsageError
from fieldingkit.configuration import Configuration
from fieldingkit.errors import InvalidCommandError, JournalError
from fieldingkit.sweeps import locks
from fieldingkit.sweeps.checkpoint import JournalCheckpoint
from fieldingkit.sweeps.continuation import RunChoice, choose_run
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.journal import Journal, RunSummary
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.state import SweepState

__all__ = [
    "JournalTarget",
    "NotedCheckpoint",
    "choose_journal",
    "in_state_folder",
    "journal_folder",
    "known_journals",
    "lock_sweep",
    "open_journal",
    "state_folder",
]


_MAX_AGE: Final = timedelta(hours=1)
"""The age up to which an interrupted run is continued if its journal was not given."""
_MAX_AGE_IN_NAMED_JOURNAL: Final = timedelta(hours=12)
"""The age up to which an interrupted run is continued if its journal was given."""

_LIST: Final = "journals.jsonl"
"""The file in the state folder with the paths of journals elsewhere."""


@attrs.frozen
class JournalTarget:
    """The journal and the run of a sweep."""

    path: Path
    """The journal's file, which may not exist yet."""
    plan: SweepPlan
    """The plan, with the given run id or that of a new run."""
    resumed: RunSummary | None = None
    """The run to resume exactly, whose id was given."""
    continued: RunSummary | None = None
    """The interrupted run that a new run continues."""
    run_ids: tuple[str, ...] = ()
    """The ids of the run and of those that it continues: its report covers them."""
    too_old: tuple[Path, RunSummary] | None = None
    """An interrupted run of the same plan, and its journal, that is not continued because of its age."""


class NotedCheckpoint(JournalCheckpoint):
    """A checkpoint in a journal that knows whether something may have been sent.

    Args:
        journal: The journal.
        run_id: The run id.
        on_known: Called once the run is in the journal, before something is sent.
    """

    def __init__(self, journal: Journal, run_id: str, on_known: Callable[[], object]) -> None:
        super().__init__(journal, run_id)
        self._on_known = on_known
        self.may_have_sent: bool = False
        """True once the target groups of the run are known: from then on its jobs are submitted."""

    async def load(self, plan: SweepPlan, identity: RunIdentity) -> SweepState | None:
        """Return the state that an earlier process left; None for a new run.

        Raises:
            JournalError: if the run belongs to another plan, API or account, or the journal cannot be read.
        """
        state = await super().load(plan, identity)
        if state is not None:
            self.may_have_sent = True
            self._on_known()
        return state

    async def discovering(
        self, plan: SweepPlan, identity: RunIdentity, *, started_at: float, continues: str | None = None
    ) -> None:
        """Save that a run exists, before its target groups are discovered."""
        await super().discovering(plan, identity, started_at=started_at, continues=continues)
        self._on_known()

    async def discovered(self, state: SweepState) -> None:
        """Save the target groups and the chunks of a new run, before anything is sent."""
        self.may_have_sent = True
        await super().discovered(state)


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
    """Choose the run with the given id, or the interrupted run to continue, or a journal for a new run.

    An interrupted run is resumed as it was only by its id, because "all live target groups" means those that are live
    when the command runs. Creates no file.

    Args:
        plan: The plan of the sweep.
        path: The given journal; None for one in the journal folder.
        base_url: The base URL of the API.
        named: The plan's run id was given, so only the run with this id is resumed.
        warn: Called with the reason why a journal of the journal folder was skipped.

    Raises:
        UsageError: The run with this id is of another plan, API or account, or the given journal cannot be read.
    """
    folder = journal_folder(base_url)
    new = path.expanduser() if path is not None else folder / _file_name(plan.run_id)
    candidates = [new] if path is not None else dict.fromkeys([new, *_latest_journals(folder)])
    max_age = _MAX_AGE_IN_NAMED_JOURNAL if path is not None else _MAX_AGE
    too_old: tuple[Path, RunSummary] | None = None
    for candidate in candidates:
        try:
            choice = _choose_run(candidate, plan, base_url=base_url, named=named, max_age=max_age)
        except JournalError as exc:
            if path is not None:
                raise UsageError(f"{exc.message}\nThis command sent nothing.") from exc
            warn(f"Skipped a journal: {exc.message}.")
            continue
        if choice.kind == "resume":
            return JournalTarget(candidate, plan, resumed=choice.run, run_ids=choice.chain)
        if choice.kind == "continue":
            return JournalTarget(candidate, plan, continued=choice.run, run_ids=(plan.run_id, *choice.chain))
        if choice.too_old is not None:
            too_old = too_old or (candidate, choice.too_old)
    return JournalTarget(new, plan, run_ids=(plan.run_id,), too_old=too_old)


def open_journal(path: Path) -> Journal:
    """Open a journal for writing.

    Raises:
        UsageError: The journal cannot be used, or another sweep is using it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        journal = Journal(path)
    except JournalError as exc:
        raise UsageError(f"{exc.message}\nThis command sent nothing.") from exc
    except OSError as exc:
        raise UsageError(f"{path} cannot be used as a journal: {exc.strerror}\nThis command sent nothing.") from exc
    with suppress(OSError):  # a state folder that cannot be written must not stop a sweep
        _remember(journal.path)
    return journal


def known_journals() -> list[Path]:
    """Return the journals of the state folder, and those elsewhere that an earlier command named and that exist."""
    folder = state_folder()
    found = [*sorted(folder.glob("sweeps/*/*.journal")), *_remembered()]
    return [path for path in dict.fromkeys(found) if path.is_file()]


def in_state_folder(path: Path) -> bool:
    """Return whether a journal is one of the state folder."""
    return path.resolve().is_relative_to(state_folder().resolve())


def _remember(path: Path) -> None:
    """Add a journal outside the state folder to the list of those that are searched for earlier sweeps."""
    if not in_state_folder(path) and path not in _remembered():
        state_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        with (state_folder() / _LIST).open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(str(path))}\n")


def _remembered() -> list[Path]:
    try:
        lines = (state_folder() / _LIST).read_text(encoding="utf-8").splitlines()
        return [Path(json.loads(line)) for line in lines]
    except (OSError, ValueError, TypeError):
        return []


def _file_name(run_id: str) -> str:
    return f"{run_id.replace(':', '-')}.journal"


def _choose_run(path: Path, plan: SweepPlan, *, base_url: str, named: bool, max_age: timedelta) -> RunChoice:
    if not path.is_file():
        return RunChoice("new")
    with Journal(path, read_only=True) as journal:
        runs = journal.runs()
    account = None if plan.account_id is None else str(plan.account_id)
    identity = RunIdentity(base_url=base_url, account_id=account, api_version="", run_id=plan.run_id)
    for run in runs:
        if named and run.run_id == plan.run_id and (run.base_url, run.account_id) != (identity.base_url, account):
            raise UsageError(
                f"the run {run.run_id} in {path} is of account {run.account_id} at {run.base_url}, and the connection "
                f"is to account {account} at {identity.base_url}\nThis command sent nothing. Give another --run-id."
            )
    try:
        return choose_run(runs, identity, plan.fingerprint, now=datetime.now(UTC), named=named, max_age=max_age)
    except InvalidCommandError as exc:
        raise UsageError(
            f"the run {plan.run_id} in {path} is of another plan\nThis command sent nothing. Give another --run-id."
        ) from exc


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
    identity = RunIdentity(
        base_url=configuration.base_url,
        account_id=configuration.account if plan.account_id is None else str(plan.account_id),
        api_version=configuration.api_version,
        run_id=plan.run_id,
    )
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.lock_sweep(identity, plan, state_folder() / "locks"))
        except JournalError as exc:
            raise UsageError(f"{exc.message.removesuffix('; nothing was sent')}\nThis command sent nothing.") from exc
        except OSError as exc:
            warn(f"The sweep cannot be locked: {exc}. The same sweep must not run twice at the same time.")
        yield
