"""The feasibility of a target group, by the same model of panel, incidence and price as the flow of completes.

- The most completes to expect are 95 percent of those that arrive in the period, so that a target group which is
  launched a little later reaches them too. The least are 85 percent.
- The suggested price is the lowest one in whole cents at which even the least completes reach the goal: at most the
  price on the rate card, at which every respondent is willing.
- Only the share of the panelists who meet all profiles takes part.
- A seeded target group is estimated too, although a test assigns its completes.
- Quotas fill in proportion to their goals, so that each target gets its share; so do groups of suppliers.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any, Final

import attrs

from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.pricing import card_price, completes_a_day, period_between
from fieldingkit.sandbox.model.questions import reach_of

__all__ = ["Specification"]

_MOST: Final = 0.95
_LEAST: Final = 0.85
_CENT: Final = Decimal("0.01")


@attrs.frozen(kw_only=True)
class Specification:
    """The settings of a target group that decide its feasibility."""

    locale: str
    """The code of the locale."""
    length: int
    """The length of an interview in minutes."""
    incidence_rate: float
    """The incidence rate, from 0 to 1."""
    goal: int
    """The completes goal."""
    price: Amount
    """The price of a complete."""
    start_at: datetime
    """The start of fielding; not in the past."""
    end_at: datetime
    """The end of fielding."""
    completes: int = 0
    """The completes so far."""
    profiles: Sequence[Mapping[str, Any]] = ()
    """The profiles as they are sent or stored."""
    allocations: Mapping[str, Any] | None = None
    """The allocations as they are sent or stored; None for the whole open exchange."""

    def json(self) -> dict[str, Any]:
        """Return the response of both operations."""
        least, most = self._expected(_LEAST, self.price), self._expected(_MOST, self.price)
        suggested = self._suggested_price()
        on_card = card_price(self.length, self.incidence_rate, self.price.currency_code)
        return {
            "suggested_price": suggested.json(),
            "suggested_price_range": {"min": suggested.json(), "max": on_card.json()},
            "suggested_completes_goal_range": {"min": least, "max": most},
            "profiles": [_profile(profile, least, most) for profile in self.profiles],
            "allocations": _allocations(self.allocations, least, most),
        }

    def _expected(self, share: float, price: Amount) -> int:
        reached = reach_of(self.profiles, self.locale)
        speed = reached * completes_a_day(
            self.locale, length=self.length, incidence_rate=self.incidence_rate, price=price
        )
        between = period_between(speed)
        arriving = 0 if between is None else max(self.end_at - self.start_at, timedelta()) // between
        return self.completes + int(share * arriving)

    def _suggested_price(self) -> Amount:
        on_card = card_price(self.length, self.incidence_rate, self.price.currency_code)
        highest = self._expected(_LEAST, on_card) - self.completes
        missing = max(0, self.goal - self.completes)
        if missing >= highest:
            return on_card
        # Completes arrive in proportion to the price; one cent more where rounding down loses one of them.
        value = max(_CENT, (on_card.value * missing / highest).quantize(_CENT, ROUND_UP))
        while self._expected(_LEAST, on_card._replace(value=value)) < self.goal and value < on_card.value:
            value += _CENT
        return on_card._replace(value=min(value, on_card.value))


def _profile(profile: Mapping[str, Any], least: int, most: int) -> dict[str, Any]:
    targets: list[Mapping[str, Any]] = profile["targets"]
    weights = [_weight(target) if profile.get("quotas_enabled", True) else 0.0 for target in targets]
    if not any(weights):
        weights = [1.0] * len(targets)
    shares = [weight / sum(weights) for weight in weights]
    kind = {name: profile[name] for name in ("object", "blended_type") if name in profile}
    return {
        **kind,
        "targets": [
            {
                "conditions": target["conditions"],
                "quota": {"min_completes": _projection(share, least), "max_completes": _projection(share, most)},
            }
            for target, share in zip(targets, shares, strict=True)
        ],
    }


def _weight(target: Mapping[str, Any]) -> float:
    quota: Mapping[str, float] = target.get("quota") or {}
    return float(quota.get("completes_goal_percentage", quota.get("completes_goal", 0)))


def _projection(share: float, completes: int) -> dict[str, Any]:
    # Rounded first: a third of 3 must be 1.
    return {
        "projected_completes_percentage": round(100 * share, 2),
        "projected_completes_goal": int(round(share * completes, 6)),
    }


def _allocations(allocations: Mapping[str, Any] | None, least: int, most: int) -> dict[str, Any]:
    opened: Mapping[str, Any] = (allocations or {}).get("open_exchange_allocations") or {}
    private: Mapping[str, Any] | None = (allocations or {}).get("private_exchange_allocations")
    found = {
        "open_exchange_allocations": {
            "min_completes": least * opened.get("exchange_min_percentage", 100) // 100,
            "max_completes": most * opened.get("exchange_max_percentage", 100) // 100,
            "groups": [_group(group, least, most) for group in opened.get("groups") or ()],
        }
    }
    if private is not None:
        groups = [_group(group, least, most) for group in private.get("groups") or ()]
        found["private_exchange_allocations"] = {"groups": groups}
    return found


def _group(group: Mapping[str, Any], least: int, most: int) -> dict[str, Any]:
    return {
        "group_name": group["group_name"],
        "min_completes": least * group["min_percentage"] // 100,
        "max_completes": most * group["max_percentage"] // 100,
    }
