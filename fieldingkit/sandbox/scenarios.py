"""Scenarios: projects with a past, in which some target groups are in trouble and the others are well."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import attrs

from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.arrival_processes import ArrivalProcess, Course
from fieldingkit.sandbox.model.central_time import central_midnight, central_time, reconciliation_deadline
from fieldingkit.sandbox.model.fielding_runs import BATCH_TRANSITIONS, PAUSE, FieldingRun, GroupStatus
from fieldingkit.sandbox.model.funnels import Funnel
from fieldingkit.sandbox.model.profiles import store_profiling
from fieldingkit.sandbox.model.projects import Project
from fieldingkit.sandbox.model.quotas import StuckCell
from fieldingkit.sandbox.model.settings import Settings
from fieldingkit.sandbox.model.state import SandboxState
from fieldingkit.sandbox.model.target_groups import TargetGroup

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


@attrs.frozen(kw_only=True)
class _Plan:
    """A target group of a scenario."""

    name: str
    hours: float
    """The hours since the start of fielding."""
    a_day: float
    """The completes in a day."""
    goal: int
    locale: str = "eng_us"
    ends_in_days: float = 20
    status: GroupStatus = "live"
    course: Course = "steady"
    half_life_hours: float = 48.0
    stops_after_hours: float | None = None
    cells: Mapping[str, int] = attrs.field(factory=dict[str, int])
    """The quotas by the name of the age group, in percent."""
    stuck_cell: StuckCell | None = None
    bid_incidence: float = 0.5
    bid_minutes: int = 10
    incidence: float = 0.5
    drop_off: float = 0.1
    minutes: float = 9.0
    price: str = "2.50"
    soft_launch_percent: int | None = None
    paused_hours_ago: float | None = None
    paused_because: str | None = None
    """The API's reason of the pause; None for a pause by a colleague."""
    rule: str | None = None
    """The rule that finds its trouble; None if it is well."""
    cause: str = ""


_AGES: Final[Mapping[str, tuple[int, int]]] = {
    "18 to 34": (18, 34),
    "35 to 54": (35, 54),
    "55 to 74": (55, 74),
    "75 and older": (75, 99),
}
_EVEN: Final = {"18 to 34": 30, "35 to 54": 40, "55 to 74": 30}

_PROJECTS: Final[Mapping[str, tuple[_Plan, ...]]] = {
    "Brand tracker": (
        _Plan(name="Brand tracker US: well, steady", hours=96, a_day=120, goal=700, cells=_EVEN),
        _Plan(
            name="Brand tracker UK: well, day rhythm",
            hours=72,
            a_day=720,
            goal=3300,
            locale="eng_gb",
            course="day_rhythm",
        ),
        _Plan(
            name="Brand tracker DE: well, fading",
            hours=48,
            a_day=240,
            goal=650,
            locale="ger_de",
            course="fading",
            half_life_hours=120,
        ),
        _Plan(
            name="Brand tracker FR: well, price-sensitive",
            hours=72,
            a_day=150,
            goal=680,
            locale="fre_fr",
            course="price_sensitive",
            cells=_EVEN,
        ),
        _Plan(
            name="Brand tracker US: price at its cap",
            hours=72,
            a_day=130,
            goal=600,
            price="5.00",
            rule="price_at_cap",
            cause="the price is the maximum of the fielding assistant",
        ),
    ),
    "Concept test": (
        _Plan(name="Concept test US: well", hours=60, a_day=160, goal=650),
        _Plan(name="Concept test UK: well", hours=80, a_day=110, goal=540, locale="eng_gb", cells=_EVEN),
        _Plan(
            name="Concept test DE: low conversion",
            hours=72,
            a_day=120,
            goal=560,
            locale="ger_de",
            bid_incidence=0.06,
            incidence=0.07,
            rule="low_conversion",
            cause="14 of 15 entrants do not qualify, as the bid says",
        ),
        _Plan(
            name="Concept test FR: high drop-off",
            hours=72,
            a_day=120,
            goal=560,
            locale="fre_fr",
            drop_off=0.45,
            rule="high_drop_off",
            cause="45 of 100 leave the survey",
        ),
        _Plan(
            name="Concept test US: length off the bid",
            hours=72,
            a_day=120,
            goal=560,
            minutes=16,
            rule="length_off_bid",
            cause="an interview takes 16 minutes, and the bid is 10",
        ),
        _Plan(
            name="Concept test UK: incidence off the bid",
            hours=84,
            a_day=130,
            goal=700,
            locale="eng_gb",
            bid_incidence=0.6,
            incidence=0.33,
            rule="incidence_off_bid",
            cause="one of three entrants qualifies, and the bid is 60 %",
        ),
    ),
    "Customer survey": (
        _Plan(name="Customer survey US: well", hours=64, a_day=200, goal=800, cells=_EVEN),
        _Plan(name="Customer survey UK: well", hours=54, a_day=170, goal=620, locale="eng_gb"),
        _Plan(
            name="Customer survey DE: no completes",
            hours=9,
            a_day=48,
            goal=400,
            locale="ger_de",
            stops_after_hours=2,
            rule="no_completes",
            cause="the survey's link broke two hours after the launch",
        ),
        _Plan(
            name="Customer survey FR: quota cell stuck",
            hours=14,
            a_day=72,
            goal=120,
            locale="fre_fr",
            ends_in_days=60,
            cells={"18 to 34": 35, "35 to 54": 35, "55 to 74": 25, "75 and older": 5},
            stuck_cell=StuckCell("75 and older"),
            rule="cell_stuck",
            cause="the cell 75 and older gets no completes",
        ),
        _Plan(
            name="Customer survey US: ends before its goal",
            hours=72,
            a_day=72,
            goal=800,
            ends_in_days=2,
            rule="end_before_goal",
            cause="72 completes a day, and 800 are wanted in five days",
        ),
    ),
    "Product launch": (
        _Plan(name="Product launch US: well", hours=58, a_day=180, goal=700),
        _Plan(
            name="Product launch UK: well, paused by a colleague",
            hours=60,
            a_day=120,
            goal=700,
            locale="eng_gb",
            paused_hours_ago=20,
        ),
        _Plan(
            name="Product launch DE: well, scheduled",
            hours=-24,
            a_day=120,
            goal=300,
            locale="ger_de",
            status="scheduled",
        ),
        _Plan(
            name="Product launch FR: well, ended", hours=120, a_day=120, goal=500, locale="fre_fr", status="completed"
        ),
        _Plan(
            name="Product launch US: soft launch reached",
            hours=36,
            a_day=72,
            goal=400,
            soft_launch_percent=10,
            rule="soft_launch_reached",
            cause="the soft launch has its 40 completes",
        ),
        _Plan(
            name="Product launch UK: paused by the API",
            hours=72,
            a_day=120,
            goal=700,
            locale="eng_gb",
            drop_off=0.6,
            paused_hours_ago=5,
            paused_because="high_drop_rates",
            rule="paused_by_api",
            cause="the API paused it because of high_drop_rates",
        ),
    ),
}
_HOLIDAYS: Final = _Plan(
    name="Holiday study US: to reconcile",
    hours=0,
    a_day=40,
    goal=200,
    status="completed",
    rule="reconciliation_due",
    cause="its completes must be reconciled by the 25th",
)


def seed_trouble(state: SandboxState, *, account_id: int, seed: int) -> TroubleScenario:
    """Create the projects of a scenario; see `Sandbox.seed_trouble`."""
    with state.locked() as now:
        projects: list[Project] = []
        troubles: list[PlantedTrouble] = []
        for name, plans in _PROJECTS.items():
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
        group=_group(state, project, _HOLIDAYS, (started_at, now), seed),
        cause=_HOLIDAYS.cause,
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
    state: SandboxState, project: Project, plan: _Plan, past: tuple[datetime, datetime], seed: int
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
    state: SandboxState, plan: _Plan, created_at: datetime, dates: tuple[datetime, datetime], seed: int
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


def _assistant(plan: _Plan, now: datetime) -> dict[str, Any]:
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
