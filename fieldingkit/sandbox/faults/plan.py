"""The plan that assigns faults to requests."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import attrs

from fieldingkit.sandbox.faults.base import Fault
from fieldingkit.sandbox.faults.responses import HtmlPage
from fieldingkit.sandbox.model.clock import SandboxClock

__all__ = ["FaultPlan"]


@attrs.define
class _Rule:
    pattern: str
    fault: Fault
    times: int | None
    probability: float = 1.0
    until: datetime | None = None


class FaultPlan:
    """The faults that are still to be injected.

    Args:
        operation_ids: Every known operation.
        clock: The clock for outages.
        seed: The seed of the probabilities.
    """

    def __init__(self, operation_ids: Iterable[str], clock: SandboxClock, seed: int) -> None:
        self._operation_ids = tuple(operation_ids)
        self._clock = clock
        self._random = random.Random(seed)
        self._rules: list[_Rule] = []

    def add(self, operation: str, fault: Fault, *, times: int | None = 1, probability: float = 1.0) -> None:
        """Inject a fault into the next requests for an operation.

        A request gets one fault at most: the first added one that matches and is not used up.

        Args:
            operation: An operation id such as `pause_fielding_run`, or a pattern such as `create_bulk_*` or `*`.
            fault: The fault.
            times: The number of requests; None for all.
            probability: The probability for each request, from 0 to 1.

        Raises:
            ValueError: If no operation matches the pattern.
        """
        self._check(operation)
        self._rules.append(_Rule(operation, fault, times, probability))

    def outage(self, seconds: float, fault: Fault | None = None, *, operation: str = "*") -> None:
        """Inject a fault into every request from now until a time has passed, before any other fault.

        Args:
            seconds: The duration of the outage, in seconds of the sandbox's clock.
            fault: The fault; the 502 page of a gateway if not given.
            operation: An operation id or a pattern.

        Raises:
            ValueError: If no operation matches the pattern.
        """
        self._check(operation)
        until = self._clock.now() + timedelta(seconds=seconds)
        self._rules.insert(0, _Rule(operation, fault or HtmlPage(502), None, until=until))

    def clear(self) -> None:
        """Remove all faults."""
        self._rules.clear()

    def take(self, operation_id: str) -> Fault | None:
        """Return the fault for the next request of an operation, if any, and count it as injected."""
        for rule in self._rules:
            if rule.times == 0 or not fnmatchcase(operation_id, rule.pattern):
                continue
            if rule.until is not None and rule.until <= self._clock.now():
                continue
            if self._random.random() >= rule.probability:
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule.fault
        return None

    def _check(self, operation: str) -> None:
        if not any(fnmatchcase(operation_id, operation) for operation_id in self._operation_ids):
            raise ValueError(f"no operation of the sandbox matches {operation!r}")
