"""Drafts: target groups that have not been launched yet."""

from datetime import datetime
from typing import Any, ClassVar

import attrs

from fieldingkit.commands import Endpoint, TargetGroupCommand
from fieldingkit.resources.fielding_assistant import FieldingAssistantAssignment, PricingType
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_groups import TargetGroupLinks
from fieldingkit.results import Result, number_as_text

__all__ = ["FieldingSpecification", "GetTargetGroup", "TargetGroupDraft"]

_TARGET_GROUP = "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}"


@attrs.frozen(kw_only=True)
class FieldingSpecification(Result):
    """The planned fielding period of a draft."""

    start_at: datetime
    """The planned start of fielding, UTC."""
    end_at: datetime
    """The planned end of fielding, UTC."""


@attrs.frozen(kw_only=True)
class TargetGroupDraft(Result):
    """A target group that has not been launched yet.

    It holds the settings that matter for fielding. Profiling, allocations, exclusions and re-entry rules are left out:
    they are large, and no fielding command takes them.
    """

    name: str | None = None
    """The target group's name."""
    business_unit_id: str | None = None
    """The business unit, which decides the currency."""
    locale: str | None = None
    """The language and country of its respondents."""
    collects_pii: bool | None = None
    """True if it collects personally identifiable information."""
    study_type_code: str | None = None
    """The kind of study."""
    industry_code: str | None = None
    """The industry that the survey is about."""
    industry_lockout_code: str | None = None
    """The period for which respondents of other surveys about that industry are excluded."""
    pricing_model: PricingType | None = None
    """The pricing model."""
    cost_per_interview: Money | None = None
    """The price of an interview, with dynamic pricing."""
    project_manager_id: str | None = None
    """The id of the user who manages it."""
    fielding_specification: FieldingSpecification | None = None
    """The planned fielding period."""
    completes_goal: int | None = None
    """The number of completes or prescreens wanted."""
    expected_length_of_interview_minutes: int | None = None
    """The expected length of an interview, in minutes."""
    expected_incidence_rate: float | None = None
    """The expected share of entrants who qualify, from 0 to 1."""
    fielding_assistant_assignment: FieldingAssistantAssignment | None = None
    """The Fielding Assistant's modules, without an etag: read them on their own to change them."""
    created_at: datetime | None = None
    """The time it was created, UTC."""

    human_readable_id: str | None = None
    """The short id that people see; unique within the account."""
    client_cost_per_interview_note: Money | None = None
    """The client's price, noted for the account's own use."""
    client_id: int | None = None
    """The number of the client it is made for."""
    live_url: str | None = None
    """The URL that qualified respondents are sent to."""
    test_url: str | None = None
    """The URL that respondents of a test are sent to."""
    target_group_customer_reference_number: str | None = None
    """The account's own reference."""
    links: TargetGroupLinks | None = None
    """Links for testing it."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Read the business unit as text: the API's schema has a number here, its example and other answers a text."""
        return number_as_text(body, "business_unit_id")


@attrs.frozen(kw_only=True)
class GetTargetGroup(TargetGroupCommand[TargetGroupDraft]):
    """Read a draft; a launched target group raises ``RedirectError``: read its details instead."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _TARGET_GROUP, operation_id="get_target_group")
