"""The execution of a plan that was shown: refuse it if it drifted, then sweep it with a journal."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Generator, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from anyio import CancelScope
from mcp.server.mcpserver.exceptions import ToolError

from fieldingkit.client import AsyncClient
from fieldingkit.errors import FieldingKitError, JournalError
from fieldingkit.mcp.failures import describe_failure, quote
from fieldingkit.mcp.plans import refusal
from fieldingkit.mcp.runs import SweepCommands, journal_path
from fieldingkit.rendering.text import pluralize
from fieldingkit.sweeps.engine import sweep
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.locks import lock_sweep
from fieldingkit.sweeps.plan_file import recheck
from fieldingkit.sweeps.previews import SweepPreview
from fieldingkit.sweeps.report import Outcome, SweepProgress, SweepReport
from fieldingkit.sweeps.state import FoundGroup

__all__ = ["Applied", "PlanExecutor"]

T = TypeVar("T")


class Applied(NamedTuple):
    """A plan that was applied."""

    report: SweepReport
    """The report of its run."""
    finished: bool
    """False if a later process can still find out or do something for it."""


class PlanExecutor:
    """Applies plans, one at a time.

    Args:
        client: The client.
        journals: The folder of the journals, where the command line finds them.
        locks: The folder of the locks, which it shares with the command line.
        commands: The command lines that continue a run.
    """

    def __init__(self, client: AsyncClient, *, journals: Path, locks: Path, commands: SweepCommands) -> None:
        self._client = client
        self._journals = journals
        self._locks = locks
        self._commands = commands
        self._turn = asyncio.Lock()
        self._running: set[str] = set()

    def is_running(self, run_id: str) -> bool:
        """Return whether a run is in progress here, or waits for its turn."""
        return run_id in self._running

    async def apply(self, planned: SweepPreview, on_progress: Callable[[SweepProgress], object]) -> Applied:
        """Apply a plan, and return the report of its run.

        The sweep has a task of its own: a cancellation of the call interrupts it once, and it ends in order.

        Raises:
            PlanRefusedError: if a target group moved since, or its status cannot be read, if the same sweep is in
                progress, or if the run failed before it sent anything.
            ToolError: if the run failed later. It may have been applied.
        """
        with self._noted(planned.plan.run_id):
            async with self._turn:
                return await self._apply_now(planned, on_progress)

    async def _apply_now(self, planned: SweepPreview, on_progress: Callable[[SweepProgress], object]) -> Applied:
        """Apply a plan whose turn it is."""
        with self._prepared(planned) as journal:
            seen = await self._unmoved(planned)
            try:
                report = await _in_own_task(
                    sweep(self._client, seen.plan, journal=journal, preview=seen, on_progress=on_progress)
                )
            except FieldingKitError as exc:
                raise _failed(exc, journal, seen.plan.run_id, self._commands) from exc
            with contextlib.suppress(JournalError):  # without the mark, the command line reports the run once more
                journal.mark_reported(report.run_id, self._client.clock.wall())
            return Applied(report, _is_finished(journal, report.run_id))

    async def _unmoved(self, planned: SweepPreview) -> SweepPreview:
        """Return the plan with the statuses of now, which are those of the plan."""
        try:
            seen = await recheck(self._client, planned)
        except FieldingKitError as exc:
            raise refusal(describe_failure(exc)) from exc
        wanted, still = _ids(planned.to_send), _ids(seen.to_send)
        others = [group for group in seen.groups if group.target_group_id in wanted - still]
        unread = [group for group in others if group.outcome is Outcome.NOT_SENT]
        moved = [group for group in others if group.outcome is not Outcome.NOT_SENT]
        reasons: list[str] = []
        if moved:
            ids = ", ".join(group.target_group_id for group in moved[:3])
            reasons.append(f"{pluralize(len(moved))} of the plan moved since it was shown, such as {ids}")
        if unread:
            reasons.append(
                f"The status of {pluralize(len(unread))} of the plan could not be read, such as "
                f"{unread[0].target_group_id}, so it cannot be compared with the plan. {quote(unread[0].reason)}"
            )
        if reasons:
            raise refusal(". ".join(reasons))
        return seen

    @contextlib.contextmanager
    def _noted(self, run_id: str) -> Generator[None]:
        self._running.add(run_id)
        try:
            yield
        finally:
            self._running.discard(run_id)

    @contextlib.contextmanager
    def _prepared(self, planned: SweepPreview) -> Generator[Journal]:
        """Lock the sweep, and open its journal."""
        path = journal_path(self._journals, planned.plan.run_id)
        identity = RunIdentity.of(self._client, planned.plan)
        with contextlib.ExitStack() as stack:
            try:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                stack.enter_context(lock_sweep(identity, planned.plan, self._locks))
                journal = stack.enter_context(Journal(path))
            except JournalError as exc:
                raise refusal(f"It cannot be applied now: {exc.message.removesuffix('; nothing was sent')}") from exc
            except OSError as exc:
                raise refusal(f"Its journal cannot be written: {exc}") from exc
            yield journal


def _ids(groups: Iterable[FoundGroup]) -> set[str]:
    return {group.target_group_id for group in groups}


def _is_finished(journal: Journal, run_id: str) -> bool:
    try:
        return any(run.run_id == run_id and run.finished_at is not None for run in journal.runs())
    except JournalError:
        return False


def _failed(error: FieldingKitError, journal: Journal, run_id: str, commands: SweepCommands) -> ToolError:
    """Return the error of a run that failed: whether anything was sent, and what to do."""
    text = describe_failure(error)
    try:
        runs = {run.run_id: run for run in journal.runs()}
    except JournalError:
        return ToolError(f"{text} It may have been applied: the journal cannot be read. {commands.to_continue(run_id)}")
    if run_id not in runs or runs[run_id].discovered_at is None:
        return refusal(text)
    return ToolError(
        f"{text} It may have been applied: see show_sweep with the run_id {run_id}. {commands.to_continue(run_id)}"
    )


async def _in_own_task(coroutine: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine as a task. A cancellation reaches it once, and its end is awaited."""
    task = asyncio.create_task(coroutine)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        with CancelScope(shield=True):
            await asyncio.wait([task])
        raise
