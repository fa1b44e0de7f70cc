"""Target groups: finding them, reading their settings, and the actions that the API allows on them.

Drafts are in ``target_group_drafts``, the settings of others in ``target_group_details``, numbers in
``target_group_progress``, the history in ``target_group_changelog``; goals are changed with ``target_group_goals``.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from fieldingkit.commands import CommandPart, Endpoint, OpenEnum, ProjectCommand
from fieldingkit.paging import Page, PagedCommand
from fieldingkit.resources.money import Money
from fieldingkit.results import Result
from fieldingkit.validators import (
    country,
    each,
    enum_tuple,
    language,
    length,
    non_empty,
    optional_str_tuple,
    reference,
    ulid,
    ulids,
    uuid,
)

__all__ = [
    "ComputeTargetGroupTransitions",
    "FillingStrategy",
    "IssueNote",
    "IssueType",
    "ListTargetGroups",
    "StatisticIssue",
    "TargetGroupFilters",
    "TargetGroupLinks",
    "TargetGroupList",
    "TargetGroupProgress",
    "TargetGroupStatistics",
    "TargetGroupStatus",
    "TargetGroupSummary",
    "TargetGroupTransitions",
]

_PROJECT = "/demand/accounts/{account_id}/projects/{project_id}"
_TARGET_GROUPS = _PROJECT + "/target-groups"
_TARGET_GROUP = _TARGET_GROUPS + "/{target_group_id}"


class TargetGroupStatus(OpenEnum):
    """The status of a target group."""

    DRAFT = "draft"
    """It was never launched."""
    SCHEDULED = "scheduled"
    """It goes live at its start."""
    LIVE = "live"
    """Respondents can enter."""
    PAUSED = "paused"
    """No respondent can enter; it can be resumed."""
    COMPLETED = "completed"
    """It has ended; it can be relaunched."""
    ARCHIVED = "archived"
    """It is archived; no action leads out of this status."""


StatusName: TypeAlias = Literal["draft", "scheduled", "live", "paused", "completed", "archived"]


def status_tuple(values: Iterable[TargetGroupStatus | StatusName] | None) -> tuple[TargetGroupStatus, ...] | None:
    """Convert a filter by status; None means no filter."""
    return None if values is None else enum_tuple(TargetGroupStatus, values)


class FillingStrategy(OpenEnum):
    """The kind of respondents that count towards a target group's goal."""

    AUTOMATED = "automated"
    """Left to the API, whose documents say no more."""
    PRESCREENS = "prescreens"
    """Respondents who pass the screener count."""
    COMPLETES = "completes"
    """Respondents who complete the survey count."""


class IssueType(OpenEnum):
    """The severity of an issue."""

    WARNING = "warning"
    """A warning."""
    ERROR = "error"
    """An error."""


@attrs.frozen(kw_only=True)
class TargetGroupProgress(Result):
    """The progress of a target group towards its goal."""

    current_completes: int
    """The number of completes so far."""
    current_prescreens: int
    """The number of prescreens so far."""
    filling_goal: int
    """The number of completes or prescreens wanted."""
    filling_strategy: FillingStrategy
    """The kind of respondents that the goal counts."""


@attrs.frozen(kw_only=True)
class IssueNote(Result):
    """A reason for an issue, or a suggestion to solve it."""

    code: str
    """The API's code; new ones may appear."""
    description: str
    """The API's explanation."""


@attrs.frozen(kw_only=True)
class StatisticIssue(Result):
    """An issue that the API reports about a statistic."""

    statistic: str
    """The name of the statistic, such as ``conversion_rate``."""
    issue_type: IssueType
    """The severity."""
    reason: IssueNote | None = None
    """The reason."""
    suggestions: tuple[IssueNote, ...] = ()
    """Suggestions to solve it."""


@attrs.frozen(kw_only=True)
class TargetGroupStatistics(Result):
    """Statistics of a target group: flat values, and the issues of all of them in one list."""

    progress: TargetGroupProgress
    """The progress towards the goal."""
    last_complete_date: datetime | None = None
    """The time of the latest complete, UTC."""
    earnings_per_click: Money | None = None
    """The earnings of suppliers per entrant."""
    earnings_per_click_per_minute: Money | None = None
    """The earnings of suppliers per entrant and minute of the interview."""
    average_cost_per_interview: Money | None = None
    """The average cost of a complete."""
    median_length_of_interview_seconds: int | None = None
    """The median length of an interview, in seconds."""
    incidence_rate: float | None = None
    """From 0 to 1."""
    drop_off_rate: float | None = None
    """From 0 to 1."""
    conversion_rate: float | None = None
    """From 0 to 1."""
    issues: tuple[StatisticIssue, ...] = ()
    """The issues that the API reports, each with the name of its statistic."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Separate values and issues: the API sends an object of both for each statistic."""
        statistics: dict[str, dict[str, Any]] = {name: item for name, item in body.items() if isinstance(item, dict)}
        return {
            **{name: item.get("value") for name, item in statistics.items()},
            "issues": [
                {**issue, "statistic": name} for name, item in statistics.items() for issue in item.get("issues") or ()
            ],
        }


@attrs.frozen(kw_only=True)
class TargetGroupSummary(Result):
    """A target group as an entry of a list."""

    id: str
    """The target group's ULID."""
    name: str
    """The target group's name."""
    status: TargetGroupStatus
    """The target group's status."""
    project_manager_id: str
    """The id of the user who manages it."""
    locale: str
    """The language and country of its respondents."""
    created_at: datetime
    """The time it was created, UTC."""
    statistics: TargetGroupStatistics
    """Its statistics."""
    updated_at: datetime | None = None
    """The time of its last change, UTC."""
    human_readable_id: str | None = None
    """The short id that people see; unique within the account."""
    exclusion_enabled: bool | None = None
    """True if the project's exclusions apply to it."""
    target_group_customer_reference_number: str | None = None
    """The account's own reference."""


@attrs.frozen(kw_only=True, repr=False)
class TargetGroupList(Page[TargetGroupSummary]):
    """One page of a project's target groups."""

    target_groups: tuple[TargetGroupSummary, ...]
    """The target groups of this page."""
    has_more: bool = False
    """True if there are pages before or after this one; to read on, use ``next_cursor`` alone."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""


@attrs.frozen(kw_only=True)
class TargetGroupLinks(Result):
    """Links for testing a target group."""

    test_screener: str | None = None
    """The screener in test mode; None for a draft."""
    test_client_survey: str | None = None
    """The survey in test mode."""


@attrs.frozen(kw_only=True)
class ListTargetGroups(PagedCommand[TargetGroupList]):
    """List the target groups of a project, 1 to 100 on a page; several filters must all match."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _TARGET_GROUPS, operation_id="get_list_target_groups")
    counts_earlier_pages: ClassVar[bool] = True
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    status: tuple[TargetGroupStatus, ...] | None = attrs.field(
        default=None, converter=status_tuple, validator=non_empty
    )
    """Only target groups in one of these statuses."""
    country: tuple[str, ...] | None = attrs.field(default=None, converter=optional_str_tuple, validator=each(country))
    """Only target groups of these countries, two small letters each."""
    language: tuple[str, ...] | None = attrs.field(default=None, converter=optional_str_tuple, validator=each(language))
    """Only target groups in these languages, three small letters each."""
    search_string: str | None = None
    """Only target groups whose name or short id matches."""
    human_readable_ids: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_str_tuple, validator=each(length(7, 7))
    )
    """Only target groups with these short ids, 7 characters each."""
    target_group_customer_reference_numbers: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_str_tuple, validator=each(reference)
    )
    """Only target groups with these references: 3 to 128 letters, digits, spaces, ``-`` and ``_`` each."""
    project_manager_id: str | None = attrs.field(default=None, validator=uuid)
    """Only target groups that this user manages; a UUID."""
    exclusion_status: bool | None = None
    """Only target groups that the project's exclusions apply to (True) or do not apply to (False)."""


@attrs.frozen(kw_only=True)
class TargetGroupFilters(CommandPart):
    """Filters on the target groups of a project; all of them match if a filter is left out."""

    status: tuple[TargetGroupStatus, ...] | None = attrs.field(
        default=None, converter=status_tuple, validator=non_empty
    )
    """Target groups in one of these statuses."""
    country: tuple[str, ...] | None = attrs.field(default=None, converter=optional_str_tuple, validator=each(country))
    """Target groups of these countries, two small letters each."""
    language: tuple[str, ...] | None = attrs.field(default=None, converter=optional_str_tuple, validator=each(language))
    """Target groups in these languages, three small letters each."""


@attrs.frozen(kw_only=True)
class TargetGroupTransitions(Result):
    """The actions that are allowed on a set of target groups as a whole, not on each of its members.

    They hold for the moment of the request only, so a batch that follows may still fail for some.
    """

    target_groups: tuple[str, ...] = ()
    """The ULIDs of the target groups in the set."""
    is_launch_allowed: bool | None = None
    """True if they may be launched."""
    is_pause_allowed: bool | None = None
    """True if they may be paused."""
    is_resume_allowed: bool | None = None
    """True if they may be resumed."""
    is_relaunch_allowed: bool | None = None
    """True if they may be relaunched."""
    is_finish_allowed: bool | None = None
    """True if they may be completed."""


@attrs.frozen(kw_only=True)
class ComputeTargetGroupTransitions(ProjectCommand[TargetGroupTransitions]):
    """Compute the actions that are allowed on a set of target groups; nothing is changed."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        _PROJECT + "/compute-target-group-transitions",
        operation_id="compute_target_group_transitions",
        read_only=True,
    )
    search_string: str | None = None
    """Only target groups whose name or short id matches."""
    filters: TargetGroupFilters | None = None
    """Only target groups that pass these filters."""
    included_target_group_ids: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_str_tuple, validator=ulids
    )
    """Only these target groups, by their ULIDs."""
    excluded_target_group_ids: tuple[str, ...] | None = attrs.field(
        default=None, converter=optional_str_tuple, validator=ulids
    )
    """None of these target groups, by their ULIDs."""
