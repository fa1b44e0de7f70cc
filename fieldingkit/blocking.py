"""The blocking client: the async one, run on a private event loop."""

from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, Self, TypeVar, Unpack

from fieldingkit._repr import html_table
from fieldingkit._uncopyable import Uncopyable
from fieldingkit.base_client import AsyncBaseClient
from fieldingkit.client import AsyncClient
from fieldingkit.client_core import ClientCore
from fieldingkit.errors import ClientClosedError, JobError
from fieldingkit.loop_thread import LoopResource
from fieldingkit.options import CallOptions, ConnectionSettings, Options, hide_credentials, with_parameters_of
from fieldingkit.portal import Portal
from fieldingkit.transport.http import Response

if TYPE_CHECKING:
    from fieldingkit.api_response import ApiResponse
    from fieldingkit.commands import Command
    from fieldingkit.events.waker import Waker
    from fieldingkit.files import Downloaded, Upload
    from fieldingkit.job_commands import JobCommand, JobResult
    from fieldingkit.jobs.event import JobEvent
    from fieldingkit.jobs.job import AsyncJob
    from fieldingkit.paging import Page, PagedCommand
    from fieldingkit.resources.batch_jobs import FailedTargetGroup
    from fieldingkit.transport.rate_limit import RateLimiter

__all__ = ["BaseClient", "Client", "Job", "Reopenable"]

P = ParamSpec("P")
R = TypeVar("R")
ClientT = TypeVar("ClientT", bound=AsyncBaseClient[Any])
Item = TypeVar("Item")
PageT = TypeVar("PageT", bound="Page[Any]")
R_co = TypeVar("R_co", covariant=True)


class BaseClient(Uncopyable, Generic[ClientT]):
    """The base class of the blocking clients: runs an async client on a private event loop.

    Args:
        client: The async client.
        resource: The same client, as a resource of its event loop.
    """

    def __init__(self, client: ClientT, resource: LoopResource) -> None:
        self._client = client
        self._portal: Portal = _BlockingPortal(resource)
        self._is_view = False

    @property
    def base_url(self) -> str:
        """The base URL of the API, without a trailing slash."""
        return self._client.base_url

    @property
    def rate_limiter(self) -> "RateLimiter":
        """The rate limiter, for reading: ``.rate``, ``.waiting`` and ``.delay``."""
        return self._client.rate_limiter

    def send(self, command: "Command[R]") -> R:
        """Send a command and return its result. The result of a job command is its acceptance; see ``submit``.

        Raises:
            InvalidCommandError: if the command cannot be sent; nothing was sent.
            ApiError: if the API answers with an error; its subclasses stand for the statuses.
            TransportError: if there is no response; ``maybe_applied`` says whether the action may have been applied.
            DecodeError: if the response does not match the contract.
        """
        return self._portal.call(self._client.send, command)

    def send_detailed(self, command: "Command[R]") -> "ApiResponse[R]":
        """Send a command and return its result with the details of the HTTP response.

        Raises:
            FieldingKitError: as for ``send``.
        """
        return self._portal.call(self._client.send_detailed, command)

    def call(
        self,
        function: Callable[Concatenate[ClientT, P], Coroutine[Any, Any, R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a coroutine function that takes the async client first, such as any workflow.

        Raises:
            FieldingKitError: as the function does.
        """
        return self._portal.call(function, self._client, *args, **kwargs)

    def close(self) -> None:
        """Close the connections and end the thread; does nothing on a view.

        Calls in other threads fail, jobs continue. May be called repeatedly and from any thread.
        """
        if not self._is_view:
            self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if not hasattr(self, "_client"):  # in the traceback of a refused option
            return f"<{type(self).__name__}>"
        return repr(self._client).replace("Async", "", 1)

    def _view(self, client: ClientT) -> Self:
        """Return a view of this client that uses a view of its async client."""
        view = object.__new__(type(self))
        vars(view).update(vars(self), _client=client, _is_view=True)
        return view


class Reopenable:
    """Makes an async client a resource of the event loop of a blocking one."""

    _core: ClientCore

    def reopen(self) -> None:
        """Rebuild the pipeline in a forked child, without the connections, the token and the calls of the parent."""
        self._core.reopen()


class Client(BaseClient[AsyncClient]):
    """A blocking client of the API, for scripts, notebooks and threads.

    ::

        with Client.from_env() as client:
            run = client.send(fielding_runs.GetFieldingRun(...))
            result = client.run(batch_jobs.PauseTargetGroups(...))

    The client has the options and verbs of ``AsyncClient``, and may be shared by any number of threads. Their calls run
    concurrently in one event loop, in a thread that starts with the first call and ends with ``close()``.

    Raises:
        ConfigurationError: if an option is invalid.
    """

    @with_parameters_of(Options)
    def __init__(self, **options: Any) -> None:
        hide_credentials(options)
        client = _LoopClient(**options)
        super().__init__(client, client)

    @classmethod
    @with_parameters_of(ConnectionSettings, without="auth")
    def from_env(cls, *, connection: str | None = None, **settings: Any) -> Self:
        """Create a client from the environment and the configuration file; see ``AsyncClient.from_env``.

        Raises:
            ConfigurationError: if there are no credentials, or a value is invalid.
        """
        from fieldingkit.configuration import create_client

        return create_client(cls, connection, settings)

    def with_options(self, **changes: Unpack[CallOptions]) -> Self:
        """Return a view of this client with other options; see ``AsyncClient.with_options``.

        Raises:
            ConfigurationError: if an option is invalid, or belongs to the whole client.
        """
        return self._view(self._client.with_options(**changes))

    @property
    def account_id(self) -> str | None:
        """The account for commands that name no other."""
        return self._client.account_id

    @property
    def api_version(self) -> str:
        """The API version that every request names."""
        return self._client.api_version

    @property
    def api_time(self) -> float | None:
        """The API's time of day now, by the ``Date`` of its last response: seconds since 1970, UTC; None if unknown."""
        return self._client.api_time

    def submit(self, command: "JobCommand[R]") -> "Job[R]":
        """Start a job and return its handle.

        Raises:
            JobLocationError: if a job may have been created, but the response does not say where.
            FieldingKitError: as for ``send``.
        """
        return self._portal.call(self._submit, command)

    def run(
        self,
        command: "JobCommand[R]",
        timeout: float | Literal["auto"] | None = "auto",
        *,
        waker: "Waker | None" = None,
    ) -> R:
        """Start a job, wait until it has ended, and return its result.

        Args:
            command: The command that starts the job.
            timeout: Seconds to wait for the job; None for no limit; ``"auto"`` as for ``AsyncJob.wait``. The job itself
                continues after a timeout.
            waker: Brings the next poll forward when a webhook event of the job's project arrives.

        Raises:
            JobTimeoutError: if the job was not seen to end within ``timeout`` seconds; the error has its handle.
            JobFailedError: if the job ended as ``Failed``.
            ClientClosedError: if the client was closed during the wait; a note on the error carries the job's token.
            FieldingKitError: as for ``submit`` and ``Job.wait``.
        """
        return self._portal.call(self._client.run, command, timeout, waker=waker)

    def iter_items(self, command: "PagedCommand[Page[Item]]") -> Iterator[Item]:
        """Iterate over all items of a list: ``for group in client.iter_items(ListTargetGroups(...))``.

        Args:
            command: The command for the first page.

        Raises:
            FieldingKitError: as for ``send``, in the loop.
        """
        return self._portal.iterate(self._client.iter_items(command))

    def iter_pages(self, command: "PagedCommand[PageT]") -> Iterator[PageT]:
        """Iterate over the pages of a list: ``for page in client.iter_pages(ListTargetGroups(...))``.

        Args:
            command: The command for the first page.

        Raises:
            FieldingKitError: as for ``send``, in the loop.
        """
        return self._portal.iterate(self._client.iter_pages(command))

    def request(
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
        """Call an operation that has no command; see ``AsyncClient.request``. The response is returned as it came.

        Raises:
            FieldingKitError: as for ``send``.
        """
        return self._portal.call(
            self._client.request, method, path, params, json=json, content=content, files=files, headers=headers
        )

    def download(
        self,
        command: "Command[Any]",
        path: str | PathLike[str],
        on_progress: Callable[[int, int | None], object] | None = None,
    ) -> "Downloaded":
        """Save the response to a command as a file; see ``AsyncClient.download``.

        Args:
            command: A ``DownloadCommand``, or any other command that only reads.
            path: The path of the file; an existing file is replaced.
            on_progress: Called in the thread of the client with the bytes received so far and the size of the file.

        Returns:
            The path of the file, its size and its content type.

        Raises:
            FieldingKitError: as for ``send``, and if the file cannot be written.
        """
        return self._portal.call(self._client.download, command, path, on_progress)

    def job(self, token: str) -> "Job[JobResult]":
        """Return the handle of a job that was submitted elsewhere, from its ``job.token()``. Sends no request.

        Raises:
            ConfigurationError: if it is not a job token, or belongs to another origin or API version.
        """
        return Job(self._client.job(token), self._portal)

    async def _submit(self, command: "JobCommand[R]") -> "Job[R]":
        # The handle is made in the loop, so that an interrupt never finds a job without one.
        return Job(await self._client.submit(command), self._portal)


class Job(Uncopyable, Generic[R_co]):
    """A job that the API works on, as a blocking handle; see ``AsyncJob``."""

    _instead = "pass its token() to client.job()"

    def __init__(self, job: "AsyncJob[R_co]", portal: Portal) -> None:
        self._job = job
        self._portal = portal

    @property
    def id(self) -> str:
        """The API's id of the job."""
        return self._job.id

    @property
    def location(self) -> str | None:
        """The ``Location`` header as received; None for a job from a token."""
        return self._job.location

    @property
    def foreign_location(self) -> bool:
        """True if ``location`` names another origin. The job is then polled on the client's own origin."""
        return self._job.foreign_location

    @property
    def idempotency_key(self) -> str | None:
        """The idempotency key that the job was created with."""
        return self._job.idempotency_key

    @property
    def created_at(self) -> float:
        """The creation time of the job, in seconds since 1970, UTC, by the local clock."""
        return self._job.created_at

    @property
    def trace_id(self) -> str | None:
        """The W3C trace id of the call that created the job, for the API's support."""
        return self._job.trace_id

    @property
    def ended(self) -> bool:
        """True once the job has ended; ``wait`` then makes no request."""
        return self._job.ended

    @property
    def failed(self) -> bool:
        """True once the job has ended in failure; a batch whose target groups failed has not."""
        return self._job.failed

    def token(self) -> str:
        """Return the job as text, for ``client.job(token)`` in another process."""
        return self._job.token()

    def status(self) -> R_co:
        """Read the job's status now. Once the job has ended, no request is made.

        Raises:
            FieldingKitError: if the status cannot be read.
        """
        with self._resumable():
            return self._portal.call(self._job.status)

    def wait(self, timeout: float | Literal["auto"] | None = "auto", *, waker: "Waker | None" = None) -> R_co:
        """Wait until the job has ended, and return its result; see ``AsyncJob.wait``.

        Args:
            timeout: Seconds to wait at most, 0 or more; None for no limit; see ``AsyncJob.wait`` for ``"auto"``.
                The job itself continues after a timeout.
            waker: Brings the next poll forward when a webhook event of the job's project arrives.

        Raises:
            JobTimeoutError: if the job was not seen to end within ``timeout`` seconds.
            JobFailedError: if the job ended as ``Failed``.
            FieldingKitError: if its status cannot be read.
        """
        with self._resumable():
            return self._portal.call(self._job.wait, timeout, waker=waker)

    def retry_failed(self, only: "Callable[[FailedTargetGroup], bool] | None" = None) -> "Job[R_co]":
        """Create a job of the same kind for the target groups that failed in this one; see ``AsyncJob.retry_failed``.

        Args:
            only: Selects the failures to retry; all by default.

        Raises:
            InvalidCommandError: if there is nothing to retry.
            JobError: if the job has not ended yet.
            FieldingKitError: as for ``client.submit``.
        """
        return self._portal.call(self._retry_failed, only)

    def watch(self) -> "Iterator[JobEvent]":
        """Poll the job until it has ended, and yield an event after each poll; the last event is the end.

        Raises:
            FieldingKitError: if polls failed for too long.
        """
        with self._resumable():
            yield from self._portal.iterate(self._job.watch())

    async def _retry_failed(self, only: "Callable[[FailedTargetGroup], bool] | None") -> "Job[R_co]":
        return Job(await self._job.retry_failed(only), self._portal)

    @contextmanager
    def _resumable(self) -> Generator[None]:
        """Add a note with the job's token to an end of the wait that lacks it, such as one before the first poll."""
        try:
            yield
        except ClientClosedError as exc:
            if exc.operation_id is not None:  # the job's own
                raise
            raise self._job.closed_error() from exc
        except (KeyboardInterrupt, SystemExit) as exc:
            note = self._job.resume_note()
            if not self._job.ended and note not in getattr(exc, "__notes__", ()):
                exc.add_note(note)
            raise

    def describe(self) -> list[tuple[str, str | int]]:
        """Return the known facts of the job as pairs of name and value. Makes no request."""
        return self._job.describe()

    def __repr__(self) -> str:
        return repr(self._job).replace("AsyncJob", "Job", 1)

    def _repr_html_(self) -> str:
        facts = self.describe()
        return html_table("Job", ("", "value"), facts, len(facts))


class _LoopClient(AsyncClient, Reopenable):
    """The async client of a blocking one, as a resource of its event loop."""


class _BlockingPortal(Portal):
    """A portal whose errors carry blocking jobs."""

    def describe_result(self, result: Any) -> str:
        token = getattr(result, "token", None)
        if not callable(token):
            return super().describe_result(result)
        return f"job {result.id} was created; get its handle with client.job({token()!r})"

    def call(self, function: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return super().call(function, *args, **kwargs)
        except JobError as exc:
            if exc.job is not None and not isinstance(exc.job, Job):
                exc.job = Job[Any](exc.job, self)
            raise
