"""The state of a watch: target groups by trouble, with their forecasts, their findings, and the age of each figure."""

from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import attrs

from fieldingkit._repr import short_repr
from fieldingkit.monitoring.findings import Comparison, Finding, Findings
from fieldingkit.monitoring.forecasts import Forecast
from fieldingkit.monitoring.rules import RuleName
from fieldingkit.monitoring.snapshots import GroupSnapshot
from fieldingkit.rendering.text import pluralize
from fieldingkit.results import Serializable, to_plain
from fieldingkit.workflows.due_reconciliations import DueReconciliations

__all__ = ["Condition", "WatchState", "WatchedGroup", "by_trouble", "by_urgency"]


class Condition(StrEnum):
    """The condition of a target group."""

    TROUBLE = "trouble"
    """A rule found a trouble, and it is not known to be over."""
    UNKNOWN = "unknown"
    """No trouble is known, but a part of its state could not be read, or was not read yet."""
    WELL = "well"
    """All was read, and no rule found a trouble."""


_URGENCY: Final = (
    RuleName.PAUSED_BY_API,
    RuleName.NO_COMPLETES,
    RuleName.END_BEFORE_GOAL,
    RuleName.CELL_STUCK,
    RuleName.PRICE_AT_CAP,
    RuleName.LOW_CONVERSION,
    RuleName.HIGH_DROP_OFF,
    RuleName.LENGTH_OFF_BID,
    RuleName.INCIDENCE_OFF_BID,
    RuleName.SOFT_LAUNCH_REACHED,
    RuleName.RECONCILIATION_DUE,
)
"""The rules, the most urgent one first."""
_CONDITIONS: Final = tuple(Condition)

NOT_READ_YET: Final = "it was not read yet"
"""The reason of a detail that a read did not come to."""
CHANGED: Final = "its status or goal changed; all other figures are earlier ones"
"""The reason of a target group that was not read in full since its list showed a change."""
PENDING: Final = frozenset({NOT_READ_YET, CHANGED})
"""The reasons that are no failures: the next read comes to it."""


@attrs.frozen(kw_only=True, repr=False)
class WatchedGroup(Serializable):
    """A target group of a watch."""

    group: GroupSnapshot
    """Its state: the figures of the lists at ``group.read_at``, those of the details at ``details_at``."""
    details_at: datetime | None
    """The time at which its details, and all figures of its findings and its forecast, were read, UTC; None if they
    were not read yet."""
    forecast: Forecast | None = None
    """Its forecast; None unless it is live and its details were read."""
    findings: tuple[Finding, ...] = ()
    """Its open findings, the most urgent one first."""
    problem: str | None = None
    """The reason why the latest read of the list failed, so that all figures are earlier ones; None if it did not."""

    @property
    def condition(self) -> Condition:
        """The condition."""
        if self.findings:
            return Condition.TROUBLE
        return Condition.UNKNOWN if self.problem or self.group.unread else Condition.WELL

    def __repr__(self) -> str:
        return short_repr("WatchedGroup", repr(self.group.name), self.condition)


@attrs.frozen(kw_only=True, repr=False)
class WatchState(Serializable):
    """The state of a watch at one time."""

    at: datetime
    """The time of the latest attempt to read, by the API's clock, UTC."""
    read_at: datetime
    """The time of the latest one in which the list of a project, at least, could be read, UTC: `at` or earlier."""
    groups: tuple[WatchedGroup, ...]
    """The target groups, those in trouble first."""
    findings: Findings
    """The findings."""
    changes: Comparison
    """The changes of the findings since the state before, or since those that the watch began with."""
    due: DueReconciliations | None = None
    """The completes that must be reconciled, of the projects that the query names, or else of the account; None if they
    were not read."""
    due_at: datetime | None = None
    """The time at which they were read, UTC."""
    problems: tuple[str, ...] = ()
    """The reads that failed, with the reasons. Figures of earlier reads are kept with their times."""
    history_problem: str | None = None
    """The full reads that the latest attempt could not keep in the history, with the reason; None if it kept them."""

    @property
    def project_findings(self) -> tuple[Finding, ...]:
        """The open findings that are not about a target group."""
        return tuple(one for one in self.findings.open if one.target_group_id is None)

    @property
    def failures(self) -> tuple[str, ...]:
        """The reads that failed: the ``problems``, and the details of target groups, one text for each reason."""
        details: dict[str, dict[str, None]] = {}
        groups: dict[str, dict[str, None]] = {}
        for one in self.groups:
            for unread in one.group.unread:
                if unread.reason not in PENDING:
                    details.setdefault(unread.reason, {})[str(unread.detail)] = None
                    groups.setdefault(unread.reason, {})[one.group.target_group_id] = None
        return (
            *self.problems,
            *(f"{', '.join(names)} of {_count(groups[reason])}: {reason}" for reason, names in details.items()),
        )

    @property
    def is_complete(self) -> bool:
        """True if everything could be read."""
        return not self.problems and not any(one.problem or one.group.unread for one in self.groups)

    def to_document(self) -> dict[str, Any]:
        """Return the state as JSON has it, with one flat row for each target group and none for internal figures."""
        return {
            "event": "state",
            "at": to_plain(self.at),
            "read_at": to_plain(self.read_at),
            "complete": self.is_complete,
            "problems": list(self.failures),
            "history_problem": self.history_problem,
            "groups": [_row(one) for one in self.groups],
            "findings": to_plain(self.findings.open),
            "new": to_plain(self.changes.new),
            "ended": to_plain(self.changes.ended),
            "unknown": to_plain(self.findings.unknown),
            "due": None
            if self.due is None
            else {
                "read_at": to_plain(self.due_at),
                "deadline": to_plain(self.due.deadline),
                "completes": self.due.completes,
                "projects": to_plain(self.due.projects),
                "warnings": list(self.due.warnings),
            },
        }

    def __repr__(self) -> str:
        troubled = sum(one.condition is Condition.TROUBLE for one in self.groups)
        return short_repr("WatchState", pluralize(len(self.groups)), f"{troubled} in trouble" if troubled else None)


def _count(ids: Collection[str]) -> str:
    return f"target group {next(iter(ids))}" if len(ids) == 1 else pluralize(len(ids))


def by_urgency(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings, the most urgent one first."""
    return tuple(sorted(findings, key=lambda one: (_URGENCY.index(one.rule), one.part or "")))


def by_trouble(groups: Iterable[WatchedGroup]) -> tuple[WatchedGroup, ...]:
    """Return target groups: those in trouble first, by urgency, then those that are not known, then the others."""
    return tuple(sorted(groups, key=_trouble_key))


def _trouble_key(one: WatchedGroup) -> tuple[object, ...]:
    chance = None if one.forecast is None else one.forecast.chance_by_end
    return (
        _CONDITIONS.index(one.condition),
        _URGENCY.index(one.findings[0].rule) if one.findings else len(_URGENCY),
        -len(one.findings),
        1.0 if chance is None else round(chance, 2),
        one.group.name.casefold(),
        one.group.target_group_id,
    )


def _row(one: WatchedGroup) -> dict[str, Any]:
    return {
        "condition": one.condition.value,
        **to_plain(one.group.row()),
        "details_at": to_plain(one.details_at),
        "problem": one.problem,
        "findings": [finding.rule.value for finding in one.findings],
        "forecast": None
        if one.forecast is None
        else {name: value for name, value in one.forecast.to_dict().items() if name != "cells"},
        "cells": [{**cell.to_dict(), "fill": cell.fill} for cell in one.group.cells or ()],
    }
