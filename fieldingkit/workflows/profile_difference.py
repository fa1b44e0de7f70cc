"""The difference between the profiles of a target group and those that are to replace them.

A replacement has no ids, so quotas are recognized by what they count: a quota is the same if its conditions are, in a
profile of the same kind about the same questions.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.profiling import (
    AdjustmentType,
    BlendedType,
    Condition,
    OpenEnded,
    OtherCondition,
    Profile,
    ProfileKind,
    Range,
    Selection,
    Target,
)
from fieldingkit.results import ResultList

__all__ = ["ProfilesDifference", "QuotaDifference", "difference_of", "is_same", "name_of", "text_of"]

_Key: TypeAlias = tuple[object, ...]
_Cells: TypeAlias = Mapping[_Key, tuple[Profile, Target]]

_ROUNDING = {AdjustmentType.PERCENTAGE: 0.011, AdjustmentType.NOMINAL: 1.0}
"""The largest difference between a goal that was sent and the same one as the API may return it."""


@attrs.frozen(kw_only=True)
class QuotaDifference:
    """A target that is added, changed or deleted, with its quota."""

    kind: Literal["added", "changed", "deleted"]
    """``deleted`` also if the target stays, but loses its quota."""
    profile: str
    """The name of the profile."""
    target: str
    """The name of the target, or its conditions."""
    goal_before: float | None = None
    """The goal as read, in percent or as a number; None without a quota."""
    goal_after: float | None = None
    """The goal as wanted; None without a quota."""
    completes: int = 0
    """The completes that the quota has."""
    is_named: bool = False
    """True if the change named this deletion."""

    def __str__(self) -> str:
        """Return a line for people."""
        goals = f"goal {_goal(self.goal_before)} to {_goal(self.goal_after)}"
        return f"{self.kind}: {self.profile} / {self.target} ({goals}, {self.completes} completes)"


def _goal(goal: float | None) -> str:
    return "none" if goal is None else f"{goal:g}"


@attrs.frozen(kw_only=True, repr=False)
class ProfilesDifference(ResultList[QuotaDifference]):
    """The targets that a change adds, changes or deletes."""

    differences: tuple[QuotaDifference, ...] = ()
    """One for each target, in the order of the profiles."""

    @property
    def deleted(self) -> tuple[QuotaDifference, ...]:
        """Those that are deleted."""
        return tuple(one for one in self.differences if one.kind == "deleted")

    def surprises(self, *, accept_completes: bool) -> tuple[str, ...]:
        """Return a line for each deletion that the change did not name, or that has completes.

        Args:
            accept_completes: True if quotas with completes may be deleted.
        """
        unnamed = [f"{one}: the change did not name it" for one in self.deleted if not one.is_named]
        counted = [one for one in self.deleted if one.is_named and one.completes and not accept_completes]
        return (*unnamed, *(f"{one}: it has completes" for one in counted))

    def __str__(self) -> str:
        """Return a line for each target."""
        return "\n".join(map(str, self.differences)) or "no difference"


def difference_of(
    before: Sequence[Profile], after: Sequence[Profile], adjustment: AdjustmentType, named: frozenset[str]
) -> ProfilesDifference:
    """Return the difference between two lists of profiles.

    Args:
        before: The profiles as they were read.
        after: The profiles that replace them.
        adjustment: Which goals of the quotas are sent.
        named: The ids of the profiles and targets that are meant to be deleted.

    Raises:
        InvalidCommandError: if a goal was changed that is not sent.
    """
    return ProfilesDifference(differences=tuple(_differences(_cells(before), _cells(after), adjustment, named)))


def _differences(
    before: _Cells, after: _Cells, adjustment: AdjustmentType, named: frozenset[str]
) -> Iterator[QuotaDifference]:
    for key, (profile, target) in before.items():
        goal = _goal_of(profile, target, adjustment)
        kept = after.get(key)
        new_goal = None if kept is None else _goal_of(*kept, adjustment)
        if kept is not None:
            _check_other_goal((profile, target), kept, adjustment)
        is_deleted = kept is None or (new_goal is None and _has_quota(profile, target))
        if is_deleted or kept is None or goal != new_goal or not _keeps_names((profile, target), kept):
            yield QuotaDifference(
                kind="deleted" if is_deleted else "changed",
                profile=name_of(profile),
                target=text_of(target),
                goal_before=goal,
                goal_after=new_goal,
                completes=(target.quota and target.quota.completes) or 0,
                is_named=bool(named & {profile.id, target.id}),
            )
    for key, (profile, target) in after.items():
        if key not in before:
            goal = _goal_of(profile, target, adjustment)
            yield QuotaDifference(kind="added", profile=name_of(profile), target=text_of(target), goal_after=goal)


def is_same(read: Sequence[Profile], wanted: Sequence[Profile], adjustment: AdjustmentType) -> bool:
    """Return whether profiles that were read are those that were sent, apart from rounding.

    Names are left out, since the API's own examples lack some; so are control profiles, which it does not list.
    """
    present, sent = (
        _cells([profile for profile in profiles if profile.blended_type is not BlendedType.CONTROL])
        for profiles in (read, wanted)
    )
    return present.keys() == sent.keys() and all(
        present[key][0].quotas_enabled == sent[key][0].quotas_enabled
        and _is_same_goal(_goal_of(*present[key], adjustment), _goal_of(*sent[key], adjustment), adjustment)
        for key in sent
    )


def _is_same_goal(one: float | None, other: float | None, adjustment: AdjustmentType) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= _ROUNDING.get(adjustment, 0)


def _check_other_goal(read: tuple[Profile, Target], wanted: tuple[Profile, Target], adjustment: AdjustmentType) -> None:
    """Refuse a changed goal that would not be sent."""
    by_percentage = adjustment is AdjustmentType.PERCENTAGE
    other = AdjustmentType.NOMINAL if by_percentage else AdjustmentType.PERCENTAGE
    changed = _goal_of(*wanted, other) not in {None, _goal_of(*read, other)}
    if changed and _goal_of(*wanted, adjustment) == _goal_of(*read, adjustment):
        name = "completes_goal" if by_percentage else "completes_goal_percentage"
        raise InvalidCommandError(
            f"the change sets {name} of {text_of(wanted[1])}, which is not sent with the adjustment {adjustment}",
            field="change",
        )


def _cells(profiles: Sequence[Profile]) -> _Cells:
    cells: dict[_Key, tuple[Profile, Target]] = {}
    seen = Counter[_Key]()
    for profile in profiles:
        owner = _profile_key(profile)
        for target in profile.targets:
            key = (owner, _target_key(target))
            cells[*key, seen[key]] = (profile, target)
            seen[key] += 1
    return cells


def _profile_key(profile: Profile) -> _Key:
    is_blended = profile.object is ProfileKind.BLENDED
    purpose = (profile.blended_type or BlendedType.INTERLOCK) if is_blended else None
    conditions = [condition for target in profile.targets for condition in target.conditions]
    return str(profile.object), purpose, frozenset(_condition_key(condition)[:2] for condition in conditions)


def _target_key(target: Target) -> frozenset[_Key]:
    return frozenset(map(_condition_key, target.conditions))


def _condition_key(condition: Condition) -> _Key:
    match condition:
        case Selection(question_id=question, option=option):
            return "selection", question, option
        case Range(question_id=question, min=low, max=high):
            return "range", question, low, high
        case OpenEnded(question_id=question, open_ended_values=values, allow_all_values=takes_all):
            return "open_ended", question, takes_all, frozenset(values)
        case OtherCondition(object=kind, content=content):
            return kind, content.get("question_id"), json.dumps(content, sort_keys=True)


def _goal_of(profile: Profile, target: Target, adjustment: AdjustmentType) -> float | None:
    if not profile.quotas_enabled or target.quota is None:
        return None
    quota = target.quota
    return quota.completes_goal_percentage if adjustment is AdjustmentType.PERCENTAGE else quota.completes_goal


def _has_quota(profile: Profile, target: Target) -> bool:
    return any(_goal_of(profile, target, adjustment) is not None for adjustment in AdjustmentType)


def _keeps_names(read: tuple[Profile, Target], wanted: tuple[Profile, Target]) -> bool:
    """Return whether no name differs; a name that is left out stays, or is given by the API."""
    return all(name in {None, other} for name, other in zip(_names(*wanted), _names(*read), strict=True))


def _names(profile: Profile, target: Target) -> tuple[str | None, str | None]:
    return profile.name, target.name or (None if target.quota is None else target.quota.name)


def name_of(profile: Profile) -> str:
    """Return the name of a profile, or what comes closest to one."""
    return profile.name or profile.description or profile.id or f"a {profile.object} profile"


def text_of(target: Target) -> str:
    """Return the name of a target, or its conditions in words."""
    return target.name or target.text or ", ".join(map(_condition_text, target.conditions))


def _condition_text(condition: Condition) -> str:
    match condition:
        case Selection(question_id=question, option=option):
            return f"option {option} of question {question}"
        case Range(min=low, max=high):
            return f"{low} to {high}"
        case OpenEnded(open_ended_values=values):
            return ", ".join(values[:3]) if values else "any text"
        case OtherCondition(object=kind):
            return kind
