"""What is measured. OpenTelemetry's instruments are only made where there may be somebody who measures."""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from fieldingkit.transport.conventions import Described
from fieldingkit.transport.http import Request, Response

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

    from fieldingkit.transport.instruments import Instruments

__all__ = ["Metrics"]


class Metrics:
    """The measurements of one client.

    Args:
        provider: Where they go; the global provider, also one that is set later, if None.
        version: The version of fieldingkit.
        described: Says where requests go.
    """

    def __init__(self, provider: "MeterProvider | None", version: str, described: Described) -> None:
        self._provider = provider
        self._version = version
        self._described = described
        self._made: Instruments | None = None
        if provider is not None or "OTEL_PYTHON_METER_PROVIDER" in os.environ:
            self._made = self._make()

    @property
    def on(self) -> bool:
        """Whether anybody measures: only then is there any sense in preparing attributes."""
        return self._instruments is not None

    def attempted(self, request: Request, response: Response | None, error: str | None, duration: float) -> None:
        """One send of a request has ended after ``duration`` seconds."""
        if (instruments := self._instruments) is not None:
            instruments.attempted(request, response, error, duration)

    def retried(self, request: Request, reason: str) -> None:
        """An attempt that ended with an error is going to be repeated."""
        if (instruments := self._instruments) is not None:
            instruments.retried(request, reason)

    def exhausted(self, request: Request) -> None:
        """A call was not repeated, since the retry budget is used up."""
        if (instruments := self._instruments) is not None:
            instruments.exhausted(request)

    def waiting(self, operation_id: str, change: int) -> None:
        """So many more jobs of an operation are being waited for."""
        if (instruments := self._instruments) is not None:
            instruments.waiting(operation_id, change)

    def ended(self, operation_id: str, outcome: str, *, polls: int, duration: float | None) -> None:
        """A job has ended, or was lost sight of; see ``Instruments``."""
        if (instruments := self._instruments) is not None:
            instruments.ended(operation_id, outcome, polls=polls, duration=duration)

    @property
    def _instruments(self) -> "Instruments | None":
        """The instruments; None while nobody measures."""
        if self._made is None:
            # Whoever measures has loaded this. To load it only to find that out would make a client slow to load.
            if "opentelemetry.metrics" not in sys.modules:
                return None
            self._made = self._make()
        return self._made if self._made.on else None

    def _make(self) -> "Instruments":
        made: type[Instruments] = import_module("fieldingkit.transport.instruments").Instruments
        return made(self._provider, self._version, self._described)
