"""Factory of job handles, from the response that accepted a job or from a token.

Loaded with the first job, because the results of jobs cost more to load than a client.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from fieldingkit.clock import Clock
from fieldingkit.codec import decode, encode
from fieldingkit.commands import Command, JobAccepted, JobCommand
from fieldingkit.errors import ConfigurationError, DecodeError, InvalidCommandError, JobLocationError
from fieldingkit.jobs.job import AsyncJob, Submitter
from fieldingkit.jobs.location import resolve_location
from fieldingkit.jobs.observer import JobObserver, PollEvent
from fieldingkit.jobs.poller import PollerGroup, PollPolicy, PollResult
from fieldingkit.jobs.token import JobToken
from fieldingkit.resources import batch_jobs, fielding_jobs
from fieldingkit.resources.batch_jobs import BatchResult
from fieldingkit.resources.fielding_jobs import FieldingJobResult
from fieldingkit.transport.headers import public_headers, retry_after
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.problem import without_secrets
from fieldingkit.transport.retry_policy import NO_RETRIES, RetryPolicy
from fieldingkit.transport.telemetry.metrics import Metrics
from fieldingkit.transport.urls import origin_of

__all__ = ["JobFactory"]


R = TypeVar("R")

_JOBS: dict[str, type[JobCommand[Any]]] = {
    kind.endpoint.operation_id: kind
    for module in (batch_jobs, fielding_jobs)
    for kind in (getattr(module, name) for name in module.__all__)
    if issubclass(kind, JobCommand)
}


class JobFactory:
    """Creates the job handles of one client.

    Args:
        new_call: Creates the calls that poll jobs.
        send: Sends a call through the pipeline.
        submit: Creates the jobs that retry the failed items of others.
        base_url: The client's base URL.
        account_id: The client's account.
        headers: The headers of all requests of the client.
        policy: The intervals between polls, and the tolerance for failed polls.
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
        policy: PollPolicy,
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
        self._pollers = PollerGroup(policy, clock)
        self._metrics = metrics
        self._on_poll = on_poll
        # Operations whose jobs answered at the documented path, after their Location answered 404.
        self._documented: set[str] = set()

    def from_response(self, command: JobCommand[R], call: Call, response: Response) -> AsyncJob[R]:
        """Return the handle of the job that a response accepted.

        Raises:
            JobLocationError: if the response has no usable ``Location``.
            FieldingKitError: if the response does not accept a job.
        """
        accepted: JobAccepted = decode(call, response)
        self._pollers.adopt_loop()
        status_command = type(command).status_command
        path = {name: str(getattr(command, name)) for name in status_command.endpoint.path_fields if name != "job_id"}
        path["account_id"] = str(getattr(command, "account_id", None) or self._account_id)
        status_path = _status_path(status_command, path)
        try:
            resolved = resolve_location(accepted.location, base_url=self._base_url, status_path=status_path)
        except JobLocationError as exc:
            call.ambiguous = True
            response = without_secrets(response, call.authorization)
            exc.headers, exc.location = public_headers(response.headers), response.headers.get("Location")
            call.annotate(exc, response)
            raise
        asked: Sequence[str] | None = getattr(command, "target_group_ids", None)
        facts = JobToken(
            origin=self._origin,
            api_version=self._headers["Cint-API-Version"],
            operation_id=command.endpoint.operation_id,
            path=path,
            job_id=resolved.job_id,
            idempotency_key=accepted.idempotency_key,
            created=self._clock.wall(),
            traceparent=call.headers.get("traceparent") or response.headers.get("traceparent"),
            asked=None if asked is None else len(asked),
        )
        documented_first = command.endpoint.operation_id in self._documented
        return self._job(
            type(command),
            facts,
            targets=resolved.targets[::-1] if documented_first else resolved.targets,
            accepted=accepted,
            command=command,
            foreign_location=resolved.foreign,
        )

    def from_token(self, token: str) -> AsyncJob[BatchResult | FieldingJobResult]:
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
        kind = _JOBS.get(facts.operation_id)
        if kind is None:
            raise ConfigurationError(f"this release knows no jobs of {facts.operation_id!r}")
        if {*facts.path, "job_id"} != {*kind.status_command.endpoint.path_fields}:
            raise ConfigurationError(f"the job token does not contain the ids of a job of {facts.operation_id!r}")
        path = _status_path(kind.status_command, facts.path).replace("{job_id}", facts.job_id)
        try:
            return self._job(kind, facts, targets=(path,))
        except InvalidCommandError as exc:
            raise ConfigurationError(f"the job token contains an invalid id: {exc.message}") from exc

    def close(self) -> None:
        """End all waits for jobs with ``ClientClosedError``, because the client is closed."""
        self._pollers.close()

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
        status = make(**facts.path, job_id=facts.job_id)

        async def read(target: str) -> PollResult:
            # Encoded for each poll, since the requests of thousands of waiting jobs would take much memory.
            request = encode(status, account_id=self._account_id, headers=self._headers)
            poll = request.with_target(target, linked_to=facts.traceparent)
            # The next poll is the retry of a failed one.
            call = self._new_call(poll, status, NO_RETRIES)
            response = await self._send(call)
            result = decode(call, response)
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
            return PollResult(result, retry_after=retry_after(response.headers))

        return AsyncJob(
            facts=facts,
            targets=targets,
            kind=kind,
            read=read,
            submit=self._submit,
            pollers=self._pollers,
            accepted=accepted,
            command=command,
            foreign_location=foreign_location,
            observer=JobObserver(facts, metrics=self._metrics, callback=self._on_poll, resumed=accepted is None),
        )


def _status_path(status_command: type[Command[Any]], path: Mapping[str, str]) -> str:
    """Return the documented path of a job's status, with ``{job_id}`` as the only placeholder left."""
    filled = status_command.endpoint.path
    for name, value in path.items():
        filled = filled.replace(f"{{{name}}}", value)
    return filled
