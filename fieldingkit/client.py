"""The async client: sends commands, follows jobs, pages lists, and calls operations that have no command."""

from collections.abc import AsyncIterator, Callable, Mapping
from copy import copy
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack

from fieldingkit.client_core import ClientCore
from fieldingkit.clock import Clock
from fieldingkit.codec import decode, encode, raise_for_incomplete_file, raise_for_status, raise_for_truncated_body
from fieldingkit.commands import Command, DownloadCommand, JobCommand, JobResult, check_kind
from fieldingkit.errors import ClientClosedError, FieldingKitError, InvalidCommandError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.jobs.poll_policy import check_wait_timeout
from fieldingkit.options import CallOptions, ConnectionSettings, Options, hide_credentials, with_parameters_of
from fieldingkit.transport.headers import public_headers
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.problem import read_problem
from fieldingkit.transport.rate_limit import RateLimiter
from fieldingkit.transport.retry_policy import RetryPolicy

if TYPE_CHECKING:
    from fieldingkit.api_response import ApiResponse
    from fieldingkit.events.waker import Waker
    from fieldingkit.files import Downloaded, Upload
    from fieldingkit.jobs.factory import JobFactory
    from fieldingkit.jobs.job import AsyncJob
    from fieldingkit.paging import Page, PagedCommand

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
        hide_credentials(options)
        self._options = Options(**options)
        self._core = ClientCore(self._options)
        self._is_view = False
        self._job_factory: JobFactory | None = None

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

    def with_options(self, **changes: Unpack[CallOptions]) -> Self:
        """Return a view of this client with other options: ``client.with_options(timeout=5).send(command)``.

        A view is cheap. It shares the connections, the access token and the rate limiter of its client, and is closed
        with it; closing the view closes nothing. Options that are left out stay as they are, and ``headers`` are added
        to those of the client. The retry budget remains that of the client.

        Raises:
            ConfigurationError: if an option is invalid, or belongs to the whole client.
        """
        view = copy(self)
        vars(view).update(_options=self._options.changed(changes), _is_view=True, _job_factory=None)
        return view

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
    def api_version(self) -> str:
        """The API version that every request names."""
        return self._options.api_version

    @property
    def api_time(self) -> float | None:
        """The API's time of day now, by the ``Date`` of its last response: seconds since 1970, UTC; None if unknown."""
        return self._core.api_time

    @property
    def rate_limiter(self) -> RateLimiter:
        """The rate limiter, for reading: ``.rate``, ``.waiting`` and ``.delay``."""
        return self._core.pipeline.rate_limiter

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
            InvalidCommandError: if the command starts no job.
            JobLocationError: if a job may have been created, but the response does not say where.
            FieldingKitError: as for ``send``.
        """
        check_kind(command, JobCommand)
        call = self._encode(command)
        return self._jobs.from_response(command, call, await self._perform(call))

    async def run(
        self, command: JobCommand[R], timeout: float | Literal["auto"] | None = "auto", *, waker: "Waker | None" = None
    ) -> R:
        """Start a job, wait until it has ended, and return its result.

        Args:
            command: The command that starts the job.
            timeout: Seconds to wait for the job; None for no limit; ``"auto"`` as for ``AsyncJob.wait``. The job itself
                continues after a timeout.
            waker: Brings the next poll forward when a webhook event of the job's project arrives.

        Raises:
            JobTimeoutError: if the job has not ended within ``timeout`` seconds; the error has its handle.
            JobFailedError: if the job ended as ``Failed``.
            ClientClosedError: if the client was closed during the wait; a note on the error carries the job's token.
            FieldingKitError: as for ``submit`` and ``AsyncJob.wait``.
        """
        if timeout != "auto":
            check_wait_timeout(timeout)
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

    async def send_detailed(self, command: Command[R]) -> "ApiResponse[R]":
        """Send a command and return its result with the details of the HTTP response.

        Raises:
            FieldingKitError: as for ``send``.
        """
        from fieldingkit.api_response import ApiResponse

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
        *,
        json: Any = None,
        content: "bytes | str | Upload | None" = None,
        files: "Mapping[str, Upload | bytes | str | PathLike[str]] | None" = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Call an operation that has no command, with the client's credentials, tracing and limits.

        Reads are retried. Other methods are retried like a command if the headers include an ``Idempotency-Key`` or
        ``If-Match``.

        Args:
            method: The HTTP method.
            path: The path below the base URL, such as ``/demand/accounts/101/business-units``.
            params: The query parameters; a list becomes a repeated key.
            json: The body, as JSON.
            content: The body, as it is: bytes, text or an ``Upload`` with its content type.
            files: The body, as a multipart form: text for plain fields; bytes, paths and uploads for files.
            headers: Further headers, except those that the client sets itself.

        Raises:
            FieldingKitError: as for ``send``.
        """
        from fieldingkit.raw_request import raw_request

        own = self._options.request_headers
        request = raw_request(
            method, path, params=params, json=json, content=content, files=files, headers=headers, own=own
        )
        call = self._call(request)
        response = await self._perform(call)
        raise_for_status(call, response)
        raise_for_truncated_body(call, response)
        return response

    async def download(
        self,
        command: Command[Any],
        path: str | PathLike[str],
        on_progress: Callable[[int, int | None], object] | None = None,
    ) -> "Downloaded":
        """Save the response to a command as a file.

        The body is streamed to a temporary file beside ``path``, which replaces ``path`` when it is complete. A failed
        download leaves nothing behind. ``max_body`` does not apply; ``timeout`` and ``deadline`` do, so download large
        files with ``client.with_options(timeout=None, deadline=None)``.

        Args:
            command: The command whose response is a file, such as a ``DownloadCommand``.
            path: The path of the file. An existing regular file is replaced; a symbolic link is followed.
            on_progress: Called with the bytes received so far and the size of the file, which is None if unknown.

        Returns:
            The path of the file, its size and its content type.

        Raises:
            InvalidCommandError: if ``path`` cannot be written; nothing was sent.
            DecodeError: if the response is not a whole file.
            FieldingKitError: as for ``send``, and if writing fails later; ``maybe_applied`` is true unless the command
                is a read.
        """
        from fieldingkit.files import Download

        call = self._encode(command, download=True)
        with Download(path, on_progress) as download:
            call.body_writer = download
            try:
                response = await self._perform(call)
                raise_for_status(call, response)
                raise_for_incomplete_file(call, response)
                return download.complete(response.headers)
            except FieldingKitError as exc:
                if download.failed:
                    # Only successful responses are written: the action was done, and its file alone is missing.
                    call.ambiguous = call.request.retry_safety is not RetrySafety.READ
                    call.annotate(exc)
                raise

    def job(self, token: str) -> "AsyncJob[JobResult]":
        """Return the handle of a job that was submitted elsewhere, from its ``job.token()``. Sends no request.

        Raises:
            ConfigurationError: if it is not a job token, or belongs to another origin or API version.
        """
        return self._jobs.from_token(token)

    async def aclose(self) -> None:
        """Close the connections; does nothing on a view. Pending calls fail, jobs continue. May be repeated.

        Raises:
            ConfigurationError: if the client belongs to another event loop; nothing was closed.
        """
        if not self._is_view:
            await self._core.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        if not hasattr(self, "_options"):  # in the traceback of a refused option
            return "<AsyncClient>"
        return f"<AsyncClient of account {self._options.account_id or '?'} at {self._options.base_url}>"

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
                headers=self._options.request_headers,
                policy=self._options.poll,
                clock=self._options.clock,
                metrics=self._core.metrics,
                on_poll=self._options.on_poll,
            )
            self._core.job_factories.add(self._job_factory)
        return self._job_factory

    def _encode(self, command: Command[Any], *, download: bool = False) -> Call:
        check_kind(command, Command)
        if isinstance(command, DownloadCommand) and not download:
            name = type(command).__name__
            raise InvalidCommandError(f"{name} returns a file: save it with client.download()", command=command)
        options = self._options
        own = {**options.request_headers, "Accept": "*/*"} if download else options.request_headers
        return self._call(encode(command, account_id=options.account_id, headers=own), command)

    def _call(self, request: Request, command: Command[Any] | None = None, retry: RetryPolicy | None = None) -> Call:
        if self._core.closed:
            raise ClientClosedError("the client is closed: create a new one", command=command)
        options = self._options
        return Call(
            request,
            command,
            clock=options.clock,
            timeout=options.timeout,
            deadline=options.deadline,
            retry=retry or options.retry,
        )

    async def _perform(self, call: Call) -> Response:
        """Send a call through the pipeline; every exception carries the details of the call."""
        try:
            response = await self._core.pipeline.send(call)
        except BaseException as exc:
            call.annotate(exc)
            raise
        self._core.observe(response)
        return response
