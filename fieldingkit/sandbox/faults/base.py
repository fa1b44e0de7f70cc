"""Faults: what they are, and which request meets which."""

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
"""Under this key an answer that creates a job has its id."""


@attrs.frozen(kw_only=True)
class Exchange:
    """One request on its way, as a fault sees it."""

    request: web.Request
    """The request, its body already read."""
    index: int
    """Its number among the recorded requests."""
    state: SandboxState
    """The sandbox's state."""
    tokens: Tokens
    """The sandbox's tokens."""
    proceed: Callable[[], Awaitable[web.Response]]
    """JobFactory the request as if there were no fault, and gives the answer to send."""


class Fault(ABC):
    """Something that goes wrong with one request. Subclass it to make your own."""

    @abstractmethod
    async def inject(self, exchange: Exchange) -> web.StreamResponse:
        """Let it happen.

        Args:
            exchange: The request; the sandbox has done nothing with it yet.

        Returns:
            What to answer. It is not sent if the connection was cut.
        """


@attrs.define
class _Rule:
    pattern: str
    fault: Fault
    times: int | None
    probability: float


class FaultPlan:
    """Which faults are still to come.

    Args:
        operation_ids: Every operation that there is.
        seed: Makes the faults that come with a probability come the same way again.
    """

    def __init__(self, operation_ids: Iterable[str], seed: int) -> None:
        self._operation_ids = tuple(operation_ids)
        self._random = random.Random(seed)
        self._rules: list[_Rule] = []

    def add(self, operation: str, fault: Fault, *, times: int | None = 1, probability: float = 1.0) -> None:
        """Put a fault in the way of the next requests for an operation.

        A request meets one fault at most: the first that was added, fits and is not used up.

        Args:
            operation: An operation id such as `pause_fielding_run`, or a pattern such as `create_bulk_*` or `*`.
            fault: What is to happen.
            times: To how many requests; None for all.
            probability: How likely it is each time, from 0 to 1.

        Raises:
            ValueError: If no operation fits the pattern.
        """
        if not any(fnmatchcase(operation_id, operation) for operation_id in self._operation_ids):
            raise ValueError(f"no operation of the sandbox fits {operation!r}")
        self._rules.append(_Rule(operation, fault, times, probability))

    def clear(self) -> None:
        """Forget every fault that is still to come."""
        self._rules.clear()

    def take(self, operation_id: str) -> Fault | None:
        """The fault that the next request for an operation meets, if any; it is used up thereby."""
        for rule in self._rules:
            if rule.times == 0 or not fnmatchcase(operation_id, rule.pattern):
                continue
            if self._random.random() >= rule.probability:
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule.fault
        return None
