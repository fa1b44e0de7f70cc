"""Jobs of which only one can run on a target group at a time."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ConflictError, WorkflowError
from fieldingkit.job_commands import JobCommand
from fieldingkit.jobs.job import AsyncJob

__all__ = ["submit_when_free"]

R = TypeVar("R")

_FIRST_DELAY, _MAX_DELAY, _GROWTH = 5.0, 60.0, 1.5
"""The delays between attempts, in seconds."""


async def submit_when_free(
    client: AsyncClient,
    command: JobCommand[R],
    wait_for_others: float,
    prepare: Callable[[], Awaitable[object]],
) -> AsyncJob[R]:
    """Submit a job; while another one runs on the target group, try again for some time.

    The API does not say which job that is, so it cannot be followed.

    Args:
        client: The client.
        command: The command; without an idempotency key, it is repeated after a refusal only.
        wait_for_others: Seconds to wait at most while another job runs.
        prepare: Reads what the command depends on, before each attempt; an error of it ends the attempts.

    Raises:
        WorkflowError: if the other job did not end; nothing was submitted.
        FieldingKitError: as for ``client.submit``.
    """
    deadline = client.clock.now() + wait_for_others
    delay = _FIRST_DELAY
    conflicts: list[ConflictError] = []
    while True:
        await prepare()
        try:
            return await client.submit(command)
        except ConflictError as exc:
            if exc.maybe_applied:
                raise
            conflicts.append(exc)
        remaining = deadline - client.clock.now()
        if remaining <= 0:
            raise _error(command, conflicts, wait_for_others) from conflicts[-1]
        await client.clock.sleep(min(delay, remaining))
        delay = min(delay * _GROWTH, _MAX_DELAY)


def _error(command: JobCommand[Any], conflicts: list[ConflictError], wait_for_others: float) -> WorkflowError:
    return WorkflowError(
        f"another job still runs on the target group after {wait_for_others:g} s; nothing was submitted. The API says: "
        f"{conflicts[-1].message}",
        conflicts=conflicts,
        command=command,
        attempts=[attempt for conflict in conflicts for attempt in conflict.attempts],
    )
