"""Fielding runs, the actions on them, and the changes that a history records."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import attrs

from fieldingkit.sandbox.formats import write_timestamp

__all__ = [
    "BATCH_TRANSITIONS",
    "COMPLETE",
    "LAUNCH_NOW",
    "PAUSE",
    "RELAUNCH",
    "REOPEN",
    "RESUME",
    "Change",
    "FieldingRun",
    "GroupStatus",
    "RunStatus",
    "Transition",
    "TransitionRefusedError",
    "ValueChange",
    "change_id",
    "run_changes",
]


RunStatus = Literal["scheduled", "live", "paused", "completed"]
"""The statuses of a fielding run."""

GroupStatus = Literal["draft", "scheduled", "live", "paused", "completed", "archived"]
"""The statuses of a target group."""


@attrs.frozen
class Transition:
    """An action that a caller can take on a fielding run."""

    action: str
    """The name of the action in a target group's history."""
    sources: frozenset[RunStatus]
    """The statuses that allow the action."""
    target: RunStatus
    """The status after the action."""
    within_limits: bool = False
    """True if the action is refused once the completes goal or the end date is reached."""
    starts_now: bool = False
    """True if the run starts immediately and keeps its duration."""


class TransitionRefusedError(Exception):
    """The status, the goal or the end date of the run does not allow the action."""


LAUNCH_NOW: Final = Transition("launch_now", frozenset({"scheduled"}), "live", starts_now=True)
PAUSE: Final = Transition("pause", frozenset({"live"}), "paused")
REOPEN: Final = Transition("reopen", frozenset({"completed"}), "live", within_limits=True)
RESUME: Final = Transition("resume", frozenset({"paused"}), "live", within_limits=True)
COMPLETE: Final = Transition("complete", frozenset({"live", "scheduled"}), "completed")
RELAUNCH: Final = Transition("relaunch", frozenset({"completed"}), "live", within_limits=True)

BATCH_TRANSITIONS: Final[Mapping[str, Transition]] = {
    "complete": attrs.evolve(COMPLETE, sources=COMPLETE.sources | {"paused"}),
    "launch": LAUNCH_NOW,
    "pause": PAUSE,
    "relaunch": RELAUNCH,
    "resume": RESUME,
}
"""The action of each kind of batch job."""


_NAMESPACE: Final = uuid.UUID("6f1d3c0a-0b0e-4f5e-9d38-5c1b1b0f5a10")


@attrs.frozen(kw_only=True)
class ValueChange:
    """One changed field of a target group."""

    object: str
    """The API's name of the field, such as `status_change`."""
    old: Any
    """The old value; None if there was none. Dates are datetimes."""
    new: Any
    """The new value. Dates are datetimes."""
    reason: str | None = None
    """The reason of an automatic status change, such as `past_scheduled_end_date`."""

    def json(self) -> dict[str, Any]:
        """Return the JSON of this change in a changelog."""
        written = {"object": self.object, "new_value": _write(self.new), "old_value": _write(self.old)}
        return {**written, "reason_code": self.reason} if self.object == "status_change" else written


@attrs.frozen(kw_only=True)
class Change:
    """One entry in the history of a target group."""

    at: datetime
    """The date of the change; for a change made by the clock, the date it was due."""
    action: str
    """`pause`, `resume`, `complete`, `relaunch`, `launch_now`, `launch_from_draft`, `schedule_from_draft`, `update`,
    `update_goal`, `update_project_manager` or `update_fielding_assistant`; for a change made by the clock
    `start_reached`, `end_reached` or `goal_reached`, and by a reconciliation `reopen`."""
    before: GroupStatus
    """The status of the target group before the change."""
    after: GroupStatus
    """The status of the target group after the change."""
    version: int
    """The version of the fielding run after the change; 0 for a draft."""
    request: int | None
    """The index of the recorded request that made the change; None if there was none."""
    by: str | None = None
    """The name that `TargetGroup.act` was given; None if a request or the clock made the change."""
    values: tuple[ValueChange, ...] = ()
    """The changed fields; empty if only the version changed."""

    @property
    def occurred_at(self) -> str:
        """The date of the change as the API writes it."""
        return write_timestamp(self.at)

    def user(self, user_id: str) -> dict[str, str]:
        """Return the JSON of the user who made the change: the given user, another one, or the API itself.

        Args:
            user_id: The user of all requests.
        """
        if self.by is not None:
            user_id = str(uuid.uuid5(_NAMESPACE, self.by))
        elif self.request is None:
            return {"type": "system_user"}
        return {"type": "las_user", "las_user_id": user_id}


def change_id(target_group_id: str, index: int) -> str:
    """Return the UUID of a change in the changelog; the same arguments give the same UUID.

    Args:
        target_group_id: The target group.
        index: The position of the change in the group's history, oldest first from 0.
    """
    return str(uuid.uuid5(_NAMESPACE, f"{target_group_id}/{index}"))


def _write(value: object) -> object:
    return write_timestamp(value) if isinstance(value, datetime) else value


@attrs.frozen(kw_only=True)
class FieldingRun:
    """A snapshot of a fielding run."""

    id: str
    """The ULID."""
    status: RunStatus
    """`scheduled`, `live`, `paused` or `completed`."""
    start_at: datetime
    """The start of fielding."""
    end_at: datetime
    """The end of fielding."""
    version: int
    """The version; each change increments it."""
    last_changed_at: datetime
    """The date of this version."""

    @property
    def etag(self) -> str:
        """The weak entity tag of this version, as the API sends it."""
        return f'W/"{self.version}"'

    def effective_date(self, date: datetime) -> datetime:
        """Return the date at which one of the run's dates takes effect: never before the change that set it."""
        return max(date, self.last_changed_at)


def run_changes(before: FieldingRun | None, after: FieldingRun, reason: str | None) -> tuple[ValueChange, ...]:
    """Return the history entries for a change from one run to another.

    Args:
        before: The run before; None for a draft.
        after: The run after.
        reason: The reason of an automatic status change.
    """
    found: list[ValueChange] = []
    if before is None or before.status != after.status:
        old = "draft" if before is None else before.status
        found.append(ValueChange(object="status_change", old=old, new=after.status, reason=reason))
    if before is None or before.start_at != after.start_at:
        old_start = before and before.start_at
        found.append(ValueChange(object="fielding_period_start_date_change", old=old_start, new=after.start_at))
    if before is None or before.end_at != after.end_at:
        old_end = before and before.end_at
        found.append(ValueChange(object="fielding_period_end_date_change", old=old_end, new=after.end_at))
    return tuple(found)
