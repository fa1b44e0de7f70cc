"""Findings: the troubles that rules found at one time, kept as JSON, and compared with the earlier ones."""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

import attrs

from fieldingkit._repr import short_repr
from fieldingkit.converter import STRUCTURE_ERRORS, structure
from fieldingkit.errors import ConfigurationError
from fieldingkit.monitoring.rules import RuleName
from fieldingkit.rendering.files import replace_file
from fieldingkit.rendering.text import pluralize
from fieldingkit.results import Serializable

__all__ = [
    "CellState",
    "Comparison",
    "EndedFinding",
    "Finding",
    "Findings",
    "GroupState",
    "UnknownFigure",
    "compare",
    "unconfirmed",
]

_SCHEMA: Final = 1
_LONGEST_SELECTION: Final = 60
"""The largest number of characters of a selection in a message."""


@attrs.frozen(kw_only=True)
class Finding(Serializable):
    """One trouble."""

    rule: RuleName
    """The rule."""
    project_id: str | None
    """The project's ULID; None if the API does not send it."""
    target_group_id: str | None
    """The target group's ULID; None if it is about a project."""
    name: str
    """The name of the target group or of the project."""
    part: str | None = None
    """The quota cell; of a reconciliation, its manager and its deadline; None if it is about the whole."""
    seen: str
    """The figures that were seen, with their limits."""
    since: datetime
    """The time since which it is known to be so, UTC: by the figures, or else the time at which it was first seen."""
    action: str
    """The next step."""

    @property
    def key(self) -> tuple[str, str | None, str | None, str | None]:
        """The identity of the trouble: it is the same in later findings, also if its figures change."""
        return self.rule, self.project_id, self.target_group_id, self.part


@attrs.frozen(kw_only=True)
class UnknownFigure(Serializable):
    """A figure that a rule needs and that is not known. It is neither a finding nor a sign that all is well."""

    rule: RuleName | None
    """The rule; None if no rule could be applied to a project's target groups."""
    project_id: str | None = None
    """The project's ULID; None if it is about all."""
    target_group_id: str | None = None
    """The target group's ULID; None if it is about all."""
    part: str | None = None
    """The quota cell; None if it is about the whole."""
    reason: str
    """The figure and the reason why it is not known."""

    def covers(self, finding: Finding) -> bool:
        """Return True if it is not known, because of this figure, whether an earlier finding is over."""
        if self.rule is None and finding.target_group_id is None:
            return False
        pairs = (
            (self.rule, finding.rule),
            (self.project_id, finding.project_id),
            (self.target_group_id, finding.target_group_id),
            (self.part, finding.part),
        )
        return all(mine is None or mine == its for mine, its in pairs)


@attrs.frozen(kw_only=True)
class CellState(Serializable):
    """The completes of a quota cell, and since when it has had no further one."""

    part: str
    """The profile and the cell."""
    completes: int
    """The number of completes."""
    since: datetime
    """The time at which this number was first seen, UTC."""
    group_completes: int
    """The target group's completes at that time."""


@attrs.frozen(kw_only=True)
class GroupState(Serializable):
    """The parts of a target group's state that the next evaluation needs."""

    project_id: str
    """The project's ULID."""
    target_group_id: str
    """The target group's ULID."""
    status: str
    """The status."""
    since: datetime | None = None
    """The time at which a change to this status was seen, UTC; None if no change was seen."""
    cells: tuple[CellState, ...] = ()
    """The quota cells with a known number of completes."""


@attrs.frozen(kw_only=True, repr=False)
class Findings(Serializable):
    """The findings of one snapshot."""

    at: datetime
    """The time of the snapshot, UTC."""
    found: tuple[Finding, ...]
    """The troubles that were seen."""
    unknown: tuple[UnknownFigure, ...] = ()
    """The figures that rules need and that are not known."""
    unconfirmed: tuple[Finding, ...] = ()
    """Earlier findings of which it is not known whether they are over."""
    rules: tuple[RuleName, ...] = ()
    """The rules that were applied."""
    groups: tuple[GroupState, ...] = ()
    """The target groups, for the next evaluation."""
    selection: str = ""
    """The account and the filters with which the snapshot was read, in words."""

    @property
    def open(self) -> tuple[Finding, ...]:
        """The troubles that were seen, and those of which it is not known whether they are over."""
        return (*self.found, *self.unconfirmed)

    @property
    def is_well(self) -> bool:
        """True if there is no open finding, and all figures are known."""
        return not self.open and not self.unknown

    def check_selection(self, selection: str) -> None:
        """Check that a later snapshot has the same selection.

        Target groups that another selection lacks were not read, so that nothing is known of their findings.

        Args:
            selection: The selection of the later snapshot.

        Raises:
            ConfigurationError: It is another one.
        """
        if selection != self.selection:
            then, now = self.selection.split("; "), selection.split("; ")
            raise ConfigurationError(
                "the earlier findings are those of another selection of target groups; keep those of each apart, "
                "such as in a file of its own, or delete them to begin again "
                f"(then: {_difference(then, now)}; now: {_difference(now, then)})"
            )

    def save(self, path: str | Path) -> None:
        """Write the findings to a JSON file, which is replaced as a whole.

        Raises:
            ConfigurationError: The file cannot be written; an earlier file stays as it was.
        """
        try:
            replace_file(Path(path), [self.encode().encode(), b"\n"])
        except OSError as exc:
            raise ConfigurationError(f"the findings {path} cannot be written: {exc.strerror}") from exc

    @classmethod
    def load(cls, path: str | Path) -> "Findings | None":
        """Return the findings of a JSON file; None if there is no file.

        Raises:
            ConfigurationError: The file cannot be read, has no findings of this release, or has a rule that this
                release does not know.
        """
        try:
            text = Path(path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise ConfigurationError(f"the findings {path} cannot be read: {exc.strerror}") from exc
        return cls.decode(text, str(path))

    def encode(self) -> str:
        """Return the findings as JSON text, to be kept elsewhere than in a file."""
        return json.dumps({"schema": _SCHEMA, **self.to_dict()})

    @classmethod
    def decode(cls, text: str | bytes, place: str) -> "Findings":
        """Return the findings of JSON text.

        Args:
            text: The text.
            place: The place where it was kept, for the message of an error.

        Raises:
            ConfigurationError: The text has no findings of this release, or a rule that this release does not know.
        """
        try:
            content: Any = json.loads(text)
        except STRUCTURE_ERRORS as exc:
            raise ConfigurationError(f"the findings {place} are damaged ({exc}); delete it to begin again") from exc
        if not isinstance(content, dict) or cast("dict[str, Any]", content).pop("schema", None) != _SCHEMA:
            raise ConfigurationError(f"{place} has no findings that this release reads; delete it to begin again")
        try:
            decoded: Findings = structure(Findings)(content, Findings)
        except STRUCTURE_ERRORS as exc:
            raise ConfigurationError(
                f"the findings {place} are damaged, or of a later release ({exc}); "
                "use that release, or delete it to begin again"
            ) from exc
        return decoded

    def __repr__(self) -> str:
        return short_repr(
            "Findings",
            pluralize(len(self.found), "finding"),
            f"{len(self.unconfirmed)} unconfirmed" if self.unconfirmed else None,
            pluralize(len(self.unknown), "unknown figure") if self.unknown else None,
        )


@attrs.frozen(kw_only=True)
class EndedFinding(Serializable):
    """A finding that is over."""

    finding: Finding
    """The finding as it was last seen."""
    reason: str
    """The reason: the trouble is no longer seen, or its rule no longer applies to the target group."""


@attrs.frozen(kw_only=True)
class Comparison(Serializable):
    """The changes from the earlier findings to those of now."""

    at: datetime
    """The time of the snapshot, UTC."""
    new: tuple[Finding, ...]
    """The findings that were not open before."""
    continuing: tuple[Finding, ...]
    """The findings that were open before, with the figures of now."""
    unconfirmed: tuple[Finding, ...]
    """The earlier findings of which it is not known whether they are over, with their earlier figures."""
    ended: tuple[EndedFinding, ...]
    """The earlier findings that are over."""
    unknown: tuple[UnknownFigure, ...] = ()
    """The figures that are not known."""
    earlier_at: datetime | None = None
    """The time of the earlier snapshot, UTC; None if there was none."""

    @property
    def has_news(self) -> bool:
        """True if there is a new finding, or one that is over."""
        return bool(self.new or self.ended)


def compare(earlier: Findings | None, now: Findings) -> Comparison:
    """Return the findings that are new, that continue, and that are over.

    An earlier finding is over only if its rule was applied and did not find it again, or no longer applies. If a figure
    of the rule is unknown, it is unconfirmed, and stays open.

    Args:
        earlier: The earlier findings; None if there are none.
        now: The findings of now.
    """
    before = _open(earlier)
    kept = unconfirmed(earlier, now.found, now.unknown, now.rules)
    still_open = {finding.key for finding in (*now.found, *kept)}
    return Comparison(
        at=now.at,
        new=tuple(finding for finding in now.found if finding.key not in before),
        continuing=tuple(finding for finding in now.found if finding.key in before),
        unconfirmed=kept,
        ended=tuple(
            EndedFinding(finding=finding, reason=_end(finding, {} if earlier is None else _statuses(earlier), now))
            for key, finding in before.items()
            if key not in still_open
        ),
        unknown=now.unknown,
        earlier_at=None if earlier is None else earlier.at,
    )


def unconfirmed(
    earlier: Findings | None, found: Iterable[Finding], unknown: Iterable[UnknownFigure], rules: Iterable[RuleName]
) -> tuple[Finding, ...]:
    """Return the earlier findings that were not seen again, and of which it is not known whether they are over."""
    seen, figures, applied = {finding.key for finding in found}, [*unknown], {*rules}
    return tuple(
        finding
        for key, finding in _open(earlier).items()
        if key not in seen and finding.rule in applied and any(figure.covers(finding) for figure in figures)
    )


def _difference(parts: Iterable[str], others: Collection[str]) -> str:
    text = ", ".join(part for part in parts if part and part not in others) or "no such filter"
    return text if len(text) <= _LONGEST_SELECTION else f"{text[:_LONGEST_SELECTION]}…"


def _open(findings: Findings | None) -> dict[tuple[str, str | None, str | None, str | None], Finding]:
    return {} if findings is None else {finding.key: finding for finding in findings.open}


def _statuses(findings: Findings) -> dict[str, str]:
    return {group.target_group_id: group.status for group in findings.groups}


def _end(finding: Finding, before: Mapping[str, str], now: Findings) -> str:
    """Return the reason why a finding is over."""
    if finding.rule not in now.rules:
        return "its rule is no longer applied"
    if (id_ := finding.target_group_id) is None:
        return "it is no longer so"
    if (status := _statuses(now).get(id_)) is None:
        return "its target group is no longer in the snapshot"
    return "it is no longer so" if status == before.get(id_) else f"its target group is {status} now"
