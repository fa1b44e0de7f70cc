"""Wait until a fielding run is somewhere, which it may come to by itself."""

import asyncio

from fieldingkit.client import AsyncClient
from fieldingkit.errors import WorkflowError
from fieldingkit.events.wake import Wake
from fieldingkit.resources.fielding_runs import FieldingRun, FieldingRunStatus, GetFieldingRun

__all__ = ["await_status"]

_FIRST, _LONGEST, _GROWTH = 0.5, 60.0, 1.5


async def await_status(
    client: AsyncClient,
    run: GetFieldingRun,
    status: FieldingRunStatus | str,
    *,
    timeout: float = 600.0,
    wake: Wake | None = None,
) -> FieldingRun:
    """Read a run until it has a status, such as a scheduled one until it is live. Does nothing to it.

    Args:
        client: The client to use; with a blocking one, ``client.call(await_status, run, status)``.
        run: The command that reads the run.
        status: The status to wait for.
        timeout: Seconds to wait at most. The first look comes at once, the last when the time is over.
        wake: Has webhook events bring the next look forward.

    Raises:
        WorkflowError: if it does not have the status by then.
        FieldingKitError: if the run cannot be read.
    """
    wanted = FieldingRunStatus(status)
    until = client.clock.now() + timeout
    interval = _FIRST
    changed = asyncio.Event()
    while True:
        changed.clear()
        now = await client.send(run)
        if now.status == wanted:
            return now
        remaining = until - client.clock.now()
        if remaining <= 0:
            raise WorkflowError(f"the run is still {now.status} after {timeout:g} s, not {wanted}", command=run)
        timer = client.clock.call_later(min(interval, remaining), changed.set)
        try:
            if wake is None:
                await changed.wait()
            else:
                with wake.listening(run.project_id, changed.set):
                    await changed.wait()
        finally:
            timer.cancel()
        interval = min(interval * _GROWTH, _LONGEST)
