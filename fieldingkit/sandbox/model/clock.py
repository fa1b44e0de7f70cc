"""The sandbox's own wall clock: real time, until a test moves or stops it."""

import threading
import time
from datetime import UTC, datetime, timedelta

__all__ = ["SandboxClock"]


class SandboxClock:
    """The clock that every date, job and token of a sandbox goes by.

    It runs with real time from the moment it is made. It never goes back, and it can be shared between threads.

    Args:
        start: What it shows at first; the present moment if not given. Must be timezone-aware.
    """

    def __init__(self, start: datetime | None = None) -> None:
        if start is not None and start.utcoffset() is None:
            raise ValueError("start needs a timezone")
        self._lock = threading.Lock()
        # What it showed at a reading of time.monotonic(), or shows for good when that is None. One tuple, so that
        # now() needs no lock.
        self._reading: tuple[datetime, float | None] = (start or datetime.now(UTC), time.monotonic())

    def now(self) -> datetime:
        """What it shows: aware, in UTC, in whole milliseconds as the API writes its timestamps."""
        shown, since = self._reading
        if since is not None:
            shown += timedelta(seconds=time.monotonic() - since)
        shown = shown.astimezone(UTC)
        return shown.replace(microsecond=shown.microsecond // 1000 * 1000)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once.

        Raises:
            ValueError: If the number is negative.
        """
        if seconds < 0:
            raise ValueError("a clock does not go back")
        with self._lock:
            shown, since = self._reading
            self._reading = (shown + timedelta(seconds=seconds), since)

    def freeze(self) -> None:
        """Stop: from now on only `advance` moves it."""
        with self._lock:
            self._reading = (self.now(), None)

    def thaw(self) -> None:
        """Run with real time again, after a `freeze`."""
        with self._lock:
            shown, since = self._reading
            self._reading = (shown, time.monotonic() if since is None else since)
