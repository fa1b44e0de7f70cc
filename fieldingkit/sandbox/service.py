"""The API of a sandbox without a socket: routes, records, authorization, rate limit, tracing and headers."""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import attrs
from multidict import CIMultiDict, MultiDict, MultiMapping

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import Identifiers
from fieldingkit.sandbox.locations import Locations
from fieldingkit.sandbox.model.state import SandboxState
from fieldingkit.sandbox.problems import Problem
from fieldingkit.sandbox.recording import RecordedAnswer, RecordedRequest
from fieldingkit.sandbox.respondent_routes import FULFILLMENT_ROUTES
from fieldingkit.sandbox.route import Route
from fieldingkit.sandbox.routes import ROUTES
from fieldingkit.sandbox.tokens import Tokens

__all__ = ["TOKEN_OPERATION", "Arrival", "HandledRequest", "RateLimit", "SandboxService", "Trace", "join_trace"]


class RateLimit:
    """A token bucket that holds the requests of one second.

    Args:
        rate: The allowed requests per second.
    """

    def __init__(self, rate: float) -> None:
        if rate <= 0:
            raise ValueError("the rate must be greater than zero")
        self._rate = rate
        self._tokens = self._capacity = max(1.0, rate)
        self._updated_at: datetime | None = None

    def take(self, now: datetime) -> None:
        """Take a token; raise a 429 with the whole seconds until the next token if there is none."""
        if self._updated_at is not None:
            passed = (now - self._updated_at).total_seconds()
            self._tokens = min(self._capacity, self._tokens + passed * self._rate)
        self._updated_at = now
        if self._tokens < 1:
            raise problems.too_many_requests(max(1, math.ceil((1 - self._tokens) / self._rate)))
        self._tokens -= 1


_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?")


@attrs.frozen
class Trace:
    """The trace context of one exchange."""

    trace_id: str
    """The trace id: 32 hexadecimal digits."""
    traceparent: str
    """The `traceparent` of the response: the same trace with a span of the sandbox."""
    tracestate: str | None
    """The `tracestate` of the response: that of the request, unchanged."""


def join_trace(headers: Mapping[str, str], identifiers: Identifiers) -> Trace:
    """Continue the trace of a request, or start a new one if the request has no valid `traceparent`.

    Args:
        headers: The request headers.
        identifiers: The source of new ids.
    """
    match = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    trace_id, flags = match.groups() if match else (identifiers.hexadecimal(32), "00")
    tracestate = headers.get("tracestate", "")
    return Trace(
        trace_id,
        f"00-{trace_id}-{identifiers.hexadecimal(16)}-{flags}",
        tracestate if match and tracestate and tracestate.isascii() else None,
    )


TOKEN_OPERATION: Final = "request_access_token"
"""The operation id of the token endpoint, which the contract does not have."""

_TOKEN_PATH: Final = "/oauth/token"
_API_VERSIONS: Final = ("2024-12-02", "2025-02-17", "2025-05-27", "2025-12-18", "upcoming-release")


def _check_version(version: str | None) -> None:
    if not version:
        raise problems.missing_header("Cint-API-Version")
    if version not in _API_VERSIONS:
        raise problems.bad_request(
            "The API version does not exist.", **{"Cint-API-Version": f"Must be one of {', '.join(_API_VERSIONS)}."}
        )


class _Routes:
    """Finds the route of a path in a tree of its segments."""

    def __init__(self) -> None:
        self._tree: dict[str, Any] = {}
        for prefix, routes in (("/v1", ROUTES), ("", FULFILLMENT_ROUTES)):
            for route in routes:
                node = self._tree
                for segment in f"{prefix}{route.path}".split("/"):
                    node = node.setdefault("{}" if segment.startswith("{") else segment, {})
                node.setdefault("", {})[route.method] = route

    def find(self, path: str) -> tuple[Mapping[str, Route], list[str]]:
        """Return the routes of a path by method, and the values of its parameters."""
        node: dict[str, Any] = self._tree
        values: list[str] = []
        for segment in path.split("/"):
            if segment in node and segment != "{}":
                node = node[segment]
            elif segment and "{}" in node:
                values.append(unquote(segment))
                node = node["{}"]
            else:
                return {}, []
        return node.get("", {}), values


_ROUTES: Final = _Routes()
_PARAMETER: Final = re.compile(r"{(\w+)}")


@attrs.frozen(kw_only=True)
class Arrival:
    """A request that has arrived."""

    recorded: RecordedRequest
    """Its record."""
    route: Route | None
    """Its route; None for an unknown path or method, and for the token endpoint."""
    allowed: tuple[str, ...]
    """The methods that its path allows; empty for an unknown path."""
    parameters: Mapping[str, str]
    """The path parameters by name."""
    trace: Trace
    """Its trace context."""


@attrs.frozen
class HandledRequest:
    """The response to a request, before it is sent."""

    status: int
    """The HTTP status."""
    headers: CIMultiDict[str]
    """The headers."""
    body: bytes
    """The body."""
    job_id: str = ""
    """The id of the job that the request created; empty if there is none."""


@attrs.define(kw_only=True)
class SandboxService:
    """Records requests and handles them."""

    state: SandboxState
    """The state that the handlers read and change."""
    tokens: Tokens
    """The issued tokens."""
    locations: Locations
    """The writer of `Location` headers."""
    rate_limit: RateLimit | None
    """The rate limit; None for none."""
    origin: str = ""
    """The origin of the server; empty while it is not running."""
    requests: list[RecordedRequest] = attrs.field(factory=list[RecordedRequest])
    """Every request, in the order of arrival."""
    _request_count: int = 0

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> RecordedAnswer:
        """Answer a request that did not arrive on a connection; see `Sandbox.answer`."""
        path, _, query = target.partition("?")
        fields = MultiDict(parse_qsl(query, keep_blank_values=True))
        arrival = self.receive(method, path, fields, CIMultiDict(headers))
        arrival.recorded.body = body
        handled = self.handle(arrival)
        self.add_default_headers(handled.status, handled.headers, arrival)
        answer = RecordedAnswer(status=handled.status, headers=handled.headers, body=handled.body)
        arrival.recorded.answer = answer
        return answer

    def receive(self, method: str, path: str, query: MultiMapping[str], headers: Mapping[str, str]) -> Arrival:
        """Record a request, and find its route.

        Args:
            method: The HTTP method.
            path: The percent-encoded path.
            query: The query parameters.
            headers: The headers; their names are case-insensitive.
        """
        routes, values = _ROUTES.find(path)
        route = routes.get(method)
        operation_id = None if route is None else route.operation_id
        allowed = tuple(sorted(routes))
        if path == _TOKEN_PATH:
            operation_id, allowed = TOKEN_OPERATION if method == "POST" else None, ("POST",)
        recorded = RecordedRequest(
            index=self._request_count,
            at=self.state.clock.now(),
            method=method,
            path=path,
            query=query,
            headers=headers,
            operation_id=operation_id,
        )
        self._request_count += 1
        self.requests.append(recorded)
        return Arrival(
            recorded=recorded,
            route=route,
            allowed=allowed,
            parameters=dict(zip(_PARAMETER.findall(route.path), values, strict=True)) if route else {},
            trace=join_trace(headers, self.state.identifiers),
        )

    def handle(self, arrival: Arrival) -> HandledRequest:
        """Handle a request whose body has arrived, without the default headers of its response."""
        try:
            return self._write(self._handle(arrival))
        except Problem as problem:
            return self.refuse(problem)

    def refuse(self, problem: Problem) -> HandledRequest:
        """Return the response for a problem."""
        body = problem.body(self.state.identifiers.uuid())
        return self._write(HandlerResponse(problem.status, body, problem.headers))

    def add_default_headers(self, status: int, headers: Any, arrival: Arrival) -> None:
        """Add the headers of every response; existing headers are kept.

        Args:
            status: The HTTP status of the response.
            headers: The headers of the response, which are changed.
            arrival: The request.
        """
        headers.setdefault("Date", format_datetime(self.state.clock.now(), usegmt=True))
        headers.setdefault("Server", "fieldingkit-sandbox")
        headers.setdefault("X-Request-Id", f"0HNSANDBOX000:{arrival.recorded.index:08X}")
        headers.setdefault("traceparent", arrival.trace.traceparent)
        if arrival.trace.tracestate is not None:
            headers.setdefault("tracestate", arrival.trace.tracestate)
        if status < HTTPStatus.BAD_REQUEST:
            # The real gateway sends 0 with successful responses; it does not mean that nothing is left.
            for name in ("Limit", "Remaining", "Reset"):
                headers.setdefault(f"X-Ratelimit-{name}", "0")

    def _handle(self, arrival: Arrival) -> HandlerResponse:
        recorded = arrival.recorded
        if recorded.operation_id == TOKEN_OPERATION:
            return HandlerResponse(*self.tokens.grant(recorded.json))
        if arrival.route is None:
            if arrival.allowed:
                raise problems.method_not_allowed(", ".join(arrival.allowed))
            raise problems.not_found("resource")
        self._authorize(recorded, arrival.route)
        with self.state.locked() as now:
            return arrival.route.handler(
                RequestContext(
                    state=self.state,
                    now=now,
                    recorded=recorded,
                    parameters=arrival.parameters,
                    trace_id=arrival.trace.trace_id,
                )
            )

    def _authorize(self, recorded: RecordedRequest, route: Route) -> None:
        authorization = recorded.headers.get("Authorization")
        if route in FULFILLMENT_ROUTES:
            self.tokens.check_key(authorization)
        else:
            self.tokens.check(authorization)
            _check_version(recorded.headers.get("Cint-API-Version"))
        if self.rate_limit is not None:
            self.rate_limit.take(recorded.at)

    def _write(self, response: HandlerResponse) -> HandledRequest:
        headers = CIMultiDict(response.headers)
        body = response.content
        if response.json is not None:
            body = json.dumps(response.json, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        if response.created is None:
            return HandledRequest(response.status, headers, body)
        # A response with a body has the id there.
        location = None if body else self.locations.header_for(response.created, self.origin)
        if location is not None:
            headers["Location"] = location
        return HandledRequest(response.status, headers, body, response.created.id)
