"""The goals of a target group: the number of completes wanted, in total and for each of its quotas.

A target group that stopped because it reached its goal can be resumed or relaunched once the goal is raised.
"""

from collections.abc import Iterable
from typing import ClassVar, Self

import attrs

from fieldingkit.commands import CommandPart, Endpoint, TargetGroupCommand
from fieldingkit.errors import InvalidCommandError
from fieldingkit.resources.profiling import Profile, TargetGroupProfiles
from fieldingkit.validators import each, instance_of, integer, ulid

__all__ = [
    "ProfileGoal",
    "QuotaGoal",
    "TargetGoal",
    "UpdateProfileFillingGoal",
]


def _targets(values: "Iterable[TargetGoal]") -> "tuple[TargetGoal, ...]":
    return tuple(values)


def _profiles(values: "Iterable[ProfileGoal] | None") -> "tuple[ProfileGoal, ...] | None":
    return None if values is None else tuple(values)


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

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """Return the present goals of a profile that was read; targets without a goal are left out.

        Raises:
            InvalidCommandError: if the profile has no id or no goals.
        """
        if profile.id is None:
            raise InvalidCommandError("ProfileGoal: the profile has no id: read it from the API", field="profile_id")
        goals = [(target.id, target.quota) for target in profile.targets]
        return cls(
            profile_id=profile.id,
            targets=[
                TargetGoal(id=target_id, quota=QuotaGoal(completes_goal=quota.completes_goal))
                for target_id, quota in goals
                if target_id is not None and quota is not None and quota.completes_goal
            ],
        )


@attrs.frozen(kw_only=True)
class UpdateProfileFillingGoal(TargetGroupCommand[TargetGroupProfiles]):
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
