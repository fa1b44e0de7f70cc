"""Exclusions: the respondents of other surveys that a target group does not admit.

They are those of the same project, and of other target groups or projects in the last days. Respondents of any target
groups exclude each other by ``fieldingkit.exclusion_groups``, and single ones are uploaded with
``fieldingkit.excluded_respondents``. A change affects only respondents who come after it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.commands import CommandPart, Endpoint, OpenEnum, ProjectCommand, TargetGroupCommand
from fieldingkit.errors import InvalidCommandError
from fieldingkit.results import Replaceable, Result, ResultList
from fieldingkit.validators import misfit_finder, ulid

__all__ = [
    "ActivityExclusion",
    "ActivityExclusionType",
    "ActivityExclusions",
    "Exclusion",
    "ExclusionPolicy",
    "GetActivityExclusions",
    "GetExclusionPolicy",
    "GetProjectExclusions",
    "ProjectExclusion",
    "ProjectExclusions",
    "SetActivityExclusions",
    "UpdateProjectExclusions",
]

_PROJECT = "/demand/accounts/{account_id}/projects/{project_id}"
_GROUP = _PROJECT + "/target-groups/{target_group_id}"
_ACTIVITY = _GROUP + "/respondent-activity-exclusions"
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
    """The id is that of a target group."""
    PROJECT = "project"
    """The id is that of a project."""


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
        _check_period(command, attribute, item.duration, f"{attribute.name}[{index}].duration")


def _check_period(command: object, attribute: "attrs.Attribute[Any]", value: object, name: str | None = None) -> None:
    """Require a period of days; None means that the field is left out."""
    if value is not None and not (isinstance(value, str) and _is_period(value)):
        raise InvalidCommandError(
            f"{type(command).__name__}: {name or attribute.name} must be a period of 1 to {_MOST_DAYS} days, such as "
            f"'P90D'; got {brief_repr(value)}",
            field=attribute.name,
        )


def _is_period(text: str) -> bool:
    match = _PERIOD.fullmatch(text)
    numbers = [] if match is None else [int(number or 0) for number in match.groups()]
    return 1 <= sum(number * days for number, days in zip(numbers, _DAYS, strict=False)) <= _MOST_DAYS


@attrs.frozen(kw_only=True)
class ProjectExclusion(Result):
    """A target group, and whether it takes part in the exclusion within its project."""

    target_group_id: str
    """The target group's ULID."""
    project_exclusion_enabled: bool | None = None
    """True if it does not admit respondents of the project's other target groups for which this is True as well."""


@attrs.frozen(kw_only=True, repr=False)
class ProjectExclusions(ResultList[ProjectExclusion]):
    """All target groups of a project, and whether they take part in the exclusion within it."""

    is_array: ClassVar[bool] = True
    target_groups: tuple[ProjectExclusion, ...] = ()
    """The target groups."""


@attrs.frozen(kw_only=True)
class ExclusionPolicy(Result):
    """The exclusion of a target group within its project."""

    project_exclusion_enabled: bool | None = None
    """True if it does not admit respondents of the project's other target groups for which this is True as well."""
    create_date: datetime | None = None
    """The time it was first set, UTC."""
    updated_by: str | None = None
    """The user who changed it last."""
    update_date: datetime | None = None
    """The time of its last change, UTC."""


@attrs.frozen(kw_only=True, repr=False)
class ActivityExclusions(ResultList[ActivityExclusion]):
    """The target groups and projects whose respondents of the last days a target group does not admit."""

    respondent_activity_exclusions: tuple[ActivityExclusion, ...] = ()
    """The exclusions, each with its period."""


def _enabled(values: Mapping[str, bool]) -> Mapping[str, bool]:
    return dict(values)


def _check_enabled(command: object, attribute: "attrs.Attribute[Any]", values: Mapping[object, object]) -> None:
    if not values:
        raise InvalidCommandError(
            f"{type(command).__name__}: {attribute.name} must not be empty: name at least one target group",
            field=attribute.name,
        )
    for target_group_id, value in values.items():
        ulid(command, attribute, target_group_id)
        if not isinstance(value, bool):
            raise InvalidCommandError(
                f"{type(command).__name__}: {attribute.name}[{target_group_id!r}] must be True or False; "
                f"got {brief_repr(value)}",
                field=attribute.name,
            )


def _write_enabled(values: Mapping[str, bool]) -> list[dict[str, str | bool]]:
    return [
        {"target_group_id": target_group_id, "project_exclusion_enabled": value}
        for target_group_id, value in values.items()
    ]


@attrs.frozen(kw_only=True)
class GetProjectExclusions(ProjectCommand[ProjectExclusions]):
    """List the target groups of a project, and whether they take part in the exclusion within it."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _PROJECT + "/exclusions", operation_id="get_exclusion_by_project_api"
    )


@attrs.frozen(kw_only=True)
class UpdateProjectExclusions(ProjectCommand[None]):
    """Change which target groups of a project take part in the exclusion within it; all others stay as they are."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "PUT", _PROJECT + "/exclusion-policies", operation_id="update_bulk_target_group_exclusions_api"
    )
    project_exclusion_enabled: Mapping[str, bool] = attrs.field(
        converter=_enabled, validator=_check_enabled, metadata={"body": True, "write": _write_enabled}, hash=False
    )
    """The ULIDs of target groups, at least one; True for those that take part."""


@attrs.frozen(kw_only=True)
class GetExclusionPolicy(TargetGroupCommand[ExclusionPolicy]):
    """Read whether a target group takes part in the exclusion within its project."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _GROUP + "/exclusion-policy", operation_id="get_target_group_exclusion_policy_api"
    )


@attrs.frozen(kw_only=True)
class GetActivityExclusions(TargetGroupCommand[ActivityExclusions]):
    """Read the target groups and projects whose respondents of the last days a target group does not admit."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _ACTIVITY, operation_id="get_target_group_respondent_activity_exclusions"
    )


def _activity(values: Iterable[ActivityExclusion]) -> tuple[ActivityExclusion, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class SetActivityExclusions(TargetGroupCommand[None]):
    """Replace the target groups and projects whose respondents of the last days a target group does not admit.

    The list replaces the previous one: read it with ``GetActivityExclusions`` first, and send what is to stay.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "PUT", _ACTIVITY, operation_id="set_target_group_respondent_activity_exclusions"
    )
    respondent_activity_exclusions: tuple[ActivityExclusion, ...] = attrs.field(
        converter=_activity, validator=activity_exclusions
    )
    """All exclusions from now on; none if it is empty. Neither the target group itself nor its own project."""
    duration: str | None = attrs.field(default=None, validator=_check_period)
    """The period of those that have none of their own, 1 to 396 days, such as ``P30D``; ``P90D`` if left out."""

    def __attrs_post_init__(self) -> None:
        own = {self.target_group_id, self.project_id}
        if any(item.id in own for item in self.respondent_activity_exclusions):
            raise InvalidCommandError(
                "SetActivityExclusions: respondent_activity_exclusions must not have the target group itself or its "
                "project: UpdateProjectExclusions excludes respondents within a project",
                field="respondent_activity_exclusions",
            )
