"""Polling of a condition until it is met, on a triggerer or a worker, and its event as plain JSON."""

from collections.abc import Callable
from typing import Any

from fieldingkit.airflow.conditions import Condition
from fieldingkit.client import AsyncClient
from fieldingkit.errors import (
    ApiError,
    DecodeError,
    FieldingKitError,
    RetryBudgetExhaustedError,
    TransportError,
    WorkflowError,
)

__all__ = ["is_transient", "poll"]


async def poll(
    client: AsyncClient,
    condition: Condition,
    *,
    interval: float,
    max_failed_reads: int,
    warn: Callable[[str], object],
) -> dict[str, Any]:
    """Read a condition until it is met, and return the event: one of three members.

    ``value`` has the figures of the condition that is met, ``never`` the reason why it can no longer be met, and
    ``error`` the reason why it cannot be read.

    Args:
        client: The client to use.
        condition: The condition.
        interval: Seconds between two reads.
        max_failed_reads: Failed reads in a row after which it gives up. A read that cannot succeed later ends it at
            once.
        warn: Called with a message for each read that failed and is repeated.
    """
    failed = 0
    while True:
        try:
            result = await condition.read(client)
        except FieldingKitError as exc:
            failed += 1
            if not is_transient(exc):
                return {"error": str(exc)}
            if failed >= max_failed_reads:
                return {"error": f"{failed} reads in a row failed, the last one with: {exc}"}
            warn(f"read {failed} of {max_failed_reads} failed; the next one is in {interval:g} s: {exc}")
        else:
            failed = 0
            if result.met:
                return {"value": result.value}
            if result.never:
                return {"never": result.never}
        await client.clock.sleep(interval)


def is_transient(error: FieldingKitError) -> bool:
    """Return True if the same read may succeed later."""
    if isinstance(error, ApiError):
        return error.retryable
    return isinstance(error, TransportError | DecodeError | RetryBudgetExhaustedError | WorkflowError)
