"""The unique codes of a target group: respondents take them in the order of the uploads."""

from collections.abc import Iterable

__all__ = ["CodeQueue"]


class CodeQueue:
    """The codes of one target group for its live or its test URL."""

    def __init__(self) -> None:
        self._codes: dict[str, None] = {}
        self._consumed = 0
        self._entrants = 0

    @property
    def total(self) -> int:
        """The number of all codes."""
        return len(self._codes)

    @property
    def unconsumed(self) -> int:
        """The number of codes that nobody has taken."""
        return len(self._codes) - self._consumed

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes, in the order of their uploads."""
        return tuple(self._codes)

    def add(self, codes: Iterable[str]) -> int:
        """Add codes; return the number of those that are new."""
        before = len(self._codes)
        self._codes.update(dict.fromkeys(codes))
        return len(self._codes) - before

    def advance(self, entrants: int) -> None:
        """Let each respondent who has entered since the last call take a code, as long as there are any.

        Args:
            entrants: The number of all respondents of the target group.
        """
        self._consumed += min(max(0, entrants - self._entrants), self.unconsumed)
        self._entrants = max(self._entrants, entrants)

    def delete_unconsumed(self) -> None:
        """Delete all codes that nobody has taken."""
        self._codes = dict.fromkeys(self.codes[: self._consumed])
