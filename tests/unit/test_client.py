"""Both clients end to end: the founding operations in every documented outcome, and the other verbs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import pytest
from support.examples import LAUNCH, READ, RUN_BODY, run_of, tagged
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient, Serve
from support.raw_server import answer, close

from fieldingkit import AsyncClient, Client, RetryPolicy, batch_jobs, fielding_runs
from fieldingkit.commands import Command
from fieldingkit.errors import (
    AmbiguousOutcomeError,
    ApiError,
    BadRequestError,
    BatchItemsFailedError,
    ForbiddenError,
    InvalidStateError,
    NotFoundError,
    PreconditionFailedError,
    RateLimitedError,
    ServerError,
    TransportError,
    UnauthorizedError,
)
from fieldingkit.job_commands import JobAccepted, JobCommand
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.sandbox.model.target_groups import TargetGroup


@attrs.frozen
class Either:
    """One of the two clients, with its verbs as coroutine functions."""

    client: Any
    blocking: bool

    async def __call__(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        """Call a verb."""
        method = getattr(self.client, verb)
        if self.blocking:
            return await asyncio.to_thread(method, *args, **kwargs)
        return await method(*args, **kwargs)

    async def carry_out(self, command: Command[Any]) -> Any:
        """Run a job command to its end, or send any other command."""
        return await self("run" if isinstance(command, JobCommand) else "send", command)


@pytest.fixture(params=["async", "blocking"])
async def either(request: pytest.FixtureRequest, sandbox: Sandbox, sandbox_clock: FakeClock) -> AsyncIterator[Either]:
    """Yield each of the two clients of the sandbox in turn, on a virtual clock."""
    options: dict[str, Any] = {
        "account_id": sandbox.account_id,
        "auth": sandbox.token,
        "base_url": sandbox.url,
        "clock": sandbox_clock,
        "deadline": None,
        "retry": RetryPolicy(max_attempts=4),
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
    """The status of its target groups before."""
    make: Callable[[TargetGroup], Command[Any]]
    """Makes the command for a target group."""
    end: str
    """The status that it leads to."""

    def begin(self, sandbox: Sandbox) -> tuple[TargetGroup, Command[Any]]:
        """Seed a target group and return it with the command for it."""
        seeds: dict[str, Any] = {self.start: 1}
        group = sandbox.seed(**seeds).groups[0]
        return group, self.make(group)


def batch(kind: type[Any]) -> Callable[[TargetGroup], Command[Any]]:
    """Return a function that makes a batch of one target group."""
    return lambda group: kind(project_id=group.project_id, target_group_ids=[group.id])


def action(kind: type[Any]) -> Callable[[TargetGroup], Command[Any]]:
    """Return a function that makes an action on the run of a target group, with its current tag."""
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
async def test_founding_operations_reach_their_status(name: str, sandbox: Sandbox, either: Either) -> None:
    """Each founding operation leads to its status, with each client."""
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
async def test_documented_errors_are_typed_and_apply_nothing(
    name: str, status: int, sandbox: Sandbox, either: Either
) -> None:
    """Each documented error of each founding operation is its own class, and nothing was applied."""
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
async def test_transient_errors_are_retried(name: str, status: int, sandbox: Sandbox, either: Either) -> None:
    """Each founding operation succeeds at its second attempt after a transient error."""
    group, command = OPERATIONS[name].begin(sandbox)
    sandbox.faults.add(command.endpoint.operation_id, faults.Answer(status))

    await either.carry_out(command)

    assert group.status == OPERATIONS[name].end


@pytest.mark.parametrize("name", ["launch now", "resume", "complete"])
async def test_stale_etag_is_a_precondition_failure(name: str, sandbox: Sandbox, either: Either) -> None:
    """A changed run answers 412, which is a PreconditionFailedError."""
    _, command = OPERATIONS[name].begin(sandbox)
    sandbox.faults.add("*", faults.ChangeEtag())
    with pytest.raises(PreconditionFailedError):
        await either.carry_out(command)


@pytest.mark.parametrize("name", ["launch now", "resume", "complete"])
async def test_wrong_state_is_an_invalid_state_error(name: str, sandbox: Sandbox, either: Either) -> None:
    """A run in the wrong state answers 422, which is an InvalidStateError."""
    group = sandbox.seed(completed=1).groups[0]
    with pytest.raises(InvalidStateError) as caught:
        await either.carry_out(OPERATIONS[name].make(group))
    assert caught.value.code == "invalid_state_error"


@pytest.mark.parametrize("name", ["bulk pause", "bulk relaunch"])
async def test_failed_items_of_a_batch_do_not_stop_the_others(name: str, sandbox: Sandbox, either: Either) -> None:
    """A target group in the wrong state is a failed item of its batch; the others are updated."""
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
async def test_batch_item_that_is_already_there_counts_as_updated(name: str, sandbox: Sandbox, either: Either) -> None:
    """A target group that is already in the wanted status counts as updated."""
    operation = OPERATIONS[name]
    seeds: dict[str, Any] = {operation.end: 1}
    group = sandbox.seed(**seeds).groups[0]
    result = await either.carry_out(operation.make(group))
    assert result.updated == (group.id,)


async def test_unknown_token_is_unauthorized(sandbox: Sandbox, make_client: MakeClient) -> None:
    """A token that the API does not know is an UnauthorizedError after one request."""
    with pytest.raises(UnauthorizedError):
        await make_client(auth="unknown").send(READ)
    assert len(sandbox.requests) == 1


async def test_foreign_account_is_forbidden_and_foreign_project_not_found(sandbox: Sandbox, either: Either) -> None:
    """Another account is a ForbiddenError, and a project of another account is a NotFoundError."""
    group, command = OPERATIONS["bulk pause"].begin(sandbox)
    with pytest.raises(ForbiddenError):
        await either.carry_out(attrs.evolve(command, account_id=999))
    with pytest.raises(NotFoundError):
        await either.carry_out(attrs.evolve(command, project_id="0" * 26))
    assert group.status == "live"


async def test_calls_above_the_rate_limit_of_the_server_succeed(make_client: MakeClient) -> None:
    """Calls that exceed the rate limit of the server slow down and all succeed."""
    with Sandbox(rate=20) as sandbox:
        clock = FakeClock(sandbox.clock, jump=60)
        client = make_client(base_url=sandbox.url, auth=sandbox.token, clock=clock, deadline=None)
        project = sandbox.seed(live=40)
        reads = [fielding_runs.GetFieldingRun(**run_of(group)) for group in project.groups]
        runs = await asyncio.gather(*map(client.send, reads))
    assert len(runs) == 40


# The verbs


async def test_send_returns_the_acceptance_and_submit_the_handle(sandbox: Sandbox, either: Either) -> None:
    """``send`` returns the acceptance of a job command; ``submit`` returns a handle of the client's own kind."""
    _, command = OPERATIONS["bulk pause"].begin(sandbox)

    accepted = await either("send", command)
    job = await either("submit", command)

    assert isinstance(accepted, JobAccepted)
    assert accepted.job_id in sandbox.jobs
    assert accepted.idempotency_key == sandbox.requests[0].headers["Idempotency-Key"]
    assert type(job).__name__ == ("Job" if either.blocking else "AsyncJob")
    assert job.location == sandbox.requests[1].answer.headers["Location"]


async def test_launching_a_draft_returns_the_new_run(sandbox: Sandbox, either: Either) -> None:
    """The job that launches a draft returns the id of the new run."""
    group = sandbox.seed(draft=1).groups[0]
    result = await either("run", LAUNCH.replace(project_id=group.project_id, target_group_id=group.id))
    assert group.run is not None
    assert (result.created_fielding_run_id, group.status) == (group.run.id, "live")


async def test_send_detailed_returns_the_result_and_the_response(sandbox: Sandbox, either: Either) -> None:
    """``send_detailed`` returns the result with status, headers, ids, attempts and the raw body."""
    group = sandbox.seed(live=1).groups[0]
    sandbox.faults.add("get_fielding_run", faults.Answer(503))

    response = await either("send_detailed", fielding_runs.GetFieldingRun(**run_of(group)))

    last = sandbox.requests[-1].answer
    assert last is not None
    assert (response.status, response.result.id) == (200, run_of(group)["fielding_run_id"])
    assert response.request_id == last.headers["X-Request-Id"] == response.headers["x-request-id"]
    assert response.trace_id == last.headers["traceparent"].split("-")[1]
    assert [attempt.status for attempt in response.attempts] == [503, 200]
    assert response.raw == last.json


async def test_send_detailed_has_no_raw_body_for_an_empty_response(sandbox: Sandbox, either: Either) -> None:
    """A response without a body has None as its raw body."""
    group = sandbox.seed(live=1).groups[0]
    response = await either("send_detailed", fielding_runs.PauseFieldingRun(**tagged(group)))
    assert (response.status, response.raw) == (204, None)


async def test_job_from_a_token_runs_to_its_end(sandbox: Sandbox, either: Either) -> None:
    """A job from a token can be waited for until its end."""
    group, command = OPERATIONS["bulk pause"].begin(sandbox)
    token = (await either("submit", command)).token()

    job = either.client.job(token)
    result = await (asyncio.to_thread(job.wait) if either.blocking else job.wait())

    assert result.updated == (group.id,)


async def test_request_uses_the_credentials_and_version_of_the_client(sandbox: Sandbox, either: Either) -> None:
    """``request`` calls any operation with the credentials and the API version of the client."""
    group = sandbox.seed(live=1).groups[0]
    path = f"/demand/accounts/101/projects/{group.project_id}/target-groups/{group.id}/fielding-runs"

    response = await either("request", "get", path)

    assert response.status == 200
    assert response.json()["data"][0]["id"] == run_of(group)["fielding_run_id"]
    assert response.headers["content-type"] == "application/json"
    assert sandbox.requests[0].headers["Cint-API-Version"] == "2025-12-18"


async def test_request_raises_the_same_errors_as_commands(sandbox: Sandbox, either: Either) -> None:
    """An error response to ``request`` raises the same error as one to a command."""
    with pytest.raises(NotFoundError):
        await either("request", "GET", "/demand/nowhere")


async def test_call_runs_a_coroutine_function_of_the_async_client(sandbox: Sandbox, sandbox_clock: FakeClock) -> None:
    """``call`` runs a coroutine function that takes the async client."""
    group, command = OPERATIONS["bulk pause"].begin(sandbox)

    async def twice(client: AsyncClient, one: Command[Any], *, times: int) -> list[Any]:
        return [await client.send(one) for _ in range(times)]

    def blocking() -> list[Any]:
        with Client(account_id=101, auth=sandbox.token, base_url=sandbox.url, clock=sandbox_clock) as client:
            return client.call(twice, command, times=2)

    accepted = await asyncio.to_thread(blocking)
    assert len(accepted) == 2
    assert group.status


async def test_request_sends_query_body_and_headers_as_given(serve: Serve, make_client: MakeClient) -> None:
    """The query, the body and the headers of ``request`` arrive as they were given."""
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
async def test_request_retries_as_its_headers_allow(
    *, method: str, headers: dict[str, str], sends: int, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """``request`` retries like a command with the same headers."""
    server = await serve(close)
    client = make_client(base_url=server.url, clock=clock, retry=RetryPolicy(max_attempts=4))
    with pytest.raises(TransportError) as caught:
        await client.request(method, "/x", headers=headers)
    assert len(server.requests) == sends
    assert isinstance(caught.value, AmbiguousOutcomeError) is (method not in {"GET", "HEAD"})
    assert caught.value.idempotency_key == ("k" if sends == 4 and headers else None)


async def test_request_reports_the_sent_etag(serve: Serve, make_client: MakeClient) -> None:
    """A 412 response to ``request`` reports the tag that was sent, in any spelling of its header."""
    server = await serve(answer(412))
    with pytest.raises(PreconditionFailedError) as caught:
        await make_client(base_url=server.url).request("PUT", "/x", headers={"if-match": 'W/"1"'})
    assert caught.value.sent_etag == 'W/"1"'


async def test_hundreds_of_concurrent_calls_share_one_client(sandbox: Sandbox, client: AsyncClient) -> None:
    """Hundreds of concurrent calls through one client succeed."""
    project = sandbox.seed(live=300)
    commands = [fielding_runs.PauseFieldingRun(**tagged(group)) for group in project.groups]
    await asyncio.gather(*map(client.send, commands))
    assert project.ids("paused") == project.ids()


async def test_sequential_calls_share_one_connection(serve: Serve, make_client: MakeClient) -> None:
    """Sequential calls share one connection."""
    server = await serve(answer(200, RUN_BODY))
    client = make_client(base_url=server.url)
    for _ in range(10):
        await client.send(READ)
    assert (server.connections, len(server.requests)) == (1, 10)


async def test_cookies_are_never_sent(serve: Serve, make_client: MakeClient) -> None:
    """Cookies are neither stored nor sent."""
    server = await serve(answer(200, RUN_BODY, {"Set-Cookie": "a=b; Path=/"}))
    client = make_client(base_url=server.url.replace("127.0.0.1", "localhost"))  # no jar keeps cookies of an address
    for _ in range(2):
        await client.send(READ)
    assert "cookie" not in server.requests[1].headers
