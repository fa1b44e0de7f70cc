"""The workflow ``remove_all_exclusions``: no live target group is left without its exclusions."""

from collections.abc import Callable
from functools import partial
from typing import Literal, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.client import AsyncClient
from fieldingkit.commands import check_kind
from fieldingkit.errors import (
    ConfigurationError,
    FieldingKitError,
    InvalidCommandError,
    InvalidStateError,
    PreconditionFailedError,
    WorkflowError,
)
from fieldingkit.resources.excluded_respondents import (
    ExclusionJob,
    ExclusionsOverview,
    RemoveAllExclusions,
    UploadExclusions,
)
from fieldingkit.resources.fielding_runs import (
    FieldingRun,
    FieldingRunStatus,
    GetFieldingRun,
    ListFieldingRuns,
    ResumeFieldingRun,
)
from fieldingkit.results import Serializable
from fieldingkit.workflows.exclusions import (
    JobOptions,
    UploadedExclusions,
    check_arguments,
    group_path,
    id_count,
    overview_of,
    read_at_end,
    run_exclusion_job,
    upload_with,
)
from fieldingkit.workflows.optimistic import any_maybe_applied, keep_outcome, read_run
from fieldingkit.workflows.reading import send_read
from fieldingkit.workflows.runs import EnsuredStatus, ensure_status

__all__ = ["RemovedExclusions", "remove_all_exclusions"]


@attrs.frozen(kw_only=True)
class RemovedExclusions(Serializable):
    """The result of ``remove_all_exclusions``: the removal has ended with success, or there was nothing to remove."""

    job: ExclusionJob | None
    """The job; None if there was nothing to remove."""
    before: ExclusionsOverview
    """The numbers of ids before the removal."""
    after: ExclusionsOverview | None
    """The numbers of ids at the end, changes of other users included; None if they cannot be read."""
    uploaded: UploadedExclusions | None
    """The upload that followed the removal; None if there was none."""
    paused: bool
    """True if this workflow paused the target group. After an ambiguous outcome, another user may have paused it."""
    resumed: bool
    """True if this workflow resumed it. After an ambiguous outcome, another user may have resumed it."""
    run: FieldingRun | None
    """The fielding run at the end; None for a draft, and if it cannot be read."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The refusals, ambiguous outcomes and failed reads that were handled, in order."""


async def remove_all_exclusions(
    client: AsyncClient,
    removal: RemoveAllExclusions,
    *,
    pause: bool = False,
    upload: UploadExclusions | None = None,
    timeout: float | Literal["auto"] | None = "auto",
    wait_for_others: float = 3600.0,
    on_start: Callable[[str], object] | None = None,
) -> RemovedExclusions:
    """Remove all uploaded respondents of one kind from a target group, and upload others in their place if wanted.

    A live target group would admit the removed respondents at once, so it is refused, or paused first. At the end it is
    resumed if this workflow paused it, the removal and the upload were seen to succeed, and no other user changed the
    run meanwhile. In all other cases it stays paused, and the error or the result says so.

    Args:
        client: The client to use; with a blocking one, ``client.call(remove_all_exclusions, removal, pause=True)``.
        removal: The command. The ids cannot be brought back: keep the file that they came from.
        pause: True to pause a live target group meanwhile; it is refused otherwise.
        upload: The ids to upload after the removal, before the target group is resumed.
        timeout: Seconds to wait for each job; None for no limit; ``"auto"`` by the number of ids.
        wait_for_others: Seconds to wait at most while another upload or removal runs on the target group.
        on_start: Called with the token of each job once it is accepted.

    Raises:
        WorkflowError: if the target group is live and ``pause`` is False, or if another job did not end; nothing was
            removed.
        InvalidCommandError: if ``upload`` is for another target group.
        JobFailedError: if the removal or the upload failed.
        JobError: if the result of a job is not available; ``client.job(error.token)`` waits for it again.
        FieldingKitError: if something cannot be read or is refused.
    """
    options = JobOptions(timeout, wait_for_others, on_start)
    check_arguments(client, removal, RemoveAllExclusions, options)
    _check_replacement(client, removal, upload, pause)
    before = await send_read(client, overview_of(removal))
    run = await _find_run(client, removal)
    job: ExclusionJob | None = None
    uploaded: UploadedExclusions | None = None
    held: EnsuredStatus | None = None
    conflicts: list[FieldingKitError] = []
    is_empty = id_count(before, removal.entity_type) == 0
    if run is not None and run.status == FieldingRunStatus.LIVE and not is_empty:
        if not pause:
            raise _live_error(removal, "pass pause=True to pause it meanwhile")
        held = await ensure_status(client, _run_command(removal, run), FieldingRunStatus.PAUSED)
        conflicts += held.conflicts
    resumed = False
    try:
        if not is_empty:
            before, job = await run_exclusion_job(client, removal, options, partial(_check_not_live, client, removal))
        if upload is not None:
            uploaded = await upload_with(client, upload, options)
            conflicts += uploaded.conflicts
        if run is not None and held is not None and held.changed and not any_maybe_applied(held.conflicts):
            resumed = await _resume(client, _run_command(removal, run), held, conflicts)
    except BaseException as exc:
        _note_end(exc, job, held)
        raise
    return RemovedExclusions(
        job=job,
        before=before,
        after=await read_at_end(client, overview_of(removal), conflicts),
        uploaded=uploaded,
        paused=held is not None and held.changed,
        resumed=resumed,
        run=None if run is None else await read_at_end(client, _run_command(removal, run), conflicts),
        conflicts=tuple(conflicts),
    )


async def _check_not_live(client: AsyncClient, removal: RemoveAllExclusions) -> None:
    """Refuse a target group that went live, or that another user resumed, while another job was waited for."""
    run = await _find_run(client, removal)
    if run is not None and run.status == FieldingRunStatus.LIVE:
        raise _live_error(removal, "it was not when the removal began")


def _live_error(removal: RemoveAllExclusions, advice: str) -> WorkflowError:
    return WorkflowError(
        f"the target group is live and would admit the removed respondents at once: {advice}; nothing was removed",
        command=removal,
    )


async def _resume(
    client: AsyncClient, command: GetFieldingRun, held: EnsuredStatus, conflicts: list[FieldingKitError]
) -> bool:
    """Resume the run that this workflow paused, unless it was changed since; return whether it was resumed."""
    etag = held.etag or (await read_run(client, command)).etag
    resume = ResumeFieldingRun(**group_path(command), fielding_run_id=command.fielding_run_id, if_match=etag)
    try:
        await client.send(resume)
    except FieldingKitError as exc:
        if not (exc.maybe_applied or isinstance(exc, PreconditionFailedError | InvalidStateError)):
            raise
        conflicts.append(exc)
        return exc.maybe_applied and (await read_run(client, command)).status == FieldingRunStatus.LIVE
    return True


def _check_replacement(client: AsyncClient, removal: RemoveAllExclusions, upload: object, pause: object) -> None:
    if type(pause) is not bool:
        raise ConfigurationError(f"pause must be True or False; got {brief_repr(pause)}")
    if upload is None:
        return
    check_kind(upload, UploadExclusions)
    if _place(client, cast("UploadExclusions", upload)) != _place(client, removal):
        raise InvalidCommandError("upload must be for the target group of the removal", field="upload")


def _place(client: AsyncClient, command: RemoveAllExclusions | UploadExclusions) -> tuple[str, ...]:
    account_id = client.account_id if command.account_id is None else command.account_id
    return str(account_id), command.project_id, command.target_group_id


async def _find_run(client: AsyncClient, removal: RemoveAllExclusions) -> FieldingRun | None:
    """Return the live run of the target group, or else the last one; None if it is a draft."""
    runs = await send_read(client, ListFieldingRuns(**group_path(removal)))
    if not runs:
        return None
    # The contract does not order the runs.
    live = next((run for run in runs if run.status == FieldingRunStatus.LIVE), runs[-1])
    return await read_run(client, _run_command(removal, live))


def _run_command(removal: RemoveAllExclusions, run: FieldingRun) -> GetFieldingRun:
    return GetFieldingRun(**group_path(removal), fielding_run_id=run.id)


def _note_end(exc: BaseException, job: ExclusionJob | None, held: EnsuredStatus | None) -> None:
    """Let the error that ends the workflow say what was done before."""
    if job is not None:
        keep_outcome(exc, "the ids were removed")
        exc.add_note("The ids were removed before.")
    if held is not None and held.changed:
        exc.add_note("The target group was paused; it was not seen to be resumed.")
