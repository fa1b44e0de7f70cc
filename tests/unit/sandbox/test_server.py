"""Starting and stopping, on the caller's event loop and on a thread."""

import asyncio
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest
from aiohttp import web
from support.sandbox_caller import Caller, run_of

from fieldingkit import Client, FulfillmentClient, accounts, fulfillment
from fieldingkit.sandbox import Sandbox, SandboxClock, faults


def send(sandbox: Sandbox, method: str, path: str, **headers: str) -> int:
    """Send a request with the standard library and return the status."""
    headers |= {"Authorization": f"Bearer {sandbox.token}", "Cint-API-Version": "2025-12-18"}
    request = urllib.request.Request(sandbox.url + path, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


async def until(condition: Callable[[], bool]) -> None:
    """Run the event loop until the condition holds."""
    while not condition():  # the server gives no other sign
        await asyncio.sleep(0)


def test_the_blocking_form_serves_from_its_own_thread() -> None:
    """Without an event loop the sandbox serves from a thread of its own, which ends with it."""
    before = threading.active_count()
    with Sandbox() as sandbox:
        group = sandbox.seed(live=1).groups[0]
        run = run_of(group)
        path = f"/demand/accounts/101/projects/{group.project_id}/target-groups/{group.id}/fielding-runs/{run.id}"
        assert threading.active_count() == before + 1
        assert send(sandbox, "POST", f"{path}/pause", **{"If-Match": run.etag}) == 204
        assert group.status == "paused"
        assert [request.status for request in sandbox.requests] == [204]
    assert threading.active_count() == before


async def test_the_blocking_form_works_inside_a_running_loop() -> None:
    """The blocking form works inside a running event loop, as in a notebook."""
    with Sandbox() as sandbox:
        async with aiohttp.ClientSession() as session:
            assert (await Caller(sandbox, session)("GET", "/nowhere")).status == 404


def test_a_sandbox_can_be_used_from_many_threads() -> None:
    """Threads can seed, read and send requests at the same time; nothing is lost."""
    with Sandbox(job_seconds=0) as sandbox:

        def work(_: int) -> int:
            project = sandbox.seed(live=5)
            for group in project.groups:
                run = run_of(group)
                path = f"/demand/accounts/101/projects/{project.id}/target-groups/{group.id}/fielding-runs/{run.id}"
                assert send(sandbox, "POST", f"{path}/pause", **{"If-Match": run.etag}) == 204
            assert dict(sandbox.jobs) == {}
            return len(project.ids("paused"))

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(work, range(16))) == [5] * 16
        assert [request.index for request in sandbox.requests] == list(range(80))
        assert len({id(sandbox.group(request.path.split("/")[8])) for request in sandbox.requests}) == 80


async def test_a_stopped_sandbox_can_be_started_again(clock: SandboxClock) -> None:
    """A stopped sandbox keeps its state and can be started again."""
    sandbox = Sandbox(clock=clock)
    group = sandbox.seed(live=1).groups[0]
    async with aiohttp.ClientSession() as session:
        call = Caller(sandbox, session)
        async with sandbox:
            assert (await call.act("pause", group)).status == 204
        async with sandbox:
            assert (await call.act("resume", group)).status == 204
    assert [request.index for request in sandbox.requests] == [0, 1]


async def test_start_and_stop_replace_the_with_statement() -> None:
    """`start` and `stop` do the same as the async with statement; a second `stop` does nothing."""
    sandbox = Sandbox()
    await sandbox.start()
    async with aiohttp.ClientSession() as session:
        assert (await Caller(sandbox, session)("GET", "/nowhere")).status == 404
    await sandbox.stop()
    await sandbox.stop()


def test_urls_need_a_running_sandbox() -> None:
    """A sandbox that is not running raises an error instead of returning a URL."""
    sandbox = Sandbox()
    assert repr(sandbox) == "<Sandbox not running>"
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.url
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.token_url


def test_the_token_url_is_beside_the_base_url() -> None:
    """The base URL ends with the version; the token endpoint does not have it."""
    with Sandbox() as sandbox:
        origin = sandbox.url.removesuffix("/v1")
        assert sandbox.token_url == f"{origin}/oauth/token"
        assert repr(sandbox) == f"<Sandbox {origin}>"


def test_the_environment_is_what_each_client_needs(bare: pytest.MonkeyPatch) -> None:
    """`from_env` of both kinds of clients reaches the sandbox with the variables that it names."""
    with Sandbox() as sandbox:
        for name, value in sandbox.environment.items():
            bare.setenv(name, value)
        respondent = sandbox.seed(live=1).groups[0].respondents[0]
        with Client.from_env() as client, FulfillmentClient.from_env() as host:
            assert len(client.send(accounts.ListAccounts())) == 1
            assert host.send(fulfillment.GetRespondentStatus(rid=respondent.rid)).status == 2


def test_a_port_in_use_is_an_os_error() -> None:
    """A port that is in use is an OSError at the start, in the blocking form too."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="address"), Sandbox(port=taken.getsockname()[1]):
            pass


async def test_stopping_does_not_wait_for_answers() -> None:
    """A request that is still being handled is cancelled when the sandbox stops."""
    sandbox = Sandbox()
    sandbox.faults.add("*", faults.Delay(60))
    async with aiohttp.ClientSession() as session:
        async with sandbox:
            request = asyncio.create_task(Caller(sandbox, session)("GET", "/nowhere"))
            await until(lambda: sandbox.requests != [])
            began = time.monotonic()
        assert time.monotonic() - began < 30
        with pytest.raises(aiohttp.ClientError):
            await request


async def test_a_request_is_handled_after_its_caller_has_gone(sandbox: Sandbox, call: Caller) -> None:
    """A request whose caller has gone is still handled, and recorded without an answer."""
    group, gate = sandbox.seed(live=1).groups[0], asyncio.Event()

    class Gate(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> web.Response:
            await gate.wait()
            return await exchange.proceed()

    sandbox.faults.add("*", Gate())
    request = asyncio.create_task(call.act("pause", group))
    await until(lambda: sandbox.requests != [])
    request.cancel()
    await asyncio.wait([request])
    gate.set()
    await until(lambda: group.status == "paused")
    assert sandbox.requests[0].status is None


def test_recorded_bodies_are_decoded() -> None:
    """A recorded body decodes to what was sent."""
    with Sandbox() as sandbox:
        request = urllib.request.Request(
            sandbox.token_url, data=json.dumps({"a": 1}).encode(), headers={"Content-Type": "application/json"}
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=60)
        caught.value.close()
        assert sandbox.requests[0].json == {"a": 1}
