"""Checks of profiling before it is sent: the rules that the contract states.

The models check nothing, so that no answer of the API is refused; the fields of commands have these validators.
Sums and overlaps of quotas are left to the API.
"""

from collections.abc import Iterator
from typing import Any, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.profiling import (
    AdjustmentType,
    Condition,
    OpenEnded,
    OtherCondition,
    Profile,
    ProfileKind,
    Profiling,
    Quota,
    Range,
    Target,
)
from fieldingkit.validators import misfit_finder

__all__ = [
    "blendable",
    "profile_problems",
    "profiling_problems",
    "single",
    "templatable",
    "well_formed",
    "with_profiles",
]

_LARGEST_RANGE = 99
_MOST_VALUES = 10_000


def well_formed(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require profiling that the API can accept; an optional field may be None."""
    if value is None and attribute.default is None:
        return
    if path := misfit_finder(Profiling)(value, attribute.name):
        raise _refused(command, attribute, f"invalid value for {path}: {brief_repr(value)}")
    for problem in profiling_problems(cast("Profiling", value)):
        raise _refused(command, attribute, f"{attribute.name}{problem}")


def with_profiles(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require profiling with profiles of its own, for operations that know no templates."""
    well_formed(command, attribute, value)
    if isinstance(value, Profiling) and not value.profiles:
        raise _refused(command, attribute, f"{attribute.name} has no profiles; this operation takes no template")


def blendable(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require two or three regular profiles, which can be blended into one."""
    with_profiles(command, attribute, value)
    found = value.profiles if isinstance(value, Profiling) else ()
    if len(found) not in {2, 3} or any(profile.object is ProfileKind.BLENDED for profile in found):
        raise _refused(command, attribute, f"{attribute.name} must have two or three profiles, all of them regular")


def single(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require exactly one profile."""
    with_profiles(command, attribute, value)
    if not isinstance(value, Profiling) or len(value.profiles) != 1:
        raise _refused(command, attribute, f"{attribute.name} must have exactly one profile")


def templatable(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require regular profiles whose goals are percentages: a template takes no others."""
    with_profiles(command, attribute, value)
    profiling = cast("Profiling", value)
    if profiling.template_id is not None:
        raise _refused(command, attribute, f"{attribute.name} names a template; this operation takes profiles only")
    if profiling.profile_adjustment_type is not AdjustmentType.PERCENTAGE:
        raise _refused(command, attribute, f"{attribute.name} must have percentages as goals")
    if any(profile.object is not ProfileKind.REGULAR for profile in profiling.profiles):
        raise _refused(command, attribute, f"{attribute.name} must have regular profiles only")


def _refused(command: object, attribute: "attrs.Attribute[Any]", problem: str) -> InvalidCommandError:
    return InvalidCommandError(f"{type(command).__name__}: {problem}", field=attribute.name)


def profiling_problems(profiling: Profiling) -> Iterator[str]:
    """Yield the problems of profiling: each the path of a part and what is wrong with it."""
    if profiling.template_id is None and not profiling.profiles:
        yield " has neither profiles nor a template: leave it out if everybody may take part"
    if profiling.template_id is not None and profiling.profile_adjustment_type is not AdjustmentType.PERCENTAGE:
        yield " has a template, which allows percentages only: set template_id=None to keep the profiles alone"
    for index, profile in enumerate(profiling.profiles):
        for problem in profile_problems(profile, profiling.profile_adjustment_type):
            yield f".profiles[{index}]{problem}"


def profile_problems(profile: Profile, adjustment: AdjustmentType) -> Iterator[str]:
    """Yield the problems of one profile: each the path of a part and what is wrong with it."""
    if not profile.targets:
        yield " has no targets"
    if profile.object is ProfileKind.REGULAR:
        yield from _problems_of_regular(profile)
    elif profile.object is ProfileKind.BLENDED:
        yield from _problems_of_blended(profile)
    for index, target in enumerate(profile.targets):
        for problem in _problems_of_target(target, profile, adjustment):
            yield f".targets[{index}]{problem}"


def _problems_of_regular(profile: Profile) -> Iterator[str]:
    conditions = [condition for target in profile.targets for condition in target.conditions]
    if len({item.question_id for item in conditions if not isinstance(item, OtherCondition)}) > 1:
        yield " is regular, but about several questions: make it blended"
    if profile.blended_type is not None:
        yield " is regular, but has a blended_type"


def _problems_of_blended(profile: Profile) -> Iterator[str]:
    if not profile.name:
        yield " is blended and needs a name"
    if not profile.quotas_enabled:
        yield " is blended: its quotas cannot be disabled"
    for index, target in enumerate(profile.targets):
        if len(target.conditions) == 1:
            yield f".targets[{index}] is part of a blended profile and needs two or more conditions"


def _problems_of_target(target: Target, profile: Profile, adjustment: AdjustmentType) -> Iterator[str]:
    quota = target.quota
    if not target.conditions:
        yield " has no conditions"
    if len(target.conditions) > 1 and not (target.name or (quota is not None and quota.name)):
        yield " has several conditions and needs a name"
    for index, condition in enumerate(target.conditions):
        for problem in _problems_of_condition(condition):
            yield f".conditions[{index}]{problem}"
    if not profile.quotas_enabled:
        return
    if not any(isinstance(item, OpenEnded) and item.allow_all_values for item in target.conditions):
        yield from _problems_of_goal(quota, adjustment)
    elif quota is not None and (quota.completes_goal is not None or quota.completes_goal_percentage is not None):
        yield " allows all values and cannot have a quota"


def _problems_of_goal(quota: Quota | None, adjustment: AdjustmentType) -> Iterator[str]:
    by_percentage = adjustment is AdjustmentType.PERCENTAGE
    name = "completes_goal_percentage" if by_percentage else "completes_goal"
    goal = None if quota is None else quota.completes_goal_percentage if by_percentage else quota.completes_goal
    if goal is None:
        yield f" has no {name}: its profile's quotas are enabled, so that each target needs one"
    elif by_percentage and not (0 <= goal <= 100 and round(goal, 2) == goal):
        yield f".quota.{name} must be from 0 to 100, with up to two decimals; got {goal!r}"
    elif goal < 0:
        yield f".quota.{name} must not be negative; got {goal!r}"


def _problems_of_condition(condition: Condition) -> Iterator[str]:
    match condition:
        case Range(min=low, max=high):
            if low is None or high is None or not 1 <= low <= high <= _LARGEST_RANGE:
                yield f" must have bounds from 1 to {_LARGEST_RANGE}, the lower one first; got {low!r} to {high!r}"
        case OpenEnded(open_ended_values=values, allow_all_values=True):
            if values:
                yield " allows all values and cannot name any"
        case OpenEnded(open_ended_values=values):
            if not 1 <= len(values) <= _MOST_VALUES:
                yield f" must have 1 to {_MOST_VALUES:,} values, or allow all of them; got {len(values):,}"
        case _:
            return
