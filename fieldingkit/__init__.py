"""fieldingkit: control the fielding of survey target groups on the Cint Exchange.

::

    from fieldingkit import AsyncClient, batch_jobs

    async with AsyncClient.from_env() as client:
        result = await client.run(batch_jobs.PauseTargetGroups(project_id=..., target_group_ids=[...]))

``Client`` is the same, blocking. Names are loaded when they are first touched, so that the import itself costs little.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldingkit import errors as errors
    from fieldingkit.blocking import BlockingJob as BlockingJob
    from fieldingkit.blocking import Client as Client
    from fieldingkit.client import AsyncClient as AsyncClient
    from fieldingkit.commands import Command as Command
    from fieldingkit.commands import JobCommand as JobCommand
    from fieldingkit.jobs.handle import Job as Job
    from fieldingkit.jobs.poller import PollPolicy as PollPolicy
    from fieldingkit.resources import batch_jobs as batch_jobs
    from fieldingkit.resources import fielding_jobs as fielding_jobs
    from fieldingkit.resources import fielding_runs as fielding_runs
    from fieldingkit.transport.auth import BearerToken as BearerToken
    from fieldingkit.transport.auth import ClientCredentials as ClientCredentials
    from fieldingkit.transport.retry import RetryPolicy as RetryPolicy

__all__ = [
    "AsyncClient",
    "BearerToken",
    "BlockingJob",
    "Client",
    "ClientCredentials",
    "Command",
    "Job",
    "JobCommand",
    "PollPolicy",
    "RetryPolicy",
    "batch_jobs",
    "errors",
    "fielding_jobs",
    "fielding_runs",
]

_HOMES = {
    "AsyncClient": "fieldingkit.client",
    "BearerToken": "fieldingkit.transport.auth",
    "BlockingJob": "fieldingkit.blocking",
    "Client": "fieldingkit.blocking",
    "ClientCredentials": "fieldingkit.transport.auth",
    "Command": "fieldingkit.commands",
    "Job": "fieldingkit.jobs.handle",
    "JobCommand": "fieldingkit.commands",
    "PollPolicy": "fieldingkit.jobs.poller",
    "RetryPolicy": "fieldingkit.transport.retry",
}
_MODULES = {
    "batch_jobs": "fieldingkit.resources.batch_jobs",
    "errors": "fieldingkit.errors",
    "fielding_jobs": "fieldingkit.resources.fielding_jobs",
    "fielding_runs": "fieldingkit.resources.fielding_runs",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        found: Any = import_module(_MODULES[name])
    elif name in _HOMES:
        found = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
