"""The options of a client: their names, their defaults, and what is refused."""

import math
import re
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Required, TypedDict
from urllib.parse import urlsplit

from opentelemetry.trace import TracerProvider

from fieldingkit.clock import Clock
from fieldingkit.errors import ConfigurationError
from fieldingkit.jobs.poller import PollPolicy
from fieldingkit.transport.credentials import TokenProvider
from fieldingkit.transport.retry import RetryPolicy

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

    from fieldingkit.jobs.observer import PollEvent
    from fieldingkit.transport.telemetry.attempts import AttemptEvent
    from fieldingkit.transport.telemetry.propagation import TraceContext

__all__ = [
    "API_VERSION",
    "BASE_URL",
    "ClientOptions",
    "Settings",
    "account_number",
    "header_text",
    "proxy_url",
    "requests_per_second",
    "time_limit",
]

BASE_URL = "https://api.cint.com/v1"
API_VERSION = "2025-12-18"

_HEADER_TEXT = re.compile(r"[\x20-\x7e]+")


class Settings(TypedDict, total=False):
    """What both clients can be told but for the credentials; ``AsyncClient`` says what each means."""

    account_id: str | int | None
    base_url: str
    api_version: str
    timeout: float | None
    deadline: float | None
    retry: RetryPolicy | None
    poll: PollPolicy | None
    rate: float | None
    connector_limit: int
    max_body: int
    user_agent: str | None
    proxy: str | None
    trust_env: bool
    ssl_context: ssl.SSLContext | None
    allow_insecure: bool
    tracer_provider: TracerProvider | None
    meter_provider: "MeterProvider | None"
    trace_context: "TraceContext | None"
    on_missing_trace: Literal["omit", "generate"]
    on_attempt: "Callable[[AttemptEvent], object] | None"
    on_poll: "Callable[[PollEvent], object] | None"
    clock: Clock | None


class ClientOptions(Settings):
    """What both clients can be told."""

    auth: Required[str | TokenProvider]


def account_number(account_id: str | int | None) -> str | None:
    """An account id as text.

    Raises:
        ConfigurationError: if it is not a number.
    """
    if account_id is None:
        return None
    text = str(account_id)
    if not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"account_id must be the account's number; got {text[:40]!r}")
    return text


def proxy_url(url: str | None) -> str | None:
    """A proxy's URL, which may hold credentials, and so is not shown.

    Raises:
        ConfigurationError: if it is none.
    """
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError("proxy must be a http or https URL")
    return url


def time_limit(name: str, seconds: float | None) -> float | None:
    """A number of seconds, or None for no limit.

    Raises:
        ConfigurationError: if it is not above zero: no time at all is no time to send anything in.
    """
    if seconds is not None and not seconds > 0:
        raise ConfigurationError(f"{name} must be above 0 seconds, or None for no limit; got {seconds}")
    return seconds


def requests_per_second(rate: float | None) -> float | None:
    """A number of requests per second, or None for no limit.

    Raises:
        ConfigurationError: if it is not above zero: nothing could ever be sent.
    """
    if rate is not None and not 0 < rate < math.inf:
        raise ConfigurationError(f"rate must be above 0 requests per second, or None for no limit; got {rate}")
    return rate


def header_text(name: str, text: str) -> str:
    """Text that can stand in a header.

    Raises:
        ConfigurationError: if it cannot.
    """
    if not _HEADER_TEXT.fullmatch(text):
        raise ConfigurationError(f"{name} must be visible ASCII; got {text[:40]!r}")
    return text
