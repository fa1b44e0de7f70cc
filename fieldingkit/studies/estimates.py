"""Estimates of a study: the reach, the price and the days of each target group. Nothing is created."""

from typing import Any

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import FieldingKitError, ForbiddenError, TransportError, UnauthorizedError
from fieldingkit.resources.feasibility import CalculateFeasibility, Feasibility
from fieldingkit.resources.intelligent_calendar import SuggestDays
from fieldingkit.results import Result
from fieldingkit.studies.reasons import reason_of
from fieldingkit.studies.study import Study, StudyTargetGroup
from fieldingkit.workflows.shortfalls import Shortfall, find_shortfalls

__all__ = ["Estimate", "estimate_study", "estimate_target_group"]

_DAY = 86400.0


@attrs.frozen(kw_only=True)
class Estimate(Result):
    """The estimate for a target group of a study."""

    reference: str
    """The account's own reference."""
    completes_goal: int
    """The number of completes wanted."""
    planned_days: float
    """The length of the fielding period in the file, in days."""
    feasibility: Feasibility | None = None
    """The completes to expect within that period, and the suggested price; None if there is no estimate."""
    days: int | None = None
    """The number of days that the goal needs at the price in the file, or at the suggested one."""
    shortfalls: tuple[Shortfall, ...] = ()
    """The goals that are not feasible: that of the target group, and those of its quotas."""
    problem: str | None = None
    """The reason why there is no estimate."""

    @property
    def is_feasible(self) -> bool | None:
        """True if all goals are feasible within the period; None if that is not known."""
        return None if self.feasibility is None else not self.shortfalls


async def estimate_study(client: AsyncClient, study: Study) -> tuple[Estimate, ...]:
    """Return the estimates for the target groups of a study, in its order.

    Args:
        client: The client; with a blocking one, ``client.call(estimate_study, study)``.
        study: The study.

    Raises:
        FieldingKitError: The API cannot be reached, or refuses the credentials; another refusal is the ``problem``
            of one target group.
    """
    return tuple([await estimate_target_group(client, group) for group in study.target_groups])


async def estimate_target_group(client: AsyncClient, group: StudyTargetGroup) -> Estimate:
    """Return the estimate for one target group.

    Args:
        client: The client.
        group: The target group.

    Raises:
        FieldingKitError: The API cannot be reached, or refuses the credentials; another refusal is the ``problem``
            of the estimate.
    """
    settings = group.command
    period = settings.fielding_specification
    facts: dict[str, Any] = {
        "reference": group.reference,
        "completes_goal": settings.completes_goal,
        "planned_days": round((period.end_at - period.start_at).total_seconds() / _DAY, 1),
    }
    try:
        feasibility = await client.send(_question(group))
        days = await client.send(
            SuggestDays(
                locale=settings.locale,
                price=settings.cost_per_interview or feasibility.suggested_price,
                length_of_interview=settings.expected_length_of_interview_minutes,
                incidence_rate=settings.expected_incidence_rate,
                completes=settings.completes_goal,
                collects_pii=settings.collects_pii,
            )
        )
    except (TransportError, UnauthorizedError, ForbiddenError):
        raise
    except FieldingKitError as exc:
        return Estimate(**facts, problem=reason_of(exc))
    shortfalls = find_shortfalls(settings.completes_goal, settings.profiling, feasibility)
    return Estimate(**facts, feasibility=feasibility, days=days.days, shortfalls=tuple(shortfalls))


def _question(group: StudyTargetGroup) -> CalculateFeasibility:
    """Return the command that asks for the feasibility of a target group."""
    settings = group.command
    pricing = settings.fielding_assistant_assignment.pricing
    own = {field.name for field in attrs.fields(type(settings))} - {"account_id"}
    shared = [field.name for field in attrs.fields(CalculateFeasibility) if field.name in own]
    return CalculateFeasibility(
        **{name: getattr(settings, name) for name in shared},
        start_at=settings.fielding_specification.start_at,
        end_at=settings.fielding_specification.end_at,
        rate_card_price_boost=None if pricing is None else pricing.boost_cpi,
    )
