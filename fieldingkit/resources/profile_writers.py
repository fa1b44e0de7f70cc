"""Writers of profiling: the bodies that requests have, without the members that only the API sets."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fieldingkit.commands import OpenEnum
from fieldingkit.resources.profiling import (
    AdjustmentType,
    Condition,
    OpenEnded,
    OtherCondition,
    Profile,
    Profiling,
    Quota,
    Range,
    Selection,
    Target,
)

__all__ = ["write_draft", "write_feasibility", "write_single", "write_template"]


class _Form(NamedTuple):
    """The members that one kind of request takes."""

    profile: Sequence[str]
    """The members of a profile."""
    target: Sequence[str]
    """The members of a target."""
    marks_missing_quotas: bool
    """True if a target without a quota has ``"object": "nominal"``; the contract's examples leave it out."""


_DRAFT = _Form(("object", "blended_type", "name", "quotas_enabled"), ("name",), marks_missing_quotas=True)
_FEASIBILITY = _Form(("object", "blended_type", "quotas_enabled"), ("name",), marks_missing_quotas=False)
_TEMPLATE = _Form(
    ("object", "name", "description", "quotas_enabled"),
    ("name", "text", "text_translated"),
    marks_missing_quotas=False,
)


def write_draft(profiling: Profiling) -> dict[str, Any]:
    """Return the profiling of a target group that is created, updated, validated or changed after its launch."""
    template = {} if profiling.template_id is None else {"template_id": profiling.template_id}
    profiles = _write(profiling, _DRAFT)
    return {**profiles, **template} if profiling.profiles else {**template, **_adjustment(profiling)}


def write_single(profiling: Profiling) -> dict[str, Any]:
    """Return the only profile of profiling, and the adjustment type beside it, for requests about a single profile."""
    return {
        **_adjustment(profiling),
        "profile": _write_profile(profiling.profiles[0], profiling.profile_adjustment_type, _DRAFT),
    }


def write_feasibility(profiling: Profiling) -> dict[str, Any]:
    """Return the profiling of a target group whose feasibility is calculated; it takes no template."""
    return _write(profiling, _FEASIBILITY)


def write_template(profiling: Profiling) -> dict[str, Any]:
    """Return the profiling of a template."""
    return _write(profiling, _TEMPLATE)


def _write(profiling: Profiling, form: _Form) -> dict[str, Any]:
    adjustment = profiling.profile_adjustment_type
    profiles = [_write_profile(profile, adjustment, form) for profile in profiling.profiles]
    return {**_adjustment(profiling), "profiles": profiles}


def _adjustment(profiling: Profiling) -> dict[str, Any]:
    return {"profile_adjustment_type": str(profiling.profile_adjustment_type)}


def _write_profile(profile: Profile, adjustment: AdjustmentType, form: _Form) -> dict[str, Any]:
    return {
        **_members(profile, form.profile),
        "targets": [_write_target(target, profile, adjustment, form) for target in profile.targets],
    }


def _write_target(target: Target, profile: Profile, adjustment: AdjustmentType, form: _Form) -> dict[str, Any]:
    written = _members(target, form.target)
    if target.quota is not None and target.quota.name is not None:
        written.setdefault("name", target.quota.name)
    goal = _goal(target.quota, adjustment) if profile.quotas_enabled else {}
    if goal:
        written["quota"] = goal
    elif form.marks_missing_quotas:
        written["object"] = "nominal"
    return {**written, "conditions": [_write_condition(condition) for condition in target.conditions]}


def _goal(quota: Quota | None, adjustment: AdjustmentType) -> dict[str, Any]:
    # The API refuses a request with both goals.
    name = "completes_goal_percentage" if adjustment is AdjustmentType.PERCENTAGE else "completes_goal"
    return {} if quota is None else _members(quota, [name])


def _write_condition(condition: Condition) -> dict[str, Any]:
    match condition:
        case Selection():
            return _tagged(condition, "option")
        case Range():
            return _tagged(condition, "min", "max")
        case OpenEnded():
            return _tagged(condition, "allow_all_values") | {"open_ended_values": [*condition.open_ended_values]}
        case OtherCondition():
            return {"object": condition.object, **condition.content}


def _tagged(condition: Selection | Range | OpenEnded, *names: str) -> dict[str, Any]:
    return _members(condition, ["object", "question_id", *names])


def _members(value: object, names: Sequence[str]) -> dict[str, Any]:
    members = {name: member for name in names if (member := getattr(value, name)) is not None}
    return {name: str(member) if isinstance(member, OpenEnum) else member for name, member in members.items()}
