"""The async client: three verbs for commands, and one for what has no command yet."""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack

from opentelemetry.trace import TracerProvider

from fieldingkit.clock import Clock, MonotonicClock
from fieldingkit.codec import decode, encode, raise_for_status, raise_for_truncated_body, raw_request
from fieldingkit.commands import Command, JobCommand
from fieldingkit.errors import ClientClosedError
from fieldingkit.jobs.poller import PollPolicy
from fieldingkit.options import (
    API_VERSION,
    BASE_URL,
    Settings,
    account_number,
    header_text,
    proxy_url,
    requests_per_second,
    time_limit,
)
from fieldingkit.transport.aiohttp import AiohttpTransport
from fieldingkit.transport.credentials import BearerToken, TokenProvider
from fieldingkit.transport.headers import public_headers
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.pipeline import build
from fieldingkit.transport.problem import read_problem
from fieldingkit.transport.rate_limit import RateLimiter
from fieldingkit.transport.retry import RetryPolicy
from fieldingkit.transport.telemetry import Telemetry
from fieldingkit.transport.urls import check_url
from fieldingkit.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

    from fieldingkit.events.waker import Waker
    from fieldingkit.jobs.factory import JobFactory
    from fieldingkit.jobs.job import AsyncJob
    from fieldingkit.jobs.observer import PollEvent
    from fieldingkit.paging import Page, PagedCommand
    from fieldingkit.resources.batch_jobs import BatchResult
    from fieldingkit.resources.fielding_jobs import FieldingJobResult
    from fieldingkit.transport.http import ApiResponse
    from fieldingkit.transport.telemetry.attempts import AttemptEvent
    from fieldingkit.transport.telemetry.propagation import TraceContext

__all__ = ["AsyncClient"]

R = TypeVar("R")
Item = TypeVar("Item")
PageT = TypeVar("PageT", bound="Page[Any]")


class AsyncClient:
    """Carries out commands, in an event loop.

    Making a client makes no connection; it may be made at module scope and belongs to the event loop it is first used
    in. Close it when it is no longer needed: ``async with AsyncClient(...) as client`` or ``await client.aclose()``.

    Args:
        account_id: The account that commands are for unless they name another.
        auth: A bearer token, or where tokens come from: ``ClientCredentials``, or any object with its ``fetch``.
        base_url: The API's base URL; https, unless it is on this machine.
        api_version: The API version that every request names. Do not mix versions on one resource.
        timeout: Seconds that one attempt may take, body included; None for no limit.
        deadline: Seconds that one call may take: all attempts, waits between them and token refreshes. None for none.
        retry: How patiently failed attempts are repeated.
        poll: How often jobs are looked at.
        rate: Requests that may leave in a second, of all calls together; None for no limit but what a 429 teaches.
        connector_limit: Connections at most.
        max_body: Bytes of an answer's body at most, unpacked.
        user_agent: What to call yourself; fieldingkit's own name is added.
        proxy: The http or https URL of a proxy to go through; it may hold the proxy's user and password.
        trust_env: Whether to go through the proxies of the environment. Its ``.netrc`` is never heeded.
        ssl_context: How to check the server's certificate, where the default will not do.
        allow_insecure: Whether credentials may go over plain http to another machine.
        tracer_provider: Where spans go; OpenTelemetry's global provider by default.
        meter_provider: Where measurements go; OpenTelemetry's global provider by default.
        trace_context: The trace of calls that are made outside any span; see ``TraceContext``.
        on_missing_trace: What to do for a call that belongs to no trace and would begin none: "omit" sends no
            ``traceparent``, and the API makes one; "generate" makes one for each call.
        on_attempt: Is called with an event after each attempt, in the client's event loop.
        on_poll: Is called with an event after each look at a job, in the client's event loop.
        clock: A clock to go by, for tests.

    Raises:
        ConfigurationError: if an option makes no sense.
    """

    def __init__(
        self,
        *,
        auth: str | TokenProvider,
        account_id: str | int | None = None,
        base_url: str = BASE_URL,
        api_version: str = API_VERSION,
        timeout: float | None = 30.0,
        deadline: float | None = 120.0,
        retry: RetryPolicy | None = None,
        poll: PollPolicy | None = None,
        rate: float | None = None,
        connector_limit: int = 100,
        max_body: int = 64 * 1024 * 1024,
        user_agent: str | None = None,
        proxy: str | None = None,
        trust_env: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        allow_insecure: bool = False,
        tracer_provider: TracerProvider | None = None,
        meter_provider: "MeterProvider | None" = None,
        trace_context: "TraceContext | None" = None,
        on_missing_trace: Literal["omit", "generate"] = "omit",
        on_attempt: "Callable[[AttemptEvent], object] | None" = None,
        on_poll: "Callable[[PollEvent], object] | None" = None,
        clock: Clock | None = None,
    ) -> None:
        own_name = f"fieldingkit/{VERSION}"
        self._base_url = check_url(base_url, what="base_url", allow_insecure=allow_insecure)
        self._account_id = account_number(account_id)
        self._timeout = time_limit("timeout", timeout)
        self._deadline = time_limit("deadline", deadline)
        self._poll = poll
        self._on_poll = on_poll
        self._clock = clock or MonotonicClock()
        self._headers = {
            "Accept": "application/json",
            "Cint-API-Version": header_text("api_version", api_version),
            "User-Agent": header_text("user_agent", f"{user_agent} {own_name}" if user_agent else own_name),
        }
        http = AiohttpTransport(
            self._base_url,
            connector_limit=connector_limit,
            max_body=max_body,
            proxy=proxy_url(proxy),
            ssl_context=ssl_context,
            trust_env=trust_env,
        )
        telemetry = Telemetry(
            self._base_url,
            version=VERSION,
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
            on_attempt=on_attempt,
            trace_context=trace_context,
            on_missing_trace=on_missing_trace,
        )
        self._pipeline = build(
            http,
            provider=BearerToken(auth) if isinstance(auth, str) else auth,
            retry=retry or RetryPolicy(),
            telemetry=telemetry,
            rate=requests_per_second(rate),
        )
        self._metrics = telemetry.metrics
        self._made_handles: JobFactory | None = None
        self._closed = False

    @classmethod
    def from_env(cls, connection: str | None = None, **settings: Unpack[Settings]) -> Self:
        """Create a client from the environment and the configuration file, like the command line.

        Reads ``CINT_TOKEN``, or ``CINT_CLIENT_ID`` and ``CINT_CLIENT_SECRET``, or the files that ``CINT_TOKEN_FILE``
        and ``CINT_CLIENT_SECRET_FILE`` name; and ``CINT_ACCOUNT_ID``, ``CINT_BASE_URL``, ``CINT_TOKEN_URL``,
        ``CINT_API_VERSION`` and ``CINT_PROXY``. Missing values come from ``config.toml``.

        Args:
            connection: The ``[connections.NAME]`` table of ``config.toml`` to use; ``CINT_CONNECTION`` by default.
            settings: Options of the client, which override both.

        Raises:
            ConfigurationError: There are no credentials, or a value is invalid.
        """
        from fieldingkit.configuration import client_options

        return cls(**client_options(connection, settings))

    @property
    def clock(self) -> Clock:
        """What the client's waits go by."""
        return self._clock

    @property
    def base_url(self) -> str:
        """The API's base URL, without a trailing slash."""
        return self._base_url

    @property
    def account_id(self) -> str | None:
        """The number of the account that commands are for unless they name another."""
        return self._account_id

    @property
    def rate_limiter(self) -> RateLimiter:
        """How fast requests may leave at present, and how many wait: ``.rate``, ``.waiting``, ``.delay``."""
        return self._pipeline.rate_limiter

    async def send(self, command: Command[R]) -> R:
        """Carry out a command and give its result. For a job command that is the acceptance; see ``submit``.

        Raises:
            InvalidCommandError: if it cannot be sent like this.
            ApiError: if the API says no; the subclass says which no.
            TransportError: if there is no answer; ``maybe_applied`` says whether it may have taken effect.
            DecodeError: if the answer is not what was expected.
        """
        call = self._encode(command)
        result: R = decode(call, await self._perform(call))
        return result

    async def submit(self, command: JobCommand[R]) -> "AsyncJob[R]":
        """Have the API start a job, and give its handle.

        Raises:
            JobLocationError: if it was created, but the answer does not say where.
            FieldingKitError: as for ``send``.
        """
        call = self._encode(command)
        return self._handles.from_response(command, call, await self._perform(call))

    async def run(self, command: JobCommand[R], timeout: float | None = 600.0, *, waker: "Waker | None" = None) -> R:
        """Have the API start a job, wait until it has ended, and give its result.

        Args:
            command: What to do.
            timeout: Seconds to wait for the job's end at most; None for no limit.
            waker: Has webhook events of the job's project bring the next look forward.

        Raises:
            JobTimeoutError: if it has not ended by then; the error holds its handle and its token.
            JobFailedError: if it ended as ``Failed``.
            ClientClosedError: if the client was closed meanwhile; a note on it tells how to go on with the job.
            FieldingKitError: as for ``submit`` and ``Job.wait``.
        """
        job = await self.submit(command)
        try:
            return await job.wait(timeout, waker=waker)
        except ClientClosedError as exc:
            # It is about a look at the job, and the caller has no handle: this one is about what was asked for.
            closed = ClientClosedError(
                "the client was closed while the job was waited for",
                command=command,
                operation_id=command.endpoint.operation_id,
                maybe_applied=True,
                trace_id=job.trace_id,
                idempotency_key=job.idempotency_key,
            )
            for note in getattr(exc, "__notes__", ()):
                closed.add_note(note)
            raise closed from exc

    async def send_detailed(self, command: Command[R]) -> "ApiResponse[R]":
        """Carry out a command, and give its result together with the HTTP answer.

        Raises:
            FieldingKitError: as for ``send``.
        """
        call = self._encode(command)
        response = await self._perform(call)
        result: R = decode(call, response)
        details = call.details(response)
        made: type[ApiResponse[R]] = import_module("fieldingkit.transport.http").ApiResponse
        return made(
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
        """Call an operation that has no command yet: same auth, same tracing, retries as its method allows.

        With an ``Idempotency-Key`` or ``If-Match`` among the headers it is repeated like a command that has one.

        Args:
            method: The HTTP method.
            path: The path below the base URL, such as ``/demand/accounts/101/business-units``.
            params: The query; a list becomes a repeated key.
            json: The body.
            headers: Further headers. Credentials are the client's own affair.

        Raises:
            FieldingKitError: as for ``send``.
        """
        request = raw_request(method.upper(), path, params=params, json=json, headers=headers or {}, own=self._headers)
        call = self._call(request)
        response = await self._perform(call)
        raise_for_status(call, response)
        raise_for_truncated_body(call, response)
        return response

    def job(self, token: str) -> "AsyncJob[BatchResult | FieldingJobResult]":
        """The handle of a job that was submitted elsewhere, from its ``job.token()``. Makes no request.

        Raises:
            ConfigurationError: if it is no job token, or one of another origin or API version.
        """
        return self._handles.from_token(token)

    async def aclose(self) -> None:
        """Close the connections. Calls that are going on fail; jobs go on. May be called any number of times."""
        self._closed = True
        if self._made_handles is not None:
            self._made_handles.close()
        await self._pipeline.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<AsyncClient of account {self._account_id or '?'} at {self._base_url}>"

    @property
    def _handles(self) -> "JobFactory":
        if self._made_handles is None:
            # What comes with it costs more to load than the client, and not every client has jobs.
            made: type[JobFactory] = import_module("fieldingkit.jobs.factory").JobFactory
            self._made_handles = made(
                new_call=self._call,
                send=self._perform,
                submit=self.submit,
                base_url=self._base_url,
                account_id=self._account_id,
                headers=self._headers,
                policy=self._poll or PollPolicy(),
                clock=self._clock,
                metrics=self._metrics,
                on_poll=self._on_poll,
            )
        return self._made_handles

    def _encode(self, command: Command[Any]) -> Call:
        return self._call(encode(command, account_id=self._account_id, headers=self._headers), command)

    def _call(self, request: Request, command: Command[Any] | None = None) -> Call:
        if self._closed:
            raise ClientClosedError("the client is closed: make a new one", command=command)
        return Call(request, command, clock=self._clock, timeout=self._timeout, deadline=self._deadline)

    async def _perform(self, call: Call) -> Response:
        """Send a call through the pipeline; whatever is raised carries the call's details."""
        try:
            return await self._pipeline.send(call)
        except BaseException as exc:
            call.annotate(exc)
            raise
