"""The state machine of a fielding run, as a table.

Where the API's documents leave a choice open, the sandbox makes this one: a *paused* run is completed by a batch job
(whose text names no source state) and refused by the single operation (whose text names `live` and `scheduled`).
A bulk launch keeps the planned duration, as `launch-now` does.
"""

from collections.abc import Mapping
from typing import Final, Literal

import attrs

__all__ = [
    "BATCH",
    "COMPLETE",
    "LAUNCH_NOW",
    "PAUSE",
    "RELAUNCH",
    "RESUME",
    "GroupStatus",
    "RunStatus",
    "Transition",
    "TransitionRefusedError",
]

RunStatus = Literal["scheduled", "live", "paused", "completed"]
"""The states of a fielding run."""

GroupStatus = Literal["draft", "scheduled", "live", "paused", "completed", "archived"]
"""The states of a target group."""


@attrs.frozen
class Transition:
    """One action that a caller can take on a fielding run."""

    action: str
    """What it is called in a target group's history."""
    sources: frozenset[RunStatus]
    """The states it is allowed from."""
    target: RunStatus
    """The state it leads to."""
    within_limits: bool = False
    """Whether it is refused once the completes goal or the end date is reached."""
    starts_now: bool = False
    """Whether the run starts at this moment and keeps its duration."""


class TransitionRefusedError(Exception):
    """The run's state, goal or end date does not permit the action."""


LAUNCH_NOW: Final = Transition("launch_now", frozenset({"scheduled"}), "live", starts_now=True)
PAUSE: Final = Transition("pause", frozenset({"live"}), "paused")
RESUME: Final = Transition("resume", frozenset({"paused"}), "live", within_limits=True)
COMPLETE: Final = Transition("complete", frozenset({"live", "scheduled"}), "completed")
RELAUNCH: Final = Transition("relaunch", frozenset({"completed"}), "live", within_limits=True)

BATCH: Final[Mapping[str, Transition]] = {
    "complete": attrs.evolve(COMPLETE, sources=COMPLETE.sources | {"paused"}),
    "launch": LAUNCH_NOW,
    "pause": PAUSE,
    "relaunch": RELAUNCH,
    "resume": RESUME,
}
"""What each kind of batch job does to its target groups."""
