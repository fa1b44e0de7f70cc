"""The workflow ``upload_exclusions``, and the parts that it shares with ``remove_all_exclusions``."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple, TypeVar

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.commands import Command, check_kind
from fieldingkit.errors import FieldingKitError
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.option_validators import check_wait_timeout
from fieldingkit.resources.excluded_respondents import (
    ExclusionEntityType,
    ExclusionJob,
    ExclusionsOverview,
    GetExclusionsOverview,
    RemoveAllExclusions,
    UploadExclusions,
)
from fieldingkit.resources.fielding_runs import GetFieldingRun
from fieldingkit.results import Serializable
from fieldingkit.workflows.creation import check_callback, check_client
from fieldingkit.workflows.exclusive_jobs import submit_when_free
from fieldingkit.workflows.reading import send_read

__all__ = [
    "JobOptions",
    "UploadedExclusions",
    "check_arguments",
    "group_path",
    "id_count",
    "overview_of",
    "read_at_end",
    "run_exclusion_job",
    "upload_exclusions",
    "upload_with",
]

R = TypeVar("R")


@attrs.frozen(kw_only=True)
class UploadedExclusions(Serializable):
    """The result of ``upload_exclusions``: the upload has ended with success."""

    job: ExclusionJob
    """The job; its ``note`` is the API's sentence about ids that were left out, None if there are none."""
    sent: int
    """The number of ids in the file."""
    before: ExclusionsOverview
    """The numbers of ids before the upload."""
    after: ExclusionsOverview | None
    """The numbers of ids afterwards, changes of other users included; None if they cannot be read."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The failed read of the numbers afterwards; empty if there was none."""


async def upload_exclusions(
    client: AsyncClient,
    upload: UploadExclusions,
    *,
    timeout: float | Literal["auto"] | None = "auto",
    wait_for_others: float = 3600.0,
    on_start: Callable[[str], object] | None = None,
) -> UploadedExclusions:
    """Add respondents that a target group does not admit, and wait until the API has done so.

    Only one upload or removal can run on a target group at a time. While another one runs, this one is tried again. An
    upload has no idempotency key: after an ambiguous outcome it is not repeated, and the error has a note with the
    number of ids before, to compare with ``GetExclusionsOverview``. Ids that the API leaves out are a note, no failure.
    To continue after a crash, pass the token that ``on_start`` got to ``client.job(token).wait()``.

    Args:
        client: The client to use; with a blocking one, ``client.call(upload_exclusions, upload)``.
        upload: The command, which refuses more than 100,000 ids and a file of 5 MB.
        timeout: Seconds to wait for the job; None for no limit; ``"auto"`` by the number of ids. The job itself
            continues after a timeout.
        wait_for_others: Seconds to wait at most while another upload or removal runs on the target group.
        on_start: Called with the token of the job once it is accepted.

    Raises:
        WorkflowError: if another job did not end; nothing was uploaded.
        JobFailedError: if the upload failed; some of the ids may have been added.
        JobError: if the result of the upload is not available; ``client.job(error.token)`` waits for it again.
        FieldingKitError: if the number of ids cannot be read, or the upload is refused.
    """
    options = JobOptions(timeout, wait_for_others, on_start)
    check_arguments(client, upload, UploadExclusions, options)
    return await upload_with(client, upload, options)


class JobOptions(NamedTuple):
    """The options of a job."""

    timeout: float | Literal["auto"] | None
    wait_for_others: float
    on_start: Callable[[str], object] | None


async def upload_with(client: AsyncClient, upload: UploadExclusions, options: JobOptions) -> UploadedExclusions:
    """Upload respondents after the arguments were checked."""
    before, job = await run_exclusion_job(client, upload, options)
    conflicts: list[FieldingKitError] = []
    after = await read_at_end(client, overview_of(upload), conflicts)
    return UploadedExclusions(job=job, sent=upload.item_count(), before=before, after=after, conflicts=tuple(conflicts))


async def run_exclusion_job(
    client: AsyncClient,
    command: UploadExclusions | RemoveAllExclusions,
    options: JobOptions,
    check: Callable[[], Awaitable[object]] | None = None,
) -> tuple[ExclusionsOverview, ExclusionJob]:
    """Run a job when no other one runs; return the numbers of ids just before, and the job.

    An error of unclear outcome says how to find out.

    Args:
        client: The client.
        command: The command.
        options: The options of the job.
        check: Refuses to send the command by raising an error; called before each attempt.
    """
    reads: list[ExclusionsOverview] = []
    job: AsyncJob[ExclusionJob] | None = None

    async def prepare() -> None:
        reads.append(await send_read(client, overview_of(command)))
        if check is not None:
            await check()

    try:
        job = await submit_when_free(client, command, options.wait_for_others, prepare)
        if options.on_start is not None:
            options.on_start(job.token())
        ended = await job.wait(options.timeout)
    except BaseException as exc:
        notes = getattr(exc, "__notes__", None)
        if job is not None and not notes and not isinstance(exc, FieldingKitError):  # raised by on_start
            exc.add_note(job.resume_note())
        if job is not None or notes or getattr(exc, "maybe_applied", False):
            _note_counts(exc, command, reads[-1])
        raise
    return reads[-1], ended


async def read_at_end(client: AsyncClient, command: Command[R], conflicts: list[FieldingKitError]) -> R | None:
    """Read after all was done: a failure is no failure of the workflow."""
    try:
        return await send_read(client, command)
    except FieldingKitError as exc:
        conflicts.append(exc)
        return None


def check_arguments(client: object, command: object, kind: type, options: JobOptions) -> None:
    """Refuse arguments of a wrong kind."""
    check_client(client)
    check_kind(command, kind)
    if options.timeout != "auto":
        check_wait_timeout(options.timeout)
    check_wait_timeout(options.wait_for_others, name="wait_for_others", optional=False)
    check_callback(options.on_start, "on_start")


def overview_of(command: UploadExclusions | RemoveAllExclusions) -> GetExclusionsOverview:
    """Return the command that reads the numbers of ids."""
    return GetExclusionsOverview(**group_path(command))


def group_path(command: UploadExclusions | RemoveAllExclusions | GetFieldingRun) -> dict[str, Any]:
    """Return the fields of the path of a target group."""
    return {name: getattr(command, name) for name in ("account_id", "project_id", "target_group_id")}


def id_count(overview: ExclusionsOverview, entity_type: ExclusionEntityType) -> int | None:
    """Return the number of ids of one kind; None if the API does not say."""
    if entity_type is ExclusionEntityType.RSID:
        return overview.saved_respondent_ids_count
    return overview.saved_access_respondent_guids_count


def _note_counts(
    exc: BaseException, command: UploadExclusions | RemoveAllExclusions, before: ExclusionsOverview
) -> None:
    """Let an error of unclear outcome say how to find out."""
    sent = f", and {command.item_count()} were sent" if isinstance(command, UploadExclusions) else ""
    count = id_count(before, command.entity_type)
    exc.add_note(
        f"The target group had {'an unknown number of' if count is None else count} ids of kind {command.entity_type} "
        f"before{sent}: GetExclusionsOverview reads how many it has now."
    )
