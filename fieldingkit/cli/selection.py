"""Which target groups a sweep is for, and how it goes about it: what the five sweeps can be told."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal

import attrs
from cyclopts import Group, Parameter
from cyclopts.validators import Number

from fieldingkit.cli.errors import UsageError, strip_control_chars
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.plan import SweepPlan, TargetGroupQuery

__all__ = ["DEFAULT_OPTIONS", "NO_SELECTION", "Selection", "Status", "SweepOptions", "parse_ids", "read_ids"]


Status = Literal["draft", "scheduled", "live", "paused", "completed", "archived"]


@Parameter(name="*", group=Group("Which target groups", sort_key=1))
@attrs.frozen(kw_only=True)
class Selection:
    """Which target groups: of some projects, of all of them, or by name."""

    project: tuple[str, ...] = ()
    """The id of a project; may be repeated."""
    all_projects: bool = False
    """All projects of the account."""
    status: tuple[Status, ...] = ()
    """Only target groups that stand here; may be repeated."""
    search: str | None = None
    """Only those whose name or short id matches."""
    ids: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None
    """A file that names them, or - for stdin: a project and a target group on each line."""

    def plan(self, action: Action, *, account: str | None, run_id: str | None) -> SweepPlan:
        """The plan to do something to them.

        Raises:
            UsageError: if it is not said which, or in two ways.
        """
        groups, query = self._groups(), self._query()
        if run_id is None:
            return SweepPlan(action=action, account_id=account, target_groups=groups, query=query)
        return SweepPlan(action=action, account_id=account, target_groups=groups, query=query, run_id=run_id)

    def _groups(self) -> dict[str, tuple[str, ...]] | None:
        if self.ids is None:
            return None
        if self.all_projects or self.status or self.search is not None:
            raise UsageError("--ids names the target groups: --all-projects, --status and --search do not go with it")
        if len(self.project) > 1:
            raise UsageError("with --ids, one --project is that of the lines that name none; there are several")
        return read_ids(self.ids, self.project[0] if self.project else None)

    def _query(self) -> TargetGroupQuery | None:
        if self.ids is not None:
            return None
        if bool(self.project) == self.all_projects:
            raise UsageError(
                "say which target groups\nGive --project, once or several times, --all-projects, or --ids."
            )
        status = tuple(map(TargetGroupStatus, self.status)) or None
        return TargetGroupQuery(project_ids=self.project or None, status=status, search_string=self.search)


@Parameter(name="*", group=Group("How", sort_key=2))
@attrs.frozen(kw_only=True)
class SweepOptions:
    """How a sweep goes about it."""

    dry_run: bool = False
    """Only look up the target groups and say what would be done."""
    yes: bool = False
    """Do not ask."""
    report: Path | None = None
    """Where to write the report: JSON, CSV or HTML by the ending .json, .csv or .html."""
    journal: Path | None = None
    """The file that lets the sweep go on after a crash; one is made for each sweep if it is not given."""
    run_id: str | None = None
    """The run's name: whatever is done twice under one name is done once. A new one is made if it is not given."""
    rate: Annotated[float | None, Parameter(validator=Number(gt=0))] = None
    """Requests a second at most."""
    concurrency: Annotated[int, Parameter(validator=Number(gte=1))] = 100
    """Jobs under way at once at most."""
    json: bool = False
    """A JSON document a line for each event; the last one is the result."""


NO_SELECTION = Selection()
"""Nothing was said of which."""
DEFAULT_OPTIONS = SweepOptions()
"""Nothing was said of how."""


_ID: Final = re.compile(r"[0-9A-Z]{26}")
_BETWEEN: Final = re.compile(r"[\s,;]+")


def read_ids(path: Path, project_id: str | None) -> dict[str, tuple[str, ...]]:
    """Read a list of target groups, by project.

    Args:
        path: The file, or ``-`` for stdin.
        project_id: The project of lines that name none.

    Raises:
        UsageError: if it cannot be read or understood.
    """
    if str(path) == "-":
        return parse_ids(sys.stdin, "stdin", project_id)
    try:
        with path.expanduser().open(encoding="utf-8-sig") as lines:
            return parse_ids(lines, str(path), project_id)
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise UsageError(f"{path} is not a text file") from exc


def parse_ids(lines: Iterable[str], name: str, project_id: str | None) -> dict[str, tuple[str, ...]]:
    """The target groups of a list, by project.

    A line names a project and a target group, or a target group alone, and may go on with anything else: what
    ``fieldingkit groups list`` prints in a pipe, or the CSV of a report. Empty lines, headings and comments are left
    out.

    Args:
        lines: The lines.
        name: What to call the list in an error.
        project_id: The project of lines that name none.

    Raises:
        UsageError: if a line names no target group, or its project is not known.
    """
    found: dict[str, dict[str, None]] = {}
    for number, line in enumerate(lines, 1):
        words = _BETWEEN.split(line.strip())
        named = [word for word in words[:2] if _ID.fullmatch(word)]
        if words[0].startswith("#") or words == [""] or (number == 1 and not named):
            continue
        if not _ID.fullmatch(words[0]):
            raise UsageError(
                f"line {number} of {name} names no target group: {strip_control_chars(line.strip()[:60])!r}"
            )
        where = named[0] if len(named) == 2 else project_id
        if where is None:
            raise UsageError(
                f"line {number} of {name} does not say in which project the target group is\n"
                "Give each line two ids, the project's first; or one --project for all lines."
            )
        found.setdefault(where, {})[named[-1]] = None
    if not found:
        raise UsageError(f"{name} names no target groups")
    return {where: tuple(ids) for where, ids in found.items()}
