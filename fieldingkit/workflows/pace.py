"""When a job is worth a look, learned from other jobs of its kind. Pure.

A look at a job that has not ended is a request for nothing. Jobs of one kind take about as long as each other, so what
one look shows is used for all of them: as long as none has been seen to end, they take turns to find out, each later
than the one before; from then on a job is first looked at when most of its kind have ended.
"""

import math

__all__ = ["Pace"]

_SHRINK = 0.97
_STRETCH = 1.12
"""A look in time makes the next ones come a little earlier, one in vain later: about one in five is in vain then."""
_AGAIN = 1.35
"""How much older a job should be for its next look when others of its kind have ended by then."""
_AFTER_OTHERS = 1.07
"""How much later than another's turn a job's own next turn comes, so that one that is stuck does not take them all."""
_LEAST_GROWTH, _MOST_GROWTH = 0.15, 0.4
_YOUNG = 0.05
"""Seconds of age below which nothing is learned from a job."""


class Pace:
    """How old the jobs of one kind should be before they are looked at."""

    def __init__(self) -> None:
        self.expected = 0.0
        """The age in seconds at which a job is worth its first look."""
        self.known = False
        """Whether a job of this kind has been seen to end."""
        self.jobs = 0
        """How many jobs there are of this kind."""
        self._longest = 0.0

    @property
    def growth(self) -> float:
        """How much older a job should be for the next look as long as none has ended: the more jobs, the more looks."""
        return 1 + min(_MOST_GROWTH, max(_LEAST_GROWTH, 2 / max(1, self.jobs)))

    def ended(self, age: float, *, looked_before: bool) -> None:
        """A job of this age was seen to have ended.

        Args:
            age: Seconds since it was first known.
            looked_before: Whether an earlier look at it was in vain.
        """
        if not self.known:
            self.known = True
            low = min(max(self._longest, age / _AGAIN**3), age)
            self.expected = math.sqrt(low * age)
        elif not looked_before and age <= self.expected * _STRETCH:
            self.expected *= _SHRINK

    def goes_on(self, age: float, *, looked_before: bool) -> float:
        """A job of this age was seen not to have ended; gives the age at which it is worth the next look.

        Args:
            age: Seconds since it was first known.
            looked_before: Whether an earlier look at it was in vain too.
        """
        age = max(age, _YOUNG)
        if self.known:
            if not looked_before:
                self.expected = max(self.expected * _STRETCH, _YOUNG)
            return age * _AGAIN
        self._longest = max(self._longest, age)
        self.expected = max(self.expected, age * self.growth)
        return age * self.growth * (_AFTER_OTHERS if self.jobs > 1 else 1.0)
