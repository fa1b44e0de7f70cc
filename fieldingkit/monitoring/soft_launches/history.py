"""The changes of a target group since its soft launch began, and their authors."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import attrs

from fieldingkit.resources.target_group_changelog import (
    ChangelogEntry,
    StatusChangeReason,
    TargetGroupChange,
    TargetGroupChangeType,
    UserKind,
)
from fieldingkit.results import Serializable

__all__ = ["CHANGE_TYPES", "LaunchHistory", "OtherChange"]

_SOFT_LAUNCH = (
    TargetGroupChangeType.SOFT_LAUNCH_ASSISTED_CHANGE,
    TargetGroupChangeType.SOFT_LAUNCH_DEMOGRAPHICS_STRICTNESS_PERCENTAGE_CHANGE,
    TargetGroupChangeType.SOFT_LAUNCH_END_DATE_CHANGE,
    TargetGroupChangeType.SOFT_LAUNCH_FILLING_GOAL_PERCENTAGE_CHANGE,
)
CHANGE_TYPES = (TargetGroupChangeType.STATUS_CHANGE, TargetGroupChangeType.FILLING_GOAL_CHANGE, *_SOFT_LAUNCH)
"""The changes that another user can end a gate with."""


@attrs.frozen(kw_only=True)
class OtherChange(Serializable):
    """A change that another user made after the launch, from the changelog."""

    occurred_at: datetime | None
    """The time of the change, UTC."""
    user_id: str | None
    """The user's id; None if the API does not send it."""
    user_name: str | None = None
    """The user's name; None if it could not be read."""
    change: str
    """The kind of change, as the API names it, such as ``status_change``."""
    old_value: str | None
    """The value before."""
    new_value: str | None
    """The value after."""

    def __str__(self) -> str:
        user = self.user_name or (f"user {self.user_id}" if self.user_id else "an unknown user")
        at = "" if self.occurred_at is None else f" at {self.occurred_at:%Y-%m-%d %H:%M} UTC"
        return f"{user} made a {self.change.replace('_', ' ')} from {self.old_value} to {self.new_value}{at}"


class LaunchHistory(NamedTuple):
    """The changes since the launch."""

    status: str | None
    """The latest status; None if no change of it is listed yet."""
    reason: StatusChangeReason | None
    """The API's reason for the latest status."""
    is_paused_by_api: bool
    is_released: bool
    """True if the user who set the soft launch has switched it off since."""
    goal: str | None
    """The latest goal that this user has set since; None if there is none."""
    others: tuple[OtherChange, ...]
    """The changes by other users than the one who set the soft launch."""

    @classmethod
    def of(cls, changelog: Sequence[ChangelogEntry]) -> "LaunchHistory":
        """Return the history of a changelog that is listed newest first.

        The user who set the soft launch is the author of its latest change before the launch, or if the changelog has
        none, the one who launched the target group.
        """
        dated = [(entry.occurred_at, entry) for entry in reversed(changelog) if entry.occurred_at is not None]
        entries = [entry for _, entry in sorted(dated, key=lambda one: one[0])]
        undated = [entry for entry in changelog if entry.occurred_at is None]
        first = next((index for index, entry in enumerate(entries) if _status_of(entry) is not None), None)
        if first is None:
            return cls(None, None, False, False, None, ())
        before = [entry for entry in entries[:first] if any(one.object in _SOFT_LAUNCH for one in entry.changes)]
        owner, since = _author(before[-1] if before else entries[first]), entries[first + 1 :]
        latest = [entry for entry in entries if _status_of(entry) is not None][-1]
        change = _status_of(latest)
        own = [one for entry in since if _author(entry) == owner for one in entry.changes]
        goals = [str(one.new_value) for one in own if one.object == TargetGroupChangeType.FILLING_GOAL_CHANGE]
        return cls(
            status=None if change is None else str(change.new_value).casefold(),
            reason=None if change is None else change.reason_code,
            is_paused_by_api=_is_system(latest),
            is_released=any(
                one.object == TargetGroupChangeType.SOFT_LAUNCH_ASSISTED_CHANGE and not one.new_value for one in own
            ),
            goal=goals[-1] if goals else None,
            others=tuple(
                OtherChange(
                    occurred_at=entry.occurred_at,
                    user_id=_author(entry),
                    change=str(one.object),
                    old_value=None if one.old_value is None else str(one.old_value),
                    new_value=None if one.new_value is None else str(one.new_value),
                )
                for entry in (*since, *undated)
                if not _is_system(entry) and (_author(entry) is None or _author(entry) != owner)
                for one in _ending(entry.changes)
            ),
        )


def _ending(changes: Sequence[TargetGroupChange]) -> list[TargetGroupChange]:
    """Return the changes that end a gate; of a soft launch that is switched on or off, that alone."""
    is_switched = any(one.object == TargetGroupChangeType.SOFT_LAUNCH_ASSISTED_CHANGE for one in changes)
    return [
        one for one in changes if one.object in CHANGE_TYPES and not (is_switched and one.object in _SOFT_LAUNCH[1:])
    ]


def _status_of(entry: ChangelogEntry) -> TargetGroupChange | None:
    return next((one for one in entry.changes if one.object == TargetGroupChangeType.STATUS_CHANGE), None)


def _author(entry: ChangelogEntry) -> str | None:
    return None if entry.user is None else entry.user.las_user_id


def _is_system(entry: ChangelogEntry) -> bool:
    return entry.user is not None and entry.user.type in (UserKind.SYSTEM_USER, UserKind.SYSTEM_MARKETPLACE_USER)
