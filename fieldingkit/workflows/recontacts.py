"""Upload recontacts beside the other jobs of a target group: ``upload_recontacts``."""

import re
from collections.abc import Callable, Container
from typing import Final, Literal, TypeAlias, cast

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ConflictError, FieldingKitError, InvalidCommandError, WorkflowError
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.option_validators import check_wait_timeout
from fieldingkit.resources.recontacts import (
    GetRecontactsOverview,
    ListUploadRecontactsJobs,
    RecontactJob,
    RecontactsOverview,
    UploadRecontactRespondentIds,
    UploadRecontacts,
)
from fieldingkit.results import Serializable
from fieldingkit.workflows.creation import check_callback, check_client
from fieldingkit.workflows.job_tokens import job_token
from fieldingkit.workflows.optimistic import keep_outcome
from fieldingkit.workflows.reading import list_all, send_read

__all__ = ["UploadedRecontacts", "upload_recontacts"]

Upload: TypeAlias = UploadRecontacts | UploadRecontactRespondentIds

_BUSY_DELAYS: Final = (5.0, 60.0)
"""The first and the longest delay between two reads of the list while another job runs, in seconds."""
_SEARCH_SECONDS: Final = 60.0
"""The longest search for the upload after an unclear outcome."""
_FIRST_SEARCH_DELAY: Final = 0.5
_CHANGED_IN_NAMES: Final = re.compile("[^0-9A-Za-z._-]")
"""Characters of a file's name that the API may replace."""


@attrs.frozen(kw_only=True)
class UploadedRecontacts(Serializable):
    """The result of ``upload_recontacts``: the job has completed."""

    job: RecontactJob
    """The job as last read; ``job.note`` is the API's sentence if some ids were not stored."""
    sent: int
    """The number of ids in the file."""
    before: RecontactsOverview
    """The number of stored respondents just before the upload was sent."""
    after: RecontactsOverview | None
    """The number after the job, changes by others in the meantime included; None if it cannot be read."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The errors that were handled: the last refusal because of another job, an ambiguous outcome, a failed read.

    After an ambiguous outcome the job is a new one with the name of the file. Another user may have started it with a
    file of the same name at the same time.
    """


async def upload_recontacts(
    client: AsyncClient,
    command: Upload,
    *,
    timeout: float | Literal["auto"] | None = "auto",
    wait_for_others: float = 3600.0,
    on_start: Callable[[str], object] | None = None,
) -> UploadedRecontacts:
    """Upload recontacts of a target group as soon as no other job changes them, and wait for the job.

    The upload has no key, so it is sent once. After an unclear outcome the uploads of the target group are listed: a
    new one with the name of the file is followed, and none is sent again. To continue after a crash, pass the token
    that ``on_start`` got to ``client.job(token).wait()``.

    Args:
        client: The client to use; with a blocking one, ``client.call(upload_recontacts, command)``.
        command: The upload. Files with names of their own are found more surely after an unclear outcome.
        timeout: Seconds to wait for the job; None for no limit; ``"auto"`` for 15 minutes and 15 more for each 10,000
            ids. The job itself continues after a timeout.
        wait_for_others: Seconds to wait at most while another upload or removal runs on the target group.
        on_start: Called with the token of the job once it is accepted or found.

    Raises:
        JobFailedError: if the job failed, with the API's reason; ids may have been stored.
        JobTimeoutError: if the job has not ended in time; the error has its token.
        WorkflowError: if another job did not end, and nothing was uploaded; or if the outcome stays unclear.
        FieldingKitError: if the API refuses the upload, or the job cannot be followed.
    """
    check_client(client)
    if not isinstance(cast("object", command), Upload):
        kind = type(command).__name__
        raise InvalidCommandError(f"expected an upload of recontacts; got an instance of {kind}", field="command")
    if timeout != "auto":
        check_wait_timeout(timeout)
    check_wait_timeout(wait_for_others, name="wait_for_others", optional=False)
    check_callback(on_start, "on_start")
    upload = _Upload(client, command)
    job, before = await upload.start(wait_for_others)
    if on_start is not None:
        try:
            on_start(job.token())
        except BaseException as exc:
            keep_outcome(exc, job.resume_note())
            raise
    return await upload.follow(job, before, timeout)


class _Upload:
    """One upload of recontacts."""

    def __init__(self, client: AsyncClient, command: Upload) -> None:
        path = {name: getattr(command, name) for name in ("account_id", "project_id", "target_group_id")}
        self._client = client
        self._command = command
        self._name = command.file.filename or ""
        self._listing = ListUploadRecontactsJobs(**path, page_size=100)
        self._overview = GetRecontactsOverview(**path)
        self._conflicts: list[FieldingKitError] = []

    async def start(self, wait: float) -> tuple[AsyncJob[RecontactJob], RecontactsOverview]:
        """Wait for other jobs, count the respondents, and send the upload once; find it if its outcome is unclear."""
        clock, (delay, longest) = self._client.clock, _BUSY_DELAYS
        deadline = clock.now() + wait
        while True:
            uploads = await self._uploads()
            running = next((upload for upload in uploads if not upload.status.terminal), None)
            remaining = deadline - clock.now()
            # At the end the API decides: a job may be listed as running that is not.
            if running is None or remaining <= 0:
                before = await send_read(self._client, self._overview)
                job = await self._send({upload.job_id for upload in uploads})
                if job is not None:
                    return job, before
            if remaining <= 0:
                raise self._busy(running, wait)
            await clock.sleep(min(delay, longest, remaining))
            delay *= 2

    async def follow(
        self, job: AsyncJob[RecontactJob], before: RecontactsOverview, timeout: float | Literal["auto"] | None
    ) -> UploadedRecontacts:
        """Wait for the job, and count the respondents again."""
        ended = await job.wait(timeout)
        after: RecontactsOverview | None = None
        try:
            after = await send_read(self._client, self._overview)
        except FieldingKitError as exc:  # the job has completed, and that counts more
            self._conflicts.append(exc)
        return UploadedRecontacts(
            job=ended,
            sent=self._command.item_count(),
            before=before,
            after=after,
            conflicts=tuple(self._conflicts),
        )

    async def _uploads(self) -> list[RecontactJob]:
        return await list_all(self._client, self._listing)

    async def _send(self, known: Container[str]) -> AsyncJob[RecontactJob] | None:
        """Send the upload; return None if another job runs, such as a removal, which is not listed."""
        try:
            return await self._client.submit(self._command)
        except FieldingKitError as exc:
            if not exc.maybe_applied and isinstance(exc, ConflictError):
                self._conflicts = [exc]
                return None
            if not exc.maybe_applied:
                raise
            self._conflicts.append(exc)
            return self._found(await self._find(known, exc))

    async def _find(self, known: Container[str], cause: FieldingKitError) -> RecontactJob:
        """Search for a new upload of a file with the name of this one."""
        clock = self._client.clock
        delay, deadline = _FIRST_SEARCH_DELAY, clock.now() + _SEARCH_SECONDS
        try:
            while True:
                new = [upload for upload in await self._uploads() if upload.job_id not in known]
                same = [upload for upload in new if _plain(upload.file_name or "") == _plain(self._name)]
                if len(same) == 1:
                    return same[0]
                if same or (remaining := deadline - clock.now()) <= 0:
                    break
                await clock.sleep(min(delay, remaining))
                delay *= 2
        except BaseException as exc:
            note = "the recontacts may have been uploaded: list the uploads before they are sent again"
            keep_outcome(exc, note, self._command)
            raise
        ids = ", ".join(upload.job_id for upload in same)
        seen = (
            f"{len(same)} new uploads of a file of this name are listed: {ids}. Read them"
            if same
            else f"{_SEARCH_SECONDS:g} s later no new upload of a file of this name is listed, and {len(new)} of other "
            "names. It may still appear: list the uploads"
        )
        raise WorkflowError(
            f"the upload of {self._name!r} had an unclear outcome, and {seen} before it is sent again",
            conflicts=self._conflicts,
            command=self._command,
            maybe_applied=True,
            attempts=cause.attempts,
        ) from cause

    def _found(self, upload: RecontactJob) -> AsyncJob[RecontactJob]:
        """Return the handle of an upload in the list."""
        command = self._command
        token = job_token(
            self._client,
            command.endpoint.operation_id,
            upload.job_id,
            account_id=command.account_id,
            item_count=command.item_count(),
            project_id=command.project_id,
            target_group_id=command.target_group_id,
        )
        return cast("AsyncJob[RecontactJob]", self._client.job(token))

    def _busy(self, running: RecontactJob | None, wait: float) -> WorkflowError:
        other = "a job that is not listed, such as a removal,"
        if running is not None:
            other = f"the upload {running.job_id} of {running.file_name!r}"
        said = "".join(f". The API says: {conflict.message}" for conflict in self._conflicts[-1:])
        return WorkflowError(
            f"{other} did not end within {wait:g} s; nothing was uploaded{said}",
            conflicts=self._conflicts,
            command=self._command,
        )


def _plain(name: str) -> str:
    """Return a file's name as the API writes it in headers."""
    return _CHANGED_IN_NAMES.sub("_", name)
