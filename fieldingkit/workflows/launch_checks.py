"""The checks before a draft is launched: its profiles and its feasibility."""

from datetime import UTC, datetime
from typing import NamedTuple, cast

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import InvalidCommandError, WorkflowError
from fieldingkit.resources.feasibility import CalculateFeasibility, Feasibility
from fieldingkit.resources.fielding_assistant import PricingType
from fieldingkit.resources.profiles import Profiling, ValidateProfiles
from fieldingkit.resources.target_group_drafts import GetTargetGroup, TargetGroupDraft
from fieldingkit.workflows.shortfalls import MAX_GOAL, Shortfall, find_shortfalls

__all__ = ["LaunchCheck", "check_launch"]


class LaunchCheck(NamedTuple):
    """The findings before the launch."""

    goal: int
    """The goal of the target group."""
    feasibility: Feasibility | None
    """The estimate; None if none could be asked for."""
    shortfalls: tuple[Shortfall, ...]
    """The goals that are not feasible."""


_REQUIRED = (
    "business_unit_id",
    "locale",
    "expected_incidence_rate",
    "expected_length_of_interview_minutes",
    "completes_goal",
)
_DECISIVE = frozenset(
    [*_REQUIRED, "cost_per_interview", "fielding_assistant_assignment", "pricing_model", "profiling", "allocations"]
)
"""The settings that decide the feasibility: an estimate without one of them would be of another target group."""


async def check_launch(
    client: AsyncClient, draft: GetTargetGroup, settings: TargetGroupDraft, end: datetime
) -> LaunchCheck:
    """Check the profiles of a draft, then ask for its feasibility until the end of fielding.

    Raises:
        InvalidCommandError: if the end has passed.
        WorkflowError: if the settings are incomplete.
    """
    now = datetime.fromtimestamp(client.api_time or client.clock.wall(), UTC)
    if end <= now:
        raise InvalidCommandError(
            f"the end of fielding ({end.isoformat()}) has passed", field="end_fielding_at", command=draft
        )
    if unread := [path for path in settings.undecoded if _setting_at(path) in _DECISIVE]:
        raise WorkflowError(f"the draft cannot be read: {', '.join(unread)}; nothing was launched", command=draft)
    if missing := [name for name in _REQUIRED if getattr(settings, name) is None]:
        raise WorkflowError(f"the draft has no {' and no '.join(missing)}; nothing was launched", command=draft)
    goal, profiling = cast("int", settings.completes_goal), _own_profiles(settings.profiling)
    if profiling is not None:
        locale = cast("str", settings.locale)
        await client.send(
            ValidateProfiles(account_id=draft.account_id, locale=locale, completes_goal=goal, profiling=profiling)
        )
    feasibility = None
    if goal <= MAX_GOAL and not _has_hidden_profiles(settings.profiling):
        feasibility = await client.send(_question(draft, settings, profiling, now, end))
    return LaunchCheck(goal, feasibility, tuple(find_shortfalls(goal, profiling, feasibility)))


def _has_hidden_profiles(profiling: Profiling | None) -> bool:
    """Return whether the profiles come from a template and are not listed: an estimate would be for everybody."""
    return profiling is not None and profiling.template_id is not None and not profiling.profiles


def _setting_at(path: str) -> str:
    return path.removeprefix("$.").partition(".")[0].partition("[")[0]


def _question(
    draft: GetTargetGroup, settings: TargetGroupDraft, profiling: Profiling | None, now: datetime, end: datetime
) -> CalculateFeasibility:
    """Return the command that asks for the feasibility of a draft that is launched now."""
    assignment = settings.fielding_assistant_assignment
    pricing = None if assignment is None else assignment.pricing
    by_card = PricingType.RATE_CARD in (settings.pricing_model, None if pricing is None else pricing.type)
    return CalculateFeasibility(
        account_id=draft.account_id,
        **{name: getattr(settings, name) for name in _REQUIRED},
        start_at=now,
        end_at=end,
        collects_pii=settings.collects_pii,
        cost_per_interview=None if by_card else settings.cost_per_interview,
        rate_card_price_boost=pricing.boost_cpi if by_card and pricing is not None else None,
        profiling=profiling,
        allocations=settings.allocations,
    )


def _own_profiles(profiling: Profiling | None) -> Profiling | None:
    """Return profiling without its template, which the checks do not take; None if there are no profiles."""
    return attrs.evolve(profiling, template_id=None) if profiling is not None and profiling.profiles else None
