"""The parts that the handlers of file jobs share: the uploaded file, the start of a job and its status."""

from collections.abc import Callable
from email import message_from_bytes
from email.policy import HTTP
from functools import partial
from pathlib import PurePath
from typing import Any, Final, Literal, NamedTuple

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.model.file_jobs import FileJob
from fieldingkit.sandbox.parameters import read_choices

__all__ = ["UploadedFile", "file_job_json", "read_entity_type", "read_file", "read_file_job", "start_file_job"]

_MAX_FILE_BYTES: Final = 5 * 10**6
_SUFFIXES: Final = frozenset({".csv", ".txt"})
_MEDIA_TYPES: Final = frozenset({"text/csv", "text/plain", "application/csv"})


class UploadedFile(NamedTuple):
    """A file in a multipart form."""

    name: str
    """The name of the file."""
    content: bytes
    """The bytes of the file."""


def read_file(context: RequestContext, name: str = "file") -> UploadedFile:
    """Return the only file of a multipart form; 415, 413 or 400 if there is none that can be taken.

    Args:
        context: The request.
        name: The name of the part.
    """
    content_type = context.recorded.headers.get("Content-Type", "")
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        raise problems.unsupported_media_type("multipart/form-data")
    form = message_from_bytes(b"Content-Type: %b\r\n\r\n" % content_type.encode() + context.recorded.body, policy=HTTP)
    parts = [part for part in form.iter_parts() if part.get_param("name", header="content-disposition") == name]
    if form.defects or len(parts) != 1 or not (file_name := parts[0].get_filename()):
        raise problems.bad_request("The form must have one file.", **{name: "Is missing, or is no file."})
    if PurePath(file_name).suffix.lower() not in _SUFFIXES and parts[0].get_content_type() not in _MEDIA_TYPES:
        raise problems.unsupported_media_type("a form with a CSV or TXT file")
    content = parts[0].get_payload(decode=True)
    if not isinstance(content, bytes) or not content:
        raise problems.bad_request("The file is empty.", **{name: "Must have at least one row."})
    if len(content) >= _MAX_FILE_BYTES:
        raise problems.too_large()
    return UploadedFile(file_name, content)


def read_entity_type(context: RequestContext, *choices: str) -> str:
    """Return the query parameter `entity_type`; 400 if it is missing or not one of the choices."""
    values = read_choices(context.recorded.query, "entity_type", choices)
    if values is None or len(values) > 1:
        raise problems.bad_request("The type of the ids is missing.", entity_type="Must be given once.")
    (value,) = values
    return value


def start_file_job(
    context: RequestContext,
    *,
    kind: str,
    family: str,
    success: Literal["Success", "Completed"],
    rows: int,
    act: Callable[..., str | None],
    file: UploadedFile | None = None,
) -> HandlerResponse:
    """Create a job on the target group in the path; its id is in the body. 409 while another one of its family runs.

    Args:
        context: The request.
        kind: The kind of job, by which it is read.
        family: The kind of list, such as `exclusions`.
        success: The status of a job that succeeded.
        rows: The number of rows, from which the duration follows.
        act: Executes the job on a target group; see `FileJob.act`.
        file: The uploaded file.
    """
    group = context.target_group()
    if any(
        isinstance(job, FileJob)
        and (job.target_group_id, job.family) == (group.id, family)
        and job.status == "Processing"
        for job in context.state.jobs.values()
    ):
        raise problems.conflict("Another job is running for this target group.")
    response = context.submit(
        partial(
            FileJob,
            kind=kind,
            project_id=group.project_id,
            target_group_id=group.id,
            family=family,
            success=success,
            rows=rows,
            act=act,
            file_name=None if file is None else file.name,
            content=b"" if file is None else file.content,
        ),
        keyed=False,
    )
    job = response.created
    return HandlerResponse(201, {"job_id": None if job is None else job.id}, created=job)


def read_file_job(context: RequestContext, kind: str) -> HandlerResponse:
    """Return the status of a job of one kind."""
    return HandlerResponse(200, file_job_json(context, context.job(FileJob, kind)))


def file_job_json(context: RequestContext, job: FileJob) -> dict[str, Any]:
    """Return a job as it is read; members that do not apply are left out."""
    members: dict[str, Any] = {
        "job_id": job.id,
        "created_at": write_timestamp(job.created_at),
        "created_by": context.state.user_id,
        "status": job.status,
    }
    if job.file_name is not None:
        members["file_name"] = job.file_name
    if job.status == "Processing" or job.applied_at is None:
        return members
    members["completed_at"] = write_timestamp(job.applied_at)
    if job.failure is not None:
        members["failure_reason"] = {"code": job.failure.code, "description": job.failure.description}
        members["job_trace_id"] = job.trace_id
    elif job.note is not None:
        members["partial_success_reason"] = {"description": job.note}
    return members
