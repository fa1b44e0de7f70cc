"""Who may enter a target group: anybody, or those who were invited."""

import sys
from collections.abc import Sequence

__all__ = ["Admission"]


class Admission:
    """The persons who may enter a target group, by the number of the respondent that each becomes."""

    __slots__ = ("_invited", "is_open")

    def __init__(self) -> None:
        self.is_open: bool = True
        """True if anybody may enter, not only those who were invited."""
        self._invited: dict[int, str] = {}

    def invite(self, respondent_ids: Sequence[str] | None, entrants: int) -> None:
        """Let only these persons enter from now on, in this order and each of them once; None admits anybody.

        Args:
            respondent_ids: The persons.
            entrants: The number of respondents who have entered, which stay as they are.
        """
        came = {number: person for number, person in self._invited.items() if number <= entrants}
        known = {*came.values()}
        coming = [person for person in respondent_ids or () if person not in known]
        self._invited = {**came, **dict(enumerate(coming, entrants + 1))}
        self.is_open = respondent_ids is None

    def person(self, number: int) -> str | None:
        """Return the person that a respondent is; None if it is somebody who was not invited."""
        return self._invited.get(number)

    def completes_left(self, arrived: int) -> int:
        """Return the largest number of completes that those who may still enter can bring.

        Args:
            arrived: The number of completes that have arrived; of five entrants two complete.
        """
        if self.is_open:
            return sys.maxsize
        return max(0, (2 * max(self._invited, default=0) + 1) // 5 - arrived)
