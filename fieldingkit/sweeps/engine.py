"""The sweep engine: discover target groups, submit their jobs, settle the results, verify them, and report them.

``sweep`` takes all steps in one process. Every step is saved in a checkpoint before the next one starts.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import InvalidCommandError
from fieldingkit.sweeps import verification
from fieldingkit.sweeps.canary import Proceed
from fieldingkit.sweeps.checkpoint import Checkpoint
from fieldingkit.sweeps.interruption import TrackedCheckpoint, note_outcome
from fieldingkit.sweeps.journal import Journal
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.previews import SweepPreview
from fieldingkit.sweeps.report import SweepProgress, SweepReport
from fieldingkit.sweeps.steps import discover, report, settle, settle_first
from fieldingkit.sweeps.stragglers import sweep_stragglers

__all__ = ["sweep"]


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
    read. Without a journal, the same target groups under the same run id result in the same jobs as long as the API
    remembers their keys; statuses are read again.

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
            another plan, API or account. Once a job was sent, ``maybe_applied`` is True, and the error names the run.
        FieldingKitError: if no project can be read, or one of a strict plan; nothing was sent.

    Any other exception that ends the sweep, such as a cancellation or an error of ``proceed``, has a note that says
    whether the action may have been applied, and how to continue the run.
    """
    if journal is not None and checkpoint is not None:
        raise InvalidCommandError("a sweep takes a journal or a checkpoint, not both", field="checkpoint")
    with ExitStack() as stack:
        tracked = _open_checkpoint(journal, plan, stack) if checkpoint is None else TrackedCheckpoint(checkpoint)
        stack.enter_context(note_outcome(plan, tracked))
        context = await discover(client, plan, tracked, on_progress=on_progress, preview=preview, continues=continues)
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


def _open_checkpoint(
    journal: Journal | str | os.PathLike[str] | None, plan: SweepPlan, stack: ExitStack
) -> TrackedCheckpoint:
    if journal is not None:
        if not isinstance(journal, Journal):
            journal = stack.enter_context(Journal(journal))
        stack.enter_context(journal.claim(plan.run_id))
    return TrackedCheckpoint.of(journal, plan.run_id)
