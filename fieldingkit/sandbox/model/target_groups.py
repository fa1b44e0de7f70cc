"""Target groups and the changes that can be made to them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

import attrs

from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.arrivals import Arrivals
from fieldingkit.sandbox.model.assistant import completes_limit, end_of_fielding
from fieldingkit.sandbox.model.fielding_runs import (
    BATCH_TRANSITIONS,
    Change,
    FieldingRun,
    GroupStatus,
    RunStatus,
    Transition,
    TransitionRefusedError,
    ValueChange,
    run_changes,
)
from fieldingkit.sandbox.model.pricing import period_between
from fieldingkit.sandbox.model.profiles import rescaled
from fieldingkit.sandbox.model.respondents import Ledger, Respondent
from fieldingkit.sandbox.model.settings import Settings
from fieldingkit.sandbox.model.statistics import Progress

__all__ = ["StateHooks", "TargetGroup"]


class StateHooks(Protocol):
    """The callbacks of a target group into the sandbox's state."""

    def locked(self) -> AbstractContextManager[datetime]:
        """Lock the state and give the current time."""
        ...

    def on_change(self, group: "TargetGroup", change: Change, index: int) -> None:
        """Handle a change, given its position in the group's history."""
        ...


class TargetGroup:
    """A target group. Its properties show the current state and can be read from any thread.

    Args:
        group_id: The ULID.
        project_id: The ULID of the project.
        hooks: The state that holds the target group.
        settings: The settings.
        run: The fielding run; None for a draft.
        archived: True if the target group is archived.
        goal: The completes goal.
        price: The price of a complete.
        manager_id: The id of the project manager.
        assistant: The modules of the fielding assistant; None if none were ever assigned.
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
        price: Amount,
        manager_id: str,
        assistant: dict[str, Any] | None,
    ) -> None:
        self.id = group_id
        """The ULID."""
        self.project_id = project_id
        """The ULID of the project."""
        self.settings: Settings = settings
        """The settings."""
        self.archived = archived
        """True if the target group is archived; no operation of the API changes this."""
        self.goal: int = goal
        """The completes goal."""
        self.price: Amount = price
        """The price of the next complete."""
        self.filling_strategy: str = "completes"
        """The kind of respondents that the goal counts: `completes`, `prescreens` or `automated`."""
        self.ledger: Ledger = self._new_ledger()
        """The respondents."""
        self.manager_id: str = manager_id
        """The id of the project manager."""
        self.assistant: dict[str, Any] | None = assistant
        """The assigned modules of the fielding assistant; None if none were ever assigned."""
        self.assistant_version: int = 1
        """The version of the assignment; each assignment increments it."""
        self.changed_at: datetime = settings.created_at
        """The date of the last change."""
        self.scheduled_date: datetime | None = None
        """The earliest date scheduled for this target group; maintained by the sandbox's state."""
        self._hooks = hooks
        self._arrivals: Arrivals | None = None
        self._run: FieldingRun | None = run
        self._history: list[Change] = []

    def __repr__(self) -> str:
        return f"<TargetGroup {self.id} {self.status}>"

    @property
    def name(self) -> str:
        """The name."""
        return self.settings.name

    @property
    def completes_a_day(self) -> float:
        """The number of completes that arrive in a day while it is live; 0 if a test assigns them."""
        return self.settings.completes_a_day(self.price)

    @property
    def status(self) -> GroupStatus:
        """The current status."""
        with self._hooks.locked() as now:
            return self.status_at(now)

    @property
    def run(self) -> FieldingRun | None:
        """The current fielding run; None for a draft."""
        with self._hooks.locked() as now:
            return self.run_at(now)

    @property
    def history(self) -> tuple[Change, ...]:
        """Every change since the target group was seeded, oldest first."""
        with self._hooks.locked() as now:
            self.run_at(now)
            return tuple(self._history)

    @property
    def completes(self) -> int:
        """The number of completes. Assign a number to change it; a live run pauses when the goal is reached."""
        with self._hooks.locked() as now:
            self.run_at(now)
            return self.ledger.completes

    @completes.setter
    def completes(self, number: int) -> None:
        with self._hooks.locked() as now:
            self.run_at(now)
            self.ledger.remove(self.ledger.completes - number)
            self.ledger.add(number - self.ledger.completes, now, now, self.price)
            self.restart_arrivals(now)
            self.run_at(now)

    @property
    def respondents(self) -> list[Respondent]:
        """All respondents, in the order of their arrival."""
        with self._hooks.locked() as now:
            self.run_at(now)
            return [*self.ledger.respondents()]

    @property
    def goal_reached(self) -> bool:
        """True if the goal, or its part of a soft launch, is reached. Assign True to reach it; a live run pauses."""
        return self._missing <= 0

    @goal_reached.setter
    def goal_reached(self, reached: bool) -> None:
        self.completes = max(self.completes, self.goal) if reached else min(self.completes, self.goal - 1)

    @property
    def _missing(self) -> int:
        return completes_limit(self.assistant, self.goal) - self.ledger.completes

    def _new_ledger(self) -> Ledger:
        settings = self.settings
        return Ledger(self.id, self.price.currency_code, locale=settings.locale, suppliers=settings.supplier_ids)

    def progress_at(self, at: datetime) -> Progress:
        """Return the progress at a date; dates of successive calls must not decrease."""
        self.run_at(at)
        return Progress(ledger=self.ledger, goal=self.goal, filling_strategy=self.filling_strategy)

    def status_at(self, at: datetime) -> GroupStatus:
        """Return the status at a date; dates of successive calls must not decrease."""
        run = self.run_at(at)
        if self.archived:
            return "archived"
        return "draft" if run is None else run.status

    def run_at(self, at: datetime) -> FieldingRun | None:
        """Return the fielding run at a date; dates of successive calls must not decrease."""
        run = self._run
        if run is not None and run.status == "scheduled" and run.start_at <= at:
            run = self._change("start_reached", run, at=run.effective_date(run.start_at), status="live")
        if run is not None and run.status == "live":
            end_at, reason = end_of_fielding(self.assistant, run)
            due = run.effective_date(end_at)
            reached = self._arrive(min(at, due)) or at
            if self.goal_reached:
                run = self._change("goal_reached", run, at=reached, status="paused", reason="total_completes_reached")
            elif end_at <= at:
                run = self._change("end_reached", run, at=due, status="paused", reason=reason)
        return run

    def next_date(self) -> datetime | None:
        """Return the next date at which the clock changes the run, or None."""
        run = self._run
        if run is None or run.status not in {"scheduled", "live"}:
            return None
        if run.status == "scheduled":
            return run.effective_date(run.start_at)
        if self.goal_reached:
            return run.last_changed_at
        end_at = run.effective_date(end_of_fielding(self.assistant, run)[0])
        if self._arrivals is None or self._missing > self.ledger.admission.completes_left(self.ledger.arrived):
            return end_at
        return min(end_at, self._arrivals.date(self._arrivals.count + self._missing))

    def _arrive(self, at: datetime) -> datetime | None:
        """Count the completes that have arrived; return the date of the one that reached the goal, or None."""
        arrivals, missing = self._arrivals, self._missing
        if arrivals is None or missing <= 0:
            return None
        arrived = max(0, arrivals.arrived_by(at) - arrivals.count)
        arrivals.count += min(arrived, missing, self.ledger.admission.completes_left(self.ledger.arrived))
        return arrivals.date(arrivals.count) if self.goal_reached else None

    def restart_arrivals(self, at: datetime) -> None:
        """Let completes arrive from now on at the present speed, if the run is live."""
        period = period_between(self.completes_a_day)
        self._arrivals = None
        if period is not None and self._run is not None and self._run.status == "live":
            self._arrivals = self.ledger.begin(self.settings.arrivals(self.id, at, period, self.price))

    def refusal_reason(self, transition: Transition, at: datetime) -> str | None:
        """Return the reason why an action on the run is not allowed, or None if it is allowed.

        Args:
            transition: The action.
            at: The current time.
        """
        status = self.status_at(at)
        run = self._run
        if run is None or status not in transition.sources:
            return f"the action {transition.action} is not allowed on a {status} target group"
        if transition.within_limits and self.goal_reached:
            return "the completes goal is reached"
        if transition.within_limits and end_of_fielding(self.assistant, run)[0] <= at:
            return "the end date is reached"
        return None

    def act(self, action: str, *, by: str) -> FieldingRun:
        """Take an action as another user would, without a request: `group.act("pause", by="a colleague")`.

        Args:
            action: `pause`, `resume`, `complete`, `relaunch` or `launch`.
            by: A name for the user, which the history keeps as `Change.by`.

        Returns:
            The run after the action.

        Raises:
            TransitionRefusedError: If the status, the goal or the end date does not allow the action.
        """
        with self._hooks.locked() as now:
            return self.apply(BATCH_TRANSITIONS[action], at=now, by=by)

    def apply(
        self, transition: Transition, *, at: datetime, request: int | None = None, by: str | None = None
    ) -> FieldingRun:
        """Take an action on the run.

        Args:
            transition: The action.
            at: The current time.
            request: The index of the recorded request; None if there is none.
            by: The name of another user; None for the user of the requests.

        Returns:
            The run after the action.

        Raises:
            TransitionRefusedError: If the status, the goal or the end date does not allow the action.
        """
        refusal = self.refusal_reason(transition, at)
        run = self._run
        if refusal is not None or run is None:
            raise TransitionRefusedError(refusal)
        if transition.starts_now:
            moved = attrs.evolve(run, start_at=at, end_at=at + (run.end_at - run.start_at))
            return self._change(transition.action, moved, at=at, request=request, by=by, status=transition.target)
        return self._change(transition.action, run, at=at, request=request, by=by, status=transition.target)

    def reschedule(self, start_at: datetime, end_at: datetime, *, at: datetime, request: int) -> FieldingRun:
        """Change the dates of the run.

        Raises:
            TransitionRefusedError: If there is no run, or the run is completed or archived.
        """
        status = self.status_at(at)
        run = self._run
        if run is None or status in {"completed", "archived"}:
            raise TransitionRefusedError(f"the dates of a {status} target group cannot be changed")
        moved = attrs.evolve(run, start_at=start_at, end_at=end_at)
        return self._change("update", moved, at=at, request=request, status=run.status)

    def start_fielding(self, action: str, run: FieldingRun, *, at: datetime, request: int) -> None:
        """Give a draft its first fielding run.

        Raises:
            TransitionRefusedError: If the target group is not a draft.
        """
        if self.status_at(at) != "draft":
            raise TransitionRefusedError("the target group is not a draft")
        self._run = run
        self.ledger.profiles = self.settings.profiles
        self.restart_arrivals(at)
        self._record(action, "draft", run_changes(None, run, None), at=at, request=request)

    def bump_version(self, *, at: datetime, request: int) -> None:
        """Give the run a new version and entity tag, as a change by another user would; does nothing for a draft."""
        run = self.run_at(at)
        if run is not None:
            self._change("update", run, at=at, request=request, status=run.status)

    def set_goal(self, goal: int, *, at: datetime, request: int) -> None:
        """Change the completes goal and the numbers that follow from it; a run that has reached it pauses."""
        profiling = self.settings.profiling
        self.set_profiling(profiling and rescaled(profiling, goal), goal=goal, at=at, request=request)

    def set_profiling(self, profiling: Mapping[str, Any] | None, *, goal: int, at: datetime, request: int) -> None:
        """Replace the profiles as they are stored, and the completes goal; None lets anybody take part."""
        status = self.status_at(at)
        changes = () if goal == self.goal else (ValueChange(object="filling_goal_change", old=self.goal, new=goal),)
        self.goal = goal
        if profiling != self.settings.profiling:
            self.settings = attrs.evolve(self.settings, profiling=profiling)
            self.ledger.profiles = self.settings.profiles
            self.restart_arrivals(at)
        self._record("update_goal" if changes else "update_profiles", status, changes, at=at, request=request)
        self.run_at(at)

    def replace_draft(
        self,
        settings: Settings,
        *,
        goal: int,
        price: Amount,
        manager_id: str,
        assistant: dict[str, Any],
        at: datetime,
        request: int,
    ) -> None:
        """Replace all settings of a draft."""
        self.settings, self.goal, self.price, self.manager_id = settings, goal, price, manager_id
        self.ledger, self.ledger.admission = self._new_ledger(), self.ledger.admission  # who may enter stays
        self.assistant_version += 1
        self.assistant = assistant
        self._record("update_settings", "draft", (), at=at, request=request)

    def replace_details(
        self, settings: Settings, changes: tuple[ValueChange, ...], *, manager_id: str, at: datetime, request: int
    ) -> None:
        """Replace the settings of a launched target group, and so the number of completes in a day."""
        status = self.status_at(at)
        self.settings, self.manager_id = settings, manager_id
        self.restart_arrivals(at)
        self._record("update_settings", status, changes, at=at, request=request)

    def set_price(self, price: Amount, *, at: datetime, request: int) -> None:
        """Change the price of the completes to come, and so their number in a day."""
        status = self.status_at(at)
        change = ValueChange(object="user_requested_cpi_change", old=self.price.json(), new=price.json())
        self.price = price
        self.restart_arrivals(at)
        self._record("update_price", status, (change,), at=at, request=request)

    def set_filling_strategy(self, strategy: str, *, at: datetime, request: int) -> None:
        """Change the kind of respondents that the goal counts; only completes are simulated."""
        change = ValueChange(object="filling_strategy_change", old=self.filling_strategy, new=strategy)
        self.filling_strategy = strategy
        self._record("update_filling_strategy", self.status_at(at), (change,), at=at, request=request)

    def set_manager(self, manager_id: str, *, at: datetime, request: int) -> None:
        """Assign the target group to another project manager."""
        old, new = {"las_user_id": self.manager_id}, {"las_user_id": manager_id}
        self.manager_id = manager_id
        change = ValueChange(object="project_manager_change", old=old, new=new)
        self._record("update_project_manager", self.status_at(at), (change,), at=at, request=request)

    def set_assistant(
        self, assistant: dict[str, Any], changes: tuple[ValueChange, ...], *, at: datetime, request: int
    ) -> None:
        """Replace the modules of the fielding assistant.

        Args:
            assistant: All modules.
            changes: The entries for the history.
            at: The current time.
            request: The index of the recorded request.
        """
        status = self.status_at(at)
        self.assistant_version += self.assistant is not None
        self.assistant = assistant
        self._record("update_fielding_assistant", status, changes, at=at, request=request)

    def _change(
        self,
        action: str,
        run: FieldingRun,
        *,
        at: datetime,
        status: RunStatus,
        reason: str | None = None,
        request: int | None = None,
        by: str | None = None,
    ) -> FieldingRun:
        before = self._run
        old_status: GroupStatus = "archived" if self.archived else run.status
        was_live = run.status == "live"
        self._run = run = attrs.evolve(run, status=status, version=run.version + 1, last_changed_at=at)
        if (status == "live") != was_live:
            self.restart_arrivals(at)
        self._record(action, old_status, run_changes(before, run, reason), at=at, request=request, by=by)
        return run

    def _record(
        self,
        action: str,
        before: GroupStatus,
        values: tuple[ValueChange, ...],
        *,
        at: datetime,
        request: int | None,
        by: str | None = None,
    ) -> None:
        run = self._run
        change = Change(
            at=at,
            action=action,
            before=before,
            after="archived" if self.archived else "draft" if run is None else run.status,
            version=0 if run is None else run.version,
            request=request,
            by=by,
            values=values,
        )
        self._history.append(change)
        self.changed_at = at
        self._hooks.on_change(self, change, len(self._history) - 1)
