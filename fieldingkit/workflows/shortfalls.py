"""Shortfalls: the goals of a draft that its feasibility does not reach."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import attrs

from fieldingkit.errors import InfeasibleError
from fieldingkit.resources.feasibility import Feasibility, TargetFeasibility
from fieldingkit.resources.money import Money
from fieldingkit.resources.profiles import AdjustmentType, Condition, OtherCondition, Profiling, Target
from fieldingkit.resources.target_group_drafts import GetTargetGroup
from fieldingkit.results import Serializable

__all__ = ["MAX_GOAL", "Shortfall", "find_shortfalls", "infeasible_error"]

MAX_GOAL = 10_000
"""The largest goal that the API estimates."""


@attrs.frozen(kw_only=True)
class Shortfall(Serializable):
    """A goal that is not feasible within the fielding period."""

    target: str | None
    """The target of a quota; None for the goal of the target group."""
    goal: int
    """The number of completes wanted."""
    expected: int | None
    """The greatest number of completes to expect; None if the API has no estimate."""


def find_shortfalls(goal: int, profiling: Profiling | None, feasibility: Feasibility | None) -> Iterator[Shortfall]:
    """Yield the goals that are not feasible: that of the target group first, then those of its quotas.

    A quota that the API has no estimate for is left out.

    Args:
        goal: The goal of the target group.
        profiling: Its profiles; None if everybody may take part.
        feasibility: The estimate; None if there is none, so that the goal is not known to be feasible.
    """
    expected = None if feasibility is None else feasibility.completes_max
    if expected is None or expected < goal:
        yield Shortfall(target=None, goal=goal, expected=expected)
    if profiling is None or feasibility is None:
        return
    estimates = {_key(target.conditions): target for profile in feasibility.profiles for target in profile.targets}
    for target in (target for profile in profiling.profiles if profile.quotas_enabled for target in profile.targets):
        wanted, most = _quota_goal(target, profiling, goal), _most(estimates.get(_key(target.conditions)))
        if wanted is not None and most is not None and most < wanted:
            yield Shortfall(target=_label(target), goal=wanted, expected=most)


def _key(conditions: Iterable[Condition]) -> frozenset[Condition]:
    """Return conditions without the texts that only some answers have."""
    return frozenset(
        condition
        if isinstance(condition, OtherCondition)
        else attrs.evolve(condition, condition_name=None, condition_name_translated=None)
        for condition in conditions
    )


def _quota_goal(target: Target, profiling: Profiling, goal: int) -> int | None:
    quota = target.quota
    if quota is None or profiling.profile_adjustment_type is not AdjustmentType.PERCENTAGE:
        return None if quota is None else quota.completes_goal
    # Rounded down: a part of a complete is no shortfall.
    return None if quota.completes_goal_percentage is None else int(goal * quota.completes_goal_percentage / 100)


def _most(estimate: TargetFeasibility | None) -> int | None:
    projection = None if estimate is None else estimate.max_completes
    return None if projection is None else projection.projected_completes_goal


def _label(target: Target) -> str:
    names = [target.name, target.quota.name if target.quota is not None else None, target.text]
    return next(filter(None, names), None) or ", ".join(map(_condition_text, target.conditions))


def _condition_text(condition: Condition) -> str:
    if isinstance(condition, OtherCondition):
        return condition.object
    names = ("option", "min", "max")
    values = [str(value) for name in names if (value := getattr(condition, name, None)) is not None]
    return f"question {condition.question_id} {' to '.join(values)}".rstrip()


def infeasible_error(
    draft: GetTargetGroup, goal: int, end: datetime, feasibility: Feasibility | None, shortfalls: Sequence[Shortfall]
) -> InfeasibleError:
    """Return the error of a draft whose goals are not feasible, with the figures.

    Args:
        draft: The command that reads the draft.
        goal: The goal of the target group.
        end: The end of fielding.
        feasibility: The estimate; None if none could be asked for.
        shortfalls: The goals that are not feasible, at least one.
    """
    first, until = shortfalls[0], f"by {end.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if goal > MAX_GOAL:
        message = f"the API estimates goals of up to {MAX_GOAL:,}, not of {goal:,}"
    elif feasibility is None:
        message = "the profiles come from a template and are not listed, so that no estimate can be asked for"
    elif first.expected is None:
        message = f"the API has no estimate of the completes {until}; the goal is {goal:,}"
    elif first.target is None:
        least = "" if feasibility.completes_min is None else f"{feasibility.completes_min:,} to "
        message = f"{goal:,} completes {until} are not feasible: {least}{first.expected:,} are expected"
    else:
        others = f" and {len(shortfalls) - 1} more" if len(shortfalls) > 1 else ""
        message = f"quotas are not feasible {until}: {first.target} ({first.expected:,} of {first.goal:,}){others}"
    if feasibility is not None:
        message += f"; the suggested price is {_money(feasibility.suggested_price)}"
    return InfeasibleError(message, feasibility=feasibility, shortfalls=shortfalls, command=draft)


def _money(amount: Money) -> str:
    return f"{'?' if amount.value is None else format(amount.value, 'f')} {amount.currency_code or ''}".rstrip()
