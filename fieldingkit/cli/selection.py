"""Parameters of the sweep commands: the selection of target groups, and the options."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal

import attrs
from cyclopts import Group, Parameter
from cyclopts.validators import Number

from fieldingkit.cli.errors import UsageError
from fieldingkit.rendering.csv import CSV_COLUMNS
from fieldingkit.rendering.text import strip_control_chars
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.sweeps.actions import Action
from fieldingkit.sweeps.plan import SweepPlan, TargetGroupQuery

__all__ = ["DEFAULT_OPTIONS", "NO_SELECTION", "Selection", "Status", "SweepOptions", "parse_ids", "read_ids"]


Status = Literal["draft", "scheduled", "live", "paused", "completed", "archived"]


@Parameter(name="*", group=Group("Target groups", sort_key=1))
@attrs.frozen(kw_only=True)
class Selection:
    """The selected target groups: of some projects, of all projects, or listed in a file."""

    project: tuple[str, ...] = ()
    """A project id; may be repeated."""
    all_projects: bool = False
    """All projects of the account."""
    status: tuple[Status, ...] = ()
    """Only target groups with this status; may be repeated."""
    search: str | None = None
    """Only target groups whose name or short id matches."""
    ids: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None
    """A file with a project id and a target group id on each line; - reads stdin."""

    def plan(self, action: Action, *, account: str | None, run_id: str | None) -> SweepPlan:
        """Return the plan of an action on the selected target groups.

        Raises:
            UsageError: Nothing was selected, or the selection contradicts itself.
        """
        groups, query = self._groups(), self._query()
        if run_id is None:
            return SweepPlan(action=action, account_id=account, target_groups=groups, query=query)
        return SweepPlan(action=action, account_id=account, target_groups=groups, query=query, run_id=run_id)

    def _groups(self) -> dict[str, tuple[str, ...]] | None:
        if self.ids is None:
            return None
        if self.all_projects or self.status or self.search is not None:
            raise UsageError("--ids cannot be combined with --all-projects, --status or --search\nNothing was sent.")
        if len(self.project) > 1:
            raise UsageError(
                "--ids takes one --project, for the lines without a project id; got several\nNothing was sent."
            )
        return read_ids(self.ids, self.project[0] if self.project else None)

    def _query(self) -> TargetGroupQuery | None:
        if self.ids is not None:
            return None
        if bool(self.project) == self.all_projects:
            raise UsageError(
                "no target groups selected\nGive exactly one of --project (may be repeated), --all-projects and --ids."
            )
        status = tuple(map(TargetGroupStatus, self.status)) or None
        return TargetGroupQuery(project_ids=self.project or None, status=status, search_string=self.search)


@Parameter(name="*", group=Group("Options", sort_key=2))
@attrs.frozen(kw_only=True)
class SweepOptions:
    """The options of a sweep."""

    dry_run: bool = False
    """Find the target groups and print a preview; change nothing."""
    yes: bool = False
    """Do not ask for confirmation."""
    report: Path | None = None
    """The file to write the report to, as JSON, CSV or HTML by its ending .json, .csv or .html."""
    force: bool = False
    """Overwrite the report of another run."""
    journal: Path | None = None
    """The file to resume the sweep from after a crash; by default one is created for each sweep."""
    run_id: str | None = None
    """The run id. Sweeps are idempotent per run id; by default each sweep gets a new one."""
    rate: Annotated[float | None, Parameter(validator=Number(gt=0))] = None
    """Requests per second at most."""
    concurrency: Annotated[int, Parameter(validator=Number(gte=1))] = 100
    """Concurrent jobs at most."""
    json: bool = False
    """Print one JSON document a line for each event; the last one is the report."""


NO_SELECTION = Selection()
"""No flag of the selection was given."""
DEFAULT_OPTIONS = SweepOptions()
"""No flag of the options was given."""


_ID: Final = re.compile(r"[0-9A-Z]{26}")
_SEPARATOR: Final = re.compile(r"[\s,;]+")
_BYTE_ORDER_MARK: Final = "\ufeff"
_MAX_QUOTED: Final = 60
_HEADINGS: Final = (("Project", "Target", "group", "Status", "Completes", "Name"), CSV_COLUMNS)
"""The words of the headings of ``groups list`` on a terminal, and of a report as CSV."""


def read_ids(path: Path, project_id: str | None) -> dict[str, tuple[str, ...]]:
    """Read a list of target groups and return their ids by project id.

    Args:
        path: The file, or ``-`` for stdin.
        project_id: The project of lines without a project id.

    Raises:
        UsageError: The list cannot be read or parsed.
    """
    try:
        if str(path) == "-":
            return parse_ids(sys.stdin, "stdin", project_id)
        with path.expanduser().open(encoding="utf-8") as lines:
            return parse_ids(lines, str(path), project_id)
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}\nNothing was sent.") from exc
    except UnicodeDecodeError as exc:
        raise UsageError(f"{path} is not a text file\nNothing was sent.") from exc


def parse_ids(lines: Iterable[str], name: str, project_id: str | None) -> dict[str, tuple[str, ...]]:
    """Parse a list of target groups and return their ids by project id.

    A line holds a project id and a target group id, and further columns are ignored; with ``project_id``, a
    line may also be a target group id alone. So the output of ``fieldingkit groups list`` and the CSV of a report are
    both valid. Their headings, empty lines and comments are skipped; any other line is an error.

    Args:
        lines: The lines.
        name: The name of the list for error messages.
        project_id: The project of lines without a project id.

    Raises:
        UsageError: A line is invalid, or its project is unknown.
    """
    by_project: dict[str, dict[str, None]] = {}
    for number, line in enumerate(lines, 1):
        text = (line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line).strip()
        words = tuple(_SEPARATOR.split(text))
        if not text or text.startswith("#") or (number == 1 and words in _HEADINGS):
            continue
        ids = [word for word in words[:2] if word]
        if not all(map(_ID.fullmatch, ids)):
            raise UsageError(
                f"line {number} of {name} is not a project id and a target group id: {_quoted(text)}\n"
                "Nothing was sent. An id has 26 capital letters and digits."
            )
        project = ids[0] if len(ids) == 2 else project_id
        if project is None:
            raise UsageError(
                f"line {number} of {name} has no project id: {_quoted(text)}\n"
                "Nothing was sent. Put the project id before the target group id, or give --project for all lines."
            )
        by_project.setdefault(project, {})[ids[-1]] = None
    if not by_project:
        raise UsageError(f"{name} lists no target groups\nNothing was sent.")
    return {project: tuple(group_ids) for project, group_ids in by_project.items()}


def _quoted(line: str) -> str:
    return repr(strip_control_chars(line if len(line) <= _MAX_QUOTED else f"{line[:_MAX_QUOTED]}…"))
