"""The five actions of a sweep: their target status, the statuses they start from, and their batch commands."""

import enum
from typing import Literal

from fieldingkit.resources.batch_jobs import (
    CompleteTargetGroups,
    LaunchTargetGroups,
    PauseTargetGroups,
    RelaunchTargetGroups,
    ResumeTargetGroups,
)
from fieldingkit.resources.target_groups import TargetGroupStatus

__all__ = ["Action", "ActionName", "BatchCommand"]

ActionName = Literal["pause", "resume", "complete", "relaunch", "launch"]
"""An action as plain text."""

BatchCommand = (
    type[PauseTargetGroups]
    | type[ResumeTargetGroups]
    | type[CompleteTargetGroups]
    | type[RelaunchTargetGroups]
    | type[LaunchTargetGroups]
)

_SCHEDULED, _LIVE = TargetGroupStatus.SCHEDULED, TargetGroupStatus.LIVE
_PAUSED, _COMPLETED = TargetGroupStatus.PAUSED, TargetGroupStatus.COMPLETED


class Action(enum.StrEnum):
    """An action that a sweep applies to each of its target groups."""

    PAUSE = "pause"
    """Pause live target groups."""
    RESUME = "resume"
    """Resume paused target groups."""
    COMPLETE = "complete"
    """Complete target groups, regardless of their goals and end dates."""
    RELAUNCH = "relaunch"
    """Relaunch completed target groups."""
    LAUNCH = "launch"
    """Launch scheduled target groups now."""

    @property
    def target(self) -> TargetGroupStatus:
        """The status that the action leads to."""
        return _TARGETS.get(self, _LIVE)

    @property
    def sources(self) -> frozenset[TargetGroupStatus]:
        """The statuses that allow the action."""
        return _SOURCES[self]

    @property
    def batch(self) -> BatchCommand:
        """The command that applies the action to many target groups of one project."""
        return _BATCHES[self]

    @property
    def opposite(self) -> "Action | None":
        """The action that undoes this one; None if nothing undoes it."""
        return _OPPOSITES.get(self)


_TARGETS = {Action.PAUSE: _PAUSED, Action.COMPLETE: _COMPLETED}
_SOURCES = {
    Action.PAUSE: frozenset({_LIVE}),
    Action.RESUME: frozenset({_PAUSED}),
    # The API's documents disagree on whether paused target groups can be completed, so those are sent as well.
    Action.COMPLETE: frozenset({_LIVE, _SCHEDULED, _PAUSED}),
    Action.RELAUNCH: frozenset({_COMPLETED}),
    Action.LAUNCH: frozenset({_SCHEDULED}),
}
_BATCHES: dict[Action, BatchCommand] = {
    Action.PAUSE: PauseTargetGroups,
    Action.RESUME: ResumeTargetGroups,
    Action.COMPLETE: CompleteTargetGroups,
    Action.RELAUNCH: RelaunchTargetGroups,
    Action.LAUNCH: LaunchTargetGroups,
}
_OPPOSITES = {Action.PAUSE: Action.RESUME, Action.RESUME: Action.PAUSE}
