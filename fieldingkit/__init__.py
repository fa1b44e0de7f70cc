"""fieldingkit: control the fielding of survey target groups on the Cint Exchange.

::

    from fieldingkit import AsyncClient, batch_jobs

    async with AsyncClient.from_env() as client:
        result = await client.run(batch_jobs.PauseTargetGroups(project_id=..., target_group_ids=[...]))

``Client`` is the same, blocking. Names are loaded when they are first touched, so that the import itself costs little.
"""

from importlib import import_module

# As type checkers know it; to import it from `typing` would take twenty times as long as all the rest of this.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from fieldingkit import errors as errors
    from fieldingkit import events as events
    from fieldingkit.blocking import Client as Client
    from fieldingkit.blocking import Job as Job
    from fieldingkit.client import AsyncClient as AsyncClient
    from fieldingkit.commands import Command as Command
    from fieldingkit.commands import JobCommand as JobCommand
    from fieldingkit.jobs.job import AsyncJob as AsyncJob
    from fieldingkit.jobs.job import JobEvent as JobEvent
    from fieldingkit.jobs.observer import PollEvent as PollEvent
    from fieldingkit.jobs.poller import PollPolicy as PollPolicy
    from fieldingkit.paging import PagedCommand as PagedCommand
    from fieldingkit.resources import accounts as accounts
    from fieldingkit.resources import batch_jobs as batch_jobs
    from fieldingkit.resources import fielding_assistant as fielding_assistant
    from fieldingkit.resources import fielding_jobs as fielding_jobs
    from fieldingkit.resources import fielding_runs as fielding_runs
    from fieldingkit.resources import projects as projects
    from fieldingkit.resources import target_group_changelog as target_group_changelog
    from fieldingkit.resources import target_group_goals as target_group_goals
    from fieldingkit.resources import target_group_progress as target_group_progress
    from fieldingkit.resources import target_groups as target_groups
    from fieldingkit.resources import webhooks as webhooks
    from fieldingkit.transport.credentials import AccessToken as AccessToken
    from fieldingkit.transport.credentials import BearerToken as BearerToken
    from fieldingkit.transport.credentials import ClientCredentials as ClientCredentials
    from fieldingkit.transport.http import ApiResponse as ApiResponse
    from fieldingkit.transport.retry import RetryPolicy as RetryPolicy
    from fieldingkit.transport.telemetry.attempts import AttemptEvent as AttemptEvent
    from fieldingkit.transport.telemetry.propagation import TraceContext as TraceContext

__all__ = [
    "AccessToken",
    "ApiResponse",
    "AsyncClient",
    "AsyncJob",
    "AttemptEvent",
    "BearerToken",
    "Client",
    "ClientCredentials",
    "Command",
    "Job",
    "JobCommand",
    "JobEvent",
    "PagedCommand",
    "PollEvent",
    "PollPolicy",
    "RetryPolicy",
    "TraceContext",
    "accounts",
    "batch_jobs",
    "errors",
    "events",
    "fielding_assistant",
    "fielding_jobs",
    "fielding_runs",
    "projects",
    "target_group_changelog",
    "target_group_goals",
    "target_group_progress",
    "target_groups",
    "webhooks",
]

_LAZY_ATTRIBUTES = {
    "AccessToken": "fieldingkit.transport.credentials",
    "AsyncClient": "fieldingkit.client",
    "AttemptEvent": "fieldingkit.transport.telemetry.attempts",
    "BearerToken": "fieldingkit.transport.credentials",
    "Job": "fieldingkit.blocking",
    "Client": "fieldingkit.blocking",
    "ClientCredentials": "fieldingkit.transport.credentials",
    "Command": "fieldingkit.commands",
    "ApiResponse": "fieldingkit.transport.http",
    "AsyncJob": "fieldingkit.jobs.job",
    "JobCommand": "fieldingkit.commands",
    "JobEvent": "fieldingkit.jobs.job",
    "PagedCommand": "fieldingkit.paging",
    "PollEvent": "fieldingkit.jobs.observer",
    "PollPolicy": "fieldingkit.jobs.poller",
    "RetryPolicy": "fieldingkit.transport.retry",
    "TraceContext": "fieldingkit.transport.telemetry.propagation",
}
_MODULES = {
    "accounts": "fieldingkit.resources.accounts",
    "batch_jobs": "fieldingkit.resources.batch_jobs",
    "errors": "fieldingkit.errors",
    "events": "fieldingkit.events",
    "fielding_assistant": "fieldingkit.resources.fielding_assistant",
    "fielding_jobs": "fieldingkit.resources.fielding_jobs",
    "fielding_runs": "fieldingkit.resources.fielding_runs",
    "projects": "fieldingkit.resources.projects",
    "target_group_changelog": "fieldingkit.resources.target_group_changelog",
    "target_group_goals": "fieldingkit.resources.target_group_goals",
    "target_group_progress": "fieldingkit.resources.target_group_progress",
    "target_groups": "fieldingkit.resources.target_groups",
    "webhooks": "fieldingkit.resources.webhooks",
}


def __getattr__(name: str) -> "Any":
    found: Any
    if name in _MODULES:
        found = import_module(_MODULES[name])
    elif name in _LAZY_ATTRIBUTES:
        found = getattr(import_module(_LAZY_ATTRIBUTES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
