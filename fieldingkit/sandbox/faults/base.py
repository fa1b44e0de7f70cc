"""The base class of faults, and the plan that assigns faults to requests."""

import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from fnmatch import fnmatchcase
from typing import Final

import attrs
from aiohttp import web

from fieldingkit.sandbox.model.state import SandboxState
from fieldingkit.sandbox.tokens import Tokens

__all__ = ["CREATED_JOB", "Exchange", "Fault", "FaultPlan"]


CREATED_JOB: Final = web.ResponseKey("created_job", str)
"""The key under which a response that creates a job holds the job's id."""


@attrs.frozen(kw_only=True)
class Exchange:
    """One request as a fault sees it."""

    request: web.Request
    """The request; its body is already read."""
    index: int
    """The index of the recorded request."""
    state: SandboxState
    """The state of the sandbox."""
    tokens: Tokens
    """The tokens of the sandbox."""
    proceed: Callable[[], Awaitable[web.Response]]
    """Handles the request as if there were no fault and returns the response to send."""


class Fault(ABC):
    """A fault in the handling of one request. Subclass it for faults of your own."""

    @abstractmethod
    async def inject(self, exchange: Exchange) -> web.StreamResponse:
        """Inject the fault.

        Args:
            exchange: The request, before the sandbox has handled it.

        Returns:
            The response. It is not sent if the connection was closed.
        """


@attrs.define
class _Rule:
    pattern: str
    fault: Fault
    times: int | None
    probability: float


class FaultPlan:
    """The faults that are still to be injected.

    Args:
        operation_ids: Every known operation.
        seed: The seed of the probabilities.
    """

    def __init__(self, operation_ids: Iterable[str], seed: int) -> None:
        self._operation_ids = tuple(operation_ids)
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
        if not any(fnmatchcase(operation_id, operation) for operation_id in self._operation_ids):
            raise ValueError(f"no operation of the sandbox fits {operation!r}")
        self._rules.append(_Rule(operation, fault, times, probability))

    def clear(self) -> None:
        """Remove all faults."""
        self._rules.clear()

    def take(self, operation_id: str) -> Fault | None:
        """Return the fault for the next request of an operation, if any, and count it as injected."""
        for rule in self._rules:
            if rule.times == 0 or not fnmatchcase(operation_id, rule.pattern):
                continue
            if self._random.random() >= rule.probability:
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule.fault
        return None
