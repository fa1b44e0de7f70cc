"""The sweep engine: discover target groups, submit their jobs, settle the results, and report them.

``sweep`` takes all four steps. The steps are public, so that a program can take them in different processes: Airflow
submits on one worker, waits on the triggerer, and settles on another worker. Every step is saved in a checkpoint before
the next one starts.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from functools import partial

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import InvalidCommandError
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.resources.batch_jobs import BatchResult
from fieldingkit.sweeps import verification
from fieldingkit.sweeps.canary import Proceed, canary_ids, read_canary
from fieldingkit.sweeps.checkpoint import Checkpoint, JournalCheckpoint
from fieldingkit.sweeps.chunks import Chunk, split_into_chunks
from fieldingkit.sweeps.concurrency import run_limited
from fieldingkit.sweeps.context import SweepContext
from fieldingkit.sweeps.discovery import find_groups
from fieldingkit.sweeps.executor import ChunkExecutor, JobPoller, WaitStrategy
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.previews import SweepPreview, refresh
from fieldingkit.sweeps.report import SweepProgress, SweepReport
from fieldingkit.sweeps.state import Ledger, SweepState
from fieldingkit.transport.telemetry.attempts import notify

__all__ = ["discover", "report", "settle", "settle_first", "submit", "sweep"]


async def sweep(
    client: AsyncClient,
    plan: SweepPlan,
    *,
    journal: Journal | str | os.PathLike[str] | None = None,
    checkpoint: Checkpoint | None = None,
    on_progress: Callable[[SweepProgress], object] | None = None,
    preview: SweepPreview | None = None,
    verify: bool = True,
    proceed: Proceed | None = None,
) -> SweepReport:
    """Apply an action to many target groups: submit batch jobs, poll them, retry, and read what stays ambiguous.

    With a journal, calling it again with the same plan resumes an interrupted sweep: no job is created twice, and
    submitted jobs are polled to their end. A finished run returns its report again without a request. Without a
    journal, the same target groups under the same run id result in the same jobs for about an hour; statuses are read
    again.

    After the last job the statuses are read again, one filtered list for each project and page, and target groups that
    went live or moved meanwhile are reported as stragglers.

    Args:
        client: The client to use; with a blocking one, ``client.call(sweep, plan)``. Its ``rate`` is respected.
        plan: The action and the target groups.
        journal: Where to record every step: an open journal, or the path of one.
        checkpoint: Another place to record every step, instead of a journal.
        on_progress: Called with the progress after each step, in the client's event loop.
        preview: A preview of this plan; its statuses are read again only if they are more than 30 seconds old.
        verify: False to leave out the reading of the statuses after the last job.
        proceed: Called with the report of the first target groups of a plan with ``first``; returns whether the others
            are sent. By default they are if ``report.ok``.

    Returns:
        The report, with one of six outcomes for each target group. Failed jobs are part of the report.

    Raises:
        InvalidCommandError: if the preview belongs to another plan, or a journal and a checkpoint are given.
        JournalError: if another process writes to the journal, it cannot be written, or the run in it belongs to
            another plan, API or account.
        FieldingKitError: if no project can be read, or one of a strict plan; nothing was sent.
    """
    if journal is not None and checkpoint is not None:
        raise InvalidCommandError("a sweep takes a journal or a checkpoint, not both", field="checkpoint")
    with ExitStack() as stack:
        if checkpoint is None:
            checkpoint = _open_checkpoint(journal, plan, stack)
        context = await discover(client, plan, checkpoint, on_progress=on_progress, preview=preview)
        context.state.verifying = verify and context.as_of is None
        if (canary := await settle_first(context)) is not None:
            goes_on = canary.ok if proceed is None else await proceed(canary)
            context.state.stop_reason = None if goes_on else "the sweep was stopped after its first target groups"
        await settle(context)
        if context.state.verifying:
            await verification.verify(context)
        return report(context)


async def discover(
    client: AsyncClient,
    plan: SweepPlan,
    checkpoint: Checkpoint,
    *,
    on_progress: Callable[[SweepProgress], object] | None = None,
    preview: SweepPreview | None = None,
) -> SweepContext:
    """Load the run from its checkpoint; for a new run, find its target groups and split them into chunks.

    Args:
        client: The client to use.
        plan: The action and the target groups.
        checkpoint: Saves every step.
        on_progress: Called with the progress after each step.
        preview: A preview of this plan; its statuses are read again only if they are more than 30 seconds old.

    Raises:
        InvalidCommandError: if the preview belongs to another plan.
        JournalError: if the run belongs to another plan, API or account.
        FieldingKitError: if no project can be read, or one of a strict plan; nothing was sent.
    """
    progress = _ProgressReporter(client, plan, on_progress)
    identity = RunIdentity.of(client, plan)
    state = await checkpoint.load(plan, identity)
    earlier, as_of = (frozenset[str](), None) if state is None else (state.settled_ids(), state.finished_at)
    if state is None:
        if preview is not None and preview.plan.fingerprint != plan.fingerprint:
            raise InvalidCommandError("the preview belongs to another plan", field="preview")
        if preview is not None:
            preview.identity.check(identity)
        started_at = client.clock.wall()
        await checkpoint.discovering(plan, identity, started_at=started_at)
        if preview is not None:
            found = await refresh(client, preview, progress.found)
        else:
            found = await find_groups(client, plan, progress.found)
        ledger = Ledger(found.groups)
        to_send = ledger.settle_by_status(plan.action)
        state = SweepState(
            identity=identity,
            fingerprint=plan.fingerprint,
            ledger=ledger,
            chunks=split_into_chunks(identity, plan.action, to_send, size=plan.chunk_size, first=plan.first),
            started_at=started_at,
            discovered_at=client.clock.wall(),
            unlisted=found.unlisted,
            projects=found.projects,
        )
        await checkpoint.discovered(state)
    return SweepContext(
        client=client,
        plan=plan,
        state=state,
        checkpoint=checkpoint,
        earlier=earlier,
        as_of=as_of,
        notify=partial(progress.swept, state),
    )


async def submit(context: SweepContext) -> tuple[str, ...]:
    """Submit the jobs of a sweep without waiting for them.

    Jobs that an earlier process submitted are not submitted again.

    Args:
        context: The sweep.

    Returns:
        The tokens of the jobs to wait for. Afterwards, ``settle`` reads their results.
    """
    tokens: list[str] = []

    async def leave(chunk: Chunk, job: AsyncJob[BatchResult]) -> bool:
        del chunk
        tokens.append(job.token())
        return False

    await _run_chunks(context, leave)
    return tuple(tokens)


async def settle(context: SweepContext, *, leave_new_jobs: bool = False) -> tuple[str, ...]:
    """Submit what was not submitted, wait for the jobs, and settle their target groups.

    Args:
        context: The sweep.
        leave_new_jobs: True to wait only for the jobs that were submitted before this call.

    Returns:
        The tokens of the jobs that are left to wait for; empty unless ``leave_new_jobs`` is set.
    """
    if context.state.finished_at is not None:
        return ()
    context.notify()
    submitted_before = {chunk.number for chunk in context.state.chunks if chunk.token is not None}
    tokens: list[str] = []
    poller = JobPoller(context)

    async def wait(chunk: Chunk, job: AsyncJob[BatchResult]) -> bool:
        if leave_new_jobs and chunk.number not in submitted_before:
            tokens.append(job.token())
            return False
        await poller.wait(job)
        return True

    try:
        await _run_chunks(context, wait)
    finally:
        await poller.aclose()
    if not tokens:
        context.state.finished_at = context.client.clock.wall()
        await context.checkpoint.finished(context.state)
        context.notify()
    return tuple(tokens)


async def settle_first(context: SweepContext) -> SweepReport | None:
    """Settle the first target groups of a plan with ``first``, and read them again; the others are not sent yet.

    Args:
        context: The sweep.

    Returns:
        The report of these target groups; None if there are no others, or if others were sent before.
    """
    ids = canary_ids(context)
    if not ids:
        return None
    async with aclosing(JobPoller(context)) as poller:

        async def wait(chunk: Chunk, job: AsyncJob[BatchResult]) -> bool:
            del chunk
            await poller.wait(job)
            return True

        await _run_chunks(context, wait, ids)
    context.state.settled_first = ids
    return await read_canary(context, ids)


def report(context: SweepContext) -> SweepReport:
    """Return the report of a sweep as far as it has come; target groups that are still open are unknown."""
    return context.state.report(context.plan, as_of=context.as_of)


async def _run_chunks(context: SweepContext, wait: WaitStrategy, ids: frozenset[str] | None = None) -> None:
    """Run the open chunks; with ``ids``, only those of these target groups."""
    executor = ChunkExecutor(context, wait=wait)
    chunks = [chunk for chunk in context.state.unfinished() if ids is None or ids.issuperset(chunk.ids)]
    await run_limited(chunks, executor.run, limit=context.plan.concurrency)


def _open_checkpoint(journal: Journal | str | os.PathLike[str] | None, plan: SweepPlan, stack: ExitStack) -> Checkpoint:
    if journal is None:
        return Checkpoint()
    if not isinstance(journal, Journal):
        journal = stack.enter_context(Journal(journal))
    stack.enter_context(journal.claim(plan.run_id))
    return JournalCheckpoint(journal, plan.run_id)


class _ProgressReporter:
    """Calls ``on_progress``, if there is one."""

    def __init__(
        self, client: AsyncClient, plan: SweepPlan, callback: Callable[[SweepProgress], object] | None
    ) -> None:
        self._client = client
        self._run_id = plan.run_id
        self._callback = callback
        self._started = client.clock.now()

    def found(self, total: int) -> None:
        """Report the number of target groups found so far."""
        self._report(SweepProgress(run_id=self._run_id, phase="finding", total=total))

    def swept(self, state: SweepState) -> None:
        """Report the progress of the jobs."""
        self._report(
            SweepProgress(
                run_id=self._run_id,
                phase=state.phase,
                total=len(state.ledger),
                counts=state.ledger.counts,
                jobs=len(state.chunks),
                jobs_submitted=state.submitted,
                jobs_settled=state.settled,
            )
        )

    def _report(self, progress: SweepProgress) -> None:
        if self._callback is not None:
            elapsed = self._client.clock.now() - self._started
            waiting = self._client.rate_limiter.waiting
            notify(self._callback, attrs.evolve(progress, waiting=waiting, elapsed=elapsed))
