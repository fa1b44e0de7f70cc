"""Respondents of a target group, and the ids by which each of them is known."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import attrs

from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.outcomes import Origin, Outcome

__all__ = ["Respondent", "RespondentIds", "rid_key"]

_NAMESPACE: Final = uuid.UUID("2d0f4c52-7f0f-4b9e-a9f5-3c8c0f2a9d11")
_NUMBER_BITS: Final = 48
"""The last bits of an id, which hold the number of the respondent; the others stand for the target group."""


def rid_key(rid: str) -> int | None:
    """Return the part of a session's id that stands for the target group; None if it is no UUID."""
    try:
        return uuid.UUID(rid).int >> _NUMBER_BITS
    except ValueError:
        return None


@attrs.frozen(kw_only=True)
class Respondent:
    """A respondent who entered a target group."""

    number: int
    """The position among all entrants, from 1."""
    rid: str
    """The UUID of the session."""
    respondent_id: str
    """The UUID of the person."""
    access_respondent_guid: str
    """The UUID of the person at the supplier."""
    entered_at: datetime
    """The date of entry."""
    ended_at: datetime | None
    """The date of the end; None for a drop-off, which has none."""
    outcome: Outcome
    """The end."""
    cost_per_interview: Amount
    """The price that a complete had when the respondent came."""
    stage: Literal["prescreen", "survey"]
    """The last stage that the respondent reached."""
    matched: Mapping[str, str]
    """The target of each profile, both by id; none for those who did not qualify."""
    supplier_id: int | None
    """The supplier; None if the target group has none."""
    unique_code: str | None = None
    """The code from the list of the target group."""
    reconciled: tuple[str, str, datetime] | None = None
    """The request, the reason code and the date of the last reconciliation."""
    origin: Origin = "flow"
    """The origin of the outcome."""

    @property
    def price(self) -> Amount | None:
        """The price of a complete; None for all others."""
        return self.cost_per_interview if self.outcome == "complete" else None

    @property
    def completed_at(self) -> datetime:
        """The date whose month decides until when the respondent can be reconciled."""
        return self.ended_at or self.entered_at


class RespondentIds:
    """The ids of the respondents of one target group, made from their numbers.

    Args:
        target_group_id: The target group's id.
    """

    __slots__ = ("_bases", "_target_group_id")

    def __init__(self, target_group_id: str) -> None:
        self._target_group_id = target_group_id
        self._bases: tuple[int, int, int] | None = None

    @property
    def key(self) -> int:
        """The part that all RIDs of this target group share; see `rid_key`."""
        return self._made[0] >> _NUMBER_BITS

    def number_of(self, rid: str) -> int | None:
        """Return the number that a RID of this target group stands for; None for any other RID."""
        return uuid.UUID(rid).int ^ self._made[0] if rid_key(rid) == self.key else None

    def of(self, number: int) -> tuple[str, str, str]:
        """Return the ids of a respondent: of the session, of the person, and at the supplier."""
        session, person, supplied = (_text(base ^ number) for base in self._made)
        return session, person, supplied

    @property
    def _made(self) -> tuple[int, int, int]:
        """The ids of a respondent with the number 0, made when they are first needed."""
        if self._bases is None:
            names = (f"{self._target_group_id}{kind}" for kind in ("", "/person", "/guid"))
            session, person, supplied = (uuid.uuid5(_NAMESPACE, name).int for name in names)
            self._bases = (session, person, supplied)
        return self._bases


def _text(number: int) -> str:
    """Return a UUID as text, faster than its class does."""
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
