"""Sweeps: one action on hundreds of target groups, each exactly once.

``await sweep(client, plan)``, or with a blocking client ``client.call(sweep, plan)``. Names are loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldingkit.sweeps.actions import Action as Action
    from fieldingkit.sweeps.checkpoint import read_report as read_report
    from fieldingkit.sweeps.discovery import SweepPreview as SweepPreview
    from fieldingkit.sweeps.discovery import preview as preview
    from fieldingkit.sweeps.engine import sweep as sweep
    from fieldingkit.sweeps.journal import Journal as Journal
    from fieldingkit.sweeps.journal import RunSummary as RunSummary
    from fieldingkit.sweeps.plan import FleetQuery as FleetQuery
    from fieldingkit.sweeps.plan import SweepPlan as SweepPlan
    from fieldingkit.sweeps.report import Counts as Counts
    from fieldingkit.sweeps.report import GroupOutcome as GroupOutcome
    from fieldingkit.sweeps.report import Outcome as Outcome
    from fieldingkit.sweeps.report import SweepProgress as SweepProgress
    from fieldingkit.sweeps.report import SweepReport as SweepReport
    from fieldingkit.sweeps.report import SweptJob as SweptJob

__all__ = [
    "Action",
    "Counts",
    "FleetQuery",
    "GroupOutcome",
    "Journal",
    "Outcome",
    "RunSummary",
    "SweepPlan",
    "SweepPreview",
    "SweepProgress",
    "SweepReport",
    "SweptJob",
    "preview",
    "read_report",
    "sweep",
]

_HOMES = {
    "Action": "fieldingkit.sweeps.actions",
    "Counts": "fieldingkit.sweeps.report",
    "FleetQuery": "fieldingkit.sweeps.plan",
    "GroupOutcome": "fieldingkit.sweeps.report",
    "Journal": "fieldingkit.sweeps.journal",
    "Outcome": "fieldingkit.sweeps.report",
    "RunSummary": "fieldingkit.sweeps.journal",
    "SweepPlan": "fieldingkit.sweeps.plan",
    "SweepPreview": "fieldingkit.sweeps.discovery",
    "SweepProgress": "fieldingkit.sweeps.report",
    "SweepReport": "fieldingkit.sweeps.report",
    "SweptJob": "fieldingkit.sweeps.report",
    "preview": "fieldingkit.sweeps.discovery",
    "read_report": "fieldingkit.sweeps.checkpoint",
    "sweep": "fieldingkit.sweeps.engine",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
