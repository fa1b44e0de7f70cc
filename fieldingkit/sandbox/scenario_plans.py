"""The target groups of the scenario of troubles, as a table: their pasts, and the troubles of some of them."""

from collections.abc import Mapping
from typing import Final

import attrs

from fieldingkit.sandbox.model.arrival_processes import Course
from fieldingkit.sandbox.model.fielding_runs import GroupStatus
from fieldingkit.sandbox.model.quotas import StuckCell

__all__ = ["PROJECTS", "TO_RECONCILE", "GroupPlan"]


@attrs.frozen(kw_only=True)
class GroupPlan:
    """A target group of a scenario."""

    name: str
    """The name, which says the trouble, or that it is well."""
    hours: float
    """The hours since the start of fielding."""
    a_day: float
    """The completes in a day."""
    goal: int
    """The completes goal."""
    locale: str = "eng_us"
    """The language and country."""
    ends_in_days: float = 20
    """The days until the end of fielding."""
    status: GroupStatus = "live"
    """The status; a pause is given below."""
    course: Course = "steady"
    """The course of the completes."""
    half_life_hours: float = 48.0
    """The hours after which a fading rate has halved."""
    stops_after_hours: float | None = None
    """The hours after which no more completes arrive; None if they never stop."""
    cells: Mapping[str, int] = attrs.field(factory=dict[str, int])
    """The quotas by the name of the age group, in percent."""
    stuck_cell: StuckCell | None = None
    """The quota cell that gets no more completes; None if there is none."""
    bid_incidence: float = 0.5
    """The expected incidence rate."""
    bid_minutes: int = 10
    """The expected length of an interview, in minutes."""
    incidence: float = 0.5
    """The real incidence rate."""
    drop_off: float = 0.1
    """The real drop-off rate."""
    minutes: float = 9.0
    """The real median length of an interview, in minutes."""
    price: str = "2.50"
    """The price of a complete in US dollars; its cap is 5."""
    soft_launch_percent: int | None = None
    """The part of the goal of its soft launch, in percent; None if there is none."""
    paused_hours_ago: float | None = None
    """The hours since its pause; None if it was not paused."""
    paused_because: str | None = None
    """The API's reason of the pause; None for a pause by a colleague."""
    rule: str | None = None
    """The rule that finds its trouble; None if it is well."""
    cause: str = ""
    """The cause of its trouble."""


_EVEN: Final = {"18 to 34": 30, "35 to 54": 40, "55 to 74": 30}

PROJECTS: Final[Mapping[str, tuple[GroupPlan, ...]]] = {
    "Brand tracker": (
        GroupPlan(name="Brand tracker US: well, steady", hours=96, a_day=120, goal=700, cells=_EVEN),
        GroupPlan(
            name="Brand tracker UK: well, day rhythm",
            hours=72,
            a_day=720,
            goal=3300,
            locale="eng_gb",
            course="day_rhythm",
        ),
        GroupPlan(
            name="Brand tracker DE: well, fading",
            hours=48,
            a_day=240,
            goal=650,
            locale="ger_de",
            course="fading",
            half_life_hours=120,
        ),
        GroupPlan(
            name="Brand tracker FR: well, price-sensitive",
            hours=72,
            a_day=150,
            goal=680,
            locale="fre_fr",
            course="price_sensitive",
            cells=_EVEN,
        ),
        GroupPlan(
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
        GroupPlan(name="Concept test US: well", hours=60, a_day=160, goal=650),
        GroupPlan(name="Concept test UK: well", hours=80, a_day=110, goal=540, locale="eng_gb", cells=_EVEN),
        GroupPlan(
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
        GroupPlan(
            name="Concept test FR: high drop-off",
            hours=72,
            a_day=120,
            goal=560,
            locale="fre_fr",
            drop_off=0.45,
            rule="high_drop_off",
            cause="45 of 100 leave the survey",
        ),
        GroupPlan(
            name="Concept test US: length off the bid",
            hours=72,
            a_day=120,
            goal=560,
            minutes=16,
            rule="length_off_bid",
            cause="an interview takes 16 minutes, and the bid is 10",
        ),
        GroupPlan(
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
        GroupPlan(name="Customer survey US: well", hours=64, a_day=200, goal=800, cells=_EVEN),
        GroupPlan(name="Customer survey UK: well", hours=54, a_day=170, goal=620, locale="eng_gb"),
        GroupPlan(
            name="Customer survey DE: no completes",
            hours=9,
            a_day=48,
            goal=400,
            locale="ger_de",
            stops_after_hours=2,
            rule="no_completes",
            cause="the survey's link broke two hours after the launch",
        ),
        GroupPlan(
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
        GroupPlan(
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
        GroupPlan(name="Product launch US: well", hours=58, a_day=180, goal=700),
        GroupPlan(
            name="Product launch UK: well, paused by a colleague",
            hours=60,
            a_day=120,
            goal=700,
            locale="eng_gb",
            paused_hours_ago=20,
        ),
        GroupPlan(
            name="Product launch DE: well, scheduled",
            hours=-24,
            a_day=120,
            goal=300,
            locale="ger_de",
            status="scheduled",
        ),
        GroupPlan(
            name="Product launch FR: well, ended", hours=120, a_day=120, goal=500, locale="fre_fr", status="completed"
        ),
        GroupPlan(
            name="Product launch US: soft launch reached",
            hours=36,
            a_day=72,
            goal=400,
            soft_launch_percent=10,
            rule="soft_launch_reached",
            cause="the soft launch has its 40 completes",
        ),
        GroupPlan(
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
"""The target groups that field now, by the name of their project."""

TO_RECONCILE: Final = GroupPlan(
    name="Holiday study US: to reconcile",
    hours=0,
    a_day=40,
    goal=200,
    status="completed",
    rule="reconciliation_due",
    cause="its completes must be reconciled by the 25th",
)
"""The target group whose completes must be reconciled."""
