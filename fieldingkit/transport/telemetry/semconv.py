"""What the OpenTelemetry semantic conventions call things, for spans, metrics, logs and hooks alike.

It is version 1.44, the stable HTTP part: https://opentelemetry.io/docs/specs/semconv/http/http-spans/.
"""

import os
import re
from urllib.parse import urlsplit

from fieldingkit.errors import FieldingKitError
from fieldingkit.transport.http import Request, Response

__all__ = ["SCHEMA_URL", "SemanticAttributes", "error_type", "protocol_version"]


SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"

# RFC 9110, PATCH (RFC 5789) and QUERY; the conventions name the variable that may say otherwise.
_METHODS = "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,QUERY,TRACE"
_METHODS_VARIABLE = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"
_QUERY_VALUE = re.compile(r"=[^&]*")


class SemanticAttributes:
    """Says where a client's requests go, in the words of the conventions."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._server = _server(base_url)
        self._methods = frozenset((os.environ.get(_METHODS_VARIABLE) or _METHODS).split(","))

    def request(self, request: Request) -> dict[str, str | int]:
        """What is true of a request as one of many: the attributes that metrics have too."""
        known = request.method in self._methods
        server = self._server if request.target.startswith("/") else _server(request.target)
        return {"http.request.method": request.method if known else "_OTHER", **server}

    def send(self, request: Request, *, resends: int) -> dict[str, str | int]:
        """What is true of one send of a request.

        Args:
            request: What is sent.
            resends: How often the call was sent before, for whatever reason.
        """
        attributes = self.request(request)
        attributes["fieldingkit.operation_id"] = request.operation_id
        if attributes["http.request.method"] != request.method:
            attributes["http.request.method_original"] = request.method
        url = self._base_url + request.target if request.target.startswith("/") else request.target
        path, _, query = url.partition("?")
        # Values may hold what a user searched for, or a cursor that holds it: which parameters there were is enough.
        attributes["url.full"] = f"{path}?{_QUERY_VALUE.sub('=REDACTED', query)}" if query else path
        if resends:
            attributes["http.request.resend_count"] = resends
        return attributes

    def span_name(self, request: Request) -> str:
        """The name of the span of one send: the method. A path is no name, and the call's span has the operation."""
        return request.method if request.method in self._methods else "HTTP"


def protocol_version(response: Response) -> str | None:
    """The version of HTTP that an answer came by; None if it is not known."""
    return None if response.version is None else "{}.{}".format(*response.version)


def error_type(response: Response | None, failure: BaseException | None) -> str | None:
    """The class of error that a send or a call ended with: a status, or the name of a class; None if with none.

    A caller who cancels has not seen a failure (conventions 1.41, #3495).
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
