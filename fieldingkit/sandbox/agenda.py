"""What is to happen later, and when."""

import heapq
from collections.abc import Callable
from datetime import datetime

__all__ = ["Agenda"]


class Agenda:
    """A list of things to do that is worked off in the order of their dates."""

    def __init__(self) -> None:
        self._entries: list[tuple[datetime, int, Callable[[datetime], object]]] = []
        self._added = 0

    def add(self, at: datetime, act: Callable[[datetime], object]) -> None:
        """Put something on the list.

        Args:
            at: When it is due; of two things at the same time the one that was added first comes first.
            act: Does it, and is told the moment it was due.
        """
        self._added += 1
        heapq.heappush(self._entries, (at, self._added, act))

    def work_off(self, now: datetime) -> None:
        """Do everything that is due, and what that puts on the list if it is due as well."""
        while self._entries and self._entries[0][0] <= now:
            at, _, act = heapq.heappop(self._entries)
            act(at)
