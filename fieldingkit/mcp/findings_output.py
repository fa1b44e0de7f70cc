"""The troubles of target groups as a tool returns them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from fieldingkit.mcp.outputs import ApiText, Output, api_text, cut_note
from fieldingkit.mcp.portions import PortionInfo
from fieldingkit.monitoring.findings import Finding, Findings, UnknownFigure
from fieldingkit.monitoring.rules import RuleName

__all__ = ["FindingsOutput", "findings_output"]

_OFF: Final = "It is off in the rules of this server."
_MOST_UNKNOWN: Final = 50
"""Unknown figures shown."""


class Trouble(Output):
    """A trouble of a target group."""

    rule: str
    """The rule that found it."""
    project_id: str | None
    """The project's id."""
    target_group_id: str | None
    """The target group's id."""
    name: ApiText | None
    """The target group's name."""
    part: ApiText | None
    """The quota cell; null if it is about the whole."""
    seen: ApiText | None
    """The figures that were seen, with their limits."""
    since: datetime
    """The time since which it is known to be so, UTC."""
    next_step: ApiText | None
    """The advice of fieldingkit; it may name a quota cell, whose name is data."""


class NotKnown(Output):
    """A figure that a rule needs and that is not known. It is no sign that all is well."""

    rule: str | None
    """The rule; null if none could be applied."""
    target_group_id: str | None
    """The target group's id; null if it is about all."""
    reason: ApiText | None
    """The figure and the reason why it is not known."""


class NotChecked(Output):
    """A rule that was not checked, or not for all target groups. It is no sign that all is well."""

    rule: str
    """The rule."""
    reason: str
    """The reason, and what to do if it can be checked later."""


class FindingsOutput(Output):
    """The troubles of target groups."""

    portion: PortionInfo
    """The extent of this portion; target groups outside it were not checked."""
    checked: int
    """The number of target groups that were checked."""
    findings: list[Trouble]
    """The troubles. All are shown."""
    rules_checked: list[str]
    """The rules that were checked for all of them."""
    rules_not_checked: list[NotChecked]
    """The other rules, with the reasons."""
    unknown: list[NotKnown]
    """The figures that are not known."""
    unknown_cut: str | None
    """The unknown figures that are not shown; null if all are."""


def findings_output(
    portion: PortionInfo, checked: int, found: Findings, not_checked: Mapping[RuleName, str]
) -> FindingsOutput:
    """Return the troubles of the target groups of a portion.

    Args:
        portion: The extent of the portion.
        checked: The number of its target groups.
        found: The troubles.
        not_checked: The reasons of rules that are on and were not checked.
    """
    unknown: Sequence[UnknownFigure] = found.unknown[:_MOST_UNKNOWN]
    return FindingsOutput(
        portion=portion,
        checked=checked,
        findings=[_trouble(one) for one in found.found],
        rules_checked=[name.value for name in found.rules if name not in not_checked],
        rules_not_checked=[
            NotChecked(rule=name.value, reason=not_checked.get(name, _OFF))
            for name in RuleName
            if name not in found.rules or name in not_checked
        ],
        unknown=[_not_known(one) for one in unknown],
        unknown_cut=cut_note(len(found.unknown) - len(unknown), "figure", "Check fewer target groups at once."),
    )


def _trouble(one: Finding) -> Trouble:
    return Trouble(
        rule=one.rule.value,
        project_id=one.project_id,
        target_group_id=one.target_group_id,
        name=api_text(one.name),
        part=api_text(one.part),
        seen=api_text(one.seen),
        since=one.since,
        next_step=api_text(one.action),
    )


def _not_known(one: UnknownFigure) -> NotKnown:
    rule = None if one.rule is None else one.rule.value
    return NotKnown(rule=rule, target_group_id=one.target_group_id, reason=api_text(one.reason))
