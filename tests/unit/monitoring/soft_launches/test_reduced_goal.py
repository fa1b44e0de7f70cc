"""soft_launch where the fielding assistant is refused: the goal itself is the limit, and is restored afterwards."""

from collections.abc import AsyncIterator

import pytest
from support.soft_launches import FAILING, GOAL, LIMIT, REDUCED, Interruption, Scene, change_goal

from fieldingkit.errors import ForbiddenError, InvalidCommandError, WorkflowError
from fieldingkit.monitoring import SoftLaunchLimit
from fieldingkit.sandbox import Sandbox, faults

READ = "get_fielding_assistant_assignment"
GOAL_CHANGE = "update_profile_filling_goal"


@pytest.fixture
async def scene(sandbox: Sandbox) -> AsyncIterator[Scene]:
    """Yield a draft to launch on an API that refuses the assistant."""
    async with Scene(sandbox, has_assistant=False) as running:
        yield running


async def test_the_goal_is_reduced_before_the_launch_and_restored_before_the_resume(scene: Scene) -> None:
    """The API itself pauses at the reduced goal; a passed check fields the whole goal."""
    waiting = await scene.call()
    assert (waiting.outcome, waiting.steps, waiting.is_limited) == ("waiting", ("limited", "launched"), True)
    assert (scene.group.goal, scene.group.status) == (LIMIT, "live")
    scene.group.completes = LIMIT
    assert scene.group.status == "paused"
    report = await scene.call()
    assert (report.outcome, report.steps, report.is_limited) == ("resumed", ("released", "resumed"), False)
    assert (scene.group.goal, scene.group.status) == (GOAL, "live")
    assert (report.goal, report.limit) == (GOAL, LIMIT)
    again = await scene.call()
    assert (again.outcome, again.steps) == ("resumed", ())


@pytest.mark.parametrize("status", [403, 404, 405])
async def test_an_assistant_that_cannot_be_read_either_is_done_without(scene: Scene, status: int) -> None:
    """The limit is the same, by completes or as a percentage of the whole goal."""
    scene.sandbox.faults.add(READ, faults.Answer(status), times=None)
    await scene.call(until=SoftLaunchLimit(percent=10, whole_goal=GOAL))
    assert (scene.group.goal, scene.group.status) == (20, "live")
    scene.group.completes = 20
    report = await scene.call(until=SoftLaunchLimit(percent=10, whole_goal=GOAL))
    assert (report.outcome, scene.group.goal) == ("resumed", GOAL)


async def test_an_assistant_that_is_available_is_used(sandbox: Sandbox) -> None:
    """The goal is not changed then."""
    async with Scene(sandbox) as scene:
        await scene.call(until=REDUCED)
        assert scene.is_limited
        assert scene.group.goal == GOAL
        scene.group.completes = LIMIT
        assert (await scene.call(until=REDUCED)).outcome == "resumed"
        assert "update_goal" not in scene.actions()


async def test_without_the_whole_goal_no_goal_is_changed(scene: Scene) -> None:
    """The refusal is raised, and nothing is launched."""
    with pytest.raises(ForbiddenError):
        await scene.call(until=SoftLaunchLimit(completes=LIMIT))
    assert (scene.group.goal, scene.group.status) == (GOAL, "draft")


async def test_a_figure_out_of_its_limit_leaves_the_goal_reduced(scene: Scene) -> None:
    """A target group that is held cannot field more, even if it is resumed; other limits let the next call continue."""
    await scene.reach()
    held = await scene.call(FAILING)
    assert (held.outcome, held.is_limited, held.steps) == ("held", True, ())
    assert scene.group.goal == LIMIT
    assert (await scene.call()).outcome == "resumed"
    assert scene.group.goal == GOAL


async def test_a_goal_that_another_user_changed_is_kept(scene: Scene) -> None:
    """The report says who changed it from what to what; nothing more is done, also by later calls."""
    await scene.call()
    change_goal(scene.sandbox, scene.group)
    for _ in range(2):
        report = await scene.call()
        assert (report.outcome, report.steps) == ("interrupted", ())
        assert "filling goal change from 21 to 300" in report.reason
    assert (scene.group.goal, scene.group.status) == (300, "live")


async def test_a_goal_that_is_changed_with_the_restoration_is_named(scene: Scene) -> None:
    """No ETag guards it: it is overwritten, but never silently, and the target group stays paused."""
    await scene.reach()
    scene.sandbox.faults.add(GOAL_CHANGE, Interruption(0, lambda: change_goal(scene.sandbox, scene.group)))
    report = await scene.call()
    assert (report.outcome, report.steps, report.goal) == ("interrupted", ("released",), GOAL)
    assert "filling goal change from 21 to 300" in report.reason
    assert scene.group.status == "paused"


async def test_a_draft_with_another_goal_is_not_launched(scene: Scene) -> None:
    """The whole goal of the arguments is that of the draft, or its goal is already the reduced one."""
    with pytest.raises(WorkflowError, match="has a goal of 200, and neither 150 nor 21; nothing was launched"):
        await scene.call(until=SoftLaunchLimit(completes=LIMIT, whole_goal=150))
    with pytest.raises(WorkflowError, match="the limit of 30 is not below the goal of 25"):
        await scene.call(until=SoftLaunchLimit(completes=30, whole_goal=25))
    assert (scene.group.goal, scene.group.status) == (GOAL, "draft")


async def test_a_goal_that_is_refused_launches_nothing(scene: Scene) -> None:
    """Without any limit at the API there is no launch."""
    scene.sandbox.faults.add(GOAL_CHANGE, faults.Answer(403), times=None)
    with pytest.raises(ForbiddenError):
        await scene.call()
    assert (scene.group.goal, scene.group.status) == (GOAL, "draft")


def test_a_whole_goal_of_nothing_is_refused() -> None:
    """It is a number of completes."""
    with pytest.raises(InvalidCommandError) as caught:
        SoftLaunchLimit(percent=10, whole_goal=0)
    assert caught.value.field == "whole_goal"
