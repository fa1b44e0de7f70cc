"""Handlers that reconcile respondents, and list what was reconciled and what can be."""

import csv
import io
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final, NamedTuple

import attrs

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.central_time import central_midnight, central_time
from fieldingkit.sandbox.model.projects import Project
from fieldingkit.sandbox.model.reconciliations import (
    REASONS,
    Counts,
    ReconciliationJob,
    Results,
    left_out,
    read_rows,
    reconcile,
)
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.parameters import UUID, read_choices, read_page, read_text

__all__ = [
    "download_reconciliation",
    "get_reconciled_group",
    "get_reconciliation",
    "list_eligible_groups",
    "list_reason_codes",
    "list_reconciled_groups",
    "list_reconciliations",
    "post_completes",
    "post_reconciliation",
]

_MAX_ROWS: Final = 100_000
_MEDIA_TYPES: Final = frozenset({"text/csv", "application/csv"})
_LAST_DAY: Final = 25
_STATUSES: Final = ("processing", "failed", "completed", "complete")


def post_reconciliation(context: RequestContext) -> HandlerResponse:
    """Reconcile the respondents of a file with a RID and a reason code a row."""
    find = partial(_find, context)

    def act(job: ReconciliationJob, at: datetime) -> Results:
        return reconcile(job, (), find=find, at=at)

    return _submit(context, partial(ReconciliationJob, project_id="", submission_type="rejected_rids", act=act))


def post_completes(context: RequestContext) -> HandlerResponse:
    """Reconcile the respondents of a file with a RID a row as completes, and terminate all others of the project."""
    project = context.project()

    def find(rid: str) -> tuple[TargetGroup, int] | None:
        found = context.state.find_respondent(rid)
        return found if found is not None and found[0].project_id == project.id else None

    def act(job: ReconciliationJob, at: datetime) -> Results:
        results = reconcile(job, left_out(project.groups, job, at), find=find, at=at)
        return attrs.evolve(results, remaining=_completes_of(project))

    make = partial(ReconciliationJob, project_id=project.id, submission_type="approved_rids", act=act)
    return _submit(context, make, code="11")


def _find(context: RequestContext, rid: str) -> tuple[TargetGroup, int] | None:
    found = context.state.find_respondent(rid)
    if found is None or context.state.projects[found[0].project_id].account_id != context.account_id:
        return None
    return found


def _completes_of(project: Project) -> tuple[str, ...]:
    people = (one for group in project.groups for one in group.ledger.respondents())
    return tuple(one.rid for one in people if one.outcome == "complete")


def _submit(context: RequestContext, make: Any, *, code: str | None = None) -> HandlerResponse:
    media_type = context.recorded.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        raise problems.unsupported_media_type("text/csv")
    name = read_text(context.recorded.query, "name", ".{1,255}")
    if name is None:
        raise problems.bad_request("The name of the list is missing.", name="Is required.")
    key = context.recorded.headers.get("Idempotency-Key")
    if key is not None and not UUID.fullmatch(key):
        raise problems.bad_request("The header Idempotency-Key is malformed.", **{"Idempotency-Key": "Must be a UUID."})
    rows = read_rows(context.recorded.body, code=code)
    if not 1 <= len(rows) <= _MAX_ROWS:
        raise problems.bad_request("The list is empty or too long.", file=f"Must have 1 to {_MAX_ROWS} rows.")
    user_id = context.state.user_id
    make_job = partial(
        make, kind="reconciliation", name=name, rows=rows, content=context.recorded.body, submitted_by=user_id
    )
    response = context.submit(make_job, keyed=key is not None)
    request_id = None if response.created is None else response.created.id
    return HandlerResponse(202, {"name": name, "request_id": request_id}, created=response.created)


def _job(context: RequestContext) -> ReconciliationJob:
    job = context.state.jobs.get(context.parameters["request_id"])
    if not isinstance(job, ReconciliationJob) or job.account_id != context.account_id:
        raise problems.not_found("reconciliation")
    if job.gone is not None:
        raise problems.problem_for_status(job.gone)
    return job


def _status(job: ReconciliationJob) -> str:
    return "processing" if job.status == "Processing" else "complete"


def _results(job: ReconciliationJob) -> Results:
    """Return the results of a list; those of one that is being processed are empty."""
    if job.results is None or _status(job) == "processing":
        return Results(counts=Counts(submitted=len(job.rows)), by_group={})
    return job.results


def get_reconciliation(context: RequestContext) -> HandlerResponse:
    """Return a reconciliation."""
    job = _job(context)
    body = {
        "request_id": job.id,
        "name": job.name,
        "status": _status(job),
        "submitted_at": write_timestamp(job.created_at),
        "submitter_las_id": job.submitted_by,
        "submission_type": job.submission_type,
        **_counts(_results(job).counts),
    }
    return HandlerResponse(200, body)


def _counts(counts: Counts) -> dict[str, int]:
    return {f"{name}_count": number for name, number in attrs.asdict(counts).items()}


def list_reconciliations(context: RequestContext) -> HandlerResponse:
    """List the reconciliations of an account, oldest first."""
    query = context.recorded.query
    name, user = query.get("name"), query.get("submitted_by_user_id")
    statuses = read_choices(query, "status", _STATUSES)
    jobs = [
        job
        for job in context.state.jobs.values()
        if isinstance(job, ReconciliationJob) and job.account_id == context.account_id
    ]
    page = read_page(
        query,
        jobs,
        cursor_of=lambda job: job.id,
        keeps=lambda job: (
            (name is None or job.name == name)
            and (user is None or job.submitted_by == user)
            and (statuses is None or _status(job) in {text.removesuffix("d") for text in statuses} | statuses)
        ),
        is_sorted=False,
    )
    requests = [_listed(job) for job in page.items]
    return HandlerResponse(
        200, {"reconciliation_requests": requests, "next_cursor": page.next_cursor, "page_size": len(requests)}
    )


def _listed(job: ReconciliationJob) -> dict[str, Any]:
    counts = _results(job).counts
    return {
        "id": job.id,
        "name": job.name,
        "submitted_at": write_timestamp(job.created_at),
        "status": _status(job),
        "submitted_by_user_id": job.submitted_by,
        "result_counts": {
            **attrs.asdict(counts),
            "total_reversed": counts.positive_reversed + counts.negative_reversed,
        },
        "submission_type": job.submission_type,
    }


def list_reconciled_groups(context: RequestContext) -> HandlerResponse:
    """List the target groups of a reconciliation."""
    job = _job(context)
    page = read_page(
        context.recorded.query,
        [*_results(job).by_group.items()],
        cursor_of=lambda item: item[0],
        is_sorted=False,
    )
    groups = [_reconciled(job, group_id, counts) for group_id, counts in page.items]
    return HandlerResponse(200, {"target_groups": groups, "next_cursor": page.next_cursor, "page_size": len(groups)})


def get_reconciled_group(context: RequestContext) -> HandlerResponse:
    """Return the part of a reconciliation that concerns one target group."""
    job, group_id = _job(context), context.parameters["target_group_id"]
    counts = _results(job).by_group.get(group_id)
    if counts is None:
        raise problems.not_found("target group")
    return HandlerResponse(200, _reconciled(job, group_id, counts))


def _reconciled(job: ReconciliationJob, group_id: str, counts: Counts) -> dict[str, Any]:
    return {"target_group_id": group_id, "status": _status(job), **_counts(counts)}


def download_reconciliation(context: RequestContext) -> HandlerResponse:
    """Return a file of a reconciliation; 404 until it is complete, and for a file that it does not have."""
    job, kind = _job(context), context.parameters["download_type"]
    if kind == "submitted-rids":
        return _file(job.content)
    is_available = _status(job) == "complete" and (kind != "remaining-project-completes" or job.project_id)
    if not is_available:
        raise problems.not_found("file")
    results = _results(job)
    has_codes = job.submission_type == "rejected_rids"
    match kind:
        case "expired-rids":
            return _file(_csv((row if has_codes else row[:1]) for row in results.expired))
        case "invalid-rids":
            return _file(_csv((row if has_codes else row[:1]) for row in results.invalid))
        case "remaining-project-completes":
            return _file(_csv([rid] for rid in results.remaining))
        case _:
            raise problems.not_found("file")


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _file(content: bytes) -> HandlerResponse:
    return HandlerResponse(200, headers={"Content-Type": "text/csv"}, content=content)


def list_reason_codes(context: RequestContext) -> HandlerResponse:
    """List the reasons of reconciliations."""
    del context
    return HandlerResponse(200, {"reconciliation_reasons": [reason._asdict() for reason in REASONS]})


class _Eligible(NamedTuple):
    """A target group with completes that can be reconciled."""

    project: Project
    group: TargetGroup
    completes: int
    cost: Amount


def list_eligible_groups(context: RequestContext) -> HandlerResponse:
    """List the target groups whose completes can be reconciled for the last time in the current or the next month."""
    query = context.recorded.query
    choices = read_choices(query, "due_month", ("current_month", "next_month"))
    months = _months(context.now, due_next="next_month" in (choices or ()))
    wanted = {name: query.get(name) for name in ("name", "status", "project_name", "project_manager_id")}
    eligible = [
        one
        for project in context.state.projects_of.get(context.account_id, ())
        for group in project.groups
        if group.status_at(context.now) in {"live", "paused", "completed"}
        and (one := _eligible(project, group, months)).completes
        and all(value is None or value == _facts(context, one)[name] for name, value in wanted.items())
    ]
    page = read_page(query, eligible, cursor_of=lambda one: one.group.id, is_sorted=False)
    sums: dict[str, Decimal] = {}
    for one in eligible:
        sums[one.cost.currency_code] = sums.get(one.cost.currency_code, Decimal(0)) + one.cost.value
    summary: dict[str, Any] = {
        "completes": str(sum(one.completes for one in eligible)),
        "target_group_count": str(len(eligible)),
    }
    if len(sums) == 1:
        ((currency, value),) = sums.items()
        summary["monetary_amount"] = Amount(value, currency).json()
    body = {
        "target_groups": [_eligible_json(context, one) for one in page.items],
        "url": f"/accounts/{context.account_id}/reconciliations/eligible-target-groups",
        "summary": summary,
        "has_more": page.next_cursor is not None,
        "page_size": len(page.items),
    }
    if page.next_cursor is not None:
        body["next_cursor"] = page.next_cursor
    return HandlerResponse(200, body)


def _months(now: datetime, *, due_next: bool) -> tuple[datetime, datetime] | None:
    """Return the start and the end of the month whose completes are due; None if they are past their deadline."""
    today = central_time(now).date()
    this_month = today.replace(day=1)
    if due_next:
        return central_midnight(this_month), central_midnight(_next_month(this_month))
    if today.day > _LAST_DAY:
        return None
    last_month = (this_month - timedelta(days=1)).replace(day=1)
    return central_midnight(last_month), central_midnight(this_month)


def _next_month(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _eligible(project: Project, group: TargetGroup, months: tuple[datetime, datetime] | None) -> _Eligible:
    if months is None:
        return _Eligible(project, group, 0, Amount(Decimal(0)))
    return _Eligible(project, group, *group.ledger.completed_between(*months))


def _facts(context: RequestContext, one: _Eligible) -> dict[str, Any]:
    return {
        "name": one.group.name,
        "status": one.group.status_at(context.now),
        "project_name": one.project.name,
        "project_manager_id": one.group.manager_id,
    }


def _eligible_json(context: RequestContext, one: _Eligible) -> dict[str, Any]:
    users = context.state.accounts[context.account_id].users
    manager = next((user for user in users if user.id == one.group.manager_id), None)
    facts = _facts(context, one)
    manager_id = facts.pop("project_manager_id")
    last = one.group.ledger.reconciled_at
    return {
        **facts,
        "target_group_id": one.group.id,
        "project_id": one.project.id,
        "project_manager": {"id": manager_id} | ({"name": manager.name, "email": manager.email} if manager else {}),
        "eligible_completes": str(one.completes),
        "monetary_amount": one.cost.json(),
        **({} if last is None else {"last_reconciliation_date": write_timestamp(last)}),
    }
