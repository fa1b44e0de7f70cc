"""Views: ``with_options`` changes options of some calls, on the connections, token and limits of one client."""

import asyncio
import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.examples import READ, RUN_BODY
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, answer, close

from fieldingkit import API_VERSION, AccessToken, AsyncClient, Client, PollPolicy, RetryPolicy, accounts, batch_jobs
from fieldingkit.errors import ClientClosedError, ConfigurationError, InvalidCommandError, TransportError
from fieldingkit.sandbox import Sandbox, faults


async def test_view_shares_connections_token_and_limiter(serve: Serve, make_client: MakeClient) -> None:
    """A view sends over the connections of its client, with the same token and the same rate limiter."""
    fetched: list[int] = []

    class Provider:
        async def fetch(self, http: object) -> AccessToken:
            fetched.append(1)
            return AccessToken("token", lifetime=3600)

    server = await serve(answer(200, RUN_BODY))
    client = make_client(base_url=server.url, auth=Provider(), rate=1000.0)
    view = client.with_options(timeout=5)

    await client.send(READ)
    await view.send(READ)

    assert (server.connections, len(server.requests), len(fetched)) == (1, 2, 1)
    assert view.rate_limiter is client.rate_limiter


async def test_view_changes_the_account_and_adds_headers(serve: Serve, make_client: MakeClient) -> None:
    """A view may name another account and further headers; its client keeps its own."""
    server = await serve(answer(200, {"data": []}))
    client = make_client(base_url=server.url, headers={"X-Team": "a", "X-Tool": "b"})
    view = client.with_options(account_id=7, headers={"X-Team": "c"})

    await view.send(accounts.ListAccountUsers())
    await client.send(accounts.ListAccountUsers())

    sent = [
        (request.target.split("/")[3], request.headers["x-team"], request.headers["x-tool"])
        for request in server.requests
    ]
    assert sent == [("7", "c", "b"), ("101", "a", "b")]
    assert (view.account_id, client.account_id) == ("7", "101")


async def test_view_changes_the_timeout_of_an_attempt(serve: Serve, make_client: MakeClient) -> None:
    """The timeout of a view limits its attempts."""

    async def never(connection: Connection) -> None:
        await connection.gone()

    client = make_client(base_url=(await serve(never)).url, timeout=None, deadline=None)
    with pytest.raises(TransportError, match=r"within 0\.01 s"):
        await client.with_options(timeout=0.01, retry=RetryPolicy(max_attempts=1)).send(READ)


async def test_view_has_its_own_poll_policy(sandbox: Sandbox, make_client: MakeClient) -> None:
    """Jobs that are submitted through a view are polled by its policy."""
    clock = FakeClock(sandbox.clock, jump=60.0)
    project = sandbox.seed(live=1)
    command = batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())
    view = make_client(clock=clock).with_options(poll=PollPolicy(first_delay=7.0))
    job = await view.submit(command)
    assert job.next_poll_at - clock.now() == pytest.approx(7.0, abs=0.01)
    assert (await job.wait()).ok


async def test_views_of_views_combine_their_changes(make_client: MakeClient, serve: Serve) -> None:
    """A view of a view keeps the options that it does not change."""
    server = await serve(answer(200, {"data": []}))
    client = make_client(base_url=server.url)
    view = client.with_options(account_id=7, headers={"X-A": "1"}).with_options(headers={"X-B": "2"})
    await view.send(accounts.ListAccountUsers())
    (request,) = server.requests
    assert (request.target.split("/")[3], request.headers["x-a"], request.headers["x-b"]) == ("7", "1", "2")


async def test_closing_a_view_closes_nothing(serve: Serve, make_client: MakeClient) -> None:
    """After a view was closed, it and its client still send over the same connection."""
    server = await serve(answer(200, RUN_BODY))
    client = make_client(base_url=server.url)
    async with client.with_options(timeout=5) as view:
        await view.send(READ)
    await view.aclose()
    await view.send(READ)
    await client.send(READ)
    assert server.connections == 1


async def test_view_of_a_closed_client_is_closed(make_client: MakeClient) -> None:
    """Views refuse calls after their client was closed, whenever they were created."""
    client = make_client(base_url="https://api.example.org")
    before = client.with_options(timeout=5)
    await client.aclose()
    for view in (before, client.with_options(timeout=5)):
        with pytest.raises(ClientClosedError):
            await view.send(READ)


async def test_closing_the_client_ends_the_waits_of_its_views(sandbox: Sandbox, make_client: MakeClient) -> None:
    """A wait for a job of a view ends with ClientClosedError when the client is closed."""
    project = sandbox.seed(live=1)
    sandbox.faults.add("create_bulk_pause_target_groups_job", faults.StuckJob())
    client = make_client()
    view = client.with_options(poll=PollPolicy(first_delay=60.0))
    job = await view.submit(batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()))
    waiting = asyncio.create_task(job.wait(timeout=None))
    await asyncio.sleep(0)
    await client.aclose()
    with pytest.raises(ClientClosedError):
        await waiting


@pytest.fixture
def closed_with_view(sandbox: Sandbox) -> Iterator[tuple[Client, Client]]:
    """Yield a blocking client and a view of it, and close the client."""
    client = Client(account_id=sandbox.account_id, auth=sandbox.token, base_url=sandbox.url)
    yield client, client.with_options(account_id=7)
    client.close()


def test_blocking_view_shares_the_thread_and_closes_nothing(
    sandbox: Sandbox, closed_with_view: tuple[Client, Client]
) -> None:
    """A blocking view uses the thread of its client; closing it closes nothing, closing the client closes both."""
    client, view = closed_with_view
    run = sandbox.seed(live=1).groups[0]
    path = f"/demand/accounts/101/projects/{run.project_id}/target-groups/{run.id}/fielding-runs"
    with view as same:
        assert same.request("GET", path).status == 200
    assert client.request("GET", path).status == 200
    assert view.account_id == "7"
    assert repr(view).startswith("<Client of account 7")
    client.close()
    with pytest.raises(ClientClosedError):
        view.request("GET", path)


@pytest.mark.parametrize("client", [AsyncClient(auth="x"), Client(auth="x")], ids=["async", "blocking"])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("timeout", 0),
        ("headers", {"Authorization": "x"}),
        ("account_id", "a"),
        ("retry", None),
        ("rate", 5),
        ("auth", "y"),
    ],
)
def test_view_refuses_invalid_options_by_name(client: Any, option: str, value: object) -> None:
    """An invalid option of a view, or one of the whole client, raises ConfigurationError with its name."""
    with pytest.raises(ConfigurationError, match=option):
        client.with_options(**{option: value})


def test_view_says_that_an_option_does_not_exist() -> None:
    """A name that is no option at all is not said to belong to the whole client."""
    with pytest.raises(ConfigurationError, match=r"no option nonsense; with_options\(\) takes .*timeout"):
        AsyncClient(auth="x").with_options(nonsense=1)  # type: ignore[call-arg]  # refused


@pytest.mark.parametrize("client", [AsyncClient(auth="x"), Client(auth="x")], ids=["async", "blocking"])
@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_client_belongs_to_one_process(duplicate: Callable[[Any], Any], client: Any) -> None:
    """A client cannot be pickled or copied, and the error says so."""
    with pytest.raises(TypeError, match="Client cannot be pickled or copied: create one in each process"):
        duplicate(client)


async def test_account_of_a_view_is_checked_when_it_is_needed(make_client: MakeClient) -> None:
    """A view without an account cannot send a command that needs one."""
    with pytest.raises(InvalidCommandError, match="account_id"):
        await make_client(base_url="https://api.example.org").with_options(account_id=None).send(READ)


async def test_view_changes_timeout_deadline_and_retry(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    """The limits and the retry policy of a view are its own."""
    server = await serve(close)
    client = make_client(base_url=server.url, clock=clock)
    view = client.with_options(retry=RetryPolicy(max_attempts=1))

    with pytest.raises(TransportError) as caught:
        await view.send(READ)
    assert len(caught.value.attempts) == len(server.requests) == 1

    with pytest.raises(TransportError) as caught:
        await client.with_options(retry=RetryPolicy(max_attempts=3)).send(READ)
    assert len(caught.value.attempts) == 3


async def test_a_view_asks_for_another_api_version(serve: Serve, make_client: MakeClient) -> None:
    """A view may use another API version, also for requests without a command; its client keeps its own."""
    server = await serve(answer(200, {}))
    client = make_client(base_url=server.url)
    with pytest.raises(InvalidCommandError, match="forward-only"):
        await client.request("GET", "/things", headers={"Cint-API-Version": "2025-05-27"})
    await client.with_options(api_version="2025-05-27").request("GET", "/things")
    await client.request("GET", "/things", headers={"Cint-API-Version": API_VERSION})
    assert [request.headers["cint-api-version"] for request in server.requests] == ["2025-05-27", API_VERSION]
