"""Target groups and the changes that can be made to them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.fielding import Fielding, StateHooks
from fieldingkit.sandbox.model.fielding_runs import (
    BATCH_TRANSITIONS,
    Change,
    FieldingRun,
    GroupStatus,
    ValueChange,
)
from fieldingkit.sandbox.model.ledgers import Ledger
from fieldingkit.sandbox.model.profiles import rescaled
from fieldingkit.sandbox.model.respondents import Respondent
from fieldingkit.sandbox.model.settings import Settings

__all__ = ["TargetGroup"]


class TargetGroup(Fielding):
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

    # Declared again, since the methods below assign them, and type checkers would infer other types.
    assistant: dict[str, Any] | None
    goal: int
    ledger: Ledger
    price: Amount
    settings: Settings

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
        super().__init__(
            group_id,
            project_id,
            hooks=hooks,
            settings=settings,
            run=run,
            archived=archived,
            goal=goal,
            price=price,
            assistant=assistant,
        )
        self.manager_id: str = manager_id
        """The id of the project manager."""
        self.assistant_version: int = 1
        """The version of the assignment; each assignment increments it."""

    def __repr__(self) -> str:
        return f"<TargetGroup {self.id} {self.status}>"

    @property
    def name(self) -> str:
        """The name."""
        return self.settings.name

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
