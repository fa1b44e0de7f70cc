"""Target groups, and what can be done to them."""

from datetime import datetime
from typing import Any

import attrs

from fieldingkit.sandbox.changes import ValueChange
from fieldingkit.sandbox.fielding import FieldingRun, differences
from fieldingkit.sandbox.target_group_state import TargetGroupState
from fieldingkit.sandbox.transitions import Transition, TransitionRefusedError

__all__ = ["TargetGroup"]


class TargetGroup(TargetGroupState):
    """A target group of a sandbox: a handle whose properties show the present, and can be read from any thread."""

    def refusal_of(self, transition: Transition, at: datetime) -> str | None:
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
        refusal = self.refusal_of(transition, at)
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
