"""The content of the page of a sweep report: causes, projects, and the rows of a large sweep."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from fieldingkit.rendering.model import GroupRow, ProjectRow, SweepDocument
from fieldingkit.rendering.wording import PROBLEMS, Reason, advice_for, format_reason, group_by_reason, outcome_label

__all__ = [
    "MAX_PRINTED",
    "MAX_PROJECTS",
    "MAX_ROWS",
    "Cause",
    "ProjectCounts",
    "is_large",
    "list_causes",
    "project_counts",
]


MAX_ROWS: Final = 5000
"""The largest number of target groups that a page lists."""
MAX_PROJECTS: Final = 1000
"""The largest number of projects, of jobs, and of target groups found afterwards, that a page lists."""
MAX_PRINTED: Final = 200
"""The longest list that is printed on paper; a longer one is for screens."""
_MAX_PREVIEWED: Final = 3
_MAX_CAUSES: Final = 100
"""The largest number of causes of one outcome."""
_QUIET: Final = ("skipped", "unchanged")
"""The outcomes that the page of a large sweep does not list: the sweep changed nothing there."""


@attrs.frozen(kw_only=True)
class Cause:
    """Target groups with one outcome for one reason."""

    outcome: str
    """The outcome."""
    text: str
    """The reason in words; the outcome if there is none."""
    advice: str
    """The advice; empty if there is none."""
    total: int
    """The number of target groups."""
    listed: tuple[GroupRow, ...]
    """The target groups that the page lists: all of them, unless the sweep is large."""
    common: str
    """The reason that their reasons have in common."""

    @property
    def names(self) -> list[str]:
        """The names of the first few."""
        return [group.name for group in self.listed[:_MAX_PREVIEWED] if group.name]


def is_large(document: SweepDocument) -> bool:
    """Return whether a page does not list all target groups, so that a table is written beside it."""
    return len(document.groups) > MAX_ROWS


def list_causes(document: SweepDocument, room: int = MAX_ROWS) -> Mapping[str, Sequence[Cause]]:
    """Return the causes by outcome; outcomes that did not occur are left out.

    If there is no room for all rows, those of problems come first, then those of changes, and the causes share the
    room: a frequent cause leaves room for the rare ones.

    Args:
        document: The report.
        room: The largest number of target groups to list.
    """
    large = len(document.groups) > room
    causes: dict[str, list[Cause]] = {}
    reasons = group_by_reason(document.groups, *PROBLEMS, "updated", *_QUIET)
    for outcomes in (PROBLEMS, ("updated",), _QUIET):
        some = _merge_rare([reason for reason in reasons if reason.outcome in outcomes])
        shares = _share([len(reason.groups) for reason in some], 0 if large and outcomes is _QUIET else room)
        room -= sum(shares)
        for reason, share in zip(some, shares, strict=True):
            causes.setdefault(reason.outcome, []).append(_cause(document, reason, reason.groups[:share]))
    return causes


def _merge_rare(reasons: Sequence[Reason]) -> Sequence[Reason]:
    """Return the reasons; if there are very many, the rarest ones of each outcome are one."""
    if len(reasons) <= _MAX_CAUSES:
        return reasons
    merged: list[Reason] = []
    for outcome in dict.fromkeys(reason.outcome for reason in reasons):
        some = [reason for reason in reasons if reason.outcome == outcome]
        merged += some[:_MAX_CAUSES]
        if rare := some[_MAX_CAUSES:]:
            groups = tuple(group for reason in rare for group in reason.groups)
            merged.append(Reason(outcome, None, f"{len(rare):,} other reasons", groups))
    return merged


def _share(sizes: Sequence[int], room: int) -> Sequence[int]:
    """Return a share of the room for each size; small ones get all that they need."""
    shares = [0] * len(sizes)
    for position, number in enumerate(sorted(range(len(sizes)), key=sizes.__getitem__)):
        shares[number] = min(sizes[number], room // (len(sizes) - position))
        room -= shares[number]
    return shares


def _cause(document: SweepDocument, reason: Reason, listed: tuple[GroupRow, ...]) -> Cause:
    label = outcome_label(document, reason.outcome)
    return Cause(
        outcome=reason.outcome,
        text=format_reason(reason.code, reason.text)
        or (label if reason.outcome not in PROBLEMS else "no reason given"),
        advice=advice_for(reason.outcome, reason.code, reason.text)
        if reason.outcome not in ("updated", "unchanged")
        else "",
        total=len(reason.groups),
        listed=listed,
        common=reason.text,
    )


@attrs.frozen
class ProjectCounts:
    """A project with the outcomes of its target groups."""

    project: ProjectRow
    """The project."""
    counts: Mapping[str, int]
    """The number of target groups with each outcome."""

    @property
    def total(self) -> int:
        """The number of target groups."""
        return sum(self.counts.values())


def project_counts(document: SweepDocument) -> list[ProjectCounts]:
    """Return the projects, those with problems first."""
    names = document.by_project_id
    found = [
        ProjectCounts(names.get(project_id) or ProjectRow(project_id=project_id), counts)
        for project_id, counts in document.by_project.items()
    ]
    return sorted(found, key=lambda item: not any(item.counts[outcome] for outcome in PROBLEMS))
