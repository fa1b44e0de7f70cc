"""Fielding runs: reading one, changing its dates, and every action on it."""

from datetime import timedelta
from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller, one, run_of

from fieldingkit.sandbox import Sandbox, SandboxClock, TargetGroup
from fieldingkit.sandbox.formats import write_timestamp

ALLOWED = {
    ("pause", "live"): "paused",
    ("resume", "paused"): "live",
    ("complete", "live"): "completed",
    ("complete", "scheduled"): "completed",
    ("relaunch", "completed"): "live",
    ("launch-now", "scheduled"): "live",
}
ACTIONS = ("pause", "resume", "complete", "relaunch", "launch-now")
STATUSES = ("scheduled", "live", "paused", "completed", "archived")


async def test_a_list_has_versions_and_no_etag(sandbox: Sandbox, call: Caller) -> None:
    """The list of runs is empty for a draft; for others it has one run with its version, but no ETag header."""
    live, draft = one(sandbox, "live"), one(sandbox, "draft")
    answer = await call("GET", f"{call.group_path(live)}/fielding-runs")
    assert [item["version"] for item in answer.json["data"]] == [1]
    assert "ETag" not in answer.headers
    answer = await call("GET", f"{call.group_path(draft)}/fielding-runs")
    assert answer.json == {"data": [], "has_more": False}


async def test_a_run_is_read_with_its_etag(sandbox: Sandbox, call: Caller) -> None:
    """A run has its dates, its status and a weak entity tag made of its version."""
    group = one(sandbox, "live")
    run = run_of(group)
    answer = await call("GET", call.run_path(group))
    assert answer.headers["ETag"] == 'W/"1"' == run.etag
    assert answer.json == {
        "id": run.id,
        "status": "live",
        "version": 1,
        "start_fielding_at": write_timestamp(run.start_at),
        "end_fielding_at": write_timestamp(run.end_at),
        "last_changed_at": write_timestamp(run.last_changed_at),
        "last_changed_by": answer.json["last_changed_by"],
    }


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("action", ACTIONS)
async def test_an_action_needs_a_status_that_allows_it(
    sandbox: Sandbox, call: Caller, action: str, status: str
) -> None:
    """An action is taken from the statuses that allow it; from all others it is a 422 that changes nothing."""
    group = one(sandbox, status)
    answer = await call.act(action, group)
    if (action, status) in ALLOWED:
        assert answer.status == (200 if action == "launch-now" else 204)
        assert group.status == ALLOWED[action, status]
        assert answer.headers["ETag"] == 'W/"2"' == run_of(group).etag
    else:
        assert (answer.status, answer.json["object"]) == (422, "invalid_state_error")
        assert group.status == status
        assert run_of(group).version == 1


@pytest.mark.parametrize(("action", "status"), [("resume", "paused"), ("relaunch", "completed")])
@pytest.mark.parametrize("limit", ["goal_reached", "ended"])
async def test_a_run_is_not_resumed_past_a_limit(
    sandbox: Sandbox, call: Caller, action: str, status: str, limit: str
) -> None:
    """Resume and relaunch are refused once the completes goal or the end date is reached."""
    answer = await call.act(action, one(sandbox, status, **{limit: True}))
    assert (answer.status, answer.json["object"]) == (422, "invalid_state_error")


async def test_launch_now_keeps_the_duration(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """An immediate launch moves the start to now and the end by the same time."""
    group = one(sandbox, "scheduled", starts_in=1000, ends_in=5000)
    answer = await call.act("launch-now", group)
    now = clock.now()
    assert answer.json == {
        "start_fielding_at": write_timestamp(now),
        "end_fielding_at": write_timestamp(now + timedelta(seconds=4000)),
    }
    assert (run_of(group).start_at, run_of(group).end_at) == (now, now + timedelta(seconds=4000))


async def test_the_etag_of_an_answer_guards_the_next_action(sandbox: Sandbox, call: Caller) -> None:
    """The entity tag in an action's answer is the one that the next action needs."""
    group = one(sandbox, "live")
    etag = run_of(group).etag
    for action in ("pause", "resume", "complete", "relaunch"):
        answer = await call.act(action, group, etag)
        assert answer.status == 204
        etag = answer.headers["ETag"]
    assert etag == 'W/"5"'


@pytest.mark.parametrize("etag", ['"1"', 'W/"1"', 'W/"7", W/"1"', "*"])
async def test_etags_are_compared_weakly(sandbox: Sandbox, call: Caller, etag: str) -> None:
    """A tag matches with and without its weakness mark, in a list, or as a star."""
    assert (await call.act("pause", one(sandbox, "live"), etag)).status == 204


async def test_a_stale_etag_is_refused(sandbox: Sandbox, call: Caller) -> None:
    """The entity tag of another version is a 412, even if the run is already in the wanted status."""
    answer = await call.act("pause", one(sandbox, "paused"), 'W/"9"')
    assert (answer.status, answer.json["object"]) == (412, "precondition_failed_error")


@pytest.mark.parametrize("etag", ["1", "W/1", "", "'1'"])
async def test_a_malformed_etag_is_refused(sandbox: Sandbox, call: Caller, etag: str) -> None:
    """An entity tag without double quotes is a 400."""
    answer = await call.act("pause", one(sandbox, "live"), etag)
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "If-Match")


@pytest.mark.parametrize("action", [*ACTIONS, ""])
async def test_a_missing_etag_is_refused(sandbox: Sandbox, call: Caller, action: str) -> None:
    """All six guarded writes are a 400 without If-Match."""
    path = call.run_path(one(sandbox, "live"))
    answer = await (call("POST", f"{path}/{action}") if action else call("PUT", path, json={}))
    assert (answer.status, answer.json["object"]) == (400, "bad_request_error")


async def test_the_clock_starts_a_scheduled_run(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A scheduled run is live from its start date, with a new version."""
    group = one(sandbox, "scheduled", starts_in=60)
    clock.advance(59)
    assert group.status == "scheduled"
    clock.advance(2)
    answer = await call("GET", call.run_path(group))
    assert (answer.json["status"], answer.headers["ETag"]) == ("live", 'W/"2"')
    assert answer.json["last_changed_at"] == answer.json["start_fielding_at"]


async def test_a_live_run_pauses_at_its_end_and_its_goal(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A live run is paused when its end date or its completes goal is reached."""
    ended, reached = one(sandbox, "live", ends_in=60), one(sandbox, "live")
    clock.advance(60)
    reached.goal_reached = True
    for group, action in ((ended, "end_reached"), (reached, "goal_reached")):
        assert (await call("GET", call.run_path(group))).json["status"] == "paused"
        assert [change.action for change in group.history] == [action]


async def test_missed_dates_take_effect_at_their_own_time(sandbox: Sandbox, clock: SandboxClock) -> None:
    """A scheduled run whose start and end passed between two reads went live and was paused at those dates."""
    group = one(sandbox, "scheduled", starts_in=60, ends_in=120)
    run = run_of(group)
    clock.advance(1000)
    assert [(change.at, change.action) for change in group.history] == [
        (run.start_at, "start_reached"),
        (run.end_at, "end_reached"),
    ]


async def put_dates(call: Caller, group: TargetGroup, start: Any, end: Any) -> Answer:
    """Change the dates of a run."""
    body = {"start_fielding_at": write_timestamp(start), "end_fielding_at": write_timestamp(end)}
    return await call("PUT", call.run_path(group), json=body, headers={"If-Match": run_of(group).etag})


@pytest.mark.parametrize("status", ["live", "paused"])
async def test_a_started_run_is_extended_with_its_own_start(
    sandbox: Sandbox, call: Caller, clock: SandboxClock, status: str
) -> None:
    """A started run accepts its own start again with a later end, and keeps its status."""
    group = one(sandbox, status)
    end_at = clock.now() + timedelta(days=60)
    answer = await put_dates(call, group, run_of(group).start_at, end_at)
    assert (answer.status, answer.json) == (202, {"id": run_of(group).id})
    assert answer.headers["ETag"] == 'W/"2"' == run_of(group).etag
    assert (run_of(group).end_at, group.status) == (end_at, status)


async def test_a_scheduled_run_gets_new_dates(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A scheduled run accepts a new start and end, which may be equal."""
    group = one(sandbox, "scheduled")
    start_at = clock.now() + timedelta(seconds=10)
    assert (await put_dates(call, group, start_at, start_at)).status == 202
    assert run_of(group).start_at == start_at == run_of(group).end_at


async def test_a_completed_run_keeps_its_dates(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """New dates for a completed or archived run are a 422."""
    for group in sandbox.seed(completed=1, archived=1).groups:
        answer = await put_dates(call, group, clock.now() + timedelta(days=1), clock.now() + timedelta(days=2))
        assert (answer.status, answer.json["object"]) == (422, "invalid_state_error")


async def test_a_change_names_its_request(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """Each change has its date, the request that made it, and the status before and after."""
    group = one(sandbox, "live")
    await call("GET", call.run_path(group))
    await call.act("pause", group)
    (change,) = group.history
    assert (change.at, change.action, change.before, change.after) == (clock.now(), "pause", "live", "paused")
    assert change.request is not None
    assert sandbox.requests[change.request].operation_id == "pause_fielding_run"
