"""Handlers of the tag "Reports"."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final, cast

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import ULID, write_timestamp
from fieldingkit.sandbox.model.central_time import central_midnight, central_time
from fieldingkit.sandbox.model.reports import REPORT_TYPES, ReportJob
from fieldingkit.sandbox.model.state import SandboxState
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.parameters import read_list, read_page, read_text

__all__ = ["download_report", "generate_report", "get_report_status", "list_reports", "share_report"]

_LEVELS: Final[Mapping[str, frozenset[str]]] = {
    "completes": frozenset({"account", "business_unit", "project", "target_group"}),
    "sample-bought": frozenset({"account", "business_unit", "project", "target_group"}),
    "reconciliations-status": frozenset({"account", "project", "target_group"}),
    "reconciliation-eligible-rids": frozenset({"project", "target_group"}),
    "respondent-analysis": frozenset({"project", "target_group"}),
    "term-details": frozenset({"target_group"}),
}
_ONE_ID: Final = frozenset(
    {("reconciliation-eligible-rids", "project"), ("respondent-analysis", "project"), ("term-details", "target_group")}
)
_LONGEST: Final = timedelta(days=184)
"""Six months."""
_OLDEST: Final = timedelta(days=366)
"""Twelve months."""
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

_TITLES: Final = {
    "account": "Account",
    "business_unit": "Business Unit",
    "project": "Project",
    "target_group": "Target Group",
}


def generate_report(context: RequestContext) -> HandlerResponse:
    """Create a job that writes a report; its id is in the body. There is no idempotency key."""
    body, report_type = context.json_object(), context.parameters["report_type"]
    if report_type not in REPORT_TYPES:
        raise problems.bad_request("The report type is unknown.", report_type=f"Must be {' or '.join(REPORT_TYPES)}.")
    level, ids = _filter(body, report_type)
    start_date, end_date = _period(body, context.now)
    options: object = body.get("report_options")
    response = context.submit(
        partial(
            ReportJob,
            kind="report",
            project_id="",
            report_type=report_type,
            level=level,
            filter_ids=ids,
            start_date=start_date,
            end_date=end_date,
            options=cast("dict[str, Any]", options) if isinstance(options, dict) else None,
            recipients=_recipients(body),
            groups=_group_finder(context.state, context.account_id, level, ids),
        ),
        keyed=False,
    )
    report = cast("ReportJob", response.created)
    return HandlerResponse(
        202,
        {
            "message": "Report Created",
            "report_id": report.id,
            "report_url": None,
            "create_date": write_timestamp(report.created_at),
            "status": "emailed" if report.recipients else "pending",
            "report_type": report.report_type,
            "level": report.level if context.state.example_words else _TITLES[report.level],
            **_request(context, report),
        },
        created=report,
    )


def get_report_status(context: RequestContext) -> HandlerResponse:
    """Return the state of a report."""
    report = _report(context)
    status = {"Processing": "in_progress", "Completed": "completed"}.get(report.status, "failed")
    message = {
        "in_progress": "Report generation is in progress.",
        "completed": "Job successful",
        "failed": report.failure.description if report.failure else "Job failed",
    }[status]
    return HandlerResponse(
        200,
        {
            "report_id": report.id,
            # The examples of the contract have other words than its schema.
            "status": status.replace("_", " ").upper() if context.state.example_words else status,
            "message": message,
            "start_date": write_timestamp(central_midnight(report.start_date)),
            "end_date": write_timestamp(central_midnight(report.end_date)),
            "report_url": _url(report),
            "data_analysis": False,
            "respondent_answer": bool((report.options or {}).get("include_respondent_answers")),
        },
    )


def download_report(context: RequestContext) -> HandlerResponse:
    """Return the file of a report; 404 until it is completed."""
    report = _completed(context)
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{report.id}_{report.report_type}.csv"',
    }
    return HandlerResponse(200, headers=headers, content=report.content)


def list_reports(context: RequestContext) -> HandlerResponse:
    """List the reports of an account, newest first."""
    query = context.recorded.query
    report_type = read_text(query, "report_type", "|".join(REPORT_TYPES))
    level = read_text(query, "level", "|".join(_TITLES))
    state = read_text(query, "Status", "processing|failed|completed")
    reports = [
        job
        for job in context.state.jobs.values()
        if isinstance(job, ReportJob) and job.account_id == context.account_id
    ]
    page = read_page(
        query,
        reports[::-1],
        cursor_of=lambda report: report.id,
        keeps=lambda report: (
            report_type in {None, report.report_type}
            and level in {None, report.level}
            and state in {None, report.status.lower()}
        ),
        is_sorted=False,
    )
    return HandlerResponse(
        200,
        {"next_cursor": page.next_cursor, "reports_requests": [_item(context, report) for report in page.items]},
    )


def share_report(context: RequestContext) -> HandlerResponse:
    """Return a link to the file of a report; 404 until it is completed."""
    report = _completed(context)
    report_type = read_text(context.recorded.query, "report_type", "|".join(REPORT_TYPES))
    if report_type is None:
        raise problems.bad_request("The report type is missing.", report_type="Is required.")
    signature = context.state.identifiers.hexadecimal(40)
    expires = int(context.now.timestamp()) + 3600
    url = f"https://reports.example/{report.id}_{report.report_type}.csv?Expires={expires}&Signature={signature}"
    return HandlerResponse(200, {"report_pre_signed_url": url})


def _report(context: RequestContext) -> ReportJob:
    report = context.state.jobs.get(context.parameters["report_id"])
    if not isinstance(report, ReportJob) or report.account_id != context.account_id:
        raise problems.not_found("report")
    if report.gone is not None:
        raise problems.problem_for_status(report.gone)
    return report


def _completed(context: RequestContext) -> ReportJob:
    report = _report(context)
    if report.status != "Completed":
        raise problems.not_found("file of the report")
    return report


def _url(report: ReportJob) -> str | None:
    if report.status != "Completed":
        return None
    return f"https://exchange.example/download?file={report.id}_{report.report_type}.csv&type=report"


def _item(context: RequestContext, report: ReportJob) -> dict[str, Any]:
    return {
        "report_id": report.id,
        "report_type": report.report_type,
        "status": {"Processing": "pending", "Completed": "completed"}.get(report.status, "failed"),
        "level": _TITLES[report.level],
        "account_name": context.state.accounts[report.account_id].name,
        "create_date": write_timestamp(report.created_at),
        "report_url": _url(report),
        **_request(context, report),
    }


def _request(context: RequestContext, report: ReportJob) -> dict[str, Any]:
    """Return the members that repeat the request."""
    user = context.state.accounts[report.account_id].users[0]
    level, ids = report.level, list(report.filter_ids)
    if level == "account":
        # The example of an account's report has a level and an id that the request cannot have.
        shown = {"filter": level, "filter_ids": [str(report.account_id)]} if context.state.example_words else {}
    else:
        shown = {"filter": level, "filter_ids": ids}
    return {
        "create_params": {
            "start_date": report.start_date.isoformat(),
            "end_date": report.end_date.isoformat(),
            **shown,
            "report_options": report.options,
        },
        "requestor": {"id": user.id, "name": user.name, "email": user.email},
    }


def _filter(body: Mapping[str, Any], report_type: str) -> tuple[str, tuple[str, ...]]:
    """Return the level and the ids of a request."""
    level: Any = body.get("filter") or "account"
    ids = read_list(body, "filter_ids") if body.get("filter_ids") is not None else []
    if level not in _LEVELS[report_type] or ("filter" in body and level == "account"):
        raise problems.bad_request("The report has no such level.", filter=f"Is not allowed for {report_type}.")
    texts = tuple(id_ for id_ in ids if isinstance(id_, str))
    malformed = len(texts) < len(ids) or (level in {"project", "target_group"} and not all(map(ULID.fullmatch, texts)))
    if malformed or bool(ids) == (level == "account") or ((report_type, level) in _ONE_ID and len(ids) > 1):
        raise problems.bad_request("The ids do not fit the level.", filter_ids=f"Do not fit the level {level}.")
    return level, texts


def _period(body: Mapping[str, Any], now: datetime) -> tuple[date, date]:
    """Return the first day of the period, and the day after it."""
    days: list[date] = []
    for name in ("start_date", "end_date"):
        text: object = body.get(name)
        try:
            days.append(date.fromisoformat(text if isinstance(text, str) and _DATE.fullmatch(text) else ""))
        except ValueError:
            raise problems.bad_request("A date is missing or malformed.", **{name: "Must be YYYY-MM-DD."}) from None
    start, end = days
    if not start <= end <= start + _LONGEST:
        raise problems.bad_request("The period is too long, or ends before it starts.", end_date="At most six months.")
    if start < central_time(now).date() - _OLDEST:
        raise problems.bad_request("The period is too long ago.", start_date="Data is available for twelve months.")
    return start, end


def _recipients(body: Mapping[str, Any]) -> tuple[str, ...]:
    if body.get("email_recipients") is None:
        return ()
    ids = read_list(body, "email_recipients")
    if not 1 <= len(ids) <= 5 or not all(isinstance(id_, str) for id_ in ids):
        raise problems.bad_request("The recipients are malformed.", email_recipients="Must be 1 to 5 user ids.")
    return tuple(map(str, ids))


def _group_finder(
    state: SandboxState, account_id: int, level: str, ids: tuple[str, ...]
) -> Callable[[datetime], Iterable[TargetGroup]]:
    """Return a function that finds the target groups of a report when it is written."""

    def find(at: datetime) -> Iterable[TargetGroup]:
        for project in state.projects_of.get(account_id, []):
            for group in project.groups:
                keys = {
                    "account": "",
                    "business_unit": str(group.settings.business_unit_id),
                    "project": project.id,
                    "target_group": group.id,
                }
                if (level == "account" or keys[level] in ids) and group.status_at(at) != "draft":
                    yield group

    return find
