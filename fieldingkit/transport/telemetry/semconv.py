"""The OpenTelemetry semantic conventions for HTTP, version 1.44, as used by spans, metrics, logs and callbacks.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

import os
import re
from urllib.parse import urlsplit

from fieldingkit.errors import FieldingKitError
from fieldingkit.transport.http import Request, Response

__all__ = ["SCHEMA_URL", "SemanticAttributes", "error_type", "protocol_version"]

SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"

# RFC 9110, PATCH (RFC 5789) and QUERY. The conventions name the variable that overrides this list.
_METHODS = "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,QUERY,TRACE"
_METHODS_VARIABLE = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"
_QUERY_VALUE = r"=[^&]*"


class SemanticAttributes:
    """The conventions' attributes of one client's requests.

    Args:
        base_url: The client's base URL.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._server = _server(base_url)
        self._methods = frozenset((os.environ.get(_METHODS_VARIABLE) or _METHODS).split(","))

    def of_request(self, request: Request) -> dict[str, str | int]:
        """Return the attributes of low cardinality, for metrics."""
        known = request.method in self._methods
        server = self._server if request.target.startswith("/") else _server(request.target)
        return {"http.request.method": request.method if known else "_OTHER", **server}

    def of_attempt(self, request: Request, *, resends: int) -> dict[str, str | int]:
        """Return the attributes of one attempt, for its span.

        Args:
            request: The request that is sent.
            resends: How many times the call was sent before.
        """
        attributes = self.of_request(request)
        attributes["fieldingkit.operation_id"] = request.operation_id
        if attributes["http.request.method"] != request.method:
            attributes["http.request.method_original"] = request.method
        attributes["url.full"] = self.redacted_url(request)
        if resends:
            attributes["http.request.resend_count"] = resends
        return attributes

    def redacted_url(self, request: Request) -> str:
        """Return the full URL without the values of its query: they may hold search terms, or a cursor made of them."""
        url = self._base_url + request.target if request.target.startswith("/") else request.target
        path, _, query = url.partition("?")
        return f"{path}?{re.sub(_QUERY_VALUE, '=REDACTED', query)}" if query else path

    def span_name(self, request: Request) -> str:
        """Return the method: a path would make a name of high cardinality, and the call's span names the operation."""
        return request.method if request.method in self._methods else "HTTP"


def protocol_version(response: Response) -> str | None:
    """Return the HTTP version of a response, such as ``1.1``; None if unknown."""
    return None if response.version is None else "{}.{}".format(*response.version)


def error_type(response: Response | None, failure: BaseException | None) -> str | None:
    """Return the ``error.type`` of an attempt or a call: a status or the name of a class, None for a success.

    A cancellation is not an error (conventions 1.41, #3495).
    """
    if isinstance(failure, FieldingKitError):
        return type(failure).__name__
    if isinstance(failure, Exception):
        return f"{type(failure).__module__}.{type(failure).__qualname__}"
    if response is None:
        return None
    if response.status >= 400:
        return str(response.status)
    return type(response.body_error).__name__ if response.body_error is not None else None


def _server(url: str) -> dict[str, str | int]:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"server.address": parts.hostname or "", "server.port": port}
