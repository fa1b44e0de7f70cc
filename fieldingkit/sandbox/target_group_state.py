"""What a target group is at a moment: state that catches up with the clock whenever it is looked at."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

import attrs

from fieldingkit.sandbox.changes import Change, ValueChange
from fieldingkit.sandbox.fielding import FieldingRun, differences
from fieldingkit.sandbox.progress import Progress
from fieldingkit.sandbox.settings import Settings
from fieldingkit.sandbox.transitions import GroupStatus, RunStatus

__all__ = ["Surroundings", "TargetGroupState"]


class Surroundings(Protocol):
    """The world, as a target group sees it."""

    def present(self) -> AbstractContextManager[datetime]:
        """Hold the world still, and give its present moment."""
        ...

    def changed(self, group: "TargetGroupState", change: Change, index: int) -> None:
        """Hear of a change, and of its place in the history."""
        ...


class TargetGroupState:
    """A target group whose properties show the present, and can be read from any thread.

    Args:
        group_id: Its ULID.
        project_id: The ULID of its project.
        surroundings: The world it is in.
        settings: What it was set up with.
        run: Its fielding run, if it was ever launched or scheduled.
        archived: Whether it is archived.
        goal: How many completes it is to have.
        completes: How many it has.
        manager_id: The user who manages it.
        assistant: The modules of its fielding assistant, if it has ever had any.
    """

    def __init__(
        self,
        group_id: str,
        project_id: str,
        *,
        surroundings: Surroundings,
        settings: Settings,
        run: FieldingRun | None,
        archived: bool,
        goal: int,
        completes: int,
        manager_id: str,
        assistant: dict[str, Any] | None,
    ) -> None:
        self.id = group_id
        """Its ULID."""
        self.project_id = project_id
        """The ULID of its project."""
        self.settings = settings
        """What it was set up with."""
        self.archived = archived
        """Whether it is archived; the API has no operation that changes this."""
        self.goal: int = goal
        """How many completes it is to have."""
        self.manager_id: str = manager_id
        """The user who manages it."""
        self.assistant: dict[str, Any] | None = assistant
        """The modules of its fielding assistant as they are assigned; None if there never were any."""
        self.assistant_version: int = 1
        """Goes up by one with every assignment of modules."""
        self.changed_at: datetime = settings.created_at
        """When it was last changed."""
        self.watched_until: datetime | None = None
        """When the world will look at it next; the world's own note."""
        self._surroundings = surroundings
        self._completes = completes
        self._run: FieldingRun | None = run
        self._history: list[Change] = []

    def __repr__(self) -> str:
        return f"<TargetGroup {self.id} {self.status}>"

    @property
    def name(self) -> str:
        """What it is called."""
        return self.settings.name

    @property
    def status(self) -> GroupStatus:
        """Its status now."""
        with self._surroundings.present() as now:
            return self.status_at(now)

    @property
    def run(self) -> FieldingRun | None:
        """Its fielding run as it is now, or None for a draft."""
        with self._surroundings.present() as now:
            return self.run_at(now)

    @property
    def history(self) -> tuple[Change, ...]:
        """Every change since it was seeded, oldest first."""
        with self._surroundings.present() as now:
            self.run_at(now)
            return tuple(self._history)

    @property
    def completes(self) -> int:
        """How many completes it has. Assign to it to say so: a live run is paused when the goal is reached."""
        return self._completes

    @completes.setter
    def completes(self, number: int) -> None:
        with self._surroundings.present() as now:
            self.run_at(now)
            self._completes = number
            self.run_at(now)

    @property
    def goal_reached(self) -> bool:
        """Whether its completes goal is reached. Assign to it to say so: a live run is then paused."""
        return self._completes >= self.goal

    @goal_reached.setter
    def goal_reached(self, reached: bool) -> None:
        self.completes = max(self._completes, self.goal) if reached else min(self._completes, self.goal - 1)

    def progress_at(self, at: datetime) -> Progress:
        """How it is doing at a moment that is not before any moment it was already looked at."""
        run = self.run_at(at)
        if run is None or not self._completes:
            return Progress(completes=self._completes, goal=self.goal, began_at=None, latest_at=None)
        latest_at = at if run.status == "live" else run.last_changed_at
        return Progress(
            completes=self._completes, goal=self.goal, began_at=min(run.start_at, latest_at), latest_at=latest_at
        )

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
            run = self._change("start_reached", run, at=run.due(run.start_at), status="live")
        if run is not None and run.status == "live":
            if self.goal_reached:
                run = self._change("goal_reached", run, at=at, status="paused", reason="total_completes_reached")
            elif run.end_at <= at:
                due = run.due(run.end_at)
                run = self._change("end_reached", run, at=due, status="paused", reason="past_scheduled_end_date")
        return run

    def next_date(self) -> datetime | None:
        """When the clock changes its run, if that is to come."""
        run = self._run
        if run is None or run.status not in {"scheduled", "live"}:
            return None
        if run.status == "scheduled":
            return run.due(run.start_at)
        return run.last_changed_at if self.goal_reached else run.due(run.end_at)

    def _change(
        self,
        action: str,
        run: FieldingRun,
        *,
        at: datetime,
        status: RunStatus,
        reason: str | None = None,
        request: int | None = None,
    ) -> FieldingRun:
        before = self._run
        old_status: GroupStatus = "archived" if self.archived else run.status
        self._run = run = attrs.evolve(run, status=status, version=run.version + 1, last_changed_at=at)
        self._record(action, old_status, differences(before, run, reason), at=at, request=request)
        return run

    def _replace_assistant(self, assistant: dict[str, Any]) -> None:
        self.assistant_version += self.assistant is not None
        self.assistant = assistant

    def _record(
        self,
        action: str,
        before: GroupStatus,
        values: tuple[ValueChange, ...],
        *,
        at: datetime,
        request: int | None,
    ) -> None:
        run = self._run
        change = Change(
            at=at,
            action=action,
            before=before,
            after="archived" if self.archived else "draft" if run is None else run.status,
            version=0 if run is None else run.version,
            request=request,
            values=values,
        )
        self._history.append(change)
        self.changed_at = at
        self._surroundings.changed(self, change, len(self._history) - 1)
