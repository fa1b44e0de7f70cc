"""Parameters of the sweep commands: the selection of target groups."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import attrs
from cyclopts import Group, Parameter

from fieldingkit.cli.errors import UsageError
from fieldingkit.errors import InvalidCommandError

if TYPE_CHECKING:
    from fieldingkit.sweeps.actions import Action
    from fieldingkit.sweeps.plan import SweepPlan, TargetGroupQuery

__all__ = ["NO_FILTERS", "NO_SELECTION", "Filters", "Selection", "invalid_flag", "refuse_together"]


_Status = Literal["draft", "scheduled", "live", "paused", "completed", "archived"]


@Parameter(name="*", group=Group("Target groups"))
@attrs.frozen(kw_only=True)
class Filters:
    """The filters that select target groups of some projects, or of all projects."""

    project: tuple[str, ...] = ()
    """A project id; may be repeated."""
    all_projects: bool = False
    """All projects of the account."""
    exclude_project: tuple[str, ...] = ()
    """With --all-projects, the id of a project to leave out; may be repeated."""
    project_status: Literal["active", "inactive"] | None = None
    """With --all-projects, only projects with this status."""
    project_search: str | None = None
    """With --all-projects, only projects whose name or short id matches; 5 to 128 characters."""
    status: tuple[_Status, ...] = ()
    """Only target groups with this status; may be repeated."""
    search: str | None = None
    """Only target groups whose name or short id matches."""
    country: tuple[str, ...] = ()
    """Only target groups of this country, such as us; may be repeated."""
    language: tuple[str, ...] = ()
    """Only target groups in this language, such as eng; may be repeated."""
    short_id: tuple[str, ...] = ()
    """Only the target group with this short id of 7 characters; may be repeated."""
    reference: tuple[str, ...] = ()
    """Only target groups with this customer reference number; may be repeated."""
    manager: str | None = None
    """Only target groups that the user with this UUID manages."""
    exclusions: Literal["applied", "not-applied"] | None = None
    """Only target groups that the exclusions of their project apply to, or do not apply to."""

    def query(self) -> "TargetGroupQuery":
        """Return the filters as a query.

        Raises:
            UsageError: No projects were selected, a filter has no meaning for the others, or a value is invalid.
        """
        from fieldingkit.resources.projects import ProjectStatus
        from fieldingkit.resources.target_groups import TargetGroupStatus
        from fieldingkit.sweeps.plan import TargetGroupQuery

        if self.project:
            refuse_together("--project", [flag for flag in self._given() if flag in _OF_ALL_PROJECTS])
        elif not self.all_projects:
            raise UsageError(f"no target groups selected\nGive exactly one of {self.ways}.")
        try:
            query = TargetGroupQuery(
                project_ids=self.project or None,
                exclude_project_ids=self.exclude_project or None,
                project_status=None if self.project_status is None else ProjectStatus(self.project_status),
                project_search=self.project_search,
                status=tuple(map(TargetGroupStatus, self.status)) or None,
                country=self.country or None,
                language=self.language or None,
                search_string=self.search,
                human_readable_ids=self.short_id or None,
                target_group_customer_reference_numbers=self.reference or None,
                project_manager_id=self.manager,
                exclusion_status=None if self.exclusions is None else self.exclusions == "applied",
            )
            # The lists check their filters; a mistake is found before the first request.
            query.list_projects(None)
            query.list_target_groups(None, _ANY_PROJECT)
        except InvalidCommandError as exc:
            raise invalid_flag(exc) from exc
        return query

    def _given(self) -> list[str]:
        """Return the flags that were given."""
        fields = [field for field in attrs.fields(type(self)) if getattr(self, field.name) != field.default]
        return [f"--{field.name.replace('_', '-')}" for field in fields]

    @property
    def ways(self) -> str:
        """The flags of which exactly one is needed."""
        return "--project (may be repeated) and --all-projects"


@Parameter(name="*", group=Group("Target groups"))
@attrs.frozen(kw_only=True)
class Selection(Filters):
    """The selected target groups: those that match the filters, or those that are listed in a file."""

    ids: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None
    """A file with a project id and a target group id on each line; - reads stdin."""

    def plan(self, action: "Action", *, account: str | None, **options: Any) -> "SweepPlan":
        """Return the plan of an action on the selected target groups.

        Args:
            action: The action.
            account: The account's number.
            options: Further fields of the plan.

        Raises:
            UsageError: Nothing was selected, the selection contradicts itself, or a value is invalid.
        """
        from fieldingkit.sweeps.plan import SweepPlan

        groups = self._listed()
        query = self.query() if groups is None else None
        try:
            return SweepPlan(action=action, account_id=account, target_groups=groups, query=query, **options)
        except InvalidCommandError as exc:
            raise invalid_flag(exc) from exc

    @property
    def ways(self) -> str:
        """The flags of which exactly one is needed."""
        return "--project (may be repeated), --all-projects and --ids"

    def _listed(self) -> dict[str, tuple[str, ...]] | None:
        """Return the target groups of the list; None if none was given."""
        if self.ids is None:
            return None
        refuse_together("--ids", [flag for flag in self._given() if flag not in ("--ids", "--project")])
        if len(self.project) > 1:
            raise UsageError(
                "--ids takes one --project, for the lines without a project id; got several\nNothing was sent."
            )
        from fieldingkit.cli.id_list import read_ids

        return read_ids(self.ids, self.project[0] if self.project else None)


_ANY_PROJECT: Final = "0" * 26
_OF_ALL_PROJECTS: Final = ("--all-projects", "--exclude-project", "--project-status", "--project-search")
"""The flags that have no meaning for named projects."""
_FIELDS: Final = {
    "account_id": "--account",
    "exclude_project_ids": "--exclude-project",
    "exclusion_status": "--exclusions",
    "human_readable_ids": "--short-id",
    "project_ids": "--project",
    "project_manager_id": "--manager",
    "search_string": "--search",
    "target_group_customer_reference_numbers": "--reference",
    "target_groups": "--ids",
}
"""The flags of fields that have another name."""


def refuse_together(flag: str, others: Sequence[str]) -> None:
    """Refuse other flags that were given together with a flag.

    Raises:
        UsageError: There is such a flag.
    """
    if others:
        raise UsageError(f"{flag} and {others[0]} cannot be combined\nNothing was sent.")


def invalid_flag(exc: InvalidCommandError) -> UsageError:
    """Return the error of an invalid value with the flag in place of the Python name of the field."""
    field = exc.field or ""
    flag = _FIELDS.get(field, f"--{field.replace('_', '-')}")
    if field == "search_string" and exc.message.startswith("ListProjects"):
        flag = "--project-search"
    rule, replaced = re.subn(rf"^(\w+: |\w+\.)?{re.escape(field)} ", f"{flag} ", exc.message)
    return UsageError(f"{rule if replaced else exc.message}\nNothing was sent.")


NO_FILTERS = Filters()
"""No filter was given."""
NO_SELECTION = Selection()
"""No flag of the selection was given."""
