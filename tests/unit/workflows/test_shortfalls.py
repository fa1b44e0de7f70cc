"""Shortfalls: goals beyond the most completes that are expected, of the target group and of its quotas."""

from decimal import Decimal
from typing import Any

import attrs
import pytest

from fieldingkit.resources.feasibility import Feasibility, ProfileFeasibility, Projection, TargetFeasibility
from fieldingkit.resources.money import Money
from fieldingkit.resources.profiles import (
    Condition,
    OtherCondition,
    Profile,
    Profiling,
    Quota,
    Range,
    Selection,
    Target,
)
from fieldingkit.workflows.shortfalls import find_shortfalls

WOMEN = Selection(question_id=43, option="2")
YOUNG = Range(question_id=42, min=18, max=34)
OTHER = OtherCondition(object="novel", content={"question_id": 7})


def estimate(most: int | None, *targets: tuple[tuple[Condition, ...], int | None]) -> Feasibility:
    """Return a feasibility with the most completes in all and for each target's conditions."""
    found = tuple(
        TargetFeasibility(conditions=conditions, max_completes=Projection(projected_completes_goal=number))
        for conditions, number in targets
    )
    return Feasibility(
        suggested_price=Money(value=Decimal(3), currency_code="USD"),
        completes_max=most,
        profiles=(ProfileFeasibility(targets=found),),
    )


def quotas(*targets: tuple[tuple[Condition, ...], float], adjustment: Any = "percentage", **more: Any) -> Profiling:
    """Return profiling with a goal for each target's conditions."""
    name = "completes_goal_percentage" if adjustment == "percentage" else "completes_goal"
    made = [Target(conditions=conditions, quota=Quota(**{name: goal})) for conditions, goal in targets]
    return Profiling(profile_adjustment_type=adjustment, profiles=[Profile(targets=made, **more)])


def found(goal: int, profiling: Profiling | None, feasibility: Feasibility | None) -> list[tuple[Any, ...]]:
    """Return the shortfalls as tuples."""
    return [(each.target, each.goal, each.expected) for each in find_shortfalls(goal, profiling, feasibility)]


@pytest.mark.parametrize(("most", "shortfalls"), [(100, []), (99, [(None, 100, 99)]), (None, [(None, 100, None)])])
def test_the_goal_must_be_expected(most: int | None, shortfalls: list[Any]) -> None:
    """A goal is feasible if the most completes reach it; without an estimate it is not known to be."""
    assert found(100, None, estimate(most)) == shortfalls
    assert found(100, None, None) == [(None, 100, None)]


def test_quotas_must_be_expected_too() -> None:
    """A quota is compared with the estimate for its conditions, in any order and without their texts."""
    named = (attrs.evolve(YOUNG, condition_name="18 to 34 years"), WOMEN)
    wanted = quotas((named, 40), ((Range(question_id=42, min=35, max=64), WOMEN), 60))
    answer = estimate(100, ((WOMEN, YOUNG), 39), ((WOMEN, Range(question_id=42, min=35, max=64)), 60))
    assert found(100, wanted, answer) == [("question 42 18 to 34, question 43 2", 40, 39)]


def test_a_part_of_a_complete_is_no_shortfall() -> None:
    """Half of 3 completes is 1 of 2; a goal as a number is exact."""
    assert found(3, quotas(((WOMEN,), 50)), estimate(3, ((WOMEN,), 1))) == []
    assert found(3, quotas(((WOMEN,), 2), adjustment="nominal"), estimate(3, ((WOMEN,), 1))) == [
        ("question 43 2", 2, 1)
    ]


def test_what_has_no_estimate_or_no_quota_is_left_out() -> None:
    """Quotas without an estimate, disabled ones, and conditions of unknown kinds raise no shortfall of their own."""
    assert found(100, quotas(((WOMEN,), 50)), estimate(100)) == []
    assert found(100, quotas(((WOMEN,), 50)), estimate(100, ((WOMEN,), None))) == []
    assert found(100, quotas(((WOMEN,), 50), quotas_enabled=False), estimate(100, ((WOMEN,), 1))) == []
    assert found(100, quotas(((OTHER,), 50)), estimate(100, ((OTHER,), 1))) == [("novel", 50, 1)]
