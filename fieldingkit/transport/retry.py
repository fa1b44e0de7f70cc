"""Retries: decide which failures are retried and when, within the call's deadline and the client's retry budget."""

import asyncio
import logging
import math
from typing import Any, NamedTuple, Protocol

from fieldingkit.errors import (
    AmbiguousOutcomeError,
    ClientClosedError,
    ConnectionFailedError,
    DeadlineExceededError,
    FieldingKitError,
    RequestTimeoutError,
    RetryBudgetExhaustedError,
    TransportError,
)
from fieldingkit.idempotency import RetrySafety
from fieldingkit.transport.delays import retry_delays
from fieldingkit.transport.headers import retry_after
from fieldingkit.transport.http import Call, Request, Response, Transport
from fieldingkit.transport.problem import is_definite, is_transient
from fieldingkit.transport.retry_policy import RetryPolicy
from fieldingkit.transport.telemetry.semconv import error_type

__all__ = ["Retry", "RetryBudget", "RetryDecision", "decide"]

_logger = logging.getLogger("fieldingkit.retry")

_ATTEMPTS_WITHOUT_DEADLINE = 8
"""Sends of a call that has no deadline, unless the policy names a number."""
_ATTEMPTS_TO_CONNECT = 4
"""Sends of a call that cannot connect to an API that never responded: the base URL may be wrong."""
_LONGEST_BUDGET_WAIT = 120.0
"""Seconds that a call without a deadline waits for the retry budget at most."""
_REFUND = 0.2
"""Retries that a successful call gives back to the budget."""

Outcome = Response | TransportError


class RetryDecision(NamedTuple):
    """The consequences of one attempt's outcome."""

    retry: bool
    """True if the request may be sent again."""
    ambiguous: bool
    """True if the request may have been applied."""


def decide(retry_safety: RetrySafety, outcome: Outcome, *, was_ambiguous: bool) -> RetryDecision:
    """Decide whether to retry after one attempt.

    Args:
        retry_safety: The protection of the call against being applied twice.
        outcome: The response, or the failure to get one.
        was_ambiguous: True if an earlier attempt of the call may have been applied.
    """
    if isinstance(outcome, TransportError):
        too_late = isinstance(outcome, DeadlineExceededError)
        if not outcome.sent:
            return RetryDecision(retry=outcome.retryable and not too_late, ambiguous=False)
        decision = _uncertain(retry_safety, was_ambiguous=was_ambiguous)
        return decision._replace(retry=False) if too_late else decision
    status = outcome.status
    if status == 429:
        return RetryDecision(retry=True, ambiguous=False)
    if not is_definite(status):
        decision = _uncertain(retry_safety, was_ambiguous=was_ambiguous)
        return decision if is_transient(status) else decision._replace(retry=False)
    if status == 409 and retry_safety is RetrySafety.IDEMPOTENCY_KEY and was_ambiguous:
        # The first attempt is still being processed (draft-ietf-httpapi-idempotency-key-header-07, section 2.6).
        return RetryDecision(retry=True, ambiguous=False)
    return RetryDecision(retry=False, ambiguous=False)


def _uncertain(retry_safety: RetrySafety, *, was_ambiguous: bool) -> RetryDecision:
    match retry_safety:
        case RetrySafety.READ:
            return RetryDecision(retry=True, ambiguous=False)
        case RetrySafety.IDEMPOTENCY_KEY:
            return RetryDecision(retry=True, ambiguous=True)
        case RetrySafety.IF_MATCH:
            # It cannot apply twice, because the first send changes the tag. One retry finds out whether it applied.
            return RetryDecision(retry=not was_ambiguous, ambiguous=True)
        case RetrySafety.NONE:
            return RetryDecision(retry=False, ambiguous=True)


class RetryBudget:
    """The retries that the calls of one client share. Time and successful calls refill it.

    A retry that finds the budget empty takes the next one that will be refilled, and waits for it.

    Args:
        capacity: Retries that may be made at once.
        refill: Retries per second.
    """

    def __init__(self, capacity: float, refill: float) -> None:
        self.capacity: float = capacity
        self.level: float = capacity
        """Retries left at the last change; below zero if retries wait for it."""
        self._refill = refill
        self._changed = -math.inf

    def wait(self, now: float) -> float:
        """Return the seconds until a retry that is taken now may be sent."""
        return max(0.0, (1.0 - self._level_at(now)) / self._refill)

    def take(self, now: float) -> None:
        """Take one retry."""
        self.level, self._changed = self._level_at(now) - 1.0, now

    def give_back(self, retries: float) -> None:
        """Give back some retries, up to the capacity."""
        self.level = min(self.capacity, self.level + retries)

    def _level_at(self, now: float) -> float:
        return min(self.capacity, self.level + (now - self._changed) * self._refill)


class RetryMetrics(Protocol):
    """Counts retries."""

    def count_retry(self, request: Request, reason: str) -> None:
        """Count an attempt that failed and is retried."""
        ...

    def count_exhausted_budget(self, request: Request) -> None:
        """Count a call that was not retried because the retry budget is used up."""
        ...


class _Failures:
    """The failed attempts of one call."""

    __slots__ = ("counted", "delays", "last", "sends")

    def __init__(self, policy: RetryPolicy) -> None:
        self.counted = 0
        """Attempts that count towards ``max_attempts``."""
        self.delays = retry_delays(policy.base_delay, policy.max_delay)
        self.last: Outcome | None = None
        """The outcome of the last attempt."""
        self.sends = 0
        """Sends of the call up to then."""


class Retry:
    """The transport that sends a request again where that is safe, and where time and budget permit.

    Args:
        inner: Sends one attempt.
        budget: The retry budget of the client.
        metrics: Counts retries.
    """

    def __init__(self, inner: Transport, budget: RetryBudget, metrics: RetryMetrics | None = None) -> None:
        self._inner = inner
        self._budget = budget
        self._metrics = metrics
        self._has_response = False
        self._waits: set[asyncio.Timeout] = set()
        self._closed = False

    async def __call__(self, call: Call) -> Response:
        """Send the request until the outcome is final.

        Raises:
            TransportError: if no response arrived; the subclass says why.
            ClientClosedError: if the client is closed during a delay.
        """
        failures: _Failures | None = None
        while True:
            outcome: Outcome
            try:
                outcome = await self._inner(call)
            except TransportError as exc:
                outcome = exc
            else:
                self._has_response = True
                if 200 <= outcome.status < 300 and (outcome.body_error is None or not _can_read_again(call, outcome)):
                    if self._budget.level < self._budget.capacity:
                        self._budget.give_back(_REFUND)
                    return outcome
            failures = failures or _Failures(call.retry)
            delay = self._delay(call, outcome, failures)
            if delay is None:
                return _end(call, failures.last or outcome)
            await self._wait(call, delay)

    def close(self) -> None:
        """End all delays; their calls raise ClientClosedError."""
        self._closed = True
        while self._waits:
            self._waits.pop().reschedule(0.0)

    def _delay(self, call: Call, outcome: Outcome, failures: _Failures) -> float | None:
        """Return the seconds until the next attempt, taken from the budget; None if there is none."""
        was_sent = len(call.attempts) > failures.sends
        if failures.last is not None and isinstance(outcome, DeadlineExceededError) and not was_sent:
            # This attempt found no time to leave: the outcome of the one before is what the caller needs.
            self._stop(call, failures.last, outcome)
            return None
        if isinstance(outcome, Response) and isinstance(outcome.body_error, TransportError) and outcome.status < 300:
            outcome = outcome.body_error
        failures.last, failures.sends = outcome, len(call.attempts)
        decision = decide(call.request.retry_safety, outcome, was_ambiguous=call.ambiguous)
        call.ambiguous = call.ambiguous or decision.ambiguous
        limited = isinstance(outcome, Response) and outcome.status == 429
        if not limited or call.deadline is None or call.retry.max_attempts == 1:
            failures.counted += 1
        if not decision.retry or failures.counted >= self._max_attempts(call, outcome):
            return None
        now = call.clock.now()
        # After a 429 the rate limiter holds the request back; and a server that answers 429 is well.
        backoff = 0.0 if limited else next(failures.delays)
        budget_wait = 0.0 if limited else self._budget.wait(now)
        delay = max(backoff, budget_wait, _requested_delay(outcome) or 0.0)
        if (reason := _reason_to_stop(call, outcome, delay, budget_wait)) is not None:
            self._stop(call, outcome, reason)
            return None
        if isinstance(outcome, Response) and (location := outcome.headers.get("Location")):
            call.locations += (location,)
        self._report(call, outcome, delay)
        if limited:
            return 0.0
        self._budget.take(now)
        return delay

    async def _wait(self, call: Call, delay: float) -> None:
        call.delay = delay
        if not delay:
            return
        wait = asyncio.timeout(0.0 if self._closed else None)
        self._waits.add(wait)
        try:
            async with wait:
                await call.clock.sleep(delay)
        except TimeoutError:
            raise ClientClosedError("the client was closed while the call waited for its next attempt") from None
        except asyncio.CancelledError:
            self._budget.give_back(1.0)
            raise
        finally:
            self._waits.discard(wait)

    def _max_attempts(self, call: Call, outcome: Outcome) -> float:
        limit = call.retry.max_attempts or (_ATTEMPTS_WITHOUT_DEADLINE if call.deadline is None else math.inf)
        if self._has_response or isinstance(outcome, Response):
            return limit
        # If the token endpoint cannot be reached, that failure is the cause of this one.
        unreachable = isinstance(outcome.__cause__, ConnectionFailedError) or (
            isinstance(outcome, ConnectionFailedError | RequestTimeoutError) and not outcome.sent
        )
        return min(limit, _ATTEMPTS_TO_CONNECT) if unreachable else limit

    def _stop(self, call: Call, outcome: Outcome, reason: FieldingKitError) -> None:
        """Record the reason not to retry."""
        call.stop_reason = reason
        _logger.info("a failed attempt is not retried", extra={**_facts(call, outcome), "reason": reason.message})
        if self._metrics is not None and isinstance(reason, RetryBudgetExhaustedError):
            self._metrics.count_exhausted_budget(call.request)

    def _report(self, call: Call, outcome: Outcome, delay: float) -> None:
        """Count and log a retry."""
        facts = _facts(call, outcome)
        times = {"delay": delay, "elapsed": call.clock.now() - call.started, "remaining": call.remaining()}
        _logger.info("a failed attempt is retried", extra={**facts, **times})
        if self._metrics is not None:
            self._metrics.count_retry(call.request, facts["error"])


def _reason_to_stop(call: Call, outcome: Outcome, delay: float, budget_wait: float) -> FieldingKitError | None:
    """Return the reason not to wait for another attempt; None if there is none."""
    policy, remaining = call.retry, call.remaining()
    requested = _requested_delay(outcome)
    if requested is not None and requested > policy.max_retry_after:
        return FieldingKitError(
            f"the server asks to wait {requested:g} s, more than max_retry_after ({policy.max_retry_after:g} s)"
        )
    if budget_wait > 0 and budget_wait >= (_LONGEST_BUDGET_WAIT if remaining is None else remaining):
        return RetryBudgetExhaustedError(
            f"retry budget exhausted: too many recent retries; the next one may be sent in {budget_wait:.3g} s"
        )
    if remaining is not None and delay >= remaining:
        return FieldingKitError(f"the next attempt would be in {delay:.3g} s, and {remaining:.3g} s are left")
    age = call.clock.now() - call.started + delay
    keyed = call.request.retry_safety is RetrySafety.IDEMPOTENCY_KEY
    if keyed and call.ambiguous and age > policy.idempotency_key_ttl:
        return FieldingKitError(
            f"the idempotency key would be older than idempotency_key_ttl ({policy.idempotency_key_ttl:g} s)"
        )
    return None


def _facts(call: Call, outcome: Outcome) -> dict[str, Any]:
    response, failure = (outcome, None) if isinstance(outcome, Response) else (None, outcome)
    return {
        "operation_id": call.request.operation_id,
        "attempt": len(call.attempts),
        "error": error_type(response, failure) or "",
    }


def _requested_delay(outcome: Outcome) -> float | None:
    return outcome.retry_after if isinstance(outcome, TransportError) else retry_after(outcome.headers)


def _can_read_again(call: Call, response: Response) -> bool:
    """Return True if a body broke off and nothing is lost by reading again; the head of a write's response counts."""
    return isinstance(response.body_error, TransportError) and call.request.retry_safety is RetrySafety.READ


def _end(call: Call, outcome: Outcome) -> Response:
    """Return the final response, or raise the final error."""
    if isinstance(outcome, Response):
        return outcome
    error = outcome
    if isinstance(outcome, DeadlineExceededError):
        error = _as(DeadlineExceededError, outcome, f"no response before the deadline: {outcome.message}")
    elif call.ambiguous:
        error = _as(AmbiguousOutcomeError, outcome, outcome.message)
    raise error from call.stop_reason or outcome.__cause__


def _as(kind: type[TransportError], error: TransportError, message: str) -> TransportError:
    return kind(message, sent=error.sent, retryable=error.retryable, retry_after=error.retry_after)
