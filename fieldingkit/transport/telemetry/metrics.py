"""OpenTelemetry's instruments: one that the HTTP conventions know, and the few that only fieldingkit can tell.

Loaded when there may be somebody who measures; see ``metrics``.
"""

import os
import sys
from typing import TYPE_CHECKING

from fieldingkit.transport.http import Request, Response
from fieldingkit.transport.telemetry.semconv import SCHEMA_URL, SemanticAttributes, protocol_version

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

__all__ = ["Instruments", "Metrics"]


_OPERATION = "fieldingkit.operation_id"
_OUTCOME = "fieldingkit.job.outcome"
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_JOB_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_POLLS = (1, 2, 3, 5, 8, 13, 21, 34, 55)


class Instruments:
    """The instruments of one client.

    Args:
        provider: Where measurements go; the global provider, also one that is set later, if None.
        version: The version of fieldingkit.
        described: Says where requests go.
    """

    def __init__(self, provider: "MeterProvider | None", version: str, described: SemanticAttributes) -> None:
        from opentelemetry.metrics import NoOpHistogram, get_meter

        meter = get_meter("fieldingkit", version, provider, SCHEMA_URL)
        self._described = described
        self._requests = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_REQUEST_SECONDS,
        )
        self._retries = meter.create_counter(
            "fieldingkit.client.retries", unit="{retry}", description="Attempts that were repeated."
        )
        self._exhausted = meter.create_counter(
            "fieldingkit.client.retry_budget.exhausted",
            unit="{call}",
            description="Calls that were not repeated because too many had to be of late.",
        )
        self._waiting = meter.create_up_down_counter(
            "fieldingkit.job.in_flight", unit="{job}", description="Jobs that are being waited for."
        )
        self._durations = meter.create_histogram(
            "fieldingkit.job.duration",
            unit="s",
            description="Time from a job's creation until its end was seen.",
            explicit_bucket_boundaries_advisory=_JOB_SECONDS,
        )
        self._polls = meter.create_histogram(
            "fieldingkit.job.polls",
            unit="{poll}",
            description="Looks at a job until its end was seen.",
            explicit_bucket_boundaries_advisory=_POLLS,
        )
        self._off = isinstance(self._requests, NoOpHistogram)

    @property
    def on(self) -> bool:
        """Whether anybody measures: only then is there any sense in preparing attributes."""
        # Without an SDK the API's instruments are stand-ins; the public part of the API does not tell.
        return not self._off and getattr(self._requests, "_real_instrument", self) is not None

    def attempted(self, request: Request, response: Response | None, error: str | None, duration: float) -> None:
        """One send of a request has ended after ``duration`` seconds."""
        attributes = self._described.request(request)
        if response is not None:
            attributes["http.response.status_code"] = response.status
            if (version := protocol_version(response)) is not None:
                attributes["network.protocol.version"] = version
        if error is not None:
            attributes["error.type"] = error
        self._requests.record(duration, attributes)

    def retried(self, request: Request, reason: str) -> None:
        """An attempt that ended with an error is going to be repeated."""
        self._retries.add(1, {_OPERATION: request.operation_id, "error.type": reason})

    def exhausted(self, request: Request) -> None:
        """A call was not repeated, since the retry budget is used up."""
        self._exhausted.add(1, {_OPERATION: request.operation_id})

    def waiting(self, operation_id: str, change: int) -> None:
        """So many more jobs of an operation are being waited for."""
        self._waiting.add(change, {_OPERATION: operation_id})

    def ended(self, operation_id: str, outcome: str, *, polls: int, duration: float | None) -> None:
        """A job has ended, or was lost sight of.

        Args:
            operation_id: The operation that created it.
            outcome: How it ended.
            polls: How often it was looked at.
            duration: Seconds since it was created; None if that is not known.
        """
        attributes = {_OPERATION: operation_id, _OUTCOME: outcome}
        self._polls.record(polls, attributes)
        if duration is not None:
            self._durations.record(duration, attributes)


class Metrics:
    """The measurements of one client.

    Args:
        provider: Where they go; the global provider, also one that is set later, if None.
        version: The version of fieldingkit.
        described: Says where requests go.
    """

    def __init__(self, provider: "MeterProvider | None", version: str, described: SemanticAttributes) -> None:
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

    def _make(self) -> Instruments:
        return Instruments(self._provider, self._version, self._described)
