"""The execution of a plan that was shown: refuse it if it drifted, then sweep it with a journal."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any, TypeVar

from anyio import CancelScope
from mcp.server.mcpserver.exceptions import ToolError

from fieldingkit.client import AsyncClient
from fieldingkit.errors import FieldingKitError, JournalError
from fieldingkit.mcp.failures import describe_failure
from fieldingkit.mcp.plans import refusal
from fieldingkit.mcp.runs import continue_advice, journal_path
from fieldingkit.rendering.text import pluralize
from fieldingkit.sweeps.engine import sweep
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.locks import lock_sweep
from fieldingkit.sweeps.plan_file import recheck
from fieldingkit.sweeps.previews import SweepPreview
from fieldingkit.sweeps.report import SweepProgress, SweepReport

__all__ = ["PlanExecutor"]

T = TypeVar("T")


class PlanExecutor:
    """Applies plans, one at a time.

    Args:
        client: The client.
        journals: The folder of the journals, where the command line finds them.
        locks: The folder of the locks, which it shares with the command line.
    """

    def __init__(self, client: AsyncClient, *, journals: Path, locks: Path) -> None:
        self._client = client
        self._journals = journals
        self._locks = locks
        self._turn = asyncio.Lock()

    async def apply(self, planned: SweepPreview, on_progress: Callable[[SweepProgress], object]) -> SweepReport:
        """Apply a plan, and return the report of its run.

        The sweep has a task of its own: a cancellation of the call interrupts it once, and it ends in order.

        Raises:
            ToolError: if a target group moved since, the same sweep is in progress, or the run failed. The message
                says whether anything was sent.
        """
        async with self._turn:
            with self._prepared(planned) as journal:
                seen = await self._unmoved(planned)
                try:
                    report = await _in_own_task(
                        sweep(self._client, seen.plan, journal=journal, preview=seen, on_progress=on_progress)
                    )
                except FieldingKitError as exc:
                    raise ToolError(f"{describe_failure(exc)} {_sent(journal, seen.plan.run_id)}") from exc
                with contextlib.suppress(JournalError):  # without the mark, the command line reports the run once more
                    journal.mark_reported(report.run_id, self._client.clock.wall())
                return report

    async def _unmoved(self, planned: SweepPreview) -> SweepPreview:
        """Return the plan with the statuses of now, which are those of the plan."""
        try:
            seen = await recheck(self._client, planned)
        except FieldingKitError as exc:
            raise refusal(describe_failure(exc)) from exc
        still = {group.target_group_id for group in seen.to_send}
        moved = [group for group in planned.to_send if group.target_group_id not in still]
        if moved:
            ids = ", ".join(group.target_group_id for group in moved[:3])
            raise refusal(f"{pluralize(len(moved))} of the plan moved since it was shown, such as {ids}")
        return seen

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


def _sent(journal: Journal, run_id: str) -> str:
    """Return whether anything was sent by a run that failed, and what to do."""
    try:
        runs = {run.run_id: run for run in journal.runs()}
    except JournalError:
        return f"It may have been applied: the journal cannot be read. {continue_advice(run_id)}"
    if run_id not in runs or runs[run_id].discovered_at is None:
        return "Nothing was sent. Make a new plan."
    return f"It may have been applied: see show_sweep with the run_id {run_id}. {continue_advice(run_id)}"


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
