"""The steps of a sweep: discover target groups, submit their jobs, settle the results, and report them.

A program can take them in different processes: Airflow submits on one worker, waits on the triggerer, and settles on
another worker. Every step is saved in a checkpoint before the next one starts.
"""

from collections.abc import Awaitable, Callable, Sequence

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ApiError, DecodeError, InvalidCommandError, TransportError
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.resources.batch_jobs import BatchResult
from fieldingkit.sweeps.canary import canary_ids, read_canary
from fieldingkit.sweeps.checkpoint import Checkpoint
from fieldingkit.sweeps.chunks import Chunk, split_into_chunks
from fieldingkit.sweeps.concurrency import run_limited
from fieldingkit.sweeps.context import SweepContext
from fieldingkit.sweeps.continuation import find_earlier
from fieldingkit.sweeps.discovery import FoundGroups, find_groups
from fieldingkit.sweeps.executor import ChunkExecutor, JobPoller, WaitStrategy
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.predecessors import close_continued, load_continued
from fieldingkit.sweeps.previews import SweepPreview, refresh
from fieldingkit.sweeps.progress import ProgressReporter
from fieldingkit.sweeps.report import Outcome, SweepProgress, SweepReport
from fieldingkit.sweeps.state import FoundGroup, Ledger, SweepState
from fieldingkit.sweeps.status_age import StatusAge

__all__ = ["Step", "discover", "new_run", "report", "resume_run", "settle", "settle_first", "submit"]

Step = Callable[[SweepContext], Awaitable[tuple[str, ...]]]
"""``submit`` or ``settle``: advances a sweep, and returns the tokens of the jobs that are left to wait for."""


async def discover(
    client: AsyncClient,
    plan: SweepPlan,
    checkpoint: Checkpoint,
    *,
    on_progress: Callable[[SweepProgress], object] | None = None,
    preview: SweepPreview | None = None,
    continues: str | None = None,
) -> SweepContext:
    """Load the run from its checkpoint; for a new run, find its target groups and split them into chunks.

    Args:
        client: The client to use.
        plan: The action and the target groups.
        checkpoint: Saves every step.
        on_progress: Called with the progress after each step.
        preview: A preview of this plan; its statuses are read again only if they are more than 30 seconds old.
        continues: The id of the interrupted run of the same plan that a new run continues: its open jobs are polled to
            their end first.

    Raises:
        InvalidCommandError: if the preview or the continued run belongs to another plan.
        JournalError: if the run belongs to another plan, API or account, or the continued run is not in the journal.
        FieldingKitError: if no project can be read, or one of a strict plan; nothing was sent.
    """
    progress = ProgressReporter(client, plan, on_progress)
    identity = RunIdentity.of(client, plan)
    state = await checkpoint.load(plan, identity)
    if state is not None:
        return await resume_run(client, plan, state, checkpoint, preview=preview, progress=progress)
    if preview is not None and preview.plan.fingerprint != plan.fingerprint:
        raise InvalidCommandError("the preview belongs to another plan", field="preview")
    if preview is not None:
        preview.identity.check(identity)
    continued = await load_continued(client, checkpoint, continues, progress)
    if continued and continued[0].plan.fingerprint != plan.fingerprint:
        raise InvalidCommandError(f"the run {continues} is of another plan", field="continues")
    await _follow_continued(continued, plan.run_id)
    started_at = client.clock.wall()
    await checkpoint.discovering(plan, identity, started_at=started_at, continues=continues)
    read_at = client.clock.now()
    if preview is not None:
        if continued:
            preview = attrs.evolve(preview, read_at=float("-inf"))  # the open jobs have ended since
        read_at = preview.read_at if preview.recent(read_at) else read_at
        found = await refresh(client, preview, progress.found)
    else:
        found = await find_groups(client, plan, progress.found)
    if continued:
        found = await find_earlier(client, plan, found, continued[-1].report())
    context = new_run(client, plan, checkpoint, found, continued, started_at=started_at, progress=progress)
    context = attrs.evolve(context, status_age=StatusAge(read_at))
    context.state.from_preview = preview is not None
    await checkpoint.discovered(context.state)
    await close_continued(continued)
    return context


def new_run(
    client: AsyncClient,
    plan: SweepPlan,
    checkpoint: Checkpoint,
    found: FoundGroups,
    continued: tuple[SweepContext, ...],
    *,
    started_at: float,
    progress: ProgressReporter,
) -> SweepContext:
    """Return a new run with the target groups that were found, split into chunks."""
    identity = RunIdentity.of(client, plan)
    ledger = Ledger(found.groups)
    to_send = ledger.settle_by_status(plan.action)
    state = SweepState(
        identity=identity,
        fingerprint=plan.fingerprint,
        continues=continued[-1].plan.run_id if continued else None,
        ledger=ledger,
        chunks=split_into_chunks(identity, plan.action, to_send, size=plan.chunk_size, first=plan.first),
        started_at=started_at,
        discovered_at=client.clock.wall(),
        unlisted=found.unlisted,
        projects=found.projects,
    )
    context = SweepContext(
        client=client, plan=plan, state=state, checkpoint=checkpoint, continued=continued, progress=progress
    )
    return attrs.evolve(context, earlier=context.claimed_unread()) if continued else context


async def resume_run(
    client: AsyncClient,
    plan: SweepPlan,
    state: SweepState,
    checkpoint: Checkpoint,
    *,
    preview: SweepPreview | None = None,
    continued: tuple[SweepContext, ...] | None = None,
    progress: ProgressReporter,
) -> SweepContext:
    """Return the run that an earlier process left; its unlisted projects are listed again.

    A run of a preview gets no target groups that it did not show. A preview decides about the target groups that were
    unknown before anything was sent for them. The runs that it continues are loaded, unless they are given.
    """
    earlier, as_of = state.decided_earlier(), state.finished_at
    if continued is None:
        continued = await load_continued(client, checkpoint, state.continues, progress)
    if as_of is None:
        await _follow_continued(continued, plan.run_id)
        await close_continued(continued)
        if continued and state.adopt(continued[-1].report().groups):
            await checkpoint.discovered(state)
        if preview is not None:
            undecided = state.undecided()
            found = await refresh(client, preview)
            new = [group for group in found.groups if group.target_group_id in undecided]
            await _add_groups(plan, state, checkpoint, new)
        await _list_again(client, plan, state, checkpoint)
    return SweepContext(
        client=client,
        plan=plan,
        state=state,
        checkpoint=checkpoint,
        continued=continued,
        earlier=earlier.union(*(each.earlier for each in continued)),
        as_of=as_of,
        progress=progress,
    )


async def _list_again(client: AsyncClient, plan: SweepPlan, state: SweepState, checkpoint: Checkpoint) -> None:
    """Add the target groups of the projects that could not be listed, as far as they can be now."""
    if plan.query is None or not state.unlisted or state.from_preview:
        return
    query = attrs.evolve(plan.query, project_ids=[project.project_id for project in state.unlisted])
    try:
        found = await find_groups(client, attrs.evolve(plan, query=query, strict=False))
    except (ApiError, TransportError, DecodeError):
        return  # none of them can be listed yet
    state.unlisted = found.unlisted
    known = {group.target_group_id for group in state.ledger.found}
    await _add_groups(plan, state, checkpoint, [group for group in found.groups if group.target_group_id not in known])


async def _add_groups(plan: SweepPlan, state: SweepState, checkpoint: Checkpoint, groups: Sequence[FoundGroup]) -> None:
    """Add target groups to a run, with chunks for those to send."""
    to_send = state.ledger.add(groups, plan.action)
    for chunk in split_into_chunks(state.identity, plan.action, to_send, size=plan.chunk_size):
        state.put(attrs.evolve(chunk, number=len(state.chunks)))
    await checkpoint.discovered(state)


async def _follow_continued(continued: Sequence[SweepContext], successor: str) -> None:
    """Poll the open jobs of interrupted runs to their end. What was never sent is left to the run that continues."""
    for each in continued:
        if each.state.finished_at is None:
            open_chunks = each.state.unfinished()
            for id_ in (id_ for chunk in open_chunks if chunk.never_sent for id_ in chunk.ids):
                each.state.ledger.settle(id_, Outcome.NOT_SENT, f"not sent: continued by the run {successor}")
            await _settle_chunks(each, [chunk for chunk in open_chunks if not chunk.never_sent])


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

    await _run_chunks(context, context.state.unfinished(), leave)
    return tuple(tokens)


async def settle(context: SweepContext, *, leave_new_jobs: bool = False) -> tuple[str, ...]:
    """Submit what was not submitted, wait for the jobs, and settle their target groups.

    Args:
        context: The sweep.
        leave_new_jobs: True to wait only for the jobs that were submitted before this call.

    Returns:
        The tokens of the jobs that are left to wait for; empty unless ``leave_new_jobs`` is set.
    """
    state = context.state
    if state.finished_at is not None:
        return ()
    tokens = await _settle_chunks(context, state.unfinished(), leave_new_jobs=leave_new_jobs)
    if not tokens:
        state.finished_at = context.client.clock.wall()
        await context.checkpoint.finished(state)
        context.notify()
    return tuple(tokens)


async def _settle_chunks(
    context: SweepContext, chunks: Sequence[Chunk], *, leave_new_jobs: bool = False
) -> Sequence[str]:
    """Run chunks to their end; return the tokens of the jobs that are left to wait for."""
    context.notify()
    tokens: list[str] = []
    poller = JobPoller(context)
    submitted_before = {chunk.number for chunk in chunks if chunk.token is not None}

    async def wait(chunk: Chunk, job: AsyncJob[BatchResult]) -> bool:
        if leave_new_jobs and chunk.number not in submitted_before:
            tokens.append(job.token())
            return False
        await poller.wait(job)
        return True

    try:
        await _run_chunks(context, chunks, wait)
    finally:
        await poller.aclose()
    return tokens


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
    await _settle_chunks(context, [chunk for chunk in context.state.unfinished() if ids.issuperset(chunk.ids)])
    context.state.settled_first = ids
    context.notify()
    return await read_canary(context, ids)


def report(context: SweepContext) -> SweepReport:
    """Return the report of a sweep as far as it has come; open target groups are unknown, or not sent."""
    return context.report()


async def _run_chunks(context: SweepContext, chunks: Sequence[Chunk], wait: WaitStrategy) -> None:
    executor = ChunkExecutor(context, wait=wait)
    await run_limited(chunks, executor.run, limit=context.plan.concurrency)
