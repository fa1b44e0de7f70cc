"""The blocking client: the async one, run on a private event loop."""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, Unpack

from fieldingkit._repr import html_table
from fieldingkit.client import AsyncClient
from fieldingkit.commands import Command, JobCommand
from fieldingkit.errors import JobError
from fieldingkit.options import ClientOptions, Settings
from fieldingkit.portal import Portal
from fieldingkit.transport.http import Response

if TYPE_CHECKING:
    from fieldingkit.events.waker import Waker
    from fieldingkit.jobs.job import AsyncJob, JobEvent
    from fieldingkit.paging import Page, PagedCommand
    from fieldingkit.resources.batch_jobs import BatchResult, FailedTargetGroup
    from fieldingkit.resources.fielding_jobs import FieldingJobResult
    from fieldingkit.transport.http import ApiResponse
    from fieldingkit.transport.rate_limit import RateLimiter

__all__ = ["Client", "Job"]

P = ParamSpec("P")
R = TypeVar("R")
Item = TypeVar("Item")
PageT = TypeVar("PageT", bound="Page[Any]")
R_co = TypeVar("R_co", covariant=True)


class Client:
    """Carries out commands and blocks until they are done: for scripts, notebooks and threads.

    It takes the options of ``AsyncClient`` and has its verbs. One client serves any number of threads: their calls run
    side by side on one event loop, on a thread that starts with the first call and ends with ``close()``.

    Raises:
        ConfigurationError: if an option makes no sense.
    """

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        self._client = _Tenant(**options)
        self._portal = _Portal(self._client)

    @classmethod
    def from_env(cls, connection: str | None = None, **settings: Unpack[Settings]) -> Self:
        """Create a client from the environment and the configuration file; see ``AsyncClient.from_env``.

        Raises:
            ConfigurationError: There are no credentials, or a value is invalid.
        """
        from fieldingkit.configuration import client_options

        return cls(**client_options(connection, settings))

    @property
    def rate_limiter(self) -> "RateLimiter":
        """How fast requests may leave at present, and how many wait: ``.rate``, ``.waiting``, ``.delay``."""
        return self._client.rate_limiter

    def send(self, command: Command[R]) -> R:
        """Carry out a command and give its result. For a job command that is the acceptance; see ``submit``.

        Raises:
            InvalidCommandError: if it cannot be sent like this.
            ApiError: if the API says no; the subclass says which no.
            TransportError: if there is no answer; ``maybe_applied`` says whether it may have taken effect.
            DecodeError: if the answer is not what was expected.
        """
        return self._portal.call(self._client.send, command)

    def submit(self, command: JobCommand[R]) -> "Job[R]":
        """Have the API start a job, and give its handle.

        Raises:
            JobLocationError: if it was created, but the answer does not say where.
            FieldingKitError: as for ``send``.
        """
        return Job(self._portal.call(self._client.submit, command), self._portal)

    def run(self, command: JobCommand[R], timeout: float | None = 600.0, *, waker: "Waker | None" = None) -> R:
        """Have the API start a job, wait until it has ended, and give its result.

        Args:
            command: What to do.
            timeout: Seconds to wait for the job's end at most; None for no limit.
            waker: Has webhook events of the job's project bring the next look forward.

        Raises:
            JobTimeoutError: if it has not ended by then; the error holds its token.
            JobFailedError: if it ended as ``Failed``.
            FieldingKitError: as for ``submit`` and ``Job.wait``.
        """
        return self._portal.call(self._client.run, command, timeout, waker=waker)

    def send_detailed(self, command: Command[R]) -> "ApiResponse[R]":
        """Carry out a command, and give its result together with the HTTP answer.

        Raises:
            FieldingKitError: as for ``send``.
        """
        return self._portal.call(self._client.send_detailed, command)

    def iter_items(self, command: "PagedCommand[Page[Item]]") -> Iterator[Item]:
        """Iterate over all items of a list: ``for group in client.iter_items(ListTargetGroups(...))``.

        Args:
            command: The command for the first page.

        Raises:
            FieldingKitError: as for ``send``, in the loop.
        """
        return self._portal.each(self._client.iter_items(command))

    def iter_pages(self, command: "PagedCommand[PageT]") -> Iterator[PageT]:
        """Iterate over the pages of a list: ``for page in client.iter_pages(ListTargetGroups(...))``.

        Args:
            command: The command for the first page.

        Raises:
            FieldingKitError: as for ``send``, in the loop.
        """
        return self._portal.each(self._client.iter_pages(command))

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Call an operation that has no command yet; see ``AsyncClient.request``.

        Raises:
            FieldingKitError: as for ``send``.
        """
        return self._portal.call(self._client.request, method, path, params, json, headers)

    def job(self, token: str) -> "Job[BatchResult | FieldingJobResult]":
        """The handle of a job that was submitted elsewhere, from its ``job.token()``. Makes no request.

        Raises:
            ConfigurationError: if it is no job token, or one of another origin or API version.
        """
        return Job(self._client.job(token), self._portal)

    def call(
        self,
        function: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an async function that takes the async client first, such as any workflow.

        Raises:
            FieldingKitError: whatever the function raises.
        """
        return self._portal.call(function, self._client, *args, **kwargs)

    def close(self) -> None:
        """Close the connections and end the thread. Calls of other threads fail; jobs go on."""
        self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._client).replace("AsyncClient", "Client", 1)


class Job(Generic[R_co]):
    """A job that the API works on; ``Job``, blocking."""

    def __init__(self, job: "AsyncJob[R_co]", portal: Portal) -> None:
        self._job = job
        self._portal = portal

    @property
    def id(self) -> str:
        """The API's id of the job."""
        return self._job.id

    @property
    def location(self) -> str | None:
        """The ``Location`` header as it came; None for a job that was resumed."""
        return self._job.location

    @property
    def foreign_location(self) -> bool:
        """Whether the location named another origin, which was not contacted."""
        return self._job.foreign_location

    @property
    def idempotency_key(self) -> str | None:
        """The key that the job was created with."""
        return self._job.idempotency_key

    @property
    def created_at(self) -> float:
        """When the job was created: seconds since 1970, UTC, by this side's clock."""
        return self._job.created_at

    @property
    def trace_id(self) -> str | None:
        """The W3C trace id of the call that created the job, to give to the API's support."""
        return self._job.trace_id

    @property
    def ended(self) -> bool:
        """Whether its end has been seen, or it cannot be followed any more: ``wait`` makes no request then."""
        return self._job.ended

    def token(self) -> str:
        """The job as text, to follow it from another process with ``client.job(token)``."""
        return self._job.token()

    def status(self) -> "BatchResult | FieldingJobResult":
        """Look at the job now: a ``BatchResult`` or ``FieldingJobResult``.

        Raises:
            FieldingKitError: if it cannot be read.
        """
        return self._portal.call(self._job.status)

    def wait(self, timeout: float | None = 600.0, *, waker: "Waker | None" = None) -> R_co:
        """Wait until the job has ended; see ``Job.wait``.

        Args:
            timeout: Seconds to wait at most; None for no limit. The job goes on whatever happens here.
            waker: Has webhook events of the job's project bring the next look forward.

        Raises:
            JobTimeoutError: if it has not ended within ``timeout`` seconds.
            JobFailedError: if it ended as ``Failed``.
            FieldingKitError: if its status cannot be read.
        """
        return self._portal.call(self._job.wait, timeout, waker=waker)

    def retry_failed(self, only: "Callable[[FailedTargetGroup], bool] | None" = None) -> "Job[R_co]":
        """Start a job of the same kind for the target groups that failed in this one; see ``Job.retry_failed``.

        Args:
            only: Says of each failure whether to try again; all are tried again if it is left out.

        Raises:
            InvalidCommandError: if there is nothing to try again.
            JobError: if it has not ended yet.
            FieldingKitError: as for ``client.submit``.
        """
        return Job(self._portal.call(self._job.retry_failed, only), self._portal)

    def watch(self) -> "Iterator[JobEvent]":
        """Look at the job until it has ended, and tell of each look; the last event is the end.

        Raises:
            FieldingKitError: if looking at it failed too often.
        """
        return self._portal.each(self._job.watch())

    def describe(self) -> list[tuple[str, str | int]]:
        """What is known of the job, as names and values. Makes no request."""
        return self._job.describe()

    def __repr__(self) -> str:
        return repr(self._job).replace("<AsyncJob", "<Job", 1)

    def _repr_html_(self) -> str:
        return html_table("Job", ("", "value"), self.describe(), len(self.describe()))


class _Tenant(AsyncClient):
    """The async client of a blocking one. In a forked child it begins anew, as the same object: jobs hold on to it."""

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        super().__init__(**options)
        # In a function, so that a look at the object shows no credential.
        self._options: Callable[[], ClientOptions] = lambda: options

    def renew(self) -> None:
        """Begin anew: with no connection, no token, and none of the calls that the parent had going on."""
        # What there was is kept as it is: if it were collected, it would close connections that are the parent's.
        self._inherited = vars(self).copy()
        super().__init__(**self._options())


class _Portal(Portal):
    """The way to the async client. What an error brings back from there is blocking too."""

    def call(self, function: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return super().call(function, *args, **kwargs)
        except JobError as exc:
            if exc.job is not None and not isinstance(exc.job, Job):
                exc.job = Job[Any](exc.job, self)
            raise
