"""Which target groups a sweep is for, and how it goes about it: what the five sweeps can be told."""

from pathlib import Path
from typing import Annotated, Literal

import attrs
from cyclopts import Group, Parameter
from cyclopts.validators import Number

from fieldingkit.cli.exits import UsageError
from fieldingkit.cli.ids_file import read_ids
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.workflows.actions import Action
from fieldingkit.workflows.plan import FleetQuery, SweepPlan

__all__ = ["ANY", "USUAL", "Manner", "Selection", "Status"]

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

    def _query(self) -> FleetQuery | None:
        if self.ids is not None:
            return None
        if bool(self.project) == self.all_projects:
            raise UsageError(
                "say which target groups\nGive --project, once or several times, --all-projects, or --ids."
            )
        status = tuple(map(TargetGroupStatus, self.status)) or None
        return FleetQuery(project_ids=self.project or None, status=status, search_string=self.search)


@Parameter(name="*", group=Group("How", sort_key=2))
@attrs.frozen(kw_only=True)
class Manner:
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


ANY = Selection()
"""Nothing was said of which."""
USUAL = Manner()
"""Nothing was said of how."""
