"""Outcomes that change after the respondents came: by the survey host, or by a reconciliation."""

from collections.abc import Mapping
from datetime import datetime

from fieldingkit.sandbox.model.fielding_runs import REOPEN
from fieldingkit.sandbox.model.outcomes import Origin, Outcome
from fieldingkit.sandbox.model.target_groups import TargetGroup

__all__ = ["settle"]


def settle(
    group: TargetGroup,
    outcomes: Mapping[int, Outcome],
    *,
    at: datetime,
    origin: Origin,
    reconciled: Mapping[int, tuple[str, str, datetime]] | None = None,
) -> None:
    """Change the outcomes of respondents; all counters follow.

    A live run pauses when it reaches its goal. A completed one that falls below its goal is live again, unless its end
    is past.

    Args:
        group: The target group.
        outcomes: The new outcome of each respondent, by the number in the ledger.
        at: The current time.
        origin: The origin of the outcomes.
        reconciled: The request, the reason code and the date of a reconciliation, by number.

    Raises:
        KeyError: If there is no such respondent.
    """
    group.run_at(at)
    had_reached = group.goal_reached
    for number, outcome in outcomes.items():
        details = None if reconciled is None else reconciled.get(number)
        group.ledger.settle(number, outcome, at=at, origin=origin, reconciled=details)
    if had_reached and group.refusal_reason(REOPEN, at) is None:
        group.apply(REOPEN, at=at)
    group.run_at(at)
