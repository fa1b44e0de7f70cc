"""Target groups: the list with its filters and pages, reads, goals and transitions."""

from datetime import timedelta
from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller, one

from fieldingkit.sandbox import Project, Sandbox, SandboxClock, TargetGroup
from fieldingkit.sandbox.formats import write_timestamp

LAUNCHED = ("scheduled", "live", "paused", "completed", "archived")
NOTHING = {f"is_{action}_allowed": False for action in ("launch", "pause", "resume", "relaunch", "finish")}


async def list_groups(call: Caller, project: Project, **params: Any) -> Answer:
    """Return a page of the list."""
    path = f"/demand/accounts/{project.account_id}/projects/{project.id}/target-groups"
    return await call("GET", path, params=params)


def ids(answer: Answer) -> list[str]:
    """Return the ids on a page."""
    assert answer.status == 200, answer.json
    return [item["id"] for item in answer.json["target_groups"]]


async def set_goal(call: Caller, group: TargetGroup, goal: object) -> Answer:
    """Change a completes goal."""
    path = f"{call.group_path(group)}/profiles/completes-goal"
    return await call("PUT", path, json={"completes_goal": goal})


async def compute(call: Caller, project: Project, **body: Any) -> Any:
    """Compute the allowed transitions."""
    path = f"/demand/accounts/101/projects/{project.id}/compute-target-group-transitions"
    return (await call("POST", path, json=body)).json


async def test_a_list_item_has_statistics_with_issues(sandbox: Sandbox, call: Caller) -> None:
    """Each statistic of an item has its value and its issues; without completes only the progress is known."""
    project = sandbox.seed(live=1, draft=1, goal=200, completes=50)
    answer = await list_groups(call, project)
    draft, live = answer.json["target_groups"]
    assert (live["status"], list(draft["statistics"])) == ("live", ["progress"])
    progress = {
        "current_completes": 50,
        "current_prescreens": 62,
        "filling_goal": 200,
        "filling_strategy": "completes",
    }
    assert live["statistics"]["progress"] == {"value": progress, "issues": []}
    assert live["statistics"]["average_cost_per_interview"]["value"]["value"] == "2.50"
    assert (answer.json["has_more"], answer.json["next_cursor"]) == (False, None)
    assert answer.json["url"] == f"/accounts/101/projects/{project.id}/target-groups"


async def test_a_project_lists_its_own_groups_oldest_first(sandbox: Sandbox, call: Caller) -> None:
    """A project lists only its own target groups, in the order they were created."""
    project, _ = sandbox.seed(live=3, draft=2), sandbox.seed(live=3)
    sandbox.seed(project_id=project.id, paused=1)
    assert ids(await list_groups(call, project)) == project.ids()


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        ({"status": "live"}, [1, 2]),
        ({"status": ["live", "draft"]}, [0, 1, 2]),
        ({"country": "us"}, [0]),
        ({"country": ["us", "fr"]}, [0, 3]),
        ({"language": "eng"}, [0, 1]),
        ({"language": "eng", "status": "live"}, [1]),
        ({"search_string": "GROUP 3"}, [2]),
        ({"name": "group 3"}, [2]),
        ({"search_string": "nothing"}, []),
        ({"target_group_customer_reference_numbers": ["REF-1", "REF-4"]}, [0, 3]),
        ({"exclusion_status": "true"}, []),
        ({"exclusion_status": "false"}, [0, 1, 2, 3]),
    ],
)
async def test_filters_are_combined(sandbox: Sandbox, call: Caller, params: dict[str, Any], kept: list[int]) -> None:
    """A target group must pass every filter; a repeated parameter accepts any of its values."""
    project = sandbox.seed(draft=1, live=2, completed=1)
    assert ids(await list_groups(call, project, **params)) == [project.ids()[index] for index in kept]


async def test_groups_are_found_by_short_id_and_manager(sandbox: Sandbox, call: Caller) -> None:
    """Target groups are found by their short ids, whole or in part, and by their manager's id in any case."""
    project = sandbox.seed(live=3)
    wanted = project.groups[1]
    readable = wanted.settings.human_readable_id
    assert ids(await list_groups(call, project, human_readable_ids=[readable])) == [wanted.id]
    assert wanted.id in ids(await list_groups(call, project, search_string=readable[1:].lower()))
    manager = wanted.manager_id.upper()
    assert ids(await list_groups(call, project, project_manager_id=manager)) == project.ids()
    assert ids(await list_groups(call, project, project_manager_id=manager.translate({48: 52, 49: 53}))) == []


async def test_pages_follow_their_cursors_to_the_end(sandbox: Sandbox, call: Caller) -> None:
    """Pages follow each other by their cursors until there is none; `has_more` covers both directions."""
    project = sandbox.seed(live=25)
    found: list[str] = []
    cursor: dict[str, str] = {}
    sizes: list[int] = []
    while cursor or not sizes:
        answer = await list_groups(call, project, **cursor)
        sizes.append(len(ids(answer)))
        found += ids(answer)
        assert answer.json["has_more"] is True
        cursor = {"start_after": answer.json["next_cursor"]} if answer.json["next_cursor"] else {}
    assert (sizes, found) == ([10, 10, 5], project.ids())


async def test_pages_can_be_read_backwards(sandbox: Sandbox, call: Caller) -> None:
    """The page before a cursor ends just before it, and has the cursor that leads forwards again."""
    project = sandbox.seed(live=7)
    answer = await list_groups(call, project, end_before=project.ids()[5], page_size=3)
    assert ids(answer) == project.ids()[2:5]
    assert (answer.json["next_cursor"], answer.json["has_more"]) == (project.ids()[4], True)
    answer = await list_groups(call, project, end_before=project.ids()[0], page_size=3)
    assert (ids(answer), answer.json["next_cursor"]) == ([], None)


async def test_filters_apply_before_pages(sandbox: Sandbox, call: Caller) -> None:
    """A page is full as long as enough groups pass the filters, and the last page has no cursor."""
    project = sandbox.seed(live=8)
    eng_us = project.ids()[::4]
    answer = await list_groups(call, project, country="us", page_size=1)
    assert (ids(answer), answer.json["next_cursor"]) == (eng_us[:1], eng_us[0])
    answer = await list_groups(call, project, country="us", page_size=1, start_after=eng_us[0])
    assert (ids(answer), answer.json["next_cursor"]) == (eng_us[1:], None)


async def test_a_cursor_survives_its_group_leaving_the_filter(sandbox: Sandbox, call: Caller) -> None:
    """A cursor still leads on when its target group no longer passes the filters."""
    project = sandbox.seed(live=3)
    first = await list_groups(call, project, status="live", page_size=1)
    await call.act("pause", project.groups[0])
    answer = await list_groups(call, project, status="live", start_after=first.json["next_cursor"])
    assert ids(answer) == project.ids()[1:]


async def test_a_draft_has_its_planned_dates(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A draft is read with its planned dates and, before the first assignment, without a fielding assistant."""
    answer = await call("GET", call.group_path(one(sandbox, "draft")))
    assert answer.json["fielding_specification"]["start_at"] == write_timestamp(clock.now() + timedelta(days=1))
    assert "fielding_assistant_assignment" not in answer.json


@pytest.mark.parametrize("status", LAUNCHED)
async def test_a_launched_group_redirects_to_its_details(sandbox: Sandbox, call: Caller, status: str) -> None:
    """A read of a group that is no draft redirects to its details, by a path without the version."""
    group = one(sandbox, status)
    answer = await call("GET", call.group_path(group))
    assert (answer.status, answer.body) == (301, b"")
    assert answer.headers["Location"] == f"{call.group_path(group)}/details"
    details = await call("GET", answer.headers["Location"])
    assert (details.status, details.json["id"], details.json["account_name"]) == (200, group.id, "Account 101")


async def test_completes_add_up_by_interval(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """Completes add up from the start of fielding, by day or by the given interval; seeded ones came before now."""
    group = one(sandbox, "live", completes=40)

    async def counts(group: TargetGroup, **params: str) -> list[int]:
        path = f"{call.group_path(group)}/completes-aggregated-by-interval"
        intervals = (await call("GET", path, params=params)).json["aggregated_completes_intervals"]
        return [interval["count"] for interval in intervals]

    clock.advance(86400)
    group.completes = 50
    assert await counts(group) == [40, 50]
    assert await counts(group, aggregation_interval="PT12H") == [20, 40, 40, 50]
    await call.act("pause", group)
    clock.advance(86400)
    assert await counts(group) == [40, 50, 50]
    assert await counts(one(sandbox, "scheduled")) == []


@pytest.mark.parametrize(("status", "action"), [("paused", "resume"), ("completed", "relaunch")])
async def test_a_raised_goal_allows_a_run_to_continue(sandbox: Sandbox, call: Caller, status: str, action: str) -> None:
    """A run that reached its goal stays stopped when the goal is raised, and can then be live again."""
    group = one(sandbox, status, goal_reached=True)
    assert (await call.act(action, group)).status == 422
    answer = await set_goal(call, group, 101)
    assert answer.json == {"locale": "eng_us", "completes_goal": 101, "profiles": []}
    assert (group.goal, group.status, group.goal_reached) == (101, status, False)
    assert (await call.act(action, group)).status == 204
    assert group.status == "live"


async def test_a_new_goal_is_no_new_version_of_the_run(sandbox: Sandbox, call: Caller) -> None:
    """A new goal is recorded once without a new version of the run; a goal already reached pauses a live run."""
    group = one(sandbox, "live", goal=100, completes=40)
    for goal in (101, 101, 40):
        await set_goal(call, group, goal)
    assert [(change.action, change.after, change.version) for change in group.history] == [
        ("update_goal", "live", 1),
        ("update_goal", "live", 1),
        ("goal_reached", "paused", 2),
    ]


async def test_completes_can_be_assigned(sandbox: Sandbox) -> None:
    """A test can assign the number of completes: a live run is paused at its goal, and not before."""
    group = one(sandbox, "live", goal=100)
    group.completes = 99
    assert (group.status, group.goal_reached) == ("live", False)
    group.completes = 100
    assert (group.status, group.goal_reached) == ("paused", True)
    group.goal_reached = False
    assert (group.status, group.completes) == ("paused", 99)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"completes_goal": 0}, "profile_validation_error_016"),
        ({"completes_goal": 39}, "profile_validation_error_076"),
        (
            {"profiles": [{"profile_id": "1", "targets": [{"id": "1", "quota": {"completes_goal": 1}}]}]},
            "profile_validation_error_044",
        ),
    ],
)
async def test_a_goal_that_violates_a_rule_is_a_422(
    sandbox: Sandbox, call: Caller, body: dict[str, object], rule: str
) -> None:
    """A goal below one, below the completes or of a profile is a 422 in the shape of the profile operations."""
    group = one(sandbox, "live", completes=40)
    answer = await call("PUT", f"{call.group_path(group)}/profiles/completes-goal", json=body)
    assert (answer.status, answer.json["object"]) == (422, "unprocessable_entity_error")
    (param,) = answer.json["invalid_params"]
    assert (param["error_type"], param["name"]) == ("data_validation_error", rule)
    assert group.goal == 100


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        ("draft", ()),
        ("scheduled", ("launch", "finish")),
        ("live", ("pause", "finish")),
        ("paused", ("resume", "finish")),
        ("completed", ("relaunch",)),
        ("archived", ()),
    ],
)
async def test_transitions_are_those_of_the_batch_jobs(
    sandbox: Sandbox, call: Caller, status: str, allowed: tuple[str, ...]
) -> None:
    """The allowed transitions of a status are the ones that a batch job performs."""
    wanted: dict[str, Any] = {status: 2}
    project = sandbox.seed(**wanted)
    assert await compute(call, project) == {
        "target_groups": project.ids(),
        **NOTHING,
        **{f"is_{action}_allowed": True for action in allowed},
    }


async def test_a_transition_must_be_allowed_for_every_group(sandbox: Sandbox, call: Caller) -> None:
    """An action is allowed if every group of the set allows it; a reached goal or end date forbids to resume."""
    answers = await compute(call, sandbox.seed(live=1, paused=1))
    assert {name for name, value in answers.items() if value is True} == {"is_finish_allowed"}
    for limit in ("goal", "end"):
        project = sandbox.seed(paused=1, goal_reached=limit == "goal", ended=limit == "end")
        assert (await compute(call, project))["is_resume_allowed"] is False


async def test_transitions_select_groups_by_filters_and_ids(sandbox: Sandbox, call: Caller) -> None:
    """Filters, a search, included and excluded ids are combined; an empty selection allows nothing."""
    project = sandbox.seed(live=4)
    known = project.ids()
    for body, selected in (
        ({"included_target_group_ids": known[:2]}, known[:2]),
        ({"excluded_target_group_ids": known[:1]}, known[1:]),
        ({"included_target_group_ids": known[:2], "excluded_target_group_ids": known[:1]}, known[1:2]),
        ({"search_string": "group 3"}, known[2:3]),
        ({"filters": {"country": ["gb", "de"]}}, known[1:3]),
        ({"filters": {"language": ["eng"]}, "excluded_target_group_ids": known[:1]}, known[1:2]),
    ):
        assert (await compute(call, project, **body))["target_groups"] == selected
    assert await compute(call, project, filters={"status": ["draft"]}) == NOTHING
