"""Scenarios: projects with a past, in which some target groups are in trouble and the others are well."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import attrs

from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.arrival_processes import ArrivalProcess
from fieldingkit.sandbox.model.central_time import central_midnight, central_time, reconciliation_deadline
from fieldingkit.sandbox.model.fielding_runs import BATCH_TRANSITIONS, PAUSE, FieldingRun
from fieldingkit.sandbox.model.funnels import Funnel
from fieldingkit.sandbox.model.profiles import store_profiling
from fieldingkit.sandbox.model.projects import Project
from fieldingkit.sandbox.model.settings import Settings
from fieldingkit.sandbox.model.state import SandboxState
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.scenario_plans import PROJECTS, TO_RECONCILE, GroupPlan

__all__ = ["PlantedTrouble", "TroubleScenario", "seed_trouble"]

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_NOTICE: Final = 5 * _DAY
"""The time before the deadline of a reconciliation from which it is a trouble."""


@attrs.frozen(kw_only=True)
class PlantedTrouble:
    """A trouble that a scenario has planted, in one target group or project."""

    rule: str
    """The rule of `fieldingkit.monitoring` that finds it, such as `no_completes`."""
    project: Project
    """The project."""
    group: TargetGroup
    """The target group, whose name says the trouble."""
    cause: str
    """The cause."""
    since: datetime
    """The date from which the rule finds it with its defaults."""
    until: datetime | None = None
    """The date at which it is over by itself; None if it stays."""

    def is_open_at(self, at: datetime) -> bool:
        """Return True if the rule finds it at a date."""
        return self.since <= at and (self.until is None or at < self.until)


@attrs.frozen(kw_only=True)
class TroubleScenario:
    """Projects whose target groups are well, but for one trouble of each kind."""

    projects: tuple[Project, ...]
    """The projects."""
    troubles: tuple[PlantedTrouble, ...]
    """The troubles, one of each kind."""

    @property
    def healthy(self) -> tuple[TargetGroup, ...]:
        """The target groups that are well."""
        ill = {trouble.group.id for trouble in self.troubles}
        return tuple(group for project in self.projects for group in project.groups if group.id not in ill)


_AGES: Final[Mapping[str, tuple[int, int]]] = {
    "18 to 34": (18, 34),
    "35 to 54": (35, 54),
    "55 to 74": (55, 74),
    "75 and older": (75, 99),
}


def seed_trouble(state: SandboxState, *, account_id: int, seed: int) -> TroubleScenario:
    """Create the projects of a scenario; see `Sandbox.seed_trouble`."""
    with state.locked() as now:
        projects: list[Project] = []
        troubles: list[PlantedTrouble] = []
        for name, plans in PROJECTS.items():
            projects.append(project := _project(state, name, account_id, now))
            for plan in plans:
                group = _group(state, project, plan, (now - plan.hours * _HOUR, now), seed)
                if plan.rule is not None:
                    trouble = PlantedTrouble(rule=plan.rule, project=project, group=group, cause=plan.cause, since=now)
                    troubles.append(trouble)
        projects.append(project := _project(state, "Holiday study", account_id, now))
        troubles.append(_plant_reconciliation(state, project, now, seed))
        return TroubleScenario(projects=tuple(projects), troubles=tuple(troubles))


def _plant_reconciliation(state: SandboxState, project: Project, now: datetime, seed: int) -> PlantedTrouble:
    started_at = _start_of_the_month_to_reconcile(now) + 4 * _DAY
    deadline = reconciliation_deadline(started_at)
    return PlantedTrouble(
        rule="reconciliation_due",
        project=project,
        group=_group(state, project, TO_RECONCILE, (started_at, now), seed),
        cause=TO_RECONCILE.cause,
        since=max(now, deadline - _NOTICE),
        until=deadline,
    )


def _start_of_the_month_to_reconcile(now: datetime) -> datetime:
    """Return the start of the last month whose completes can still be reconciled and that has ended, or of this one."""
    this_month = central_time(now).date().replace(day=1)
    last_month = central_midnight((this_month - _DAY).replace(day=1))
    return last_month if now < reconciliation_deadline(last_month) else central_midnight(this_month)


def _project(state: SandboxState, name: str, account_id: int, now: datetime) -> Project:
    project = Project(
        state.identifiers.ulid(),
        account_id,
        number=state.next_project_number(),
        manager_id=state.open_account(account_id).users[0].id,
        created_at=now - 7 * _DAY,
        name=name,
    )
    state.add_project(project)
    return project


def _group(
    state: SandboxState, project: Project, plan: GroupPlan, past: tuple[datetime, datetime], seed: int
) -> TargetGroup:
    """Create a target group, and let its past happen, from the start of fielding until now."""
    started_at, now = past
    created_at = min(now, started_at)
    ends_at = now + plan.ends_in_days * _DAY if plan.status != "completed" else started_at + 5 * _DAY
    group = TargetGroup(
        state.identifiers.ulid(),
        project.id,
        hooks=state,
        settings=_settings(state, plan, created_at, (started_at, ends_at), seed),
        run=FieldingRun(
            id=state.identifiers.ulid(),
            status="scheduled" if plan.status == "scheduled" else "live",
            start_at=started_at,
            end_at=ends_at,
            version=1,
            last_changed_at=created_at,
        ),
        archived=False,
        goal=plan.goal,
        price=Amount(Decimal(plan.price)),
        manager_id=project.manager_id,
        assistant=_assistant(plan, now),
    )
    group.ledger.profiles = group.settings.profiles
    group.restart_arrivals(started_at)
    if plan.paused_hours_ago is not None:
        paused_at = now - plan.paused_hours_ago * _HOUR
        if plan.paused_because is None:
            group.apply(PAUSE, at=paused_at, by="a colleague")
        else:
            group.pause_by_api(plan.paused_because, at=paused_at)
    if plan.status == "completed":
        ended_at = min(now, ends_at)
        group.run_at(ended_at)
        group.apply(BATCH_TRANSITIONS["complete"], at=ended_at, by="a colleague")
    state.add_groups(project, [group])
    group.run_at(now)
    return group


def _settings(
    state: SandboxState, plan: GroupPlan, created_at: datetime, dates: tuple[datetime, datetime], seed: int
) -> Settings:
    plain = Settings(number=len(state.groups) + 1, created_at=created_at)
    start_at, end_at = map(write_timestamp, dates)
    given = {
        **plain.members,
        "name": plan.name,
        "locale": plan.locale,
        "expected_length_of_interview_minutes": plan.bid_minutes,
        "expected_incidence_rate": plan.bid_incidence,
        "fielding_specification": {"start_at": start_at, "end_at": end_at},
    }
    process = ArrivalProcess(
        completes_a_day=plan.a_day,
        course=plan.course,
        half_life_hours=plan.half_life_hours,
        stops_after_hours=plan.stops_after_hours,
        stuck_cell=plan.stuck_cell,
        seed=seed,
    )
    funnel = Funnel(incidence_rate=plan.incidence, drop_off_rate=plan.drop_off, length_minutes=plan.minutes, seed=seed)
    profiling = store_profiling(_profiling(plan.cells), plan.goal, state.identifiers.ulid) if plan.cells else None
    return attrs.evolve(plain, given=given, is_seeded=True, process=process, funnel=funnel, profiling=profiling)


def _profiling(cells: Mapping[str, int]) -> dict[str, Any]:
    targets = [
        {
            "name": name,
            "conditions": [{"object": "range", "question_id": 42, "min": _AGES[name][0], "max": _AGES[name][1]}],
            "quota": {"completes_goal_percentage": percentage},
        }
        for name, percentage in cells.items()
    ]
    profile = {"object": "regular", "quotas_enabled": True, "name": "AGE", "targets": targets}
    return {"profile_adjustment_type": "percentage", "profiles": [profile]}


def _assistant(plan: GroupPlan, now: datetime) -> dict[str, Any]:
    assistant: dict[str, Any] = {
        "pricing": {"type": "dynamic", "maximum_cpi": Amount(Decimal(5)).json()},
        "quota_overlay": {"prevent_overfill": True, "balance_fill": False},
    }
    if plan.soft_launch_percent is not None:
        assistant["soft_launch"] = {
            "end_at": write_timestamp(now + 3 * _DAY),
            "filling_goal_percentage": plan.soft_launch_percent,
            "demographics_strictness_percentage": 0,
        }
    return assistant
