"""The settings of launched target groups: reading them, and changing details, price and filling strategy."""

from datetime import datetime
from typing import ClassVar, Literal

import attrs

from fieldingkit.commands import Endpoint, TargetGroupCommand
from fieldingkit.resources.money import Money, amount, without_scale
from fieldingkit.resources.target_groups import FillingStrategy, TargetGroupLinks
from fieldingkit.results import Result
from fieldingkit.validators import https_url, integer, length, number, reference, uuid

__all__ = [
    "CostPerInterview",
    "FillingStrategyChange",
    "GetTargetGroupDetails",
    "TargetGroupDetails",
    "UpdateCostPerInterview",
    "UpdateFillingStrategy",
    "UpdateTargetGroupDetails",
]

_TARGET_GROUP = "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}"


def _filling_strategy(
    value: FillingStrategy | Literal["automated", "prescreens", "completes"],
) -> FillingStrategy:
    return FillingStrategy(value)


@attrs.frozen(kw_only=True)
class TargetGroupDetails(Result):
    """The settings of a launched target group."""

    id: str
    """The target group's ULID."""
    name: str
    """The target group's name."""
    account_name: str
    """The account's name."""
    business_unit_id: str
    """The business unit, which decides the currency."""
    project_manager_id: str
    """The id of the user who manages it."""
    study_type_code: str
    """The kind of study."""
    industry_code: str
    """The industry that the survey is about."""
    industry_lockout_code: str
    """The period for which respondents of other surveys about that industry are excluded."""
    locale: str
    """The language and country of its respondents."""
    completes_goal: int
    """The number of completes or prescreens wanted."""
    expected_length_of_interview_minutes: int
    """The expected length of an interview, in minutes."""
    expected_incidence_rate: float
    """The expected share of entrants who qualify, from 0 to 1."""
    collects_pii: bool
    """True if it collects personally identifiable information."""
    created_at: datetime
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


@attrs.frozen(kw_only=True)
class GetTargetGroupDetails(TargetGroupCommand[TargetGroupDetails]):
    """Read the settings of a launched target group; a draft raises ``NotFoundError``."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _TARGET_GROUP + "/details", operation_id="get_target_group_details")


@attrs.frozen(kw_only=True)
class UpdateTargetGroupDetails(TargetGroupCommand[TargetGroupDetails]):
    """Change the details of a launched target group; a draft raises ``NotFoundError``.

    All details are replaced, so send back as it was read what is to stay. No ETag guards this command: the last write
    wins.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "PUT", _TARGET_GROUP + "/details", operation_id="update_launched_target_group_details"
    )
    name: str = attrs.field(validator=length(5, 128))
    """The target group's name, 5 to 128 characters."""
    project_manager_id: str = attrs.field(validator=uuid)
    """The id of the user who manages it, a UUID."""
    expected_length_of_interview_minutes: int = attrs.field(validator=integer(1, 45))
    """The expected length of an interview, in minutes, 1 to 45."""
    expected_incidence_rate: float = attrs.field(validator=number(0, 1, decimals=2))
    """The expected share of entrants who qualify, from 0 to 1 in steps of 0.01."""
    industry_lockout_code: str
    """The period for which respondents of other surveys about that industry are excluded."""
    live_url: str = attrs.field(validator=https_url)
    """The ``https://`` URL that qualified respondents are sent to."""
    test_url: str = attrs.field(validator=https_url)
    """The ``https://`` URL that respondents of a test are sent to; the API requires it even if none was set before."""
    target_group_customer_reference_number: str | None = attrs.field(default=None, validator=reference)
    """The account's own reference. The API does not say whether one that is left out is kept: send it back."""
    client_cost_per_interview_note: Money | None = attrs.field(
        default=None, converter=attrs.converters.optional(without_scale), validator=amount
    )
    """The client's price, noted for the account's own use; only with dynamic pricing."""


@attrs.frozen(kw_only=True)
class CostPerInterview(Result):
    """The price of a target group after a change."""

    target_group_cpi: Money
    """The price of a complete."""


@attrs.frozen(kw_only=True)
class UpdateCostPerInterview(TargetGroupCommand[CostPerInterview]):
    """Change the price of a launched target group, up to the platform's limit of about 105 USD.

    No ETag guards this command: the last write wins.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "PUT", _TARGET_GROUP + "/cost-per-interview", operation_id="update_cost_per_interview"
    )
    target_group_cpi: Money = attrs.field(converter=without_scale, validator=amount)
    """The new price of a complete, in the currency of the target group's business unit."""


@attrs.frozen(kw_only=True)
class FillingStrategyChange(Result):
    """The filling strategy of a target group after a change."""

    filling_strategy: FillingStrategy
    """The kind of respondents that the goal counts."""


@attrs.frozen(kw_only=True)
class UpdateFillingStrategy(TargetGroupCommand[FillingStrategyChange]):
    """Change the kind of respondents that a target group's goal counts.

    In some statuses the API refuses this with a 405, an ``ApiError``. No ETag guards this command: the last write wins.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "PUT", _TARGET_GROUP + "/filling-strategy", operation_id="update_filling_strategy"
    )
    filling_strategy: FillingStrategy = attrs.field(converter=_filling_strategy)
    """The new strategy."""
