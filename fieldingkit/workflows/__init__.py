"""What users really do, built on nothing but the client's verbs.

Every workflow is an ``async def`` that takes the client first: ``await ensure_status(client, ...)``, or with a blocking
client ``client.call(ensure_status, ...)``. Names are loaded when they are first touched.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldingkit.workflows.actions import Action as Action
    from fieldingkit.workflows.dates import UpdatedRun as UpdatedRun
    from fieldingkit.workflows.dates import update_run as update_run
    from fieldingkit.workflows.finding import SweepPreview as SweepPreview
    from fieldingkit.workflows.finding import preview as preview
    from fieldingkit.workflows.fleet import sweep as sweep
    from fieldingkit.workflows.following import as_completed as as_completed
    from fieldingkit.workflows.journal import Journal as Journal
    from fieldingkit.workflows.journal import RunSummary as RunSummary
    from fieldingkit.workflows.plan import FleetQuery as FleetQuery
    from fieldingkit.workflows.plan import SweepPlan as SweepPlan
    from fieldingkit.workflows.record import read_report as read_report
    from fieldingkit.workflows.report import Counts as Counts
    from fieldingkit.workflows.report import GroupOutcome as GroupOutcome
    from fieldingkit.workflows.report import Outcome as Outcome
    from fieldingkit.workflows.report import SweepProgress as SweepProgress
    from fieldingkit.workflows.report import SweepReport as SweepReport
    from fieldingkit.workflows.report import SweptJob as SweptJob
    from fieldingkit.workflows.status import EnsuredStatus as EnsuredStatus
    from fieldingkit.workflows.status import ensure_status as ensure_status
    from fieldingkit.workflows.waiting import await_status as await_status

__all__ = [
    "Action",
    "Counts",
    "EnsuredStatus",
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
    "UpdatedRun",
    "as_completed",
    "await_status",
    "ensure_status",
    "preview",
    "read_report",
    "sweep",
    "update_run",
]

_HOMES = {
    "Action": "fieldingkit.workflows.actions",
    "Counts": "fieldingkit.workflows.report",
    "EnsuredStatus": "fieldingkit.workflows.status",
    "FleetQuery": "fieldingkit.workflows.plan",
    "GroupOutcome": "fieldingkit.workflows.report",
    "Journal": "fieldingkit.workflows.journal",
    "Outcome": "fieldingkit.workflows.report",
    "RunSummary": "fieldingkit.workflows.journal",
    "SweepPlan": "fieldingkit.workflows.plan",
    "SweepPreview": "fieldingkit.workflows.finding",
    "SweepProgress": "fieldingkit.workflows.report",
    "SweepReport": "fieldingkit.workflows.report",
    "SweptJob": "fieldingkit.workflows.report",
    "UpdatedRun": "fieldingkit.workflows.dates",
    "as_completed": "fieldingkit.workflows.following",
    "await_status": "fieldingkit.workflows.waiting",
    "ensure_status": "fieldingkit.workflows.status",
    "preview": "fieldingkit.workflows.finding",
    "read_report": "fieldingkit.workflows.record",
    "sweep": "fieldingkit.workflows.fleet",
    "update_run": "fieldingkit.workflows.dates",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
