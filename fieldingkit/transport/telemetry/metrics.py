"""OpenTelemetry metrics of requests, retries and jobs."""

import os
import sys
from typing import TYPE_CHECKING

from fieldingkit.transport.http import Request, Response
from fieldingkit.transport.telemetry.semconv import SCHEMA_URL, SemanticAttributes, protocol_version

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Histogram, MeterProvider, UpDownCounter

__all__ = ["Metrics"]

_OPERATION = "fieldingkit.operation_id"
_OUTCOME = "fieldingkit.job.outcome"
# The boundaries that the conventions prescribe.
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_JOB_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_POLLS = (1, 2, 3, 5, 8, 13, 21, 34, 55)


class Metrics:
    """The metrics of one client.

    The instruments are created once the application has loaded OpenTelemetry's metrics API. Importing it for a client
    that is not measured would only make the client slow to load.

    Args:
        provider: Receives the measurements; by default the global provider, even if it is set later.
        version: The version of fieldingkit.
        attributes: The attributes of requests.
    """

    _request_duration: "Histogram"
    _retries: "Counter"
    _exhausted_budgets: "Counter"
    _jobs_in_flight: "UpDownCounter"
    _job_duration: "Histogram"
    _job_polls: "Histogram"

    def __init__(self, provider: "MeterProvider | None", version: str, attributes: SemanticAttributes) -> None:
        self._provider = provider
        self._version = version
        self._attributes = attributes
        self._has_instruments = False
        self._is_noop = False
        if provider is not None or "OTEL_PYTHON_METER_PROVIDER" in os.environ:
            self._create_instruments()

    @property
    def enabled(self) -> bool:
        """True if the application measures; otherwise no attributes need to be prepared."""
        if not self._has_instruments:
            if "opentelemetry.metrics" not in sys.modules:
                return False
            self._create_instruments()
        # Until an SDK is set, instruments of the global provider are proxies of None; no public attribute shows that.
        return not self._is_noop and getattr(self._request_duration, "_real_instrument", self) is not None

    def record_attempt(self, request: Request, response: Response | None, error: str | None, duration: float) -> None:
        """Record one send of a request.

        Args:
            request: The request.
            response: Its response; None if there was none.
            error: The ``error.type``; None if it succeeded.
            duration: Seconds from the send to the end of the body.
        """
        if not self.enabled:
            return
        attributes = self._attributes.of_request(request)
        if response is not None:
            attributes["http.response.status_code"] = response.status
            if (version := protocol_version(response)) is not None:
                attributes["network.protocol.version"] = version
        if error is not None:
            attributes["error.type"] = error
        self._request_duration.record(duration, attributes)

    def count_retry(self, request: Request, reason: str) -> None:
        """Count a retry; the reason is the ``error.type`` of the attempt that failed."""
        if self.enabled:
            self._retries.add(1, {_OPERATION: request.operation_id, "error.type": reason})

    def count_exhausted_budget(self, request: Request) -> None:
        """Count a call that was not retried because the retry budget is exhausted."""
        if self.enabled:
            self._exhausted_budgets.add(1, {_OPERATION: request.operation_id})

    def add_jobs_in_flight(self, operation_id: str, change: int) -> None:
        """Change the number of jobs of an operation that callers wait for."""
        if self.enabled:
            self._jobs_in_flight.add(change, {_OPERATION: operation_id})

    def record_job(self, operation_id: str, outcome: str, *, polls: int, duration: float | None) -> None:
        """Record the end of a job.

        Args:
            operation_id: The operation that created it.
            outcome: ``completed``, ``failed``, or ``lost`` if it cannot be polled any further.
            polls: The number of polls until its end.
            duration: Seconds since its creation; None if unknown.
        """
        if not self.enabled:
            return
        attributes = {_OPERATION: operation_id, _OUTCOME: outcome}
        self._job_polls.record(polls, attributes)
        if duration is not None:
            self._job_duration.record(duration, attributes)

    def _create_instruments(self) -> None:
        from opentelemetry.metrics import NoOpHistogram, get_meter

        meter = get_meter("fieldingkit", self._version, self._provider, SCHEMA_URL)
        self._request_duration = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_REQUEST_SECONDS,
        )
        self._retries = meter.create_counter(
            "fieldingkit.client.retries", unit="{retry}", description="Retried attempts."
        )
        self._exhausted_budgets = meter.create_counter(
            "fieldingkit.client.retry_budget.exhausted",
            unit="{call}",
            description="Calls that were not retried because the retry budget was exhausted.",
        )
        self._jobs_in_flight = meter.create_up_down_counter(
            "fieldingkit.job.in_flight", unit="{job}", description="Jobs that callers are waiting for."
        )
        self._job_duration = meter.create_histogram(
            "fieldingkit.job.duration",
            unit="s",
            description="Time from the creation of a job to the poll that reported its end.",
            explicit_bucket_boundaries_advisory=_JOB_SECONDS,
        )
        self._job_polls = meter.create_histogram(
            "fieldingkit.job.polls",
            unit="{poll}",
            description="Polls until the end of a job.",
            explicit_bucket_boundaries_advisory=_POLLS,
        )
        self._is_noop = isinstance(self._request_duration, NoOpHistogram)
        self._has_instruments = True
