"""Creation of projects and target groups for a test."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import attrs

from fieldingkit.sandbox.formats import ULID
from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.arrival_processes import ArrivalProcess
from fieldingkit.sandbox.model.fielding_runs import FieldingRun, GroupStatus
from fieldingkit.sandbox.model.funnels import Funnel
from fieldingkit.sandbox.model.projects import Project
from fieldingkit.sandbox.model.settings import Settings
from fieldingkit.sandbox.model.state import SandboxState
from fieldingkit.sandbox.model.target_groups import TargetGroup

__all__ = ["seed"]

_DAY: Final = timedelta(days=1)


def seed(
    state: SandboxState,
    counts: Mapping[GroupStatus, int],
    *,
    account_id: int,
    project_id: str | None,
    goal: int,
    completes: int,
    goal_reached: bool,
    ended: bool,
    starts_in: timedelta,
    ends_in: timedelta,
    arrivals: ArrivalProcess | None,
    funnel: Funnel | None,
) -> Project:
    """Create target groups; see `Sandbox.seed`."""
    if goal < 1 or completes < 0:
        raise ValueError("a goal is at least 1, and completes are at least 0")
    if counts.get("scheduled") and ends_in <= starts_in:
        raise ValueError("the scheduled ones would end before they start")
    with state.locked() as now:
        project = _project(state, project_id or state.identifiers.ulid(), account_id, now)
        started = (now - 2 * _DAY, now - _DAY) if ended else (now - _DAY, now + ends_in)
        templates = {
            status: _Template(
                status=status,
                dates=(now + starts_in, now + ends_in) if status == "scheduled" else started,
                goal=goal,
                arrivals=arrivals,
                funnel=funnel,
                completes=goal if goal_reached else 0 if status in {"draft", "scheduled"} else completes,
            )
            for status in counts
        }
        wanted = [templates[status] for status, count in counts.items() for _ in range(count)]
        first = len(state.groups) + 1
        groups = [template.create(state, project, number, now) for number, template in enumerate(wanted, first)]
        state.add_groups(project, groups)
        return project


def _project(state: SandboxState, project_id: str, account_id: int, now: datetime) -> Project:
    if not ULID.fullmatch(project_id):
        raise ValueError("the project id is not a ULID")
    if project_id not in state.projects:
        manager_id = state.open_account(account_id).users[0].id
        number = state.next_project_number()
        state.add_project(Project(project_id, account_id, number=number, manager_id=manager_id, created_at=now))
    project = state.projects[project_id]
    if project.account_id != account_id:
        raise ValueError("the project belongs to another account")
    return project


@attrs.frozen(kw_only=True)
class _Template:
    """The target groups of one status."""

    status: GroupStatus
    dates: tuple[datetime, datetime]
    goal: int
    completes: int
    arrivals: ArrivalProcess | None
    funnel: Funnel | None

    def create(self, state: SandboxState, project: Project, number: int, now: datetime) -> TargetGroup:
        """Create the target group with this sequence number."""
        group = TargetGroup(
            state.identifiers.ulid(),
            project.id,
            hooks=state,
            settings=Settings(number=number, created_at=now, process=self.arrivals, funnel=self.funnel),
            run=self._run(state, now),
            archived=self.status == "archived",
            goal=self.goal,
            price=_PRICE,
            manager_id=project.manager_id,
            assistant=None if self.status == "draft" else _ASSISTANT,
        )
        started_at, ended_at = (now, now) if self.status == "draft" else self.dates
        until = min(now, ended_at)
        group.ledger.add(self.completes, min(started_at, until), until, _PRICE)
        group.restart_arrivals(now)
        return group

    def _run(self, state: SandboxState, now: datetime) -> FieldingRun | None:
        if self.status == "draft":
            return None
        return FieldingRun(
            id=state.identifiers.ulid(),
            status="completed" if self.status == "archived" else self.status,
            start_at=self.dates[0],
            end_at=self.dates[1],
            version=1,
            last_changed_at=now,
        )


_PRICE: Final = Amount(Decimal("2.50"))
_ASSISTANT: Final[dict[str, Any]] = {
    "pricing": {"type": "dynamic", "maximum_cpi": Amount(Decimal(5)).json()},
    "quota_overlay": {"prevent_overfill": True, "balance_fill": False},
}
