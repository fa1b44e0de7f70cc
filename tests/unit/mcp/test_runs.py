"""``show_sweep``: the runs of this API and account, from their journals; nothing else is read."""

import asyncio
import os
from pathlib import Path
from typing import Any

import attrs
import pytest
from mcp.server.mcpserver import MCPServer
from support.agents import Agent, agent, members, server_of
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient
from fieldingkit.sandbox import Sandbox
from fieldingkit.sweeps import Journal, sweep


async def interrupt(scripted: Agent, sandbox: Sandbox, plan: dict[str, Any]) -> None:
    """Apply a plan, and cancel the call once its job exists."""
    call = asyncio.create_task(scripted.client.call_tool("apply_sweep", {"plan_id": plan["plan_id"]}))
    while not sandbox.jobs:
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await scripted.ended(plan["run_id"])


@pytest.fixture
def server(sweep_client: AsyncClient, tmp_path: Path) -> MCPServer:
    """Return a server with writes, whose waits take no time."""
    return server_of(sweep_client, tmp_path)


async def test_a_finished_run_is_shown_without_a_request(sandbox: Sandbox, server: MCPServer) -> None:
    """It has the counts, the trace ids, and how to undo it; it says that it is of the past."""
    project = sandbox.seed(live=2, paused=1)
    async with agent(server) as scripted:
        plan = await scripted.plan("pause", *members(project), *members(project, "paused"))
        applied = await scripted.call("apply_sweep", plan_id=plan["plan_id"])
        sandbox.requests.clear()
        shown = await scripted.call("show_sweep", run_id=plan["run_id"])
    assert not sandbox.requests
    assert shown["counts"] == applied["counts"]
    assert (shown["counts"]["updated"], shown["counts"]["unchanged"]) == (2, 1)
    assert shown["headline"].startswith("As of ")
    assert shown["trace_ids"] == applied["trace_ids"]
    assert f"fieldingkit sweeps undo {plan['run_id']}" in shown["what_to_do"]
    assert not shown["in_progress"]


async def test_command_lines_that_are_shown_have_the_connection(
    sandbox: Sandbox, sweep_client: AsyncClient, tmp_path: Path
) -> None:
    """Without it, the command line would not find the run, or be of another account."""
    project = sandbox.seed(live=1)
    async with agent(server_of(sweep_client, tmp_path, options=["--connection", "my agent"])) as scripted:
        plan = await scripted.plan("pause", *members(project))
        applied = await scripted.call("apply_sweep", plan_id=plan["plan_id"])
    assert f"fieldingkit sweeps undo {plan['run_id']} --connection 'my agent'" in applied["what_to_do"]


async def test_a_run_in_progress_is_shown_as_such(sandbox: Sandbox, make_client: MakeClient, tmp_path: Path) -> None:
    """It has not finished, no reason says that it ended, and it is not to be resumed while this server applies it."""
    project = sandbox.seed(live=2)
    frozen = make_client(clock=FakeClock(jump=0.0), deadline=None)
    async with agent(server_of(frozen, tmp_path)) as scripted:
        plan = await scripted.plan("pause", *members(project))
        call = asyncio.create_task(scripted.client.call_tool("apply_sweep", {"plan_id": plan["plan_id"]}))
        while not sandbox.jobs:
            await asyncio.sleep(0.01)
        shown = await scripted.call("show_sweep", run_id=plan["run_id"])
        second = await scripted.refused("apply_sweep", plan_id=plan["plan_id"])
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        left = await scripted.ended(plan["run_id"])
    assert (shown["finished"], shown["in_progress"]) == (False, True)
    assert "This server is still applying it" in shown["what_to_do"]
    assert "sweeps resume" not in shown["what_to_do"]
    assert {one["what_to_do"] for one in shown["problems"]} == {shown["what_to_do"]}
    assert "finished at" not in " ".join(shown["notes"])
    assert "another call applies it now" in second
    assert {one["reason"]["untrusted_text"] for one in shown["problems"]} == {
        "it may have been sent, and its result has not been seen"
    }
    assert (left["finished"], left["in_progress"]) == (False, False)
    assert f"fieldingkit sweeps resume {plan['run_id']}" in left["what_to_do"]


async def test_a_run_that_another_program_applies_is_not_to_be_resumed(
    sandbox: Sandbox, make_client: MakeClient, tmp_path: Path
) -> None:
    """The lock of its journal says so, and the answer names the process; afterwards it can be resumed."""
    project = sandbox.seed(live=2)
    frozen = make_client(clock=FakeClock(jump=0.0), deadline=None)
    async with agent(server_of(frozen, tmp_path)) as scripted:
        plan = await scripted.plan("pause", *members(project))
        await interrupt(scripted, sandbox, plan)
        with Journal(tmp_path / "journals" / f"{plan['run_id']}.journal"):
            elsewhere = await scripted.call("show_sweep", run_id=plan["run_id"])
        left = await scripted.call("show_sweep", run_id=plan["run_id"])
    assert (elsewhere["finished"], elsewhere["in_progress"]) == (False, True)
    assert f"Another program on this machine (process {os.getpid()} on " in elsewhere["what_to_do"]
    assert "Call show_sweep again later, and neither resume it nor plan again" in elsewhere["what_to_do"]
    assert {one["what_to_do"] for one in elsewhere["problems"]} == {elsewhere["what_to_do"]}
    assert "sweeps resume" not in str(elsewhere)
    assert not left["in_progress"]
    assert f"fieldingkit sweeps resume {plan['run_id']}" in left["what_to_do"]


async def test_a_finished_run_is_not_in_progress_because_its_journal_is_open(
    sandbox: Sandbox, server: MCPServer, tmp_path: Path
) -> None:
    """Another program may be undoing or deleting runs in the same journal."""
    project = sandbox.seed(live=1)
    async with agent(server) as scripted:
        plan = await scripted.plan("pause", *members(project))
        await scripted.call("apply_sweep", plan_id=plan["plan_id"])
        with Journal(tmp_path / "journals" / f"{plan['run_id']}.journal"):
            shown = await scripted.call("show_sweep", run_id=plan["run_id"])
    assert (shown["finished"], shown["in_progress"]) == (True, False)
    assert "sweeps undo" in shown["what_to_do"]


async def test_a_plan_that_waits_for_its_turn_is_not_said_to_be_unknown(
    sandbox: Sandbox, make_client: MakeClient, tmp_path: Path
) -> None:
    """A client that gave up on the call would plan again, and the first plan would be applied nevertheless."""
    first, second = sandbox.seed(live=1), sandbox.seed(live=1)
    frozen = make_client(clock=FakeClock(jump=0.0), deadline=None)
    async with agent(server_of(frozen, tmp_path)) as scripted:
        plans = [await scripted.plan("pause", *members(project)) for project in (first, second)]
        before = await scripted.refused("show_sweep", run_id=plans[1]["run_id"])
        calls: list[asyncio.Task[Any]] = []
        for plan in plans:
            calls.append(asyncio.create_task(scripted.client.call_tool("apply_sweep", {"plan_id": plan["plan_id"]})))
            while not sandbox.jobs:
                await asyncio.sleep(0.01)
        while "is about to apply it" not in (
            waiting := await scripted.refused("show_sweep", run_id=plans[1]["run_id"])
        ):
            await asyncio.sleep(0.01)
        for call in reversed(calls):
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        while "about to apply" in (after := await scripted.refused("show_sweep", run_id=plans[1]["run_id"])):
            await asyncio.sleep(0.01)
        await scripted.ended(plans[0]["run_id"])
    assert "This server is about to apply it: it waits for another plan" in waiting
    assert "Nothing was sent for it so far. Call show_sweep again later, and neither resume it nor plan" in waiting
    assert before == after
    assert "If the run_id is that of a plan of this server, nothing was sent for it so far." in after
    assert len(sandbox.jobs) == 1


async def test_a_plan_says_what_to_do_without_an_answer(sandbox: Sandbox, server: MCPServer) -> None:
    """A client that gives up on the call knows the run before, and what to ask."""
    project = sandbox.seed(live=1)
    async with agent(server) as scripted:
        plan = await scripted.plan("pause", *members(project))
        tools = {tool.name: tool.description or "" for tool in (await scripted.client.list_tools()).tools}
    assert f"call show_sweep with the run_id {plan['run_id']}, and do not plan again before" in plan["what_to_do"]
    assert "cancelled, times out or loses its answer" in tools["apply_sweep"]
    assert "before you plan again" in tools["show_sweep"]


async def test_a_run_that_was_continued_is_shown_with_its_continuation(
    sandbox: Sandbox, make_client: MakeClient, sweep_client: AsyncClient, tmp_path: Path
) -> None:
    """The command line continues an interrupted sweep as a new run; the first one is not to be resumed then."""
    project = sandbox.seed(live=2)
    frozen = make_client(clock=FakeClock(jump=0.0), deadline=None)
    async with agent(server_of(frozen, tmp_path)) as scripted:
        plan = await scripted.plan("pause", *members(project))
        await interrupt(scripted, sandbox, plan)
        with Journal(tmp_path / "journals" / f"{plan['run_id']}.journal") as journal:
            again = attrs.evolve(journal.plan(plan["run_id"]), run_id="tomorrow")
            await sweep(sweep_client, again, journal=journal, continues=plan["run_id"])
        shown = await scripted.call("show_sweep", run_id=plan["run_id"])
    assert (shown["run_id"], shown["finished"], shown["in_progress"]) == ("tomorrow", True, False)
    assert f"This run continues the run {plan['run_id']}; the report covers both." in shown["notes"]
    assert shown["counts"]["updated"] == 2
    assert "sweeps resume" not in shown["what_to_do"]


@pytest.mark.parametrize("run_id", ["", "no-such-run", "../secret", "/etc/passwd", "..", "a" * 101, "x\x00y"])
async def test_no_other_file_is_read(server: MCPServer, tmp_path: Path, run_id: str) -> None:
    """A run id is no path."""
    (tmp_path / "journals").mkdir()
    (tmp_path / "secret.journal").write_text("secret")
    async with agent(server) as scripted:
        text = await scripted.refused("show_sweep", run_id=run_id)
    assert "There is no such run" in text
    assert "secret" not in text


async def test_a_run_of_another_account_is_not_shown(
    sandbox: Sandbox, server: MCPServer, make_client: MakeClient, tmp_path: Path
) -> None:
    """The journals of one machine may be of several accounts."""
    project = sandbox.seed(live=1)
    other = server_of(make_client(account_id=sandbox.account_id + 1), tmp_path)
    async with agent(server) as scripted, agent(other) as stranger:
        plan = await scripted.plan("pause", *members(project))
        await scripted.call("apply_sweep", plan_id=plan["plan_id"])
        assert "There is no such run" in await stranger.refused("show_sweep", run_id=plan["run_id"])


async def test_a_file_that_is_no_journal_is_an_error(server: MCPServer, tmp_path: Path) -> None:
    """The message names it, and the server continues."""
    (tmp_path / "journals").mkdir()
    (tmp_path / "journals" / "broken.journal").write_text("no journal")
    async with agent(server) as scripted:
        assert "JournalError" in await scripted.refused("show_sweep", run_id="broken")
        assert await scripted.tools()
