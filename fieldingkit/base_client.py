"""The base class of the async clients: sends commands to one API through one pipeline."""

from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from fieldingkit._uncopyable import Uncopyable
from fieldingkit.apis import Api
from fieldingkit.client_core import ClientCore
from fieldingkit.clock import Clock
from fieldingkit.errors import ClientClosedError
from fieldingkit.options import PipelineCallOptions, PipelineSettings
from fieldingkit.transport.credentials import TokenProvider
from fieldingkit.transport.headers import public_headers
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.problem import read_problem
from fieldingkit.transport.rate_limit import RateLimiter
from fieldingkit.transport.retry_policy import RetryPolicy

if TYPE_CHECKING:
    from fieldingkit.api_response import ApiResponse
    from fieldingkit.commands import Command

__all__ = ["AsyncBaseClient"]

R = TypeVar("R")
SettingsT_co = TypeVar("SettingsT_co", bound=PipelineSettings, covariant=True)


class AsyncBaseClient(Uncopyable, Generic[SettingsT_co]):
    """The base class of the async clients: sends the commands of one API.

    Args:
        options: The options of the client.
        provider: Fetches its access tokens.
    """

    _api: ClassVar[Api]
    """The API that the client calls."""

    def __init__(self, options: SettingsT_co, provider: TokenProvider) -> None:
        self._options = options
        self._core = ClientCore(options, provider)
        self._is_view = False

    @property
    def clock(self) -> Clock:
        """The clock for all waits and timeouts of the client."""
        return self._options.clock

    @property
    def base_url(self) -> str:
        """The base URL of the API, without a trailing slash."""
        return self._options.base_url

    @property
    def rate_limiter(self) -> RateLimiter:
        """The rate limiter, for reading: ``.rate``, ``.waiting`` and ``.delay``."""
        return self._core.pipeline.rate_limiter

    async def send(self, command: "Command[R]") -> R:
        """Send a command and return its result. The result of a job command is its acceptance; see ``submit``.

        Raises:
            InvalidCommandError: if the command cannot be sent; nothing was sent.
            ApiError: if the API answers with an error; its subclasses stand for the statuses.
            TransportError: if there is no response; ``maybe_applied`` says whether the action may have been applied.
            DecodeError: if the response does not match the contract.
        """
        call = self._encode(command)
        result: R = self._core.codec.decode(call, await self._perform(call))
        return result

    async def send_detailed(self, command: "Command[R]") -> "ApiResponse[R]":
        """Send a command and return its result with the details of the HTTP response.

        Raises:
            FieldingKitError: as for ``send``.
        """
        from fieldingkit.api_response import ApiResponse

        call = self._encode(command)
        response = await self._perform(call)
        result: R = self._core.codec.decode(call, response)
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

    def _view(self, changes: PipelineCallOptions, **fresh: object) -> Self:
        """Return a view of this client with other options, and some attributes of its own."""
        view = object.__new__(type(self))
        vars(view).update(vars(self), _options=self._options.changed(changes), _is_view=True, **fresh)
        return view

    def _encode(self, command: "Command[Any]", *, download: bool = False) -> Call:
        codec, options = self._core.codec, self._options
        codec.check_command(command, self._api, download=download)
        headers = options.request_headers
        if download:
            # Nothing shows whether a compressed body is whole: aiohttp accepts one that was cut.
            headers = {**headers, "Accept": "*/*", "Accept-Encoding": "identity"}
        return self._call(codec.encode(command, account_id=options.account_id, headers=headers), command)

    def _call(self, request: Request, command: "Command[Any] | None" = None, retry: RetryPolicy | None = None) -> Call:
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
