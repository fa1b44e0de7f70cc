"""Story: a survey reaches its goal; the goal is raised, the run extended, and the changes read."""

from datetime import timedelta
from decimal import Decimal

import pytest
from support.walking import Walker

from fieldingkit.errors import InvalidStateError
from fieldingkit.resources.fielding_runs import GetFieldingRun, ListFieldingRuns, ResumeFieldingRun, UpdateFieldingRun
from fieldingkit.resources.target_group_changelog import (
    GetTargetGroupChangelog,
    StatusChangeReason,
    TargetGroupChangeType,
    UserKind,
)
from fieldingkit.resources.target_group_goals import UpdateProfileFillingGoal
from fieldingkit.resources.target_group_progress import (
    GetTargetGroupCompletes,
    GetTargetGroupOverview,
    GetTargetGroupOverviewById,
    GetTargetGroupPerformance,
)
from fieldingkit.resources.target_groups import (
    ComputeTargetGroupTransitions,
    ListTargetGroups,
    TargetGroupFilters,
    TargetGroupStatus,
)
from fieldingkit.sandbox import Sandbox


async def test_a_full_survey_continues_after_its_goal_is_raised(walker: Walker, sandbox: Sandbox) -> None:
    """A group that was paused at its goal is resumed after its goal is raised and its end moved."""
    project = sandbox.seed(live=25, paused=3, goal=200, completes=150)
    live = await walker.all_of(ListTargetGroups(project_id=project.id, status=[TargetGroupStatus.LIVE]))
    assert [group.id for group in live] == project.ids("live")
    ids = {"project_id": project.id, "target_group_id": live[0].id}

    overview = await walker.send(GetTargetGroupOverview(**ids))
    assert (overview.progress.current_completes, overview.progress.filling_goal) == (150, 200)
    assert overview.current_cost.value == Decimal("375.00")
    sandbox.group(live[0].id).completes = 200

    overview = await walker.send(GetTargetGroupOverview(**ids))
    assert overview.status is TargetGroupStatus.PAUSED
    (run,) = (await walker.send(ListFieldingRuns(**ids))).data
    read = await walker.send(GetFieldingRun(fielding_run_id=run.id, **ids))
    with pytest.raises(InvalidStateError):
        await walker.send(ResumeFieldingRun(fielding_run_id=run.id, if_match=read.etag, **ids))

    goals = await walker.send(UpdateProfileFillingGoal(completes_goal=300, **ids))
    assert (goals.completes_goal, goals.profiles) == (300, ())
    later = read.end_fielding_at + timedelta(days=7)
    moved = await walker.send(
        UpdateFieldingRun(
            fielding_run_id=run.id,
            start_fielding_at=read.start_fielding_at,
            end_fielding_at=later,
            if_match=read.etag,
            **ids,
        )
    )
    await walker.send(ResumeFieldingRun(fielding_run_id=run.id, if_match=moved.etag, **ids))
    by_id = await walker.send(GetTargetGroupOverviewById(target_group_id=live[0].id))
    assert (by_id.account_id, by_id.project_id, by_id.status) == (101, project.id, TargetGroupStatus.LIVE)

    log = await walker.all_of(GetTargetGroupChangelog(page_size=2, **ids))
    assert [entry.changes[0].object for entry in log] == [
        TargetGroupChangeType.STATUS_CHANGE,
        TargetGroupChangeType.FIELDING_PERIOD_END_DATE_CHANGE,
        TargetGroupChangeType.FILLING_GOAL_CHANGE,
        TargetGroupChangeType.STATUS_CHANGE,
    ]
    assert [entry.user.type for entry in log if entry.user] == [
        UserKind.LAS_USER,
        UserKind.LAS_USER,
        UserKind.LAS_USER,
        UserKind.SYSTEM_USER,
    ]
    assert log[-1].changes[0].reason_code is StatusChangeReason.TOTAL_COMPLETES_REACHED
    assert (log[2].changes[0].old_value, log[2].changes[0].new_value) == (200, 300)


async def test_completes_by_interval_add_up_to_the_performance(walker: Walker, sandbox: Sandbox) -> None:
    """The completes by interval add up to those of the performance."""
    project = sandbox.seed(live=1, completes=40)
    ids = {"project_id": project.id, "target_group_id": project.ids()[0]}
    performance = await walker.send(GetTargetGroupPerformance(**ids))
    intervals = await walker.send(GetTargetGroupCompletes(aggregation_interval="PT6H", **ids))
    counts = [interval.count for interval in intervals.aggregated_completes_intervals]
    assert counts == sorted(counts)
    assert (counts[-1], performance.completes, performance.entrants) == (40, 40, 100)


async def test_allowed_transitions_are_computed_before_acting(walker: Walker, sandbox: Sandbox) -> None:
    """The allowed actions of a set of groups can be computed before any of them is tried."""
    project = sandbox.seed(live=2, paused=2)
    all_of_them = await walker.send(ComputeTargetGroupTransitions(project_id=project.id))
    assert (all_of_them.is_pause_allowed, all_of_them.is_finish_allowed) == (False, True)
    live = await walker.send(
        ComputeTargetGroupTransitions(
            project_id=project.id,
            filters=TargetGroupFilters(status=[TargetGroupStatus.LIVE]),
            excluded_target_group_ids=project.ids("live")[:1],
        )
    )
    assert (live.target_groups, live.is_pause_allowed) == (tuple(project.ids("live")[1:]), True)
