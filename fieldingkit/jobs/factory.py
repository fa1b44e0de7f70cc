"""Factory of job handles, from the response that accepted a job or from a token.

Loaded with the first job, because the results of jobs cost more to load than a client.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, TypeVar, cast

from fieldingkit.clock import Clock
from fieldingkit.codec import decode, encode
from fieldingkit.commands import Command, check_kind
from fieldingkit.errors import ConfigurationError, DecodeError, InvalidCommandError, JobFailedError, JobLocationError
from fieldingkit.job_commands import JobAccepted, JobCommand, JobPace, JobResult
from fieldingkit.jobs.job import AsyncJob, Submitter
from fieldingkit.jobs.location import ResolvedLocation, resolve_id, resolve_location
from fieldingkit.jobs.observer import JobObserver, PollEvent
from fieldingkit.jobs.poller import PollerGroup, PollPolicy, PollResult
from fieldingkit.jobs.token import JobToken
from fieldingkit.transport.headers import public_headers, retry_after
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.problem import without_secrets
from fieldingkit.transport.retry_policy import NO_RETRIES, RetryPolicy
from fieldingkit.transport.telemetry.metrics import Metrics
from fieldingkit.transport.urls import origin_of

__all__ = ["JobFactory"]


R = TypeVar("R")

# A table, so that a token loads one module instead of all.
_MODULES = {
    "create_all_recontact_rsids_removal_job": "recontacts",
    "create_bulk_complete_target_groups_job": "batch_jobs",
    "create_bulk_launch_target_groups_job": "batch_jobs",
    "create_bulk_pause_target_groups_job": "batch_jobs",
    "create_bulk_relaunch_target_groups_job": "batch_jobs",
    "create_bulk_resume_target_groups_job": "batch_jobs",
    "create_bulk_update_target_group_project_manager_job": "batch_jobs",
    "create_launch_fielding_run_from_draft_job": "fielding_jobs",
    "create_schedule_fielding_run_from_draft_job": "fielding_jobs",
    "generate_report": "reports",
    "exclusion_create_remove_all_respondents_job": "excluded_respondents",
    "exclusion_create_upload_rids_by_file_job": "excluded_respondents",
    "recontact_create_upload_respondents_by_file_job": "recontacts",
    "recontact_create_upload_rsids_by_file_job": "recontacts",
    "post_reconciliations": "reconciliations",
    "post_reconciliations_completes": "reconciliations",
}
"""The module of ``fieldingkit.resources`` for each operation that starts a job."""


class JobFactory:
    """Creates the job handles of one client.

    Args:
        new_call: Creates the calls that poll jobs.
        send: Sends a call through the pipeline.
        submit: Creates the jobs that retry the failed items of others.
        base_url: The client's base URL.
        account_id: The client's account.
        headers: The headers of all requests of the client.
        policy: The intervals between polls, and the tolerance for failed polls; None for that of each kind of job.
        clock: The clock for all waits.
        metrics: Receives the measurements of job polling.
        on_poll: Is called with an event after each poll.
    """

    def __init__(
        self,
        *,
        new_call: Callable[[Request, Command[Any], RetryPolicy], Call],
        send: Callable[[Call], Awaitable[Response]],
        submit: Submitter,
        base_url: str,
        account_id: str | None,
        headers: Mapping[str, str],
        policy: PollPolicy | None,
        clock: Clock,
        metrics: Metrics,
        on_poll: Callable[[PollEvent], object] | None,
    ) -> None:
        self._new_call = new_call
        self._send = send
        self._submit = submit
        self._base_url = base_url
        self._origin = origin_of(base_url)
        self._account_id = account_id
        self._headers = headers
        self._clock = clock
        self._chosen = policy is not None
        self._pollers = PollerGroup(policy or PollPolicy(), clock)
        self._metrics = metrics
        self._on_poll = on_poll
        # Operations whose jobs answered at the documented path, after their Location answered 404.
        self._documented: set[str] = set()

    @staticmethod
    def check_command(command: object) -> None:
        """Check that a command starts a job.

        Raises:
            InvalidCommandError: if it does not.
        """
        check_kind(command, JobCommand)

    def from_response(self, command: JobCommand[R], call: Call, response: Response) -> AsyncJob[R]:
        """Return the handle of the job that a response accepted.

        Raises:
            JobLocationError: if the response does not say where the job is.
            JobFailedError: if the response says that the job has failed.
            FieldingKitError: if the response does not accept a job.
        """
        accepted: JobAccepted = decode(call, response)
        self._pollers.adopt_loop()
        kind = type(command)
        status_command = kind.status_command
        path = {name: str(getattr(command, name)) for name in _owner_fields(kind)}
        path["account_id"] = str(getattr(command, "account_id", None) or self._account_id)
        status_path = _status_path(status_command, path)
        try:
            resolved = self._resolve(accepted, status_path)
        except JobLocationError as exc:
            call.ambiguous = True
            response = without_secrets(response, call.authorization)
            exc.headers, exc.location = public_headers(response.headers), response.headers.get("Location")
            call.annotate(exc, response)
            raise
        facts = JobToken(
            origin=self._origin,
            api_version=self._headers["Cint-API-Version"],
            operation_id=command.endpoint.operation_id,
            path=path,
            job_id=resolved.job_id,
            idempotency_key=accepted.idempotency_key,
            created=self._clock.wall(),
            traceparent=call.headers.get("traceparent") or response.headers.get("traceparent"),
            asked=command.item_count(),
            digest=command.items_digest(),
        )
        if accepted.status is not None and kind.words.is_failed(accepted.status):
            details = call.details(response)
            details["maybe_applied"] = not kind.all_or_nothing
            raise JobFailedError(
                f"the API accepted job {facts.job_id} as {accepted.status}",
                token=facts.encode(),
                job_id=facts.job_id,
                **details,
            )
        documented_first = command.endpoint.operation_id in self._documented
        return self._job(
            kind,
            facts,
            targets=resolved.targets[::-1] if documented_first else resolved.targets,
            accepted=accepted,
            command=command,
            foreign_location=resolved.foreign,
        )

    def from_token(self, token: str) -> AsyncJob[JobResult]:
        """Return the handle of a job from its token.

        Raises:
            ConfigurationError: if the text is not a job token, or belongs to another origin or API version.
        """
        facts = JobToken.decode(token)
        own = (self._origin, self._headers["Cint-API-Version"])
        if (facts.origin, facts.api_version) != own:
            raise ConfigurationError(
                f"the job belongs to {facts.origin} (API {facts.api_version}), the client to {own[0]} (API {own[1]})"
            )
        kind = _job_command(facts.operation_id)
        if kind is None:
            raise ConfigurationError(f"this release knows no jobs of {facts.operation_id!r}")
        if {*facts.path} != {*_owner_fields(kind)}:
            raise ConfigurationError(f"the job token does not contain the ids of a job of {facts.operation_id!r}")
        path = _status_path(kind.status_command, facts.path).replace(f"{{{kind.id_field}}}", facts.job_id)
        try:
            return self._job(kind, facts, targets=(path,))
        except InvalidCommandError as exc:
            raise ConfigurationError(f"the job token contains an invalid id: {exc.message}") from exc

    def close(self) -> None:
        """End all waits for jobs with ``ClientClosedError``, because the client is closed."""
        self._pollers.close()

    def _resolve(self, accepted: JobAccepted, status_path: str) -> ResolvedLocation:
        if accepted.location is None:
            return resolve_id(accepted.job_id, status_path=status_path)
        return resolve_location(accepted.location, base_url=self._base_url, status_path=status_path)

    def _policy(self, kind: type[JobCommand[Any]]) -> PollPolicy:
        """Return the policy for jobs of one kind; a policy that was chosen for the client holds for all."""
        return self._pollers.policy if self._chosen or kind.pace is None else _policy_at(kind.pace)

    def _job(
        self,
        kind: type[JobCommand[Any]],
        facts: JobToken,
        *,
        targets: Sequence[str],
        accepted: JobAccepted | None = None,
        command: JobCommand[R] | None = None,
        foreign_location: bool = False,
    ) -> AsyncJob[R]:
        make = cast("Callable[..., Command[Any]]", kind.status_command)
        status = make(**facts.path, **{kind.id_field: facts.job_id})

        async def read(target: str) -> PollResult:
            # Encoded for each poll, since the requests of thousands of waiting jobs would take much memory.
            request = encode(status, account_id=self._account_id, headers=self._headers)
            poll = request.with_target(target, linked_to=facts.traceparent)
            # The next poll is the retry of a failed one.
            call = self._new_call(poll, status, NO_RETRIES)
            response = await self._send(call)
            result: JobResult = decode(call, response)
            if result.job_id.casefold() != facts.job_id.casefold():
                raise DecodeError(
                    f"the response is job {result.job_id}, not job {facts.job_id}",
                    status=response.status,
                    headers=public_headers(response.headers),
                    body=response.body,
                    **call.details(response),
                )
            if target == request.target:
                self._documented.add(facts.operation_id)
            ended = kind.words.is_done(result.status) or kind.words.is_failed(result.status)
            return PollResult(result, ended=ended, retry_after=retry_after(response.headers))

        return AsyncJob(
            facts=facts,
            targets=targets,
            kind=kind,
            read=read,
            submit=self._submit,
            pollers=self._pollers,
            policy=self._policy(kind),
            accepted=accepted,
            command=command,
            foreign_location=foreign_location,
            observer=JobObserver(facts, metrics=self._metrics, callback=self._on_poll, resumed=accepted is None),
        )


@cache
def _policy_at(pace: JobPace) -> PollPolicy:
    """Return the one policy of all jobs of a pace."""
    return PollPolicy(first_delay=pace.first_delay, min_interval=pace.min_interval, max_interval=pace.max_interval)


def _job_command(operation_id: str) -> type[JobCommand[Any]] | None:
    """Return the command that starts the jobs of an operation."""
    if operation_id not in _MODULES:
        return None
    module = import_module(f"fieldingkit.resources.{_MODULES[operation_id]}")
    commands: list[Any] = [getattr(module, name) for name in module.__all__]
    kinds: list[type[JobCommand[Any]]] = [kind for kind in commands if hasattr(kind, "status_command")]
    return next(kind for kind in kinds if kind.endpoint.operation_id == operation_id)


def _owner_fields(kind: type[JobCommand[Any]]) -> tuple[str, ...]:
    """Return the names in the path of a job's status, without the one of its id."""
    return tuple(name for name in kind.status_command.endpoint.path_fields if name != kind.id_field)


def _status_path(status_command: type[Command[Any]], path: Mapping[str, str]) -> str:
    """Return the documented path of a job's status, with the placeholder of its id as the only one left."""
    filled = status_command.endpoint.path
    for name, value in path.items():
        filled = filled.replace(f"{{{name}}}", value)
    return filled
