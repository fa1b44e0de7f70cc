"""The plans that a server has shown and that may still be applied: each once, within ten minutes. Pure, no I/O."""

import secrets
from typing import Final

import attrs
from mcp.server.mcpserver.exceptions import ToolError

from fieldingkit.clock import Clock
from fieldingkit.sweeps.previews import SweepPreview

__all__ = ["KEPT", "LIFETIME", "PlanRefusedError", "ShownPlans", "refusal"]

LIFETIME: Final = 600.0
"""Seconds for which a plan may be applied."""
KEPT: Final = "The plan can still be applied until it expires, if your user wants it."
"""The advice after a refusal that leaves the plan as it was."""
_MOST: Final = 100
"""Plans that are remembered; the oldest are forgotten first."""


class PlanRefusedError(ToolError):
    """A plan is not applied, and nothing was sent for it."""


def refusal(reason: str, advice: str = "Make a new plan, and show it to your user.") -> PlanRefusedError:
    """Return the error of a plan that is refused, with what to do."""
    return PlanRefusedError(f"{reason}. This call sent nothing. {advice}")


@attrs.define
class _Shown:
    preview: SweepPreview
    shown_at: float
    shown_wall: float
    end: str | None = None
    """The reason why it cannot be applied any more."""


class ShownPlans:
    """The plans of one server by their ids. Other servers, and the next process, do not know them.

    Args:
        clock: The clock of their lifetime.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._plans: dict[str, _Shown] = {}

    def add(self, preview: SweepPreview) -> str:
        """Remember a plan that is shown now, and return its id, which cannot be guessed."""
        while len(self._plans) >= _MOST:
            del self._plans[next(iter(self._plans))]
        plan_id = secrets.token_urlsafe(16)
        self._plans[plan_id] = _Shown(preview, self._clock.now(), self._clock.wall())
        return plan_id

    def get(self, plan_id: str) -> SweepPreview:
        """Return a plan that may be applied.

        Raises:
            ToolError: if it is not known, has expired, or was applied or declined before.
        """
        plan = self._plans.get(plan_id)
        if plan is None:
            raise refusal(
                "There is no such plan: this server did not make it, was restarted since, or made 100 others since"
            )
        if plan.end is None and self._age(plan) > LIFETIME:
            plan.end = "it has expired: a plan can be applied for ten minutes"
        if plan.end is not None:
            raise refusal(f"The plan cannot be applied: {plan.end}")
        return plan.preview

    def take(self, plan_id: str) -> SweepPreview:
        """Return a plan to apply it now. It cannot be taken again; ``end`` says what became of it.

        Raises:
            ToolError: as for ``get``.
        """
        preview = self.get(plan_id)
        self.end(plan_id, f"another call applies it now, as the run {preview.plan.run_id}; see show_sweep")
        return preview

    def end(self, plan_id: str, reason: str) -> None:
        """Refuse a plan from now on, with a reason that may be replaced when more is known."""
        if (plan := self._plans.get(plan_id)) is not None:
            plan.end = reason

    def _age(self, plan: _Shown) -> float:
        # A monotonic clock may stand still while the machine sleeps, and the wall clock may be set back.
        return max(self._clock.now() - plan.shown_at, self._clock.wall() - plan.shown_wall)
