"""Story: two users change modules of the same fielding assistant."""

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
from fieldingkit.resources.target_group_drafts import GetTargetGroup
from fieldingkit.sandbox import Sandbox


async def test_concurrent_changes_lose_no_module(walker: Walker, sandbox: Sandbox) -> None:
    """The second of two concurrent changes is a 412; after a new read both changes are kept."""
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


async def test_only_the_first_assignment_of_a_draft_succeeds(walker: Walker, sandbox: Sandbox) -> None:
    """A draft has no assignment; `If-None-Match: *` lets only one of two first assignments succeed."""
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
