"""The part of a client that its views share: connections, access token, limits and telemetry."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet

from fieldingkit.apis import Api
from fieldingkit.options import PipelineSettings
from fieldingkit.transport.aiohttp import AiohttpTransport
from fieldingkit.transport.credentials import TokenProvider
from fieldingkit.transport.custom import CustomTransport
from fieldingkit.transport.headers import http_date
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.pipeline import Pipeline
from fieldingkit.transport.telemetry import Telemetry
from fieldingkit.transport.telemetry.metrics import Metrics
from fieldingkit.version import __version__

if TYPE_CHECKING:
    from fieldingkit.commands import Command
    from fieldingkit.jobs.factory import JobFactory

__all__ = ["ClientCore", "Codec"]


class Codec(Protocol):
    """The functions of ``fieldingkit.codec`` that every call needs."""

    def check_command(self, command: object, api: Api, *, download: bool = False) -> None:
        """Check that a client of one API can send a command."""
        ...

    def encode(self, command: "Command[Any]", *, account_id: str | None, headers: Mapping[str, str]) -> Request:
        """Return the request of a command."""
        ...

    def decode(self, call: Call, response: Response) -> Any:
        """Return the result that a response to a command carries."""
        ...


class ClientCore:
    """The part of a client that its views share: connections, access token, limits and telemetry.

    Args:
        options: The options of the client.
        provider: Fetches its access tokens.
    """

    def __init__(self, options: PipelineSettings, provider: TokenProvider) -> None:
        self._options = options
        self._provider = provider
        self.closed: bool = False
        self.job_factories: WeakSet[JobFactory] = WeakSet()
        # Parsed when it is asked for, because every call observes a response.
        self._date: tuple[str, float] | None = None
        self._open()

    @cached_property
    def codec(self) -> Codec:
        """Encodes commands and decodes responses."""
        # Loaded by the first call, since who builds a command has loaded most of it; and only by the first, since an
        # import statement takes as long as 20 function calls.
        from fieldingkit import codec

        return codec

    @property
    def api_time(self) -> float | None:
        """The API's time of day now, by the ``Date`` of its last response; None if there was none."""
        if self._date is None:
            return None
        text, observed_at = self._date
        date = http_date(text)
        return None if date is None else date.timestamp() + self._options.clock.now() - observed_at

    def observe(self, response: Response) -> None:
        """Keep the ``Date`` of a response, and when it arrived."""
        if (text := response.headers.get("Date")) is not None:
            self._date = (text, self._options.clock.now())

    def _open(self) -> None:
        """Build the pipeline. No connection is opened yet."""
        options = self._options
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
        network = (
            CustomTransport(options.transport)
            if options.transport is not None
            else AiohttpTransport(
                options.base_url,
                connector_limit=options.connector_limit,
                max_body=options.max_body,
                connect_timeout=options.connect_timeout,
                keepalive_timeout=options.keepalive_timeout,
                proxy=options.proxy,
                ssl_context=options.ssl_context,
                trust_env=options.trust_env,
            )
        )
        self.metrics: Metrics = telemetry.metrics
        self.pipeline: Pipeline = Pipeline(
            network, provider=self._provider, retry=options.retry, telemetry=telemetry, rate=options.rate
        )

    def reopen(self) -> None:
        """Build a new pipeline in a forked child."""
        # The parent's pipeline is kept: collecting it would close the parent's connections.
        self._inherited = self.pipeline
        self._open()

    async def aclose(self) -> None:
        """End waits for jobs, close the connections, and refuse further calls."""
        self.pipeline.check_close()
        self.closed = True
        for factory in list(self.job_factories):
            factory.close()
        await self.pipeline.aclose()
