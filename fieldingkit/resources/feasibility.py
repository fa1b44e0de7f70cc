"""Feasibility: the completes that a target group can reach within its fielding period, and the price for them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, cast

import attrs

from fieldingkit._repr import html_table, short_repr
from fieldingkit.commands import AccountCommand, Endpoint, TargetGroupCommand
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.allocation_requests import allocatable
from fieldingkit.resources.allocation_requests import write_feasibility as write_allocations
from fieldingkit.resources.money import Money, amount, without_scale
from fieldingkit.resources.profile_checks import with_profiles
from fieldingkit.resources.profile_writers import write_feasibility
from fieldingkit.resources.profiling import BlendedType, Condition, ProfileKind, Profiling
from fieldingkit.resources.supply import Allocations
from fieldingkit.results import Result, to_row
from fieldingkit.validators import integer, locale, matching, number, timezone_aware

__all__ = [
    "AllocationFeasibility",
    "CalculateFeasibility",
    "CalculateTargetGroupFeasibility",
    "Feasibility",
    "ProfileFeasibility",
    "Projection",
    "TargetFeasibility",
]

_MAX_GOAL = 10_000

_goal = integer(1, _MAX_GOAL)
_incidence_rate = number(0, 1, exclusive=True)
_length = integer(1, 45)
_steps = number(0)
_unit = matching(r"[0-9]{1,10}", "the number of a business unit, as text")
_optional_time = attrs.validators.optional(timezone_aware)


@attrs.frozen(kw_only=True)
class Projection(Result):
    """An estimate of the completes of one target."""

    projected_completes_percentage: float | None = None
    """The estimate as a percentage of all completes, 0 to 100."""
    projected_completes_goal: int | None = None
    """The estimate as a number of completes."""


@attrs.frozen(kw_only=True)
class TargetFeasibility(Result):
    """The estimate for one target of a profile."""

    conditions: tuple[Condition, ...] = ()
    """The conditions of the target, as they were asked."""
    min_completes: Projection | None = None
    """The least that can be expected."""
    max_completes: Projection | None = None
    """The most that can be expected."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Lift the members of the quota."""
        quota = body.get("quota")
        names = ("min_completes", "max_completes")
        return {**body, **{name: _member(quota, name) for name in names}}


@attrs.frozen(kw_only=True)
class ProfileFeasibility(Result):
    """The estimates for the targets of one profile."""

    object: ProfileKind | None = None
    """The kind of profile."""
    blended_type: BlendedType | None = None
    """The purpose of a blended profile."""
    targets: tuple[TargetFeasibility, ...] = ()
    """The targets, in the order in which they were asked."""


@attrs.frozen(kw_only=True)
class AllocationFeasibility(Result):
    """The estimate for one group of suppliers."""

    group_name: str | None = None
    """The name of the group."""
    min_completes: int | None = None
    """The least that can be expected."""
    max_completes: int | None = None
    """The most that can be expected."""
    is_private: bool = False
    """True for a group of the private exchange."""


@attrs.frozen(kw_only=True, repr=False)
class Feasibility(Result):
    """The completes that a target group can reach, and the suggested price.

    These are estimates, and no reservation: profiles with many open-ended values or large groups of conditions make
    them less accurate, even zero.
    """

    suggested_price: Money
    """The suggested price of a complete."""
    suggested_price_min: Money | None = None
    """The lower end of a range of prices; None unless the API suggests a range."""
    suggested_price_max: Money | None = None
    """The upper end of that range."""
    completes_min: int | None = None
    """The least number of completes to expect; None if the API has no estimate."""
    completes_max: int | None = None
    """The greatest number of completes to expect; None if the API has no estimate."""
    profiles: tuple[ProfileFeasibility, ...] = ()
    """The estimates for the profiles, in the order in which they were asked."""
    allocation_groups: tuple[AllocationFeasibility, ...] = ()
    """The estimates for the groups of suppliers."""
    open_exchange_min: int | None = None
    """The least number of completes to expect from the open exchange."""
    open_exchange_max: int | None = None
    """The greatest number of completes to expect from the open exchange."""

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat dictionary per target, for ``pandas.DataFrame(feasibility.rows())`` and the like.

        ``profile`` is the position of the target's profile, from 0; nested fields are joined with dots
        (``max_completes.projected_completes_goal``).
        """
        return [
            {"profile": position, **to_row(target)}
            for position, profile in enumerate(self.profiles)
            for target in profile.targets
        ]

    def __repr__(self) -> str:
        price, least, most = self.suggested_price, self.completes_min, self.completes_max
        expected = (
            "no estimate of completes" if most is None else f"{'' if least is None else f'{least} to '}{most} completes"
        )
        suggested = (
            None if price.value is None else f"suggested price {price.value:f} {price.currency_code or ''}".rstrip()
        )
        return short_repr(type(self).__name__, expected, suggested)

    def _repr_html_(self) -> str:
        rows = self.rows()
        head = list(rows[0]) if rows else []
        return html_table(repr(self)[1:-1], head, ([row[name] for name in head] for row in rows), len(rows))

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Lift the ends of the ranges, and the members of both exchanges."""
        prices, completes = body.get("suggested_price_range"), body.get("suggested_completes_goal_range")
        allocations = body.get("allocations")
        opened = _member(allocations, "open_exchange_allocations")
        private = _member(allocations, "private_exchange_allocations")
        return {
            **body,
            "suggested_price_min": _member(prices, "min"),
            "suggested_price_max": _member(prices, "max"),
            "completes_min": _member(completes, "min"),
            "completes_max": _member(completes, "max"),
            "allocation_groups": [*_groups(opened, is_private=False), *_groups(private, is_private=True)],
            "open_exchange_min": _member(opened, "min_completes"),
            "open_exchange_max": _member(opened, "max_completes"),
        }


def _member(part: Any, name: str) -> Any:
    # A part of another kind takes the member's place, so that the result lists the field as undecoded.
    return cast("dict[str, Any]", part).get(name) if isinstance(part, dict) else part


def _groups(exchange: Any, *, is_private: bool) -> list[Any]:
    groups = _member(exchange, "groups")
    items = cast("Iterable[Any]", groups) if isinstance(groups, list) else [groups]
    return [_with_exchange(item, is_private) for item in items if item is not None]


def _with_exchange(group: Any, is_private: bool) -> Any:
    return {**cast("dict[str, Any]", group), "is_private": is_private} if isinstance(group, dict) else group


@attrs.frozen(kw_only=True)
class CalculateFeasibility(AccountCommand[Feasibility]):
    """Ask how feasible a target group with these settings is; nothing is created.

    Use it for plans and drafts: the API calculates ``CalculateTargetGroupFeasibility`` only after the launch. The
    incidence rate decides most of the result, so ask with the rate that you expect. Amounts are in the currency of the
    business unit. The result is an estimate; it reserves nothing.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        "/demand/accounts/{account_id}/target-groups/calculate-feasibility",
        operation_id="calculate_target_group_feasibility",
        read_only=True,
    )
    business_unit_id: str = attrs.field(validator=_unit, metadata={"write": int})
    """The business unit, which decides the currency."""
    locale: str = attrs.field(validator=locale)
    """The language and country of the respondents, such as ``eng_us``."""
    expected_incidence_rate: float = attrs.field(validator=_incidence_rate)
    """The expected share of entrants who qualify, above 0 and up to 1; 25 percent is 0.25."""
    expected_length_of_interview_minutes: int = attrs.field(validator=_length)
    """The expected length of an interview, in minutes, 1 to 45."""
    completes_goal: int = attrs.field(validator=_goal)
    """The number of completes wanted, 1 to 10,000."""
    start_at: datetime = attrs.field(validator=timezone_aware, metadata={"name": "fielding_specification.start_at"})
    """The start of fielding, with a time zone."""
    end_at: datetime = attrs.field(validator=timezone_aware, metadata={"name": "fielding_specification.end_at"})
    """The end of fielding, with a time zone."""
    collects_pii: bool | None = None
    """True if it collects personally identifiable information."""
    cost_per_interview: Money | None = attrs.field(
        default=None, converter=attrs.converters.optional(without_scale), validator=amount
    )
    """The price of a complete, in the unit's currency; the API ignores it if the price comes from a rate card."""
    rate_card_price_boost: Money | None = attrs.field(
        default=None, converter=attrs.converters.optional(without_scale), validator=amount
    )
    """The amount to add to the price on the rate card; the API ignores it with dynamic pricing."""
    step_days: float | None = attrs.field(default=None, validator=_steps)
    """The length of a step in days, if the Fielding Assistant paces evenly."""
    profiling: Profiling | None = attrs.field(
        default=None, validator=with_profiles, metadata={"write": write_feasibility}
    )
    """The profiles; everybody may take part if left out. A template id is not sent."""
    allocations: Allocations | None = attrs.field(
        default=None, validator=allocatable, metadata={"write": write_allocations}
    )
    """The suppliers and their shares; all suppliers of the open exchange if left out."""

    def __attrs_post_init__(self) -> None:
        _check_period(self, self.start_at, self.end_at)


@attrs.frozen(kw_only=True)
class CalculateTargetGroupFeasibility(TargetGroupCommand[Feasibility]):
    """Ask how feasible a launched target group is, as it is or with other settings; nothing is changed.

    A setting that is left out is the target group's own. Its completes so far count. A draft raises
    ``InvalidStateError``: use ``CalculateFeasibility`` for it, which takes the same settings by the same names.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST",
        "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}/calculate-feasibility",
        operation_id="calculate_target_group_feasibility_by_id",
        read_only=True,
    )
    locale: str | None = attrs.field(default=None, validator=locale)
    """Another language and country of the respondents, such as ``eng_us``."""
    expected_incidence_rate: float | None = attrs.field(
        default=None, validator=_incidence_rate, metadata={"name": "incidence_rate"}
    )
    """Another share of entrants who qualify, above 0 and up to 1; 25 percent is 0.25."""
    expected_length_of_interview_minutes: int | None = attrs.field(
        default=None, validator=_length, metadata={"name": "length_of_interview"}
    )
    """Another length of an interview, in minutes, 1 to 45."""
    completes_goal: int | None = attrs.field(default=None, validator=_goal)
    """Another number of completes wanted, 1 to 10,000."""
    start_at: datetime | None = attrs.field(default=None, validator=_optional_time)
    """Another start of fielding, with a time zone."""
    end_at: datetime | None = attrs.field(default=None, validator=_optional_time)
    """Another end of fielding, with a time zone."""
    collects_pii: bool | None = None
    """True if it collected personally identifiable information."""
    cost_per_interview: Money | None = attrs.field(
        default=None, converter=attrs.converters.optional(without_scale), validator=amount
    )
    """Another price of a complete, in the target group's currency; ignored if the price comes from a rate card."""
    rate_card_price_boost: Money | None = attrs.field(
        default=None, converter=attrs.converters.optional(without_scale), validator=amount
    )
    """Another amount to add to the price on the rate card; ignored with dynamic pricing."""
    step_days: float | None = attrs.field(default=None, validator=_steps)
    """Another length of a step in days, if the Fielding Assistant paces evenly."""
    profiling: Profiling | None = attrs.field(
        default=None, validator=with_profiles, metadata={"write": write_feasibility}
    )
    """Other profiles. A template id is not sent."""
    allocations: Allocations | None = attrs.field(
        default=None, validator=allocatable, metadata={"write": write_allocations}
    )
    """Other suppliers or shares."""

    def __attrs_post_init__(self) -> None:
        if self.start_at is not None and self.end_at is not None:
            _check_period(self, self.start_at, self.end_at)


def _check_period(command: object, start: datetime, end: datetime) -> None:
    if end <= start:
        raise InvalidCommandError(f"{type(command).__name__}: end_at must be after start_at", field="end_at")
