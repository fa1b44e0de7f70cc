"""One module of the fielding assistant is changed, and no other is lost, although somebody else changes one too."""

from datetime import timedelta
from decimal import Decimal

import pytest
from support.walking import Walker

from fieldingkit.errors import NotFoundError, PreconditionFailedError
from fieldingkit.resources.fielding_assistant import (
    FieldingAssistantAssignment,
    GetFieldingAssistantAssignment,
    Pacing,
    PacingType,
    Pricing,
    PricingType,
    PutFieldingAssistantAssignment,
    QuotaOverlay,
    SoftLaunch,
)
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_group_changelog import GetTargetGroupChangelog
from fieldingkit.resources.target_groups import GetTargetGroup
from fieldingkit.sandbox import Sandbox


async def test_no_module_is_lost(walker: Walker, sandbox: Sandbox) -> None:
    """Two people change a module each: the second is told, reads again, and both changes last."""
    project = sandbox.seed(live=1)
    ids = {"project_id": project.id, "target_group_id": project.ids()[0]}
    mine = await walker.send(GetFieldingAssistantAssignment(**ids))
    theirs = await walker.send(GetFieldingAssistantAssignment(**ids))

    overlay = QuotaOverlay(prevent_overfill=True, balance_fill=True)
    await walker.send(PutFieldingAssistantAssignment(assignment=theirs.replace(quota_overlay=overlay), **ids))
    pacing = Pacing(type=PacingType.LINEAR, increment_interval="PT12H")
    with pytest.raises(PreconditionFailedError):
        await walker.send(PutFieldingAssistantAssignment(assignment=mine.replace(pacing=pacing), **ids))

    mine = await walker.send(GetFieldingAssistantAssignment(**ids))
    await walker.send(PutFieldingAssistantAssignment(assignment=mine.replace(pacing=pacing), **ids))
    now = await walker.send(GetFieldingAssistantAssignment(**ids))
    assert (now.pacing, now.quota_overlay, now.pricing) == (pacing, overlay, theirs.pricing)
    log = await walker.all_of(GetTargetGroupChangelog(**ids))
    assert [[change.object for change in entry.changes] for entry in log] == [
        ["pacing_assistance_change", "pacing_linear_increment_interval_change"],
        ["quota_overlay_balance_fill_change"],
    ]


async def test_a_draft_gets_its_first_modules(walker: Walker, sandbox: Sandbox) -> None:
    """A draft has no assignment; the first one says that there must be none, so that two cannot make it."""
    project = sandbox.seed(draft=1)
    ids = {"project_id": project.id, "target_group_id": project.ids()[0]}
    with pytest.raises(NotFoundError):
        await walker.send(GetFieldingAssistantAssignment(**ids))
    first = FieldingAssistantAssignment(
        pricing=Pricing(
            type=PricingType.DYNAMIC, total_budget=Money(value=Decimal("900.00"), currency_code="USD", currency_scale=2)
        ),
        soft_launch=SoftLaunch(
            end_at=sandbox.clock.now() + timedelta(days=2),
            filling_goal_percentage=10,
            demographics_strictness_percentage=50,
        ),
    )
    command = PutFieldingAssistantAssignment(assignment=first, if_none_match="*", **ids)
    await walker.send(command)
    with pytest.raises(PreconditionFailedError):
        await walker.send(command)
    read = await walker.send(GetFieldingAssistantAssignment(**ids))
    assert (read.pricing, read.soft_launch, read.pacing) == (first.pricing, first.soft_launch, None)
    draft = await walker.send(GetTargetGroup(**ids))
    assert draft.fielding_assistant_assignment is not None
    assert draft.fielding_assistant_assignment.soft_launch == first.soft_launch
