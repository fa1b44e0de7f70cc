"""Failures of aiohttp as errors for a user of the API: which host failed, and how."""

import errno
import os
import socket
import ssl
from http import HTTPStatus
from typing import NamedTuple, cast

import aiohttp
from yarl import URL

from fieldingkit.errors import ConfigurationError, ConnectionFailedError, FieldingKitError, TransportError

__all__ = ["Route", "to_error"]


class Route(NamedTuple):
    """The hosts that a request passes, without credentials."""

    target: str
    """The host and port of the API, or the URL of a token endpoint."""
    proxy: str = ""
    """The host and port of the proxy; empty if there is none."""
    is_tunneled: bool = False
    """True if the proxy passes on bytes that it cannot read; otherwise it receives and answers the request itself."""

    @classmethod
    def to(cls, target: str, url: URL, proxy: URL) -> "Route":
        """Return the route to a URL through a proxy."""
        if proxy.raw_host is None:
            return cls(target)
        return cls(target, f"{proxy.raw_host}:{proxy.port}", url.scheme == "https")

    def __str__(self) -> str:
        return f"{self.target} through the proxy {self.proxy}" if self.proxy else self.target

    def peer(self, *, sent: bool) -> str:
        """Return the other end of the connection: through a tunnel, the proxy until it is built.

        Args:
            sent: True if bytes of the request may have been sent.
        """
        return f"the proxy {self.proxy}" if self.proxy and not (self.is_tunneled and sent) else str(self)

    def host(self, name: str, port: int | None) -> str:
        """Return what could not be connected to: the proxy, or the target."""
        return f"the proxy {self.proxy}" if f"{name}:{port}" == self.proxy else str(self)


def to_error(exc: BaseException, route: Route, *, sent: bool) -> FieldingKitError | None:
    """Return the error for a failure of aiohttp; None for any other exception.

    Args:
        exc: The exception.
        route: The route of the request.
        sent: True if bytes of the request may have been sent.
    """
    match exc:
        case aiohttp.ClientConnectorCertificateError():
            host = route.host(exc.host, exc.port)
            reason = f"the certificate of {host} is not trusted: {exc.certificate_error}"
            return ConnectionFailedError(reason, sent=False, retryable=False)
        case aiohttp.ClientHttpProxyError():
            reason = f"{route.peer(sent=False)} refused the connection: {_phrase(exc)}"
            return ConnectionFailedError(reason, sent=False, retryable=exc.status != 407)
        case aiohttp.ConnectionTimeoutError():
            return ConnectionFailedError(f"no connection to {route}: it took too long", sent=False)
        case aiohttp.ClientConnectorError():
            host = route.host(exc.host, exc.port)
            return ConnectionFailedError(f"no connection to {host}: {_reason(exc.os_error)}", sent=False)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return ConfigurationError(f"not a URL that can be called: {route.target}")
        case aiohttp.ClientError() | OSError():
            # Until a tunnel is built, there is no connection to the API.
            unbuilt = route.is_tunneled and not sent
            return (ConnectionFailedError if unbuilt else TransportError)(
                _how_it_broke(exc, route, sent=sent), sent=sent
            )
        case _:
            return None


def _how_it_broke(exc: Exception, route: Route, *, sent: bool) -> str:
    """Return what ended a connection."""
    peer = route.peer(sent=sent)
    if isinstance(exc, aiohttp.ClientResponseError):
        # aiohttp reports unreadable bytes as a 400, which the API never sent.
        return f"the response of {peer} was not HTTP"
    if isinstance(exc, aiohttp.ClientConnectionResetError) and not sent:
        return f"the connection to {peer} was closed before the request was sent"
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        return f"the connection to {peer} was closed without a response"
    if isinstance(exc, OSError) and exc.errno in errno.errorcode:
        return f"the connection to {peer} broke: {os.strerror(cast('int', exc.errno))}"
    return f"the connection to {peer} {'timed out' if isinstance(exc, TimeoutError) else 'broke'}"


def _reason(cause: OSError) -> str:
    """Return why a host cannot be reached, without its name, which aiohttp and asyncio repeat; never an empty text."""
    if cause.errno in errno.errorcode and not isinstance(cause, ssl.SSLError | socket.gaierror):
        return os.strerror(cast("int", cause.errno))
    text = str(cause) if cause.strerror is None else cause.strerror
    # A connection that ends during the TLS handshake has neither a number nor a text.
    return text or "the connection was closed"


def _phrase(exc: aiohttp.ClientHttpProxyError) -> str:
    """Return the status of a proxy's answer, with its words or those of the status."""
    known = {status.value: status.phrase for status in HTTPStatus}
    return f"{exc.status} {exc.message or known.get(exc.status, '')}".rstrip()
