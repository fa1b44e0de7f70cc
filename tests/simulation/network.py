"""The simulated network: a fate for each attempt, and the bottom transport of every client."""

import asyncio
import random
from contextvars import Context
from functools import partial
from typing import Any

import attrs

from fieldingkit.errors import ConnectionFailedError, TransportError
from fieldingkit.sandbox import RecordedAnswer
from fieldingkit.transport.http import Call, Response
from simulation.loop import SimulatedLoop
from simulation.machine import MACHINE
from simulation.server import Server
from simulation.worlds import World

__all__ = ["Network"]


@attrs.frozen
class _Fate:
    """What happens to one attempt; times are seconds after the send."""

    arrives: float | None
    """When the server receives it; None for never."""
    returns: float | None
    """When the client receives the answer or the failure; None for never."""
    breaks: bool = False
    """Whether the client sees the connection break instead of an answer."""
    refused: bool = False
    """Whether no connection is opened, so that nothing is sent."""
    answer: tuple[int, dict[str, str], bytes] | None = None
    """An answer instead of the server's."""


class Network:
    """The way from all clients to one API.

    Args:
        loop: The loop.
        world: The faults.
        chance: The source of random numbers.
        server: The API.
    """

    def __init__(self, loop: SimulatedLoop, world: World, chance: random.Random, server: Server) -> None:
        self.quiet = False
        """True after the faults have ended."""
        self.faults = 0
        """The number of attempts with a fault."""
        self.forbidden: tuple[str, ...] = ()
        """The projects that answer 403."""
        self._loop = loop
        self._world = world
        self._chance = chance
        self._server = server

    async def __call__(self, call: Call) -> Response:
        """Send a call's request once."""
        machine = MACHINE.get()
        assert machine is not None
        request = call.request
        operation = request.operation_id
        limit, too_late = call.allowance(call.clock.now())
        if limit is not None and limit <= 0:
            raise too_late("no time was left to send the request", sent=False)
        self._server.note_key(request.headers.get("Idempotency-Key"))
        if machine.step(f"send {_kind(operation)} {request.target}"):
            await machine.hang()
        headers = {**request.headers, **call.headers}
        if call.authorization is not None:
            headers["Authorization"] = call.authorization.reveal()
        fate = self._fate(operation, request.target)
        if fate.refused:
            self._note(machine, operation, "refused")
            await asyncio.sleep(0.005)
            raise ConnectionFailedError("no connection: refused", sent=False)
        answered: asyncio.Future[RecordedAnswer] = self._loop.create_future()
        serve = partial(
            self._serve,
            machine=machine.name,
            method=request.method,
            target=f"/v1{request.target}",
            headers=headers,
            body=request.body or b"",
            operation=operation,
            fate=fate,
            answered=answered,
        )
        outside = Context()
        if fate.arrives is not None:
            self._loop.call_later(fate.arrives, serve, context=outside)
        if fate.breaks:
            error = TransportError("the connection broke", sent=True)
            self._loop.call_later(fate.returns or 0.0, _fail, answered, error, context=outside)
        elif fate.arrives is None and fate.answer is not None:
            self._loop.call_later(fate.returns or 0.0, _answer, answered, self._spurious(fate), context=outside)
        if limit is not None:
            late = too_late(f"no response within {limit:.3g} s", sent=True)
            self._loop.call_later(limit, _fail, answered, late, context=outside)
        answer = await answered
        if machine.step(f"recv {_kind(operation)} {answer.status}"):
            await machine.hang()
        self._server.seen(machine.name, answer)
        return Response(answer.status, dict(answer.headers), answer.body)

    def _serve(
        self,
        *,
        machine: str,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes,
        operation: str,
        fate: _Fate,
        answered: "asyncio.Future[RecordedAnswer]",
    ) -> None:
        answer = self._server.answer(machine, method, target, headers, body)
        if fate.breaks or fate.returns is None:
            return
        if fate.answer is not None:
            answer = self._spurious(fate)
        back = max(0.0, fate.returns - (fate.arrives or 0.0))
        self._loop.call_later(back, _answer, answered, answer, context=Context())

    def _spurious(self, fate: _Fate) -> RecordedAnswer:
        assert fate.answer is not None
        status, headers, body = fate.answer
        return RecordedAnswer(status=status, headers={"Date": self._server.date(), **headers}, body=body)

    def _fate(self, operation: str, target: str) -> _Fate:
        world, chance = self._world, self._chance
        one_way = (0.005, 0.02, 0.1)[int(chance.random() * 3)]
        back = (0.005, 0.02, 0.1)[int(chance.random() * 3)]
        luck, kind = chance.random(), chance.random()
        amount = chance.random()
        plain = _Fate(arrives=one_way, returns=one_way + back)
        if self.quiet:
            return plain
        now = self._loop.time()
        for project in self.forbidden:
            if f"/projects/{project}/" in target:
                return _Fate(arrives=None, returns=one_way + back, answer=_problem(403, "authorization_error"))
        fault: str | None = None
        for outage in world.outages:
            if outage.begins <= now < outage.ends and not (outage.writes_only and not _is_write(operation)):
                fault = outage.kind
        if fault is None and world.fault_kinds and luck < world.fault_rate:
            fault = world.fault_kinds[int(kind * len(world.fault_kinds))]
        if fault is None:
            return plain
        self.faults += 1
        return self._faulty(fault, one_way, back, amount)

    @staticmethod
    def _faulty(fault: str, one_way: float, back: float, amount: float) -> _Fate:
        returns = one_way + back
        match fault:
            case "refused":
                return _Fate(arrives=None, returns=0.0, refused=True)
            case "drop before":
                return _Fate(arrives=None, returns=returns, breaks=True)
            case "drop after":
                return _Fate(arrives=one_way, returns=returns, breaks=True)
            case "late":
                return _Fate(arrives=one_way + 0.3 * (20 / 0.3) ** amount, returns=one_way, breaks=True)
            case "slow":
                return _Fate(arrives=one_way, returns=one_way + 1.0 * 60**amount)
            case "429":
                seconds = str(1 + int(amount * 5))
                return _Fate(
                    arrives=None, returns=returns, answer=_problem(429, "too_many_requests", {"Retry-After": seconds})
                )
            case "503" | "401":
                return _Fate(arrives=None, returns=returns, answer=_problem(int(fault), "fault"))
            case "503 after" | "500 after":
                return _Fate(arrives=one_way, returns=returns, answer=_problem(int(fault[:3]), "fault"))
            case _:  # a page of a gateway
                page = (502, {"Content-Type": "text/html"}, b"<html>bad gateway</html>")
                return _Fate(arrives=None, returns=returns, answer=page)

    @staticmethod
    def _note(machine: Any, operation: str, what: str) -> None:
        machine.step(f"{what} {_kind(operation)}")


def _problem(status: int, kind: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    body = f'{{"object":"{kind}","detail":"a fault"}}'.encode()
    return status, {"Content-Type": "application/json", **(headers or {})}, body


def _is_write(operation: str) -> bool:
    return operation.startswith(("create_", "update_"))


def _kind(operation: str) -> str:
    if operation.startswith("create_bulk"):
        return "create"
    if operation.startswith("get_bulk"):
        return "poll"
    return "read" if not _is_write(operation) else operation


def _answer(future: "asyncio.Future[RecordedAnswer]", answer: RecordedAnswer) -> None:
    if not future.done():
        future.set_result(answer)


def _fail(future: "asyncio.Future[RecordedAnswer]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
