"""One fielding run: reading it, moving its dates, and every action on it."""

from datetime import timedelta
from typing import Any

import pytest
from support.sandbox_caller import Caller, one, run_of

from fieldingkit.sandbox import Sandbox, SandboxClock
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
STATES = ("scheduled", "live", "paused", "completed", "archived")


async def test_a_draft_has_no_run(sandbox: Sandbox, call: Caller) -> None:
    """The list of a draft's runs is empty."""
    (group,) = sandbox.seed(draft=1).groups
    answer = await call("GET", f"{call.group_path(group)}/fielding-runs")
    assert (answer.status, answer.json) == (200, {"data": [], "has_more": False})


async def test_the_list_has_the_version_and_no_etag(sandbox: Sandbox, call: Caller) -> None:
    """A launched target group lists one run, with its version in the item and no ETag header."""
    (group,) = sandbox.seed(live=1).groups
    answer = await call("GET", f"{call.group_path(group)}/fielding-runs")
    assert [item["version"] for item in answer.json["data"]] == [1]
    assert "ETag" not in answer.headers


async def test_a_run_is_read_with_its_etag(sandbox: Sandbox, call: Caller) -> None:
    """A run shows its dates and status, and carries a weak entity tag made of its version."""
    (group,) = sandbox.seed(live=1).groups
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


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ACTIONS)
async def test_every_action_in_every_state(sandbox: Sandbox, call: Caller, action: str, state: str) -> None:
    """An action is taken from the states that allow it, and is a 422 that changes nothing from all others."""
    group = one(sandbox, state)
    answer = await call.act(action, group)
    if (action, state) in ALLOWED:
        assert answer.status == (200 if action == "launch-now" else 204)
        assert group.status == ALLOWED[action, state]
        assert answer.headers["ETag"] == 'W/"2"' == run_of(group).etag
    else:
        assert (answer.status, answer.json["object"]) == (422, "invalid_state_error")
        assert group.status == state
        assert run_of(group).version == 1


@pytest.mark.parametrize(("action", "state"), [("resume", "paused"), ("relaunch", "completed")])
@pytest.mark.parametrize("limit", ["goal_reached", "ended"])
async def test_no_return_past_a_limit(sandbox: Sandbox, call: Caller, action: str, state: str, limit: str) -> None:
    """Resume and relaunch are refused once the completes goal or the end date is reached."""
    group = one(sandbox, state, **{limit: True})
    answer = await call.act(action, group)
    assert (answer.status, answer.json["object"]) == (422, "invalid_state_error")


async def test_launch_now_keeps_the_duration(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """Launching at once moves the start to now, and the end by as much."""
    (group,) = sandbox.seed(scheduled=1, starts_in=1000, ends_in=5000).groups
    answer = await call.act("launch-now", group)
    now = clock.now()
    assert answer.json == {
        "start_fielding_at": write_timestamp(now),
        "end_fielding_at": write_timestamp(now + timedelta(seconds=4000)),
    }
    assert (run_of(group).start_at, run_of(group).end_at) == (now, now + timedelta(seconds=4000))


async def test_etags_chain(sandbox: Sandbox, call: Caller) -> None:
    """The entity tag of one action's answer is what the next action needs."""
    (group,) = sandbox.seed(live=1).groups
    etag = run_of(group).etag
    for action in ("pause", "resume", "complete", "relaunch"):
        answer = await call.act(action, group, etag)
        assert answer.status == 204
        etag = answer.headers["ETag"]
    assert etag == 'W/"5"'


@pytest.mark.parametrize("etag", ['"1"', 'W/"1"', 'W/"7", W/"1"', "*"])
async def test_etags_are_compared_weakly(sandbox: Sandbox, call: Caller, etag: str) -> None:
    """A tag matches with and without its weakness mark, in a list, or as a star."""
    (group,) = sandbox.seed(live=1).groups
    assert (await call.act("pause", group, etag)).status == 204


async def test_a_stale_etag_is_refused(sandbox: Sandbox, call: Caller) -> None:
    """Another version's entity tag is a 412, even if the run already is in the wanted state."""
    (group,) = sandbox.seed(paused=1).groups
    answer = await call.act("pause", group, 'W/"9"')
    assert (answer.status, answer.json["object"]) == (412, "precondition_failed_error")


@pytest.mark.parametrize("etag", ["1", "W/1", "", "'1'"])
async def test_a_malformed_etag_is_refused(sandbox: Sandbox, call: Caller, etag: str) -> None:
    """An entity tag without double quotes is a 400."""
    (group,) = sandbox.seed(live=1).groups
    answer = await call.act("pause", group, etag)
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "If-Match")


@pytest.mark.parametrize("action", [*ACTIONS, ""])
async def test_a_missing_etag_is_refused(sandbox: Sandbox, call: Caller, action: str) -> None:
    """All six guarded writes are a 400 without If-Match."""
    (group,) = sandbox.seed(live=1).groups
    path = call.run_path(group)
    answer = await (call("POST", f"{path}/{action}") if action else call("PUT", path, json={}))
    assert (answer.status, answer.json["object"]) == (400, "bad_request_error")


async def test_a_scheduled_run_goes_live_by_itself(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """When its start date is reached a scheduled run is live, with a new version."""
    (group,) = sandbox.seed(scheduled=1, starts_in=60).groups
    clock.advance(59)
    assert group.status == "scheduled"
    clock.advance(2)
    answer = await call("GET", call.run_path(group))
    assert (answer.json["status"], answer.headers["ETag"]) == ("live", 'W/"2"')
    assert answer.json["last_changed_at"] == answer.json["start_fielding_at"]


async def test_a_live_run_is_paused_at_its_end(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """When its end date is reached a live run is paused."""
    (group,) = sandbox.seed(live=1, ends_in=60).groups
    clock.advance(60)
    answer = await call("GET", call.run_path(group))
    assert answer.json["status"] == "paused"
    assert [change.action for change in group.history] == ["end_reached"]


async def test_a_live_run_is_paused_at_its_goal(sandbox: Sandbox, call: Caller) -> None:
    """When its completes goal is reached a live run is paused."""
    (group,) = sandbox.seed(live=1).groups
    group.goal_reached = True
    answer = await call("GET", call.run_path(group))
    assert answer.json["status"] == "paused"
    assert [change.action for change in group.history] == ["goal_reached"]


async def test_a_whole_life_while_nobody_looks(sandbox: Sandbox, clock: SandboxClock) -> None:
    """A scheduled run whose start and end both passed unseen went live and was paused, each at its own time."""
    (group,) = sandbox.seed(scheduled=1, starts_in=60, ends_in=120).groups
    run = run_of(group)
    clock.advance(1000)
    assert [(change.at, change.action) for change in group.history] == [
        (run.start_at, "start_reached"),
        (run.end_at, "end_reached"),
    ]


async def _put(call: Caller, group: Any, start: object, end: object, etag: str | None = None) -> Any:
    body = {"start_fielding_at": start, "end_fielding_at": end}
    return await call("PUT", call.run_path(group), json=body, headers={"If-Match": etag or run_of(group).etag})


@pytest.mark.parametrize("state", ["live", "paused"])
async def test_extending_echoes_the_start(sandbox: Sandbox, call: Caller, clock: SandboxClock, state: str) -> None:
    """A started run is extended by sending its own start back with a later end; its status stays."""
    group = one(sandbox, state)
    read = await call("GET", call.run_path(group))
    end_at = clock.now() + timedelta(days=60)
    answer = await _put(call, group, read.json["start_fielding_at"], write_timestamp(end_at))
    assert (answer.status, answer.json) == (202, {"id": run_of(group).id})
    assert answer.headers["ETag"] == 'W/"2"' == run_of(group).etag
    assert (run_of(group).end_at, group.status) == (end_at, state)


async def test_a_scheduled_run_is_moved(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A scheduled run takes new dates and starts by them."""
    (group,) = sandbox.seed(scheduled=1).groups
    start_at = clock.now() + timedelta(seconds=10)
    same = write_timestamp(start_at)
    assert (await _put(call, group, same, same)).status == 202
    assert run_of(group).start_at == start_at == run_of(group).end_at


async def test_a_new_start_in_the_past_is_refused(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A start in the past that is not the run's own is a 400."""
    (group,) = sandbox.seed(live=1).groups
    start, end = clock.now() - timedelta(seconds=1), clock.now() + timedelta(days=1)
    answer = await _put(call, group, write_timestamp(start), write_timestamp(end))
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "start_fielding_at")


async def test_an_end_before_the_start_is_refused(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """An end before the start is a 400."""
    (group,) = sandbox.seed(scheduled=1).groups
    start, end = clock.now() + timedelta(days=2), clock.now() + timedelta(days=1)
    answer = await _put(call, group, write_timestamp(start), write_timestamp(end))
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "end_fielding_at")


async def test_a_completed_run_keeps_its_dates(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """New dates for a completed or archived run are a 422."""
    for group in sandbox.seed(completed=1, archived=1).groups:
        start, end = clock.now() + timedelta(days=1), clock.now() + timedelta(days=2)
        answer = await _put(call, group, write_timestamp(start), write_timestamp(end))
        assert (answer.status, answer.json["object"]) == (422, "invalid_state_error")


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        7,
        "",
        "tomorrow",
        "2030-01-01",
        "2030-01-01T00:00:00.000",
        "2030-01-01T00:00:00+02:00",
        "2030-13-01T00:00:00Z",
        "2030-01-01T25:00:00Z",
    ],
)
async def test_malformed_dates_are_refused(sandbox: Sandbox, call: Caller, wrong: object) -> None:
    """Whatever is not an RFC 3339 timestamp in UTC is a 400 that names each field."""
    (group,) = sandbox.seed(scheduled=1).groups
    answer = await _put(call, group, wrong, wrong)
    assert answer.status == 400
    assert [param["name"] for param in answer.json["invalid_params"]] == ["start_fielding_at", "end_fielding_at"]


async def test_an_unknown_run_is_not_found(sandbox: Sandbox, call: Caller) -> None:
    """A run, target group or project that does not exist, or is another one's, is a 404."""
    first, second = sandbox.seed(live=2).groups
    other = sandbox.seed(live=1, draft=1)
    path = call.run_path(first)
    for known, unknown in [
        (run_of(first).id, run_of(second).id),
        (first.id, other.ids("draft")[0]),
        (first.id, "01BTGNYV6HRNK8K8VKZASZCFP1"),
        (first.project_id, other.id),
        (first.project_id, "01BTGNYV6HRNK8K8VKZASZCFP1"),
    ]:
        answer = await call("GET", path.replace(known, unknown))
        assert (answer.status, answer.json["object"]) == (404, "not_found_error")


async def test_history_names_the_request(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """Each change is kept with its time, its cause, and the state before and after."""
    (group,) = sandbox.seed(live=1).groups
    await call("GET", call.run_path(group))
    await call.act("pause", group)
    (change,) = group.history
    assert (change.at, change.action, change.before, change.after) == (clock.now(), "pause", "live", "paused")
    assert change.request is not None
    assert sandbox.requests[change.request].operation_id == "pause_fielding_run"
