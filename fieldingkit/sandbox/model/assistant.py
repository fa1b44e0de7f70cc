"""The modules of the fielding assistant: their validation and their changes."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.formats import ULID, parse_duration, parse_timestamp
from fieldingkit.sandbox.model.fielding_runs import FieldingRun, ValueChange

__all__ = ["MODULES", "check_modules", "completes_limit", "end_of_fielding", "module_changes"]


_DECIMAL: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")

MODULES: Final = ("pricing", "quota_overlay", "pacing", "soft_launch")
"""The modules of an assignment."""

_CHANGE_NAMES: Final[Mapping[tuple[str, str, str | None], str]] = {
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
"""The API's name of a change, by module, field and the type of the module."""


def completes_limit(assistant: Mapping[str, Any] | None, goal: int) -> int:
    """Return the number of completes at which a live run pauses: the goal, or the part of it of a soft launch."""
    module = (assistant or {}).get("soft_launch")
    return goal if module is None else -(-goal * cast("int", module["filling_goal_percentage"]) // 100)


def end_of_fielding(assistant: Mapping[str, Any] | None, run: FieldingRun) -> tuple[datetime, str]:
    """Return the date at which a live run pauses at the latest, and the reason then: of a soft launch, its own."""
    module = (assistant or {}).get("soft_launch")
    end_at = None if module is None else parse_timestamp(module["end_at"])
    if end_at is not None and end_at < run.end_at:
        return end_at, "past_soft_launch_end_date"
    return run.end_at, "past_scheduled_end_date"


def check_modules(assignment: Mapping[str, Any], now: datetime) -> None:
    """Check an assignment; a 400 names the first invalid field.

    Args:
        assignment: The request body; unknown members are accepted.
        now: The current time.
    """
    for name, check in (("pricing", _check_pricing), ("pacing", _check_pacing)):
        if assignment.get(name) is not None:
            check(_module(assignment, name))
    if "quota_overlay" in assignment:
        _check_quotas(_module(assignment, "quota_overlay"))
    if "soft_launch" in assignment:
        _check_soft_launch(_module(assignment, "soft_launch"), now)


def module_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[ValueChange, ...]:
    """Return the history entries for a change from one assignment to another.

    Args:
        before: The old assignment.
        after: The new assignment.
    """
    old, new = _recorded_values(before), _recorded_values(after)
    return tuple(
        ValueChange(object=name, old=old.get(name), new=new.get(name))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    )


def _recorded_values(assignment: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "pricing_assistance_change": "dynamic" if _type_of(assignment, "pricing") == "dynamic" else None,
        "quota_overlay_assisted_change": assignment.get("quota_overlay") is not None,
        "pacing_assistance_change": _type_of(assignment, "pacing"),
        "soft_launch_assisted_change": assignment.get("soft_launch") is not None,
    }
    for (module, field, kind), name in _CHANGE_NAMES.items():
        if kind == _type_of(assignment, module):
            values[name] = _members(assignment, module).get(field)
    return values


def _type_of(assignment: Mapping[str, Any], module: str) -> str | None:
    return _members(assignment, module).get("type")


def _members(assignment: Mapping[str, Any], module: str) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", assignment.get(module)) or {}


def _check_pricing(module: Mapping[str, Any]) -> None:
    kind: object = module.get("type")
    _require(kind in ("dynamic", "rate_card"), "pricing.type", "Must be dynamic or rate_card.")
    for name in ("total_budget", "maximum_cpi", "minimum_cpi", "boost_cpi"):
        _require(name not in module or _amount(module[name]) is not None, f"pricing.{name}", "Must be an amount.")
    if kind == "dynamic":
        limits = ("total_budget" in module) + ("maximum_cpi" in module)
        _require(limits == 1, "pricing", "Must have either total_budget or maximum_cpi.")
        least, most = _amount(module.get("minimum_cpi")), _amount(module.get("maximum_cpi"))
        _require(least is None or most is None or least < most, "pricing.minimum_cpi", "Must be below maximum_cpi.")


def _check_quotas(module: Mapping[str, Any]) -> None:
    for name in ("prevent_overfill", "balance_fill"):
        _require(isinstance(module.get(name), bool), f"quota_overlay.{name}", "Must be true or false.")


def _check_pacing(module: Mapping[str, Any]) -> None:
    kind: object = module.get("type")
    _require(kind in ("linear", "adaptive", "gemini"), "pacing.type", "Must be linear, adaptive or gemini.")
    if kind == "gemini":
        exposed = module.get("exposed_target_group_id")
        is_id = isinstance(exposed, str) and ULID.fullmatch(exposed) is not None
        _require(is_id, "pacing.exposed_target_group_id", "Must be a ULID.")
    else:
        interval = parse_duration(module.get("increment_interval"))
        _require(bool(interval), "pacing.increment_interval", "Must be a duration such as P1D, below 398 days.")


def _check_soft_launch(module: Mapping[str, Any], now: datetime) -> None:
    end_at = parse_timestamp(module.get("end_at"))
    _require(end_at is not None and end_at > now, "soft_launch.end_at", "Must be a timestamp in the future.")
    for name, least in (("filling_goal_percentage", 1), ("demographics_strictness_percentage", 0)):
        value: object = module.get(name)
        is_percentage = isinstance(value, int) and not isinstance(value, bool) and least <= value <= 100
        _require(is_percentage, f"soft_launch.{name}", f"Must be a whole number from {least} to 100.")


def _module(assignment: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    module: object = assignment[name]
    if not isinstance(module, dict):
        raise problems.bad_request("A module is malformed.", **{name: "Must be an object."})
    return cast("dict[str, Any]", module)


def _amount(amount: object) -> Decimal | None:
    """Return the value of an amount, or None if it is not an amount."""
    if not isinstance(amount, dict):
        return None
    fields = cast("dict[str, object]", amount)
    value, scale = fields.get("value"), fields.get("currency_scale")
    is_scale = scale is None or (isinstance(scale, int) and not isinstance(scale, bool))
    if not isinstance(value, str) or not is_scale or not isinstance(fields.get("currency_code", ""), str):
        return None
    return Decimal(value) if _DECIMAL.fullmatch(value) else None


def _require(condition: bool, name: str, reason: str) -> None:
    if not condition:
        raise problems.bad_request("A module is malformed.", **{name: reason})
