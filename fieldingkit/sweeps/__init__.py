"""Sweeps: apply one action to hundreds of target groups, each exactly once.

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
    from fieldingkit.sweeps.inverse import undo as undo
    from fieldingkit.sweeps.inverse import undo_plan as undo_plan
    from fieldingkit.sweeps.journal import Journal as Journal
    from fieldingkit.sweeps.journal import RunSummary as RunSummary
    from fieldingkit.sweeps.plan import SweepPlan as SweepPlan
    from fieldingkit.sweeps.plan import TargetGroupQuery as TargetGroupQuery
    from fieldingkit.sweeps.report import Counts as Counts
    from fieldingkit.sweeps.report import GroupOutcome as GroupOutcome
    from fieldingkit.sweeps.report import Outcome as Outcome
    from fieldingkit.sweeps.report import SweepJob as SweepJob
    from fieldingkit.sweeps.report import SweepProgress as SweepProgress
    from fieldingkit.sweeps.report import SweepReport as SweepReport

__all__ = [
    "Action",
    "Counts",
    "GroupOutcome",
    "Journal",
    "Outcome",
    "RunSummary",
    "SweepJob",
    "SweepPlan",
    "SweepPreview",
    "SweepProgress",
    "SweepReport",
    "TargetGroupQuery",
    "preview",
    "read_report",
    "sweep",
    "undo",
    "undo_plan",
]

_LAZY_ATTRIBUTES = {
    "Action": "fieldingkit.sweeps.actions",
    "Counts": "fieldingkit.sweeps.report",
    "TargetGroupQuery": "fieldingkit.sweeps.plan",
    "GroupOutcome": "fieldingkit.sweeps.report",
    "Journal": "fieldingkit.sweeps.journal",
    "Outcome": "fieldingkit.sweeps.report",
    "RunSummary": "fieldingkit.sweeps.journal",
    "SweepPlan": "fieldingkit.sweeps.plan",
    "SweepPreview": "fieldingkit.sweeps.discovery",
    "SweepProgress": "fieldingkit.sweeps.report",
    "SweepReport": "fieldingkit.sweeps.report",
    "SweepJob": "fieldingkit.sweeps.report",
    "preview": "fieldingkit.sweeps.discovery",
    "read_report": "fieldingkit.sweeps.checkpoint",
    "sweep": "fieldingkit.sweeps.engine",
    "undo": "fieldingkit.sweeps.inverse",
    "undo_plan": "fieldingkit.sweeps.inverse",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY_ATTRIBUTES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY_ATTRIBUTES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
