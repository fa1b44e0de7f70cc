"""The gate of a soft launch: the next step that follows from what was read at the API.

``next_step`` is a pure function: nothing of an earlier call is needed to continue, whichever step that call ended in.
"""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

import attrs

from fieldingkit.monitoring.soft_launches.history import LaunchHistory, OtherChange
from fieldingkit.monitoring.soft_launches.limits import CheckedFigure, SoftLaunchCheck, SoftLaunchLimit
from fieldingkit.resources.fielding_assistant import FieldingAssistantAssignment, SoftLaunch
from fieldingkit.resources.fielding_runs import FieldingRun, FieldingRunStatus
from fieldingkit.resources.target_group_changelog import ChangelogEntry, StatusChangeReason
from fieldingkit.resources.target_group_progress import TargetGroupOverview
from fieldingkit.resources.target_groups import FillingStrategy

__all__ = ["Decision", "Reading", "Step", "next_step"]

_OWN_PAUSES = (StatusChangeReason.TOTAL_COMPLETES_REACHED, StatusChangeReason.PAST_SOFT_LAUNCH_END_DATE, None)
"""The reasons with which the API pauses a target group at the limit of its soft launch."""
_SAME_END = timedelta(seconds=1)
"""The API may store times without fractions of a second."""


class Step(StrEnum):
    """The next step of a gate."""

    LIMIT = "limit"
    LAUNCH = "launch"
    WAIT = "wait"
    PAUSE = "pause"
    RELEASE = "release"
    """Switch the soft launch off, or restore the whole goal; the target group stays paused."""
    RESUME = "resume"
    STOP_RESUMED = "resumed"
    STOP_HELD = "held"
    STOP_INTERRUPTED = "interrupted"


class Decision(NamedTuple):
    """The next step, and the reason of an end."""

    step: Step
    reason: str = ""
    others: tuple[OtherChange, ...] = ()
    is_settled: bool = True
    """False if the changelog may lack the latest change: read it again before this step is taken."""


class Reading(NamedTuple):
    """The state of a target group at the API."""

    goal: int
    assignment: FieldingAssistantAssignment | None
    """None if the target group has none yet."""
    run: FieldingRun | None = None
    """None for a draft, as the fields below."""
    overview: TargetGroupOverview | None = None
    changelog: Sequence[ChangelogEntry] = ()
    """All pages, newest first."""

    @property
    def counted(self) -> int:
        """The number of completes, or of prescreens if the goal counts these."""
        if self.overview is None:
            return 0
        progress = self.overview.progress
        by_prescreens = progress.filling_strategy == FillingStrategy.PRESCREENS
        return progress.current_prescreens if by_prescreens else progress.current_completes

    @property
    def module(self) -> SoftLaunch | None:
        """The soft launch; None if it is off."""
        return None if self.assignment is None else self.assignment.soft_launch


def next_step(
    seen: Reading,
    until: SoftLaunchLimit,
    check: SoftLaunchCheck,
    wanted: SoftLaunch | None = None,
    *,
    has_released: bool = False,
) -> Decision:
    """Return the next step of a gate.

    Args:
        seen: The state as it was read.
        until: The limit.
        check: The limits of the figures.
        wanted: The soft launch to set before a draft is launched.
        has_released: True if this call has switched the soft launch off, or restored the goal.
    """
    is_reduced = until.is_reduced(seen.goal)
    if seen.run is None or seen.overview is None:
        return Decision(Step.LAUNCH if is_reduced or _is_same(seen.module, wanted) else Step.LIMIT)
    history, status, limit = LaunchHistory.of(seen.changelog), seen.run.status, until.of_goal(seen.goal)
    is_limited = is_reduced or seen.module is not None
    if history.others:
        return _interrupted("another user changed it", others=history.others)
    if status == FieldingRunStatus.LIVE and is_limited and seen.counted < limit:
        return Decision(Step.WAIT)
    if history.status != status:
        return _interrupted(f"it is {status}, and the changelog does not show who made it so", is_settled=False)
    if status not in (FieldingRunStatus.LIVE, FieldingRunStatus.PAUSED):
        return _interrupted(f"it is {status}")
    is_live, figures = status == FieldingRunStatus.LIVE, check.figures(seen.overview)
    if is_limited:
        return Decision(Step.PAUSE) if is_live else _of_paused(history, seen.counted, limit, figures)
    if until.whole_goal not in (None, seen.goal):
        return _interrupted(f"its goal is {seen.goal}, and neither {limit} nor {until.whole_goal}", is_settled=False)
    if not (has_released or history.is_released or history.goal == str(until.whole_goal)):
        return _interrupted(f"it is {status}, and has no soft launch", is_settled=False)
    if is_live:
        return Decision(Step.STOP_RESUMED, "it was found resumed, without a soft launch")
    return _checked(figures, Step.RESUME)


def _of_paused(history: LaunchHistory, counted: int, limit: int, figures: Sequence[CheckedFigure]) -> Decision:
    """Return the next step for a paused target group that is limited."""
    if history.is_paused_by_api and (counted < limit or history.reason not in _OWN_PAUSES):
        reason = "" if history.reason is None else f" ({history.reason})"
        return _interrupted(f"the API paused it{reason} with {counted} of {limit}")
    return _checked(figures, Step.RELEASE)


def _checked(figures: Sequence[CheckedFigure], step: Step) -> Decision:
    """Return a step if all figures are within their limits."""
    failing = [str(figure) for figure in figures if not figure.is_within]
    return Decision(Step.STOP_HELD, "; ".join(failing)) if failing else Decision(step)


def _interrupted(reason: str, *, others: tuple[OtherChange, ...] = (), is_settled: bool = True) -> Decision:
    return Decision(Step.STOP_INTERRUPTED, reason, others, is_settled)


def _is_same(module: SoftLaunch | None, wanted: SoftLaunch | None) -> bool:
    return (
        module is not None
        and wanted is not None
        and attrs.evolve(module, end_at=wanted.end_at) == wanted
        and abs(module.end_at - wanted.end_at) < _SAME_END
    )
