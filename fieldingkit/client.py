"""The async client: sends commands, follows jobs, pages lists, and calls operations that have no command."""

from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from fieldingkit.clock import Clock
from fieldingkit.codec import decode, encode, raise_for_status, raise_for_truncated_body, raw_request
from fieldingkit.commands import Command, JobCommand
from fieldingkit.errors import ClientClosedError
from fieldingkit.options import ConnectionSettings, Options, with_parameters_of
from fieldingkit.transport.aiohttp import AiohttpTransport
from fieldingkit.transport.headers import public_headers
from fieldingkit.transport.http import ApiResponse, Call, Request, Response
from fieldingkit.transport.pipeline import build
from fieldingkit.transport.problem import read_problem
from fieldingkit.transport.rate_limit import RateLimiter
from fieldingkit.transport.telemetry import Telemetry
from fieldingkit.version import __version__

if TYPE_CHECKING:
    from fieldingkit.events.waker import Waker
    from fieldingkit.jobs.factory import JobFactory
    from fieldingkit.jobs.job import AsyncJob
    from fieldingkit.paging import Page, PagedCommand
    from fieldingkit.resources.batch_jobs import BatchResult
    from fieldingkit.resources.fielding_jobs import FieldingJobResult

__all__ = ["AsyncClient"]

R = TypeVar("R")
Item = TypeVar("Item")
PageT = TypeVar("PageT", bound="Page[Any]")


class AsyncClient:
    """A client of the API for use in an event loop.

    ::

        async with AsyncClient.from_env() as client:
            run = await client.send(fielding_runs.GetFieldingRun(...))
            result = await client.run(batch_jobs.PauseTargetGroups(...))

    The constructor opens no connection, so a client may be created at module scope. It belongs to the event loop of its
    first call. Close it with ``await client.aclose()``, or use it in an ``async with`` statement.

    The options are documented in ``fieldingkit.options.Options``. Only ``auth`` is required; most calls also need
    ``account_id``.

    Raises:
        ConfigurationError: if an option is invalid.
    """

    @with_parameters_of(Options)
    def __init__(self, **options: Any) -> None:
        self._options = Options(**options)
        self._open()

    @classmethod
    @with_parameters_of(ConnectionSettings)
    def from_env(cls, *, connection: str | None = None, **settings: Any) -> Self:
        """Create a client from the environment and the configuration file, like the command line.

        Reads ``CINT_TOKEN``, or ``CINT_CLIENT_ID`` and ``CINT_CLIENT_SECRET``, or the files that ``CINT_TOKEN_FILE``
        and ``CINT_CLIENT_SECRET_FILE`` name; and ``CINT_ACCOUNT_ID``, ``CINT_BASE_URL``, ``CINT_TOKEN_URL``,
        ``CINT_API_VERSION`` and ``CINT_PROXY``. Missing values come from ``config.toml``.

        Args:
            connection: The ``[connections.NAME]`` table of ``config.toml`` to use; ``CINT_CONNECTION`` by default.
            settings: Options of the client, which override both.

        Raises:
            ConfigurationError: if there are no credentials, or a value is invalid.
        """
        from fieldingkit.configuration import client_options

        return cls(**client_options(connection, settings))

    @property
    def clock(self) -> Clock:
        """The clock for all waits and timeouts of the client."""
        return self._options.clock

    @property
    def base_url(self) -> str:
        """The base URL of the API, without a trailing slash."""
        return self._options.base_url

    @property
    def account_id(self) -> str | None:
        """The account for commands that name no other."""
        return self._options.account_id

    @property
    def rate_limiter(self) -> RateLimiter:
        """The rate limiter, for reading: ``.rate``, ``.waiting`` and ``.delay``."""
        return self._pipeline.rate_limiter

    async def send(self, command: Command[R]) -> R:
        """Send a command and return its result. The result of a job command is its acceptance; see ``submit``.

        Raises:
            InvalidCommandError: if the command cannot be sent; nothing was sent.
            ApiError: if the API answers with an error; its subclasses stand for the statuses.
            TransportError: if there is no response; ``maybe_applied`` says whether the action may have been applied.
            DecodeError: if the response does not match the contract.
        """
        call = self._encode(command)
        result: R = decode(call, await self._perform(call))
        return result

    async def submit(self, command: JobCommand[R]) -> "AsyncJob[R]":
        """Start a job and return its handle.

        Raises:
            JobLocationError: if the job was created, but the response does not say where.
            FieldingKitError: as for ``send``.
        """
        call = self._encode(command)
        return self._jobs.from_response(command, call, await self._perform(call))

    async def run(self, command: JobCommand[R], timeout: float | None = 600.0, *, waker: "Waker | None" = None) -> R:
        """Start a job, wait until it has ended, and return its result.

        Args:
            command: The command that starts the job.
            timeout: Seconds to wait for the job; None for no limit. The job itself continues after a timeout.
            waker: Brings the next poll forward when a webhook event of the job's project arrives.

        Raises:
            JobTimeoutError: if the job has not ended within ``timeout`` seconds; the error has its handle.
            JobFailedError: if the job ended as ``Failed``.
            ClientClosedError: if the client was closed during the wait; a note on the error carries the job's token.
            FieldingKitError: as for ``submit`` and ``AsyncJob.wait``.
        """
        job = await self.submit(command)
        try:
            return await job.wait(timeout, waker=waker)
        except ClientClosedError as exc:
            # That error describes a poll. The caller has no handle and needs an error that describes the command.
            closed = ClientClosedError(
                "the client was closed during the wait for the job",
                command=command,
                operation_id=command.endpoint.operation_id,
                maybe_applied=True,
                trace_id=job.trace_id,
                idempotency_key=job.idempotency_key,
            )
            for note in getattr(exc, "__notes__", ()):
                closed.add_note(note)
            raise closed from exc

    async def send_detailed(self, command: Command[R]) -> ApiResponse[R]:
        """Send a command and return its result with the details of the HTTP response.

        Raises:
            FieldingKitError: as for ``send``.
        """
        call = self._encode(command)
        response = await self._perform(call)
        result: R = decode(call, response)
        details = call.details(response)
        return ApiResponse(
            result=result,
            status=response.status,
            headers=public_headers(response.headers),
            trace_id=details["trace_id"],
            request_id=details["request_id"],
            attempts=details["attempts"],
            raw=read_problem(response.body).raw,
        )

    def iter_items(self, command: "PagedCommand[Page[Item]]") -> AsyncIterator[Item]:
        """Iterate over all items of a list: ``async for group in client.iter_items(ListTargetGroups(...))``.

        Each page is requested only when it is needed; leaving the loop early costs nothing.

        Args:
            command: The command for the first page.

        Raises:
            FieldingKitError: as for ``send``, in the loop.
        """
        from fieldingkit.paging import iter_items

        return iter_items(self.send, command)

    def iter_pages(self, command: "PagedCommand[PageT]") -> AsyncIterator[PageT]:
        """Iterate over the pages of a list: ``async for page in client.iter_pages(ListTargetGroups(...))``.

        Args:
            command: The command for the first page.

        Raises:
            FieldingKitError: as for ``send``, in the loop.
        """
        from fieldingkit.paging import iter_pages

        return iter_pages(self.send, command)

    async def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Call an operation that has no command, with the client's credentials, tracing and limits.

        Reads are retried. Other methods are retried like a command if the headers include an ``Idempotency-Key`` or
        ``If-Match``.

        Args:
            method: The HTTP method.
            path: The path below the base URL, such as ``/demand/accounts/101/business-units``.
            params: The query parameters; a list becomes a repeated key.
            json: The body.
            headers: Further headers, except those that the client sets itself.

        Raises:
            FieldingKitError: as for ``send``.
        """
        call = self._call(
            raw_request(method.upper(), path, params=params, json=json, headers=headers or {}, own=self._headers)
        )
        response = await self._perform(call)
        raise_for_status(call, response)
        raise_for_truncated_body(call, response)
        return response

    def job(self, token: str) -> "AsyncJob[BatchResult | FieldingJobResult]":
        """Return the handle of a job that was submitted elsewhere, from its ``job.token()``. Sends no request.

        Raises:
            ConfigurationError: if it is not a job token, or belongs to another origin or API version.
        """
        return self._jobs.from_token(token)

    async def aclose(self) -> None:
        """Close the connections. Pending calls fail; jobs continue. May be called repeatedly."""
        self._closed = True
        if self._job_factory is not None:
            self._job_factory.close()
        await self._pipeline.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<AsyncClient of account {self._options.account_id or '?'} at {self._options.base_url}>"

    def _open(self) -> None:
        """Build the pipeline from the options. No connection is opened yet."""
        options = self._options
        self._headers = {
            "Accept": "application/json",
            "Cint-API-Version": options.api_version,
            "User-Agent": " ".join(filter(None, [options.user_agent, f"fieldingkit/{__version__}"])),
        }
        telemetry = Telemetry(
            options.base_url,
            version=__version__,
            tracer_provider=options.tracer_provider,
            meter_provider=options.meter_provider,
            on_request=options.on_request,
            on_attempt=options.on_attempt,
            trace_context=options.trace_context,
            on_missing_trace=options.on_missing_trace,
        )
        http = AiohttpTransport(
            options.base_url,
            connector_limit=options.connector_limit,
            max_body=options.max_body,
            connect_timeout=options.connect_timeout,
            keepalive_timeout=options.keepalive_timeout,
            proxy=options.proxy,
            ssl_context=options.ssl_context,
            trust_env=options.trust_env,
        )
        self._pipeline = build(http, provider=options.auth, retry=options.retry, telemetry=telemetry, rate=options.rate)
        self._metrics = telemetry.metrics
        self._job_factory: JobFactory | None = None
        self._closed = False

    @property
    def _jobs(self) -> "JobFactory":
        if self._job_factory is None:
            # Not every client has jobs, and the models of their results take longer to import than the client.
            from fieldingkit.jobs.factory import JobFactory

            self._job_factory = JobFactory(
                new_call=self._call,
                send=self._perform,
                submit=self.submit,
                base_url=self._options.base_url,
                account_id=self._options.account_id,
                headers=self._headers,
                policy=self._options.poll,
                clock=self._options.clock,
                metrics=self._metrics,
                on_poll=self._options.on_poll,
            )
        return self._job_factory

    def _encode(self, command: Command[Any]) -> Call:
        return self._call(encode(command, account_id=self._options.account_id, headers=self._headers), command)

    def _call(self, request: Request, command: Command[Any] | None = None) -> Call:
        if self._closed:
            raise ClientClosedError("the client is closed: create a new one", command=command)
        options = self._options
        return Call(request, command, clock=options.clock, timeout=options.timeout, deadline=options.deadline)

    async def _perform(self, call: Call) -> Response:
        """Send a call through the pipeline; every exception carries the details of the call."""
        try:
            return await self._pipeline.send(call)
        except BaseException as exc:
            call.annotate(exc)
            raise
