"""What happened to target groups, entry by entry."""

import uuid
from datetime import datetime
from typing import Any, Final

import attrs

from fieldingkit.sandbox.timestamps import write_timestamp
from fieldingkit.sandbox.transitions import GroupStatus

__all__ = ["Change", "ValueChange", "change_id"]

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
