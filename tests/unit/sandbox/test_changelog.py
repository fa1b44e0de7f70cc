"""The changelog of a target group."""

from typing import Any

from support.sandbox_caller import Caller, one

from fieldingkit.sandbox import Sandbox, SandboxClock, TargetGroup, faults
from fieldingkit.sandbox.formats import write_timestamp


async def changelog(call: Caller, group: TargetGroup, **params: Any) -> list[Any]:
    """Return the entries of a page."""
    answer = await call("GET", f"{call.group_path(group)}/changelog", params=params)
    assert answer.status == 200
    return answer.json["changelog"]


async def test_seeding_is_no_change(sandbox: Sandbox, call: Caller) -> None:
    """A new target group has no changes; the end of the list is an empty cursor."""
    for group in sandbox.seed().groups:
        answer = await call("GET", f"{call.group_path(group)}/changelog")
        assert answer.json == {"changelog": [], "next_cursor": ""}


async def test_an_action_names_its_user_and_both_statuses(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """An entry for an action has its date, its user, the old and the new status, and no reason."""
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


async def test_a_change_by_the_clock_has_a_reason_and_no_user(
    sandbox: Sandbox, call: Caller, clock: SandboxClock
) -> None:
    """A change by the API itself names no user, and the reason if an end date or a goal was reached."""
    group, other = sandbox.seed(scheduled=1, live=1, starts_in=60, ends_in=120).groups
    other.goal_reached = True
    clock.advance(1000)
    end, start = await changelog(call, group)
    assert start["user"] == end["user"] == {"type": "system_user"}
    assert (start["changes"][0]["new_value"], start["changes"][0]["reason_code"]) == ("live", None)
    assert (end["changes"][0]["new_value"], end["changes"][0]["reason_code"]) == ("paused", "past_scheduled_end_date")
    (goal,) = await changelog(call, other)
    assert goal["changes"][0]["reason_code"] == "total_completes_reached"


async def test_changes_are_filtered_by_type(sandbox: Sandbox, call: Caller) -> None:
    """Only changes of the requested types are listed, and no entries without any."""
    group = one(sandbox, "scheduled")
    await call.act("launch-now", group)
    await call.act("pause", group)
    entries = await changelog(call, group, change_types=["fielding_period_start_date_change"])
    assert [[item["object"] for item in entry["changes"]] for entry in entries] == [
        ["fielding_period_start_date_change"]
    ]
    assert len(await changelog(call, group, change_types=["status_change", "name_change"])) == 2
    assert await changelog(call, group, change_types=["never_heard_of_change"]) == []


async def test_a_new_version_alone_is_not_listed(sandbox: Sandbox, call: Caller) -> None:
    """A change of nothing but the entity tag is not listed."""
    group = one(sandbox, "live")
    sandbox.faults.add("get_fielding_run", faults.ChangeEtag())
    await call("GET", call.run_path(group))
    assert len(group.history) == 1
    assert await changelog(call, group) == []


async def test_a_page_has_up_to_50_entries_newest_first(sandbox: Sandbox, call: Caller) -> None:
    """A page has up to 50 entries, newest first, and its cursor leads to older ones."""
    group = one(sandbox, "live")
    for number in range(60):
        await call.act("resume" if number % 2 else "pause", group)
    first = await call("GET", f"{call.group_path(group)}/changelog")
    assert len(first.json["changelog"]) == 50
    cursor = first.json["next_cursor"]
    assert cursor == first.json["changelog"][-1]["id"]
    second = await call("GET", f"{call.group_path(group)}/changelog", params={"start_after": cursor})
    assert (len(second.json["changelog"]), second.json["next_cursor"]) == (10, "")
    assert await changelog(call, group, end_before=cursor, page_size=2) == first.json["changelog"][47:49]
    ids = {entry["id"] for entry in first.json["changelog"] + second.json["changelog"]}
    assert len(ids) == 60
