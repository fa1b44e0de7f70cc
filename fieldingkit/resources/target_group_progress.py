"""The progress of launched target groups: status, completes, costs and rates.

A draft has no progress: the API answers ``NotFoundError``.
"""

from datetime import datetime
from typing import ClassVar

import attrs

from fieldingkit._repr import html_table, short_repr
from fieldingkit.commands import Command, Endpoint, TargetGroupCommand
from fieldingkit.resources.fielding_assistant import PricingType
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_groups import TargetGroupProgress, TargetGroupStatus
from fieldingkit.results import Result, ResultList, to_row
from fieldingkit.validators import duration, ulid

__all__ = [
    "CompletesInterval",
    "GetTargetGroupCompletes",
    "GetTargetGroupOverview",
    "GetTargetGroupOverviewById",
    "GetTargetGroupPerformance",
    "RespondentAnalysis",
    "RespondentCount",
    "TargetGroupCompletes",
    "TargetGroupOverview",
    "TargetGroupOverviewById",
    "TargetGroupPerformance",
]

_TARGET_GROUP = "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}"


@attrs.frozen(kw_only=True, repr=False)
class TargetGroupOverview(Result):
    """The status and progress of a launched target group."""

    project_name: str
    """The project's name."""
    target_group_name: str
    """The target group's name."""
    project_manager_id: str
    """The id of the user who manages it."""
    status: TargetGroupStatus
    """The target group's status."""
    progress: TargetGroupProgress
    """The progress towards its goal."""
    pricing_model: PricingType
    """The pricing model."""
    is_pricing_restricted: bool
    """True if the Fielding Assistant limits its price."""
    current_cost_per_interview: Money
    """The current cost of a complete."""
    current_cost: Money
    """The cost of all completes so far."""
    country_code: str
    """The country of its respondents."""
    language_code: str
    """The language of its respondents."""
    conversion_rate: float
    """From 0 to 1."""
    drop_off_rate: float
    """From 0 to 1."""
    incidence_rate: float
    """From 0 to 1."""
    created_at: datetime
    """The time it was created, UTC."""
    average_cost_per_interview: Money | None = None
    """The average cost of a complete."""
    median_length_of_interview_seconds: int | None = None
    """The median length of an interview, in seconds."""
    human_readable_id: str | None = None
    """The short id that people see; unique within the account."""
    study_type_code: str | None = None
    """The kind of study."""
    target_group_customer_reference_number: str | None = None
    """The account's own reference."""

    def __repr__(self) -> str:
        done, goal = self.progress.current_completes, self.progress.filling_goal
        return short_repr(type(self).__name__, repr(self.target_group_name), self.status, f"{done} of {goal}")

    def _repr_html_(self) -> str:
        fields = [(name.replace("_", " "), value) for name, value in to_row(self).items()]
        return html_table(f"{self.target_group_name}: {self.status}", ("", "value"), fields, len(fields))


@attrs.frozen(kw_only=True, repr=False)
class TargetGroupOverviewById(TargetGroupOverview):
    """The overview of a target group, with its account and project."""

    account_id: int
    """The account's number."""
    project_id: str
    """The project's ULID."""


@attrs.frozen(kw_only=True)
class RespondentCount(Result):
    """The number of respondents with one outcome."""

    status: str | None = None
    """The API's code of the outcome."""
    label: str | None = None
    """The outcome in plain words."""
    description: str | None = None
    """The outcome's explanation."""
    count: int | None = None
    """The number of respondents."""


@attrs.frozen(kw_only=True)
class RespondentAnalysis(Result):
    """The outcomes of respondents."""

    live: tuple[RespondentCount, ...] = ()
    """Real respondents."""
    test: tuple[RespondentCount, ...] = ()
    """Respondents of tests."""


@attrs.frozen(kw_only=True)
class TargetGroupPerformance(Result):
    """The performance of a target group: its respondents and their outcomes."""

    entrants: int
    """The number of respondents who entered."""
    prescreens: int
    """The number of respondents who passed the screener."""
    completes: int
    """The number of respondents who completed."""
    completes_cost: Money | None = None
    """The cost of all completes."""
    first_complete: datetime | None = None
    """The time of the first complete, UTC."""
    last_complete: datetime | None = None
    """The time of the latest complete, UTC."""
    incidence_rate: float | None = None
    """From 0 to 1."""
    drop_off_rate: float | None = None
    """From 0 to 1."""
    conversion_rate: float | None = None
    """From 0 to 1."""
    respondent_analysis: RespondentAnalysis | None = None
    """The outcomes of respondents."""


@attrs.frozen(kw_only=True)
class CompletesInterval(Result):
    """The number of completes at the end of an interval."""

    timestamp: datetime
    """The end of the interval, UTC."""
    count: int
    """The total number of completes by then."""


@attrs.frozen(kw_only=True, repr=False)
class TargetGroupCompletes(ResultList[CompletesInterval]):
    """The completes of a target group over its fielding period."""

    aggregated_completes_intervals: tuple[CompletesInterval, ...] = ()
    """The intervals in order."""


@attrs.frozen(kw_only=True)
class GetTargetGroupOverview(TargetGroupCommand[TargetGroupOverview]):
    """Read the status and progress of a launched target group."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _TARGET_GROUP + "/overview", operation_id="get_target_group_overview"
    )


@attrs.frozen(kw_only=True)
class GetTargetGroupOverviewById(Command[TargetGroupOverviewById]):
    """Read the overview of a target group whose account and project are not known; the result contains both."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        "/demand/target-groups/{target_group_id}/overview",
        operation_id="get_target_group_overview_by_target_group_id",
    )
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""


@attrs.frozen(kw_only=True)
class GetTargetGroupPerformance(TargetGroupCommand[TargetGroupPerformance]):
    """Read the performance of a launched target group."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _TARGET_GROUP + "/performance", operation_id="get_target_group_performance"
    )


@attrs.frozen(kw_only=True)
class GetTargetGroupCompletes(TargetGroupCommand[TargetGroupCompletes]):
    """Read the completes of a launched target group over its fielding period."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _TARGET_GROUP + "/completes-aggregated-by-interval",
        operation_id="get_target_group_completes_aggregated_by_interval",
    )
    aggregation_interval: str | None = attrs.field(default=None, validator=duration)
    """The length of an interval, such as ``PT6H``; a day if left out."""
