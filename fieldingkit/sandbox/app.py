"""The aiohttp application of a sandbox: bodies, faults and connections."""

from typing import Final

import attrs
from aiohttp import web

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.faults.base import CREATED_JOB, Exchange
from fieldingkit.sandbox.faults.plan import FaultPlan
from fieldingkit.sandbox.problems import Problem
from fieldingkit.sandbox.recording import RecordedAnswer
from fieldingkit.sandbox.service import Arrival, HandledRequest, SandboxService

__all__ = ["SandboxApp"]


_MAX_BODY_BYTES: Final = 64 * 2**20


@attrs.define(kw_only=True)
class SandboxApp:
    """The HTTP side of a sandbox."""

    service: SandboxService
    """The API behind it."""
    faults: FaultPlan
    """The faults to inject."""

    def application(self) -> web.Application:
        """Create an aiohttp application that serves every path."""
        application = web.Application(client_max_size=_MAX_BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", self._serve)
        return application

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        service = self.service
        arrival = service.receive(request.method, request.rel_url.raw_path, request.query, request.headers)
        response = await self._respond(request, arrival)
        service.add_default_headers(response.status, response.headers, arrival)
        if request.transport is not None and not request.transport.is_closing():
            body = response.body if isinstance(response, web.Response) else None
            arrival.recorded.answer = RecordedAnswer(
                status=response.status,
                headers=response.headers.copy(),
                body=body if isinstance(body, bytes) else b"",
            )
        return response

    async def _respond(self, request: web.Request, arrival: Arrival) -> web.StreamResponse:
        """Return the response to a request, or that of the fault that is due."""
        service, recorded = self.service, arrival.recorded
        try:
            recorded.body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(problems.too_large())
        except web.RequestPayloadError:
            return self._refuse(problems.bad_request("The request body cannot be read."))

        async def proceed() -> web.Response:
            response = _to_web_response(service.handle(arrival))
            service.add_default_headers(response.status, response.headers, arrival)
            return response

        recorded.fault = self.faults.take(recorded.operation_id or "")
        if recorded.fault is None:
            return await proceed()
        return await recorded.fault.inject(
            Exchange(
                request=request,
                index=recorded.index,
                parameters=arrival.parameters,
                state=service.state,
                tokens=service.tokens,
                proceed=proceed,
            )
        )

    def _refuse(self, problem: Problem) -> web.Response:
        return _to_web_response(self.service.refuse(problem))


def _to_web_response(handled: HandledRequest) -> web.Response:
    response = web.Response(status=handled.status, headers=handled.headers, body=handled.body or None)
    if handled.job_id:
        response[CREATED_JOB] = handled.job_id
    return response
