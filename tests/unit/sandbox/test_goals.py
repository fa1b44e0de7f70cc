"""Changing a target group's goal, and asking what may be done with a set of them."""

from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller, one

from fieldingkit.sandbox import Project, Sandbox, TargetGroup

NOTHING = {f"is_{action}_allowed": False for action in ("launch", "pause", "resume", "relaunch", "finish")}


async def set_goal(call: Caller, group: TargetGroup, goal: object) -> Answer:
    """Change a goal."""
    path = f"{call.group_path(group)}/profiles/completes-goal"
    return await call("PUT", path, json={"completes_goal": goal})


async def compute(call: Caller, project: Project, **body: Any) -> Answer:
    """Ask what may be done."""
    path = f"/demand/accounts/101/projects/{project.id}/compute-target-group-transitions"
    return await call("POST", path, json=body)


@pytest.mark.parametrize(("status", "action"), [("paused", "resume"), ("completed", "relaunch")])
async def test_a_raised_goal_opens_the_way(sandbox: Sandbox, call: Caller, status: str, action: str) -> None:
    """A run whose goal was reached stays stopped when the goal is raised, and can then be put back to live."""
    group = one(sandbox, status, goal_reached=True)
    assert (await call.act(action, group)).status == 422
    answer = await set_goal(call, group, 101)
    assert answer.json == {"locale": "eng_us", "completes_goal": 101, "profiles": []}
    assert (group.goal, group.status, group.goal_reached) == (101, status, False)
    assert (await call.act(action, group)).status == 204
    assert group.status == "live"


async def test_a_goal_leaves_the_run_alone(sandbox: Sandbox, call: Caller) -> None:
    """A new goal is no new version of the run; the same goal is no change at all."""
    group = one(sandbox, "live")
    await set_goal(call, group, 101)
    await set_goal(call, group, 101)
    assert [(change.action, change.before, change.after, change.version) for change in group.history] == [
        ("update_goal", "live", "live", 1)
    ]


async def test_a_goal_that_is_reached_already(sandbox: Sandbox, call: Caller) -> None:
    """A goal lowered to what there is pauses a live run."""
    group = one(sandbox, "live", goal=100, completes=40)
    await set_goal(call, group, 40)
    assert [change.action for change in group.history] == ["update_goal", "goal_reached"]
    assert group.status == "paused"


async def test_completes_can_be_given(sandbox: Sandbox) -> None:
    """A test can say how many completes there are: a live run is paused at its goal, and not before."""
    group = one(sandbox, "live", goal=100)
    group.completes = 99
    assert (group.status, group.goal_reached) == ("live", False)
    group.completes = 100
    assert (group.status, group.goal_reached) == ("paused", True)
    group.goal_reached = False
    assert (group.status, group.completes) == ("paused", 99)


@pytest.mark.parametrize("goal", [None, "50", 1.5, True, [50]])
async def test_malformed_goals_are_refused(sandbox: Sandbox, call: Caller, goal: object) -> None:
    """A goal that is no whole number is a 400."""
    answer = await set_goal(call, one(sandbox, "live"), goal)
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "completes_goal")


@pytest.mark.parametrize(("goal", "rule"), [(0, "profile_validation_error_016"), (39, "profile_validation_error_076")])
async def test_goals_that_break_a_rule(sandbox: Sandbox, call: Caller, goal: int, rule: str) -> None:
    """A goal below one, or below the completes that there are, is a 422 of the profile operations' own shape."""
    group = one(sandbox, "live", completes=40)
    answer = await set_goal(call, group, goal)
    assert (answer.status, answer.json["object"]) == (422, "unprocessable_entity_error")
    (param,) = answer.json["invalid_params"]
    assert (param["error_type"], param["name"]) == ("data_validation_error", rule)
    assert group.goal == 100


async def test_there_are_no_profiles(sandbox: Sandbox, call: Caller) -> None:
    """A goal for a quota of a profile is a 422, since no target group here has profiles."""
    path = f"{call.group_path(one(sandbox, 'live'))}/profiles/completes-goal"
    profile = {"profile_id": "1", "targets": [{"id": "1", "quota": {"completes_goal": 1}}]}
    answer = await call("PUT", path, json={"profiles": [profile]})
    assert (answer.status, answer.json["invalid_params"][0]["reason"]) == (422, "profile_id_not_found_044")


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        ("draft", set()),
        ("scheduled", {"launch", "finish"}),
        ("live", {"pause", "finish"}),
        ("paused", {"resume", "finish"}),
        ("completed", {"relaunch"}),
        ("archived", set()),
    ],
)
async def test_transitions_of_a_status(sandbox: Sandbox, call: Caller, status: str, allowed: set[str]) -> None:
    """What may be done with target groups of one status is what the batch jobs do with them."""
    wanted: dict[str, Any] = {status: 2}
    project = sandbox.seed(**wanted)
    answer = await compute(call, project)
    assert answer.json == {
        "target_groups": project.ids(),
        **NOTHING,
        **{f"is_{action}_allowed": True for action in allowed},
    }


async def test_transitions_hold_for_all(sandbox: Sandbox, call: Caller) -> None:
    """An action is allowed if every target group of the set allows it."""
    project = sandbox.seed(live=1, paused=1)
    answers = (await compute(call, project)).json
    assert {name for name, value in answers.items() if value is True} == {"is_finish_allowed"}
    answers = (await compute(call, project, filters={"status": ["live"]})).json
    assert (answers["target_groups"], answers["is_pause_allowed"]) == (project.ids("live"), True)


async def test_transitions_heed_the_limits(sandbox: Sandbox, call: Caller) -> None:
    """A paused target group whose goal or end date is reached cannot be resumed."""
    for limit in ("goal_reached", "ended"):
        group = one(sandbox, "paused", **{limit: True})
        answers = (
            await compute(call, sandbox.seed(project_id=group.project_id, draft=1), filters={"status": ["paused"]})
        ).json
        assert answers["is_resume_allowed"] is False


async def test_transitions_of_a_choice(sandbox: Sandbox, call: Caller) -> None:
    """Filters, a search, ids to look at and ids to leave out add up; what nothing matches allows nothing."""
    project = sandbox.seed(live=4)
    ids = project.ids()
    for body, left in (
        ({"included_target_group_ids": ids[:2]}, ids[:2]),
        ({"excluded_target_group_ids": ids[:1]}, ids[1:]),
        ({"included_target_group_ids": ids[:2], "excluded_target_group_ids": ids[:1]}, ids[1:2]),
        ({"search_string": "group 3"}, ids[2:3]),
        ({"filters": {"country": ["gb", "de"]}}, ids[1:3]),
        ({"filters": {"language": ["eng"]}, "excluded_target_group_ids": ids[:1]}, ids[1:2]),
    ):
        assert (await compute(call, project, **body)).json["target_groups"] == left
    assert (await compute(call, project, filters={"status": ["draft"]})).json == NOTHING


@pytest.mark.parametrize(
    "body",
    [
        {"filters": ["live"]},
        {"filters": {"status": "live"}},
        {"filters": {"status": ["Live"]}},
        {"search_string": 7},
        {"included_target_group_ids": []},
        {"excluded_target_group_ids": ["short"]},
    ],
)
async def test_malformed_choices_are_refused(sandbox: Sandbox, call: Caller, body: dict[str, Any]) -> None:
    """Filters and ids that are not of their form are a 400."""
    assert (await compute(call, sandbox.seed(live=1), **body)).status == 400
