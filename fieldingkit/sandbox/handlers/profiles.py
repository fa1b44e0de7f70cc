"""Handlers that list, read, replace and delete the profiles of launched target groups."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import ULID
from fieldingkit.sandbox.model.ledgers import CellCount
from fieldingkit.sandbox.model.profiles import Violation, broken_rule, find_violations, is_control, store_profiling
from fieldingkit.sandbox.model.questions import condition_name, question_text
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.parameters import read_list

__all__ = [
    "delete_profiles",
    "get_profile",
    "get_supplier_distribution",
    "list_profiles",
    "replace_profiles",
    "update_completes_goal",
]


def list_profiles(context: RequestContext) -> HandlerResponse:
    """List the profiles of a launched target group, except control profiles."""
    return HandlerResponse(200, _listed(context.launched_target_group(), context))


def get_profile(context: RequestContext) -> HandlerResponse:
    """Return a profile, also a control profile."""
    group, profile = _profile(context)
    return HandlerResponse(200, _read_form(profile, _counts(group, [profile])[0], group.settings.locale))


def get_supplier_distribution(context: RequestContext) -> HandlerResponse:
    """Return a profile; the expected completes are the present goals."""
    group, profile = _profile(context)
    if is_control(profile):
        violation = broken_rule(74)
        raise problems.malformed_profiles(violation.name, violation.reason, has_title=True)
    return HandlerResponse(200, _read_form(profile, _counts(group, [profile])[0], group.settings.locale))


def replace_profiles(context: RequestContext) -> HandlerResponse:
    """Replace all profiles, control profiles as well. All ids are new; respondents are matched with the new cells."""
    group, body = context.launched_target_group(), context.json_object()
    goal, profiling = _whole(body, "completes_goal"), body.get("profiling")
    if not isinstance(profiling, dict):
        raise problems.malformed_profiles("profiling", "Must be an object.", has_title=True)
    given = cast("dict[str, Any]", profiling)
    if found := [*_goal_violations(group, goal), *find_violations(given, goal, group.settings.locale)]:
        raise _refused(found)
    stored = store_profiling(given, goal, context.state.identifiers.ulid)
    if found := _below_completes(group, stored["profiles"]):
        raise problems.invalid_profiles([violation.json() for violation in found])
    group.set_profiling(stored, goal=goal, at=context.now, request=context.recorded.index)
    return HandlerResponse(201, _listed(group, context))


def delete_profiles(context: RequestContext) -> HandlerResponse:
    """Delete profiles and their quotas; if one of them does not exist, none is deleted."""
    group = context.launched_target_group()
    ids = read_list(context.json_object(), "profile_ids")
    if not ids or not all(isinstance(one, str) and ULID.fullmatch(one) for one in ids):
        raise problems.bad_request("The ids are missing or malformed.", profile_ids="Each must be a ULID.")
    known = {profile["id"] for profile in group.settings.profiles}
    if unknown := [one for one in ids if one not in known]:
        raise problems.invalid_profiles([broken_rule(44, profile_id=str(one)).json() for one in unknown])
    kept = [profile for profile in group.settings.profiles if profile["id"] not in ids]
    profiling = {**(group.settings.profiling or {}), "profiles": kept} if kept else None
    group.set_profiling(profiling, goal=group.goal, at=context.now, request=context.recorded.index)
    return HandlerResponse(204)


def update_completes_goal(context: RequestContext) -> HandlerResponse:
    """Change the completes goal of a target group in any status, or those of its quotas.

    A run that stopped at the old goal stays stopped; it can be resumed or relaunched.
    """
    group, body = context.target_group(), context.json_object()
    if body.get("profiles") is not None and read_list(body, "profiles"):
        _update_quotas(group, cast("list[Any]", body["profiles"]), context)
        return HandlerResponse(200, _listed(group, context))
    goal: object = body.get("completes_goal")
    if not isinstance(goal, int) or isinstance(goal, bool):
        raise problems.bad_request("The goal is missing or malformed.", completes_goal="Must be a whole number.")
    if found := _goal_violations(group, goal):
        raise problems.invalid_profiles([violation.json() for violation in found])
    if goal != group.goal:
        group.set_goal(goal, at=context.now, request=context.recorded.index)
    return HandlerResponse(200, _listed(group, context))


def _update_quotas(group: TargetGroup, changes: Sequence[Any], context: RequestContext) -> None:
    profiles = {profile["id"]: profile for profile in group.settings.profiles}
    counts = dict(zip(profiles, _counts(group, [*profiles.values()]), strict=True))
    found: list[Violation] = []
    for change in changes:
        try:
            profile_id = change["profile_id"]
            goals = {one["id"]: one["quota"]["completes_goal"] for one in change["targets"]}
        except (KeyError, TypeError):
            raise problems.bad_request("A goal is malformed.", profiles="Lacks required members.") from None
        if profile_id not in profiles:
            found.append(broken_rule(44, profile_id=profile_id))
            continue
        targets = {target["id"]: target for target in profiles[profile_id]["targets"]}
        found += [broken_rule(45, profile_id=profile_id, quota_id=one) for one in goals if one not in targets]
        for target, count in zip(targets.values(), counts[profile_id], strict=True):
            found += _quota_violations(goals.get(target["id"]), count, group.goal, profile_id, target["id"])
        profiles[profile_id] = {
            **profiles[profile_id],
            "targets": [_with_goal(target, goals.get(target["id"]), group.goal) for target in targets.values()],
        }
    if found:
        raise problems.invalid_profiles([violation.json() for violation in found])
    profiling = {**(group.settings.profiling or {}), "profiles": [*profiles.values()]}
    group.set_profiling(profiling, goal=group.goal, at=context.now, request=context.recorded.index)


def _quota_violations(
    goal: object, count: CellCount, total: int, profile_id: str | None, quota_id: str | None
) -> list[Violation]:
    if not isinstance(goal, int):
        return []
    if goal < count.completes:
        return [broken_rule(46, profile_id=profile_id, quota_id=quota_id)]
    return [broken_rule(47, profile_id=profile_id, quota_id=quota_id)] if goal > total else []


def _with_goal(target: Mapping[str, Any], goal: int | None, total: int) -> Mapping[str, Any]:
    if goal is None:
        return target
    quota = {"completes_goal_percentage": round(100 * goal / total, 2), "completes_goal": goal, "quota_nominal": goal}
    return {**target, "quota": quota}


def _goal_violations(group: TargetGroup, goal: int) -> list[Violation]:
    if goal < 1:
        return [broken_rule(16)]
    return [broken_rule(76)] if goal < group.completes else []


def _below_completes(group: TargetGroup, profiles: Sequence[Mapping[str, Any]]) -> list[Violation]:
    """Return the violations of quotas that already have more completes than they are to get."""
    listed = [profile for profile in profiles if not is_control(profile)]
    return [
        broken_rule(46, *sorted({condition["question_id"] for condition in target["conditions"]}))
        for profile, counts in zip(listed, _counts(group, listed), strict=True)
        for target, count in zip(profile["targets"], counts, strict=True)
        if "quota" in target and target["quota"]["completes_goal"] < count.completes
    ]


def _refused(found: Sequence[Violation]) -> problems.Problem:
    malformed = next((violation for violation in found if not violation.is_rule), None)
    if malformed is not None:
        return problems.malformed_profiles(malformed.name, malformed.reason, has_title=True)
    return problems.invalid_profiles([violation.json() for violation in found])


def _whole(body: Mapping[str, Any], name: str) -> int:
    value: object = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise problems.malformed_profiles(name, "Must be a whole number.", has_title=True)
    return value


def _profile(context: RequestContext) -> tuple[TargetGroup, Mapping[str, Any]]:
    group = context.launched_target_group()
    found = next((one for one in group.settings.profiles if one["id"] == context.parameters["profile_id"]), None)
    if found is None:
        raise problems.not_found("profile")
    return group, found


def _counts(group: TargetGroup, profiles: Sequence[Mapping[str, Any]]) -> list[list[CellCount]]:
    return group.ledger.cell_counts(profiles)


def _listed(group: TargetGroup, context: RequestContext) -> dict[str, Any]:
    group.run_at(context.now)
    listed = [profile for profile in group.settings.profiles if not is_control(profile)]
    locale = group.settings.locale
    return {
        "locale": locale,
        "completes_goal": group.goal,
        "profiles": [
            _read_form(profile, counts, locale) for profile, counts in zip(listed, _counts(group, listed), strict=True)
        ],
    }


def _read_form(profile: Mapping[str, Any], counts: Sequence[CellCount], locale: str) -> dict[str, Any]:
    """Return a profile with its texts and counters."""
    questions = [condition["question_id"] for condition in profile["targets"][0]["conditions"]]
    description = " ".join(question_text(question_id, locale) for question_id in dict.fromkeys(questions))
    targets = [
        _read_target(target, count, locale, is_blended=profile["object"] == "blended")
        for target, count in zip(profile["targets"], counts, strict=True)
    ]
    return {**profile, "description": description, "description_translated": description, "targets": targets}


def _read_target(target: Mapping[str, Any], count: CellCount, locale: str, *, is_blended: bool) -> dict[str, Any]:
    conditions: Sequence[Mapping[str, Any]] = target["conditions"]
    names = [condition_name(condition, locale) for condition in conditions]
    text = target.get("name") or ", ".join(names)
    read = {**target, "text": text, "text_translated": text}
    if "quota" not in target:
        return read
    if is_blended or len(conditions) > 1:
        read["conditions"] = [
            {**condition, "condition_name": name, "condition_name_translated": name}
            for condition, name in zip(conditions, names, strict=True)
        ]
    return {**read, "quota": {**target["quota"], **count._asdict()}}
