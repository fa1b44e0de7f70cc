"""The changelog of a target group: who changed which setting, and the API's own status changes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

import attrs

from fieldingkit.commands import Endpoint, OpenEnum
from fieldingkit.paging import Page, PagedCommand
from fieldingkit.results import Result
from fieldingkit.validators import enum_tuple, non_empty, ulid

__all__ = [
    "ChangelogEntry",
    "ChangelogUser",
    "GetTargetGroupChangelog",
    "StatusChangeReason",
    "TargetGroupChange",
    "TargetGroupChangeType",
    "TargetGroupChangelog",
    "UserKind",
]


class TargetGroupChangeType(OpenEnum):
    """The kind of a change. The API adds kinds without notice."""

    BUSINESS_UNIT_CHANGE = "business_unit_change"
    COLLECTS_PII_CHANGE = "collects_pii_change"
    CPI_CHANGE = "cpi_change"
    CPI_NOTE_CHANGE = "cpi_note_change"
    CURRENCY_CHANGE = "currency_change"
    EXPECTED_INCIDENCE_RATE_CHANGE = "expected_incidence_rate_change"
    EXPECTED_LENGTH_OF_INTERVIEW_MINUTES_CHANGE = "expected_length_of_interview_minutes_change"
    EXTERNAL_NAME_CHANGE = "external_name_change"
    FIELDING_PERIOD_END_DATE_CHANGE = "fielding_period_end_date_change"
    FIELDING_PERIOD_START_DATE_CHANGE = "fielding_period_start_date_change"
    FILLING_GOAL_CHANGE = "filling_goal_change"
    FILLING_STRATEGY_CHANGE = "filling_strategy_change"
    INDUSTRY_LOCKOUT_CODE_CHANGE = "industry_lockout_code_change"
    LIVE_URL_CHANGE = "live_url_change"
    LOCALE_CHANGE = "locale_change"
    NAME_CHANGE = "name_change"
    PACING_ADAPTIVE_INCREMENT_INTERVAL_CHANGE = "pacing_adaptive_increment_interval_change"
    PACING_ASSISTANCE_CHANGE = "pacing_assistance_change"
    PACING_GEMINI_EXPOSED_TARGET_GROUP_ID_CHANGE = "pacing_gemini_exposed_target_group_id_change"
    PACING_LINEAR_INCREMENT_INTERVAL_CHANGE = "pacing_linear_increment_interval_change"
    PRICING_ASSISTANCE_CHANGE = "pricing_assistance_change"
    PRICING_DYNAMIC_MAXIMUM_CPI_CHANGE = "pricing_dynamic_maximum_cpi_change"
    PRICING_DYNAMIC_MINIMUM_CPI_CHANGE = "pricing_dynamic_minimum_cpi_change"
    PRICING_DYNAMIC_TOTAL_BUDGET_CHANGE = "pricing_dynamic_total_budget_change"
    PRICING_DYNAMIC_UNLOCK_MAX_BUDGET_USAGE_CHANGE = "pricing_dynamic_unlock_max_budget_usage_change"
    PRICING_RATE_CARD_BOOST_CPI_CHANGE = "pricing_rate_card_boost_cpi_change"
    PRICING_RATE_CARD_MAXIMUM_CPI_CHANGE = "pricing_rate_card_maximum_cpi_change"
    PRIVATE_EXCHANGE_CPI_CHANGE = "private_exchange_cpi_change"
    PROJECT_ID_CHANGE = "project_id_change"
    PROJECT_MANAGER_CHANGE = "project_manager_change"
    QUOTA_OVERLAY_ASSISTED_CHANGE = "quota_overlay_assisted_change"
    QUOTA_OVERLAY_BALANCE_FILL_CHANGE = "quota_overlay_balance_fill_change"
    QUOTA_OVERLAY_PREVENT_OVERFILLING_CHANGE = "quota_overlay_prevent_overfilling_change"
    SOFT_LAUNCH_ASSISTED_CHANGE = "soft_launch_assisted_change"
    SOFT_LAUNCH_DEMOGRAPHICS_STRICTNESS_PERCENTAGE_CHANGE = "soft_launch_demographics_strictness_percentage_change"
    SOFT_LAUNCH_END_DATE_CHANGE = "soft_launch_end_date_change"
    SOFT_LAUNCH_FILLING_GOAL_PERCENTAGE_CHANGE = "soft_launch_filling_goal_percentage_change"
    STATUS_CHANGE = "status_change"
    STUDY_TYPE_CHANGE = "study_type_change"
    TARGET_GROUP_CUSTOMER_REFERENCE_NUMBER_CHANGE = "target_group_customer_reference_number_change"
    TEST_URL_CHANGE = "test_url_change"
    USER_REQUESTED_CPI_CHANGE = "user_requested_cpi_change"


class StatusChangeReason(OpenEnum):
    """The reason of a status change that the API itself made."""

    MAX_CPI_LIMIT_REACHED = "max_cpi_limit_reached"
    """The price reached its maximum."""
    LIVE_RESPONDENT_UNIQUE_CODES_EXHAUSTED = "live_respondent_unique_codes_exhausted"
    """There are no unique codes left."""
    PAST_SCHEDULED_END_DATE = "past_scheduled_end_date"
    """The fielding period has ended."""
    TOTAL_COMPLETES_REACHED = "total_completes_reached"
    """The goal is reached."""
    PAST_SOFT_LAUNCH_END_DATE = "past_soft_launch_end_date"
    """The soft launch has ended."""
    NO_COMPLETES_IN_SEVERAL_DAYS = "no_completes_in_several_days"
    """There was no complete for days."""
    NO_COMPLETES_AFTER_MANY_PRESCREENS = "no_completes_after_many_prescreens"
    """Many respondents passed the screener, and none completed."""
    HIGH_MEDIAN_LOI = "high_median_loi"
    """The median length of interview is high."""
    EXCESSIVE_REDIRECT_ERRORS = "excessive_redirect_errors"
    """There were too many errors of redirects."""
    EXCESSIVE_ENCRYPTION_ERRORS = "excessive_encryption_errors"
    """There were too many errors of encryption."""
    EXCESSIVE_QUALIFICATION_SETUP_ERRORS = "excessive_qualification_setup_errors"
    """There were too many errors in the setup of the qualifications."""
    HIGH_DROP_RATES = "high_drop_rates"
    """The drop-off rates are high."""
    LOW_EPC = "low_epc"
    """The earnings per click are low."""
    HIGH_CLIENT_SIDE_TERMINATION_RATE = "high_client_side_termination_rate"
    """The survey terminates too many respondents."""


class UserKind(OpenEnum):
    """The author of a change: a person, or one of the API's own systems."""

    LAS_USER = "las_user"
    """A person."""
    SYSTEM_USER = "system_user"
    """A system of the API."""
    SYSTEM_MARKETPLACE_USER = "system_marketplace_user"
    """The system of the marketplace."""


def _change_types(values: Iterable[TargetGroupChangeType | str] | None) -> tuple[TargetGroupChangeType, ...] | None:
    return None if values is None else enum_tuple(TargetGroupChangeType, values)


@attrs.frozen(kw_only=True)
class ChangelogUser(Result):
    """The author of a change."""

    type: UserKind | None = None
    """A person, or one of the API's own systems."""
    las_user_id: str | None = None
    """The user's id if it was a person."""


@attrs.frozen(kw_only=True)
class TargetGroupChange(Result):
    """One change, from one value to another."""

    object: TargetGroupChangeType | None = None
    """The kind of change."""
    new_value: Any = None
    """The new value as the API wrote it: text, a number, an amount as an object; None if it was removed."""
    old_value: Any = None
    """The previous value; None if there was none."""
    reason_code: StatusChangeReason | None = None
    """The reason if the API itself changed the status."""
    supplier_id: str | None = None
    """The supplier if a supplier's own price was changed."""


@attrs.frozen(kw_only=True)
class ChangelogEntry(Result):
    """Changes that one author made at the same time."""

    id: str | None = None
    """The entry's id."""
    occurred_at: datetime | None = None
    """The time of the changes, UTC."""
    user: ChangelogUser | None = None
    """Their author."""
    changes: tuple[TargetGroupChange, ...] = ()
    """The changes."""


@attrs.frozen(kw_only=True, repr=False)
class TargetGroupChangelog(Page[ChangelogEntry]):
    """One page of a target group's changelog."""

    changelog: tuple[ChangelogEntry, ...] = ()
    """The entries of this page."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None or empty on the last one."""


@attrs.frozen(kw_only=True)
class GetTargetGroupChangelog(PagedCommand[TargetGroupChangelog]):
    """Read the changelog of a target group, 1 to 50 entries on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}/changelog",
        operation_id="get_target_group_changelog",
    )
    max_page_size: ClassVar[int] = 50
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""
    change_types: tuple[TargetGroupChangeType, ...] | None = attrs.field(
        default=None, converter=_change_types, validator=non_empty
    )
    """Only changes of these kinds."""
