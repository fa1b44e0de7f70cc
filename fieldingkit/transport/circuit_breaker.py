"""A server that has stopped talking is left alone for a while, and then asked once whether it is back."""

import random
from typing import Any, cast

from fieldingkit.errors import CircuitOpenError, DeadlineExceededError, TransportError
from fieldingkit.transport.http import Call, Request, Response, Transport
from fieldingkit.transport.problem import read_problem

__all__ = ["Breaker", "is_silence"]


def is_silence(outcome: Response | TransportError) -> bool:
    """Whether the API itself said nothing: there was no answer, or only one that a gateway made up in its place."""
    if isinstance(outcome, TransportError):
        return outcome.retryable
    if outcome.status < 500:
        return False
    fields = read_problem(outcome.body).raw
    return not (isinstance(fields, dict) and "object" in cast("dict[str, Any]", fields))


class Breaker:
    """Lets attempts through until too many in a row met with silence; then one at a time, after a pause.

    Args:
        inner: Sends the attempt.
        after: How many attempts in a row.
        pause: Seconds to leave the server alone at most; drawn from the upper half of it.
    """

    def __init__(self, inner: Transport, *, after: int, pause: float) -> None:
        self._inner = inner
        self._after = after
        self._pause = pause
        self._failures = 0
        self._last = ""
        self._open_until: float | None = None
        self._probing = False

    async def __call__(self, request: Request, call: Call) -> Response:
        """Send once.

        Raises:
            CircuitOpenError: if the server is being left alone.
        """
        probe = self._open_until is not None
        if probe:
            self._admit(call.clock.now())
        before = len(call.attempts)
        try:
            response = await self._inner(request, call)
        except TransportError as exc:
            # A call in a hurry says nothing about the server, nor does one that was not sent for want of a token.
            if not isinstance(exc, DeadlineExceededError) and len(call.attempts) > before:
                self._learn(exc, call.clock.now(), probe=probe)
            raise
        else:
            if self._failures or response.status >= 500:
                self._learn(response, call.clock.now(), probe=probe)
            return response
        finally:
            if probe:
                self._probing = False

    def _admit(self, now: float) -> None:
        """Let this attempt be the one that finds out, or refuse it."""
        left = (self._open_until or now) - now
        if left <= 0 and not self._probing:
            self._probing = True
            return
        wait = max(left, 0.0)
        raise CircuitOpenError(
            f"the server did not answer {self._failures} times in a row (last: {self._last}); "
            f"it is left alone for another {wait:.3g} s",
            sent=False,
            retry_after=wait,
        )

    def _learn(self, outcome: Response | TransportError, now: float, *, probe: bool) -> None:
        if not is_silence(outcome):
            self._failures, self._open_until = 0, None
            return
        self._failures += 1
        self._last = outcome.message if isinstance(outcome, TransportError) else str(outcome.status)
        if self._failures >= self._after and (probe or self._open_until is None):
            self._open_until = now + self._pause * random.uniform(0.5, 1.0)
