"""Both clients from end to end: the founding operations in every documented outcome, and the verbs beside them."""

import asyncio
import inspect
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from aioresponses import aioresponses
from support.examples import KEYED, LAUNCH, LIST, READ, RUN_BODY, TAGGED, run_of, tagged
from support.fake_clock import FakeClock, settle
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, answer, close

import fieldingkit
from fieldingkit import AsyncClient, Client, batch_jobs, fielding_runs
from fieldingkit.commands import Command, JobAccepted, JobCommand
from fieldingkit.errors import (
    AmbiguousOutcomeError,
    ApiError,
    BadRequestError,
    BatchItemsFailedError,
    ClientClosedError,
    ConfigurationError,
    ConnectionFailedError,
    ForbiddenError,
    InvalidStateError,
    NotFoundError,
    PreconditionFailedError,
    RateLimitedError,
    ServerError,
    TransportError,
    UnauthorizedError,
)
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.model.target_groups import TargetGroup


@attrs.frozen
class Either:
    """One of the two clients, with its verbs as coroutine functions."""

    client: Any
    blocking: bool

    async def __call__(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        """Call a verb of it."""
        method = getattr(self.client, verb)
        if self.blocking:
            return await asyncio.to_thread(method, *args, **kwargs)
        return await method(*args, **kwargs)

    async def carry_out(self, command: Command[Any]) -> Any:
        """Run a job command to its end, send any other."""
        return await self("run" if isinstance(command, JobCommand) else "send", command)


@pytest.fixture(params=["async", "blocking"])
async def either(request: pytest.FixtureRequest, sandbox: Sandbox, sandbox_clock: FakeClock) -> AsyncIterator[Either]:
    """Each of the two clients of the sandbox in turn, on a clock that costs no time."""
    options: dict[str, Any] = {
        "account_id": sandbox.account_id,
        "auth": sandbox.token,
        "base_url": sandbox.url,
        "clock": sandbox_clock,
    }
    if request.param == "blocking":
        blocking = Client(**options)
        yield Either(blocking, blocking=True)
        await asyncio.to_thread(blocking.close)
    else:
        async with AsyncClient(**options) as client:
            yield Either(client, blocking=False)


@attrs.frozen
class Operation:
    """One of the founding operations."""

    start: str
    """The state that its target groups are in."""
    make: Callable[[TargetGroup], Command[Any]]
    """Its command for a target group."""
    end: str
    """The state that it leads to."""

    def begin(self, sandbox: Sandbox) -> tuple[TargetGroup, Command[Any]]:
        """A target group, and the command for it."""
        seeds: dict[str, Any] = {self.start: 1}
        group = sandbox.seed(**seeds).groups[0]
        return group, self.make(group)


def batch(kind: type[Any]) -> Callable[[TargetGroup], Command[Any]]:
    """Makes a batch of one."""
    return lambda group: kind(project_id=group.project_id, target_group_ids=[group.id])


def action(kind: type[Any]) -> Callable[[TargetGroup], Command[Any]]:
    """Makes an action on the run of a target group, with its current tag."""
    return lambda group: kind(**tagged(group))


OPERATIONS = {
    "bulk pause": Operation("live", batch(batch_jobs.PauseTargetGroups), "paused"),
    "bulk relaunch": Operation("completed", batch(batch_jobs.RelaunchTargetGroups), "live"),
    "launch now": Operation("scheduled", action(fielding_runs.LaunchFieldingRunNow), "live"),
    "resume": Operation("paused", action(fielding_runs.ResumeFieldingRun), "live"),
    "complete": Operation("live", action(fielding_runs.CompleteFieldingRun), "completed"),
}
REFUSALS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    412: PreconditionFailedError,
    422: InvalidStateError,
    429: RateLimitedError,
    500: ServerError,
}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_success(name: str, sandbox: Sandbox, either: Either) -> None:
    """Each founding operation leads where it should, with each client."""
    group, command = OPERATIONS[name].begin(sandbox)

    result = await either.carry_out(command)

    assert group.status == OPERATIONS[name].end
    if isinstance(command, JobCommand):
        assert (result.ok, result.updated) == (True, (group.id,))
    else:
        assert group.run is not None
        assert result.etag == group.run.etag
    if name == "launch now":
        assert result.start_fielding_at < result.end_fielding_at


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("name", OPERATIONS)
async def test_refusal(name: str, status: int, sandbox: Sandbox, either: Either) -> None:
    """Each documented refusal of each founding operation is its own error, and nothing was done."""
    group, command = OPERATIONS[name].begin(sandbox)
    sandbox.faults.add(command.endpoint.operation_id, faults.Answer(status), times=None)

    with pytest.raises(ApiError) as caught:
        await either.carry_out(command)

    error = caught.value
    assert (type(error), error.status) == (REFUSALS[status], status)
    assert (error.command, error.operation_id) == (command, command.endpoint.operation_id)
    assert error.code
    assert error.detail
    assert error.request_id
    assert error.trace_id
    assert group.status == OPERATIONS[name].start
    repeated = {429: 4, 500: 4 if isinstance(command, JobCommand) else 2}
    assert len(sandbox.requests) == len(error.attempts) == repeated.get(status, 1)
    assert error.maybe_applied is (status == 500)


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("name", OPERATIONS)
async def test_passing_trouble(name: str, status: int, sandbox: Sandbox, either: Either) -> None:
    """Trouble that passes is passed over: each founding operation succeeds at its second attempt."""
    group, command = OPERATIONS[name].begin(sandbox)
    sandbox.faults.add(command.endpoint.operation_id, faults.Answer(status))

    await either.carry_out(command)

    assert group.status == OPERATIONS[name].end


@pytest.mark.parametrize("name", ["launch now", "resume", "complete"])
async def test_stale_tag(name: str, sandbox: Sandbox, either: Either) -> None:
    """412: the run was changed meanwhile."""
    _, command = OPERATIONS[name].begin(sandbox)
    sandbox.faults.add("*", faults.ChangeEtag())
    with pytest.raises(PreconditionFailedError):
        await either.carry_out(command)


@pytest.mark.parametrize("name", ["launch now", "resume", "complete"])
async def test_wrong_state(name: str, sandbox: Sandbox, either: Either) -> None:
    """422: the run is not in a state that allows it."""
    group = sandbox.seed(completed=1).groups[0]
    with pytest.raises(InvalidStateError) as caught:
        await either.carry_out(OPERATIONS[name].make(group))
    assert caught.value.code == "invalid_state_error"


@pytest.mark.parametrize("name", ["bulk pause", "bulk relaunch"])
async def test_failing_item(name: str, sandbox: Sandbox, either: Either) -> None:
    """A target group of a batch that is in the wrong state is a failed item; the others are done."""
    operation = OPERATIONS[name]
    seeds: dict[str, Any] = {operation.start: 2, "draft": 1}
    project = sandbox.seed(**seeds)
    draft = project.ids("draft")
    command = attrs.evolve(operation.make(project.groups[0]), target_group_ids=project.ids())

    result = await either.carry_out(command)

    assert [item.target_group_id for item in result.failed] == draft
    assert result.failed[0].code == "StatusTransitionNotAllowed"
    assert set(result.updated) == set(project.ids(operation.end))
    with pytest.raises(BatchItemsFailedError) as caught:
        result.raise_for_failures()
    assert [item.target_group_id for item in caught.value.failed] == draft


@pytest.mark.parametrize("name", ["bulk pause", "bulk relaunch"])
async def test_already_there(name: str, sandbox: Sandbox, either: Either) -> None:
    """A target group that already is where a batch leads counts as updated."""
    operation = OPERATIONS[name]
    seeds: dict[str, Any] = {operation.end: 1}
    group = sandbox.seed(**seeds).groups[0]
    result = await either.carry_out(operation.make(group))
    assert result.updated == (group.id,)


async def test_unknown_token(sandbox: Sandbox, make_client: MakeClient) -> None:
    """401: a token that the API does not know."""
    with pytest.raises(UnauthorizedError):
        await make_client(auth="nobody").send(READ)
    assert len(sandbox.requests) == 1


async def test_other_account(sandbox: Sandbox, either: Either) -> None:
    """403: an account that is not the token's; 404: a project that is not the account's."""
    group, command = OPERATIONS["bulk pause"].begin(sandbox)
    with pytest.raises(ForbiddenError):
        await either.carry_out(attrs.evolve(command, account_id=999))
    with pytest.raises(NotFoundError):
        await either.carry_out(attrs.evolve(command, project_id="0" * 26))
    assert group.status == "live"


async def test_rate_limit_of_the_sandbox(make_client: MakeClient) -> None:
    """429: a client that is told to slow down does, and everything is done in the end."""
    with Sandbox(rate=20) as sandbox:
        clock = FakeClock(sandbox.clock, jump=60)
        client = make_client(base_url=sandbox.url, auth=sandbox.token, clock=clock, deadline=None)
        project = sandbox.seed(live=40)
        reads = [fielding_runs.GetFieldingRun(**run_of(group)) for group in project.groups]
        runs = await asyncio.gather(*map(client.send, reads))
    assert len(runs) == 40


# The verbs


async def test_acceptance(sandbox: Sandbox, either: Either) -> None:
    """Sending a job command gives its acceptance; submitting it gives its handle, of the client's own kind."""
    _, command = OPERATIONS["bulk pause"].begin(sandbox)

    accepted = await either("send", command)
    job = await either("submit", command)

    assert isinstance(accepted, JobAccepted)
    assert accepted.job_id in sandbox.jobs
    assert accepted.idempotency_key == sandbox.requests[0].headers["Idempotency-Key"]
    assert type(job).__name__ == ("Job" if either.blocking else "AsyncJob")
    assert job.location == sandbox.requests[1].answer.headers["Location"]


async def test_draft_launch(sandbox: Sandbox, either: Either) -> None:
    """A draft is launched by a job that gives the id of the new run."""
    group = sandbox.seed(draft=1).groups[0]
    result = await either("run", LAUNCH.replace(project_id=group.project_id, target_group_id=group.id))
    assert group.run is not None
    assert (result.created_fielding_run_id, group.status) == (group.run.id, "live")


async def test_exchange(sandbox: Sandbox, either: Either) -> None:
    """Exchange gives the result together with status, headers, ids, attempts and the raw body."""
    group = sandbox.seed(live=1).groups[0]
    sandbox.faults.add("get_fielding_run", faults.Answer(503))

    exchange = await either("send_detailed", fielding_runs.GetFieldingRun(**run_of(group)))

    last = sandbox.requests[-1].answer
    assert last is not None
    assert (exchange.status, exchange.result.id) == (200, run_of(group)["fielding_run_id"])
    assert exchange.request_id == last.headers["X-Request-Id"] == exchange.headers["x-request-id"]
    assert exchange.trace_id == last.headers["traceparent"].split("-")[1]
    assert [attempt.status for attempt in exchange.attempts] == [503, 200]
    assert exchange.raw == last.json


async def test_exchange_of_an_action(sandbox: Sandbox, either: Either) -> None:
    """An answer without a body has none in the exchange."""
    group = sandbox.seed(live=1).groups[0]
    exchange = await either("send_detailed", fielding_runs.PauseFieldingRun(**tagged(group)))
    assert (exchange.status, exchange.raw) == (204, None)


async def test_resume(sandbox: Sandbox, either: Either) -> None:
    """A job that was submitted is taken up again from its token, and runs to its end."""
    group, command = OPERATIONS["bulk pause"].begin(sandbox)
    token = (await either("submit", command)).token()

    job = either.client.job(token)
    result = await (asyncio.to_thread(job.wait) if either.blocking else job.wait())

    assert result.updated == (group.id,)


async def test_request(sandbox: Sandbox, either: Either) -> None:
    """client.request calls any operation, with the client's own auth and version."""
    group = sandbox.seed(live=1).groups[0]
    path = f"/demand/accounts/101/projects/{group.project_id}/target-groups/{group.id}/fielding-runs"

    response = await either("request", "get", path)

    assert response.status == 200
    assert response.json()["data"][0]["id"] == run_of(group)["fielding_run_id"]
    assert response.headers["content-type"] == "application/json"
    assert sandbox.requests[0].headers["Cint-API-Version"] == "2025-12-18"


async def test_request_that_is_refused(sandbox: Sandbox, either: Either) -> None:
    """A refusal of it is the same typed error as a command's."""
    with pytest.raises(NotFoundError):
        await either("request", "GET", "/demand/nowhere")


async def test_call(sandbox: Sandbox, sandbox_clock: FakeClock) -> None:
    """client.call runs any coroutine function of the async client with the blocking one."""
    group, command = OPERATIONS["bulk pause"].begin(sandbox)

    async def twice(client: AsyncClient, one: Command[Any], *, times: int) -> list[Any]:
        return [await client.send(one) for _ in range(times)]

    def blocking() -> list[Any]:
        with Client(account_id=101, auth=sandbox.token, base_url=sandbox.url, clock=sandbox_clock) as client:
            return client.call(twice, command, times=2)

    accepted = await asyncio.to_thread(blocking)
    assert len(accepted) == 2
    assert group.status


async def test_request_parts(serve: Serve, make_client: MakeClient) -> None:
    """Query, body and headers of client.request arrive as they were given."""
    server = await serve(answer(200, {}))
    client = make_client(base_url=server.url)

    await client.request(
        "PUT", "/a/b%20c", params={"x": [1, 2], "y": "ä&b"}, json={"n": [1.5, "é"]}, headers={"If-Match": "1"}
    )

    (request,) = server.requests
    assert request.target == "/v1/a/b%20c?x=1&x=2&y=%C3%A4%26b"
    assert request.body == '{"n":[1.5,"é"]}'.encode()
    assert request.headers["if-match"] == "1"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "headers", "sends"),
    [
        ("GET", {}, 4),
        ("HEAD", {}, 4),
        ("POST", {}, 1),
        ("DELETE", {}, 1),
        ("PUT", {"If-Match": "1"}, 2),
        ("POST", {"if-match": "1"}, 2),
        ("POST", {"Idempotency-Key": "k"}, 4),
        ("post", {"idempotency-key": "k"}, 4),
    ],
)
async def test_request_repeats_as_its_headers_allow(
    *, method: str, headers: dict[str, str], sends: int, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """client.request repeats as a command with such headers would."""
    server = await serve(close)
    with pytest.raises(TransportError) as caught:
        await make_client(base_url=server.url, clock=clock).request(method, "/x", headers=headers)
    assert len(server.requests) == sends
    assert isinstance(caught.value, AmbiguousOutcomeError) is (method not in {"GET", "HEAD"})
    assert caught.value.idempotency_key == ("k" if sends == 4 and headers else None)


async def test_raw_precondition(serve: Serve, make_client: MakeClient) -> None:
    """A 412 to client.request tells the tag that was sent, however its header was spelled."""
    server = await serve(answer(412))
    with pytest.raises(PreconditionFailedError) as caught:
        await make_client(base_url=server.url).request("PUT", "/x", headers={"if-match": 'W/"1"'})
    assert caught.value.sent_etag == 'W/"1"'


async def test_many_at_once(sandbox: Sandbox, client: AsyncClient) -> None:
    """Hundreds of calls at once go through one client."""
    project = sandbox.seed(live=300)
    commands = [fielding_runs.PauseFieldingRun(**tagged(group)) for group in project.groups]
    await asyncio.gather(*map(client.send, commands))
    assert project.ids("paused") == project.ids()


async def test_connections_are_kept(serve: Serve, make_client: MakeClient) -> None:
    """Calls one after the other share one connection."""
    server = await serve(answer(200, RUN_BODY))
    client = make_client(base_url=server.url)
    for _ in range(10):
        await client.send(READ)
    assert (server.connections, len(server.requests)) == (1, 10)


async def test_no_cookies(serve: Serve, make_client: MakeClient) -> None:
    """Cookies are neither kept nor sent."""
    server = await serve(answer(200, RUN_BODY, {"Set-Cookie": "a=b; Path=/"}))
    client = make_client(base_url=server.url.replace("127.0.0.1", "localhost"))  # no jar keeps cookies of an address
    for _ in range(2):
        await client.send(READ)
    assert "cookie" not in server.requests[1].headers


# The end


async def test_closed(serve: Serve, make_client: MakeClient) -> None:
    """A closed client refuses every verb with ClientClosedError; closing it again does nothing."""
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


async def test_closed_without_use(make_client: MakeClient) -> None:
    """A client that was never used can be closed too, and is closed then."""
    client = make_client(base_url="https://api.example.org")
    async with client:
        pass
    with pytest.raises(ClientClosedError):
        await client.send(LIST)


@pytest.mark.parametrize("command", [READ, TAGGED, KEYED], ids=["READ", "TAG", "KEY"])
async def test_closed_during_an_attempt(command: Command[Any], serve: Serve, make_client: MakeClient) -> None:
    """Closing the client ends a call that is under way with ClientClosedError; a write may have been applied."""
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


async def test_closed_while_waiting_for_a_connection(sandbox: Sandbox, make_client: MakeClient) -> None:
    """Closing the client ends a call that has no connection yet, and a wait whose look has none."""
    group, pause = OPERATIONS["bulk pause"].begin(sandbox)
    look = fielding_runs.ListFieldingRuns(project_id=group.project_id, target_group_id=group.id)
    sandbox.faults.add("get_fielding_runs_by_target_group_id", faults.Delay(60.0))
    clock = FakeClock(sandbox.clock, jump=0)
    client = make_client(connector_limit=1, clock=clock)
    job = await client.submit(pause)
    sent = asyncio.create_task(client.send(look))
    while len(sandbox.requests) < 2:
        await asyncio.sleep(0.001)
    calls = [sent, asyncio.create_task(client.send(look)), asyncio.create_task(job.wait(timeout=None))]
    await settle()
    clock.advance(10)
    await settle()

    await client.aclose()

    async with asyncio.timeout(10):
        ends = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(end) for end in ends] == [ClientClosedError] * 3
    assert len(sandbox.requests) == 2


@pytest.mark.parametrize("command", [READ, TAGGED, KEYED.replace(idempotency_key="mine")], ids=["READ", "TAG", "KEY"])
async def test_broken_off(command: Command[Any], serve: Serve, make_client: MakeClient) -> None:
    """Who cancels a write that may have left is told so, and with which key, if any, it can be repeated."""
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
    told = "".join(getattr(caught.value, "__notes__", ()))
    assert ("may have been applied" in told) is (command is not READ)
    assert ("idempotency_key='mine'" in told) is (command not in (READ, TAGGED))


async def test_closed_during_a_run(sandbox: Sandbox, make_client: MakeClient) -> None:
    """Closing the client while ``run`` waits is told of the command, whose job goes on, and how to follow it."""
    clock = FakeClock(sandbox.clock, jump=0)
    _, command = OPERATIONS["bulk pause"].begin(sandbox)
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


async def test_closed_between_attempts(serve: Serve, make_client: MakeClient) -> None:
    """Closing the client ends a call that waits for its next attempt."""
    clock = FakeClock(jump=0)
    server = await serve(answer(503))
    client = make_client(base_url=server.url, clock=clock)
    call = asyncio.create_task(client.send(READ))
    await clock.is_waited_for()

    await client.aclose()
    clock.advance(60)

    with pytest.raises(ClientClosedError):
        await call
    assert len(server.requests) == 1


async def test_closed_while_a_job_is_waited_for(sandbox: Sandbox, make_client: MakeClient) -> None:
    """Closing the client ends a wait for a job with ClientClosedError; the job goes on."""
    clock = FakeClock(sandbox.clock, jump=0)
    group, command = OPERATIONS["bulk pause"].begin(sandbox)
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


async def test_left_open(serve: Serve) -> None:
    """A client that is dropped unclosed is one ResourceWarning, with the line that made it; it is closed then."""
    server = await serve(answer(200, RUN_BODY))
    client = AsyncClient(auth="x", account_id=101, base_url=server.url)
    line = inspect.currentframe().f_lineno - 1
    await client.send(READ)

    with pytest.warns(ResourceWarning, match="was not closed") as warned:
        del client

    assert [(warning.filename, warning.lineno) for warning in warned] == [(__file__, line)]
    async with asyncio.timeout(10):
        while server.open:
            await asyncio.sleep(0.001)


def test_left_open_by_its_loop(sandbox: Sandbox) -> None:
    """A client that outlives its event loop is told of in one line too, and aiohttp's own complaints are spared."""
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
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[0].startswith("<string>:5: ResourceWarning: this fieldingkit client was not closed")
    assert "aiohttp" not in done.stderr


# What a socket cannot provoke


def connection_key() -> Any:
    """Where a connection was to go."""
    return aiohttp.client_reqrep.ConnectionKey("api.example.org", 443, True, True, None, None, None)


@pytest.mark.parametrize("command", [READ, TAGGED, KEYED], ids=["READ", "TAG", "KEY"])
async def test_no_such_host(
    command: Command[Any], make_client: MakeClient, mocked: aioresponses, clock: FakeClock
) -> None:
    """A host name that cannot be looked up is tried again whatever the call is: nothing was sent."""
    failure = aiohttp.ClientConnectorDNSError(connection_key(), OSError(-2, "Name or service not known"))
    mocked.add(
        f"https://api.example.org/v1{_path(command)}", method=command.endpoint.method, exception=failure, repeat=True
    )
    client = make_client(base_url="https://api.example.org/v1", clock=clock)

    with pytest.raises(ConnectionFailedError, match="Name or service not known") as caught:
        await client.send(command)

    assert len(caught.value.attempts) == 4
    assert (caught.value.sent, caught.value.maybe_applied) == (False, False)


async def test_mocked_answer(make_client: MakeClient, mocked: aioresponses) -> None:
    """The mend of aioresponses works: a mocked answer is read like any other."""
    mocked.get(f"https://api.example.org/v1{_path(READ)}", payload=RUN_BODY, headers={"ETag": 'W/"5"'})
    run = await make_client(base_url="https://api.example.org/v1").send(READ)
    assert (run.id, run.etag) == (RUN_BODY["id"], 'W/"5"')


@pytest.mark.parametrize(
    "failure", [aiohttp.InvalidURL("x"), aiohttp.NonHttpUrlClientError("x")], ids=lambda failure: type(failure).__name__
)
async def test_url_that_aiohttp_refuses(failure: Exception, make_client: MakeClient, mocked: aioresponses) -> None:
    """A URL that aiohttp refuses is a ConfigurationError, and is not repeated."""
    mocked.get(f"https://api.example.org/v1{_path(READ)}", exception=failure)
    with pytest.raises(ConfigurationError):
        await make_client(base_url="https://api.example.org/v1").send(READ)


async def test_failure_of_our_own(make_client: MakeClient, mocked: aioresponses) -> None:
    """What is no failure of HTTP at all is not dressed up as one."""
    mocked.get(f"https://api.example.org/v1{_path(READ)}", exception=ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await make_client(base_url="https://api.example.org/v1").send(READ)


@pytest.mark.parametrize(
    "failure",
    [
        aiohttp.ClientOSError(104, "Connection reset by peer"),
        aiohttp.ServerDisconnectedError(),
        aiohttp.SocketTimeoutError(),
        aiohttp.ClientPayloadError(),
        aiohttp.ClientConnectionResetError("x"),
        TimeoutError("the kernel's own"),
        BrokenPipeError(),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_odd_failures(
    failure: Exception, make_client: MakeClient, mocked: aioresponses, clock: FakeClock
) -> None:
    """Whatever else aiohttp or the kernel may raise is a TransportError, also where there is no time limit."""
    mocked.get(f"https://api.example.org/v1{_path(READ)}", exception=failure, repeat=True)
    for limits in ({}, {"timeout": None, "deadline": None}):
        client = make_client(base_url="https://api.example.org/v1", clock=clock, **limits)
        with pytest.raises(TransportError):
            await client.send(READ)


def _path(command: Command[Any]) -> str:
    from fieldingkit.codec import encode

    return encode(command, account_id="101", headers={}).target
