"""The base class of faults."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import attrs
from aiohttp import web

from fieldingkit.sandbox.model.state import SandboxState
from fieldingkit.sandbox.tokens import Tokens

__all__ = ["CREATED_JOB", "Exchange", "Fault"]


CREATED_JOB: Final = web.ResponseKey("created_job", str)
"""The key under which a response that creates a job holds the job's id."""


@attrs.frozen(kw_only=True)
class Exchange:
    """One request as a fault sees it."""

    request: web.Request
    """The request; its body is already read."""
    index: int
    """The index of the recorded request."""
    parameters: Mapping[str, str]
    """The path parameters by name."""
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
