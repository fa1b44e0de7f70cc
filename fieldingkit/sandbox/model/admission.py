"""The admission to a target group: anybody, or those who were invited."""

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
        """Return the person that a respondent is; None for a person who was not invited."""
        return self._invited.get(number)

    @property
    def most_entrants(self) -> int | None:
        """The largest number of entrants, those who have entered included; None if anybody may enter."""
        return None if self.is_open else max(self._invited, default=0)
