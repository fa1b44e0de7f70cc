"""The options of a client: their names, types, defaults and checks."""

import inspect
import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Literal, ParamSpec, Self, TypedDict, TypeVar, cast
from urllib.parse import urlsplit

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.clock import Clock, MonotonicClock
from fieldingkit.errors import ConfigurationError
from fieldingkit.option_validators import callback, having, instance, number
from fieldingkit.secret import Secret
from fieldingkit.transport.credentials import BearerToken, TokenProvider, as_secret
from fieldingkit.transport.headers import RESERVED_HEADERS, is_header
from fieldingkit.transport.http import Transport
from fieldingkit.transport.retry_policy import RetryPolicy
from fieldingkit.transport.urls import check_url
from fieldingkit.validators import is_account
from fieldingkit.version import API_VERSION, __version__

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from fieldingkit.jobs.observer import PollEvent
    from fieldingkit.jobs.poll_policy import PollPolicy
    from fieldingkit.transport.telemetry.events import AttemptEvent, RequestEvent
    from fieldingkit.transport.telemetry.trace_context import TraceContext

__all__ = [
    "BASE_URL",
    "CallOptions",
    "ConnectionSettings",
    "Options",
    "PipelineCallOptions",
    "PipelineSettings",
    "base_url_field",
    "hide_credentials",
    "with_parameters_of",
]

P = ParamSpec("P")
T = TypeVar("T")

BASE_URL = "https://api.cint.com/v1"

_OWN_NAME = f"fieldingkit/{__version__} (API {API_VERSION})"
# Default headers cannot replace headers that depend on the request, or that have an option of their own.
_PER_REQUEST = frozenset(
    {"accept", "cint-api-version", "content-type", "idempotency-key", "if-match", "if-none-match", "user-agent"}
)


def _account_id(value: str | int | None) -> str | None:
    if value is not None and not is_account(value):
        raise ConfigurationError(f"account_id must be the number of an account; got {brief_repr(value)}")
    return None if value is None else str(value)


def _without_trailing_slash(url: str) -> str:
    if not isinstance(cast("object", url), str):
        raise ConfigurationError("base_url must be an http or https URL")
    return url.rstrip("/")


def _safe_url(settings: "PipelineSettings", attribute: "attrs.Attribute[Any]", url: str) -> None:
    check_url(url, what=attribute.name, allow_insecure=settings.allow_insecure)


def base_url_field(default: str, others: Mapping[str, str]) -> Any:
    """Return the field for the base URL of an API.

    Args:
        default: The address of the API.
        others: The clients of other APIs by their hosts, which must not get the credentials of this one.
    """

    def check(_: object, attribute: "attrs.Attribute[Any]", url: str) -> None:
        if client := others.get(urlsplit(url).hostname or ""):
            raise ConfigurationError(f"{attribute.name} is the address of another API: use {client}")

    return attrs.field(default=default, converter=_without_trailing_slash, validator=[_safe_url, check])


def hide_credentials(options: dict[str, Any]) -> None:
    """Wrap the credentials among a client's options, so that no frame of a traceback has them as plain text."""
    for name in ("auth", "key", "proxy"):
        if isinstance(options.get(name), str):
            options[name] = Secret(options[name])


def _token_provider(auth: str | Secret | TokenProvider) -> TokenProvider:
    return BearerToken(auth) if isinstance(auth, str | Secret) else auth


def _proxy(url: str | Secret | None) -> Secret | None:
    if url is None:
        return None
    proxy = as_secret(url)
    if not _is_http_url(proxy):  # not quoted: the URL may hold a password
        raise ConfigurationError("proxy must be an http or https URL")
    return proxy


def _is_http_url(url: Secret) -> bool:
    try:
        parts = urlsplit(url.reveal())
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except (ValueError, AttributeError, TypeError):
        return False


def _headers(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    try:
        copied = dict(headers or {})
    except (TypeError, ValueError) as exc:
        raise ConfigurationError("headers must be a mapping of names to values") from exc
    for name, value in copied.items():
        if not is_header(name, value):
            raise ConfigurationError(f"headers: {brief_repr(name)} has a name or value that no header can have")
        if name.lower() in RESERVED_HEADERS | _PER_REQUEST:
            raise ConfigurationError(f"headers: {name!r:.60} is set by the client itself")
    return MappingProxyType(_merged(copied))


def _merged(*headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers of which later ones replace earlier ones, however their names are spelled."""
    spelled = {name.lower(): (name, value) for part in headers for name, value in part.items()}
    return dict(spelled.values())


def _header_text(_: object, attribute: "attrs.Attribute[Any]", text: str | None) -> None:
    if text is not None and not (
        isinstance(cast("object", text), str) and text.isascii() and text.isprintable() and text
    ):
        raise ConfigurationError(f"{attribute.name} must be visible ASCII; got {brief_repr(text)}")


def _trace_context(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value is not None:
        from fieldingkit.transport.telemetry.trace_context import TraceContext

        instance(TraceContext)(None, attribute, value)


def _poll_policy(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value is not None:
        from fieldingkit.jobs.poll_policy import PollPolicy

        instance(PollPolicy)(None, attribute, value)


def _common_headers(settings: "PipelineSettings") -> Mapping[str, str]:
    agent = cast("object", settings.user_agent)  # its validator runs after this
    return {
        **settings.headers,
        "Accept": "application/json",
        "User-Agent": f"{agent} {_OWN_NAME}" if isinstance(agent, str) and agent else _OWN_NAME,
    }


_time_limit = number(above=0, unit="seconds", none="no limit")
_switch = instance(bool)


class PipelineCallOptions(TypedDict, total=False):
    """The options that ``with_options`` of every client can change."""

    timeout: float | None
    deadline: float | None
    retry: RetryPolicy
    headers: Mapping[str, str]


class CallOptions(PipelineCallOptions, total=False):
    """The options that ``client.with_options`` can change."""

    account_id: str | int | None
    api_version: str
    poll: "PollPolicy | None"


# Not compared, shown or constructed: every method would make clients slower to load.
@attrs.frozen(kw_only=True, eq=False, repr=False, init=False)
class PipelineSettings:
    """The options that the clients of all APIs have."""

    call_options: ClassVar[type[Any]] = PipelineCallOptions
    """The options that a view can change."""
    account_id: str | None = attrs.field(init=False, default=None)
    """The account for commands that name no other; None for an API without accounts."""
    base_url: str = attrs.field(converter=_without_trailing_slash, validator=_safe_url)
    """The base URL of the API. It must be https, except on this machine."""
    timeout: float | None = attrs.field(default=30.0, validator=_time_limit)
    """Seconds that one attempt may take once it has a connection or opens one, body included; None for no limit."""
    deadline: float | None = attrs.field(default=120.0, validator=_time_limit)
    """Seconds that one call may take, including all attempts, delays and token refreshes; None for no limit."""
    retry: RetryPolicy = attrs.field(default=RetryPolicy(), validator=instance(RetryPolicy))
    """The policy for repeating failed attempts."""
    rate: float | None = attrs.field(
        default=None, validator=number(above=0, unit="requests per second", none="no limit")
    )
    """Requests per second, of all calls together; None for no limit until the API answers 429."""
    headers: Mapping[str, str] = attrs.field(default=None, converter=_headers)
    """Further headers for every request, except those that the client sets itself."""
    user_agent: str | None = attrs.field(default=None, validator=_header_text)
    """The name of the application; the name of fieldingkit is added to it."""
    connector_limit: int = attrs.field(default=100, validator=number(at_least=1, whole=True))
    """The maximum number of simultaneous connections. A call that waits for one is bounded by its deadline only."""
    connect_timeout: float | None = attrs.field(default=10.0, validator=_time_limit)
    """Seconds that connecting to one address may take, including the TLS handshake; None for no limit of its own."""
    keepalive_timeout: float | None = attrs.field(
        default=15.0, validator=number(above=0, unit="seconds", none="as long as the server does")
    )
    """Seconds that an idle connection is kept open; None to keep it until the server closes it."""
    max_body: int = attrs.field(default=64 * 1024 * 1024, validator=number(at_least=1, unit="byte", whole=True))
    """The maximum size of a response body in bytes, after decompression. Downloads are not limited."""
    proxy: Secret | None = attrs.field(default=None, converter=_proxy)
    """The http or https URL of a proxy. It may include a user and a password."""
    trust_env: bool = attrs.field(default=False, validator=_switch)
    """True to use the proxies that the environment names at the first call. Its ``.netrc`` is never read."""
    ssl_context: ssl.SSLContext | None = attrs.field(default=None, validator=instance(ssl.SSLContext, optional=True))
    """The TLS settings for the API's connections; None for Python's defaults."""
    allow_insecure: bool = attrs.field(default=False, validator=_switch)
    """True to allow sending credentials to another machine over plain http."""
    tracer_provider: "TracerProvider | None" = attrs.field(default=None, validator=having("get_tracer", optional=True))
    """The OpenTelemetry provider for spans; None for the global one."""
    meter_provider: "MeterProvider | None" = attrs.field(default=None, validator=having("get_meter", optional=True))
    """The OpenTelemetry provider for metrics; None for the global one."""
    trace_context: "TraceContext | None" = attrs.field(default=None, validator=_trace_context)
    """The trace of calls that are made outside any span."""
    on_missing_trace: Literal["omit", "generate"] = attrs.field(default="omit", validator=instance(str))
    """The ``traceparent`` of a call outside any trace: "omit" leaves it to the API, "generate" creates a new one."""
    on_request: "Callable[[RequestEvent], object] | None" = attrs.field(default=None, validator=callback)
    """Called with an event before each attempt, in the client's event loop."""
    on_attempt: "Callable[[AttemptEvent], object] | None" = attrs.field(default=None, validator=callback)
    """Called with an event after each attempt, in the client's event loop."""
    clock: Clock = attrs.field(default=MonotonicClock(), validator=having("now", "wall", "sleep", "call_later"))
    """The clock for all waits and timeouts; tests can replace it."""
    transport: Transport | None = attrs.field(default=None, validator=callback)
    """A coroutine function that sends a call in place of the network, for simulations and tests."""

    request_headers: Mapping[str, str] = attrs.field(
        init=False, default=attrs.Factory(_common_headers, takes_self=True)
    )
    """The headers of every request that follow from the options."""

    def changed(self, changes: PipelineCallOptions) -> Self:
        """Return the options of a view: these, with some changed and further headers.

        Raises:
            ConfigurationError: if a change is invalid, or not possible in a view.
        """
        known = self.call_options.__annotations__.keys()
        if unknown := sorted(changes.keys() - {field.name for field in attrs.fields(type(self)) if field.init}):
            raise ConfigurationError(f"there is no option {unknown[0]}; with_options() takes {', '.join(known)}")
        if others := sorted(changes.keys() - known):
            raise ConfigurationError(f"{others[0]} belongs to the whole client and cannot be changed by with_options()")
        given: dict[str, Any] = {**changes, "headers": _merged(self.headers, _headers(changes.get("headers")))}
        return attrs.evolve(self, **given)


def _check_token_url(options: "Options") -> None:
    """Refuse to send a client secret to the token endpoint of the API if the client calls another host."""
    if isinstance(options.auth, BearerToken):
        return
    from fieldingkit.transport.client_credentials import ClientCredentials

    host, own_host = urlsplit(options.base_url).hostname, urlsplit(BASE_URL).hostname
    if isinstance(options.auth, ClientCredentials) and options.auth.token_url is None and host != own_host:
        raise ConfigurationError(
            f"no token URL for the API at {host}: set token_url of ClientCredentials (CINT_TOKEN_URL, or token-url in "
            f"the file); the client secret must not be sent to the token endpoint of the API at {own_host}"
        )


def _request_headers(settings: "Options") -> Mapping[str, str]:
    return {**_common_headers(settings), "Cint-API-Version": settings.api_version}


# Not compared or shown, as above: a client keeps its options to itself.
@attrs.frozen(kw_only=True, eq=False, repr=False)
class Options(PipelineSettings):
    """The options of a client."""

    call_options: ClassVar[type[Any]] = CallOptions
    auth: TokenProvider = attrs.field(converter=_token_provider, validator=having("fetch"))
    """The credentials: a bearer token, ``ClientCredentials``, or any object with their ``fetch``."""
    account_id: str | None = attrs.field(default=None, converter=_account_id)
    """The account for commands that name no other."""
    base_url: str = base_url_field(BASE_URL, {"s2s.cint.com": "AsyncFulfillmentClient or FulfillmentClient"})
    """The base URL of the API. It must be https, except on this machine."""
    api_version: str = attrs.field(default=API_VERSION, validator=[instance(str), _header_text])
    """The API version that every request names; a release of fieldingkit is made for one, its ``API_VERSION``.

    The API is forward-only: do not change a resource with an earlier version than the last change had.
    """
    poll: "PollPolicy | None" = attrs.field(default=None, validator=_poll_policy)
    """The policy for polling jobs; None for the one that suits each kind of job."""
    on_poll: "Callable[[PollEvent], object] | None" = attrs.field(default=None, validator=callback)
    """Called with an event after each poll of a job, in the client's event loop."""

    request_headers: Mapping[str, str] = attrs.field(
        init=False, default=attrs.Factory(_request_headers, takes_self=True)
    )
    """The headers of every request that follow from the options."""

    def __attrs_post_init__(self) -> None:
        _check_token_url(self)


if TYPE_CHECKING:

    @attrs.frozen(kw_only=True)
    class ConnectionSettings(Options):
        """The parameters of ``from_env``: a connection, and options that override its settings."""

        # No parameter here: from_env finds the credentials.
        auth: TokenProvider = attrs.field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]
        """The credentials of the connection."""
        connection: str | None = None
        """The ``[connections.NAME]`` table of the configuration file; ``CINT_CONNECTION`` by default."""

else:
    ConnectionSettings = Options  # compiling another class would make every client slower to load


def with_parameters_of(
    options: Callable[P, object], *, without: str = ""
) -> Callable[[Callable[..., T]], Callable[Concatenate[Any, P], T]]:
    """Give a method that takes ``**options`` the parameters of ``options``, after its own.

    ``inspect.signature``, editors and type checkers then show every option with its type and default.

    Args:
        options: The class of the options.
        without: An option that is no parameter of the method.
    """
    parameters = [each for each in _parameters_of(options) if each.name != without]

    def decorate(method: Callable[..., T]) -> Callable[Concatenate[Any, P], T]:
        signature = inspect.signature(method)
        first, *own = (each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD)
        vars(method)["__signature__"] = signature.replace(parameters=[first, *own, *parameters])
        return method

    return decorate


@cache
def _parameters_of(options: Callable[..., object]) -> Sequence[inspect.Parameter]:
    kinds = inspect.getmro(cast("type", options))  # the options of one API come before those that all have
    order = [name for kind in kinds for name in vars(kind).get("__annotations__", ())]
    return sorted(inspect.signature(options).parameters.values(), key=lambda each: order.index(each.name))
