"""Target groups, and what can be done to them."""

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import attrs

from fieldingkit.sandbox.formats import readable_id
from fieldingkit.sandbox.model.fielding_runs import (
    Change,
    FieldingRun,
    GroupStatus,
    RunStatus,
    Transition,
    TransitionRefusedError,
    ValueChange,
    differences,
)
from fieldingkit.sandbox.model.statistics import Progress

__all__ = ["Settings", "StateHooks", "TargetGroup", "TargetGroupState"]


_LOCALES: Final = ("eng_us", "eng_gb", "ger_de", "fre_fr")


@attrs.frozen(kw_only=True)
class Settings:
    """What a target group was set up with, and keeps."""

    number: int
    """Counts the target groups of the sandbox from 1."""
    created_at: datetime
    """When it was made."""

    @property
    def name(self) -> str:
        """What it is called."""
        return f"Target group {self.number}"

    @property
    def human_readable_id(self) -> str:
        """The short id that people see."""
        return readable_id(self.number, 7)

    @property
    def reference(self) -> str:
        """The account's own reference."""
        return f"REF-{self.number}"

    @property
    def locale(self) -> str:
        """Language and country of its respondents: every fourth target group has the same."""
        return _LOCALES[(self.number - 1) % len(_LOCALES)]

    @property
    def language(self) -> str:
        """Three small letters."""
        return self.locale.partition("_")[0]

    @property
    def country(self) -> str:
        """Two small letters."""
        return self.locale.partition("_")[2]

    @property
    def planned_dates(self) -> tuple[datetime, datetime]:
        """When it is meant to field, while it is a draft."""
        return self.created_at + timedelta(days=1), self.created_at + timedelta(days=31)


class StateHooks(Protocol):
    """The state, as a target group sees it."""

    def locked(self) -> AbstractContextManager[datetime]:
        """Hold the state still, and give its present moment."""
        ...

    def on_change(self, group: "TargetGroupState", change: Change, index: int) -> None:
        """Hear of a change, and of its place in the history."""
        ...


class TargetGroupState:
    """A target group whose properties show the present, and can be read from any thread.

    Args:
        group_id: Its ULID.
        project_id: The ULID of its project.
        hooks: The state it is in.
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
        hooks: StateHooks,
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
        self.next_date_scheduled: datetime | None = None
        """When the state will look at it next; the state's own note."""
        self._hooks = hooks
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
        with self._hooks.locked() as now:
            return self.status_at(now)

    @property
    def run(self) -> FieldingRun | None:
        """Its fielding run as it is now, or None for a draft."""
        with self._hooks.locked() as now:
            return self.run_at(now)

    @property
    def history(self) -> tuple[Change, ...]:
        """Every change since it was seeded, oldest first."""
        with self._hooks.locked() as now:
            self.run_at(now)
            return tuple(self._history)

    @property
    def completes(self) -> int:
        """How many completes it has. Assign to it to say so: a live run is paused when the goal is reached."""
        return self._completes

    @completes.setter
    def completes(self, number: int) -> None:
        with self._hooks.locked() as now:
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
            run = self._change("start_reached", run, at=run.effective_date(run.start_at), status="live")
        if run is not None and run.status == "live":
            if self.goal_reached:
                run = self._change("goal_reached", run, at=at, status="paused", reason="total_completes_reached")
            elif run.end_at <= at:
                due = run.effective_date(run.end_at)
                run = self._change("end_reached", run, at=due, status="paused", reason="past_scheduled_end_date")
        return run

    def next_date(self) -> datetime | None:
        """When the clock changes its run, if that is to come."""
        run = self._run
        if run is None or run.status not in {"scheduled", "live"}:
            return None
        if run.status == "scheduled":
            return run.effective_date(run.start_at)
        return run.last_changed_at if self.goal_reached else run.effective_date(run.end_at)

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
        self._hooks.on_change(self, change, len(self._history) - 1)


class TargetGroup(TargetGroupState):
    """A target group of a sandbox: a handle whose properties show the present, and can be read from any thread."""

    def refusal_reason(self, transition: Transition, at: datetime) -> str | None:
        """Why an action cannot be taken on its run, or None if it can.

        Args:
            transition: What to do.
            at: The present moment.
        """
        status = self.status_at(at)
        run = self._run
        if run is None or status not in transition.sources:
            return f"the action {transition.action} is not allowed on a {status} target group"
        if transition.within_limits and self.goal_reached:
            return "the completes goal is reached"
        if transition.within_limits and run.end_at <= at:
            return "the end date is reached"
        return None

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
        refusal = self.refusal_reason(transition, at)
        run = self._run
        if refusal is not None or run is None:
            raise TransitionRefusedError(refusal)
        if transition.starts_now:
            moved = attrs.evolve(run, start_at=at, end_at=at + (run.end_at - run.start_at))
            return self._change(transition.action, moved, at=at, request=request, status=transition.target)
        return self._change(transition.action, run, at=at, request=request, status=transition.target)

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
        self._record(action, "draft", differences(None, run, None), at=at, request=request)

    def touch(self, *, at: datetime, request: int) -> None:
        """Give its run, if it has one, a new version and so a new entity tag, as somebody else's change would."""
        run = self.run_at(at)
        if run is not None:
            self._change("update", run, at=at, request=request, status=run.status)

    def set_goal(self, goal: int, *, at: datetime, request: int) -> None:
        """Give it another completes goal; a live run is paused if that is reached already."""
        status = self.status_at(at)
        change = ValueChange(object="filling_goal_change", old=self.goal, new=goal)
        self.goal = goal
        self._record("update_goal", status, (change,), at=at, request=request)
        self.run_at(at)

    def set_manager(self, manager_id: str, *, at: datetime, request: int) -> None:
        """Give it to another project manager."""
        old, new = {"las_user_id": self.manager_id}, {"las_user_id": manager_id}
        self.manager_id = manager_id
        change = ValueChange(object="project_manager_change", old=old, new=new)
        self._record("update_project_manager", self.status_at(at), (change,), at=at, request=request)

    def assign(
        self, assistant: dict[str, Any], changes: tuple[ValueChange, ...], *, at: datetime, request: int
    ) -> None:
        """Give it other modules of the fielding assistant.

        Args:
            assistant: All of them.
            changes: What its history is to say about it.
            at: The present moment.
            request: The index of the recorded request that asks for it.
        """
        self._replace_assistant(assistant)
        self._record("update_fielding_assistant", self.status_at(at), changes, at=at, request=request)
