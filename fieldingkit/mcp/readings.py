"""The quota cells of target groups as earlier calls read them, so that a later call sees which cells are stuck."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import attrs

from fieldingkit.monitoring.findings import Findings, GroupState
from fieldingkit.monitoring.snapshots import GroupSnapshot, Snapshot
from fieldingkit.rendering.text import format_moment, pluralize
from fieldingkit.resources.target_groups import TargetGroupStatus

__all__ = ["EarlierReadings"]

_MOST: Final = 1000
"""Target groups that are remembered; those that were not read for the longest time are forgotten first."""
_OLDEST: Final = timedelta(days=7)
"""The age at which a reading is forgotten."""


@attrs.frozen
class _Reading:
    state: GroupState
    first_at: datetime
    last_at: datetime


class EarlierReadings:
    """The target groups as earlier calls of a server read them: since when each quota cell has had no further complete.

    Each target group has its own reading, whichever calls read it. There are no findings among them, so that no call
    opens or ends a finding of another one.
    """

    def __init__(self) -> None:
        self._readings: dict[str, _Reading] = {}

    def before(self, snapshot: Snapshot) -> Findings:
        """Return what is known of the target groups of a snapshot, as the earlier findings of ``evaluate``."""
        known = (self._known(group) for group in snapshot.groups)
        states = tuple(reading.state for reading in known if reading is not None)
        return Findings(at=snapshot.at, found=(), groups=states, selection=snapshot.selection)

    def add(self, snapshot: Snapshot, found: Findings) -> None:
        """Remember the quota cells of the target groups of a snapshot.

        Args:
            snapshot: The snapshot.
            found: What ``evaluate`` returned for it with the readings before.
        """
        states = {state.target_group_id: state for state in found.groups}
        for group in snapshot.groups:
            known = self._known(group)
            if group.cells is not None or known is not None:
                first_at = group.read_at if known is None else known.first_at
                self._readings.pop(group.target_group_id, None)
                self._readings[group.target_group_id] = _Reading(states[group.target_group_id], first_at, group.read_at)
        while len(self._readings) > _MOST:
            del self._readings[next(iter(self._readings))]

    def too_early(self, groups: Iterable[GroupSnapshot], hours: float) -> str | None:
        """Return why it is not known of some target groups whether a quota cell is stuck; None if it is known of all.

        An empty cell is known to have had no complete since the start, without an earlier reading.

        Args:
            groups: The target groups, of which the latest reading was added.
            hours: The hours without a complete after which a cell is stuck.
        """
        needed = timedelta(hours=hours)
        live = [one for one in groups if one.status == TargetGroupStatus.LIVE and _has_cells_to_compare(one)]
        since = [
            reading.first_at
            for one in live
            if (reading := self._known(one)) and one.read_at < reading.first_at + needed
        ]
        if not since:
            return None
        return (
            f"Not checked yet for {len(since):,} of {pluralize(len(live))} with quota cells: it compares two readings, "
            f"{hours:g} hours apart, and this server read the first one at {format_moment(min(since))} or later. Ask "
            f"again from {format_moment(max(since) + needed)} on, as long as this server runs."
        )

    def _known(self, group: GroupSnapshot) -> _Reading | None:
        """Return what is known of a target group; None if nothing is, or it is too old."""
        reading = self._readings.get(group.target_group_id)
        return None if reading is None or group.read_at - reading.last_at > _OLDEST else reading


def _has_cells_to_compare(group: GroupSnapshot) -> bool:
    """Return True if a quota cell is not full, of which one reading does not say when it had its latest complete."""
    return any(
        cell.completes is not None
        and cell.goal is not None
        and cell.completes < cell.goal
        and (cell.completes > 0 or group.starts_at is None)
        for cell in group.cells or ()
    )
