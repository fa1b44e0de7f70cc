"""What users really do, built on nothing but the client's verbs.

Every workflow is an ``async def`` that takes the client first: ``await ensure_status(client, ...)``, or with a blocking
client ``client.call(ensure_status, ...)``. Names are loaded when they are first touched.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldingkit.workflows.dates import UpdatedRun as UpdatedRun
    from fieldingkit.workflows.dates import update_run as update_run
    from fieldingkit.workflows.status import EnsuredStatus as EnsuredStatus
    from fieldingkit.workflows.status import ensure_status as ensure_status

__all__ = ["EnsuredStatus", "UpdatedRun", "ensure_status", "update_run"]

_HOMES = {
    "EnsuredStatus": "fieldingkit.workflows.status",
    "UpdatedRun": "fieldingkit.workflows.dates",
    "ensure_status": "fieldingkit.workflows.status",
    "update_run": "fieldingkit.workflows.dates",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
