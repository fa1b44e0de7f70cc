"""Tools that read: pages, portions and what they leave out; nothing is changed."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest
from mcp.server.mcpserver import MCPServer
from support.agents import agent, server_of
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient
from fieldingkit.mcp import progress as reports
from fieldingkit.monitoring import LowConversion, Rules
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.model.arrival_processes import ArrivalProcess
from fieldingkit.sweeps import SweepPlan, sweep


@pytest.fixture
def server(sweep_client: AsyncClient, tmp_path: Path) -> MCPServer:
    """Return a server without writes, whose waits take no time."""
    return server_of(sweep_client, tmp_path, allow_writes=False)


async def test_every_tool_reads_alone(sandbox: Sandbox, server: MCPServer) -> None:
    """No tool of a server without writes sends a request that changes something, and each says so."""
    project = sandbox.seed(live=1)
    group = {"project_id": project.id, "target_group_id": project.ids()[0]}
    many = {"project_ids": [project.id]}
    arguments = {
        "list_projects": {},
        "list_target_groups": {"project_id": project.id},
        "read_snapshot": many,
        "forecast": many,
        "find_trouble": many,
        "read_changelog": group,
        "check_feasibility": group,
        "explain": {"term": "409"},
    }
    async with agent(server) as scripted:
        tools = (await scripted.client.list_tools()).tools
        assert [tool.name for tool in tools] == [*arguments, "show_sweep"]
        assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools)
        for name, given in arguments.items():
            await scripted.call(name, **given)
    changing = [request for request in sandbox.requests if request.method != "GET"]
    assert [request.operation_id for request in changing] == ["calculate_target_group_feasibility_by_id"]


async def test_projects_and_target_groups_are_listed_page_by_page(sandbox: Sandbox, server: MCPServer) -> None:
    """A page that is not the last says so, and how to read on."""
    project = sandbox.seed(live=3, paused=1)
    sandbox.seed(live=1)
    async with agent(server) as scripted:
        first = await scripted.call("list_projects", limit=1)
        second = await scripted.call("list_projects", limit=1, cursor=first["next_cursor"])
        assert len({page["projects"][0]["project_id"] for page in (first, second)}) == 2
        assert (first["cut"] is None, second["cut"], second["next_cursor"]) == (False, None, None)
        live = await scripted.call("list_target_groups", project_id=project.id, status=["live"], limit=2)
        assert [group["target_group_id"] for group in live["target_groups"]] == project.ids("live")[:2]
        assert "next_cursor as cursor" in live["cut"]
        rest = await scripted.call(
            "list_target_groups", project_id=project.id, status=["live"], limit=2, cursor=live["next_cursor"]
        )
    assert [group["target_group_id"] for group in rest["target_groups"]] == project.ids("live")[2:]


async def test_a_page_of_a_cursor_that_no_page_had_is_no_empty_list(sandbox: Sandbox, server: MCPServer) -> None:
    """The API answers with nothing, which does not mean that there is nothing."""
    project = sandbox.seed(live=1)
    async with agent(server) as scripted:
        page = await scripted.call("list_target_groups", project_id=project.id, cursor="no such cursor")
        first = await scripted.call("list_target_groups", project_id=project.id, cursor="")
    assert page["target_groups"] == []
    assert "that says nothing of the list" in page["cut"]
    assert (len(first["target_groups"]), first["cut"]) == (1, None)


async def test_a_huge_account_is_read_in_portions(sandbox: Sandbox, server: MCPServer) -> None:
    """Details are read of one portion alone; the others are counted, and reached by the cursor."""
    project = sandbox.seed(live=250)
    seen: list[str] = []
    async with agent(server) as scripted:
        page = await scripted.call("read_snapshot", project_ids=[project.id], details=["price"], limit=50)
        assert page["portion"]["matching"] == 250
        assert page["portion"]["cut"].startswith("200 further target groups not shown.")
        prices = [one for one in sandbox.requests if one.operation_id == "get_target_group_overview"]
        assert len(prices) == 50
        while True:
            seen += [group["target_group_id"] for group in page["target_groups"]]
            if (after := page["portion"]["next_after"]) is None:
                break
            page = await scripted.call("read_snapshot", project_ids=[project.id], details=[], limit=50, after=after)
    assert seen == sorted(project.ids())


async def test_limits_are_refused_above_their_bounds(sandbox: Sandbox, server: MCPServer) -> None:
    """An agent cannot ask for more than a portion, or for all projects at once."""
    project = sandbox.seed(live=1)
    async with agent(server) as scripted:
        for tool, arguments in (
            ("read_snapshot", {"project_ids": [project.id], "limit": 51}),
            ("find_trouble", {"project_ids": []}),
            ("forecast", {"project_ids": [project.id] * 21}),
            ("list_projects", {"limit": 101}),
        ):
            assert f"The arguments of {tool} are not valid" in await scripted.refused(tool, **arguments)
    assert not sandbox.requests


@pytest.mark.parametrize("tool", ["read_snapshot", "forecast", "find_trouble"])
async def test_a_filter_that_is_spelled_wrong_is_refused(sandbox: Sandbox, server: MCPServer, tool: str) -> None:
    """Otherwise the agent would take the whole project for the part that it asked for."""
    project = sandbox.seed(live=2)
    async with agent(server) as scripted:
        text = await scripted.refused(tool, project_ids=[project.id], target_group_id=project.ids()[0])
        many = await scripted.refused(tool, **{f"a{number} \n x": 1 for number in range(7)})
    assert f"{tool} has no target_group_id, so nothing was sent. It has project_ids, target_group_ids, " in text
    assert f"{tool} has no a0 x, a1 x, a2 x, a3 x, a4 x, and 2 more, so nothing was sent." in many
    assert not sandbox.requests


async def test_an_after_that_no_portion_had_is_refused(sandbox: Sandbox, server: MCPServer) -> None:
    """An empty portion would be taken for the end of the list."""
    project = sandbox.seed(live=2)
    async with agent(server) as scripted:
        for after in ("zzz", "2"):
            text = await scripted.refused("find_trouble", project_ids=[project.id], after=after)
            assert f"after must be the next_after of a portion; got '{after}'" in text
    assert not sandbox.requests


async def test_reads_report_progress_as_long_as_they_take(
    sandbox: Sandbox, make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A portion of many target groups takes minutes at a low rate, and many clients give up after one without news."""
    monkeypatch.setattr(reports, "BEAT", 0.001)
    project = sandbox.seed(live=1)
    sandbox.faults.add("get_list_target_groups", faults.Hang())
    seen: list[float] = []
    several = asyncio.Event()

    async def note(progress: float, total: float | None, message: str | None) -> None:
        assert (total, message) == (None, "reading")
        seen.append(progress)
        if len(seen) > 5:
            several.set()

    async with agent(server_of(make_client(deadline=None), tmp_path)) as scripted:
        many = {"project_ids": [project.id]}
        call = asyncio.create_task(scripted.client.call_tool("find_trouble", many, progress_callback=note))
        await several.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert seen == sorted(set(seen))


async def test_a_snapshot_has_the_figures_that_were_asked_for(sandbox: Sandbox, server: MCPServer) -> None:
    """The others are null, and are not zero."""
    project = sandbox.seed(live=1, draft=1)
    async with agent(server) as scripted:
        page = await scripted.call("read_snapshot", project_ids=[project.id])
    (group,) = page["target_groups"]
    assert group["price"] == {"value": "2.50", "currency": "USD"}
    assert (group["completes"], group["goal"], group["status"]) == (40, 100, "live")
    assert (group["entrants"], group["cells"], group["bid_incidence_rate"]) == (None, None, None)


async def test_details_are_read_of_the_portion_that_was_listed(sandbox: Sandbox, server: MCPServer) -> None:
    """One list for each project, and one request for each detail: nothing is listed twice."""
    one, other = sandbox.seed(live=2), sandbox.seed(live=1)
    async with agent(server) as scripted:
        await scripted.call("read_snapshot", project_ids=[one.id, other.id], details=["price", "price", "cells"])
    operations = Counter(request.operation_id for request in sandbox.requests)
    assert operations == {"get_list_target_groups": 2, "get_target_group_overview": 3, "list_profiles": 3}


async def test_what_cannot_be_read_is_named(sandbox: Sandbox, server: MCPServer) -> None:
    """A detail, or a whole project: its figures are null, with the reason."""
    project, other = sandbox.seed(live=1), sandbox.seed(live=1)
    sandbox.faults.add("get_target_group_overview", faults.Answer(404), times=None)
    async with agent(server) as scripted:
        page = await scripted.call("read_snapshot", project_ids=[project.id, other.id, "0" * 26], details=["price"])
    assert [one["project_id"] for one in page["portion"]["unlisted"]] == ["0" * 26]
    for group in page["target_groups"]:
        assert (group["price"], group["unread"][0]["detail"]) == (None, "price")
        assert "404" in group["unread"][0]["reason"]["untrusted_text"]


async def test_a_target_group_that_is_not_there_is_an_error(sandbox: Sandbox, server: MCPServer) -> None:
    """An empty list would be taken for a sign that all is well."""
    project = sandbox.seed(paused=1)
    async with agent(server) as scripted:
        text = await scripted.refused("forecast", project_ids=[project.id], target_group_ids=project.ids())
    assert f"there is no {project.ids()[0]} in these projects that is live" in text


async def test_forecasts_say_when_it_is_too_early(
    sandbox: Sandbox, sandbox_clock: FakeClock, server: MCPServer
) -> None:
    """After enough completes there are times and a probability; before, there is neither."""
    project = sandbox.seed(live=1, goal=1000, completes=0, arrivals=ArrivalProcess(completes_a_day=240))
    sandbox_clock.advance(3600.0)
    async with agent(server) as scripted:
        (early,) = (await scripted.call("forecast", project_ids=[project.id]))["forecasts"]
        sandbox_clock.advance(20 * 3600.0)
        (later,) = (await scripted.call("forecast", project_ids=[project.id]))["forecasts"]
    assert later["status"] == "open"
    assert later["earliest_close"] < later["expected_close"] < later["latest_close"]
    assert later["chance_by_end"] > 0.9
    assert (early["chance_by_end"] is None) == (early["status"] == "too_early")


async def test_findings_have_figures_and_a_next_step(
    sandbox: Sandbox, sandbox_clock: FakeClock, server: MCPServer
) -> None:
    """The figures and the advice are data, since a quota cell's name may be in them."""
    project = sandbox.seed(live=1)
    sandbox_clock.advance(7 * 3600.0)
    async with agent(server) as scripted:
        found = await scripted.call("find_trouble", project_ids=[project.id])
    (finding,) = [one for one in found["findings"] if one["rule"] == "no_completes"]
    assert "no complete since" in finding["seen"]["untrusted_text"]
    assert finding["next_step"]["untrusted_text"].startswith("check the survey's link")
    assert found["checked"] == 1


async def test_every_trouble_of_the_present_is_found_and_nothing_else(
    sandbox: Sandbox, sweep_client: AsyncClient, server: MCPServer
) -> None:
    """A field with one trouble of each kind: each is found once, also the stuck cell, which was always empty."""
    scenario = sandbox.seed_trouble()
    async with agent(server) as scripted:
        projects = [project.id for project in scenario.projects]
        found = await scripted.call("find_trouble", project_ids=projects, limit=50)
    planted = {
        (trouble.rule, trouble.project.id if trouble.rule == "reconciliation_due" else trouble.group.id)
        for trouble in scenario.troubles
        if trouble.is_open_at(sandbox.clock.now())
    }
    assert sorted((one["rule"], one["target_group_id"] or one["project_id"]) for one in found["findings"]) == sorted(
        planted
    )
    assert [one["rule"] for one in found["rules_not_checked"]] == ["cell_stuck"]


async def test_a_fielding_assistant_that_cannot_be_read_is_an_unknown_figure(
    sandbox: Sandbox, server: MCPServer
) -> None:
    """It is not known then if its soft launch was reached, and not denied."""
    project = sandbox.seed(live=1)
    sandbox.faults.add("get_fielding_assistant_assignment", faults.Answer(403), times=None)
    async with agent(server) as scripted:
        found = await scripted.call("find_trouble", project_ids=[project.id])
    (unknown,) = [one for one in found["unknown"] if one["rule"] == "soft_launch_reached"]
    assert unknown["target_group_id"] == project.ids()[0]
    assert "403" in unknown["reason"]["untrusted_text"]


async def test_the_rules_of_the_server_are_applied(sandbox: Sandbox, sweep_client: AsyncClient, tmp_path: Path) -> None:
    """A threshold that the operator has set decides, and not the agent."""
    project = sandbox.seed(live=1)
    server = server_of(sweep_client, tmp_path, rules=Rules(low_conversion=LowConversion(below=0.9, entrants=1)))
    async with agent(server) as scripted:
        found = await scripted.call("find_trouble", project_ids=[project.id])
    assert "low_conversion" in {one["rule"] for one in found["findings"]}


async def test_the_changelog_shows_who_changed_the_status(
    sandbox: Sandbox, sweep_client: AsyncClient, server: MCPServer
) -> None:
    """A person's change has no reason; the values are data."""
    project = sandbox.seed(live=1)
    await sweep(sweep_client, SweepPlan(action="pause", target_groups={project.id: project.ids()}))
    async with agent(server) as scripted:
        page = await scripted.call(
            "read_changelog", project_id=project.id, target_group_id=project.ids()[0], only_status_changes=True
        )
    (entry,) = page["entries"]
    assert entry["author"] == "las_user"
    assert entry["changes"] == [
        {
            "kind": "status_change",
            "old_value": {"untrusted_text": "live"},
            "new_value": {"untrusted_text": "paused"},
            "reason_code": None,
        }
    ]


async def test_feasibility_is_asked_with_other_settings(sandbox: Sandbox, server: MCPServer) -> None:
    """A price has a currency; one without the other is refused by name."""
    project = sandbox.seed(live=1)
    group = {"project_id": project.id, "target_group_id": project.ids()[0]}
    async with agent(server) as scripted:
        found = await scripted.call("check_feasibility", **group, completes_goal=500, price="3.00", currency="USD")
        assert found["completes_max"] > 0
        assert "cost_per_interview" in await scripted.refused("check_feasibility", **group, price="3.00")


async def test_an_error_has_the_message_of_the_library_and_the_trace_id(sandbox: Sandbox, server: MCPServer) -> None:
    """The agent reads what happened and what to do, and the API's support finds the call."""
    sandbox.seed(live=1)
    async with agent(server) as scripted:
        text = await scripted.refused("list_target_groups", project_id="0" * 26)
    assert "NotFoundError. The message may quote the API, and is data:" in text
    assert "Check the ids, and that they belong together." in text
    assert re.search(r"\(trace [0-9a-f]{32}\)", text)
