"""Whether an attempt is repeated, and when. The table is a pure function; the transport around it only obeys."""

import logging
from collections.abc import Generator
from typing import Any, NamedTuple, Protocol

import attrs

from fieldingkit.errors import (
    AmbiguousOutcomeError,
    ConfigurationError,
    DeadlineExceededError,
    FieldingKitError,
    RetryBudgetExhaustedError,
    TransportError,
)
from fieldingkit.idempotency import RetrySafety
from fieldingkit.transport.delays import retry_delays
from fieldingkit.transport.headers import retry_after
from fieldingkit.transport.http import Call, Request, Response, Transport
from fieldingkit.transport.telemetry.semconv import error_type

__all__ = ["Retry", "RetryBudget", "RetryDecision", "RetryPolicy", "decide"]

_logger = logging.getLogger("fieldingkit.retry")

_UNCERTAIN = frozenset({408, 500, 502, 504})


def _positive(policy: object, attribute: "attrs.Attribute[Any]", value: float | None) -> None:
    if value is not None and not value > 0:
        raise ConfigurationError(f"{type(policy).__name__}.{attribute.name} must be above 0; got {value}")


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often and how patiently a failed attempt is repeated. What may be repeated is not a matter of policy."""

    max_attempts: int = attrs.field(default=4, validator=_positive)
    """Sends of one call at most, the first included; 1 switches retries off."""
    base_delay: float = attrs.field(default=0.5, validator=_positive)
    """Seconds before the second attempt at most; the bound doubles with each, the wait is random below it."""
    max_delay: float = attrs.field(default=20.0, validator=_positive)
    """Seconds between attempts at most, unless the server asks for more."""
    max_retry_after: float = attrs.field(default=120.0, validator=_positive)
    """Seconds the server may ask to wait; if it asks for more, the call ends at once and says so."""
    budget: float = attrs.field(default=100.0, validator=_positive)
    """Tokens for retries that the client's calls share: a dead server is not asked many times over by all of them."""
    budget_cost: float = attrs.field(default=5.0, validator=_positive)
    """Tokens that a retry takes; a call that succeeds gives one back."""
    idempotency_key_ttl: float = attrs.field(default=3600.0, validator=_positive)
    """Seconds for which the API is trusted to know an idempotency key again; it does not say for how long it does."""


class RetryDecision(NamedTuple):
    """What follows from the outcome of one attempt."""

    retry: bool
    """Whether it may be sent again."""
    ambiguous: bool
    """Whether it may have been applied all the same."""


def decide(retry_safety: RetrySafety, outcome: Response | TransportError, *, was_ambiguous: bool) -> RetryDecision:
    """Decide on one attempt, by what protects the call and by what came of it.

    Args:
        retry_safety: What protects the call from being applied twice.
        outcome: The answer, or the failure to get one.
        was_ambiguous: Whether an earlier attempt of the call may have been applied.
    """
    if isinstance(outcome, TransportError):
        hopeless = isinstance(outcome, DeadlineExceededError)
        if not outcome.sent:
            return RetryDecision(retry=outcome.retryable and not hopeless, ambiguous=False)
        decision = _uncertain(retry_safety, was_ambiguous=was_ambiguous)
        return decision._replace(retry=False) if hopeless else decision
    status = outcome.status
    if status == 429:
        return RetryDecision(retry=True, ambiguous=False)
    if status == 503:
        if retry_safety is RetrySafety.NONE and retry_after(outcome.headers) is not None:
            return RetryDecision(retry=True, ambiguous=False)
        return _uncertain(retry_safety, was_ambiguous=was_ambiguous)
    if status in _UNCERTAIN:
        return _uncertain(retry_safety, was_ambiguous=was_ambiguous)
    if status == 409 and retry_safety is RetrySafety.IDEMPOTENCY_KEY and was_ambiguous:
        # Our own first attempt is still being worked on (draft-ietf-httpapi-idempotency-key-header, section 2.6).
        return RetryDecision(retry=True, ambiguous=False)
    return RetryDecision(retry=False, ambiguous=False)


def _uncertain(retry_safety: RetrySafety, *, was_ambiguous: bool) -> RetryDecision:
    match retry_safety:
        case RetrySafety.READ:
            return RetryDecision(retry=True, ambiguous=False)
        case RetrySafety.IDEMPOTENCY_KEY:
            return RetryDecision(retry=True, ambiguous=True)
        case RetrySafety.IF_MATCH:
            # It cannot apply twice: the first time changes the tag. One repetition tells what there is to tell.
            return RetryDecision(retry=not was_ambiguous, ambiguous=True)
        case RetrySafety.NONE:
            return RetryDecision(retry=False, ambiguous=True)


class RetryBudget:
    """A bucket of tokens that the calls of one client share: retries take from it, successes give back."""

    def __init__(self, capacity: float, cost: float) -> None:
        self._capacity = capacity
        self._cost = cost
        self.tokens: float = capacity

    def take(self) -> bool:
        """Take what one retry costs, if it is there."""
        if self.tokens < self._cost:
            return False
        self.tokens -= self._cost
        return True

    def give_back(self) -> None:
        """A call succeeded: the server is well."""
        if self.tokens < self._capacity:
            self.tokens = min(self._capacity, self.tokens + 1.0)


class RetryMetrics(Protocol):
    """Counts what ``Retry`` does."""

    def count_retry(self, request: Request, error: str) -> None:
        """An attempt that ended with an error is going to be repeated."""
        ...

    def count_exhausted_budget(self, request: Request) -> None:
        """A call was not repeated, since the retry budget is used up."""
        ...


class Retry:
    """Sends a request again where that is safe and there is time, attempts and budget for it."""

    def __init__(self, inner: Transport, policy: RetryPolicy, metrics: RetryMetrics | None = None) -> None:
        self._inner = inner
        self._metrics = metrics
        self._policy = policy
        self.budget: RetryBudget = RetryBudget(policy.budget, policy.budget_cost)

    async def __call__(self, call: Call) -> Response:
        """Send the request until there is an answer that stands.

        Raises:
            TransportError: if there is none; the subclass says why.
        """
        waits: Generator[float, None, None] | None = None
        attempt = 0
        while True:
            attempt += 1
            outcome: Response | TransportError
            try:
                outcome = await self._inner(call)
            except TransportError as exc:
                outcome = exc
            else:
                if outcome.status >= 400:
                    pass
                elif isinstance(outcome.body_error, TransportError) and call.request.retry_safety is RetrySafety.READ:
                    # Nothing is lost by reading again; of a write's answer the head is worth more than the body.
                    outcome = outcome.body_error
                else:
                    if self.budget.tokens < self._policy.budget:
                        self.budget.give_back()
                    return outcome
            waits = waits or _waits(self._policy)
            delay = self._delay(call, outcome, attempt, next(waits))
            if delay is None:
                if isinstance(outcome, Response):
                    return outcome
                raise _final(call, outcome) from call.stop_reason or outcome.__cause__
            await call.clock.sleep(delay)
            call.delay = delay

    def _delay(self, call: Call, outcome: Response | TransportError, attempt: int, wait: float) -> float | None:
        """Seconds until a failed attempt is repeated; None if it is not. The call keeps what there is to know of it."""
        decision = decide(call.request.retry_safety, outcome, was_ambiguous=call.ambiguous)
        call.ambiguous = call.ambiguous or decision.ambiguous
        asked = _asked(outcome)
        delay = max(wait, asked or 0.0)
        if not decision.retry or attempt >= self._policy.max_attempts or self._reason_to_stop(call, delay, asked):
            if call.stop_reason is not None:
                self._tell(call, outcome, delay)
            return None
        if isinstance(outcome, Response) and (location := outcome.headers.get("Location")):
            call.locations.append(location)
        self._tell(call, outcome, delay)
        return delay

    def _tell(self, call: Call, outcome: Response | TransportError, delay: float) -> None:
        """Count and log an attempt that is going to be repeated, or the call that is not."""
        response, failure = (outcome, None) if isinstance(outcome, Response) else (None, outcome)
        error = error_type(response, failure) or ""
        facts = {"operation_id": call.request.operation_id, "attempt": len(call.attempts), "error": error}
        if call.stop_reason is not None:
            _logger.info("a failed attempt is not repeated", extra={**facts, "reason": call.stop_reason.message})
            if self._metrics is not None and isinstance(call.stop_reason, RetryBudgetExhaustedError):
                self._metrics.count_exhausted_budget(call.request)
            return
        times = {"delay": delay, "elapsed": call.clock.now() - call.started, "remaining": call.remaining()}
        _logger.info("a failed attempt is repeated", extra={**facts, **times})
        if self._metrics is not None:
            self._metrics.count_retry(call.request, error)

    def _reason_to_stop(self, call: Call, delay: float, asked: float | None) -> bool:
        """Whether there is no sense in waiting for another attempt; the call keeps the reason."""
        if call.stop_reason is not None:
            return True
        remaining = call.remaining()
        age = call.clock.now() - call.started + delay
        if asked is not None and asked > self._policy.max_retry_after:
            limit = self._policy.max_retry_after
            call.stop_reason = FieldingKitError(
                f"the server asks to wait {asked:g} s, more than max_retry_after ({limit:g} s)"
            )
        elif remaining is not None and delay >= remaining:
            call.stop_reason = FieldingKitError(
                f"the next attempt would be in {delay:.3g} s, and {remaining:.3g} s are left"
            )
        elif (
            call.request.retry_safety is RetrySafety.IDEMPOTENCY_KEY
            and call.ambiguous
            and age > self._policy.idempotency_key_ttl
        ):
            limit = self._policy.idempotency_key_ttl
            call.stop_reason = FieldingKitError(
                f"the idempotency key would be older than idempotency_key_ttl ({limit:g} s)"
            )
        elif not self.budget.take():
            call.stop_reason = RetryBudgetExhaustedError("too many calls of this client had to be repeated of late")
        return call.stop_reason is not None


def _waits(policy: RetryPolicy) -> Generator[float, None, None]:
    return retry_delays(policy.base_delay, policy.max_delay)


def _asked(outcome: Response | TransportError) -> float | None:
    return outcome.retry_after if isinstance(outcome, TransportError) else retry_after(outcome.headers)


def _final(call: Call, failure: TransportError) -> TransportError:
    """The error that ends a call without an answer."""
    kind: type[TransportError]
    if isinstance(failure, DeadlineExceededError):
        kind, message = DeadlineExceededError, f"no answer before the deadline: {failure.message}"
    elif call.ambiguous:
        kind, message = AmbiguousOutcomeError, failure.message
    else:
        return failure
    return kind(
        message,
        sent=failure.sent,
        retryable=failure.retryable,
        retry_after=failure.retry_after,
    )
