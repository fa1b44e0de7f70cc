"""soft_launch: a limit before the launch, a check behind it, and no action against another user's."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from support.soft_launches import FAILING, GOAL, LIMIT, PASSING, UNTIL, Interruption, Scene, change_goal, switch_off

from fieldingkit import Client
from fieldingkit.errors import (
    ConfigurationError,
    ForbiddenError,
    InfeasibleError,
    InvalidCommandError,
    TooManyConflictsError,
    WorkflowError,
)
from fieldingkit.monitoring import SoftLaunchCheck, SoftLaunchLimit, soft_launch, soft_launch_is_due
from fieldingkit.resources.target_group_drafts import GetTargetGroup
from fieldingkit.sandbox import Sandbox, TargetGroup, faults

ASSIGNMENT = "get_fielding_assistant_assignment"
ASSIGN = "create_or_update_fielding_assistant_assignment"
CHANGELOG = "get_target_group_changelog"
EMPTY = {"changelog": [], "next_cursor": ""}


@pytest.fixture
async def scene(sandbox: Sandbox) -> AsyncIterator[Scene]:
    """Yield a draft to launch."""
    async with Scene(sandbox) as running:
        yield running


async def test_a_passed_check_fields_the_whole_goal(scene: Scene) -> None:
    """The limit comes before the launch; at the limit it is paused, released and resumed."""
    waiting = await scene.call()
    assert (waiting.outcome, waiting.steps, waiting.is_limited) == ("waiting", ("limited", "launched"), True)
    scene.group.completes = LIMIT
    done = await scene.call()
    assert (done.outcome, done.status, done.is_limited) == ("resumed", "live", False)
    assert done.steps == ("paused", "released", "resumed")
    assert (done.counted, done.limit, done.goal) == (LIMIT, LIMIT, GOAL)
    assert [figure.value for figure in done.figures] == [8.0, 0.5, 0.1923, 0.4038]
    assert done.etag == (scene.group.run and scene.group.run.etag)
    actions = ["update_fielding_assistant", "launch_from_draft", "pause", "update_fielding_assistant", "resume"]
    assert scene.actions() == actions


async def test_one_call_waits_for_the_completes(scene: Scene) -> None:
    """Without a timeout one call does all, and reads once in each interval."""
    reads = Interruption(3, lambda: setattr(scene.group, "completes", LIMIT))
    scene.sandbox.faults.add("get_target_group_overview", reads, times=None)
    done = await scene.call(timeout=None, interval=30)
    assert (done.outcome, scene.clock.sleeps.count(30)) == ("resumed", 3)
    assert done.steps == ("limited", "launched", "paused", "released", "resumed")


async def test_a_figure_out_of_its_limit_holds_it_paused(scene: Scene) -> None:
    """The report names the figure; another call changes nothing, and one with looser limits resumes."""
    await scene.reach()
    held = await scene.call(FAILING)
    assert (held.outcome, held.status, held.is_limited) == ("held", "paused", True)
    assert held.reason == "length of interview minutes is 8, wanted at most 7"
    changes = len(scene.group.history)
    again = await scene.call(FAILING)
    assert (again.outcome, again.changed, len(scene.group.history)) == ("held", False, changes)
    assert (await scene.call(PASSING)).outcome == "resumed"


async def test_an_unknown_figure_is_not_within_its_limit(scene: Scene) -> None:
    """A length of interview that the API does not send holds the target group, and is said to be unknown."""
    await scene.reach()
    plain = await scene.client.request("GET", f"/demand/target-groups/{scene.group.id}/overview")
    overview = {**plain.json(), "status": "paused", "median_length_of_interview_seconds": None}
    scene.sandbox.faults.add("get_target_group_overview", faults.Answer(200, overview), times=None)
    held = await scene.call()
    assert (held.outcome, held.reason) == ("held", "length of interview minutes is unknown, wanted at most 10")


async def test_a_call_after_the_end_finds_it_resumed(scene: Scene) -> None:
    """Once it was released, another call only reads; a pause by another user after that is named."""
    await scene.reach()
    await scene.call()
    changes = len(scene.group.history)
    found = await scene.call()
    assert (found.outcome, found.changed, len(scene.group.history)) == ("resumed", False, changes)
    scene.group.act("pause", by="Ada")
    assert (await scene.call()).outcome == "interrupted"
    assert scene.group.status == "paused"


async def test_the_api_pauses_a_launch_that_nobody_watches(scene: Scene) -> None:
    """After a crash the API stops at its limit, and the next call checks and continues."""
    await scene.call(until=SoftLaunchLimit(percent=10))
    scene.group.completes = 20
    assert (scene.group.status, scene.actions()[-1]) == ("paused", "goal_reached")
    assert (await scene.call(until=SoftLaunchLimit(percent=10))).steps == ("released", "resumed")


async def test_a_soft_launch_whose_time_is_over_is_reported(scene: Scene) -> None:
    """The API pauses it with too few completes; a smaller limit lets it be checked."""
    await scene.call(until=SoftLaunchLimit(completes=LIMIT, max_hours=5))
    scene.group.completes = 7
    scene.sandbox.clock.advance(6 * 3600)
    ended = await scene.call()
    assert (ended.outcome, ended.others, ended.steps) == ("interrupted", (), ())
    assert ended.reason == f"the API paused it (past_soft_launch_end_date) with 7 of {LIMIT}"
    assert (await scene.call(until=SoftLaunchLimit(completes=7))).outcome == "resumed"


@pytest.mark.parametrize(
    ("colleague", "change"),
    [
        (lambda _, group: group.act("pause", by="Ada"), "status change from live to paused"),
        (lambda _, group: group.act("complete", by="Ada"), "status change from live to completed"),
        (change_goal, "filling goal change from 200 to 300"),
        (switch_off, "soft launch assisted change from True to False"),
    ],
    ids=["pause", "complete", "goal", "assistant"],
)
async def test_another_users_change_ends_it(
    scene: Scene, colleague: Callable[[Sandbox, TargetGroup], object], change: str
) -> None:
    """The change of another user stays, and the report says who, what and when."""
    await scene.call()
    colleague(scene.sandbox, scene.group)
    scene.group.completes = LIMIT
    changes = len(scene.group.history)
    found = await scene.call()
    assert (found.outcome, found.changed) == ("interrupted", False)
    assert len(scene.group.history) == changes
    assert f"user {found.others[0].user_id} made a {change}" in found.reason
    assert found.others[0].occurred_at is not None


async def test_another_users_resume_is_kept(scene: Scene) -> None:
    """A target group that was held and that another user resumed is not paused again."""
    await scene.reach()
    await scene.call(FAILING)
    switch_off(scene.sandbox, scene.group)
    scene.group.act("resume", by="Ada")
    found = await scene.call(FAILING)
    assert (found.outcome, scene.group.status) == ("interrupted", "live")
    assert [one.change for one in found.others] == ["soft_launch_assisted_change", "status_change"]


@pytest.mark.parametrize("is_listed", [True, False])
async def test_another_user_is_named_if_the_users_can_be_read(scene: Scene, is_listed: bool) -> None:
    """The name is that of the account's list; without it the id remains."""
    await scene.call()
    scene.group.act("pause", by="Ada")
    user_id = scene.group.history[-1].user("")["las_user_id"]
    users = {"users": [{"id": user_id, "name": "Ada Lovelace"}]}
    scene.sandbox.faults.add("get_account_users", faults.Answer(200, users) if is_listed else faults.Answer(403))
    found = await scene.call()
    assert found.reason.startswith("Ada Lovelace made" if is_listed else f"user {user_id} made")
    assert (found.others[0].user_id, found.others[0].user_name) == (user_id, "Ada Lovelace" if is_listed else None)


async def test_a_changelog_that_comes_later_is_waited_for(scene: Scene) -> None:
    """Nothing is concluded from a changelog that lacks the latest status."""
    await scene.reach()
    scene.sandbox.faults.add(CHANGELOG, faults.Answer(200, EMPTY), times=3)
    assert (await scene.call()).outcome == "resumed"


async def test_a_changelog_that_never_comes_ends_it(scene: Scene) -> None:
    """As long as the author of the status is not known, nothing is sent."""
    await scene.reach()
    scene.sandbox.faults.add(CHANGELOG, faults.Answer(200, EMPTY), times=None)
    found = await scene.call()
    assert (found.outcome, found.changed, scene.group.status) == ("interrupted", False, "live")
    assert found.reason == "it is live, and the changelog does not show who made it so"


async def test_a_launch_without_a_soft_launch_is_left_alone(scene: Scene, sandbox: Sandbox) -> None:
    """A target group that is live with no limit of ours is reported, not paused."""
    group = sandbox.seed(live=1).groups[0]
    scene.draft, scene.group = GetTargetGroup(project_id=group.project_id, target_group_id=group.id), group
    found = await scene.call()
    assert (found.outcome, found.changed, group.status) == ("interrupted", False, "live")


async def test_a_scheduled_target_group_is_reported(scene: Scene, sandbox: Sandbox) -> None:
    """It is not launched now against its schedule."""
    group = sandbox.seed(scheduled=1).groups[0]
    scene.draft, scene.group = GetTargetGroup(project_id=group.project_id, target_group_id=group.id), group
    found = await scene.call()
    assert (found.outcome, found.changed, group.status) == ("interrupted", False, "scheduled")


async def test_modules_that_were_set_before_are_kept(scene: Scene) -> None:
    """Only the soft launch is set and removed; the first assignment of a draft needs no ETag."""
    overlay = {"prevent_overfill": True, "balance_fill": True}
    await scene.reach()
    assert (scene.group.assistant or {})["quota_overlay"] == overlay
    await scene.call()
    assert scene.group.assistant == {"quota_overlay": overlay}


async def test_a_first_assignment_is_created(scene: Scene) -> None:
    """A draft without an assignment gets one."""
    scene.group.assistant = None
    assert (await scene.call()).steps == ("limited", "launched")
    assert scene.is_limited


async def test_an_unreadable_assignment_is_never_sent_back(scene: Scene) -> None:
    """A module that cannot be read would be lost: nothing is launched."""
    scene.sandbox.faults.add(ASSIGNMENT, faults.Answer(200, {"pacing": {"type": 3}}, {"ETag": 'W/"1"'}), times=None)
    with pytest.raises(WorkflowError, match="cannot be read"):
        await scene.call()
    assert scene.actions() == []


async def test_a_limit_that_is_refused_launches_nothing(scene: Scene) -> None:
    """Without a limit at the API there is no launch."""
    scene.sandbox.faults.add(ASSIGN, faults.Answer(403))
    with pytest.raises(ForbiddenError) as caught:
        await scene.call()
    assert (caught.value.maybe_applied, scene.group.status) == (False, "draft")


async def test_an_infeasible_goal_says_that_the_limit_is_set(scene: Scene) -> None:
    """The error of the launch is raised as it is, with a note on what was done before."""
    with pytest.raises(InfeasibleError) as caught:
        await scene.call(accept_infeasible=False)
    assert not caught.value.maybe_applied
    assert caught.value.__notes__ == ["Steps done before: limited. Call soft_launch again to continue."]


async def test_an_error_after_the_launch_says_so(scene: Scene) -> None:
    """An error that is raised after the launch does not deny it."""
    scene.sandbox.faults.add("get_target_group_overview", faults.Answer(403))
    with pytest.raises(ForbiddenError) as caught:
        await scene.call()
    assert caught.value.maybe_applied
    assert caught.value.__notes__ == ["Steps done before: limited, launched. Call soft_launch again to continue."]


async def test_endless_refusals_end(scene: Scene) -> None:
    """More refusals than max_conflicts raise an error that lists them; nothing was applied."""
    await scene.reach()
    scene.sandbox.faults.add("pause_fielding_run", faults.Answer(412), times=None)
    with pytest.raises(TooManyConflictsError) as caught:
        await scene.call(max_conflicts=2)
    assert (len(caught.value.conflicts), caught.value.maybe_applied, scene.group.status) == (3, False, "live")


async def test_answers_without_effect_end(scene: Scene) -> None:
    """An API that answers every pause as done and stays live is not asked for ever."""
    await scene.reach()
    scene.sandbox.faults.add("pause_fielding_run", faults.Answer(200, {"status": "paused"}), times=None)
    with pytest.raises(WorkflowError, match="still reads as before") as caught:
        await scene.call()
    assert caught.value.maybe_applied


@pytest.mark.parametrize("until", [SoftLaunchLimit(completes=GOAL), SoftLaunchLimit(completes=GOAL + 1)])
async def test_a_limit_that_is_not_below_the_goal_is_refused(scene: Scene, until: SoftLaunchLimit) -> None:
    """A soft launch of the whole goal could never be resumed."""
    with pytest.raises(WorkflowError, match="not below the goal of 200"):
        await scene.call(until=until)
    assert scene.actions() == []


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (SoftLaunchLimit, "completes"),
        (lambda: SoftLaunchLimit(completes=10, percent=10), "completes"),
        (lambda: SoftLaunchLimit(percent=100), "percent"),
        (lambda: SoftLaunchLimit(completes=0), "completes"),
        (lambda: SoftLaunchLimit(percent=10, max_hours=0), "max_hours"),
        (SoftLaunchCheck, "min_conversion_rate"),
        (lambda: SoftLaunchCheck(max_drop_off_rate=20), "max_drop_off_rate"),
    ],
)
def test_invalid_limits_are_refused_by_name(make: Callable[[], object], field: str) -> None:
    """A limit says which of its fields is invalid."""
    with pytest.raises(InvalidCommandError) as caught:
        make()
    assert caught.value.field == field


@pytest.mark.parametrize("options", [{"max_conflicts": -1}, {"interval": "1"}, {"timeout": "1"}])
async def test_invalid_options_are_refused(scene: Scene, options: dict[str, Any]) -> None:
    """Nothing is read or sent then."""
    with pytest.raises(ConfigurationError):
        await scene.call(**options)
    assert scene.actions() == []


async def test_the_limit_is_that_of_the_arguments(scene: Scene) -> None:
    """A percentage is rounded up to a whole one, and the end is so many hours from now."""
    await scene.call(until=SoftLaunchLimit(completes=LIMIT, max_hours=5, demographics_strictness_percentage=50))
    module = (scene.group.assistant or {})["soft_launch"]
    assert (module["filling_goal_percentage"], module["demographics_strictness_percentage"]) == (11, 50)
    assert UNTIL.of_goal(GOAL) == LIMIT
    assert SoftLaunchLimit(percent=10).of_goal(205) == 21


async def test_a_report_is_data(scene: Scene) -> None:
    """A report is short to read and can be stored as JSON."""
    await scene.reach()
    held = await scene.call(FAILING)
    assert repr(held) == f"<SoftLaunchReport held, {LIMIT} of {LIMIT}, {held.reason}>"
    assert held.to_dict()["figures"][0]["name"] == "length_of_interview_minutes"


def test_a_blocking_client_calls_it(sandbox: Sandbox, blocking_client: Client) -> None:
    """``client.call`` runs it; the result is the same."""
    group = sandbox.seed(live=1).groups[0]
    sandbox.faults.add(CHANGELOG, faults.Answer(403))
    draft = GetTargetGroup(project_id=group.project_id, target_group_id=group.id)
    with pytest.raises(ForbiddenError):
        blocking_client.call(soft_launch, draft, until=UNTIL, check=PASSING)


async def test_nothing_is_due_only_while_completes_are_waited_for(scene: Scene) -> None:
    """A draft, a reached limit and another user's change are due; the question itself changes nothing."""
    arguments = {"until": UNTIL, "check": PASSING}
    assert await soft_launch_is_due(scene.client, scene.draft, **arguments)
    assert scene.actions() == []
    await scene.call()
    changes = len(scene.group.history)
    assert not await soft_launch_is_due(scene.client, scene.draft, **arguments)
    scene.group.completes = LIMIT
    assert await soft_launch_is_due(scene.client, scene.draft, **arguments)
    scene.group.completes = 0
    switch_off(scene.sandbox, scene.group)
    assert await soft_launch_is_due(scene.client, scene.draft, **arguments)
    assert len(scene.group.history) == changes + 1
