"""The fielding of a target group: its run, its respondents and its history at a given time."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

import attrs

from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.arrivals import Arrivals
from fieldingkit.sandbox.model.assistant import completes_limit, end_of_fielding
from fieldingkit.sandbox.model.fielding_runs import (
    PAUSE,
    Change,
    FieldingRun,
    GroupStatus,
    RunStatus,
    Transition,
    TransitionRefusedError,
    ValueChange,
    run_changes,
)
from fieldingkit.sandbox.model.ledgers import Ledger
from fieldingkit.sandbox.model.pricing import period_between
from fieldingkit.sandbox.model.settings import Settings
from fieldingkit.sandbox.model.statistics import Progress

__all__ = ["Fielding", "StateHooks"]


class StateHooks(Protocol):
    """The callbacks of a target group into the sandbox's state."""

    def locked(self) -> AbstractContextManager[datetime]:
        """Lock the state and give the current time."""
        ...

    def on_change(self, group: "Fielding", change: Change, index: int) -> None:
        """Handle a change, given its position in the group's history."""
        ...


class Fielding:
    """The base class of a target group. Its methods take the time, and each change is recorded.

    Args:
        group_id: The ULID.
        project_id: The ULID of the project.
        hooks: The state that holds the target group.
        settings: The settings.
        run: The fielding run; None for a draft.
        archived: True if the target group is archived.
        goal: The completes goal.
        price: The price of a complete.
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
        self.assistant: dict[str, Any] | None = assistant
        """The assigned modules of the fielding assistant; None if none were ever assigned."""
        self.changed_at: datetime = settings.created_at
        """The date of the last change."""
        self.scheduled_date: datetime | None = None
        """The earliest date scheduled for this target group; maintained by the sandbox's state."""
        self._hooks = hooks
        self._arrivals: Arrivals | None = None
        self._run: FieldingRun | None = run
        self._history: list[Change] = []

    @property
    def goal_reached(self) -> bool:
        """True if the goal, or its part of a soft launch, is reached."""
        return self._missing <= 0

    @property
    def completes_a_day(self) -> float:
        """The number of completes that arrive in a day while it is live; 0 if a test assigns them."""
        return self.settings.completes_a_day(self.price)

    @property
    def _missing(self) -> int:
        return completes_limit(self.assistant, self.goal) - self.ledger.completes

    def _new_ledger(self) -> Ledger:
        settings = self.settings
        return Ledger(
            self.id,
            self.price.currency_code,
            locale=settings.locale,
            suppliers=settings.supplier_ids,
            outcomes=settings.outcomes(self.id),
            stuck=settings.stuck_cell,
        )

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
        left = self.ledger.completes_left
        if self._arrivals is None or (left is not None and self._missing > left):
            return end_at
        return min(end_at, self._arrivals.date(self._arrivals.count + self._missing))

    def _arrive(self, at: datetime) -> datetime | None:
        """Count the completes that have arrived; return the date of the one that reached the goal, or None."""
        arrivals, missing = self._arrivals, self._missing
        if arrivals is None or missing <= 0:
            return None
        arrived = max(0, arrivals.arrived_by(at) - arrivals.count)
        left = self.ledger.completes_left
        arrivals.count += min(arrived, missing, missing if left is None else left)
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

    def pause_by_api(self, reason: str, *, at: datetime) -> FieldingRun:
        """Pause a live run as the API itself does, with its reason, such as `high_drop_rates`.

        Raises:
            TransitionRefusedError: If the run is not live.
        """
        refusal = self.refusal_reason(PAUSE, at)
        run = self._run
        if refusal is not None or run is None:
            raise TransitionRefusedError(refusal)
        return self._change("pause", run, at=at, status="paused", reason=reason)

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
