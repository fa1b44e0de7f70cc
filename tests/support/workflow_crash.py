"""A fault that ends the workflow under test."""

from collections.abc import Callable
from typing import Any

from fieldingkit.sandbox import faults

__all__ = ["Crash"]


class Crash(faults.Fault):
    """Cancel the workflow as soon as its request was handled, or instead of handling it."""

    def __init__(self, cancel: Callable[[], object], *, is_applied: bool) -> None:
        self.cancel = cancel
        self.is_applied = is_applied

    async def inject(self, exchange: faults.Exchange) -> Any:
        """Handle the request or not, and cancel."""
        if self.is_applied:
            await exchange.proceed()
        self.cancel()
        return await faults.DropBefore().inject(exchange)
