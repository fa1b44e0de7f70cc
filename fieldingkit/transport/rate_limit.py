"""How fast requests leave: one line for all calls of a client, first come, first served.

The line is as fast as the client is told to be. A 429 holds it for as long as the server asks, and halves its speed;
what goes well after that makes it faster again (additive increase, multiplicative decrease, as TCP does it). Without a
rate and without a 429 there is no line.
"""

import asyncio
from collections import OrderedDict
from functools import partial

from fieldingkit.clock import Clock, Timer
from fieldingkit.errors import DeadlineExceededError
from fieldingkit.transport.headers import retry_after
from fieldingkit.transport.http import Call, Response, Transport

__all__ = ["RateLimiter"]


_FIRST_GUESS = 10.0
"""Requests per second to begin with after the first 429 of a client that was told no rate; doubles every second."""
_SLOWEST = 0.1
"""Requests per second at least, however many 429s there are."""
_SECONDS_TO_RECOVER = 20.0
"""How long it takes to be twice as fast again after the speed was halved, if there is work all the time."""
_HOLD = 1.0
"""Seconds for which a 429 holds the line if it does not say for how long."""
_LONGEST_HOLD = 300.0
"""Seconds for which a 429 can hold the line at most; after that one request may find out whether it still stands."""
_CALM = 300.0
"""Seconds without a 429 after which a speed that was only learned is forgotten."""
_WORTH_A_REVIEW = 0.1
"""Seconds by which the line must be delayed before it is looked through for calls that will not make it any more."""


class RateLimiter:
    """Lets attempts pass one after the other, so that no more than so many leave in a second.

    Waiting here counts against the call's deadline, not against the attempt's time-out. A call whose turn cannot come
    before its deadline ends at once.
    """

    def __init__(self, inner: Transport, rate: float | None = None) -> None:
        self.rate: float | None = rate
        """Requests per second that may leave at present; None for no limit."""
        self._inner = inner
        self._ceiling = rate
        self._line: OrderedDict[asyncio.Future[float | None], Call] = OrderedDict()
        self._next = 0.0
        self._timer: Timer | None = None
        self._clock: Clock | None = None
        self._slowed = 0.0
        self._gain: float | None = None

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return len(self._line)

    @property
    def delay(self) -> float:
        """Seconds that a request would have to wait if it were made now."""
        if self.rate is None or self._clock is None:
            return 0.0
        return self._delay(len(self._line), self._clock.now(), self.rate)

    async def __call__(self, call: Call) -> Response:
        """Wait for the request's turn, then send it.

        Raises:
            DeadlineExceededError: if its turn cannot come before the call's deadline; nothing was sent.
        """
        if self.rate is None:
            response = await self._inner(call)
            if response.status == 429:
                self._slow_down(response, call, left=None)
            return response
        waited = await self._turn(call, self.rate)
        left = call.clock.now()
        response = await self._inner(call)
        if response.status == 429:
            self._slow_down(response, call, left=left)
        else:
            self._speed_up(call.clock.now(), waited=waited)
        return response

    def close(self) -> None:
        """Let all go that wait, since nothing will be sent any more."""
        self.rate = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._line:
            _go(self._line.popitem(last=False)[0])

    async def _turn(self, call: Call, rate: float) -> bool:
        """Wait for a turn; gives whether that took time."""
        self._clock = call.clock
        now = call.clock.now()
        if not self._line and self._next <= now:
            self._next = now + 1 / rate
            return False
        delay = self._delay(len(self._line), now, rate)
        if call.deadline is not None and now + delay > call.deadline:
            raise self._too_late(call, delay)
        turn: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        self._line[turn] = call
        self._set_timer(call.clock)
        try:
            too_long = await turn
        finally:
            self._line.pop(turn, None)
        if too_long is not None:
            raise self._too_late(call, too_long)
        return True

    def _delay(self, ahead: int, now: float, rate: float) -> float:
        return max(0.0, self._next - now) + ahead / rate

    def _set_timer(self, clock: Clock) -> None:
        if self._timer is None:
            self._timer = clock.call_later(max(0.0, self._next - clock.now()), partial(self._advance, clock))

    def _advance(self, clock: Clock) -> None:
        """Let those go whose turn it is."""
        self._timer = None
        now = clock.now()
        while self._line and self.rate is not None and self._next <= now:
            turn, _ = self._line.popitem(last=False)
            if not turn.done():
                # A late slot is made up for, but no more than one: a stall must not end in a burst.
                self._next = max(self._next, now - 1 / self.rate) + 1 / self.rate
                _go(turn)
        if self._line:
            self._set_timer(clock)

    def _slow_down(self, response: Response, call: Call, *, left: float | None) -> None:
        """A 429: hold the line, and go on more slowly.

        Args:
            response: The answer.
            call: The call that got it.
            left: When the request left; None if there was no line yet.
        """
        now = call.clock.now()
        asked = retry_after(response.headers)
        free = now + min(_HOLD if asked is None else asked, _LONGEST_HOLD)
        before, self._next = self._next, max(self._next, free)
        cut = False
        if self.rate is None:
            self.rate, self._gain, cut = _FIRST_GUESS, None, True
        elif left is not None and left >= self._slowed:
            # Requests that had left before the speed was last halved say nothing about the new one.
            self.rate, cut = max(_SLOWEST, self.rate / 2), True
            self._gain = self.rate / _SECONDS_TO_RECOVER
        if cut:
            self._slowed = now
        if cut or self._next - before > _WORTH_A_REVIEW:
            self._review(now, self.rate)

    def _speed_up(self, now: float, *, waited: bool) -> None:
        """A request went well: if the line holds calls up, make it faster."""
        if self.rate is None or self.rate == self._ceiling:
            return
        if self._ceiling is None and now - self._slowed > _CALM and not self._line:
            self.rate = None
        elif waited:
            # In a second there are `rate` of these: together they add the gain of a second, or double the first guess.
            self.rate += 1.0 if self._gain is None else self._gain / self.rate
            if self._ceiling is not None:
                self.rate = min(self.rate, self._ceiling)

    def _review(self, now: float, rate: float) -> None:
        """Tell those at once who will not have their turn in time any more."""
        ahead = 0
        for turn, call in list(self._line.items()):
            delay = self._delay(ahead, now, rate)
            if call.deadline is not None and now + delay > call.deadline:
                del self._line[turn]
                _go(turn, delay)
            else:
                ahead += 1

    def _too_late(self, call: Call, delay: float) -> DeadlineExceededError:
        left = call.remaining() or 0.0
        return DeadlineExceededError(
            f"its turn would come in {delay:.3g} s, and {left:.3g} s are left: {len(self._line)} requests are waiting, "
            f"and {self.rate or 0.0:.3g} may leave in a second",
            sent=False,
            retry_after=delay,
        )


def _go(turn: "asyncio.Future[float | None]", too_long: float | None = None) -> None:
    if not turn.done():
        turn.set_result(too_long)
