"""The modules of the fielding assistant: what they have to be like, and what a history says about them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.formats import ULID, parse_duration, parse_timestamp
from fieldingkit.sandbox.model.fielding_runs import ValueChange

__all__ = ["MODULES", "check_modules", "module_changes"]


MODULES: Final = ("pricing", "quota_overlay", "pacing", "soft_launch")
"""What an assignment is made of."""

_FACTS: Final[Mapping[tuple[str, str, str | None], str]] = {
    ("pricing", "total_budget", "dynamic"): "pricing_dynamic_total_budget_change",
    ("pricing", "maximum_cpi", "dynamic"): "pricing_dynamic_maximum_cpi_change",
    ("pricing", "minimum_cpi", "dynamic"): "pricing_dynamic_minimum_cpi_change",
    ("pricing", "maximum_cpi", "rate_card"): "pricing_rate_card_maximum_cpi_change",
    ("pricing", "boost_cpi", "rate_card"): "pricing_rate_card_boost_cpi_change",
    ("quota_overlay", "prevent_overfill", None): "quota_overlay_prevent_overfilling_change",
    ("quota_overlay", "balance_fill", None): "quota_overlay_balance_fill_change",
    ("pacing", "increment_interval", "linear"): "pacing_linear_increment_interval_change",
    ("pacing", "increment_interval", "adaptive"): "pacing_adaptive_increment_interval_change",
    ("pacing", "exposed_target_group_id", "gemini"): "pacing_gemini_exposed_target_group_id_change",
    ("soft_launch", "end_at", None): "soft_launch_end_date_change",
    ("soft_launch", "filling_goal_percentage", None): "soft_launch_filling_goal_percentage_change",
    ("soft_launch", "demographics_strictness_percentage", None): (
        "soft_launch_demographics_strictness_percentage_change"
    ),
}
"""What a history calls a field of a module of a type."""


def check_modules(assignment: Mapping[str, Any], now: datetime) -> None:
    """Check an assignment: 400 names the first field that is not as the contract wants it.

    Args:
        assignment: The body of a request; members that nobody knows are let through.
        now: The present moment.
    """
    for name, check in (("quota_overlay", _check_quotas), ("pricing", _check_pricing), ("pacing", _check_pacing)):
        if assignment.get(name) is not None:
            check(_module(assignment, name))
    if assignment.get("soft_launch") is not None:
        _check_soft_launch(_module(assignment, "soft_launch"), now)


def module_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[ValueChange, ...]:
    """What a history says about the change from one assignment to another.

    Args:
        before: The assignment that was.
        after: The assignment that is.
    """
    old, new = _facts(before), _facts(after)
    return tuple(
        ValueChange(object=name, old=old.get(name), new=new.get(name))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    )


def _facts(assignment: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "pricing_assistance_change": "dynamic" if _type_of(assignment, "pricing") == "dynamic" else None,
        "quota_overlay_assisted_change": assignment.get("quota_overlay") is not None,
        "pacing_assistance_change": _type_of(assignment, "pacing"),
        "soft_launch_assisted_change": assignment.get("soft_launch") is not None,
    }
    for (module, field, kind), name in _FACTS.items():
        if kind == _type_of(assignment, module):
            facts[name] = _members(assignment, module).get(field)
    return facts


def _type_of(assignment: Mapping[str, Any], module: str) -> str | None:
    return _members(assignment, module).get("type")


def _members(assignment: Mapping[str, Any], module: str) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", assignment.get(module)) or {}


def _check_pricing(module: Mapping[str, Any]) -> None:
    kind = module.get("type")
    _require(kind in {"dynamic", "rate_card"}, "pricing.type", "It has to be dynamic or rate_card.")
    for name in ("total_budget", "maximum_cpi", "minimum_cpi", "boost_cpi"):
        _require(name not in module or _cents(module[name]) is not None, f"pricing.{name}", "It has to be an amount.")
    if kind == "dynamic":
        limits = ("total_budget" in module) + ("maximum_cpi" in module)
        _require(limits == 1, "pricing", "It has to have either total_budget or maximum_cpi.")
        least, most = _cents(module.get("minimum_cpi")), _cents(module.get("maximum_cpi"))
        _require(
            least is None or most is None or least < most, "pricing.minimum_cpi", "It has to be below maximum_cpi."
        )


def _check_quotas(module: Mapping[str, Any]) -> None:
    for name in ("prevent_overfill", "balance_fill"):
        _require(isinstance(module.get(name), bool), f"quota_overlay.{name}", "It has to be true or false.")


def _check_pacing(module: Mapping[str, Any]) -> None:
    kind = module.get("type")
    _require(kind in {"linear", "adaptive", "gemini"}, "pacing.type", "It has to be linear, adaptive or gemini.")
    if kind == "gemini":
        exposed = module.get("exposed_target_group_id")
        is_id = isinstance(exposed, str) and ULID.fullmatch(exposed) is not None
        _require(is_id, "pacing.exposed_target_group_id", "It has to be a ULID.")
    else:
        interval = parse_duration(module.get("increment_interval"))
        _require(bool(interval), "pacing.increment_interval", "It has to be a duration such as P1D, below 398 days.")


def _check_soft_launch(module: Mapping[str, Any], now: datetime) -> None:
    end_at = parse_timestamp(module.get("end_at"))
    _require(end_at is not None and end_at > now, "soft_launch.end_at", "It has to be a timestamp in the future.")
    for name, least in (("filling_goal_percentage", 1), ("demographics_strictness_percentage", 0)):
        value: object = module.get(name)
        is_percentage = isinstance(value, int) and not isinstance(value, bool) and least <= value <= 100
        _require(is_percentage, f"soft_launch.{name}", f"It has to be a whole number from {least} to 100.")


def _module(assignment: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    module: object = assignment[name]
    if not isinstance(module, dict):
        raise problems.bad_request("A module is malformed.", **{name: "It has to be an object."})
    return cast("dict[str, Any]", module)


def _cents(amount: object) -> float | None:
    """What an amount comes to; None if it is none."""
    value: object = cast("dict[str, object]", amount).get("value") if isinstance(amount, dict) else None
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _require(holds: bool, name: str, reason: str) -> None:
    if not holds:
        raise problems.bad_request("A module is malformed.", **{name: reason})
