"""The goals of a target group: how many completes it is to have, in all and in each of its quotas.

A target group that stopped because its goal was reached can be resumed or relaunched once the goal is raised.
"""

from collections.abc import Iterable
from typing import ClassVar

import attrs

from fieldingkit.commands import Command, Endpoint, OpenEnum
from fieldingkit.errors import InvalidCommandError
from fieldingkit.validators import account, some, ulid

__all__ = [
    "Profile",
    "ProfileGoal",
    "ProfileKind",
    "ProfileTarget",
    "Quota",
    "QuotaGoal",
    "TargetGoal",
    "TargetGroupGoals",
    "UpdateProfileFillingGoal",
]


def _targets(values: "Iterable[TargetGoal]") -> "tuple[TargetGoal, ...]":
    return tuple(values)


def _profiles(values: "Iterable[ProfileGoal] | None") -> "tuple[ProfileGoal, ...] | None":
    return None if values is None else tuple(values)


class ProfileKind(OpenEnum):
    """Whether a profile stands on one question or on several."""

    REGULAR = "regular"
    BLENDED = "blended"


@attrs.frozen(kw_only=True)
class Quota:
    """How many completes a quota is to have, and how many it has."""

    completes_goal: int
    """How many completes it is to have."""
    completes_goal_percentage: float
    """The same as a part of the whole goal, 0 to 100."""
    quota_nominal: int
    """How many completes were asked for."""
    completes: int | None = None
    """How many completes it has."""
    prescreens: int | None = None
    """How many prescreens it has."""


@attrs.frozen(kw_only=True)
class ProfileTarget:
    """One answer, or set of answers, that a profile looks for. The conditions themselves are not modelled."""

    id: str
    """The quota's id."""
    name: str | None = None
    """What it is called."""
    text: str | None = None
    """What is shown of it."""
    quota: Quota | None = None
    """Its goal and how far it has come; None where it has no quota of its own."""


@attrs.frozen(kw_only=True)
class Profile:
    """Whom a target group looks for, in one respect."""

    object: ProfileKind
    """What kind of profile it is."""
    id: str
    """The profile's id."""
    quotas_enabled: bool
    """Whether its quotas are in force."""
    name: str
    """What it is called."""
    description: str
    """What it is about."""
    targets: tuple[ProfileTarget, ...] = ()
    """What it looks for, each with its quota."""


@attrs.frozen(kw_only=True)
class TargetGroupGoals:
    """The goals of a target group after they were changed."""

    locale: str
    """The language and country of its respondents."""
    completes_goal: int
    """How many completes or prescreens it is to have."""
    profiles: tuple[Profile, ...] = ()
    """Its profiles with their quotas; none where anybody may take part."""


@attrs.frozen(kw_only=True)
class QuotaGoal:
    """A goal for a quota."""

    completes_goal: int
    """How many completes it is to have, at least 1."""


@attrs.frozen(kw_only=True)
class TargetGoal:
    """A new goal for one quota of a profile."""

    id: str
    """The quota's id."""
    quota: QuotaGoal
    """Its new goal."""


@attrs.frozen(kw_only=True)
class ProfileGoal:
    """New goals for the quotas of one profile."""

    profile_id: str
    """The profile's id."""
    targets: tuple[TargetGoal, ...] = attrs.field(converter=_targets, validator=some)
    """The quotas to change, 1 to 200."""


@attrs.frozen(kw_only=True)
class UpdateProfileFillingGoal(Command[TargetGroupGoals]):
    """Change the goal of a target group, of its quotas, or both.

    If only the whole goal is given, the API works the goals of the quotas out anew. No tag guards it: the last one to
    write wins.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "PUT",
        "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}/profiles/completes-goal",
        operation_id="update_profile_filling_goal",
    )
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    project_id: str = attrs.field(validator=ulid)
    """The project's ULID."""
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""
    completes_goal: int | None = None
    """How many completes or prescreens the target group is to have, at least 1."""
    profiles: tuple[ProfileGoal, ...] | None = attrs.field(default=None, converter=_profiles, validator=some)
    """The profiles whose quotas to change, 1 to 1,500."""

    def __attrs_post_init__(self) -> None:
        if self.completes_goal is None and self.profiles is None:
            raise InvalidCommandError(
                "UpdateProfileFillingGoal changes nothing: give it a completes_goal or profiles", field="completes_goal"
            )
