"""How launched target groups are doing: their status, completes, costs and rates.

A draft has no progress: the API answers ``NotFoundError``.
"""

from datetime import datetime
from typing import ClassVar

import attrs

from fieldingkit._repr import html_table, short_repr
from fieldingkit.commands import Command, Endpoint
from fieldingkit.resources.fielding_assistant import PricingType
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_groups import TargetGroupProgress, TargetGroupStatus
from fieldingkit.validators import account, ulid

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


@attrs.frozen(kw_only=True)
class TargetGroupOverview:
    """Where a launched target group stands and how it is doing."""

    project_name: str
    """What its project is called."""
    target_group_name: str
    """What it is called."""
    project_manager_id: str
    """The id of the user who manages it."""
    status: TargetGroupStatus
    """Where it stands."""
    progress: TargetGroupProgress
    """How far it has come towards its goal."""
    pricing_model: PricingType
    """How it is priced."""
    is_pricing_restricted: bool
    """Whether the Fielding Assistant limits its price."""
    current_cost_per_interview: Money
    """What a complete costs now."""
    current_cost: Money
    """What its completes have cost so far."""
    country_code: str
    """The country of its respondents."""
    language_code: str
    """Their language."""
    conversion_rate: float
    """From 0 to 1."""
    drop_off_rate: float
    """From 0 to 1."""
    incidence_rate: float
    """From 0 to 1."""
    created_at: datetime
    """When it was created, UTC."""
    average_cost_per_interview: Money | None = None
    """What a complete has cost on average."""
    median_length_of_interview_seconds: int | None = None
    """The median length of an interview, in seconds."""
    human_readable_id: str | None = None
    """The short id that people see; unique within the account."""
    study_type_code: str | None = None
    """What kind of study it is."""
    target_group_customer_reference_number: str | None = None
    """The account's own reference."""

    def __repr__(self) -> str:
        return short_repr(type(self).__name__, repr(self.target_group_name), self.status, self.progress)

    def _repr_html_(self) -> str:
        fields = [(field.name.replace("_", " "), getattr(self, field.name)) for field in attrs.fields(type(self))]
        return html_table(f"{self.target_group_name}: {self.status}", ("", "value"), fields, len(fields))


@attrs.frozen(kw_only=True, repr=False)
class TargetGroupOverviewById(TargetGroupOverview):
    """The same, and which account and project the target group belongs to."""

    account_id: int
    """The account's number."""
    project_id: str
    """The project's ULID."""


@attrs.frozen(kw_only=True)
class RespondentCount:
    """How many respondents ended in one way."""

    status: str | None = None
    """How they ended."""
    label: str | None = None
    """The same, as people say it."""
    description: str | None = None
    """What it means."""
    count: int | None = None
    """How many."""


@attrs.frozen(kw_only=True)
class RespondentAnalysis:
    """How respondents ended."""

    live: tuple[RespondentCount, ...] = ()
    """Real ones."""
    test: tuple[RespondentCount, ...] = ()
    """Those of tests."""


@attrs.frozen(kw_only=True)
class TargetGroupPerformance:
    """How respondents fare in a target group."""

    entrants: int
    """How many entered."""
    prescreens: int
    """How many passed the screener."""
    completes: int
    """How many completed."""
    completes_cost: Money | None = None
    """What the completes have cost."""
    first_complete: datetime | None = None
    """When the first complete came in, UTC."""
    last_complete: datetime | None = None
    """When the latest complete came in, UTC."""
    incidence_rate: float | None = None
    """From 0 to 1."""
    drop_off_rate: float | None = None
    """From 0 to 1."""
    conversion_rate: float | None = None
    """From 0 to 1."""
    respondent_analysis: RespondentAnalysis | None = None
    """How respondents ended."""


@attrs.frozen(kw_only=True)
class CompletesInterval:
    """How many completes there were at a moment."""

    timestamp: datetime
    """When the interval ended, UTC."""
    count: int
    """How many completes there were by then, all in all."""


@attrs.frozen(kw_only=True)
class TargetGroupCompletes:
    """How completes came in over the fielding period."""

    aggregated_completes_intervals: tuple[CompletesInterval, ...] = ()
    """One after the other."""


@attrs.frozen(kw_only=True)
class GetTargetGroupOverview(Command[TargetGroupOverview]):
    """Read where a launched target group stands and how it is doing."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _TARGET_GROUP + "/overview", operation_id="get_target_group_overview"
    )
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""


@attrs.frozen(kw_only=True)
class GetTargetGroupOverviewById(Command[TargetGroupOverviewById]):
    """The same for a target group whose account and project are not known: the answer names them."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        "/demand/target-groups/{target_group_id}/overview",
        operation_id="get_target_group_overview_by_target_group_id",
    )
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""


@attrs.frozen(kw_only=True)
class GetTargetGroupPerformance(Command[TargetGroupPerformance]):
    """Read how respondents fare in a launched target group."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _TARGET_GROUP + "/performance", operation_id="get_target_group_performance"
    )
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""


@attrs.frozen(kw_only=True)
class GetTargetGroupCompletes(Command[TargetGroupCompletes]):
    """Read how completes came in over the fielding period."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        _TARGET_GROUP + "/completes-aggregated-by-interval",
        operation_id="get_target_group_completes_aggregated_by_interval",
    )
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""
    aggregation_interval: str | None = None
    """How long an interval is, such as ``PT6H``; a day if left out."""
