"""The async client: sends commands, follows jobs, pages lists, and calls operations that have no command."""

from collections.abc import AsyncIterator, Callable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack

from fieldingkit.apis import Api
from fieldingkit.base_client import AsyncBaseClient
from fieldingkit.errors import FieldingKitError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.option_validators import check_wait_timeout
from fieldingkit.options import CallOptions, ConnectionSettings, Options, hide_credentials, with_parameters_of
from fieldingkit.transport.headers import media_type
from fieldingkit.transport.http import Response

if TYPE_CHECKING:
    from fieldingkit.commands import Command
    from fieldingkit.events.waker import Waker
    from fieldingkit.files import Downloaded, Upload
    from fieldingkit.job_commands import JobCommand, JobResult
    from fieldingkit.jobs.factory import JobFactory
    from fieldingkit.jobs.job import AsyncJob
    from fieldingkit.paging import Page, PagedCommand

__all__ = ["AsyncClient"]

R = TypeVar("R")
Item = TypeVar("Item")
PageT = TypeVar("PageT", bound="Page[Any]")


class AsyncClient(AsyncBaseClient[Options]):
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

    _api = Api.DEMAND

    @with_parameters_of(Options)
    def __init__(self, **options: Any) -> None:
        hide_credentials(options)
        given = Options(**options)
        super().__init__(given, given.auth)
        self._job_factory: JobFactory | None = None

    @classmethod
    @with_parameters_of(ConnectionSettings, without="auth")
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
        from fieldingkit.configuration import create_client

        return create_client(cls, connection, settings)

    def with_options(self, **changes: Unpack[CallOptions]) -> Self:
        """Return a view of this client with other options: ``client.with_options(timeout=5).send(command)``.

        A view is cheap. It shares the connections, the access token and the rate limiter of its client, and is closed
        with it; closing the view closes nothing. Options that are left out stay as they are, and ``headers`` are added
        to those of the client. The retry budget remains that of the client.

        Raises:
            ConfigurationError: if an option is invalid, or belongs to the whole client.
        """
        return self._view(changes, _job_factory=None)

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

    async def submit(self, command: "JobCommand[R]") -> "AsyncJob[R]":
        """Start a job and return its handle.

        Raises:
            InvalidCommandError: if the command starts no job.
            JobLocationError: if a job may have been created, but the response does not say where.
            FieldingKitError: as for ``send``.
        """
        jobs = self._jobs
        jobs.check_command(command)
        call = self._encode(command)
        return jobs.from_response(command, call, await self._perform(call))

    async def run(
        self,
        command: "JobCommand[R]",
        timeout: float | Literal["auto"] | None = "auto",
        *,
        waker: "Waker | None" = None,
    ) -> R:
        """Start a job, wait until it has ended, and return its result.

        Args:
            command: The command that starts the job.
            timeout: Seconds to wait for the job, 0 or more; None for no limit; ``"auto"`` as for ``AsyncJob.wait``.
                The job itself continues after a timeout.
            waker: Brings the next poll forward when a webhook event of the job's project arrives.

        Raises:
            JobTimeoutError: if the job was not seen to end within ``timeout`` seconds; the error has its handle.
            JobFailedError: if the job ended as ``Failed``.
            ClientClosedError: if the client was closed during the wait; a note has the job's token.
            FieldingKitError: as for ``submit`` and ``AsyncJob.wait``.
        """
        if timeout != "auto":
            check_wait_timeout(timeout)
        job = await self.submit(command)
        return await job.wait(timeout, waker=waker)

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
        ``If-Match``. A response with a status of 2xx is returned as it came: what the operation responds with is known
        to the caller alone, so that the page of a proxy is not refused here. Check ``status`` and ``headers``.

        Args:
            method: The HTTP method.
            path: The path below the base URL, such as ``/demand/accounts/101/business-units``.
            params: The query parameters; a list becomes a repeated key.
            json: The body, as JSON.
            content: The body, as it is: bytes, text or an ``Upload`` with its content type.
            files: The body, as a multipart form: text for plain fields; bytes, paths and uploads for files.
            headers: Further headers, except those that the client sets itself. A ``Cint-API-Version`` must be that of
                the client: ``client.with_options(api_version=...)`` is a client of another one.

        Raises:
            InvalidCommandError: if a part of the request is invalid; nothing was sent.
            FieldingKitError: as for ``send``.
        """
        from fieldingkit.codec import raise_for_status, raise_for_truncated_body
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
        command: "Command[Any]",
        path: str | PathLike[str],
        on_progress: Callable[[int, int | None], object] | None = None,
    ) -> "Downloaded":
        """Save the response to a command as a file.

        The body is streamed to a temporary file beside ``path``, which replaces ``path`` when it is complete. A failed
        download leaves nothing behind. ``max_body`` does not apply; ``timeout`` and ``deadline`` do, so download large
        files with ``client.with_options(timeout=None, deadline=None)``.

        Args:
            command: A ``DownloadCommand``, or any other command that only reads, such as a list: its JSON is saved.
            path: The path of the file. An existing regular file is replaced; a symbolic link is followed.
            on_progress: Called with the bytes received so far and the size of the file, which is None if unknown.

        Returns:
            The path of the file, its size and its content type.

        Raises:
            InvalidCommandError: if the command is an action, or ``path`` cannot be written; nothing was sent.
            DecodeError: if the response is not a whole file, or is another thing, such as the page of a proxy.
            FieldingKitError: as for ``send``, and if writing fails later; ``maybe_applied`` is true unless the command
                is a read.
        """
        from fieldingkit.codec import raise_for_status, raise_unless_file
        from fieldingkit.files import Download

        call = self._encode(command, download=True)
        with Download(path, on_progress) as download:
            call.body_writer = download
            try:
                response = await self._perform(call)
                raise_for_status(call, response)
                raise_unless_file(call, response, size=download.received)
                headers = response.headers
                return download.complete(
                    content_type=media_type(headers) or None, disposition=headers.get("Content-Disposition", "")
                )
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
