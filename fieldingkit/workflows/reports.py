"""Generate a report and save its file: ``run_report``; save one that was requested before: ``save_report``."""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.client import AsyncClient
from fieldingkit.commands import check_kind
from fieldingkit.errors import (
    ApiError,
    ConfigurationError,
    DecodeError,
    FieldingKitError,
    InvalidCommandError,
    JobGoneError,
    NotFoundError,
    WorkflowError,
)
from fieldingkit.files import Download, Downloaded
from fieldingkit.jobs.job import AsyncJob
from fieldingkit.jobs.token import JobToken
from fieldingkit.option_validators import check_wait_timeout
from fieldingkit.resources.reports import (
    DownloadReport,
    GenerateReport,
    ListReports,
    Report,
    ReportLevel,
    ReportStatus,
    add_months,
)
from fieldingkit.results import Serializable
from fieldingkit.workflows.creation import check_callback, check_client
from fieldingkit.workflows.job_tokens import job_token
from fieldingkit.workflows.optimistic import keep_outcome
from fieldingkit.workflows.reading import list_all

__all__ = ["SavedReport", "run_report", "save_report", "start_report"]

Timeout: TypeAlias = float | Literal["auto"] | None

_SUFFIXES: Final = {
    "text/csv": ".csv",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
_NO_FILE_YET: Final = frozenset({202, 204, 404})
_DOWNLOAD_SECONDS: Final = 3600.0
"""The longest time for one attempt: the file of six months is large."""
_MAX_DOWNLOADS: Final = 3
_FIRST_DELAY: Final = 0.5
_SEARCH_SECONDS: Final = 60.0
"""The longest search for a report after an unclear outcome."""
_CLOCK_STEP: Final = timedelta(seconds=2)
"""The precision of the API's ``Date``, with which the time of a report is compared."""


@attrs.frozen(kw_only=True)
class SavedReport(Serializable):
    """A report that was saved as a file."""

    report_id: str
    """The report's id."""
    path: Path
    """The path of the file."""
    size: int
    """The size of the file in bytes."""
    content_type: str | None
    """The content type of the file, such as ``text/csv``; None if the API sent none."""
    filename: str | None
    """The name that the API gave the file; None if it gave none."""
    conflicts: tuple[FieldingKitError, ...] = attrs.field(default=(), repr=False)
    """The errors that were handled: an unclear outcome of the request, or a file that was not there yet."""


async def run_report(
    client: AsyncClient,
    command: GenerateReport,
    path: str | PathLike[str],
    *,
    timeout: Timeout = "auto",
    on_start: Callable[[AsyncJob[ReportStatus]], object] | None = None,
) -> SavedReport:
    """Generate a report, wait for it, and save its file.

    The request is sent once. After an unclear outcome the reports of the account are listed: a report with the same
    request that appeared since is followed, and no second one is requested.

    Args:
        client: The client to use; with a blocking one, ``client.call(run_report, command, path)``.
        command: The report to generate.
        path: The path of the file; it gets the suffix of its content type if it has none. In a directory, the file is
            named after the report. The file appears when it is complete, and replaces an earlier one.
        timeout: Seconds to wait for the report; None for no limit; ``"auto"`` for an hour. The report itself continues
            after a timeout.
        on_start: Called with the job once the report is accepted; ``save_report`` takes its id or its token.

    Raises:
        InvalidCommandError: if the path cannot be written or the period is too long ago; nothing was sent.
        JobFailedError: if the report failed; nothing is saved.
        JobTimeoutError: if the report has not ended in time; the error has its token.
        WorkflowError: if the outcome of the request stays unclear, or the file of a completed report cannot be saved.
        FieldingKitError: if the API refuses the request, or the report cannot be followed.
    """
    check_client(client)
    check_kind(command, GenerateReport)
    _check_timeout(timeout)
    check_callback(on_start, "on_start")
    target = _Target(path)
    job, conflicts = await start_report(client, command)
    if on_start is not None:
        try:
            on_start(job)
        except BaseException as exc:
            keep_outcome(exc, job.resume_note())
            raise
    return await _save(client, job, target, timeout, conflicts)


async def save_report(
    client: AsyncClient,
    report: str,
    path: str | PathLike[str],
    *,
    account_id: str | int | None = None,
    timeout: Timeout = "auto",
) -> SavedReport:
    """Wait for a report that was requested before, and save its file. Nothing is generated.

    Args:
        client: The client to use; with a blocking one, ``client.call(save_report, report, path)``.
        report: The report's id, or the token of its job.
        path: The path of the file, as for ``run_report``.
        account_id: The account's number, for an id; the client's account by default.
        timeout: Seconds to wait for the report; None for no limit; ``"auto"`` for an hour.

    Raises:
        InvalidCommandError: if the path cannot be written, or it is no id of a report; nothing was sent.
        NotFoundError: if the account has no such report.
        FieldingKitError: as for ``run_report``.
    """
    check_client(client)
    _check_timeout(timeout)
    target = _Target(path)
    try:
        return await _save(client, _job(client, report, account_id), target, timeout, ())
    except JobGoneError as exc:
        if isinstance(exc.__cause__, ApiError):  # nothing was requested here, so nothing is unclear
            raise exc.__cause__ from None
        raise


class _Target:
    """The place of a file whose suffix may be known only when it has arrived.

    Args:
        path: The path of the file, or of a directory.

    Raises:
        InvalidCommandError: if no file can be written there.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        if not os.fspath(path):
            raise InvalidCommandError("path is empty: name a file or a directory", field="path")
        self._path = Path(path)
        self._is_folder = self._path.is_dir()
        # Like any download, the file follows a symbolic link.
        folder = self._path if self._is_folder else Path(os.path.realpath(self._path)).parent
        self.temporary: Path = folder / f".report.{secrets.token_hex(4)}"
        """The path to download the file to."""
        is_final = self._path.suffix and not self._is_folder
        try:
            with Download(self._path if is_final else self.temporary, None):
                pass  # a path that cannot be written is refused before a report is made
        except InvalidCommandError as exc:
            reason = exc.__cause__.strerror if isinstance(exc.__cause__, OSError) else exc.__cause__
            raise InvalidCommandError(
                f"path {brief_repr(os.fspath(path), 200)} cannot be written: {reason}", field="path"
            ) from exc.__cause__

    def place(self, report_id: str, file: Downloaded) -> Path:
        """Give the file of a report its final path, and return it."""
        path = self._path / f"report-{report_id}" if self._is_folder else self._path
        if self._is_folder or not path.suffix:
            path = path.with_name(path.name + _suffix(file))
        file.path.replace(os.path.realpath(path))
        return path

    def clear(self) -> None:
        """Remove a file that did not get its final path."""
        with suppress(OSError):
            self.temporary.unlink(missing_ok=True)


def _suffix(file: Downloaded) -> str:
    """Return the suffix of a file by its content type, or else by the name that the API gave it."""
    return _SUFFIXES.get(file.content_type or "") or Path(file.filename or "").suffix


def _check_timeout(timeout: Timeout) -> None:
    if timeout != "auto":
        check_wait_timeout(timeout)


def _check_age(client: AsyncClient, command: GenerateReport) -> None:
    """Refuse a period that begins before the API's data: its report would lack rows without saying so."""
    # A day more, because the days of a report are not those of UTC.
    oldest = add_months(_now(client).date(), -12) - timedelta(days=1)
    if command.start_date < oldest:
        raise InvalidCommandError(
            f"GenerateReport: start_date ({command.start_date}) is more than twelve months ago, and the API has no "
            "older data",
            field="start_date",
            command=command,
        )


async def start_report(
    client: AsyncClient, command: GenerateReport, *, since: datetime | None = None
) -> tuple[AsyncJob[ReportStatus], tuple[FieldingKitError, ...]]:
    """Request a report once, and return its job and the errors that were handled.

    After an unclear outcome the reports of the account are listed, as for ``run_report``.

    Args:
        client: The client to use.
        command: The report to generate.
        since: The time of an earlier request for the same report whose outcome was not seen. If the list has such a
            report that was created since, it is followed, and nothing is requested.

    Raises:
        InvalidCommandError: if the period is too long ago; nothing was sent.
        WorkflowError: if the outcome of the request stays unclear.
        FieldingKitError: if the API refuses the request.
    """
    _check_age(client, command)
    if since is not None:
        found = _newest(await _list(client, command), command, since)
        if found is not None:
            return _job(client, found.report_id, command.account_id), ()
    begun = client.clock.now()
    try:
        return await client.submit(command), ()
    except FieldingKitError as exc:
        if not exc.maybe_applied:
            raise
        cause = exc
    try:
        found = await _find_later(client, command, begun)
    except BaseException as exc:
        note = "the report may have been requested: list the reports before it is requested again"
        keep_outcome(exc, note, command)
        raise
    if found is None:
        raise WorkflowError(
            f"the request for the report had an unclear outcome, and {_SEARCH_SECONDS:g} s later no report with this "
            "request is listed. It may still appear: list the reports before it is requested again",
            conflicts=[cause],
            command=command,
            maybe_applied=True,
            attempts=cause.attempts,
        ) from cause
    return _job(client, found.report_id, command.account_id), (cause,)


async def _find_later(client: AsyncClient, command: GenerateReport, begun: float) -> Report | None:
    """Search for a report that was requested at a time of the client's clock, until it is found or the time is over."""
    delay, deadline = _FIRST_DELAY, client.clock.now() + _SEARCH_SECONDS
    while True:
        reports = await _list(client, command)
        # The API's time is that of its last response, the list.
        found = _newest(reports, command, _now(client) - timedelta(seconds=client.clock.now() - begun))
        if found is not None or (remaining := deadline - client.clock.now()) <= 0:
            return found
        await client.clock.sleep(min(delay, remaining))
        delay *= 2


async def _list(client: AsyncClient, command: GenerateReport) -> list[Report]:
    """List the reports of the type of a command."""
    listing = ListReports(account_id=command.account_id, report_type=command.report_type, page_size=100)
    return await list_all(client, listing)


def _newest(reports: Iterable[Report], command: GenerateReport, since: datetime) -> Report | None:
    """Return the newest report with the same request since a time; any such report has the wanted contents."""
    same = [one for one in reports if _is_same(one, command) and _created(one) >= since - _CLOCK_STEP]
    return max(same, key=_created, default=None)


def _now(client: AsyncClient) -> datetime:
    """Return the API's time of day; by the local clock as long as it is unknown."""
    return datetime.fromtimestamp(client.clock.wall() if client.api_time is None else client.api_time, UTC)


def _created(report: Report) -> datetime:
    return report.create_date or datetime.min.replace(tzinfo=UTC)


def _is_same(report: Report, command: GenerateReport) -> bool:
    """Return whether a report in the list has the request of a command."""
    asked, wanted = report.create_params, command.report_options
    if asked is None or report.report_type != command.report_type:
        return False
    level = report.level or asked.filter or ReportLevel.ACCOUNT
    answers = (options is not None and options.include_respondent_answers for options in (asked.report_options, wanted))
    return (
        (asked.start_date, asked.end_date, level) == (command.start_date, command.end_date, command.level)
        and (level is ReportLevel.ACCOUNT or {*asked.filter_ids} == {*(command.filter_ids or ())})
        and len({*map(bool, answers)}) == 1
    )


def _job(client: AsyncClient, report: str, account_id: str | int | None) -> AsyncJob[ReportStatus]:
    """Return the job of a report, by its id or by the token of its job."""
    try:
        JobToken.decode(report)
        token = report
    except ConfigurationError:
        command = DownloadReport(account_id=account_id, report_id=report)
        generated = GenerateReport.endpoint.operation_id
        token = job_token(client, generated, command.report_id, account_id=command.account_id)
    operation_id = JobToken.decode(token).operation_id
    if operation_id != GenerateReport.endpoint.operation_id:
        raise InvalidCommandError(f"the token is that of a job of {operation_id}, not of a report", field="report")
    return cast("AsyncJob[ReportStatus]", client.job(token))


async def _save(
    client: AsyncClient,
    job: AsyncJob[ReportStatus],
    target: _Target,
    timeout: Timeout,
    conflicts: tuple[FieldingKitError, ...],
) -> SavedReport:
    """Wait for a report and save its file."""
    await job.wait(timeout)
    command = DownloadReport(account_id=JobToken.decode(job.token()).path["account_id"], report_id=job.id)
    downloader = client.with_options(timeout=_DOWNLOAD_SECONDS, deadline=None)
    handled = [*conflicts]
    try:
        file = await _download(downloader, command, target.temporary, handled)
        path = target.place(job.id, file)
    except (FieldingKitError, OSError) as exc:
        reason = exc.message if isinstance(exc, FieldingKitError) else exc.strerror
        raise WorkflowError(
            f"the report {job.id} is completed, and its file cannot be saved: {reason}. Save it by its id",
            conflicts=handled,
            command=command,
        ) from exc
    except asyncio.CancelledError as exc:
        keep_outcome(exc, f"the report {job.id} is completed: save its file with save_report(client, {job.id!r}, ...)")
        raise
    finally:
        target.clear()
    return SavedReport(
        report_id=job.id,
        path=path,
        size=file.size,
        content_type=file.content_type,
        filename=file.filename,
        conflicts=tuple(handled),
    )


async def _download(
    client: AsyncClient, command: DownloadReport, path: Path, conflicts: list[FieldingKitError]
) -> Downloaded:
    """Download a file; again if it is not there yet. The client itself repeats a download that was cut off."""
    for number in range(_MAX_DOWNLOADS - 1):
        try:
            return await client.download(command, path)
        except (NotFoundError, DecodeError) as exc:
            if exc.status not in _NO_FILE_YET:
                raise
            conflicts.append(exc)
            await client.clock.sleep(_FIRST_DELAY * 2**number)
    return await client.download(command, path)
