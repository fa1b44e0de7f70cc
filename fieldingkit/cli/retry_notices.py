"""Notices on stderr while a call is retried, or a job cannot be polled, for longer than a few seconds."""

import logging
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from fieldingkit.cli.errors import to_words

if TYPE_CHECKING:
    from fieldingkit.jobs.observer import PollEvent

__all__ = ["RetryNotices", "show_retries"]


_AFTER: Final = 5.0
"""Seconds of failure from which the user is notified."""
_INTERVAL: Final = 10.0
"""Seconds between two notices; a sweep has many calls at once."""
_REASONS: Final = {
    "ConnectionFailedError": "no connection",
    "DecodeError": "the response cannot be read",
    "NotFoundError": "the API answered 404",
    "RateLimitedError": "the API answered 429",
    "RequestTimeoutError": "no response in time",
    "TransportError": "the connection broke",
}


class RetryNotices(logging.Handler):
    """Print why and until when calls are retried and jobs are polled again.

    A handler for the log records of retries, and with ``polled`` a callback for the polls of jobs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0
        self._failing_since: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Print a notice if a call has been failing for long, or will by its next attempt."""
        fields: dict[str, Any] = vars(record)
        if "delay" not in fields or fields["elapsed"] + fields["delay"] < _AFTER:
            return
        delay, until = fields["delay"], _until(fields["remaining"])
        call = to_words(fields["operation_id"]).capitalize()
        self._print(f"{call}: {_reason(fields['error'])}. Retrying{until}; the next attempt is in {delay:.0f} s.")

    def polled(self, event: "PollEvent") -> None:
        """Print a notice if the status of a job could not be read for long."""
        if event.error is None or event.finished:
            self._failing_since.pop(event.job_id, None)
            return
        now = time.monotonic()
        seconds = now - self._failing_since.setdefault(event.job_id, now)
        if seconds >= _AFTER:
            from fieldingkit.jobs.poller import PollPolicy

            until = _until(PollPolicy().error_tolerance - seconds)
            self._print(f"Job {event.job_id}: its status cannot be read: {_reason(event.error)}. Polling{until}.")

    def _print(self, text: str) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _INTERVAL
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{text}\n")


def show_retries() -> RetryNotices:
    """Print notices from now on, and return their printer."""
    logger = logging.getLogger("fieldingkit.retry")
    logger.setLevel(logging.INFO)
    for handler in [handler for handler in logger.handlers if isinstance(handler, RetryNotices)]:
        logger.removeHandler(handler)
    notices = RetryNotices()
    logger.addHandler(notices)
    return notices


def _reason(error: str) -> str:
    """Return the words for an HTTP status, or for the name of an error."""
    if error.isdigit():
        return f"the API answered {error}"
    return _REASONS.get(error) or f"no response ({to_words(error)})"


def _until(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f" until {datetime.now(UTC) + timedelta(seconds=max(0.0, seconds)):%H:%M:%S} UTC"
