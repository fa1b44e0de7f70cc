"""When a job of a sweep is worth a look, learned from the other jobs of the sweep. Pure.

A look at a job that has not ended is a request for nothing. The jobs of a sweep do the same to about as many target
groups, so they take about as long as each other, and what one look shows is used for all of them: as long as none has
been seen to end, they take turns to find out, each later than the one before; from then on a job is first looked at
when most of its kind have ended.
"""

import math

__all__ = ["Pace"]

_SHRINK = 0.97
_STRETCH = 1.12
"""A look in time makes the next ones come a little earlier, one in vain later: about one in five is in vain then."""
_AGAIN = 1.35
"""How much older a job should be for its next look when others of its kind have ended by then."""
_LITTLE = 1.05
"""How much older it should be at least."""
_AFTER_OTHERS = 1.07
"""How much later than another's turn a job's own next turn comes, so that one that is stuck does not take them all."""
_LEAST_GROWTH, _MOST_GROWTH = 0.15, 0.4
_YOUNG = 0.05
"""Seconds of age below which nothing is learned from a job."""


class Pace:
    """How old the jobs of a sweep should be before they are looked at."""

    def __init__(self) -> None:
        self.expected: float = 0.0
        """The age in seconds at which a job is worth its first look."""
        self.known: bool = False
        """Whether a job has been seen to end."""
        self.jobs = 0
        """How many jobs are being followed."""
        self._longest = 0.0
        self._ended_at = 0.0

    @property
    def growth(self) -> float:
        """How much older a job should be for the next look as long as none has ended: the more jobs, the more looks."""
        return 1 + min(_MOST_GROWTH, max(_LEAST_GROWTH, 2 / max(1, self.jobs)))

    def ended(self, age: float, *, expected: float, looked_before: bool) -> None:
        """A job of this age was seen to have ended.

        Args:
            age: Seconds since it was submitted.
            expected: What was expected when the look at it began.
            looked_before: Whether an earlier look at it was in vain.
        """
        self._ended_at = age
        if not self.known:
            self.known = True
            low = min(max(self._longest, age / _AGAIN**2), age)
            self.expected = math.sqrt(low * age)
        elif not looked_before and age <= expected * _STRETCH and self.expected == expected:
            self.expected *= _SHRINK

    def goes_on(self, age: float, *, expected: float, looked_before: bool) -> float:
        """A job of this age was seen not to have ended; gives the age at which it is worth the next look.

        Args:
            age: Seconds since it was submitted.
            expected: What was expected when the look at it began.
            looked_before: Whether an earlier look at it was in vain too.
        """
        age = max(age, _YOUNG)
        if not self.known:
            self._longest = max(self._longest, age)
            self.expected = max(self.expected, age * self.growth)
            return age * self.growth * (_AFTER_OTHERS if self.jobs > 1 else 1.0)
        # Looks that began together learn the same: only the first of them says so.
        if not looked_before and self.expected == expected:
            self.expected = max(expected * _STRETCH, _YOUNG)
        again = age * _AGAIN
        return max(min(again, self._ended_at), age * _LITTLE) if age < self._ended_at else again
