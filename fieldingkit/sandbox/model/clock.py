"""The clock of a sandbox: real time, until a test moves or stops it."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["SandboxClock"]


class SandboxClock:
    """The clock that all dates, jobs and tokens of a sandbox follow.

    It runs with real time, starting at `start`, and never goes back. Thread-safe.

    Args:
        start: The initial time, timezone-aware; the current time if not given.
        seconds: Returns the seconds since any beginning, such as the time of a simulation; real time by default.
    """

    def __init__(self, start: datetime | None = None, *, seconds: Callable[[], float] = time.monotonic) -> None:
        if start is not None and start.utcoffset() is None:
            raise ValueError("start needs a timezone")
        self._seconds = seconds
        self._lock = threading.Lock()
        # The time shown at a reading of the seconds, which is None while the clock is frozen. One tuple, so that
        # now() needs no lock.
        self._reading: tuple[datetime, float | None] = (start or datetime.now(UTC), self._seconds())

    def now(self) -> datetime:
        """Return the current time of this clock: aware, in UTC, in whole milliseconds as in the API's timestamps."""
        shown, since = self._reading
        if since is not None:
            shown += timedelta(seconds=self._seconds() - since)
        shown = shown.astimezone(UTC)
        return shown.replace(microsecond=shown.microsecond // 1000 * 1000)

    def advance(self, seconds: float) -> None:
        """Move the clock ahead.

        Raises:
            ValueError: If the number of seconds is negative.
        """
        if seconds < 0:
            raise ValueError("a clock does not go back")
        with self._lock:
            shown, since = self._reading
            self._reading = (shown + timedelta(seconds=seconds), since)

    def freeze(self) -> None:
        """Stop the clock; only `advance` moves it then."""
        with self._lock:
            self._reading = (self.now(), None)

    def thaw(self) -> None:
        """Run with real time again, after a `freeze`."""
        with self._lock:
            shown, since = self._reading
            self._reading = (shown, self._seconds() if since is None else since)
