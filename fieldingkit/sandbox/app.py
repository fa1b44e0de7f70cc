"""The API's front door: it records, authorises and limits requests, and puts faults in their way."""

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
from fieldingkit.sandbox.faults.base import CREATED_JOB, Exchange, FaultPlan
from fieldingkit.sandbox.formats import Identifiers
from fieldingkit.sandbox.locations import Locations
from fieldingkit.sandbox.model.state import SandboxState
from fieldingkit.sandbox.problems import Problem
from fieldingkit.sandbox.recording import RecordedAnswer, RecordedRequest
from fieldingkit.sandbox.routes import ROUTES, Route
from fieldingkit.sandbox.tokens import Tokens

__all__ = ["TOKEN_OPERATION", "RateLimit", "SandboxApp", "Trace", "join_trace"]


class RateLimit:
    """A token bucket that holds one second's worth of requests.

    Args:
        rate: How many requests a second it lets through.
    """

    def __init__(self, rate: float) -> None:
        if rate <= 0:
            raise ValueError("the rate has to be greater than zero")
        self._rate = rate
        self._room = self._capacity = max(1.0, rate)
        self._filled_at: datetime | None = None

    def take(self, now: datetime) -> None:
        """Let a request through, or answer 429 with the whole seconds until there is room again."""
        if self._filled_at is not None:
            passed = (now - self._filled_at).total_seconds()
            self._room = min(self._capacity, self._room + passed * self._rate)
        self._filled_at = now
        if self._room < 1:
            raise problems.too_many_requests(max(1, math.ceil((1 - self._room) / self._rate)))
        self._room -= 1


_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?")


@attrs.frozen
class Trace:
    """The trace that one exchange belongs to."""

    trace_id: str
    """32 hexadecimal digits."""
    traceparent: str
    """The header that the answer carries: the same trace, our own span."""
    tracestate: str | None
    """The header that the answer carries back as it came."""


def join_trace(headers: Mapping[str, str], identifiers: Identifiers) -> Trace:
    """Go on with the trace that a request names, or begin a new one if it names no valid one.

    Args:
        headers: The request's headers.
        identifiers: Where new ids come from.
    """
    match = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    trace_id, flags = match.groups() if match else (identifiers.hexadecimal(32), "00")
    return Trace(
        trace_id,
        f"00-{trace_id}-{identifiers.hexadecimal(16)}-{flags}",
        headers.get("tracestate") if match else None,
    )


TOKEN_OPERATION: Final = "request_access_token"
"""The operation id of the token endpoint; a name of our own, since the contract has none."""

_API_VERSION: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|upcoming-release")
_MAX_BODY_BYTES: Final = 64 * 2**20
_RECORDED: Final = web.RequestKey("recorded", RecordedRequest)
_TRACE: Final = web.RequestKey("trace", Trace)


@attrs.define(kw_only=True)
class SandboxApp:
    """The HTTP side of a sandbox."""

    state: SandboxState
    """The state behind it."""
    tokens: Tokens
    """Who may come in."""
    faults: FaultPlan
    """What goes wrong."""
    locations: Locations
    """How `Location` headers are written."""
    rate_limit: RateLimit | None
    """How much it lets through."""
    origin: str = ""
    """Its own origin, once it is bound to a port."""
    requests: list[RecordedRequest] = attrs.field(factory=list[RecordedRequest])
    """Every request that came, in the order of arrival."""
    _arrived: int = 0

    def application(self) -> web.Application:
        """A new aiohttp application that serves every route."""
        application = web.Application(middlewares=[self._middleware], client_max_size=_MAX_BODY_BYTES)
        for route in ROUTES:
            application.router.add_route(
                route.method, f"/v1{route.path}", self._operation(route), name=route.operation_id
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
                response = self._refusal(problem)
            except web.HTTPException as error:
                response = self._refusal(_problem_of(error))
            self._add_default_headers(response, recorded, trace)
            return response

        try:
            recorded.body = await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            response: web.StreamResponse = self._refusal(_problem_of(error))
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
            index=self._arrived,
            at=now,
            method=request.method,
            path=request.rel_url.raw_path,
            query=request.query,
            headers=request.headers,
            operation_id=request.match_info.route.name,
        )
        self._arrived += 1
        self.requests.append(recorded)
        return recorded

    def _authorize(self, recorded: RecordedRequest, now: datetime) -> None:
        self.tokens.check(recorded.headers.get("Authorization"))
        version = recorded.headers.get("Cint-API-Version")
        if not version:
            raise problems.missing_header("Cint-API-Version")
        if not _API_VERSION.fullmatch(version):
            raise problems.bad_request("The API version is malformed.", **{"Cint-API-Version": "It has to be a date."})
        if self.rate_limit is not None:
            self.rate_limit.take(now)

    def _operation(self, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def operation(request: web.Request) -> web.Response:
            with self.state.locked() as now:
                reply = route.handler(
                    RequestContext(
                        state=self.state,
                        now=now,
                        recorded=request[_RECORDED],
                        parameters=dict(request.match_info),
                        trace_id=request[_TRACE].trace_id,
                    )
                )
            return self._answer(reply)

        return operation

    async def _grant_token(self, request: web.Request) -> web.Response:
        return self._answer(HandlerResponse(*self.tokens.grant(request[_RECORDED].json)))

    def _answer(self, reply: HandlerResponse) -> web.Response:
        response = web.Response(status=reply.status, headers=reply.headers)
        if reply.json is not None:
            response.body = json.dumps(reply.json, separators=(",", ":")).encode()
            response.content_type = "application/json"
        if reply.created is not None:
            response[CREATED_JOB] = reply.created.id
            location = self.locations.of(reply.created, self.origin)
            if location is not None:
                response.headers["Location"] = location
        return response

    def _refusal(self, problem: Problem) -> web.Response:
        return self._answer(
            HandlerResponse(problem.status, problem.body(self.state.identifiers.uuid()), problem.headers)
        )

    def _add_default_headers(self, response: web.StreamResponse, recorded: RecordedRequest, trace: Trace) -> None:
        """Give an answer the headers that every answer has; what is there already stays."""
        headers = response.headers
        headers.setdefault("Date", format_datetime(self.state.clock.now(), usegmt=True))
        headers.setdefault("Server", "fieldingkit-sandbox")
        headers.setdefault("X-Request-Id", f"0HNSANDBOX000:{recorded.index:08X}")
        headers.setdefault("traceparent", trace.traceparent)
        if trace.tracestate is not None:
            headers.setdefault("tracestate", trace.tracestate)
        if response.status < HTTPStatus.BAD_REQUEST:
            # As the real app does, and on healthy answers: 0 does not mean that nothing is left.
            for name in ("Limit", "Remaining", "Reset"):
                headers.setdefault(f"X-Ratelimit-{name}", "0")


def _problem_of(error: web.HTTPException) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        return problems.method_not_allowed(", ".join(sorted(error.allowed_methods)))
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return problems.too_large()
    return problems.not_found("resource")
