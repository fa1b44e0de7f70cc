"""What the assets that a task produces are told: which sweep it was, and what came of it."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Asset, Context

__all__ = ["tell_outlets"]


def tell_outlets(context: Context, result: Mapping[str, Any]) -> None:
    """Put a result's action, counts and number of jobs on the event of every asset among the task's outlets.

    Args:
        context: The task's context.
        result: The task's result.
    """
    extra = {"action": result["action"], **result["counts"], "jobs": len(result["jobs"])}
    for outlet in context["outlets"]:
        if isinstance(outlet, Asset):
            context["outlet_events"][outlet].extra.update(extra)
