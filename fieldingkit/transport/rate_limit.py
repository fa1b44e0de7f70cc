"""Adaptive rate limiter: one queue for all calls of a client, first come, first served.

Requests leave at ``rate``. A 429 response holds the queue for as long as the server asks, and halves its rate;
successful requests raise the rate again. Without a rate and without a 429 there is no queue.
"""

import asyncio
import math
from collections import OrderedDict
from functools import partial

from fieldingkit.clock import Clock, Timer
from fieldingkit.errors import ClientClosedError, DeadlineExceededError
from fieldingkit.transport.headers import retry_after
from fieldingkit.transport.http import Call, Response, Transport

__all__ = ["RateLimiter"]

_FIRST_RATE = 10.0
"""Requests per second after the first 429 of a client without a rate."""
_LOWEST_RATE = 0.1
"""Requests per second at least, after any number of 429s."""
_GAIN = 0.01
"""The part of the rate that each request adds if it waited and succeeded; 70 of them double the rate.

A part of the rate, because a 429 takes a part too: with a fixed step, one 429 in a hundred would hold any client at 8
requests per second.
"""
_LARGEST_GAIN = 0.5
"""Requests per second that such a request adds at most, so that a high rate does not pass the limit by much."""
_HOLD = 1.0
"""Seconds for which a 429 without ``Retry-After`` holds the queue."""


class RateLimiter:
    """The transport that lets attempts leave one after the other, at a rate.

    Waiting counts against the call's deadline, not against the attempt's timeout. A call whose turn would come after
    its deadline ends at once.
    """

    def __init__(self, inner: Transport, rate: float | None = None) -> None:
        self.rate: float | None = rate
        """Requests per second that may leave at present; None for no limit."""
        self._inner = inner
        self._ceiling = rate
        self._queue: OrderedDict[asyncio.Future[None], Call] = OrderedDict()
        self._next = 0.0
        """The moment of the next free turn."""
        self._timer: Timer | None = None
        self._clock: Clock | None = None
        self._slowed = 0.0
        """The moment at which the rate was last lowered."""
        self._held_paths: dict[str, float] = {}
        """The moment until which each kind of path is held that the API refuses for longer than a call waits."""
        self._held: set[asyncio.Future[None]] = set()
        """The calls that wait for their kind of path."""

    @property
    def waiting(self) -> int:
        """The number of requests that wait for their turn."""
        return len(self._queue)

    @property
    def delay(self) -> float:
        """Seconds that a new request would wait."""
        if self.rate is None or self._clock is None:
            return 0.0
        return self._delay(len(self._queue), self._clock.now(), self.rate)

    async def __call__(self, call: Call) -> Response:
        """Wait for the call's turn, then send it.

        Raises:
            DeadlineExceededError: if its turn cannot come before the call's deadline; nothing was sent.
            ClientClosedError: if the client is closed while it waits.
        """
        if self._held_paths:
            await self._wait_for_path(call)
        waited = self.rate is not None and await self._wait_for_turn(call, self.rate)
        left = 0.0 if self.rate is None else call.clock.now()
        response = await self._inner(call)
        if response.status == 429:
            self._slow_down(call, response, left)
        elif waited and self.rate is not None:
            self.rate = min(self.rate + min(self.rate * _GAIN, _LARGEST_GAIN), self._ceiling or math.inf)
        return response

    def close(self) -> None:
        """End all waits; their calls raise ClientClosedError."""
        self.rate = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for turn in (*self._queue, *self._held):
            _refuse(turn, ClientClosedError("the client was closed while the call waited for its turn"))
        self._queue.clear()

    async def _wait_for_path(self, call: Call) -> None:
        """Wait until the call's kind of path is not held any more."""
        kind, now = _kind_of_path(call), call.clock.now()
        until = self._held_paths.get(kind, 0.0)
        if until <= now:
            self._held_paths.pop(kind, None)
            return
        if call.deadline is not None and until > call.deadline:
            raise self._too_late(call, until - now)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held.add(turn)
        timer = call.clock.call_later(until - now, partial(_give, turn))
        try:
            await turn
        finally:
            timer.cancel()
            self._held.discard(turn)
        call.delay += until - now

    async def _wait_for_turn(self, call: Call, rate: float) -> bool:
        """Wait for a turn; return True if that took time."""
        self._clock = call.clock
        now = call.clock.now()
        if not self._queue and self._next <= now:
            self._next = now + 1 / rate
            return False
        delay = self._delay(len(self._queue), now, rate)
        if call.deadline is not None and now + delay > call.deadline:
            raise self._too_late(call, delay)
        await self._wait(call)
        call.delay += call.clock.now() - now
        return True

    async def _wait(self, call: Call) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue[turn] = call
        if self._timer is None:
            self._set_timer(call.clock)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and self.rate is not None:
                self._next -= 1 / self.rate  # the call had its turn and does not use it
                self._set_timer(call.clock)
            raise
        finally:
            self._queue.pop(turn, None)

    def _delay(self, ahead: int, now: float, rate: float) -> float:
        return max(0.0, self._next - now) + ahead / rate

    def _set_timer(self, clock: Clock) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = clock.call_later(max(0.0, self._next - clock.now()), partial(self._advance, clock))

    def _advance(self, clock: Clock) -> None:
        """Give the next calls their turn."""
        self._timer = None
        now = clock.now()
        while self._queue and self.rate is not None and self._next <= now:
            turn, _ = self._queue.popitem(last=False)
            if not turn.done():
                # A late turn is made up for, but no more than one: a blocked loop must not end in a burst.
                self._next = max(self._next, now - 1 / self.rate) + 1 / self.rate
                _give(turn)
        if self._queue:
            self._set_timer(clock)

    def _slow_down(self, call: Call, response: Response, left: float) -> None:
        """Hold the queue after a 429, and lower its rate."""
        now = call.clock.now()
        hold = retry_after(response.headers)
        if hold is not None and hold > call.retry.max_retry_after:
            # Not a matter of pace: a quota of this kind of path, maybe of a day. Other paths are not concerned.
            self._held_paths[_kind_of_path(call)] = now + call.retry.max_retry_after
            return
        if self.rate is None:
            self.rate, self._slowed = _FIRST_RATE, now
        elif left >= self._slowed:
            # Requests that had left before the rate was last lowered say nothing about the new rate.
            self.rate, self._slowed = max(_LOWEST_RATE, self.rate / 2), now
        self._next = max(self._next, now + (_HOLD if hold is None else hold))
        self._refuse_late(now, self.rate)

    def _refuse_late(self, now: float, rate: float) -> None:
        """End the calls whose turn would now come after their deadline."""
        ahead = 0
        for turn, call in list(self._queue.items()):
            delay = self._delay(ahead, now, rate)
            if call.deadline is not None and now + delay > call.deadline:
                del self._queue[turn]
                _refuse(turn, self._too_late(call, delay))
            else:
                ahead += 1

    def _too_late(self, call: Call, delay: float) -> DeadlineExceededError:
        return DeadlineExceededError(
            f"the rate limiter's next turn is in {delay:.3g} s, and {call.remaining() or 0.0:.3g} s are left; "
            f"{len(self._queue)} requests wait, and {self.rate or 0.0:.3g} per second may leave",
            sent=False,
            retry_after=delay,
        )


def _give(turn: "asyncio.Future[None]") -> None:
    if not turn.done():
        turn.set_result(None)


def _refuse(turn: "asyncio.Future[None]", error: Exception) -> None:
    if not turn.done():
        turn.set_exception(error)


def _kind_of_path(call: Call) -> str:
    """Return the path template of a command, or the path of a request that has no command."""
    return call.request.template or call.request.target.partition("?")[0]
