"""What a sweep can do to target groups: where each action leads, from where, and by which batch."""

import enum

from fieldingkit.resources.batch_jobs import (
    CompleteTargetGroups,
    LaunchTargetGroups,
    PauseTargetGroups,
    RelaunchTargetGroups,
    ResumeTargetGroups,
)
from fieldingkit.resources.target_groups import TargetGroupStatus

__all__ = ["Action", "Batch"]


Batch = (
    type[PauseTargetGroups]
    | type[ResumeTargetGroups]
    | type[CompleteTargetGroups]
    | type[RelaunchTargetGroups]
    | type[LaunchTargetGroups]
)

_SCHEDULED, _LIVE = TargetGroupStatus.SCHEDULED, TargetGroupStatus.LIVE
_PAUSED, _COMPLETED = TargetGroupStatus.PAUSED, TargetGroupStatus.COMPLETED


class Action(enum.StrEnum):
    """What to do to each target group of a sweep."""

    PAUSE = "pause"
    RESUME = "resume"
    COMPLETE = "complete"
    RELAUNCH = "relaunch"
    LAUNCH = "launch"

    @property
    def target(self) -> TargetGroupStatus:
        """The status that it leads to."""
        return _TARGETS.get(self, _LIVE)

    @property
    def sources(self) -> frozenset[TargetGroupStatus]:
        """The statuses that it is allowed from."""
        return _SOURCES[self]

    @property
    def batch(self) -> Batch:
        """The command that does it to many target groups of a project."""
        return _BATCHES[self]

    @property
    def opposite(self) -> "Action | None":
        """The action that takes it back; None if there is none."""
        return _OPPOSITES.get(self)


_TARGETS = {Action.PAUSE: _PAUSED, Action.COMPLETE: _COMPLETED}
_SOURCES = {
    Action.PAUSE: frozenset({_LIVE}),
    Action.RESUME: frozenset({_PAUSED}),
    # The API's documents disagree on paused ones, so it is tried.
    Action.COMPLETE: frozenset({_LIVE, _SCHEDULED, _PAUSED}),
    Action.RELAUNCH: frozenset({_COMPLETED}),
    Action.LAUNCH: frozenset({_SCHEDULED}),
}
_BATCHES: dict[Action, Batch] = {
    Action.PAUSE: PauseTargetGroups,
    Action.RESUME: ResumeTargetGroups,
    Action.COMPLETE: CompleteTargetGroups,
    Action.RELAUNCH: RelaunchTargetGroups,
    Action.LAUNCH: LaunchTargetGroups,
}
_OPPOSITES = {Action.PAUSE: Action.RESUME, Action.RESUME: Action.PAUSE}
