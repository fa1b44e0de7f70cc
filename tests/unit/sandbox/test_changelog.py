"""Who changed what in a target group."""

from datetime import timedelta
from typing import Any

import pytest
from support.sandbox_caller import Caller, one, run_of

from fieldingkit.sandbox import Sandbox, SandboxClock, TargetGroup, faults
from fieldingkit.sandbox.formats import write_timestamp


async def changelog(call: Caller, group: TargetGroup, **params: Any) -> list[Any]:
    """The entries of a page."""
    answer = await call("GET", f"{call.group_path(group)}/changelog", params=params)
    assert answer.status == 200
    return answer.json["changelog"]


async def move(call: Caller, group: TargetGroup, days: float) -> None:
    """Give a run another end."""
    run = run_of(group)
    body = {
        "start_fielding_at": write_timestamp(run.start_at),
        "end_fielding_at": write_timestamp(call.sandbox.clock.now() + timedelta(days=days)),
    }
    assert (await call("PUT", call.run_path(group), json=body, headers={"If-Match": run.etag})).status == 202


async def test_what_was_just_made_has_no_history(sandbox: Sandbox, call: Caller) -> None:
    """Seeding is no change, and an end of the list is told by an empty cursor."""
    for group in sandbox.seed().groups:
        answer = await call("GET", f"{call.group_path(group)}/changelog")
        assert answer.json == {"changelog": [], "next_cursor": ""}


async def test_a_user_changes_a_status(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """An action names the user who took it, the status before and after, and no reason."""
    group = one(sandbox, "live")
    await call.act("pause", group)
    (entry,) = await changelog(call, group)
    assert entry["occurred_at"] == write_timestamp(clock.now())
    assert entry["user"]["type"] == "las_user"
    users = (await call("GET", "/accounts/101/users")).json["users"]
    assert entry["user"]["las_user_id"] in [user["id"] for user in users]
    assert entry["changes"] == [
        {"object": "status_change", "old_value": "live", "new_value": "paused", "reason_code": None}
    ]


async def test_the_clock_changes_a_status(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """What the API does itself names no user, and for an end or a goal the reason."""
    group, other = sandbox.seed(scheduled=1, live=1, starts_in=60, ends_in=120).groups
    other.goal_reached = True
    clock.advance(1000)
    end, start = await changelog(call, group)
    assert start["user"] == end["user"] == {"type": "system_user"}
    assert (start["changes"][0]["new_value"], start["changes"][0]["reason_code"]) == ("live", None)
    assert (end["changes"][0]["new_value"], end["changes"][0]["reason_code"]) == ("paused", "past_scheduled_end_date")
    (goal,) = await changelog(call, other)
    assert goal["changes"][0]["reason_code"] == "total_completes_reached"


async def test_a_launch_changes_three_things(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A draft that is launched gets a status and both dates at one stroke."""
    group = one(sandbox, "draft")
    end_at = write_timestamp(clock.now() + timedelta(days=1))
    await call.finished(await call.create_draft_job("launch", group, end_fielding_at=end_at))
    (entry,) = await changelog(call, group)
    assert [(item["object"], item["old_value"]) for item in entry["changes"]] == [
        ("status_change", "draft"),
        ("fielding_period_start_date_change", None),
        ("fielding_period_end_date_change", None),
    ]
    assert entry["changes"][2]["new_value"] == end_at


async def test_newest_first(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """The latest change comes first."""
    group = one(sandbox, "live")
    await call.act("pause", group)
    clock.advance(1)
    await move(call, group, 90)
    clock.advance(1)
    await call("PUT", f"{call.group_path(group)}/profiles/completes-goal", json={"completes_goal": 150})
    objects = [entry["changes"][0]["object"] for entry in await changelog(call, group)]
    assert objects == ["filling_goal_change", "fielding_period_end_date_change", "status_change"]


async def test_changes_of_a_type(sandbox: Sandbox, call: Caller) -> None:
    """Only changes of the types that are asked for are told, and entries without any are left out."""
    group = one(sandbox, "scheduled")
    await call.act("launch-now", group)
    await call.act("pause", group)
    entries = await changelog(call, group, change_types=["fielding_period_start_date_change"])
    assert [[item["object"] for item in entry["changes"]] for entry in entries] == [
        ["fielding_period_start_date_change"]
    ]
    assert len(await changelog(call, group, change_types=["status_change", "name_change"])) == 2
    assert await changelog(call, group, change_types=["never_heard_of_change"]) == []


async def test_a_new_version_alone_is_no_change(sandbox: Sandbox, call: Caller) -> None:
    """What changes nothing but the entity tag is not told."""
    group = one(sandbox, "live")
    sandbox.faults.add("get_fielding_run", faults.ChangeEtag())
    await call("GET", call.run_path(group))
    assert len(group.history) == 1
    assert await changelog(call, group) == []


async def test_pages(sandbox: Sandbox, call: Caller) -> None:
    """There are up to 50 entries on a page, and the cursor leads to older ones."""
    group = one(sandbox, "live")
    for number in range(60):
        await call.act("resume" if number % 2 else "pause", group)
    first = await call("GET", f"{call.group_path(group)}/changelog")
    assert len(first.json["changelog"]) == 50
    cursor = first.json["next_cursor"]
    assert cursor == first.json["changelog"][-1]["id"]
    second = await call("GET", f"{call.group_path(group)}/changelog", params={"start_after": cursor})
    assert (len(second.json["changelog"]), second.json["next_cursor"]) == (10, "")
    before = await changelog(call, group, end_before=cursor, page_size=2)
    assert before == first.json["changelog"][47:49]
    ids = {entry["id"] for entry in first.json["changelog"] + second.json["changelog"]}
    assert len(ids) == 60


@pytest.mark.parametrize(
    ("name", "value"),
    [("page_size", "51"), ("change_types", "Status"), ("start_after", "1a8fa143-22ee-4b69-9779-401a411152fa")],
)
async def test_malformed_parameters_are_refused(sandbox: Sandbox, call: Caller, name: str, value: str) -> None:
    """Too large a page, a malformed type and a cursor that nobody gave are a 400."""
    answer = await call("GET", f"{call.group_path(one(sandbox, 'live'))}/changelog", params={name: value})
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, name)
