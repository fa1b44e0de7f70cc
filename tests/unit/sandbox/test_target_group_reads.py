"""What a target group is set up with, and how it is doing."""

from datetime import timedelta

import pytest
from support.sandbox_caller import Caller, one, run_of

from fieldingkit.sandbox import Sandbox, SandboxClock
from fieldingkit.sandbox.formats import write_timestamp

LAUNCHED = ("scheduled", "live", "paused", "completed", "archived")


async def test_a_draft_is_read(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A draft shows its settings, its planned dates and no fielding assistant, since it never had one."""
    group = one(sandbox, "draft", goal=77)
    answer = await call("GET", call.group_path(group))
    assert (answer.status, answer.json["name"], answer.json["completes_goal"]) == (200, group.name, 77)
    assert answer.json["fielding_specification"]["start_at"] == write_timestamp(clock.now() + timedelta(days=1))
    assert "fielding_assistant_assignment" not in answer.json


@pytest.mark.parametrize("state", LAUNCHED)
async def test_a_launched_group_is_elsewhere(sandbox: Sandbox, call: Caller, state: str) -> None:
    """What is no draft any more is a redirect to its details, by a path without the version."""
    group = one(sandbox, state)
    answer = await call("GET", call.group_path(group))
    assert (answer.status, answer.body) == (301, b"")
    assert answer.headers["Location"] == f"{call.group_path(group)}/details"
    details = await call("GET", answer.headers["Location"])
    assert (details.status, details.json["id"], details.json["account_name"]) == (200, group.id, "Account 101")


@pytest.mark.parametrize("read", ["details", "overview", "performance", "completes-aggregated-by-interval"])
async def test_a_draft_has_no_details(sandbox: Sandbox, call: Caller, read: str) -> None:
    """What only launched target groups have is a 404 for a draft."""
    group = one(sandbox, "draft")
    assert (await call("GET", f"{call.group_path(group)}/{read}")).status == 404
    assert (await call("GET", f"/demand/target-groups/{group.id}/overview")).status == 404


@pytest.mark.parametrize("state", LAUNCHED)
async def test_an_overview(sandbox: Sandbox, call: Caller, state: str) -> None:
    """The overview tells status and progress; the one by id alone tells account and project as well."""
    group = one(sandbox, state, goal=50, completes=10)
    done = 0 if state == "scheduled" else 10
    answer = await call("GET", f"{call.group_path(group)}/overview")
    assert (answer.json["status"], answer.json["target_group_name"]) == (state, group.name)
    assert (answer.json["progress"]["current_completes"], answer.json["progress"]["filling_goal"]) == (done, 50)
    assert answer.json["current_cost"]["value"] == f"{done * 2.5:.2f}"
    by_id = await call("GET", f"/demand/target-groups/{group.id}/overview")
    assert by_id.json == answer.json | {"account_id": 101, "project_id": group.project_id}


async def test_an_unknown_overview_is_not_found(sandbox: Sandbox, call: Caller) -> None:
    """The overview of a target group that does not exist is a 404."""
    assert (await call("GET", "/demand/target-groups/01BTGNYV6HRNK8K8VKZASZCFP1/overview")).status == 404


async def test_performance(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """The performance counts everybody who entered, by how they ended; without completes it has no dates."""
    group = one(sandbox, "live", completes=40)
    body = (await call("GET", f"{call.group_path(group)}/performance")).json
    assert (body["entrants"], body["prescreens"], body["completes"]) == (100, 50, 40)
    assert sum(item["count"] for item in body["respondent_analysis"]["live"]) == 100
    assert (body["first_complete"], body["last_complete"]) == (
        write_timestamp(run_of(group).start_at),
        write_timestamp(clock.now()),
    )
    body = (await call("GET", f"{call.group_path(one(sandbox, 'scheduled'))}/performance")).json
    assert (body["completes"], "first_complete" in body) == (0, False)


async def test_completes_by_interval(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """Completes add up from the start to now, a day at a time unless told otherwise."""
    group = one(sandbox, "live", completes=40)
    path = f"{call.group_path(group)}/completes-aggregated-by-interval"
    clock.advance(86400)
    by_day = (await call("GET", path)).json["aggregated_completes_intervals"]
    assert [interval["count"] for interval in by_day] == [20, 40]
    by_hours = (await call("GET", path, params={"aggregation_interval": "PT12H"})).json
    assert [interval["count"] for interval in by_hours["aggregated_completes_intervals"]] == [10, 20, 30, 40]
    assert by_day[0]["timestamp"] == write_timestamp(run_of(group).start_at + timedelta(days=1))


async def test_completes_of_a_paused_run(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """No completes come in while a run is paused, and none before it starts."""
    group = one(sandbox, "live", completes=10)
    await call.act("pause", group)
    clock.advance(86400)
    path = f"{call.group_path(group)}/completes-aggregated-by-interval"
    intervals = (await call("GET", path)).json["aggregated_completes_intervals"]
    assert [interval["count"] for interval in intervals] == [10, 10]
    path = f"{call.group_path(one(sandbox, 'scheduled'))}/completes-aggregated-by-interval"
    assert (await call("GET", path)).json == {"aggregated_completes_intervals": []}


@pytest.mark.parametrize("interval", ["", "P", "PT", "1D", "P1Y", "PT0S", "P398D", "PT1S", "P-1D"])
async def test_malformed_intervals_are_refused(sandbox: Sandbox, call: Caller, interval: str) -> None:
    """An interval that is no duration, is nothing, is too long or makes too many parts is a 400."""
    path = f"{call.group_path(one(sandbox, 'live'))}/completes-aggregated-by-interval"
    answer = await call("GET", path, params={"aggregation_interval": interval})
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "aggregation_interval")
