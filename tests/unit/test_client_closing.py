"""Closing the async client, and dropping it unclosed."""

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from support.examples import KEYED, LIST, READ, RUN_BODY, TAGGED
from support.fake_clock import FakeClock, settle
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, Step, answer

import fieldingkit
from fieldingkit import AsyncClient, batch_jobs, fielding_runs
from fieldingkit.commands import Command
from fieldingkit.errors import ClientClosedError
from fieldingkit.job_commands import JobCommand
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.model.target_groups import TargetGroup


def live_group(sandbox: Sandbox) -> tuple[TargetGroup, JobCommand[batch_jobs.BatchResult]]:
    """Seed a live target group and return it with the job command that pauses it."""
    group = sandbox.seed(live=1).groups[0]
    return group, batch_jobs.PauseTargetGroups(project_id=group.project_id, target_group_ids=[group.id])


async def test_closed_client_refuses_every_verb(serve: Serve, make_client: MakeClient) -> None:
    """Every verb of a closed client raises ClientClosedError; closing again does nothing."""
    server = await serve(answer(200, RUN_BODY))
    client = make_client(base_url=server.url)
    await client.send(READ)

    await client.aclose()
    await client.aclose()

    verbs: list[Callable[[], Awaitable[Any]]] = [
        lambda: client.send(READ),
        lambda: client.submit(KEYED),
        lambda: client.run(KEYED),
        lambda: client.send_detailed(READ),
        lambda: client.request("GET", "/x"),
    ]
    for verb in verbs:
        with pytest.raises(ClientClosedError):
            await verb()
    assert len(server.requests) == 1


async def test_unused_client_can_be_closed(make_client: MakeClient) -> None:
    """A client that was never used can be closed, and then refuses calls."""
    client = make_client(base_url="https://api.example.org")
    async with client:
        pass
    with pytest.raises(ClientClosedError):
        await client.send(LIST)


@pytest.mark.parametrize("command", [READ, TAGGED, KEYED], ids=["READ", "TAG", "KEY"])
async def test_close_ends_an_attempt_in_flight(command: Command[Any], serve: Serve, make_client: MakeClient) -> None:
    """Closing ends a call in flight with ClientClosedError; only a write may have been applied."""
    reached = asyncio.Event()

    async def wait(connection: Connection) -> None:
        reached.set()
        await connection.gone()

    server = await serve(wait)
    client = make_client(base_url=server.url, clock=FakeClock())
    call = asyncio.create_task(client.send(command))
    await reached.wait()

    await client.aclose()

    with pytest.raises(ClientClosedError) as caught:
        await call
    assert caught.value.maybe_applied is (command is not READ)
    assert len(server.requests) == 1


async def test_close_ends_calls_that_wait_for_a_connection(sandbox: Sandbox, make_client: MakeClient) -> None:
    """Closing ends a call and a poll that still wait for a connection."""
    group, pause = live_group(sandbox)
    read = fielding_runs.ListFieldingRuns(project_id=group.project_id, target_group_id=group.id)
    sandbox.faults.add("get_fielding_runs_by_target_group_id", faults.Delay(60.0))
    clock = FakeClock(sandbox.clock, jump=0)
    client = make_client(connector_limit=1, clock=clock)
    job = await client.submit(pause)
    sent = asyncio.create_task(client.send(read))
    while len(sandbox.requests) < 2:
        await asyncio.sleep(0.001)
    calls = [sent, asyncio.create_task(client.send(read)), asyncio.create_task(job.wait(timeout=None))]
    await settle()
    clock.advance(10)
    await settle()

    await client.aclose()

    async with asyncio.timeout(60):
        ends = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(end) for end in ends] == [ClientClosedError] * 3
    assert len(sandbox.requests) == 2


@pytest.mark.parametrize("command", [READ, TAGGED, KEYED.replace(idempotency_key="mine")], ids=["READ", "TAG", "KEY"])
async def test_cancelled_write_carries_notes(command: Command[Any], serve: Serve, make_client: MakeClient) -> None:
    """A cancelled write carries a note that it may have been applied, with its idempotency key if there is one."""
    reached = asyncio.Event()

    async def wait(connection: Connection) -> None:
        reached.set()
        await connection.gone()

    client = make_client(base_url=(await serve(wait)).url, clock=FakeClock())
    call = asyncio.create_task(client.send(command))
    await reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await call
    notes = "".join(getattr(caught.value, "__notes__", ()))
    assert ("may have been applied" in notes) is (command is not READ)
    assert ("idempotency_key='mine'" in notes) is (command not in (READ, TAGGED))


async def test_close_during_run_reports_the_command_and_the_job(sandbox: Sandbox, make_client: MakeClient) -> None:
    """Closing during ``run`` raises an error about the command, with a note on how to resume the job."""
    clock = FakeClock(sandbox.clock, jump=0)
    _, command = live_group(sandbox)
    client = make_client(clock=clock)
    running = asyncio.create_task(client.run(command, None))
    await clock.is_waited_for()

    await client.aclose()
    clock.advance(60)

    with pytest.raises(ClientClosedError) as caught:
        await running
    error = caught.value
    assert (error.command, error.maybe_applied) == (command, True)
    assert error.idempotency_key == sandbox.requests[0].headers["Idempotency-Key"]
    assert any("client.job(" in note for note in error.__notes__)


@pytest.mark.parametrize(
    ("command", "step", "applied"),
    [
        (READ, answer(503), False),
        (KEYED, answer(503), True),
        (TAGGED, answer(503), True),
        (KEYED, answer(429, headers={"Retry-After": "30"}), False),
    ],
    ids=["read", "write with a key", "write with a tag", "rate-limited write"],
)
async def test_close_ends_a_call_between_attempts_at_once(
    *, command: Command[Any], step: Step, applied: bool, serve: Serve, make_client: MakeClient
) -> None:
    """Closing ends a call that waits for its next attempt; the error says whether an attempt may have been applied."""
    clock = FakeClock(jump=0)
    server = await serve(step)
    client = make_client(base_url=server.url, clock=clock)
    call = asyncio.create_task(client.send(command))
    await clock.is_waited_for()

    await client.aclose()
    await settle()

    assert call.done()
    error = call.exception()
    assert isinstance(error, ClientClosedError)
    assert (error.maybe_applied, error.command, len(error.attempts)) == (applied, command, 1)
    assert (len(server.requests), clock.pending) == (1, 0)


async def test_close_ends_a_wait_but_not_the_job(sandbox: Sandbox, make_client: MakeClient) -> None:
    """Closing ends a wait with ClientClosedError; the job itself continues."""
    clock = FakeClock(sandbox.clock, jump=0)
    group, command = live_group(sandbox)
    client = make_client(clock=clock)
    job = await client.submit(command)
    waiting = asyncio.create_task(job.wait(timeout=None))
    await clock.is_waited_for()

    await client.aclose()
    clock.advance(60)

    with pytest.raises(ClientClosedError):
        await waiting
    await settle()
    assert group.status == "paused"


async def test_dropped_client_is_closed_with_one_warning(serve: Serve) -> None:
    """A client that is dropped unclosed is closed, with one ResourceWarning at the line of its construction."""
    server = await serve(answer(200, RUN_BODY))
    client = AsyncClient(auth="x", account_id=101, base_url=server.url)
    line = inspect.currentframe().f_lineno - 1
    await client.send(READ)

    with pytest.warns(ResourceWarning, match="was not closed") as warned:
        del client

    assert [(warning.filename, warning.lineno) for warning in warned] == [(__file__, line)]
    async with asyncio.timeout(60):
        while server.open:
            await asyncio.sleep(0.001)


def test_client_that_outlives_its_loop_warns_once(sandbox: Sandbox) -> None:
    """A client that outlives its event loop raises one warning, and aiohttp raises none."""
    code = """
import asyncio, sys
from fieldingkit import AsyncClient
async def main():
    client = AsyncClient(auth=sys.argv[1], base_url=sys.argv[2])
    await client.request("GET", "/accounts")
    return client
client = asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", code, sandbox.token, sandbox.url],
        env={"PYTHONPATH": ":".join([str(Path(fieldingkit.__file__).parents[1]), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[0].startswith("<string>:5: ResourceWarning: this fieldingkit client was not closed")
    assert "aiohttp" not in done.stderr
