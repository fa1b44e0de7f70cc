"""``show_sweep``: the runs of this API and account, from their journals; nothing else is read."""

import asyncio
from pathlib import Path

import pytest
from mcp.server.mcpserver import MCPServer
from support.agents import agent, members, server_of
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient
from fieldingkit.sandbox import Sandbox


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
