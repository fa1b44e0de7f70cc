"""Target groups and their fielding runs: state that catches up with the clock whenever it is looked at."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

import attrs

from fieldingkit.sandbox.transitions import GroupStatus, RunStatus, Transition, TransitionRefusedError

__all__ = ["Change", "FieldingRun", "TargetGroup"]


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


@attrs.frozen(kw_only=True)
class Change:
    """One entry in the history of a target group."""

    at: datetime
    """When it took effect; for what the clock did, the moment it was due."""
    action: str
    """`pause`, `resume`, `complete`, `relaunch`, `launch_now`, `launch_from_draft`, `schedule_from_draft`, `update`;
    `start_reached`, `end_reached` or `goal_reached` for what the clock did."""
    before: GroupStatus
    """The target group's status before."""
    after: GroupStatus
    """The target group's status after."""
    version: int
    """The version of the fielding run after."""
    request: int | None
    """The index of the recorded request that caused it, or None if the clock did."""


class TargetGroup:
    """A target group of a sandbox: a handle whose properties show the present, and can be read from any thread.

    Args:
        group_id: Its ULID.
        project_id: The ULID of its project.
        present: Holds the world still and gives its present moment.
        run: Its fielding run, if it was ever launched or scheduled.
        archived: Whether it is archived.
        goal_reached: Whether its completes goal is reached.
    """

    def __init__(
        self,
        group_id: str,
        project_id: str,
        *,
        present: Callable[[], AbstractContextManager[datetime]],
        run: FieldingRun | None = None,
        archived: bool = False,
        goal_reached: bool = False,
    ) -> None:
        self.id = group_id
        """Its ULID."""
        self.project_id = project_id
        """The ULID of its project."""
        self.archived = archived
        """Whether it is archived; the API has no operation that changes this."""
        self.goal_reached = goal_reached
        """Whether its completes goal is reached. Assign to it to say so: a live run is then paused."""
        self._present = present
        self._run = run
        self._history: list[Change] = []

    def __repr__(self) -> str:
        return f"<TargetGroup {self.id} {self.status}>"

    @property
    def status(self) -> GroupStatus:
        """Its status now."""
        with self._present() as now:
            return self.status_at(now)

    @property
    def run(self) -> FieldingRun | None:
        """Its fielding run as it is now, or None for a draft."""
        with self._present() as now:
            return self.run_at(now)

    @property
    def history(self) -> tuple[Change, ...]:
        """Every change since it was seeded, oldest first."""
        with self._present() as now:
            self.run_at(now)
            return tuple(self._history)

    def status_at(self, at: datetime) -> GroupStatus:
        """Its status at a moment that is not before any moment it was already looked at."""
        run = self.run_at(at)
        if self.archived:
            return "archived"
        return "draft" if run is None else run.status

    def run_at(self, at: datetime) -> FieldingRun | None:
        """Its fielding run at a moment that is not before any moment it was already looked at."""
        run = self._run
        if run is not None and run.status == "scheduled" and run.start_at <= at:
            run = self._change("start_reached", run, at=_due(run.start_at, run), status="live")
        if run is not None and run.status == "live":
            if self.goal_reached:
                run = self._change("goal_reached", run, at=at, status="paused")
            elif run.end_at <= at:
                run = self._change("end_reached", run, at=_due(run.end_at, run), status="paused")
        return run

    def apply(self, transition: Transition, *, at: datetime, request: int) -> FieldingRun:
        """Take an action on its run.

        Args:
            transition: What to do.
            at: The present moment.
            request: The index of the recorded request that asks for it.

        Returns:
            The run after it.

        Raises:
            TransitionRefusedError: If the run's state, goal or end date does not permit it.
        """
        status = self.status_at(at)
        run = self._run
        if run is None or status not in transition.sources:
            raise TransitionRefusedError(f"the action {transition.action} is not allowed on a {status} target group")
        if transition.within_limits and self.goal_reached:
            raise TransitionRefusedError("the completes goal is reached")
        if transition.within_limits and run.end_at <= at:
            raise TransitionRefusedError("the end date is reached")
        if not transition.starts_now:
            return self._change(transition.action, run, at=at, request=request, status=transition.target)
        return self._change(
            transition.action,
            attrs.evolve(run, start_at=at, end_at=at + (run.end_at - run.start_at)),
            at=at,
            request=request,
            status=transition.target,
        )

    def move(self, start_at: datetime, end_at: datetime, *, at: datetime, request: int) -> FieldingRun:
        """Give its run other dates.

        Raises:
            TransitionRefusedError: If there is no run, or it is completed or archived.
        """
        status = self.status_at(at)
        run = self._run
        if run is None or status in {"completed", "archived"}:
            raise TransitionRefusedError(f"the dates of a {status} target group cannot be changed")
        moved = attrs.evolve(run, start_at=start_at, end_at=end_at)
        return self._change("update", moved, at=at, request=request, status=run.status)

    def open(self, action: str, run: FieldingRun, *, at: datetime, request: int) -> None:
        """Take it out of draft with its first fielding run.

        Raises:
            TransitionRefusedError: If it is not a draft.
        """
        if self.status_at(at) != "draft":
            raise TransitionRefusedError("the target group is not a draft")
        self._run = run
        self._record(action, "draft", run, at=at, request=request)

    def touch(self, *, at: datetime, request: int) -> None:
        """Give its run, if it has one, a new version and so a new entity tag, as somebody else's change would."""
        run = self.run_at(at)
        if run is not None:
            self._change("update", run, at=at, request=request, status=run.status)

    def _change(
        self, action: str, run: FieldingRun, *, at: datetime, status: RunStatus, request: int | None = None
    ) -> FieldingRun:
        before: GroupStatus = "archived" if self.archived else run.status
        self._run = run = attrs.evolve(run, status=status, version=run.version + 1, last_changed_at=at)
        self._record(action, before, run, at=at, request=request)
        return run

    def _record(self, action: str, before: GroupStatus, run: FieldingRun, *, at: datetime, request: int | None) -> None:
        self._history.append(
            Change(at=at, action=action, before=before, after=run.status, version=run.version, request=request)
        )


def _due(date: datetime, run: FieldingRun) -> datetime:
    """When a date of the run took effect: a date in the past does so at the change that set it."""
    return max(date, run.last_changed_at)
