"""The clients of the fulfillment API: another host and another key, on the pipeline of the other clients."""

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient, Serve
from support.raw_server import answer, close

from fieldingkit import (
    AsyncClient,
    AsyncFulfillmentClient,
    AttemptEvent,
    Client,
    FulfillmentClient,
    RetryPolicy,
    accounts,
    fulfillment,
)
from fieldingkit.errors import (
    AmbiguousOutcomeError,
    ApiError,
    ClientClosedError,
    ConfigurationError,
    InvalidCommandError,
    NotFoundError,
    UnauthorizedError,
)
from fieldingkit.fulfillment_client import AsyncFulfillmentClient as Home
from fieldingkit.resources.fulfillment import GetRespondentStatus, SessionStatus, UpdateRespondentStatus
from fieldingkit.sandbox import Sandbox

KEY = "an-s2s-key-of-some-length"
RID = "6780395e-94fa-1eb7-612c-d2e19af42758"
READ = GetRespondentStatus(rid=RID)
COMPLETE = UpdateRespondentStatus(rid=RID, status=5)
VARIABLES = ("CINT_S2S_KEY", "CINT_S2S_KEY_FILE", "CINT_S2S_BASE_URL", "CINT_PROXY")


class MakeFulfillmentClient(Protocol):
    """Makes a client that is closed after the test; by default a client of the sandbox."""

    def __call__(self, **options: Any) -> AsyncFulfillmentClient:
        """Return a new one."""
        ...


@pytest.fixture
async def make(request: pytest.FixtureRequest) -> AsyncIterator[MakeFulfillmentClient]:
    """Yield a function that makes clients, by default of the sandbox, which are closed after the test."""
    async with AsyncExitStack() as stack:

        def make(**options: Any) -> AsyncFulfillmentClient:
            defaults: dict[str, Any] = {"key": KEY}
            if "base_url" not in options:
                sandbox: Sandbox = request.getfixturevalue("sandbox")
                defaults = {"key": sandbox.fulfillment_key, "base_url": sandbox.fulfillment_url}
            client = AsyncFulfillmentClient(**{**defaults, **options})
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Remove the variables of the environment that the clients read."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def in_survey(sandbox: Sandbox) -> str:
    """Return the session of a respondent who is in the survey."""
    (group,) = sandbox.seed(live=1).groups
    return next(each.rid for each in group.respondents if each.outcome == "drop_off")


@pytest.fixture
def blocking(sandbox: Sandbox) -> Iterator[FulfillmentClient]:
    """Yield a blocking client of the sandbox."""
    with FulfillmentClient(key=sandbox.fulfillment_key, base_url=sandbox.fulfillment_url) as client:
        yield client


async def test_a_status_is_read_reported_and_final(make: MakeFulfillmentClient, in_survey: str) -> None:
    """A status is read and reported; a second report is refused with the status that the session has."""
    client = make()
    before = await client.send(GetRespondentStatus(rid=in_survey))
    assert (before.id, before.status, len(before.links)) == (in_survey, 1, 1)
    assert before.status is not None
    assert not before.status.known

    reported = await client.send(UpdateRespondentStatus(rid=in_survey, status=SessionStatus.COMPLETE))
    assert (reported.id, reported.status) == (in_survey, SessionStatus.COMPLETE)

    with pytest.raises(ApiError) as refused:
        await client.send(UpdateRespondentStatus(rid=in_survey, status=SessionStatus.SCREENOUT))
    assert (refused.value.status, refused.value.raw) == (422, {"id": in_survey, "status": 5})
    assert refused.value.error_id is None
    assert f'422: {{"id":"{in_survey}","status":5}}' in str(refused.value)
    assert not refused.value.maybe_applied


def test_the_blocking_client_has_the_same_verbs(blocking: FulfillmentClient, in_survey: str) -> None:
    """The blocking client sends commands, with details or without, and runs coroutine functions."""

    async def read(client: AsyncFulfillmentClient, rid: str) -> SessionStatus | None:
        return (await client.send(GetRespondentStatus(rid=rid))).status

    assert blocking.call(read, in_survey) == 1
    detailed = blocking.send_detailed(UpdateRespondentStatus(rid=in_survey, status=3))
    assert (detailed.status, detailed.result.status) == (200, SessionStatus.QUOTA_FULL)
    assert blocking.with_options(timeout=5).send(GetRespondentStatus(rid=in_survey)).status == 3
    assert repr(blocking) == f"<FulfillmentClient at {blocking.base_url}>"


async def test_an_unknown_session_is_not_found(make: MakeFulfillmentClient, sandbox: Sandbox) -> None:
    """A 404 without a body is a NotFoundError whose message says so."""
    with pytest.raises(NotFoundError, match="404 Not Found"):
        await make().send(READ)
    assert len(sandbox.requests) == 1


async def test_the_request_has_the_key_alone_and_no_version(serve: Serve, make: MakeFulfillmentClient) -> None:
    """``Authorization`` is the key without a word before it, and no API version is named."""
    server = await serve(answer(200, {"id": RID, "status": 5}))
    await make(base_url=server.url, user_agent="panel/2").send(COMPLETE)
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/v1/fulfillment/respondents/transition")
    assert request.headers["authorization"] == KEY
    assert request.body == b'{"id":"%s","status":5}' % RID.encode()
    assert request.headers["user-agent"].startswith("panel/2 fieldingkit/")
    assert not request.headers.keys() & {"cint-api-version", "idempotency-key", "if-match"}


@pytest.mark.parametrize("key", ["Bearer abc-def-ghi", "Basic YWJjOmRlZg=="])
async def test_a_key_with_a_scheme_is_sent_as_it_is(serve: Serve, make: MakeFulfillmentClient, key: str) -> None:
    """A key that names its scheme is sent with it, since the documents of the API do not agree on the form."""
    server = await serve(answer(401, {"detail": f"no such key: {key}, {key.split()[1]}"}))
    with pytest.raises(UnauthorizedError) as refused:
        await make(base_url=server.url, key=key).send(READ)
    assert server.requests[-1].headers["authorization"] == key
    assert key.split()[1] not in str(refused.value)


async def test_a_report_is_never_repeated_after_an_unclear_answer(
    serve: Serve, make: MakeFulfillmentClient, clock: FakeClock
) -> None:
    """A report whose connection breaks is sent once, and the error says that it may have been applied."""
    server = await serve(close, answer(200, {"id": RID, "status": 5}))
    client = make(base_url=server.url, clock=clock)
    with pytest.raises(AmbiguousOutcomeError) as unclear:
        await client.send(COMPLETE)
    assert unclear.value.maybe_applied
    assert len(server.requests) == 1
    assert (await client.send(READ)).status is SessionStatus.COMPLETE


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_report_is_never_repeated_after_a_server_error(
    serve: Serve, make: MakeFulfillmentClient, clock: FakeClock, status: int
) -> None:
    """A server error leaves the outcome of a report open: it is sent once."""
    server = await serve(answer(status))
    with pytest.raises(ApiError) as unclear:
        await make(base_url=server.url, clock=clock).send(COMPLETE)
    assert (unclear.value.maybe_applied, len(server.requests)) == (True, 1)


async def test_a_read_is_retried(serve: Serve, make: MakeFulfillmentClient, clock: FakeClock) -> None:
    """A read is sent again after a broken connection and a server error."""
    server = await serve(close, answer(503), answer(200, {"id": RID, "status": 2}))
    found = await make(base_url=server.url, clock=clock).send(READ)
    assert (found.status, len(server.requests)) == (SessionStatus.SCREENOUT, 3)


async def test_a_limited_report_is_sent_again(serve: Serve, make: MakeFulfillmentClient, clock: FakeClock) -> None:
    """A 429 says that nothing was applied, so that a report is sent again when the API permits."""
    server = await serve(answer(429, headers={"Retry-After": "3"}), answer(200, {"id": RID, "status": 5}))
    client = make(base_url=server.url, clock=clock)
    assert (await client.send(COMPLETE)).status == 5
    assert len(server.requests) == 2


async def test_a_view_has_options_of_its_own(serve: Serve, make: MakeFulfillmentClient) -> None:
    """A view shares connections and key with its client, and closing it closes nothing."""
    server = await serve(answer(200, {"id": RID, "status": 5}))
    client = make(base_url=server.url)
    view = client.with_options(headers={"X-Team": "a"}, retry=RetryPolicy(max_attempts=1))
    await client.send(READ)
    await view.send(READ)
    await view.aclose()
    await client.send(READ)
    assert [request.headers.get("x-team") for request in server.requests] == [None, "a", None]
    assert server.connections == 1
    assert view.rate_limiter is client.rate_limiter
    with pytest.raises(ConfigurationError, match="base_url belongs to the whole client"):
        client.with_options(base_url="https://elsewhere.example")  # type: ignore[call-arg]  # refused


@pytest.mark.parametrize("option", ["account_id", "api_version", "poll", "on_poll", "auth"])
def test_options_of_the_demand_api_do_not_exist(option: str) -> None:
    """A fulfillment client has no account, API version, jobs or access tokens, and no options for them."""
    assert option not in inspect.signature(AsyncFulfillmentClient).parameters
    assert inspect.signature(FulfillmentClient) == inspect.signature(AsyncFulfillmentClient)
    with pytest.raises(TypeError, match=option):
        AsyncFulfillmentClient(key=KEY, **{option: 1})


async def test_each_client_refuses_the_commands_of_the_other(
    serve: Serve, make: MakeFulfillmentClient, make_client: MakeClient
) -> None:
    """A command of the other API is refused by name before anything is sent; the error names the right clients."""
    server = await serve(answer(200, {}))
    with pytest.raises(InvalidCommandError, match="UpdateRespondentStatus: this command belongs") as refused:
        await make_client(base_url=server.url).send(COMPLETE)
    assert "AsyncFulfillmentClient or FulfillmentClient" in str(refused.value)
    with pytest.raises(InvalidCommandError, match="ListAccounts: this command belongs to the Demand API") as refused:
        await make(base_url=server.url).send_detailed(accounts.ListAccounts())
    assert "AsyncClient or Client" in str(refused.value)
    with pytest.raises(InvalidCommandError, match="expected an instance of Command"):
        await make(base_url=server.url).send(GetRespondentStatus)  # type: ignore[arg-type]  # refused
    assert server.requests == []


def test_the_blocking_clients_refuse_the_commands_of_the_other(blocking: FulfillmentClient, sandbox: Sandbox) -> None:
    """The blocking clients refuse them too."""
    with pytest.raises(InvalidCommandError, match="ListAccounts: this command belongs to the Demand API"):
        blocking.send(accounts.ListAccounts())
    with (
        Client(auth=sandbox.token, base_url=sandbox.url) as client,
        pytest.raises(InvalidCommandError, match="GetRespondentStatus: this command belongs to the fulfillment API"),
    ):
        client.send(READ)
    assert sandbox.requests == []


async def test_credentials_stay_with_their_own_host(
    serve: Serve, make: MakeFulfillmentClient, make_client: MakeClient
) -> None:
    """Each host gets only its own credentials, and a redirect is not followed."""
    other = await serve(answer(200, {}))
    elsewhere = {"Location": f"{other.url}/fulfillment/respondents/{RID}"}
    s2s = await serve(answer(200, {"id": RID, "status": 5}), answer(307, headers=elsewhere))
    demand = await serve(answer(200, {"accounts": []}))
    client, plain = make(base_url=s2s.url), make_client(base_url=demand.url, auth="demand-token")

    await client.send(READ)
    await plain.send(accounts.ListAccounts())
    with pytest.raises(ApiError, match="redirect, not followed"):
        await client.send(READ)

    assert {request.headers["authorization"] for request in s2s.requests} == {KEY}
    assert {request.headers["authorization"] for request in demand.requests} == {"Bearer demand-token"}
    assert other.requests == []


async def test_a_wrong_key_is_an_unauthorized_error(make: MakeFulfillmentClient, sandbox: Sandbox) -> None:
    """A wrong key is refused once: there is no other one to try."""
    with pytest.raises(UnauthorizedError):
        await make(key="wrong-key", base_url=sandbox.fulfillment_url).send(READ)
    assert len(sandbox.requests) == 1


async def test_attempts_are_observed(make: MakeFulfillmentClient, in_survey: str) -> None:
    """Callbacks, trace context and metrics are those of every client."""
    events: list[AttemptEvent] = []
    client = make(on_attempt=events.append, on_missing_trace="generate")
    detailed = await client.send_detailed(GetRespondentStatus(rid=in_survey))
    assert [(event.operation_id, event.status) for event in events] == [("get_respondent_status", 200)]
    assert detailed.trace_id is not None


async def test_a_closed_client_sends_nothing(make: MakeFulfillmentClient, sandbox: Sandbox) -> None:
    """After the end of ``async with`` every call is refused."""
    async with make() as client:
        pass
    with pytest.raises(ClientClosedError):
        await client.send(READ)
    assert sandbox.requests == []


@pytest.mark.parametrize("key", ["", " ", "two-words here", "Token a-key", "kéy", "line\nbreak", 5, None])
@pytest.mark.parametrize("kind", [AsyncFulfillmentClient, FulfillmentClient])
def test_an_invalid_key_is_refused_without_showing_it(kind: Any, key: Any) -> None:
    """A key that no header can have is refused, and not quoted."""
    with pytest.raises(ConfigurationError) as refused:
        kind(key=key)
    assert refused.value.message == "key must be visible ASCII without spaces"


@pytest.mark.parametrize("kind", [AsyncFulfillmentClient, FulfillmentClient])
def test_from_env_reads_its_own_variables(kind: Any, bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The key comes from its variable or its file, the address from its variable; options override them."""
    with pytest.raises(ConfigurationError, match="CINT_S2S_KEY"):
        kind.from_env()
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    bare.setenv("CINT_S2S_KEY_FILE", str(file))
    assert kind.from_env().base_url == "https://s2s.cint.com"
    bare.setenv("CINT_S2S_KEY", "another")
    bare.setenv("CINT_S2S_BASE_URL", "https://s2s.staging.example/")
    bare.setenv("CINT_PROXY", "http://proxy.example:8080")
    client = kind.from_env(timeout=5)
    assert client.base_url == "https://s2s.staging.example"
    assert kind.from_env(base_url="https://other.example").base_url == "https://other.example"
    bare.setenv("CINT_PROXY", "not a url")
    with pytest.raises(ConfigurationError, match="proxy must be"):
        kind.from_env()


def test_key_in_a_file_may_have_a_word_before_it(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file holds what the variable may hold, and nothing else."""
    file = tmp_path / "key"
    bare.setenv("CINT_S2S_KEY_FILE", str(file))
    file.write_text(f"Bearer {KEY}\n")
    assert FulfillmentClient.from_env().base_url
    for content in ("", f"Digest {KEY}", f"Bearer {KEY} {KEY}"):
        file.write_text(content)
        with pytest.raises(ConfigurationError) as refused:
            FulfillmentClient.from_env()
        assert KEY not in str(refused.value)


@pytest.mark.parametrize("kind", [AsyncFulfillmentClient, FulfillmentClient])
def test_from_env_ignores_the_settings_of_the_demand_api(kind: Any, bare: pytest.MonkeyPatch) -> None:
    """Neither token nor address of the Demand API is ever used for the other host."""
    bare.setenv("CINT_TOKEN", "demand-token")
    bare.setenv("CINT_BASE_URL", "https://demand.example")
    with pytest.raises(ConfigurationError, match="no key found"):
        kind.from_env()
    bare.setenv("CINT_S2S_KEY", KEY)
    assert kind.from_env().base_url == "https://s2s.cint.com"


def test_the_key_is_never_sent_in_plain_text_to_another_machine() -> None:
    """Plain http is refused except on this machine."""
    with pytest.raises(ConfigurationError, match="unencrypted"):
        AsyncFulfillmentClient(key=KEY, base_url="http://s2s.example")


@pytest.mark.parametrize("url", ["https://api.cint.com/v1", "https://API.cint.com"])
def test_the_key_does_not_go_to_the_demand_api(url: str) -> None:
    """The address of the other API is refused, with the name of the client for it; so is it the other way round."""
    with pytest.raises(ConfigurationError, match="another API: use AsyncClient or Client"):
        FulfillmentClient(key=KEY, base_url=url)
    with pytest.raises(ConfigurationError, match="another API: use AsyncFulfillmentClient or FulfillmentClient"):
        AsyncClient(auth="token", base_url=url.casefold().replace("api.", "s2s."))


def test_the_names_are_at_the_root() -> None:
    """Both clients and the module of the commands are public names of the package."""
    assert AsyncFulfillmentClient is Home
    assert fulfillment.GetRespondentStatus is GetRespondentStatus
    assert AsyncClient.__name__ == "AsyncClient"


@pytest.mark.parametrize("rid", ["", "x", f"{RID}/..", "../transition", None])
def test_a_session_id_is_a_uuid(rid: Any) -> None:
    """An id that is no UUID is refused before anything is sent."""
    with pytest.raises(InvalidCommandError, match="rid must be a UUID"):
        GetRespondentStatus(rid=rid)


@pytest.mark.parametrize("status", ["5", "complete", None, 5.5, True, [5]])
def test_a_status_is_a_number(status: Any) -> None:
    """A status that is no number is refused by name."""
    with pytest.raises(InvalidCommandError, match="invalid value for status"):
        UpdateRespondentStatus(rid=RID, status=status)


def test_the_statuses_stay_open() -> None:
    """A number that this release does not know is kept, compares as a number, and can be sent."""
    unknown = SessionStatus(7)
    assert (unknown, unknown.known, unknown.name) == (7, False, "UNKNOWN_7")
    assert UpdateRespondentStatus(rid=RID, status=7).status == 7
    assert [member.value for member in SessionStatus] == [2, 3, 4, 5]
