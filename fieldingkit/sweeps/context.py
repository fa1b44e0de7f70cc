"""The context of a running sweep, shared by the steps that advance it."""

from collections.abc import Callable

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.sweeps.checkpoint import Checkpoint
from fieldingkit.sweeps.plan import SweepPlan
from fieldingkit.sweeps.state import SweepState

__all__ = ["SweepContext"]


@attrs.frozen(kw_only=True)
class SweepContext:
    """A sweep in progress. ``discover`` creates it."""

    client: AsyncClient
    """The client that sends all requests of the sweep."""
    plan: SweepPlan
    """The plan."""
    state: SweepState
    """The progress of the run, updated in place."""
    checkpoint: Checkpoint
    """The persistence of every step."""
    notify: Callable[[], object] = lambda: None
    """Called after every step."""
