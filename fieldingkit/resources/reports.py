"""Reports: files with the completes, the costs or the terminations of a period.

The API writes a report in a job. ``fieldingkit.workflows.run_report`` starts one, waits for it and saves its file.
Reports describe the last twelve months, and are not meant for managing live target groups.
"""

import calendar
from datetime import date, datetime
from typing import Any, ClassVar, Final, Literal, Self, TypeAlias

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.commands import AccountCommand, Command, DownloadCommand, Endpoint, OpenEnum
from fieldingkit.errors import InvalidCommandError
from fieldingkit.job_commands import JobAccepted, JobCommand, JobPace, JobResult, fold_word
from fieldingkit.paging import Page, PagedCommand
from fieldingkit.resources.fielding_jobs import FailureReason
from fieldingkit.results import Result
from fieldingkit.validators import each, opaque_id, optional_str_tuple, ulids

__all__ = [
    "DownloadReport",
    "GenerateReport",
    "GetReportStatus",
    "ListReports",
    "Report",
    "ReportLevel",
    "ReportList",
    "ReportOptions",
    "ReportParameters",
    "ReportState",
    "ReportStatus",
    "ReportType",
    "Requestor",
    "ShareReport",
    "SharedReport",
    "add_months",
]

_REPORTS = "/demand/accounts/{account_id}/reports"
_REPORT = _REPORTS + "/{report_id}"

_MAX_MONTHS: Final = 6
"""The months that one report can cover."""


class ReportType(OpenEnum):
    """The contents of a report."""

    COMPLETES = "completes"
    """A row for each complete."""
    SAMPLE_BOUGHT = "sample-bought"
    """A row for each item of an invoice."""
    TERM_DETAILS = "term-details"
    """A row for each respondent who did not complete."""
    RESPONDENT_ANALYSIS = "respondent-analysis"
    """A row for each respondent."""
    RECONCILIATIONS_STATUS = "reconciliations-status"
    """A row for each reconciled complete."""
    RECONCILIATION_ELIGIBLE_RIDS = "reconciliation-eligible-rids"
    """A row for each complete that can be reconciled."""


class _Word(OpenEnum):
    """An enumeration whose words the API spells in several ways, such as ``IN PROGRESS`` and ``in_progress``."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        known = cls._value2member_map_.get(fold_word(value)) if isinstance(value, str) else None
        return known if isinstance(known, cls) else super()._missing_(value)


class ReportLevel(_Word):
    """The level of a report: the whole account, or some of its business units, projects or target groups."""

    ACCOUNT = "account"
    """The whole account."""
    BUSINESS_UNIT = "business_unit"
    """Some business units."""
    PROJECT = "project"
    """Some projects."""
    TARGET_GROUP = "target_group"
    """Some target groups."""


class ReportState(_Word):
    """The state of a report. Each operation of the API has some of these words."""

    PENDING = "pending"
    """It was not begun yet."""
    PROCESSING = "processing"
    """It is being made."""
    IN_PROGRESS = "in_progress"
    """It is being made."""
    EMAILED = "emailed"
    """It was made and sent by e-mail."""
    COMPLETED = "completed"
    """It can be downloaded."""
    FAILED = "failed"
    """It could not be made."""


ReportTypeName: TypeAlias = Literal[
    "completes",
    "sample-bought",
    "term-details",
    "respondent-analysis",
    "reconciliations-status",
    "reconciliation-eligible-rids",
]
ReportLevelName: TypeAlias = Literal["account", "business_unit", "project", "target_group"]

_A, _B, _P, _T = ReportLevel.ACCOUNT, ReportLevel.BUSINESS_UNIT, ReportLevel.PROJECT, ReportLevel.TARGET_GROUP

# The levels of each type, and those among them that take several ids.
_LEVELS: Final[dict[ReportType, tuple[tuple[ReportLevel, ...], tuple[ReportLevel, ...]]]] = {
    ReportType.COMPLETES: ((_A, _B, _P, _T), (_B, _P, _T)),
    ReportType.SAMPLE_BOUGHT: ((_A, _B, _P, _T), (_B, _P, _T)),
    ReportType.RECONCILIATIONS_STATUS: ((_A, _P, _T), (_P, _T)),
    ReportType.RECONCILIATION_ELIGIBLE_RIDS: ((_P, _T), (_T,)),
    ReportType.RESPONDENT_ANALYSIS: ((_P, _T), (_T,)),
    ReportType.TERM_DETAILS: ((_T,), ()),
}


def _report_type(value: ReportType | ReportTypeName) -> ReportType:
    return ReportType(value)


def _optional_report_type(value: ReportType | ReportTypeName | None) -> ReportType | None:
    return None if value is None else ReportType(value)


def _level(value: ReportLevel | ReportLevelName) -> ReportLevel:
    return ReportLevel(value)


def _optional_level(value: ReportLevel | ReportLevelName | None) -> ReportLevel | None:
    return None if value is None else ReportLevel(value)


def _optional_state(
    value: ReportState | Literal["processing", "completed", "failed"] | None,
) -> ReportState | None:
    return None if value is None else ReportState(value)


def _write_level(level: ReportLevel) -> dict[str, str]:
    """Return the members of a level: the whole account has none."""
    return {} if level is ReportLevel.ACCOUNT else {"filter": level.value}


def _day(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require a day without a time."""
    if type(value) is not date:
        raise InvalidCommandError(
            f"{type(command).__name__}: {attribute.name} must be a date without a time, such as date(2026, 1, 31); got "
            f"{brief_repr(value)}",
            field=attribute.name,
        )


def add_months(day: date, months: int) -> date:
    """Return the same day some months later or earlier; the last one of a month that is too short for it."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@attrs.frozen(kw_only=True)
class ReportOptions(Result):
    """The options of a report."""

    include_respondent_answers: bool | None = None
    """True to include the answers of the respondents."""
    link_type: int | str | None = None
    """The kind of links of a ``term-details`` report: a number in requests, a word such as ``offer`` in lists."""


@attrs.frozen(kw_only=True)
class ReportParameters(Result):
    """The request that a report was generated for."""

    start_date: date | None = None
    """The start of the period: 00:00 US Central Time on this day."""
    end_date: date | None = None
    """The end of the period: 00:00 US Central Time on this day."""
    filter: ReportLevel | None = None
    """The level; None for the whole account, although some answers have ``account``."""
    filter_ids: tuple[str, ...] = ()
    """The ids of the business units, projects or target groups."""
    report_options: ReportOptions | None = None
    """The options."""


@attrs.frozen(kw_only=True)
class Requestor(Result):
    """The user who requested a report."""

    id: str | None = None
    """The user's id."""
    name: str | None = None
    """The user's name."""
    email: str | None = None
    """The user's email address."""


@attrs.frozen(kw_only=True)
class Report(Result):
    """A report in the list of an account's reports."""

    report_id: str
    """The report's id."""
    report_type: ReportType | None = None
    """Its contents."""
    status: ReportState | None = None
    """Its state."""
    level: ReportLevel | None = None
    """Its level."""
    account_name: str | None = None
    """The name of the account."""
    create_date: datetime | None = None
    """The time of the request, UTC."""
    create_params: ReportParameters | None = None
    """The request."""
    requestor: Requestor | None = None
    """The user who requested it."""
    report_url: str | None = None
    """A link for people, on another host. The client never follows it; ``DownloadReport`` reads the file."""


@attrs.frozen(kw_only=True, repr=False)
class ReportList(Page[Report]):
    """One page of an account's reports."""

    reports: tuple[Report, ...] = ()
    """The reports of this page."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Name the list as its items are named."""
        return {**body, "reports": body["reports_requests"]}


@attrs.frozen(kw_only=True)
class ReportStatus(Result):
    """A report at the time it was read."""

    report_id: str
    """The report's id."""
    status: ReportState
    """The report's state. The file can be downloaded once it is ``completed``."""
    message: str | None = None
    """The API's description of the state."""
    start_date: datetime | None = None
    """The start of the period, UTC."""
    end_date: datetime | None = None
    """The end of the period, UTC."""
    report_url: str | None = None
    """A link for people, on another host. The client never follows it; ``DownloadReport`` reads the file."""
    data_analysis: bool | None = None
    """True if the request included an analysis of the data."""
    survey_id: str | None = None
    """The survey of the report."""
    respondent_answer: bool | None = None
    """True if the report includes the answers of the respondents."""

    @property
    def job_id(self) -> str:
        """The id of the job that writes the report: the report's own."""
        return self.report_id

    @property
    def failure_reason(self) -> FailureReason | None:
        """The message of a report that failed."""
        return FailureReason(description=self.message) if self.status is ReportState.FAILED else None


@attrs.frozen(kw_only=True)
class SharedReport(Result):
    """A link that opens a report without any credentials, for a limited time. Treat it as a secret."""

    report_pre_signed_url: str = attrs.field(repr=False)
    """The link; in no repr and no export."""


@attrs.frozen(kw_only=True)
class GetReportStatus(AccountCommand[ReportStatus]):
    """Read the state of a report."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _REPORT + "/status", operation_id="report_status")
    report_id: str = attrs.field(validator=opaque_id)
    """The report's id."""


@attrs.frozen(kw_only=True)
class GenerateReport(JobCommand[ReportStatus], AccountCommand[JobAccepted]):
    """Generate a report. A repetition generates a second one: after an ambiguous outcome, list the reports first.

    The types and levels that go together, those in parentheses with one id only:

    - ``completes`` and ``sample-bought``: account, business unit, project, target group
    - ``reconciliations-status``: account, project, target group
    - ``reconciliation-eligible-rids`` and ``respondent-analysis``: (project), target group
    - ``term-details``: (target group)
    """

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _REPORTS + "/{report_type}", operation_id="generate_report")
    status_command: ClassVar[type[Command[JobResult]]] = GetReportStatus
    id_field: ClassVar[str] = "report_id"
    id_in_body: ClassVar[bool] = True
    pace: ClassVar[JobPace | None] = JobPace(first_delay=2, min_interval=2, max_interval=600, timeout=3600)
    all_or_nothing: ClassVar[bool] = True
    report_type: ReportType = attrs.field(converter=_report_type, validator=opaque_id)
    """The contents of the report."""
    level: ReportLevel = attrs.field(
        default=ReportLevel.ACCOUNT,
        converter=_level,
        metadata={"name": "filter", "write": _write_level, "spread": True},
    )
    """The level of the report; the whole account by default."""
    filter_ids: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_str_tuple, validator=each(opaque_id)
    )
    """The ids of the business units, projects or target groups; none for the whole account."""
    start_date: date = attrs.field(validator=_day)
    """The start of the period: 00:00 US Central Time on this day. The API has data of the last twelve months."""
    end_date: date = attrs.field(validator=_day)
    """The end of the period: 00:00 US Central Time on this day, which is not part of it; at most six months later."""
    report_options: ReportOptions | None = None
    """The options."""
    email_recipients: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_str_tuple, validator=each(opaque_id, maximum=5)
    )
    """The ids of the users who get the report by email, 1 to 5."""

    def __attrs_post_init__(self) -> None:
        self._check_level()
        if self.end_date <= self.start_date:
            raise InvalidCommandError(
                f"GenerateReport: end_date ({self.end_date}) must be after start_date ({self.start_date}): the period "
                "ends at its beginning",
                field="end_date",
            )
        if self.end_date > (latest := add_months(self.start_date, _MAX_MONTHS)):
            raise InvalidCommandError(
                f"GenerateReport: end_date ({self.end_date}) must be at most six months after start_date, {latest} at "
                "the latest: request several reports",
                field="end_date",
            )

    def _check_level(self) -> None:
        """Check that the type has the level, and the level this number of ids."""
        if not (self.report_type.known and self.level.known):
            return
        levels, several = _LEVELS[self.report_type]
        if self.level not in levels:
            raise InvalidCommandError(
                f"GenerateReport: {self.report_type} reports have no level {self.level}; take {' or '.join(levels)}",
                field="level",
            )
        if (self.level is ReportLevel.ACCOUNT) != (self.filter_ids is None):
            rule = "takes no filter_ids" if self.filter_ids else "needs filter_ids"
            raise InvalidCommandError(f"GenerateReport: the level {self.level} {rule}", field="filter_ids")
        if self.level in {ReportLevel.PROJECT, ReportLevel.TARGET_GROUP}:
            ulids(self, attrs.fields_dict(type(self))["filter_ids"], self.filter_ids)
        if len(self.filter_ids or ()) > 1 and self.level not in several:
            raise InvalidCommandError(
                f"GenerateReport: {self.report_type} reports of the level {self.level} take one id; got "
                f"{len(self.filter_ids or ())}",
                field="filter_ids",
            )


@attrs.frozen(kw_only=True)
class DownloadReport(DownloadCommand, AccountCommand[None]):
    """Read the file of a report that is completed, with ``client.download``: CSV or Excel, as its type says."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _REPORT + "/download", operation_id="download_report_v2")
    report_id: str = attrs.field(validator=opaque_id)
    """The report's id."""


@attrs.frozen(kw_only=True)
class ListReports(PagedCommand[ReportList]):
    """List the reports of an account, 1 to 100 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _REPORTS, operation_id="report_requests")
    report_type: ReportType | None = attrs.field(default=None, converter=_optional_report_type)
    """Only reports of this type."""
    level: ReportLevel | None = attrs.field(default=None, converter=_optional_level)
    """Only reports of this level."""
    status: ReportState | None = attrs.field(default=None, converter=_optional_state, metadata={"query": "Status"})
    """Only reports in this state: ``processing``, ``completed`` or ``failed``."""


@attrs.frozen(kw_only=True)
class ShareReport(AccountCommand[SharedReport]):
    """Create a link that opens a report without any credentials, for a limited time."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _REPORT + "/share", operation_id="share_report")
    report_id: str = attrs.field(validator=opaque_id)
    """The report's id."""
    report_type: ReportType = attrs.field(converter=_report_type)
    """The type of the report."""
