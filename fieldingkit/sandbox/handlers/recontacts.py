"""Handlers of recontacts: the uploads of ids, their removal, and the stored respondents."""

import re
from collections import defaultdict
from datetime import datetime
from functools import partial
from typing import Any, Final

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import Handler, HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.handlers.file_jobs import file_job_json, read_entity_type, read_file, start_file_job
from fieldingkit.sandbox.model.file_jobs import FileJob, add_ids, read_ids
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.parameters import read_page

__all__ = [
    "download_file",
    "get_job",
    "get_overview",
    "list_recontacts",
    "list_uploads",
    "remove_all",
    "upload",
    "upload_respondent_ids",
]

_UPLOAD: Final = "recontacts-upload"
_RSID_UPLOAD: Final = "recontacts-rsid-upload"
_REMOVAL: Final = "recontacts-removal"
_FAMILY: Final = "recontacts"
_UNSAFE: Final = re.compile(r"[^0-9A-Za-z._-]")


def upload(context: RequestContext) -> HandlerResponse:
    """Start the upload of a file of RSIDs or RIDs."""
    entity_type = read_entity_type(context, "RSID", "RESPONDENT_ID", "RID", "RESPONSE_ID")
    return _start_upload(context, _UPLOAD, are_sessions=entity_type in {"RID", "RESPONSE_ID"})


def upload_respondent_ids(context: RequestContext) -> HandlerResponse:
    """Start the upload of a file of RSIDs, the older form."""
    return _start_upload(context, _RSID_UPLOAD, are_sessions=False)


def _start_upload(context: RequestContext, kind: str, *, are_sessions: bool) -> HandlerResponse:
    file = read_file(context)
    ids = read_ids(file.content)

    def store(group: TargetGroup, at: datetime) -> str | None:
        people = _people(context, ids.ids) if are_sessions else ids.ids
        unknown = len(ids.ids) - len(people)
        note = add_ids(context.state.recontacts[group.id], people, ids.invalid + unknown)
        context.state.update_admission(group, at)
        return note

    return start_file_job(context, kind=kind, family=_FAMILY, success="Completed", rows=ids.rows, act=store, file=file)


def _people(context: RequestContext, rids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the RSIDs of the sessions of the account; unknown sessions are left out."""
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for rid in rids:
        found = context.state.find_respondent(rid)
        if found is not None and context.state.projects[found[0].project_id].account_id == context.account_id:
            wanted[found[0].id].add(rid)
    return tuple(
        person.respondent_id
        for group_id, sessions in wanted.items()
        for person in context.state.groups[group_id].ledger.respondents()
        if person.rid in sessions
    )


def remove_all(context: RequestContext) -> HandlerResponse:
    """Start the removal of all respondents, who are removed at its end."""
    known = context.state.recontacts[context.target_group().id]

    def clear(group: TargetGroup, at: datetime) -> str | None:
        known.clear()
        context.state.update_admission(group, at)
        return None

    return start_file_job(context, kind=_REMOVAL, family=_FAMILY, success="Completed", rows=len(known), act=clear)


def get_job(kind: str) -> Handler:
    """Return the handler that reads the jobs of one kind: `upload`, `rsid-upload` or `removal`."""
    return partial(_read_job, kind=f"recontacts-{kind}")


def _read_job(context: RequestContext, *, kind: str) -> HandlerResponse:
    job = file_job_json(context, context.job(FileJob, kind))
    job.pop("file_name", None)  # only in the list
    return HandlerResponse(200, job)


def _uploads(context: RequestContext) -> list[FileJob]:
    """Return the uploads of both kinds to the target group in the path, the newest first."""
    group = context.target_group()
    jobs = [job for job in context.state.jobs.values() if isinstance(job, FileJob) and job.target_group_id == group.id]
    return [job for job in jobs[::-1] if job.kind in {_UPLOAD, _RSID_UPLOAD}]


def list_uploads(context: RequestContext) -> HandlerResponse:
    """Return a page of the uploads of both kinds, the newest first."""
    page = read_page(context.recorded.query, _uploads(context), cursor_of=lambda job: job.id, is_sorted=False)
    data: list[dict[str, Any]] = [
        {
            "job_id": job.id,
            "file_name": job.file_name,
            "status": job.status,
            "created_at": write_timestamp(job.created_at),
            "created_by": context.state.user_id,
        }
        for job in page.items
    ]
    return HandlerResponse(200, {"data": data, "next_cursor": page.next_cursor})


def download_file(context: RequestContext) -> HandlerResponse:
    """Return the uploaded file as it came, under a name without special characters."""
    job = next((job for job in _uploads(context) if job.id == context.parameters["job_id"]), None)
    if job is None or job.file_name is None:
        raise problems.not_found("job")
    name = _UNSAFE.sub("_", job.file_name)
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return HandlerResponse(200, headers=headers, content=job.content)


def get_overview(context: RequestContext) -> HandlerResponse:
    """Return the number of stored respondents."""
    known = context.state.recontacts[context.target_group().id]
    return HandlerResponse(200, {"saved_respondent_ids_count": len(known)})


def list_recontacts(context: RequestContext) -> HandlerResponse:
    """Return a page of the RSIDs of the stored respondents."""
    known = tuple(context.state.recontacts[context.target_group().id])
    page = read_page(context.recorded.query, known, cursor_of=str, is_sorted=False)
    body: dict[str, Any] = {"data": list(page.items), "url": context.recorded.path.removeprefix("/v1/")}
    return HandlerResponse(200, body if page.next_cursor is None else {**body, "next_cursor": page.next_cursor})
