"""The sweep engine: discover target groups, submit their jobs, settle the results, and report them.

``sweep`` takes all four steps. The steps are public, so that a program can take them in different processes: Airflow
submits on one worker, waits on the triggerer, and settles on another worker. Every step is saved in a checkpoint before
the next one starts.
"""

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ApiError, DecodeError, InvalidCommandError, TransportError
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.resources.batch_jobs import BatchResult
from fieldingkit.sweeps import verification
from fieldingkit.sweeps.canary import Proceed, canary_ids, read_canary
from fieldingkit.sweeps.checkpoint import Checkpoint, JournalCheckpoint
from fieldingkit.sweeps.chunks import Chunk, split_into_chunks
from fieldingkit.sweeps.concurrency import run_limited
from fieldingkit.sweeps.context import SweepContext
from fieldingkit.sweeps.continuation import find_earlier
from fieldingkit.sweeps.discovery import FoundGroups, find_groups
from fieldingkit.sweeps.executor import ChunkExecutor, JobPoller, WaitStrategy
from fieldingkit.sweeps.identity import RunIdentity
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.plan import SweepPlan, derive_run_id
from fieldingkit.sweeps.predecessors import close_continued, load_continued
from fieldingkit.sweeps.previews import SweepPreview, refresh
from fieldingkit.sweeps.progress import ProgressReporter
from fieldingkit.sweeps.report import Outcome, SweepProgress, SweepReport
from fieldingkit.sweeps.state import FoundGroup, Ledger, SweepState
from fieldingkit.sweeps.status_age import StatusAge

__all__ = ["Step", "discover", "report", "settle", "settle_first", "submit", "sweep", "sweep_stragglers"]

Step = Callable[[SweepContext], Awaitable[tuple[str, ...]]]
"""``submit`` or ``settle``: advances a sweep, and returns the tokens of the jobs that are left to wait for."""

_MAX_ROUNDS = 5
"""How often stragglers are swept, each time as a run of its own."""
_MAX_AGE = 3600.0
"""Seconds after the end of a run in which a later process still sweeps its stragglers."""
_ROUND = "-again-"
"""The part of the run id of such a run before its number."""


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
    until_none_left: bool = False,
    continues: str | None = None,
) -> SweepReport:
    """Apply an action to many target groups: submit batch jobs, poll them, retry, and read what stays ambiguous.

    With a journal, calling it again with the same plan resumes an interrupted sweep: no job is created twice, and
    submitted jobs are polled to their end. A finished run returns its report again; only what was not verified yet is
    read. Without a journal, the same target groups under the same run id result in the same jobs for about an hour;
    statuses are read again.

    After the last job the statuses are read again, one filtered list for each project and page, and target groups that
    went live or moved meanwhile are reported as stragglers.

    With ``continues``, a new run first polls the open jobs of an interrupted one to their end, and then discovers what
    still matches the plan. The report and an undo of it cover both runs.

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
        until_none_left: True to sweep the stragglers as well, at most five times, each time as a run that continues
            this one.
        continues: The id of the interrupted run of the same plan in the journal that this run continues.

    Returns:
        The report, with one of six outcomes for each target group. Failed jobs are part of the report.

    Raises:
        InvalidCommandError: if the preview or the continued run belongs to another plan, or a journal and a checkpoint
            are given.
        JournalError: if another process writes to the journal, it cannot be written, or the run in it belongs to
            another plan, API or account.
        FieldingKitError: if no project can be read, or one of a strict plan; nothing was sent.
    """
    if journal is not None and checkpoint is not None:
        raise InvalidCommandError("a sweep takes a journal or a checkpoint, not both", field="checkpoint")
    with ExitStack() as stack:
        if checkpoint is None:
            checkpoint = _open_checkpoint(journal, plan, stack)
        context = await discover(
            client, plan, checkpoint, on_progress=on_progress, preview=preview, continues=continues
        )
        state = context.state
        state.verifying = (verify or until_none_left) and (context.as_of is None or state.verification_due)
        if (canary := await settle_first(context)) is not None:
            goes_on = canary.ok if proceed is None else await proceed(canary)
            state.stop_reason = None if goes_on else "the sweep was stopped after its first target groups"
        await settle(context)
        if state.verifying:
            context = attrs.evolve(context, as_of=None)  # its statuses are read now
            await verification.verify(context)
        if until_none_left and state.stop_reason is None:
            context, _ = await sweep_stragglers(context)
        return report(context)


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
        return await _resume(client, plan, state, checkpoint, preview=preview, progress=progress)
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
    context = _new_run(client, plan, checkpoint, found, continued, started_at=started_at, progress=progress)
    context = attrs.evolve(context, status_age=StatusAge(read_at))
    await checkpoint.discovered(context.state)
    await close_continued(continued)
    return context


def _new_run(
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


async def _resume(
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

    A preview decides about the target groups that were unknown before anything was sent for them. The runs that it
    continues are loaded, unless they are given.
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
    if plan.query is None or not state.unlisted:
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


async def sweep_stragglers(context: SweepContext, step: Step = settle) -> tuple[SweepContext, tuple[str, ...]]:
    """Sweep the stragglers of a verified sweep in runs that continue each other, at most five, until there are none.

    Runs that an earlier process began are resumed. The stragglers that it found are read again first; an hour after the
    end of the run they are only reported, because people may have moved them since.

    Args:
        context: The sweep, after its verification.
        step: Advances each of the runs.

    Returns:
        The last run, and the tokens of the jobs to wait for. Once they have ended, a later call continues.
    """
    tokens: tuple[str, ...] = ()
    base, _, last = context.plan.run_id.partition(_ROUND)
    for number in range(_MAX_ROUNDS):
        run_id = derive_run_id(base, f"{_ROUND}{int(last or 0) + number + 1}")
        following = await _resume_round(context, run_id)
        if following is None and _ended_recently(context):
            if context.as_of is not None and context.state.stragglers:
                context = attrs.evolve(context, as_of=None)  # their statuses are read now
                await verification.verify(context)
            following = await _new_round(context, run_id)
        if following is None:
            break
        if following.as_of is None:
            tokens = await step(following)
            if not tokens and following.state.settled == len(following.state.chunks):
                await settle(following)  # there is nothing left to do, so this only records the end of the run
            if following.state.finished_at is None:
                return following, tokens
            await verification.verify(following)
        context = following
    return context, tokens


def _ended_recently(context: SweepContext) -> bool:
    ended_at = context.state.finished_at
    return ended_at is not None and context.client.clock.wall() - ended_at <= _MAX_AGE


async def _new_round(context: SweepContext, run_id: str) -> SweepContext | None:
    """Return a new run for the stragglers of another one; None if it has none that the action applies to."""
    found = [
        FoundGroup(item.target_group_id, item.project_id, item.status, name=item.name, short_id=item.short_id)
        for item in context.state.stragglers
        if item.status in context.plan.action.sources
    ]
    if not found:
        return None
    groups: dict[str, list[str]] = {}
    for group in found:
        groups.setdefault(group.project_id, []).append(group.target_group_id)
    plan = _plan_of_round(context, groups, run_id)
    checkpoint, started_at = context.checkpoint.for_run(run_id), context.client.clock.wall()
    identity = RunIdentity.of(context.client, plan)
    await checkpoint.discovering(plan, identity, started_at=started_at, continues=context.plan.run_id)
    following = _new_run(
        context.client,
        plan,
        checkpoint,
        FoundGroups(tuple(found), context.state.unlisted, context.state.projects),
        (*context.continued, context),
        started_at=started_at,
        progress=context.progress,
    )
    # The verification may have failed to read what an earlier process had reported.
    earlier = context.earlier | following.earlier
    following = attrs.evolve(following, earlier=earlier, status_age=StatusAge(context.client.clock.now()))
    following.state.verifying = True
    await checkpoint.discovered(following.state)
    return following


async def _resume_round(context: SweepContext, run_id: str) -> SweepContext | None:
    """Return a run for stragglers that an earlier process began; None if there is none with this id."""
    checkpoint = context.checkpoint.for_run(run_id)
    plan = await checkpoint.plan()
    if plan is None:
        return None
    plan = _plan_of_round(context, plan.target_groups or {}, run_id)
    state = await checkpoint.load(plan, RunIdentity.of(context.client, plan))
    if state is None:
        return None
    state.unlisted = context.state.unlisted  # they may have been listed since
    continued = (*context.continued, context)
    resumed = await _resume(context.client, plan, state, checkpoint, continued=continued, progress=context.progress)
    if context.as_of is None or state.verification_due:
        resumed = attrs.evolve(resumed, as_of=None)  # its statuses are read now
    state.verifying = resumed.as_of is None
    return resumed


def _plan_of_round(context: SweepContext, groups: Mapping[str, Iterable[str]], run_id: str) -> SweepPlan:
    """Return the plan of a run for stragglers, with the options of the plan that found them."""
    first = (*context.continued, context)[0]
    return attrs.evolve(first.plan, query=None, target_groups=groups, check_status_first=True, run_id=run_id)


async def _run_chunks(context: SweepContext, chunks: Sequence[Chunk], wait: WaitStrategy) -> None:
    executor = ChunkExecutor(context, wait=wait)
    await run_limited(chunks, executor.run, limit=context.plan.concurrency)


def _open_checkpoint(journal: Journal | str | os.PathLike[str] | None, plan: SweepPlan, stack: ExitStack) -> Checkpoint:
    if journal is None:
        return Checkpoint()
    if not isinstance(journal, Journal):
        journal = stack.enter_context(Journal(journal))
    stack.enter_context(journal.claim(plan.run_id))
    return JournalCheckpoint(journal, plan.run_id)
