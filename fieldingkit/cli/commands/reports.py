"""``fieldingkit reports``: generate a report and save its file, list the reports, or save one of them."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from fieldingkit.cli.connection import DEFAULT_CONNECTION, Connection
from fieldingkit.cli.errors import ExitCode, UsageError
from fieldingkit.cli.output import Output, format_fields
from fieldingkit.resources.reports import (
    GenerateReport,
    ListReports,
    Report,
    ReportLevelName,
    ReportOptions,
    ReportTypeName,
    add_months,
)

if TYPE_CHECKING:
    from fieldingkit.jobs.job import AsyncJob
    from fieldingkit.workflows.reports import SavedReport

__all__ = ["download", "list_reports", "run"]

_COLUMNS: Final[dict[str, Callable[[Report], object]]] = {
    "Report": lambda report: report.report_id,
    "Type": lambda report: report.report_type,
    "Level": lambda report: report.level,
    "Start": lambda report: report.create_params and report.create_params.start_date,
    "End": lambda report: report.create_params and report.create_params.end_date,
    "State": lambda report: report.status,
    "Created": lambda report: report.create_date,
    "By": lambda report: report.requestor and report.requestor.name,
}
_WaitSeconds = Annotated[float, Parameter(validator=Number(gt=0))]


async def run(
    report_type: ReportTypeName,
    path: Path,
    /,
    *,
    month: str | None = None,
    start: date | None = None,
    end: date | None = None,
    project: tuple[str, ...] = (),
    group: tuple[str, ...] = (),
    business_unit: tuple[str, ...] = (),
    answers: bool = False,
    email: tuple[str, ...] = (),
    wait_seconds: _WaitSeconds = 3600.0,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Generate a report, wait for it, and save its file. Without projects, target groups or units it is the account's.

    The request is sent once. After an unclear outcome, the report is searched for in the list of reports.

    Args:
        report_type: The contents of the report.
        path: The file, or a folder for it. Without a suffix, the file gets that of its content type.
        month: The month of the report, such as 2026-10; instead of --start and --end.
        start: The first day of the report, in US Central Time.
        end: The day after the last one; at most six months after the first.
        project: A project's id; may be repeated.
        group: A target group's id; may be repeated.
        business_unit: A business unit's id; may be repeated.
        answers: Include the answers of the respondents.
        email: The id of a user who gets the report by email; may be repeated.
        wait_seconds: Seconds to wait at most; the exit code is 4 if the report is not completed by then.
        json: Print one JSON document.
        connection: How to reach the API.
    """
    from fieldingkit.workflows.central_time import central_date
    from fieldingkit.workflows.due_reconciliations import now_of
    from fieldingkit.workflows.reports import run_report

    output = Output(json=json)
    first, after = _period(month, start, end)
    command = GenerateReport(
        report_type=report_type,
        start_date=first,
        end_date=after,
        report_options=ReportOptions(include_respondent_answers=True) if answers else None,
        email_recipients=email or None,
        **_level(project=project, target_group=group, business_unit=business_unit),
    )

    def on_start(job: "AsyncJob[Any]") -> None:
        output.note(f"Report {job.id} was requested. If this ends early: fieldingkit reports download {job.id} {path}")

    async with connection.open() as client:
        saved = await run_report(client, command, path, timeout=wait_seconds, on_start=on_start)
        if after > central_date(now_of(client)):
            output.note(f"The period is not over before {after}: what comes until then is not in the report.")
        return _print(output, saved)


async def list_reports(
    *,
    report_type: Annotated[ReportTypeName | None, Parameter(name="--type")] = None,
    level: ReportLevelName | None = None,
    status: Literal["processing", "completed", "failed"] | None = None,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """List the account's reports.

    Args:
        report_type: Only reports of this type.
        level: Only reports of this level.
        status: Only reports in this state.
        json: Print one JSON document a line.
        connection: How to reach the API.
    """
    output = Output(json=json)
    command = ListReports(report_type=report_type, level=level, status=status, page_size=100)
    async with connection.open() as client:
        count = await output.print_items(_COLUMNS, client.iter_items(command))
    if not count:
        output.note("No matching reports.")
    return ExitCode.DONE


async def download(
    report: str,
    path: Path,
    /,
    *,
    wait_seconds: _WaitSeconds = 3600.0,
    json: bool = False,
    connection: Connection = DEFAULT_CONNECTION,
) -> int:
    """Wait for a report that was requested before, and save its file.

    Args:
        report: The report's id, or the token of its job.
        path: The file, or a folder for it. Without a suffix, the file gets that of its content type.
        wait_seconds: Seconds to wait at most; the exit code is 4 if the report is not completed by then.
        json: Print one JSON document.
        connection: How to reach the API.
    """
    from fieldingkit.workflows.reports import save_report

    output = Output(json=json)
    async with connection.open() as client:
        saved = await save_report(client, report, path, timeout=wait_seconds)
        return _print(output, saved)


def _period(month: str | None, start: date | None, end: date | None) -> tuple[date, date]:
    """Return the first day of a report, and the day after its last one."""
    if month is not None and start is None and end is None:
        try:
            first = date.fromisoformat(f"{month}-01")
        except ValueError:
            raise UsageError(f"--month {month} is no month\nGive it as in 2026-10.") from None
        return first, add_months(first, 1)
    if month is None and start is not None and end is not None:
        return start, end
    raise UsageError("the period is missing\nGive --month, or --start and --end.")


def _level(**ids: tuple[str, ...]) -> dict[str, Any]:
    """Return the level of a report and its ids."""
    given = {level: values for level, values in ids.items() if values}
    if len(given) > 1:
        raise UsageError("--project, --group and --business-unit exclude each other\nA report has one level.")
    for level, values in given.items():
        return {"level": level, "filter_ids": values}
    return {}


def _print(output: Output, saved: "SavedReport") -> ExitCode:
    fields = {
        "Report": saved.report_id,
        "File": saved.path,
        "Size": f"{saved.size:,} bytes",
        "Type": saved.content_type,
    }
    output.print_outcome(saved, format_fields(fields))
    if saved.conflicts:
        output.note(f"Handled: {'; '.join(conflict.message for conflict in saved.conflicts)}")
    return ExitCode.DONE
