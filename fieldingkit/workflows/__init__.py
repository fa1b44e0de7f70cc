"""Higher-level workflows built on the public client API.

Each workflow is an ``async def`` that takes the client first: ``await ensure_status(client, ...)``, or with a blocking
client ``client.call(ensure_status, ...)``. Names are loaded on first use.
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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "fieldingkit.jobs.scheduler" if name == "as_completed" else "fieldingkit.workflows.runs"
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
