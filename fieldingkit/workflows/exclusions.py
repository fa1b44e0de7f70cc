"""Workflows for excluded respondents: ``upload_exclusions`` and ``remove_all_exclusions``."""

from typing import Any, Literal, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.client import AsyncClient
from fieldingkit.commands import check_kind
from fieldingkit.errors import (
    ConfigurationError,
    FieldingKitError,
    InvalidCommandError,
    InvalidStateError,
    JobFailedError,
    PreconditionFailedError,
    WorkflowError,
)
from fieldingkit.jobs.poller import check_wait_timeout
from fieldingkit.resources.excluded_respondents import (
    ExclusionEntityType,
    ExclusionJob,
    ExclusionsOverview,
    GetExclusionsOverview,
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
from fieldingkit.workflows.exclusive_jobs import submit_when_free
from fieldingkit.workflows.optimistic import any_maybe_applied, keep_outcome, read_run
from fieldingkit.workflows.reading import send_read
from fieldingkit.workflows.runs import EnsuredStatus, ensure_status

__all__ = ["RemovedExclusions", "UploadedExclusions", "remove_all_exclusions", "upload_exclusions"]

_Timeout = float | Literal["auto"] | None


@attrs.frozen(kw_only=True)
class UploadedExclusions(Serializable):
    """The result of ``upload_exclusions``: the upload has ended with success."""

    job: ExclusionJob
    """The job; its ``note`` is the API's sentence about ids that were left out, None if there are none."""
    sent: int
    """The number of ids in the file."""
    before: ExclusionsOverview
    """The numbers of ids before the upload."""
    after: ExclusionsOverview
    """The numbers of ids afterwards; ids that were known before, and changes of other users, count too."""


@attrs.frozen(kw_only=True)
class RemovedExclusions(Serializable):
    """The result of ``remove_all_exclusions``: the removal has ended with success, or there was nothing to remove."""

    job: ExclusionJob | None
    """The job; None if there was nothing to remove."""
    before: ExclusionsOverview
    """The numbers of ids before the removal."""
    after: ExclusionsOverview
    """The numbers of ids at the end."""
    uploaded: UploadedExclusions | None
    """The upload that followed the removal; None if there was none."""
    paused: bool
    """True if this workflow paused the target group. After an ambiguous outcome, another user may have paused it."""
    resumed: bool
    """True if this workflow resumed it. After an ambiguous outcome, another user may have resumed it."""
    run: FieldingRun | None
    """The fielding run as last read; None for a draft."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The refusals and ambiguous outcomes of pausing and resuming, in order."""


async def upload_exclusions(
    client: AsyncClient,
    upload: UploadExclusions,
    *,
    wait_for_others: float = 600.0,
    timeout: float | Literal["auto"] | None = "auto",
) -> UploadedExclusions:
    """Add respondents that a target group does not admit, and wait until the API has done so.

    Only one upload or removal can run on a target group at a time. While another one runs, this one is tried again. An
    upload has no idempotency key: after an ambiguous outcome it is not repeated, and the error has a note with the
    number of ids before, to compare with ``GetExclusionsOverview``. Ids that the API leaves out are a note, no failure.

    Args:
        client: The client to use; with a blocking one, ``client.call(upload_exclusions, upload)``.
        upload: The command, which refuses more than 100,000 ids and a file of 5 MB.
        wait_for_others: Seconds to wait at most while another job runs on the target group.
        timeout: Seconds to wait for the job at most; None for no limit; ``"auto"`` by the number of ids. The job itself
            continues.

    Raises:
        WorkflowError: if another job still runs after ``wait_for_others`` seconds; nothing was uploaded.
        JobFailedError: if the upload failed; some of the ids may have been added.
        JobError: if the result of the upload is not available; ``client.job(error.token)`` waits for it again.
        FieldingKitError: if the number of ids cannot be read, or the upload is refused.
    """
    _check(client, upload, UploadExclusions, wait_for_others, timeout)
    before = await send_read(client, _overview(upload))
    try:
        job = await submit_when_free(client, upload, wait_for_others)
        result = await job.wait(timeout)
    except BaseException as exc:
        _note_counts(exc, upload, before)
        raise
    try:
        after = await send_read(client, _overview(upload))
    except BaseException as exc:
        keep_outcome(exc, "the ids were uploaded")
        raise
    return UploadedExclusions(job=result, sent=upload.item_count(), before=before, after=after)


async def remove_all_exclusions(
    client: AsyncClient,
    removal: RemoveAllExclusions,
    *,
    pause: bool = False,
    upload: UploadExclusions | None = None,
    wait_for_others: float = 600.0,
    timeout: float | Literal["auto"] | None = "auto",
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
        wait_for_others: Seconds to wait at most while another job runs on the target group.
        timeout: Seconds to wait for each job at most; None for no limit; ``"auto"`` by the number of ids.

    Raises:
        WorkflowError: if the target group is live and ``pause`` is False, or if another job still runs after
            ``wait_for_others`` seconds; nothing was removed.
        InvalidCommandError: if ``upload`` is for another target group.
        JobFailedError: if the removal or the upload failed.
        JobError: if the result of a job is not available; ``client.job(error.token)`` waits for it again.
        FieldingKitError: if something cannot be read or is refused.
    """
    _check(client, removal, RemoveAllExclusions, wait_for_others, timeout)
    _check_replacement(removal, upload, pause)
    before = await send_read(client, _overview(removal))
    run = await _find_run(client, removal)
    is_live = run is not None and run.status == FieldingRunStatus.LIVE
    job: ExclusionJob | None = None
    uploaded: UploadedExclusions | None = None
    held = None
    if _count(before, removal.entity_type) != 0:
        if is_live and not pause:
            raise WorkflowError(
                "the target group is live and would admit the removed respondents at once: pass pause=True to pause it "
                "meanwhile; nothing was removed",
                command=removal,
            )
        held = await ensure_status(client, _run_command(removal, run), "paused") if run and is_live else None
        try:
            job = await _remove(client, removal, before, wait_for_others, timeout)
            if upload is not None:
                uploaded = await upload_exclusions(client, upload, wait_for_others=wait_for_others, timeout=timeout)
        except BaseException as exc:
            _note_end(exc, job, held)
            raise
    elif upload is not None:
        uploaded = await upload_exclusions(client, upload, wait_for_others=wait_for_others, timeout=timeout)
    conflicts = list(held.conflicts) if held else []
    try:
        resumed = False
        if run is not None and held is not None and held.changed and not any_maybe_applied(held.conflicts):
            resumed = await _resume(client, _run_command(removal, run), held, conflicts)
        return RemovedExclusions(
            job=job,
            before=before,
            after=await send_read(client, _overview(removal)),
            uploaded=uploaded,
            paused=held is not None and held.changed,
            resumed=resumed,
            run=run and await read_run(client, _run_command(removal, run)),
            conflicts=tuple(conflicts),
        )
    except BaseException as exc:
        if job is not None or uploaded is not None:
            keep_outcome(exc, "the ids were removed")
            _note_end(exc, job, held)
        raise


async def _remove(
    client: AsyncClient, removal: RemoveAllExclusions, before: ExclusionsOverview, wait: float, timeout: _Timeout
) -> ExclusionJob:
    try:
        job = await submit_when_free(client, removal, wait)
        return await job.wait(timeout)
    except BaseException as exc:
        _note_counts(exc, removal, before)
        raise


async def _resume(
    client: AsyncClient, command: GetFieldingRun, held: EnsuredStatus, conflicts: list[FieldingKitError]
) -> bool:
    """Resume the run that this workflow paused, unless it was changed since; return whether it was resumed."""
    etag = held.etag or (await read_run(client, command)).etag
    resume = ResumeFieldingRun(**_path(command), fielding_run_id=command.fielding_run_id, if_match=etag)
    try:
        await client.send(resume)
    except FieldingKitError as exc:
        if not (exc.maybe_applied or isinstance(exc, PreconditionFailedError | InvalidStateError)):
            raise
        conflicts.append(exc)
        return exc.maybe_applied and (await read_run(client, command)).status == FieldingRunStatus.LIVE
    return True


def _check(client: object, command: object, kind: type, wait_for_others: object, timeout: object) -> None:
    if not isinstance(client, AsyncClient):
        raise ConfigurationError(f"client must be an AsyncClient; got {type(client).__name__}")
    check_kind(command, kind)
    check_wait_timeout(wait_for_others, name="wait_for_others", optional=False)
    if timeout != "auto":
        check_wait_timeout(timeout)


def _check_replacement(removal: RemoveAllExclusions, upload: object, pause: object) -> None:
    if type(pause) is not bool:
        raise ConfigurationError(f"pause must be True or False; got {brief_repr(pause)}")
    if upload is None:
        return
    check_kind(upload, UploadExclusions)
    if _path(cast("UploadExclusions", upload)) != _path(removal):
        raise InvalidCommandError("upload must be for the target group of the removal", field="upload")


async def _find_run(client: AsyncClient, removal: RemoveAllExclusions) -> FieldingRun | None:
    """Return the run of the target group; None if it is a draft."""
    runs = await send_read(client, ListFieldingRuns(**_path(removal)))
    return await read_run(client, _run_command(removal, runs[-1])) if runs else None


def _run_command(removal: RemoveAllExclusions, run: FieldingRun) -> GetFieldingRun:
    return GetFieldingRun(**_path(removal), fielding_run_id=run.id)


def _overview(command: UploadExclusions | RemoveAllExclusions) -> GetExclusionsOverview:
    return GetExclusionsOverview(**_path(command))


def _path(command: UploadExclusions | RemoveAllExclusions | GetFieldingRun) -> dict[str, Any]:
    return {name: getattr(command, name) for name in ("account_id", "project_id", "target_group_id")}


def _count(overview: ExclusionsOverview, entity_type: ExclusionEntityType) -> int | None:
    if entity_type is ExclusionEntityType.RSID:
        return overview.saved_respondent_ids_count
    return overview.saved_access_respondent_guids_count


def _note_counts(
    exc: BaseException, command: UploadExclusions | RemoveAllExclusions, before: ExclusionsOverview
) -> None:
    """Let an error of unclear outcome say how to find out."""
    if isinstance(exc, FieldingKitError) and not (exc.maybe_applied or isinstance(exc, JobFailedError)):
        return
    sent = f", and {command.item_count()} were sent" if isinstance(command, UploadExclusions) else ""
    exc.add_note(
        f"The target group had {_count(before, command.entity_type)} ids of kind {command.entity_type} before{sent}: "
        "GetExclusionsOverview reads how many it has now."
    )


def _note_end(exc: BaseException, job: ExclusionJob | None, held: EnsuredStatus | None) -> None:
    """Let the error that ends the workflow say what was done before."""
    if job is not None:
        exc.add_note("The ids were removed before.")
    if held is not None and held.changed:
        exc.add_note("The target group was paused; it was not seen to be resumed.")
