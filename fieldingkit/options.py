"""The options of a client: their names, types, defaults and checks."""

import inspect
import math
import re
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar
from urllib.parse import urlsplit

import attrs
from opentelemetry.trace import TracerProvider

from fieldingkit.clock import Clock, MonotonicClock
from fieldingkit.errors import ConfigurationError
from fieldingkit.jobs.observer import PollEvent
from fieldingkit.jobs.poller import PollPolicy
from fieldingkit.secret import Secret
from fieldingkit.transport.credentials import BearerToken, TokenProvider
from fieldingkit.transport.retry import RetryPolicy
from fieldingkit.transport.telemetry.attempts import AttemptEvent, RequestEvent
from fieldingkit.transport.urls import check_url
from fieldingkit.version import API_VERSION

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

    from fieldingkit.transport.telemetry.propagation import TraceContext

__all__ = ["BASE_URL", "ConnectionSettings", "Options", "Settings", "with_parameters_of"]

P = ParamSpec("P")
T = TypeVar("T")

BASE_URL = "https://api.cint.com/v1"

_HEADER_TEXT = re.compile(r"[\x20-\x7e]+")


def _account_id(value: str | int | None) -> str | None:
    text = None if value is None else str(value)
    if text is not None and not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"account_id must be the number of an account; got {text[:40]!r}")
    return text


def _without_trailing_slash(url: str) -> str:
    return url.rstrip("/")


def _safe_url(settings: "Settings", attribute: "attrs.Attribute[Any]", url: str) -> None:
    check_url(url, what=attribute.name, allow_insecure=settings.allow_insecure)


def _token_provider(auth: str | TokenProvider) -> TokenProvider:
    return BearerToken(auth) if isinstance(auth, str) else auth


def _proxy(url: str | None) -> Secret | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:  # not quoted and not chained: the URL may hold a password
        raise ConfigurationError("proxy must be an http or https URL")
    return Secret(url)


def _time_limit(_: object, attribute: "attrs.Attribute[Any]", seconds: float | None) -> None:
    if seconds is not None and not seconds > 0:
        raise ConfigurationError(f"{attribute.name} must be above 0 seconds, or None for no limit; got {seconds}")


def _request_rate(_: object, attribute: "attrs.Attribute[Any]", rate: float | None) -> None:
    if rate is not None and not 0 < rate < math.inf:
        raise ConfigurationError(
            f"{attribute.name} must be above 0 requests per second, or None for no limit; got {rate}"
        )


def _header_text(_: object, attribute: "attrs.Attribute[Any]", text: str | None) -> None:
    if text is not None and not _HEADER_TEXT.fullmatch(text):
        raise ConfigurationError(f"{attribute.name} must be visible ASCII; got {text[:40]!r}")


@attrs.frozen(kw_only=True)
class Settings:
    """The options of a client, except for its credentials."""

    account_id: str | None = attrs.field(default=None, converter=_account_id)
    """The account for commands that name no other."""
    base_url: str = attrs.field(default=BASE_URL, converter=_without_trailing_slash, validator=_safe_url)
    """The base URL of the API. It must be https, except on this machine."""
    api_version: str = attrs.field(default=API_VERSION, validator=_header_text)
    """The API version that every request names. Do not mix versions on one resource."""
    timeout: float | None = attrs.field(default=30.0, validator=_time_limit)
    """Seconds that one attempt may take once it has a connection or opens one, body included; None for no limit."""
    deadline: float | None = attrs.field(default=120.0, validator=_time_limit)
    """Seconds that one call may take, including all attempts, delays and token refreshes; None for no limit."""
    retry: RetryPolicy = attrs.field(default=RetryPolicy())
    """The policy for repeating failed attempts."""
    poll: PollPolicy = attrs.field(default=PollPolicy())
    """The policy for polling jobs."""
    rate: float | None = attrs.field(default=None, validator=_request_rate)
    """Requests per second, of all calls together; None for no limit until the API answers 429."""
    connector_limit: int = 100
    """The maximum number of simultaneous connections. A call that waits for one is bounded by its deadline only."""
    connect_timeout: float | None = attrs.field(default=10.0, validator=_time_limit)
    """Seconds that connecting to one address may take, including the TLS handshake; None for no limit of its own."""
    keepalive_timeout: float | None = attrs.field(default=15.0, validator=_time_limit)
    """Seconds that an idle connection is kept open; None to keep it until the server closes it."""
    max_body: int = 64 * 1024 * 1024
    """The maximum size of a response body in bytes, after decompression."""
    user_agent: str | None = attrs.field(default=None, validator=_header_text)
    """The name of the application; the name of fieldingkit is added to it."""
    proxy: Secret | None = attrs.field(default=None, converter=_proxy)
    """The http or https URL of a proxy. It may include a user and a password."""
    trust_env: bool = False
    """True to use the proxies that the environment names. Its ``.netrc`` is never read."""
    ssl_context: ssl.SSLContext | None = None
    """The TLS settings for the API's connections; None for Python's defaults."""
    allow_insecure: bool = False
    """True to allow sending credentials to another machine over plain http."""
    tracer_provider: TracerProvider | None = None
    """The OpenTelemetry provider for spans; None for the global one."""
    meter_provider: "MeterProvider | None" = None
    """The OpenTelemetry provider for metrics; None for the global one."""
    trace_context: "TraceContext | None" = None
    """The trace of calls that are made outside any span."""
    on_missing_trace: Literal["omit", "generate"] = "omit"
    """The ``traceparent`` of a call outside any trace: "omit" leaves it to the API, "generate" creates a new one."""
    on_request: Callable[[RequestEvent], object] | None = None
    """Called with an event before each attempt, in the client's event loop."""
    on_attempt: Callable[[AttemptEvent], object] | None = None
    """Called with an event after each attempt, in the client's event loop."""
    on_poll: Callable[[PollEvent], object] | None = None
    """Called with an event after each poll of a job, in the client's event loop."""
    clock: Clock = attrs.field(default=MonotonicClock())
    """The clock for all waits and timeouts; tests can replace it."""


@attrs.frozen(kw_only=True)
class Options(Settings):
    """The options of a client."""

    auth: TokenProvider = attrs.field(converter=_token_provider)
    """The credentials: a bearer token, ``ClientCredentials``, or any object with their ``fetch``."""


@attrs.frozen(kw_only=True)
class ConnectionSettings(Settings):
    """The parameters of ``from_env``: a connection, and options that override its settings."""

    connection: str | None = None
    """The ``[connections.NAME]`` table of the configuration file; ``CINT_CONNECTION`` by default."""


def with_parameters_of(options: Callable[P, object]) -> Callable[[Callable[..., T]], Callable[Concatenate[Any, P], T]]:
    """Give a method that takes ``**options`` the parameters of ``options``.

    ``inspect.signature``, editors and type checkers then show every option with its type and default.
    """
    parameters = inspect.signature(options).parameters.values()

    def decorate(method: Callable[..., T]) -> Callable[Concatenate[Any, P], T]:
        signature = inspect.signature(method)
        first = next(iter(signature.parameters.values()))
        vars(method)["__signature__"] = signature.replace(parameters=[first, *parameters])
        return method

    return decorate
