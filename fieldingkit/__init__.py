"""fieldingkit: control the fielding of survey target groups on the Cint Exchange.

::

    from fieldingkit import AsyncClient, batch_jobs

    async with AsyncClient.from_env() as client:
        result = await client.run(batch_jobs.PauseTargetGroups(project_id=..., target_group_ids=[...]))

``Client`` has the same verbs, blocking. Names are loaded when they are first used, so that the import itself is fast.
"""

# Importing `typing` would take longer than the rest of this package; type checkers know this name.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from fieldingkit import errors as errors
    from fieldingkit import events as events
    from fieldingkit.api_response import ApiResponse as ApiResponse
    from fieldingkit.blocking import Client as Client
    from fieldingkit.blocking import Job as Job
    from fieldingkit.client import AsyncClient as AsyncClient
    from fieldingkit.commands import Command as Command
    from fieldingkit.fulfillment_client import AsyncFulfillmentClient as AsyncFulfillmentClient
    from fieldingkit.fulfillment_client import FulfillmentClient as FulfillmentClient
    from fieldingkit.job_commands import JobCommand as JobCommand
    from fieldingkit.jobs.event import JobEvent as JobEvent
    from fieldingkit.jobs.job import AsyncJob as AsyncJob
    from fieldingkit.jobs.observer import PollEvent as PollEvent
    from fieldingkit.jobs.poller import PollPolicy as PollPolicy
    from fieldingkit.paging import PagedCommand as PagedCommand
    from fieldingkit.resources import accounts as accounts
    from fieldingkit.resources import allocation_templates as allocation_templates
    from fieldingkit.resources import allocations as allocations
    from fieldingkit.resources import batch_jobs as batch_jobs
    from fieldingkit.resources import definitions as definitions
    from fieldingkit.resources import excluded_respondents as excluded_respondents
    from fieldingkit.resources import exclusion_groups as exclusion_groups
    from fieldingkit.resources import exclusions as exclusions
    from fieldingkit.resources import feasibility as feasibility
    from fieldingkit.resources import fielding_assistant as fielding_assistant
    from fieldingkit.resources import fielding_jobs as fielding_jobs
    from fieldingkit.resources import fielding_runs as fielding_runs
    from fieldingkit.resources import fulfillment as fulfillment
    from fieldingkit.resources import intelligent_calendar as intelligent_calendar
    from fieldingkit.resources import pricing as pricing
    from fieldingkit.resources import profile_templates as profile_templates
    from fieldingkit.resources import profiles as profiles
    from fieldingkit.resources import profiling_library as profiling_library
    from fieldingkit.resources import projects as projects
    from fieldingkit.resources import re_entry as re_entry
    from fieldingkit.resources import reconciliations as reconciliations
    from fieldingkit.resources import recontacts as recontacts
    from fieldingkit.resources import reports as reports
    from fieldingkit.resources import target_group_changelog as target_group_changelog
    from fieldingkit.resources import target_group_details as target_group_details
    from fieldingkit.resources import target_group_drafts as target_group_drafts
    from fieldingkit.resources import target_group_goals as target_group_goals
    from fieldingkit.resources import target_group_progress as target_group_progress
    from fieldingkit.resources import target_groups as target_groups
    from fieldingkit.resources import unique_codes as unique_codes
    from fieldingkit.resources import webhooks as webhooks
    from fieldingkit.transport.client_credentials import ClientCredentials as ClientCredentials
    from fieldingkit.transport.credentials import AccessToken as AccessToken
    from fieldingkit.transport.credentials import BearerToken as BearerToken
    from fieldingkit.transport.retry_policy import RetryPolicy as RetryPolicy
    from fieldingkit.transport.telemetry.events import AttemptEvent as AttemptEvent
    from fieldingkit.transport.telemetry.events import RequestEvent as RequestEvent
    from fieldingkit.transport.telemetry.trace_context import TraceContext as TraceContext
    from fieldingkit.version import API_VERSION as API_VERSION
    from fieldingkit.version import __version__ as __version__
else:
    from fieldingkit._lazy import lazy_names

    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "fieldingkit": "errors events",
            "fieldingkit.api_response": "ApiResponse",
            "fieldingkit.blocking": "Client Job",
            "fieldingkit.client": "AsyncClient",
            "fieldingkit.commands": "Command",
            "fieldingkit.job_commands": "JobCommand",
            "fieldingkit.fulfillment_client": "AsyncFulfillmentClient FulfillmentClient",
            "fieldingkit.jobs.event": "JobEvent",
            "fieldingkit.jobs.job": "AsyncJob",
            "fieldingkit.jobs.observer": "PollEvent",
            "fieldingkit.jobs.poller": "PollPolicy",
            "fieldingkit.paging": "PagedCommand",
            "fieldingkit.resources": (
                "accounts allocation_templates allocations batch_jobs definitions excluded_respondents "
                "exclusion_groups exclusions feasibility fielding_assistant fielding_jobs fielding_runs fulfillment "
                "intelligent_calendar pricing profile_templates profiles profiling_library projects re_entry "
                "reconciliations recontacts reports target_group_changelog target_group_details target_group_drafts "
                "target_group_goals target_group_progress target_groups unique_codes webhooks"
            ),
            "fieldingkit.transport.client_credentials": "ClientCredentials",
            "fieldingkit.transport.credentials": "AccessToken BearerToken",
            "fieldingkit.transport.retry_policy": "RetryPolicy",
            "fieldingkit.transport.telemetry.events": "AttemptEvent RequestEvent",
            "fieldingkit.transport.telemetry.trace_context": "TraceContext",
            "fieldingkit.version": "API_VERSION __version__",
        },
    )
