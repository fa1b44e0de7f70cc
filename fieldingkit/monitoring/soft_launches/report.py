"""The report of a soft launch: what was seen and done."""

from enum import StrEnum

import attrs

from fieldingkit._repr import short_repr
from fieldingkit.errors import FieldingKitError
from fieldingkit.monitoring.soft_launches.history import OtherChange
from fieldingkit.monitoring.soft_launches.limits import CheckedFigure
from fieldingkit.resources.fielding_runs import FieldingRunStatus
from fieldingkit.results import Serializable
from fieldingkit.workflows.optimistic import any_maybe_applied

__all__ = ["SoftLaunchOutcome", "SoftLaunchReport"]


class SoftLaunchOutcome(StrEnum):
    """The end of a call of ``soft_launch``."""

    RESUMED = "resumed"
    """The figures were within their limits: the soft launch is off, and the target group fields its whole goal."""
    HELD = "held"
    """A figure is out of its limit or unknown: the target group is paused."""
    INTERRUPTED = "interrupted"
    """Another user or the API changed the target group: it was left as it was found."""
    WAITING = "waiting"
    """The timeout ended before the limit was reached: the target group fields, and the API keeps its limit."""


@attrs.frozen(kw_only=True, repr=False)
class SoftLaunchReport(Serializable):
    """The result of ``soft_launch``: what was seen and done."""

    outcome: SoftLaunchOutcome
    """The end of this call."""
    reason: str
    """The reason in words; empty if there is nothing to say."""
    target_group_id: str
    """The target group's ULID."""
    status: FieldingRunStatus
    """The status of its run: as answered to this call's last action, or as read after it."""
    etag: str
    """The ETag of its run, for the next action; empty if the API did not send one."""
    is_limited: bool
    """True if the soft launch is on or the goal reduced, so that the API pauses the target group at its limit."""
    counted: int
    """The completes as last read, or the prescreens if the goal counts these."""
    limit: int
    """The completes wanted before the pause."""
    goal: int
    """The goal as last read: the whole one, or the one that it was reduced to."""
    figures: tuple[CheckedFigure, ...]
    """The figures that have limits, as last read."""
    others: tuple[OtherChange, ...] = ()
    """The changes that other users made after the launch, oldest first."""
    steps: tuple[str, ...] = ()
    """The steps that this call is known to have done, in order: ``limited``, ``launched``, ``paused``, ``released``
    (the soft launch is off, or the goal is the whole one again), ``resumed``."""
    conflicts: tuple[FieldingKitError, ...] = attrs.field(default=(), repr=False)
    """The refusals and ambiguous outcomes that were resolved by reading, in order."""

    @property
    def changed(self) -> bool:
        """True if this call changed the target group. After an ambiguous outcome, another user may have changed it."""
        return bool(self.steps) or any_maybe_applied(self.conflicts)

    def __repr__(self) -> str:
        return short_repr("SoftLaunchReport", self.outcome, f"{self.counted} of {self.limit}", self.reason)
