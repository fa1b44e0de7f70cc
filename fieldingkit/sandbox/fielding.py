"""A fielding run as it was at one moment, and what one differs in from another."""

from datetime import datetime

import attrs

from fieldingkit.sandbox.changes import ValueChange
from fieldingkit.sandbox.transitions import RunStatus

__all__ = ["FieldingRun", "differences"]


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

    def due(self, date: datetime) -> datetime:
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
