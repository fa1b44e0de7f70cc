"""A fielding run as it was at one moment, and what one differs in from another."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import attrs

from fieldingkit.sandbox.formats import write_timestamp

__all__ = [
    "BATCH",
    "COMPLETE",
    "LAUNCH_NOW",
    "PAUSE",
    "RELAUNCH",
    "RESUME",
    "Change",
    "FieldingRun",
    "GroupStatus",
    "RunStatus",
    "Transition",
    "TransitionRefusedError",
    "ValueChange",
    "change_id",
    "differences",
]


RunStatus = Literal["scheduled", "live", "paused", "completed"]
"""The states of a fielding run."""

GroupStatus = Literal["draft", "scheduled", "live", "paused", "completed", "archived"]
"""The states of a target group."""


@attrs.frozen
class Transition:
    """One action that a caller can take on a fielding run."""

    action: str
    """What it is called in a target group's history."""
    sources: frozenset[RunStatus]
    """The states it is allowed from."""
    target: RunStatus
    """The state it leads to."""
    within_limits: bool = False
    """Whether it is refused once the completes goal or the end date is reached."""
    starts_now: bool = False
    """Whether the run starts at this moment and keeps its duration."""


class TransitionRefusedError(Exception):
    """The run's state, goal or end date does not permit the action."""


LAUNCH_NOW: Final = Transition("launch_now", frozenset({"scheduled"}), "live", starts_now=True)
PAUSE: Final = Transition("pause", frozenset({"live"}), "paused")
RESUME: Final = Transition("resume", frozenset({"paused"}), "live", within_limits=True)
COMPLETE: Final = Transition("complete", frozenset({"live", "scheduled"}), "completed")
RELAUNCH: Final = Transition("relaunch", frozenset({"completed"}), "live", within_limits=True)

BATCH: Final[Mapping[str, Transition]] = {
    "complete": attrs.evolve(COMPLETE, sources=COMPLETE.sources | {"paused"}),
    "launch": LAUNCH_NOW,
    "pause": PAUSE,
    "relaunch": RELAUNCH,
    "resume": RESUME,
}
"""What each kind of batch job does to its target groups."""


_NAMESPACE: Final = uuid.UUID("6f1d3c0a-0b0e-4f5e-9d38-5c1b1b0f5a10")


@attrs.frozen(kw_only=True)
class ValueChange:
    """One thing that a change changed."""

    object: str
    """What it is, in the API's words, such as `status_change`."""
    old: Any
    """What it was before; None if there was nothing. Dates are datetimes here."""
    new: Any
    """What it is since."""
    reason: str | None = None
    """Why the API itself changed a status, such as `past_scheduled_end_date`."""

    def json(self) -> dict[str, Any]:
        """As the API writes it in a changelog."""
        written = {"object": self.object, "new_value": _write(self.new), "old_value": _write(self.old)}
        return {**written, "reason_code": self.reason} if self.object == "status_change" else written


@attrs.frozen(kw_only=True)
class Change:
    """One entry in the history of a target group."""

    at: datetime
    """When it took effect; for what the clock did, the moment it was due."""
    action: str
    """`pause`, `resume`, `complete`, `relaunch`, `launch_now`, `launch_from_draft`, `schedule_from_draft`, `update`;
    `update_goal`, `update_project_manager`, `update_fielding_assistant`; `start_reached`, `end_reached` or
    `goal_reached` for what the clock did."""
    before: GroupStatus
    """The target group's status before."""
    after: GroupStatus
    """The target group's status after."""
    version: int
    """The version of the fielding run after; 0 for a draft."""
    request: int | None
    """The index of the recorded request that caused it, or None if the clock did."""
    values: tuple[ValueChange, ...] = ()
    """What it changed; nothing if it only made a new version."""

    @property
    def written_at(self) -> str:
        """When it took effect, as the API writes it."""
        return write_timestamp(self.at)

    def user(self, user_id: str) -> dict[str, str]:
        """Who caused it, as the API writes it: the one user that there is, or the API itself.

        Args:
            user_id: The user.
        """
        return {"type": "system_user"} if self.request is None else {"type": "las_user", "las_user_id": user_id}


def change_id(target_group_id: str, index: int) -> str:
    """The UUID by which the changelog names a change, the same one every time.

    Args:
        target_group_id: Whose history it is in.
        index: Its place there, oldest first from 0.
    """
    return str(uuid.uuid5(_NAMESPACE, f"{target_group_id}/{index}"))


def _write(value: object) -> object:
    return write_timestamp(value) if isinstance(value, datetime) else value


@attrs.frozen(kw_only=True)
class FieldingRun:
    """A fielding run as it was at one moment."""

    id: str
    """Its ULID."""
    status: RunStatus
    """`scheduled`, `live`, `paused` or `completed`."""
    start_at: datetime
    """When fielding starts or started."""
    end_at: datetime
    """When fielding ends."""
    version: int
    """Goes up by one with every change."""
    last_changed_at: datetime
    """When this version came to be."""

    @property
    def etag(self) -> str:
        """The weak entity tag of this version, as the API sends it."""
        return f'W/"{self.version}"'

    def effective_date(self, date: datetime) -> datetime:
        """When a date of its own takes effect: a date in the past does so at the change that set it."""
        return max(date, self.last_changed_at)


def differences(before: FieldingRun | None, after: FieldingRun, reason: str | None) -> tuple[ValueChange, ...]:
    """What a target group's history says about the change from one run to another.

    Args:
        before: The run before; None for that of a draft.
        after: The run after.
        reason: Why the API itself changed the status.
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
