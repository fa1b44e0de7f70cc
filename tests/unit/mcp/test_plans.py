"""The plans that were shown: each works once, for ten minutes, by the clock of the machine or the time of day."""

from datetime import UTC, datetime

import pytest
from mcp.server.mcpserver.exceptions import ToolError
from support.fake_clock import FakeClock

from fieldingkit.mcp.plans import LIFETIME, ShownPlans
from fieldingkit.sweeps import RunIdentity, SweepPlan, SweepPreview


def shown(run_id: str = "tonight") -> SweepPreview:
    """Return a preview without target groups."""
    return SweepPreview(
        plan=SweepPlan(action="pause", target_groups={}, run_id=run_id),
        groups=(),
        identity=RunIdentity(base_url="https://api.example", account_id="1", api_version="1", run_id=run_id),
        created_at=datetime(2036, 1, 1, tzinfo=UTC),
        host="here",
    )


async def test_a_plan_can_be_taken_once() -> None:
    """Reading it does not use it up; taking it does."""
    plans = ShownPlans(FakeClock())
    plan_id = plans.add(shown())
    assert plans.get(plan_id) is plans.get(plan_id) is plans.take(plan_id)
    with pytest.raises(ToolError, match="as the run tonight"):
        plans.take(plan_id)


async def test_ids_cannot_be_guessed() -> None:
    """They have 128 random bits, and say nothing of the plan or its number."""
    plans = ShownPlans(FakeClock())
    ids = [plans.add(shown()) for _ in range(50)]
    assert len({*ids}) == 50
    assert {len(id_) for id_ in ids} == {22}


@pytest.mark.parametrize("standing", ["monotonic", "wall"])
async def test_a_plan_expires_by_either_clock(standing: str) -> None:
    """The monotonic clock may stand while the machine sleeps, and the time of day may be set back."""
    clock = FakeClock()
    plans = ShownPlans(clock)
    plan_id = plans.add(shown())
    if standing == "monotonic":
        clock.wall_offset += LIFETIME + 1
    else:
        clock.advance(LIFETIME + 1)
        clock.wall_offset -= 2 * LIFETIME
    with pytest.raises(ToolError, match="expired"):
        plans.get(plan_id)


async def test_an_expired_plan_stays_expired() -> None:
    """A time of day that is set back does not revive it."""
    clock = FakeClock()
    plans = ShownPlans(clock)
    plan_id = plans.add(shown())
    clock.wall_offset += LIFETIME + 1
    with pytest.raises(ToolError, match="expired"):
        plans.get(plan_id)
    clock.wall_offset -= LIFETIME + 1
    with pytest.raises(ToolError, match="expired"):
        plans.take(plan_id)


async def test_a_declined_plan_cannot_be_taken() -> None:
    """A no is final."""
    plans = ShownPlans(FakeClock())
    plan_id = plans.add(shown())
    plans.end(plan_id, "the user declined it")
    with pytest.raises(ToolError, match="the user declined it"):
        plans.take(plan_id)


async def test_only_the_latest_hundred_plans_are_remembered() -> None:
    """An agent that plans in a loop fills no memory."""
    plans = ShownPlans(FakeClock())
    first, *rest = [plans.add(shown()) for _ in range(101)]
    with pytest.raises(ToolError, match="There is no such plan"):
        plans.get(first)
    assert all(plans.get(id_) for id_ in rest)
