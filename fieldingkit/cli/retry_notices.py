"""Notices on stderr while a call is retried for longer than a few seconds."""

import logging
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

__all__ = ["RetryNotices", "show_retries"]


_AFTER: Final = 5.0
"""Seconds of a call before its next attempt from which the user is notified."""
_INTERVAL: Final = 10.0
"""Seconds between two notices; a sweep has many calls at once."""


class RetryNotices(logging.Handler):
    """Print the reason of a retry and the end of the retries, from the log records of retries."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Print a notice if the call has been waiting for long, or is going to."""
        fields: dict[str, Any] = vars(record)
        now = time.monotonic()
        if "delay" not in fields or fields["elapsed"] + fields["delay"] < _AFTER or now < self._next:
            return
        self._next = now + _INTERVAL
        error, remaining = fields["error"], fields["remaining"]
        reason = f"the API answered {error}" if error.isdigit() else f"no response ({error})"
        until = ""
        if remaining is not None:
            until = f" until {datetime.now(UTC) + timedelta(seconds=remaining):%H:%M:%S} UTC"
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{fields['operation_id']}: {reason}. Retrying{until}; next in {fields['delay']:.0f} s.\n")


def show_retries() -> None:
    """Print notices from now on."""
    logger = logging.getLogger("fieldingkit.retry")
    logger.setLevel(logging.INFO)
    for handler in [handler for handler in logger.handlers if isinstance(handler, RetryNotices)]:
        logger.removeHandler(handler)
    logger.addHandler(RetryNotices())
