"""``fieldingkit mcp`` as a process of its own, over stdin and stdout, with the SDK's client and as raw messages."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from support.agents import Agent, members
from support.command_line import Cli

from fieldingkit.sandbox import Sandbox, faults

pytestmark = pytest.mark.usefixtures("heeded_signals")

PROGRAM = ["-W", "error", "-m", "fieldingkit", "mcp"]
LIMIT = 120.0
"""Seconds for what takes one, on a busy machine."""
CREATE, POLL = "create_bulk_pause_target_groups_job", "get_bulk_pause_target_groups_job"


@pytest.fixture
def environment(connected: Cli) -> dict[str, str]:
    """Return an environment with the credentials of the sandbox."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


class Raw:
    """A server to which single messages are written."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []

    def send(self, **message: Any) -> None:
        """Write a message."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def answer(self, number: int) -> dict[str, Any]:
        """Return the result of a request; every line before it is a message, too."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            message: dict[str, Any] = json.loads(line)
            if message.get("id") == number:
                result: dict[str, Any] = message["result"]
                return result
        raise AssertionError("the server has ended")

    def call(self, number: int, tool: str, **arguments: Any) -> None:
        """Call a tool."""
        self.send(id=number, method="tools/call", params={"name": tool, "arguments": arguments})


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[Raw]:
    """Start a server with writes, and shake hands with it."""
    with subprocess.Popen(
        [sys.executable, *PROGRAM, "--allow-writes", "-vv"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        server = Raw(process)
        try:
            hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
            server.send(id=0, method="initialize", params=hello)
            server.answer(0)
            server.send(method="notifications/initialized")
            yield server
        finally:
            process.kill()


@pytest.fixture
def raw(environment: dict[str, str]) -> Iterator[Raw]:
    """Return a server with writes."""
    with serving(environment) as server:
        yield server


async def test_an_agent_pauses_by_plan_over_stdio(sandbox: Sandbox, environment: dict[str, str]) -> None:
    """The whole way as a client walks it: start, list, plan, apply, show, end."""
    project = sandbox.seed(live=2)
    parameters = StdioServerParameters(command=sys.executable, args=[*PROGRAM, "--allow-writes"], env=environment)
    async with Client(parameters) as client:
        scripted = Agent(client)
        assert client.server_info is not None
        assert client.server_info.name == "fieldingkit"
        listed = await scripted.call("list_target_groups", project_id=project.id)
        assert len(listed["target_groups"]) == 2
        plan = await scripted.plan("pause", *members(project))
        result = await scripted.call("apply_sweep", plan_id=plan["plan_id"])
        assert result["counts"]["updated"] == 2
        shown = await scripted.call("show_sweep", run_id=plan["run_id"])
    assert shown["counts"] == result["counts"]
    assert project.ids("paused") == project.ids()


async def test_without_the_flag_the_write_tools_do_not_exist(sandbox: Sandbox, environment: dict[str, str]) -> None:
    """The flag is the operator's, and no message of a client replaces it."""
    project = sandbox.seed(live=1)
    async with Client(StdioServerParameters(command=sys.executable, args=PROGRAM, env=environment)) as client:
        scripted = Agent(client)
        assert not {"plan_sweep", "apply_sweep"} & {*await scripted.tools()}
        await scripted.refused("plan_sweep", action="pause", target_groups=members(project))
    assert project.ids("live")


def test_stdout_has_messages_alone_and_logs_have_no_token(sandbox: Sandbox, raw: Raw) -> None:
    """With full logs, after a failure and an invalid line; the token is in neither stream."""
    sandbox.faults.add("list_account_projects", faults.Answer(503), times=1)
    raw.call(1, "list_projects")
    assert not raw.answer(1)["isError"]
    raw.call(2, "list_target_groups", project_id="0" * 26)
    assert raw.answer(2)["isError"]
    assert raw.process.stdin is not None
    raw.process.stdin.write("this is no message\n")
    raw.call(3, "no_such_tool")
    assert raw.answer(3)["isError"]
    raw.process.stdin.close()
    raw.process.stdin = None
    out, err = raw.process.communicate(timeout=LIMIT)
    assert raw.process.returncode == 0, err
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in [*raw.lines, *out.splitlines()])
    assert "503" in err
    assert sandbox.token not in "".join(raw.lines) + out + err


def test_at_a_terminal_it_says_that_it_waits(environment: dict[str, str]) -> None:
    """A person who starts it by hand is not left wondering; the message is not on stdout."""
    terminal, stdin = os.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, *PROGRAM],
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stderr is not None
                assert "Waiting for the messages of an agent" in process.stderr.readline()
                process.send_signal(signal.SIGINT)
                out, _ = process.communicate(timeout=LIMIT)
            finally:
                process.kill()
    finally:
        os.close(terminal)
        os.close(stdin)
    assert (process.returncode, out) == (130, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_server_that_waits(raw: Raw, number: signal.Signals, code: int) -> None:
    """Its stdin is still open, and it does not wait for the client to close it."""
    raw.process.send_signal(number)
    assert raw.process.wait(LIMIT) == code


@pytest.mark.parametrize("end", ["kill", "terminate", "close", "cancel"])
def test_a_server_that_ends_while_it_applies_leaves_a_run_to_resume(
    sandbox: Sandbox, connected: Cli, raw: Raw, end: str
) -> None:
    """Killed, terminated, left or cancelled: the command line shows the run and resumes it, with one job in all."""
    project = sandbox.seed(live=2)
    raw.call(1, "plan_sweep", action="pause", target_groups=members(project))
    plan = raw.answer(1)["structuredContent"]
    sandbox.clock.freeze()
    raw.call(2, "apply_sweep", plan_id=plan["plan_id"])
    _wait_until_polled(sandbox)
    if end == "cancel":
        raw.send(method="notifications/cancelled", params={"requestId": 2})
        raw.call(3, "show_sweep", run_id=plan["run_id"])
        assert not raw.answer(3)["structuredContent"]["finished"]
    if end in {"cancel", "close"}:
        assert raw.process.stdin is not None
        raw.process.stdin.close()
    else:
        getattr(raw.process, end)()
    raw.process.wait(LIMIT)
    sandbox.clock.advance(60.0)
    shown = connected("sweeps", "show", plan["run_id"], "--json")
    assert shown.code == 0
    assert json.loads(shown.out)["finished_at"] is None
    resumed = connected("sweeps", "resume", plan["run_id"], "--yes")
    assert resumed.code == 0, resumed.err
    assert len(project.ids("paused")) == 2
    assert len(sandbox.jobs) == 1


def test_two_servers_do_not_know_the_plans_of_each_other(
    sandbox: Sandbox, raw: Raw, environment: dict[str, str], tmp_path: Path
) -> None:
    """A plan is in the memory of the process that made it."""
    project = sandbox.seed(live=1)
    raw.call(1, "plan_sweep", action="pause", target_groups=members(project))
    plan = raw.answer(1)["structuredContent"]
    script = f"""
import asyncio, sys
from mcp import Client, StdioServerParameters
async def main():
    server = StdioServerParameters(command=sys.executable, args={[*PROGRAM, "--allow-writes"]!r}, env={environment!r})
    async with Client(server) as client:
        result = await client.call_tool("apply_sweep", {{"plan_id": {plan["plan_id"]!r}}})
        print(result.is_error, result.content[0].text)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=LIMIT, check=True
    )
    assert done.stdout.startswith("True ")
    assert "this server did not make it" in done.stdout
    assert project.ids("live")


def test_a_run_of_one_server_is_in_progress_for_another_until_the_first_dies(
    sandbox: Sandbox, raw: Raw, environment: dict[str, str]
) -> None:
    """Two agents of one machine: the second one waits for the first, and may resume its run only afterwards."""
    project = sandbox.seed(live=1)
    raw.call(1, "plan_sweep", action="pause", target_groups=members(project))
    plan = raw.answer(1)["structuredContent"]
    sandbox.clock.freeze()
    raw.call(2, "apply_sweep", plan_id=plan["plan_id"])
    _wait_until_polled(sandbox)
    with serving(environment) as other:
        other.call(1, "show_sweep", run_id=plan["run_id"])
        shown = other.answer(1)["structuredContent"]
        raw.process.kill()
        raw.process.wait(LIMIT)
        other.call(2, "show_sweep", run_id=plan["run_id"])
        left = other.answer(2)["structuredContent"]
    assert (shown["finished"], shown["in_progress"]) == (False, True)
    assert f"Another program on this machine (process {raw.process.pid} on " in shown["what_to_do"]
    assert (left["finished"], left["in_progress"]) == (False, False)
    assert f"fieldingkit sweeps resume {plan['run_id']}" in left["what_to_do"]


def _wait_until_polled(sandbox: Sandbox) -> None:
    """Wait until the job exists, and its status was asked for: the journal knows it then."""
    while not any(request.operation_id == POLL for request in list(sandbox.requests)):
        time.sleep(0.01)
