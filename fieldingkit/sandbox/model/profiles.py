"""The profiles of a target group: their checks, their stored form with ids, and the counters of their quotas."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, cast

from fieldingkit.sandbox.model.respondents import cells_of

__all__ = ["find_violation", "goals_of", "store_profiling", "target_completes"]

_RULES: Final[Mapping[int, str]] = {
    1: "profile_condition_min_greater_than_max",
    9: "incorrect_sum_of_percentage",
    10: "incorrect_sum_of_nominal",
    14: "profile_condition_ranges_should_not_overlap",
    25: "quota_will_be_always_enabled_for_blended_profile",
    42: "nominal_adjustment_cannot_have_percentage",
    43: "percentage_adjustment_cannot_have_nominal",
    48: "regular_profile_cannot_have_more_than_one_question",
    57: "target_name_or_quota_name_must_be_provided_for_multiple_conditions",
    58: "blended_profile_cannot_have_only_one_condition",
    61: "disabled_profile_cannot_have_completes_goal",
    65: "allow_all_values_target_cannot_have_quota",
}
"""The API's rules that are checked, by number."""

_GOALS: Final = {"percentage": "completes_goal_percentage", "nominal": "completes_goal"}
_NAME_OF_MALFORMED: Final = "profiling"


def find_violation(profiling: Mapping[str, Any], goal: int) -> tuple[str, str] | None:
    """Return the first violation of a request's profiling, as the name and the reason of an invalid parameter.

    Args:
        profiling: The profiling, decoded.
        goal: The completes goal of the target group.
    """
    try:
        return next(_violations(profiling, goal), None)
    except (AttributeError, KeyError, TypeError, ValueError):  # a member that the contract requires is missing
        return _NAME_OF_MALFORMED, "Does not have the required members."


def _violations(profiling: Mapping[str, Any], goal: int) -> Iterator[tuple[str, str]]:
    adjustment = profiling["profile_adjustment_type"]
    if adjustment not in _GOALS:
        yield "profiling.profile_adjustment_type", "Must be percentage or nominal."
        return
    if profiling.get("template_id") is not None:
        yield "profiling.template_id", "Is unknown."  # there are no templates here
    profiles = _list(profiling["profiles"])
    if not profiles:
        yield "profiling.profiles", "Must have at least one profile."
    for profile in profiles:
        yield from _profile_violations(profile, adjustment, goal)


def _profile_violations(profile: dict[str, Any], adjustment: str, goal: int) -> Iterator[tuple[str, str]]:
    is_blended, has_quotas = profile["object"] == "blended", profile["quotas_enabled"]
    targets = _list(profile["targets"])
    if profile["object"] not in {"regular", "blended"} or not isinstance(has_quotas, bool) or not targets:
        yield "profiling.profiles", "Each must be regular or blended, with or without quotas, and have targets."
        return
    if is_blended and not isinstance(profile["name"], str):
        yield "profiling.profiles.name", "Must be a text."
    if is_blended and not has_quotas:
        yield _rule(25)
    conditions = [_list(target["conditions"]) for target in targets]
    if not all(map(all, conditions)) or not all(conditions):
        yield "profiling.profiles.targets.conditions", "Must have at least one condition."
        return
    questions = {condition["question_id"] for inner in conditions for condition in inner}
    if not is_blended and len(questions) > 1:
        yield _rule(48)
    for target in targets:
        yield from _target_violations(target, adjustment, is_blended=is_blended, has_quotas=has_quotas)
    if not is_blended:
        yield from _overlaps(conditions)
    if has_quotas:
        yield from _wrong_sums(targets, adjustment, goal)


def _target_violations(
    target: dict[str, Any], adjustment: str, *, is_blended: bool, has_quotas: bool
) -> Iterator[tuple[str, str]]:
    conditions = _list(target["conditions"])
    quota: dict[str, Any] | None = target.get("quota")
    for condition in conditions:
        check = _CONDITIONS.get(condition["object"])
        if check is None or not isinstance(condition["question_id"], int):
            yield "profiling.profiles.targets.conditions", "Must be a selection, a range or open-ended values."
        else:
            yield from check(condition)
    if is_blended and len(conditions) == 1:
        yield _rule(58)
    if len(conditions) > 1 and not (target.get("name") or (quota and quota.get("name"))):
        yield _rule(57)
    if has_quotas and quota is not None and conditions[0].get("allow_all_values"):
        yield _rule(65)
    if not has_quotas and quota is not None:
        yield _rule(61)
    if has_quotas:
        yield from _quota_violations(quota, adjustment, is_optional=bool(conditions[0].get("allow_all_values")))


def _quota_violations(quota: dict[str, Any] | None, adjustment: str, *, is_optional: bool) -> Iterator[tuple[str, str]]:
    wanted = _GOALS[adjustment]
    other = _GOALS["nominal" if adjustment == "percentage" else "percentage"]
    if quota is None:
        if not is_optional:
            yield "profiling.profiles.targets.quota", "Is missing."
        return
    if wanted not in quota and other in quota:
        yield _rule(42 if adjustment == "nominal" else 43)
        return
    value = quota[wanted]
    is_number = isinstance(value, int if adjustment == "nominal" else int | float) and not isinstance(value, bool)
    if not is_number or value < 0 or (adjustment == "percentage" and value > 100):
        yield f"profiling.profiles.targets.quota.{wanted}", "Is out of bounds."


def _check_selection(condition: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not isinstance(condition["option"], str):
        yield "profiling.profiles.targets.conditions.option", "Must be a text."


def _check_range(condition: dict[str, Any]) -> Iterator[tuple[str, str]]:
    least, most = condition["min"], condition["max"]
    if not all(isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 99 for value in (least, most)):
        yield "profiling.profiles.targets.conditions", "A range must be within 1 and 99."
    elif least > most:
        yield _rule(1)


def _check_open_end(condition: dict[str, Any]) -> Iterator[tuple[str, str]]:
    values: list[Any] = condition["open_ended_values"] or []
    takes_all = condition["allow_all_values"]
    if not isinstance(takes_all, bool) or takes_all == bool(values) or not all(isinstance(one, str) for one in values):
        yield "profiling.profiles.targets.conditions", "Must have values, or allow all of them."


_CONDITIONS: Final[Mapping[str, Callable[[dict[str, Any]], Iterator[tuple[str, str]]]]] = {
    "selection": _check_selection,
    "range": _check_range,
    "open_ended": _check_open_end,
}


def _overlaps(conditions: Sequence[Sequence[dict[str, Any]]]) -> Iterator[tuple[str, str]]:
    ranges = sorted(
        (condition["min"], condition["max"]) for inner in conditions for condition in inner if "min" in condition
    )
    if any(after[0] <= before[1] for before, after in pairwise(ranges)):
        yield _rule(14)


def _wrong_sums(targets: Sequence[dict[str, Any]], adjustment: str, goal: int) -> Iterator[tuple[str, str]]:
    quotas = [target["quota"][_GOALS[adjustment]] for target in targets if target.get("quota")]
    if quotas and adjustment == "percentage" and abs(sum(quotas) - 100) > 0.011 * len(quotas):
        yield _rule(9)
    if quotas and adjustment == "nominal" and sum(quotas) != goal:
        yield _rule(10)


def _rule(number: int) -> tuple[str, str]:
    return f"profile_validation_error_{number:03}", f"{_RULES[number]}_{number:03}"


def _list(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in cast("list[object]", value)):
        raise TypeError("not a list of objects")
    return cast("list[dict[str, Any]]", value)


def store_profiling(profiling: Mapping[str, Any], goal: int, new_id: Callable[[], str]) -> dict[str, Any]:
    """Return a valid profiling as it is read: with ids, and with each quota in percent and as a number.

    Args:
        profiling: The profiling of a request.
        goal: The completes goal of the target group.
        new_id: Makes a ULID.
    """
    adjustment: str = profiling["profile_adjustment_type"]
    profiles = [_store_profile(profile, adjustment, goal, new_id) for profile in profiling["profiles"]]
    return {"profile_adjustment_type": adjustment, "profiles": profiles}


def _store_profile(profile: Mapping[str, Any], adjustment: str, goal: int, new_id: Callable[[], str]) -> dict[str, Any]:
    stored = {
        "object": profile["object"],
        "id": new_id(),
        "quotas_enabled": profile["quotas_enabled"],
        "name": profile.get("name") or f"Question {profile['targets'][0]['conditions'][0]['question_id']}",
        "description": "",
    }
    if profile["object"] == "blended":
        stored["blended_type"] = profile.get("blended_type", "interlock")
    stored["targets"] = [_store_target(target, adjustment, goal, new_id) for target in profile["targets"]]
    return stored


def _store_target(target: Mapping[str, Any], adjustment: str, goal: int, new_id: Callable[[], str]) -> dict[str, Any]:
    stored: dict[str, Any] = {"id": new_id(), "conditions": target["conditions"]}
    quota: dict[str, Any] = target.get("quota") or {}
    name = target.get("name") or quota.get("name")
    if name:
        stored["name"] = name
    if quota:
        wanted = quota[_GOALS[adjustment]]
        number = wanted if adjustment == "nominal" else round(goal * wanted / 100)
        percentage = wanted if adjustment == "percentage" else round(100 * wanted / goal, 2)
        stored["quota"] = {
            "completes_goal_percentage": percentage,
            "completes_goal": number,
            "quota_nominal": number,
        }
    return stored


def goals_of(profile: Mapping[str, Any]) -> list[int]:
    """Return the goal of each target of a stored profile; 0 for a target without a quota."""
    return [target.get("quota", {}).get("completes_goal", 0) for target in profile["targets"]]


def target_completes(profile: Mapping[str, Any], completes: int) -> list[int]:
    """Return the completes of each target of a stored profile, which fill in proportion to their goals.

    Args:
        profile: The profile as `store_profiling` returns it.
        completes: The completes of the target group.
    """
    cells = cells_of(goals_of(profile), completes)
    return [cells.count(index) for index in range(len(profile["targets"]))]
