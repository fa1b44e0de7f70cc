"""The goals of a target group: the number of completes wanted, in total and for each of its quotas.

A target group that stopped because it reached its goal can be resumed or relaunched once the goal is raised.
"""

from collections.abc import Iterable
from typing import ClassVar

import attrs

from fieldingkit.commands import CommandPart, Endpoint, OpenEnum, TargetGroupCommand
from fieldingkit.errors import InvalidCommandError
from fieldingkit.results import Result
from fieldingkit.validators import each, instance_of, integer, ulid

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
    """The kind of a profile: on one question (regular) or on several (blended)."""

    REGULAR = "regular"
    BLENDED = "blended"


@attrs.frozen(kw_only=True)
class Quota(Result):
    """The goal and the progress of a quota."""

    completes_goal: int
    """The number of completes wanted."""
    completes_goal_percentage: float
    """The goal as a percentage of the target group's goal, 0 to 100."""
    quota_nominal: int
    """The number of completes that was asked for."""
    completes: int | None = None
    """The number of completes so far."""
    prescreens: int | None = None
    """The number of prescreens so far."""


@attrs.frozen(kw_only=True)
class ProfileTarget(Result):
    """An answer, or a set of answers, that a profile selects. The conditions themselves are not modeled."""

    id: str
    """The quota's id."""
    name: str | None = None
    """The quota's name."""
    text: str | None = None
    """The quota's display text."""
    quota: Quota | None = None
    """The goal and progress; None if it has no quota of its own."""


@attrs.frozen(kw_only=True)
class Profile(Result):
    """A requirement on the respondents of a target group."""

    object: ProfileKind
    """The kind of profile."""
    id: str
    """The profile's id."""
    quotas_enabled: bool
    """True if its quotas are in force."""
    name: str | None = None
    """The profile's name."""
    description: str | None = None
    """The profile's description."""
    targets: tuple[ProfileTarget, ...] = ()
    """The answers that it selects, each with its quota."""


@attrs.frozen(kw_only=True)
class TargetGroupGoals(Result):
    """The goals of a target group after a change."""

    locale: str
    """The language and country of its respondents."""
    completes_goal: int
    """The number of completes or prescreens wanted."""
    profiles: tuple[Profile, ...] = ()
    """Its profiles with their quotas; empty if anyone may take part."""


@attrs.frozen(kw_only=True)
class QuotaGoal(CommandPart):
    """A new goal for a quota."""

    completes_goal: int = attrs.field(validator=integer(1))
    """The number of completes wanted, at least 1."""


@attrs.frozen(kw_only=True)
class TargetGoal(CommandPart):
    """A new goal for one quota of a profile."""

    id: str = attrs.field(validator=ulid)
    """The quota's ULID."""
    quota: QuotaGoal
    """The new goal."""


@attrs.frozen(kw_only=True)
class ProfileGoal(CommandPart):
    """New goals for the quotas of one profile."""

    profile_id: str
    """The profile's id."""
    targets: tuple[TargetGoal, ...] = attrs.field(
        converter=_targets, validator=each(instance_of(TargetGoal), maximum=200)
    )
    """The quotas to change, 1 to 200, each once."""


@attrs.frozen(kw_only=True)
class UpdateProfileFillingGoal(TargetGroupCommand[TargetGroupGoals]):
    """Change the goal of a target group or of its quotas; changing both takes two commands.

    If only the total goal is given, the API recomputes the goals of the quotas. No ETag guards this command: the last
    write wins.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(
        "PUT",
        "/demand/accounts/{account_id}/projects/{project_id}/target-groups/{target_group_id}/profiles/completes-goal",
        operation_id="update_profile_filling_goal",
    )
    completes_goal: int | None = attrs.field(default=None, validator=integer(1))
    """The number of completes or prescreens wanted in total, at least 1."""
    profiles: tuple[ProfileGoal, ...] | None = attrs.field(
        default=None, converter=_profiles, validator=each(instance_of(ProfileGoal), maximum=1500)
    )
    """The profiles whose quotas change, 1 to 1,500, each once."""

    def __attrs_post_init__(self) -> None:
        if (self.completes_goal is None) == (self.profiles is None):
            problem = (
                "nothing to change: set completes_goal or profiles"
                if self.profiles is None
                else "the API's contract rejects completes_goal and profiles together: send one command for each"
            )
            raise InvalidCommandError(f"UpdateProfileFillingGoal: {problem}", field="completes_goal")
