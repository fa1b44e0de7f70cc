"""The aiohttp application of a sandbox: recording, authorization, rate limit, tracing and faults."""

import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Final, cast

import attrs
from aiohttp import web

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.faults.base import CREATED_JOB, Exchange
from fieldingkit.sandbox.faults.plan import FaultPlan
from fieldingkit.sandbox.formats import Identifiers
from fieldingkit.sandbox.locations import Locations
from fieldingkit.sandbox.model.state import SandboxState
from fieldingkit.sandbox.problems import Problem
from fieldingkit.sandbox.recording import RecordedAnswer, RecordedRequest
from fieldingkit.sandbox.routes import ROUTES, Route
from fieldingkit.sandbox.tokens import Tokens

__all__ = ["TOKEN_OPERATION", "RateLimit", "SandboxApp", "Trace", "join_trace"]


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

_API_VERSIONS: Final = ("2024-12-02", "2025-02-17", "2025-05-27", "2025-12-18", "upcoming-release")
_MAX_BODY_BYTES: Final = 64 * 2**20
_RECORDED: Final = web.RequestKey("recorded", RecordedRequest)
_TRACE: Final = web.RequestKey("trace", Trace)


@attrs.define(kw_only=True)
class SandboxApp:
    """The HTTP side of a sandbox."""

    state: SandboxState
    """The state that the handlers read and change."""
    tokens: Tokens
    """The issued tokens."""
    faults: FaultPlan
    """The faults to inject."""
    locations: Locations
    """The writer of `Location` headers."""
    rate_limit: RateLimit | None
    """The rate limit; None for none."""
    origin: str = ""
    """The origin of the server; empty while it is not running."""
    requests: list[RecordedRequest] = attrs.field(factory=list[RecordedRequest])
    """Every request, in the order of arrival."""
    _request_count: int = 0

    def application(self) -> web.Application:
        """Create an aiohttp application that serves every route."""
        application = web.Application(middlewares=[self._middleware], client_max_size=_MAX_BODY_BYTES)
        for route in ROUTES:
            application.router.add_route(
                route.method, f"/v1{route.path}", self._endpoint(route), name=route.operation_id
            )
        application.router.add_post("/oauth/token", self._grant_token, name=TOKEN_OPERATION)
        return application

    @web.middleware
    async def _middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        now = self.state.clock.now()
        recorded = request[_RECORDED] = self._record(request, now)
        trace = request[_TRACE] = join_trace(request.headers, self.state.identifiers)

        async def proceed() -> web.Response:
            try:
                if recorded.operation_id not in {None, TOKEN_OPERATION}:
                    self._authorize(recorded, now)
                response = cast("web.Response", await handler(request))
            except Problem as problem:
                response = self._problem_response(problem)
            except web.HTTPException as error:
                response = self._problem_response(_to_problem(error))
            self._add_default_headers(response, recorded, trace)
            return response

        try:
            recorded.body = await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            response: web.StreamResponse = self._problem_response(_to_problem(error))
        except web.RequestPayloadError:
            response = self._problem_response(problems.bad_request("The request body cannot be read."))
        else:
            recorded.fault = self.faults.take(recorded.operation_id or "")
            if recorded.fault is None:
                response = await proceed()
            else:
                response = await recorded.fault.inject(
                    Exchange(
                        request=request,
                        index=recorded.index,
                        state=self.state,
                        tokens=self.tokens,
                        proceed=proceed,
                    )
                )
        self._add_default_headers(response, recorded, trace)
        if request.transport is not None and not request.transport.is_closing():
            body = response.body if isinstance(response, web.Response) else None
            recorded.answer = RecordedAnswer(
                status=response.status,
                headers=response.headers.copy(),
                body=body if isinstance(body, bytes) else b"",
            )
        return response

    def _record(self, request: web.Request, now: datetime) -> RecordedRequest:
        recorded = RecordedRequest(
            index=self._request_count,
            at=now,
            method=request.method,
            path=request.rel_url.raw_path,
            query=request.query,
            headers=request.headers,
            operation_id=request.match_info.route.name,
        )
        self._request_count += 1
        self.requests.append(recorded)
        return recorded

    def _authorize(self, recorded: RecordedRequest, now: datetime) -> None:
        self.tokens.check(recorded.headers.get("Authorization"))
        version = recorded.headers.get("Cint-API-Version")
        if not version:
            raise problems.missing_header("Cint-API-Version")
        if version not in _API_VERSIONS:
            raise problems.bad_request(
                "The API version does not exist.", **{"Cint-API-Version": f"Must be one of {', '.join(_API_VERSIONS)}."}
            )
        if self.rate_limit is not None:
            self.rate_limit.take(now)

    def _endpoint(self, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def endpoint(request: web.Request) -> web.Response:
            with self.state.locked() as now:
                result = route.handler(
                    RequestContext(
                        state=self.state,
                        now=now,
                        recorded=request[_RECORDED],
                        parameters=dict(request.match_info),
                        trace_id=request[_TRACE].trace_id,
                    )
                )
            return self._to_web_response(result)

        return endpoint

    async def _grant_token(self, request: web.Request) -> web.Response:
        return self._to_web_response(HandlerResponse(*self.tokens.grant(request[_RECORDED].json)))

    def _to_web_response(self, result: HandlerResponse) -> web.Response:
        response = web.Response(status=result.status, headers=result.headers)
        if result.json is not None:
            response.body = json.dumps(result.json, separators=(",", ":")).encode()
            response.content_type = "application/json"
        if result.created is not None:
            response[CREATED_JOB] = result.created.id
            location = self.locations.header_for(result.created, self.origin)
            if location is not None:
                response.headers["Location"] = location
        return response

    def _problem_response(self, problem: Problem) -> web.Response:
        return self._to_web_response(
            HandlerResponse(problem.status, problem.body(self.state.identifiers.uuid()), problem.headers)
        )

    def _add_default_headers(self, response: web.StreamResponse, recorded: RecordedRequest, trace: Trace) -> None:
        """Add the headers of every response; existing headers are kept."""
        headers = response.headers
        headers.setdefault("Date", format_datetime(self.state.clock.now(), usegmt=True))
        headers.setdefault("Server", "fieldingkit-sandbox")
        headers.setdefault("X-Request-Id", f"0HNSANDBOX000:{recorded.index:08X}")
        headers.setdefault("traceparent", trace.traceparent)
        if trace.tracestate is not None:
            headers.setdefault("tracestate", trace.tracestate)
        if response.status < HTTPStatus.BAD_REQUEST:
            # The real gateway sends 0 with successful responses; it does not mean that nothing is left.
            for name in ("Limit", "Remaining", "Reset"):
                headers.setdefault(f"X-Ratelimit-{name}", "0")


def _to_problem(error: web.HTTPException) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        return problems.method_not_allowed(", ".join(sorted(error.allowed_methods)))
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return problems.too_large()
    return problems.not_found("resource")
