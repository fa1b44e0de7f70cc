"""Rules: the thresholds from which a target group is in trouble, in Python or in a TOML file.

Each table of the file is one rule, and a key that is left out has its default::

    [no_completes]
    hours = 4

    [low_conversion]
    below = 0.08
    entrants = 100

    [price_at_cap]
    caps = { USD = "4.50" }

    [cell_stuck]
    enabled = false
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring.toml_tables import check_flags, check_keys, read_tables
from fieldingkit.option_validators import instance, number
from fieldingkit.results import Serializable

__all__ = [
    "CellStuck",
    "EndBeforeGoal",
    "HighDropOff",
    "LowConversion",
    "NoCompletes",
    "OffBid",
    "PausedByApi",
    "PriceAtCap",
    "ReconciliationDue",
    "Rule",
    "RuleName",
    "Rules",
    "SoftLaunchReached",
]


class RuleName(StrEnum):
    """A rule, by the name of its table."""

    NO_COMPLETES = "no_completes"
    """No complete for some hours while live."""
    LOW_CONVERSION = "low_conversion"
    """The conversion rate is low."""
    HIGH_DROP_OFF = "high_drop_off"
    """The drop-off rate is high."""
    LENGTH_OFF_BID = "length_off_bid"
    """The median length of interview differs from the expected one."""
    INCIDENCE_OFF_BID = "incidence_off_bid"
    """The incidence rate differs from the expected one."""
    PRICE_AT_CAP = "price_at_cap"
    """The price is at its cap."""
    END_BEFORE_GOAL = "end_before_goal"
    """Fielding will probably end before the goal is reached."""
    PAUSED_BY_API = "paused_by_api"
    """The API paused the target group."""
    CELL_STUCK = "cell_stuck"
    """A quota cell gets no completes."""
    SOFT_LAUNCH_REACHED = "soft_launch_reached"
    """The soft launch is over."""
    RECONCILIATION_DUE = "reconciliation_due"
    """Completes must be reconciled soon."""


def _share(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if type(value) not in (int, float) or not 0 <= cast("float", value) <= 1:
        raise ConfigurationError(f"{attribute.name} must be a share from 0 to 1; got {brief_repr(value)}")


def _caps(value: object) -> Mapping[str, Decimal]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(f'caps must be a table of currencies, such as {{ USD = "4.50" }}; got {value!r:.60}')
    caps: dict[str, Decimal] = {}
    for currency, amount in cast("Mapping[object, object]", value).items():
        try:
            cap = Decimal("NaN" if isinstance(amount, bool) else str(amount))
        except InvalidOperation:
            cap = Decimal("NaN")
        if not isinstance(currency, str) or len(currency) != 3 or not currency.isupper():
            raise ConfigurationError(f"caps: a currency has three capital letters; got {brief_repr(currency)}")
        if not cap.is_finite() or cap <= 0:
            raise ConfigurationError(f"caps: {currency} must be an amount above 0; got {brief_repr(amount)}")
        caps[currency] = cap
    return caps


@attrs.frozen(kw_only=True)
class Rule(Serializable):
    """Base class of rules."""

    enabled: bool = attrs.field(default=True, validator=instance(bool))
    """False to switch the rule off."""


@attrs.frozen(kw_only=True)
class NoCompletes(Rule):
    """A live target group has had no complete for some time."""

    hours: float = attrs.field(default=6.0, validator=number(above=0, unit="hours"))
    """Hours since the latest complete, or since the start."""


@attrs.frozen(kw_only=True)
class LowConversion(Rule):
    """The conversion rate of a live target group is low."""

    below: float = attrs.field(default=0.1, validator=_share)
    """The lowest conversion rate that is accepted, from 0 to 1."""
    entrants: int = attrs.field(default=50, validator=number(at_least=1, whole=True))
    """The number of entrants from which the rate says something."""


@attrs.frozen(kw_only=True)
class HighDropOff(Rule):
    """The drop-off rate of a live target group is high."""

    above: float = attrs.field(default=0.25, validator=_share)
    """The highest drop-off rate that is accepted, from 0 to 1."""
    entrants: int = attrs.field(default=50, validator=number(at_least=1, whole=True))
    """The number of entrants from which the rate says something."""


@attrs.frozen(kw_only=True)
class OffBid(Rule):
    """The median length of interview, or the incidence rate, of a live target group differs from its bid."""

    over: float = attrs.field(default=0.25, validator=number(at_least=0))
    """The share of the bid by which it may be over: 0.25 accepts 12.5 minutes for a bid of 10."""
    under: float = attrs.field(default=0.5, validator=_share)
    """The share of the bid by which it may be under; 1 accepts all."""
    completes: int = attrs.field(default=10, validator=number(at_least=1, whole=True))
    """The number of completes from which the figure says something."""


@attrs.frozen(kw_only=True)
class PriceAtCap(Rule):
    """The price of a live target group is at its cap: that of its fielding assistant, or of its currency."""

    caps: Mapping[str, Decimal] = attrs.field(factory=dict[str, Decimal], converter=_caps)
    """The caps of target groups without a cap of their own, by currency."""


@attrs.frozen(kw_only=True)
class EndBeforeGoal(Rule):
    """A live target group will probably end before its goal is reached, by its forecast."""

    chance: float = attrs.field(default=0.5, validator=_share)
    """The lowest probability of filling in time that is accepted, from 0 to 1."""


@attrs.frozen(kw_only=True)
class PausedByApi(Rule):
    """The API itself paused a target group."""


@attrs.frozen(kw_only=True)
class CellStuck(Rule):
    """A quota cell of a live target group gets no completes while the target group gets some."""

    hours: float = attrs.field(default=12.0, validator=number(above=0, unit="hours"))
    """Hours without a complete in the cell."""
    completes: int = attrs.field(default=5, validator=number(at_least=1, whole=True))
    """The least number of completes of the target group in that time."""


@attrs.frozen(kw_only=True)
class SoftLaunchReached(Rule):
    """The soft launch of a target group has reached its part of the goal, or its end."""


@attrs.frozen(kw_only=True)
class ReconciliationDue(Rule):
    """Completes of a project must be reconciled soon."""

    days: float = attrs.field(default=5.0, validator=number(above=0, unit="days"))
    """Days before the deadline from which it is a finding."""


@attrs.frozen(kw_only=True)
class Rules(Serializable):
    """The rules of ``evaluate``; a rule that is not given has its defaults.

    Raises:
        ConfigurationError: A value is invalid.
    """

    no_completes: NoCompletes = attrs.field(factory=NoCompletes, validator=instance(NoCompletes))
    """No complete for some hours while live."""
    low_conversion: LowConversion = attrs.field(factory=LowConversion, validator=instance(LowConversion))
    """The conversion rate is low after a number of entrants."""
    high_drop_off: HighDropOff = attrs.field(factory=HighDropOff, validator=instance(HighDropOff))
    """The drop-off rate is high after a number of entrants."""
    length_off_bid: OffBid = attrs.field(factory=OffBid, validator=instance(OffBid))
    """The median length of interview differs from the expected one."""
    incidence_off_bid: OffBid = attrs.field(default=OffBid(over=1.0, under=0.25), validator=instance(OffBid))
    """The incidence rate differs from the expected one."""
    price_at_cap: PriceAtCap = attrs.field(factory=PriceAtCap, validator=instance(PriceAtCap))
    """The price is at its cap."""
    end_before_goal: EndBeforeGoal = attrs.field(factory=EndBeforeGoal, validator=instance(EndBeforeGoal))
    """Fielding will probably end before the goal is reached."""
    paused_by_api: PausedByApi = attrs.field(factory=PausedByApi, validator=instance(PausedByApi))
    """The API paused the target group."""
    cell_stuck: CellStuck = attrs.field(factory=CellStuck, validator=instance(CellStuck))
    """A quota cell gets no completes."""
    soft_launch_reached: SoftLaunchReached = attrs.field(
        factory=SoftLaunchReached, validator=instance(SoftLaunchReached)
    )
    """The soft launch is over."""
    reconciliation_due: ReconciliationDue = attrs.field(
        factory=ReconciliationDue, validator=instance(ReconciliationDue)
    )
    """Completes must be reconciled soon."""

    @property
    def enabled(self) -> tuple[RuleName, ...]:
        """The names of the rules that are not switched off."""
        return tuple(name for name in RuleName if self[name].enabled)

    def __getitem__(self, name: RuleName) -> Rule:
        return cast("Rule", getattr(self, name))

    @classmethod
    def from_path(cls, path: str | Path) -> "Rules":
        """Return the rules of a TOML file.

        Raises:
            ConfigurationError: The file cannot be read, is not TOML, or has an unknown table or key, or a wrong value.
        """
        tables = read_tables(path)
        check_keys(f"{path}:", tables, RuleName)
        defaults = cls()
        changed: dict[str, Any] = {
            name: _changed(defaults[RuleName(name)], table, f"{path}: [{name}]") for name, table in tables.items()
        }
        return cls(**changed)


def _changed(rule: Rule, table: Mapping[str, Any], place: str) -> Rule:
    check_keys(place, table, attrs.fields_dict(type(rule)))
    check_flags(place, table, {"enabled"})
    try:
        return attrs.evolve(rule, **table)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{place} {exc.message}") from exc
