"""Why target groups were not changed, grouped by reason, and what to do about each."""

from collections.abc import Iterable
from typing import Final

import attrs

from fieldingkit.workflows.actions import Action
from fieldingkit.workflows.report import GroupOutcome, Outcome

__all__ = ["Reason", "advice_on", "held_back", "reasons"]

_BY_CODE: Final[dict[str, str]] = {
    "StatusTransitionNotAllowed": (
        "Their status, or a goal or end date that is reached, does not allow this. List them to see where they stand "
        "now; raise the goal or the end date first if they are to go live."
    ),
    "TargetGroupInvalidState": "They are not in a state for this. List them to see where they stand now.",
    "TargetGroupNotFound": "The API knows no such target groups in these projects: check the ids and the account.",
    "InvalidFieldingDates": "Correct the dates of their fielding, then try again.",
    "JobExecutionStartMessageFailed": "This was the API's own trouble: run it again under a new run id.",
    "unexpected_internal_error": "This was the API's own trouble: run it again under a new run id.",
}
_BY_OUTCOME: Final[dict[Outcome, str]] = {
    Outcome.FAILED: "Look at the reason; the API's support finds the calls by the trace ids.",
    Outcome.SKIPPED: "Nothing was sent for these.",
    Outcome.UNKNOWN: (
        "These were sent, and what became of them could not be read. Look where they stand, then run the same command "
        "again with the same journal."
    ),
}


@attrs.frozen
class Reason:
    """Target groups that came out alike for the same reason."""

    outcome: Outcome
    """How they came out."""
    code: str | None
    """The API's code, if it gave one."""
    text: str
    """The reason, in words."""
    groups: tuple[GroupOutcome, ...]
    """The target groups."""


def reasons(groups: Iterable[GroupOutcome], *outcomes: Outcome) -> list[Reason]:
    """The reasons of some outcomes, the most frequent first.

    Args:
        groups: Target groups of a report.
        outcomes: Which outcomes to look at.
    """
    found: dict[tuple[Outcome, str | None, str], list[GroupOutcome]] = {}
    for group in groups:
        if group.outcome in outcomes:
            found.setdefault((group.outcome, group.code, group.reason or ""), []).append(group)
    grouped = [Reason(outcome, code, text, tuple(members)) for (outcome, code, text), members in found.items()]
    return sorted(grouped, key=lambda reason: (outcomes.index(reason.outcome), -len(reason.groups)))


def held_back(action: Action, group: GroupOutcome) -> bool:
    """Whether a target group was left alone although the action is for it, since the sweep was stopped before."""
    return group.outcome is Outcome.SKIPPED and (group.before is None or group.before in action.sources)


def advice_on(action: Action, reason: Reason) -> str:
    """What to do about a reason.

    Args:
        action: What was to be done.
        reason: Why it was not.
    """
    if held_back(action, reason.groups[0]):
        return "These were not sent, and should have been: run the same command again with the same journal."
    return _BY_CODE.get(reason.code or "") or _BY_OUTCOME.get(reason.outcome, "")
