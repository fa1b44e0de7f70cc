"""Higher-level workflows built on the public client API.

Each is an ``async def`` that takes the client first: ``await ensure_status(client, ...)``, or with a blocking client
``client.call(ensure_status, ...)``. Names are loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldingkit.jobs.scheduler import as_completed as as_completed
    from fieldingkit.workflows.runs import EnsuredStatus as EnsuredStatus
    from fieldingkit.workflows.runs import UpdatedRun as UpdatedRun
    from fieldingkit.workflows.runs import ensure_status as ensure_status
    from fieldingkit.workflows.runs import update_run as update_run
    from fieldingkit.workflows.runs import wait_for_status as wait_for_status

__all__ = [
    "EnsuredStatus",
    "UpdatedRun",
    "as_completed",
    "ensure_status",
    "update_run",
    "wait_for_status",
]

_LAZY_ATTRIBUTES = {
    "EnsuredStatus": "fieldingkit.workflows.runs",
    "UpdatedRun": "fieldingkit.workflows.runs",
    "as_completed": "fieldingkit.jobs.scheduler",
    "wait_for_status": "fieldingkit.workflows.runs",
    "ensure_status": "fieldingkit.workflows.runs",
    "update_run": "fieldingkit.workflows.runs",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY_ATTRIBUTES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY_ATTRIBUTES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
