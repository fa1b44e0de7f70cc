"""Target groups: what is fielded. Finding them, and reading their settings.

What may be done with them is told by ``target_group_transitions``, how they are doing by ``target_group_progress``,
what happened to them by ``target_group_changelog``. Their goals are changed with ``target_group_goals``.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar

import attrs

from fieldingkit._repr import html_table, short_repr
from fieldingkit.commands import Command, Endpoint, OpenEnum
from fieldingkit.paging import PagedCommand
from fieldingkit.resources.fielding_assistant import FieldingAssistantAssignment, PricingType
from fieldingkit.resources.money import Money
from fieldingkit.validators import account, ids, some, some_ulids, ulid

__all__ = [
    "ComputeTargetGroupTransitions",
    "FieldingSpecification",
    "FillingStrategy",
    "GetTargetGroup",
    "GetTargetGroupDetails",
    "IssueNote",
    "IssueType",
    "ListTargetGroups",
    "StatisticIssue",
    "TargetGroupDetails",
    "TargetGroupDraft",
    "TargetGroupFilters",
    "TargetGroupLinks",
    "TargetGroupList",
    "TargetGroupProgress",
    "TargetGroupStatistics",
    "TargetGroupStatus",
    "TargetGroupSummary",
    "TargetGroupTransitions",
]


_TARGET_GROUPS = "/demand/accounts/{account_id}/projects/{project_id}/target-groups"
_TARGET_GROUP = _TARGET_GROUPS + "/{target_group_id}"


class TargetGroupStatus(OpenEnum):
    """Where a target group stands."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    LIVE = "live"
    PAUSED = "paused"
    COMPLETED = "completed"
    ARCHIVED = "archived"


class FillingStrategy(OpenEnum):
    """What counts towards a target group's goal."""

    AUTOMATED = "automated"
    PRESCREENS = "prescreens"
    COMPLETES = "completes"


class IssueType(OpenEnum):
    """How bad an issue is."""

    WARNING = "warning"
    ERROR = "error"


def _statuses(values: Iterable[str] | None) -> tuple[TargetGroupStatus, ...] | None:
    return None if values is None else tuple(map(TargetGroupStatus, ids(values)))


def _texts(values: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if values is None else ids(values)


@attrs.frozen(kw_only=True)
class TargetGroupProgress:
    """How far a target group has come towards its goal."""

    current_completes: int
    """How many completes it has."""
    current_prescreens: int
    """How many prescreens it has."""
    filling_goal: int
    """How many completes or prescreens it is to have."""
    filling_strategy: FillingStrategy
    """Which of the two the goal counts."""


@attrs.frozen(kw_only=True)
class IssueNote:
    """A reason for an issue, or a suggestion what to do about it."""

    code: str
    """The API's code; new ones may appear."""
    description: str
    """The API's explanation."""


@attrs.frozen(kw_only=True)
class StatisticIssue:
    """Something that the API finds odd about a statistic."""

    statistic: str
    """Which statistic, such as ``conversion_rate``."""
    issue_type: IssueType
    """How bad it is."""
    reason: IssueNote | None = None
    """Why it is odd."""
    suggestions: tuple[IssueNote, ...] = ()
    """What might help."""


@attrs.frozen(kw_only=True)
class TargetGroupStatistics:
    """How a target group is doing: the values flat, and everything that is odd about them in one list."""

    progress: TargetGroupProgress
    """How far it has come."""
    last_complete_date: datetime | None = None
    """When the latest complete came in, UTC."""
    earnings_per_click: Money | None = None
    """What suppliers earn for each entrant."""
    earnings_per_click_per_minute: Money | None = None
    """The same for each minute of an interview."""
    average_cost_per_interview: Money | None = None
    """What a complete has cost on average."""
    median_length_of_interview_seconds: int | None = None
    """The median length of an interview, in seconds."""
    incidence_rate: float | None = None
    """From 0 to 1."""
    drop_off_rate: float | None = None
    """From 0 to 1."""
    conversion_rate: float | None = None
    """From 0 to 1."""
    issues: tuple[StatisticIssue, ...] = ()
    """What the API finds odd, and about which statistic."""

    @classmethod
    def flatten(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Each of the API's statistics is an object of a value and its issues; here they are apart."""
        statistics: dict[str, dict[str, Any]] = {name: item for name, item in body.items() if isinstance(item, dict)}
        return {
            **{name: item.get("value") for name, item in statistics.items()},
            "issues": [
                {**issue, "statistic": name} for name, item in statistics.items() for issue in item.get("issues") or ()
            ],
        }


@attrs.frozen(kw_only=True)
class TargetGroupSummary:
    """A target group as a list shows it."""

    id: str
    """The target group's ULID."""
    name: str
    """What it is called."""
    status: TargetGroupStatus
    """Where it stands."""
    project_manager_id: str
    """The id of the user who manages it."""
    locale: str
    """The language and country of its respondents."""
    created_at: datetime
    """When it was created, UTC."""
    statistics: TargetGroupStatistics
    """How it is doing."""
    updated_at: datetime | None = None
    """When it was last changed, UTC."""
    human_readable_id: str | None = None
    """The short id that people see; unique within the account."""
    exclusion_enabled: bool | None = None
    """Whether the project's exclusions apply to it."""
    target_group_customer_reference_number: str | None = None
    """The account's own reference."""


@attrs.frozen(kw_only=True)
class TargetGroupList:
    """One page of a project's target groups."""

    target_groups: tuple[TargetGroupSummary, ...]
    """The target groups of this page."""
    has_more: bool = False
    """Whether there are pages after or before this one; what to read next is told by ``next_cursor`` alone."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""

    def __repr__(self) -> str:
        return short_repr(
            "TargetGroupList", f"{len(self.target_groups)} target groups", self.next_cursor and "more to come"
        )

    def _repr_html_(self) -> str:
        rows = [(group.id, group.name, group.status, group.locale) for group in self.target_groups]
        return html_table("Target groups", ("id", "name", "status", "locale"), rows, len(rows))


@attrs.frozen(kw_only=True)
class FieldingSpecification:
    """When a draft is meant to field."""

    start_at: datetime
    """When fielding is to start, UTC."""
    end_at: datetime
    """When fielding is to end, UTC."""


@attrs.frozen(kw_only=True)
class TargetGroupLinks:
    """Where to try a target group out."""

    test_screener: str | None = None
    """The screener, as a test; a draft has none."""
    test_client_survey: str | None = None
    """The survey itself, as a test."""


@attrs.frozen(kw_only=True)
class TargetGroupDraft:
    """A target group that was not launched yet.

    What matters for its fielding is here. Its profiling, allocations, exclusions and re-entry rules are not: they are
    large, and no fielding command takes them.
    """

    human_readable_id: str | None = None
    """The short id that people see; unique within the account."""
    name: str | None = None
    """What it is called."""
    business_unit_id: int | None = None
    """The business unit, which decides the currency."""
    locale: str | None = None
    """The language and country of its respondents."""
    collects_pii: bool | None = None
    """Whether it asks for data that identify a person."""
    study_type_code: str | None = None
    """What kind of study it is."""
    industry_code: str | None = None
    """The industry that it is about."""
    industry_lockout_code: str | None = None
    """For how long those are shut out who took another survey about that industry."""
    pricing_model: PricingType | None = None
    """How it is priced."""
    cost_per_interview: Money | None = None
    """The price of an interview, with dynamic pricing."""
    client_cost_per_interview_note: Money | None = None
    """What the client pays, noted for the account's own use."""
    client_id: int | None = None
    """The client it is made for."""
    project_manager_id: str | None = None
    """The id of the user who manages it."""
    fielding_specification: FieldingSpecification | None = None
    """When it is meant to field."""
    completes_goal: int | None = None
    """How many completes or prescreens it is to have."""
    expected_length_of_interview_minutes: int | None = None
    """How long an interview should take, in minutes."""
    expected_incidence_rate: float | None = None
    """Which part of those who enter should qualify, from 0 to 1."""
    live_url: str | None = None
    """Where respondents who qualify are sent."""
    test_url: str | None = None
    """Where they are sent in a test."""
    fielding_assistant_assignment: FieldingAssistantAssignment | None = None
    """The Fielding Assistant's modules, without an etag: to change them, read them on their own."""
    created_at: datetime | None = None
    """When it was created, UTC."""
    target_group_customer_reference_number: str | None = None
    """The account's own reference."""
    links: TargetGroupLinks | None = None
    """Where to try it out."""


@attrs.frozen(kw_only=True)
class TargetGroupDetails:
    """The settings of a target group that was launched."""

    id: str
    """The target group's ULID."""
    name: str
    """What it is called."""
    account_name: str
    """What the account is called."""
    business_unit_id: str
    """The business unit, which decides the currency."""
    project_manager_id: str
    """The id of the user who manages it."""
    study_type_code: str
    """What kind of study it is."""
    industry_code: str
    """The industry that it is about."""
    industry_lockout_code: str
    """For how long those are shut out who took another survey about that industry."""
    locale: str
    """The language and country of its respondents."""
    completes_goal: int
    """How many completes or prescreens it is to have."""
    expected_length_of_interview_minutes: int
    """How long an interview should take, in minutes."""
    expected_incidence_rate: float
    """Which part of those who enter should qualify, from 0 to 1."""
    collects_pii: bool
    """Whether it asks for data that identify a person."""
    created_at: datetime
    """When it was created, UTC."""
    human_readable_id: str | None = None
    """The short id that people see; unique within the account."""
    client_cost_per_interview_note: Money | None = None
    """What the client pays, noted for the account's own use."""
    client_id: int | None = None
    """The client it is made for."""
    live_url: str | None = None
    """Where respondents who qualify are sent."""
    test_url: str | None = None
    """Where they are sent in a test."""
    target_group_customer_reference_number: str | None = None
    """The account's own reference."""
    links: TargetGroupLinks | None = None
    """Where to try it out."""


@attrs.frozen(kw_only=True)
class ListTargetGroups(PagedCommand[TargetGroupList, TargetGroupSummary]):
    """List the target groups of a project, 1 to 100 on a page. Filters add up: each leaves fewer."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _TARGET_GROUPS, operation_id="get_list_target_groups")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    status: tuple[TargetGroupStatus, ...] | None = attrs.field(default=None, converter=_statuses, validator=some)
    """Only those that stand here."""
    country: tuple[str, ...] | None = attrs.field(default=None, converter=_texts, validator=some)
    """Only those of these countries, two small letters each."""
    language: tuple[str, ...] | None = attrs.field(default=None, converter=_texts, validator=some)
    """Only those in these languages, three small letters each."""
    search_string: str | None = None
    """Only those whose name or short id matches."""
    human_readable_ids: tuple[str, ...] | None = attrs.field(default=None, converter=_texts, validator=some)
    """Only those with these short ids."""
    target_group_customer_reference_numbers: tuple[str, ...] | None = attrs.field(
        default=None, converter=_texts, validator=some
    )
    """Only those with these references."""
    project_manager_id: str | None = None
    """Only those that this user manages."""
    exclusion_status: bool | None = None
    """Only those that the project's exclusions apply to, or do not."""

    def items_of(self, page: TargetGroupList) -> Sequence[TargetGroupSummary]:
        """The target groups of a page."""
        return page.target_groups


@attrs.frozen(kw_only=True)
class GetTargetGroup(Command[TargetGroupDraft]):
    """Read a draft. Once it is launched this is a ``RedirectError``: read its details instead."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _TARGET_GROUP, operation_id="get_target_group")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""


@attrs.frozen(kw_only=True)
class GetTargetGroupDetails(Command[TargetGroupDetails]):
    """Read the settings of a target group that was launched; a draft is ``NotFoundError``."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _TARGET_GROUP + "/details", operation_id="get_target_group_details")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""


@attrs.frozen(kw_only=True)
class TargetGroupFilters:
    """Which target groups of a project to look at; all of them where a filter is left out."""

    status: tuple[TargetGroupStatus, ...] | None = attrs.field(default=None, converter=_statuses, validator=some)
    """Those that stand here."""
    country: tuple[str, ...] | None = attrs.field(default=None, converter=_texts, validator=some)
    """Those of these countries, two small letters each."""
    language: tuple[str, ...] | None = attrs.field(default=None, converter=_texts, validator=some)
    """Those in these languages, three small letters each."""


@attrs.frozen(kw_only=True)
class TargetGroupTransitions:
    """What may be done with a set of target groups. Each answer is for the set as a whole, not for each of its members.

    They hold for the moment of the question only, so a batch that follows may still fail for some.
    """

    target_groups: tuple[str, ...] = ()
    """The ULIDs of the target groups that the question was about."""
    is_launch_allowed: bool | None = None
    """Whether they may be launched."""
    is_pause_allowed: bool | None = None
    """Whether they may be paused."""
    is_resume_allowed: bool | None = None
    """Whether they may be resumed."""
    is_relaunch_allowed: bool | None = None
    """Whether they may be relaunched."""
    is_finish_allowed: bool | None = None
    """Whether they may be completed."""


@attrs.frozen(kw_only=True)
class ComputeTargetGroupTransitions(Command[TargetGroupTransitions]):
    """Ask what may be done with some target groups of a project; nothing is changed."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        "/demand/accounts/{account_id}/projects/{project_id}/compute-target-group-transitions",
        operation_id="compute_target_group_transitions",
        read_only=True,
    )
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    search_string: str | None = None
    """Only those whose name or short id matches."""
    filters: TargetGroupFilters | None = None
    """Only those that pass."""
    included_target_group_ids: tuple[str, ...] | None = attrs.field(
        default=None, converter=_texts, validator=attrs.validators.optional(some_ulids)
    )
    """Only these, by their ULIDs."""
    excluded_target_group_ids: tuple[str, ...] | None = attrs.field(
        default=None, converter=_texts, validator=attrs.validators.optional(some_ulids)
    )
    """None of these, by their ULIDs."""
