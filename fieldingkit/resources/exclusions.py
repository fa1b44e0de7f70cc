"""Exclusions: the respondents of other surveys that a target group does not admit."""

import re
from collections.abc import Sequence
from typing import Any, Literal, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.commands import CommandPart, OpenEnum
from fieldingkit.errors import InvalidCommandError
from fieldingkit.results import Replaceable, Result
from fieldingkit.validators import misfit_finder, ulid

__all__ = ["ActivityExclusion", "ActivityExclusionType", "Exclusion"]

_PERIOD = re.compile(r"P(?!$)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?")
_DAYS = (365, 28, 7, 1)  # at least
_MOST_DAYS = 396


@attrs.frozen(kw_only=True)
class Exclusion(CommandPart, Result):
    """The exclusion within the project."""

    enabled: bool
    """True if respondents of the project's other target groups are not admitted."""


class ActivityExclusionType(OpenEnum):
    """The kind of work whose respondents are not admitted."""

    TARGET_GROUP = "target-group"
    PROJECT = "project"


def _type(value: ActivityExclusionType | Literal["target-group", "project"]) -> ActivityExclusionType:
    return ActivityExclusionType(value)


@attrs.frozen(kw_only=True)
class ActivityExclusion(CommandPart, Replaceable):
    """A target group or a project whose respondents of the last days are not admitted."""

    type: ActivityExclusionType = attrs.field(converter=_type)
    """The kind of work."""
    id: str
    """The ULID of the target group or project."""
    duration: str | None = None
    """The period before the visit, 1 to 396 days, such as ``P90D``, which is the API's default, ``P2W`` or ``P3M``."""


def activity_exclusions(command: object, attribute: "attrs.Attribute[Any]", value: Sequence[object]) -> None:
    """Require a list of activity exclusions with ULIDs and periods of days."""
    if path := misfit_finder(tuple[ActivityExclusion, ...])(value, attribute.name):
        raise InvalidCommandError(
            f"{type(command).__name__}: invalid value for {path}: {brief_repr(value)}", field=attribute.name
        )
    for index, item in enumerate(cast("Sequence[ActivityExclusion]", value)):
        ulid(command, attribute, item.id)
        if item.duration is not None and not _is_period(item.duration):
            raise InvalidCommandError(
                f"{type(command).__name__}: {attribute.name}[{index}].duration must be a period of 1 to {_MOST_DAYS} "
                f"days, such as 'P90D'; got {brief_repr(item.duration)}",
                field=attribute.name,
            )


def _is_period(text: str) -> bool:
    match = _PERIOD.fullmatch(text)
    numbers = [] if match is None else [int(number or 0) for number in match.groups()]
    return 1 <= sum(number * days for number, days in zip(numbers, _DAYS, strict=False)) <= _MOST_DAYS
