"""The profiles of a target group: the API's rules, and the forms in which profiles are stored and read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple, cast

import attrs

from fieldingkit.sandbox.model.questions import find_question

__all__ = [
    "Violation",
    "broken_rule",
    "find_violation",
    "find_violations",
    "goals_of",
    "is_control",
    "questions_in",
    "rescaled",
    "store_profiling",
]

_RULES: Final[Mapping[int, str]] = {
    1: "profile_condition_min_greater_than_max",
    6: "profile_not_unique",
    9: "incorrect_sum_of_percentage",
    10: "incorrect_sum_of_nominal",
    12: "profile_with_invalid_condition",
    14: "profile_condition_ranges_should_not_overlap",
    15: "invalid_question_id",
    16: "total_completes_goal_cannot_be_less_than_one",
    20: "not_supported_question_option",
    21: "zip_not_supported_in_blended",
    24: "number_of_quotas_in_blended_cannot_be_greater_than_max",
    25: "quota_will_be_always_enabled_for_blended_profile",
    39: "duplicate_condition",
    42: "nominal_adjustment_cannot_have_percentage",
    43: "percentage_adjustment_cannot_have_nominal",
    44: "profile_id_not_found",
    45: "target_id_not_found_for_profile",
    46: "quota_value_less_than_completes",
    47: "quota_value_greater_than_completes_goal",
    48: "regular_profile_cannot_have_more_than_one_question",
    49: "profiles_to_be_blended_cannot_have_only_one_question",
    52: "completes_goal_percentage_must_be_populated_for_quota_enabled_profile",
    53: "completes_goal_must_be_populated_for_quota_enabled_profile",
    57: "target_name_or_quota_name_must_be_provided_for_multiple_conditions",
    58: "blended_profile_cannot_have_only_one_condition",
    61: "disabled_profile_cannot_have_completes_goal",
    65: "allow_all_values_target_cannot_have_quota",
    74: "control_blended_profiles_associated_with_target_groups_are_not_supported_for_supplier_distribution",
    76: "total_completes_goal_cannot_be_less_than_collected",
}
"""The API's rules that are checked, by number."""

_GOALS: Final = {"percentage": "completes_goal_percentage", "nominal": "completes_goal"}
_NAME_OF_MALFORMED: Final = "profiling"


class Violation(NamedTuple):
    """A part of a request that is malformed or breaks a rule."""

    name: str
    """The path of the part, or the name of the rule."""
    reason: str
    """The reason in words, or the code of the rule."""
    is_rule: bool = False
    """True for a broken rule."""
    question_ids: tuple[int, ...] = ()
    """The questions concerned."""
    profile_id: str | None = None
    """The profile, if it has an id."""
    quota_id: str | None = None
    """The target, if it has an id."""

    def json(self) -> dict[str, Any]:
        """Return the entry of an error body."""
        places = {"question_id": [*self.question_ids], "profile_id": self.profile_id, "quota_id": self.quota_id}
        return {
            "error_type": "data_validation_error",
            "name": self.name,
            "reason": self.reason,
            "metadata": {**{name: place for name, place in places.items() if place}, "error_level": "error"},
        }


def broken_rule(
    number: int, *question_ids: int, profile_id: str | None = None, quota_id: str | None = None
) -> Violation:
    """Return the violation of a rule of the API.

    Args:
        number: The number of the rule.
        question_ids: The questions concerned.
        profile_id: The profile concerned.
        quota_id: The target concerned.
    """
    code = f"{_RULES[number]}_{number:03}"
    return Violation(f"profile_validation_error_{number:03}", code, True, question_ids, profile_id, quota_id)


def find_violation(profiling: Mapping[str, Any], goal: int, locale: str) -> tuple[str, str] | None:
    """Return the first violation of a request's profiling, as the name and the reason of an invalid parameter.

    Args:
        profiling: The profiling, decoded.
        goal: The completes goal of the target group.
        locale: The locale's code.
    """
    found = find_violations(profiling, goal, locale)
    return (found[0].name, found[0].reason) if found else None


def find_violations(profiling: Mapping[str, Any], goal: int, locale: str) -> list[Violation]:
    """Return all violations of a request's profiling; one that is malformed has a single one.

    Args:
        profiling: The profiling, decoded.
        goal: The completes goal of the target group.
        locale: The locale's code.
    """
    found: list[Violation] = []
    try:
        for violation in _violations(profiling, _Case(profiling["profile_adjustment_type"], goal, locale)):
            found.append(violation)
            if not violation.is_rule:
                return [violation]
    except (AttributeError, KeyError, TypeError, ValueError):  # a member that the contract requires is missing
        return [Violation(_NAME_OF_MALFORMED, "Does not have the required members.")]
    return found


@attrs.frozen
class _Case:
    """The settings that profiles are checked against."""

    adjustment: str
    goal: int
    locale: str


def _violations(profiling: Mapping[str, Any], case: _Case) -> Iterator[Violation]:
    if case.adjustment not in _GOALS:
        yield Violation("profiling.profile_adjustment_type", "Must be percentage or nominal.")
    if profiling.get("template_id") is not None:
        yield Violation("profiling.template_id", "Is unknown.")  # a draft has the profiles of its template by now
    profiles = _list(profiling["profiles"])
    if not profiles:
        yield Violation("profiling.profiles", "Must have at least one profile.")
    seen: set[int] = set()
    for profile in profiles:
        yield from _profile_violations(profile, case)
        questions = questions_in(profile)
        if profile["object"] == "regular" and len(questions) == 1:
            if questions <= seen:
                yield broken_rule(6, *questions)
            seen |= questions


def _profile_violations(profile: dict[str, Any], case: _Case) -> Iterator[Violation]:
    yield from _malformed_parts(profile)
    is_blended, has_quotas = profile["object"] == "blended", profile["quotas_enabled"]
    targets, questions = _list(profile["targets"]), sorted(questions_in(profile))
    if is_blended and not has_quotas:
        yield broken_rule(25, *questions)
    if not is_blended and len(questions) > 1:
        yield broken_rule(48, *questions)
    for target in targets:
        for violation in _target_violations(target, case, is_blended=is_blended, has_quotas=has_quotas):
            yield violation._replace(question_ids=violation.question_ids or tuple(questions))
    if not is_blended:
        yield from _overlaps(targets)
    if has_quotas and not is_control(profile):
        yield from _wrong_sums(targets, case, questions)


def _malformed_parts(profile: dict[str, Any]) -> Iterator[Violation]:
    is_blended, targets = profile["object"] == "blended", _list(profile["targets"])
    if profile["object"] not in {"regular", "blended"} or not isinstance(profile["quotas_enabled"], bool):
        yield Violation("profiling.profiles", "Each must be regular or blended, with or without quotas.")
    if not targets or not all(_list(target["conditions"]) for target in targets):
        yield Violation("profiling.profiles.targets", "There must be one, and each must have a condition.")
    if not isinstance(profile["name"] if is_blended else profile.get("name", ""), str):
        yield Violation("profiling.profiles.name", "Must be a text.")
    if profile.get("blended_type") not in ({"interlock", "control", None} if is_blended else {None}):
        yield Violation("profiling.profiles.blended_type", "Must be interlock or control, of a blended profile.")


def _target_violations(
    target: dict[str, Any], case: _Case, *, is_blended: bool, has_quotas: bool
) -> Iterator[Violation]:
    conditions = _list(target["conditions"])
    quota: dict[str, Any] | None = target.get("quota")
    if not all(isinstance(one.get("name", ""), str) for one in (target, quota or {})):
        yield Violation("profiling.profiles.targets.name", "Must be a text.")
    for condition in conditions:
        check = _CONDITIONS.get(condition["object"])
        if check is None or not isinstance(condition["question_id"], int):
            yield Violation("profiling.profiles.targets.conditions", "Must be a selection, a range or open-ended.")
        else:
            yield from check(condition)
            yield from _library_violations(condition, case.locale)
    if is_blended and len(conditions) == 1:
        yield broken_rule(58)
    if len(conditions) > 1 and not (target.get("name") or (quota and quota.get("name"))):
        yield broken_rule(57)
    if has_quotas and quota is not None and conditions[0].get("allow_all_values"):
        yield broken_rule(65)
    if not has_quotas and quota is not None:
        yield broken_rule(61)
    if has_quotas:
        yield from _quota_violations(quota, case, is_optional=bool(conditions[0].get("allow_all_values")))


def _library_violations(condition: dict[str, Any], locale: str) -> Iterator[Violation]:
    """Yield the violations of a condition that does not fit the question of the library."""
    number: int = condition["question_id"]
    question = find_question(locale, number)
    if question is None:
        yield broken_rule(15, number)
    elif condition["object"] != _KINDS.get(question.form, "selection"):
        yield broken_rule(12, number)
    elif question.options and condition["option"] not in {option.code for option in question.options}:
        yield broken_rule(20, number)


_KINDS: Final = {"Numeric - Open-end": "range", "Text - Open-end": "open_ended"}


def _quota_violations(quota: dict[str, Any] | None, case: _Case, *, is_optional: bool) -> Iterator[Violation]:
    wanted = _GOALS[case.adjustment]
    other = _GOALS["nominal" if case.adjustment == "percentage" else "percentage"]
    if quota is None:
        if not is_optional:
            yield broken_rule(52 if case.adjustment == "percentage" else 53)
        return
    if wanted not in quota and other in quota:
        yield broken_rule(42 if case.adjustment == "nominal" else 43)
        return
    value = quota[wanted]
    is_number = isinstance(value, int if case.adjustment == "nominal" else int | float) and not isinstance(value, bool)
    if not is_number or value < 0 or (case.adjustment == "percentage" and value > 100):
        yield Violation(f"profiling.profiles.targets.quota.{wanted}", "Is out of bounds.")
    elif case.adjustment == "nominal" and value > case.goal:
        yield broken_rule(47)


def _check_selection(condition: dict[str, Any]) -> Iterator[Violation]:
    if not isinstance(condition["option"], str):
        yield Violation("profiling.profiles.targets.conditions.option", "Must be a text.")


def _check_range(condition: dict[str, Any]) -> Iterator[Violation]:
    least, most = condition["min"], condition["max"]
    if not all(isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 99 for value in (least, most)):
        yield Violation("profiling.profiles.targets.conditions", "A range must be within 1 and 99.")
    elif least > most:
        yield broken_rule(1, condition["question_id"])


def _check_open_end(condition: dict[str, Any]) -> Iterator[Violation]:
    values: list[Any] = condition["open_ended_values"] or []
    takes_all = condition["allow_all_values"]
    if not isinstance(takes_all, bool) or takes_all == bool(values) or not all(isinstance(one, str) for one in values):
        yield Violation("profiling.profiles.targets.conditions", "Must have values, or allow all of them.")


_CONDITIONS: Final[Mapping[str, Callable[[dict[str, Any]], Iterator[Violation]]]] = {
    "selection": _check_selection,
    "range": _check_range,
    "open_ended": _check_open_end,
}


def _overlaps(targets: Sequence[dict[str, Any]]) -> Iterator[Violation]:
    own: list[dict[str, Any]] = [condition for target in targets for condition in target["conditions"]]
    ranges = sorted((condition["min"], condition["max"]) for condition in own if "min" in condition)
    if any(after[0] <= before[1] for before, after in pairwise(ranges)):
        yield broken_rule(14, own[0]["question_id"])
    options = [condition["option"] for condition in own if "option" in condition]
    if len(set(options)) < len(options):
        yield broken_rule(39, own[0]["question_id"])


def _wrong_sums(targets: Sequence[dict[str, Any]], case: _Case, questions: Sequence[int]) -> Iterator[Violation]:
    wanted = _GOALS[case.adjustment]
    quotas = [target["quota"] for target in targets if target.get("quota")]
    goals = [quota[wanted] for quota in quotas if wanted in quota]
    if not goals or len(goals) < len(quotas):
        return
    if case.adjustment == "percentage" and abs(sum(goals) - 100) > 0.011 * len(goals):
        yield broken_rule(9, *questions)
    if case.adjustment == "nominal" and sum(goals) != case.goal:
        yield broken_rule(10, *questions)


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


def rescaled(profiling: Mapping[str, Any], goal: int) -> dict[str, Any]:
    """Return a stored profiling for another completes goal: the percentages stay, the numbers follow."""

    def rescale(target: Mapping[str, Any]) -> dict[str, Any]:
        if "quota" not in target:
            return {**target}
        number = round(goal * target["quota"]["completes_goal_percentage"] / 100)
        return {**target, "quota": {**target["quota"], "completes_goal": number, "quota_nominal": number}}

    profiles = [{**one, "targets": [rescale(target) for target in one["targets"]]} for one in profiling["profiles"]]
    return {**profiling, "profiles": profiles}


def goals_of(profile: Mapping[str, Any]) -> list[int]:
    """Return the goal of each target of a stored profile; 0 for a target without a quota."""
    return [target.get("quota", {}).get("completes_goal", 0) for target in profile["targets"]]


def is_control(profile: Mapping[str, Any]) -> bool:
    """Return True for a profile that only limits the mix of respondents; launched target groups do not list it."""
    return profile.get("blended_type") == "control"


def questions_in(profile: Mapping[str, Any]) -> set[int]:
    """Return the questions that a profile is about."""
    return {condition["question_id"] for target in profile["targets"] for condition in target["conditions"]}
