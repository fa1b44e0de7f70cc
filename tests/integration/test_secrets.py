"""Secrets: no repr, error, log record, copy or pickle shows a credential."""

import asyncio
import contextvars
import copy
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import KEYED, LAUNCH, READ, RUN_BODY, TAGGED
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient, Serve
from support.raw_server import Connection, Step, answer, close, hang, raw

from fieldingkit import (
    AsyncClient,
    AsyncFulfillmentClient,
    BearerToken,
    Client,
    ClientCredentials,
    FulfillmentClient,
    RetryPolicy,
)
from fieldingkit.commands import Command
from fieldingkit.errors import FieldingKitError
from fieldingkit.resources.fulfillment import GetRespondentStatus, UpdateRespondentStatus
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.secret import Secret
from fieldingkit.transport.credentials import AccessToken

CANARY = "canary-5b1f0e"
TOKEN = f"{CANARY}-token"
SECRET = f"{CANARY}-secret"
RID = "6780395e-94fa-1eb7-612c-d2e19af42758"
PROXY = f"http://user:{CANARY}-password@127.0.0.1:9"


def shown(value: object, seen: set[int] | None = None) -> Iterator[str]:
    """Yield every text that a value shows: repr and str of it and of all that our own objects hold."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    yield repr(value)
    yield str(value)
    inner: list[object] = []
    if isinstance(value, dict):
        inner += [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        inner += list(value)
    elif type(value).__module__.startswith("fieldingkit") and not isinstance(value, Secret):
        inner += list(vars(value).values()) if hasattr(value, "__dict__") else []
        slots = [name for base in type(value).__mro__ for name in getattr(base, "__slots__", ())]
        inner += [getattr(value, name) for name in slots if hasattr(value, name) and not name.startswith("__")]
    for item in inner:
        yield from shown(item, seen)


def leaks(value: object) -> list[str]:
    """Return the texts of a value that contain a canary."""
    return [text[:200] for text in shown(value) if CANARY in text]


def traceback_with_locals(error: BaseException) -> str:
    """Return the traceback of an error and of all it refers to, with the locals of each frame."""
    texts: list[str] = []
    linked = [error]
    for each in linked:
        texts += traceback.TracebackException.from_exception(each, capture_locals=True).format(chain=False)
        texts.append(repr(each))
        linked += [other for other in (each.__cause__, each.__context__) if other is not None and other not in linked]
    return "".join(texts)


def safe_repr(value: object) -> str:
    """Return a repr as debuggers do: attrs' own fails for an object whose construction failed."""
    try:
        return repr(value)
    except AttributeError as exc:
        return repr(exc)


def error_texts(error: BaseException, *, with_locals: bool = True) -> Iterator[str]:
    """Yield every text of an error: attributes, traceback with all causes and locals, notes, copies."""
    yield "".join(traceback.format_exception(error))
    if with_locals:
        yield traceback_with_locals(error)
    linked: BaseException | None = error
    while linked is not None:
        if isinstance(linked, FieldingKitError):
            yield from shown(linked)
            yield from shown(copy.copy(linked))
            yield repr(pickle.dumps(linked))
        linked = linked.__cause__ or linked.__context__


def holders() -> dict[str, Any]:
    """Return all objects that hold a credential."""
    credentials = ClientCredentials(client_id="id", client_secret=SECRET)
    return {
        "token provider": BearerToken(TOKEN),
        "access token": AccessToken(TOKEN, lifetime=5),
        "credentials": credentials,
        "client of a token": AsyncClient(auth=TOKEN, account_id=101),
        "client of credentials": AsyncClient(auth=credentials, account_id=101),
        "client with a proxy": AsyncClient(auth=TOKEN, account_id=101, proxy=PROXY),
        "blocking client": Client(auth=TOKEN, account_id=101, proxy=PROXY),
        "fulfillment client": AsyncFulfillmentClient(key=TOKEN, proxy=PROXY),
        "blocking fulfillment client": FulfillmentClient(key=TOKEN, proxy=PROXY),
    }


@pytest.mark.parametrize("name", holders())
def test_no_repr_shows_a_credential(name: str) -> None:
    """The repr, str and vars of client, pipeline and providers show no credential at any depth."""
    assert leaks(holders()[name]) == []


@pytest.mark.parametrize("name", ["token provider", "access token", "credentials"])
def test_no_copy_shows_a_credential(name: str) -> None:
    """A copy shows no more than the original."""
    assert leaks(copy.copy(holders()[name])) == []


@pytest.mark.parametrize("name", [name for name in holders() if "client" in name])
def test_a_client_that_is_copied_says_what_to_do_and_shows_no_credential(name: str) -> None:
    """A copy would share its connections, and close them for both."""
    with pytest.raises(TypeError, match="cannot be pickled or copied: create one in each process") as caught:
        copy.copy(holders()[name])
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["token provider", "access token", "credentials", "client of a token", "fulfillment client"]
)
def test_credentials_are_never_pickled(name: str) -> None:
    """Pickling an object that holds a credential is refused."""
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)) as caught:
        pickle.dumps(holders()[name])
    assert CANARY not in str(caught.value)


def test_attrs_functions_show_no_credential() -> None:
    """``attrs.asdict``, ``astuple`` and ``evolve`` show no credential."""
    for name in ("token provider", "access token", "credentials"):
        holder = holders()[name]
        assert CANARY not in repr(attrs.asdict(holder))
        assert CANARY not in repr(attrs.astuple(holder))
        assert CANARY not in repr(attrs.evolve(holder))


@given(st.text(alphabet="abc!~", min_size=1))
def test_a_secret_compares_by_value_and_shows_nothing(value: str) -> None:
    """A secret compares and hashes by its value, and no form of text shows it."""
    secret = Secret(value)
    assert secret.reveal() == value
    assert (secret, hash(secret)) == (Secret(value), hash(Secret(value)))
    assert secret != value
    assert {repr(secret), str(secret), f"{secret}", f"{secret!r:>9}"} <= {"Secret(***)"}
    assert copy.deepcopy(secret) is secret


@pytest.mark.parametrize("bad", [f"{CANARY} with a space", f"{CANARY}\n", f"{CANARY}é"])
def test_refused_credentials_are_not_quoted(bad: str) -> None:
    """A credential that is refused is not quoted in the error."""
    makers = (
        BearerToken,
        AccessToken,
        lambda token: AsyncClient(auth=token),
        lambda key: AsyncFulfillmentClient(key=key),
    )
    for make in makers:
        with pytest.raises(FieldingKitError) as caught:
            make(bad)
        assert not [text for text in error_texts(caught.value, with_locals=False) if CANARY in text]


@pytest.mark.parametrize("kind", [AsyncClient, Client])
@pytest.mark.parametrize(
    "options", [{"auth": f"{TOKEN} with a space"}, {"proxy": f"no-url-{CANARY}"}, {"timeout": -1.0}, {"base_url": "x"}]
)
def test_no_refused_option_shows_a_credential(kind: type[AsyncClient | Client], options: dict[str, Any]) -> None:
    """No frame of ours shows a credential in a traceback with locals if an option of the client is refused."""
    with pytest.raises(FieldingKitError) as caught:
        kind(**{"auth": TOKEN, "proxy": PROXY, **options})
    own_frames = list(traceback.walk_tb(caught.value.__traceback__))[1:]
    shown_locals = [safe_repr(value) for frame, _ in own_frames for value in frame.f_locals.values()]
    assert shown_locals
    assert CANARY not in "".join(shown_locals)


@pytest.mark.parametrize("kind", [AsyncFulfillmentClient, FulfillmentClient])
@pytest.mark.parametrize(
    "options", [{"key": f"{TOKEN} with a space"}, {"proxy": f"no-url-{CANARY}"}, {"timeout": -1.0}, {"base_url": "x"}]
)
def test_no_refused_fulfillment_option_shows_the_key(kind: Any, options: dict[str, Any]) -> None:
    """No frame of ours shows the key in a traceback with locals if an option of a fulfillment client is refused."""
    with pytest.raises(FieldingKitError) as caught:
        kind(**{"key": TOKEN, "proxy": PROXY, **options})
    own_frames = list(traceback.walk_tb(caught.value.__traceback__))[1:]
    assert CANARY not in "".join(safe_repr(value) for frame, _ in own_frames for value in frame.f_locals.values())


@pytest.mark.parametrize("option", ["base_url", "proxy"])
@pytest.mark.parametrize("url", [f"https://user:{CANARY}@a.example:port", f"https://user:{CANARY}@[a"])
def test_refused_urls_are_not_quoted(option: str, url: str) -> None:
    """A refused URL that holds a credential is not quoted in the error."""
    with pytest.raises(FieldingKitError) as caught:
        AsyncClient(auth="x", **{option: url})
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


STEPS: dict[str, Step] = {
    "refused": answer(400, {"object": "bad_request_error", "detail": "no"}),
    "unauthorized": answer(401),
    "forbidden": answer(403, {"object": "authorization_error"}),
    "out of order": answer(503),
    "redirected": answer(307, headers={"Location": "https://elsewhere.example/"}),
    "unreadable": answer(200, b"<html>"),
    "broken": close,
    "garbage": raw(b"\x00\x01\r\n\r\n"),
    "torn": answer(200, b"{", length=100),
    "no location": answer(201),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("command", [READ, TAGGED, KEYED, LAUNCH], ids=lambda command: type(command).__name__)
async def test_no_error_shows_the_token(
    name: str, command: Command[Any], serve: Serve, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """No error shows the token in its text, attributes, causes, copies or pickles."""
    caplog.set_level(logging.DEBUG)
    server = await serve(STEPS[name])
    client = make_client(base_url=server.url, auth=TOKEN, clock=FakeClock(), retry=RetryPolicy(max_attempts=2))

    try:
        await client.send(command)
    except FieldingKitError as error:
        assert [text[:300] for text in error_texts(error) if CANARY in text] == []
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert [record for record in caplog.records if CANARY in repr(vars(record))] == []


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("scheme", ["", "Bearer "])
async def test_no_error_shows_the_fulfillment_key(
    name: str, scheme: str, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """No error and no log record of a fulfillment client shows its key, not even one whose response quotes it."""
    caplog.set_level(logging.DEBUG)
    quoting = answer(400, {"detail": f"{TOKEN} is unknown"}, {"X-Key": TOKEN})
    server = await serve(STEPS[name], quoting)
    async with AsyncFulfillmentClient(
        key=scheme + TOKEN, base_url=server.url, clock=FakeClock(), retry=RetryPolicy(max_attempts=2)
    ) as client:
        for command in (
            UpdateRespondentStatus(rid=RID, status=5),
            GetRespondentStatus(rid=RID),
        ):
            try:
                await client.send(command)
            except FieldingKitError as error:
                assert [text[:300] for text in error_texts(error) if CANARY in text] == []
    assert server.requests[0].headers["authorization"] == scheme + TOKEN
    assert [record for record in caplog.records if CANARY in repr(vars(record))] == []


ENDPOINTS: dict[str, Step] = {
    "refused": answer(401, {"error": "access_denied", "error_description": "Unauthorized"}),
    "out of order": answer(500),
    "no token": answer(200, {"access_token": f"{TOKEN} with a space"}),
    "unreadable": answer(200, f'{{"access_token": "{TOKEN}"'.encode()),
    "odd": answer(200, {"access_token": TOKEN, "expires_in": "soon"}),
    "broken": close,
}


@pytest.mark.parametrize("name", ENDPOINTS)
async def test_no_error_of_the_token_endpoint_shows_a_secret(
    name: str, serve: Serve, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """No error of a token endpoint shows the client secret or the token."""
    caplog.set_level(logging.DEBUG)
    endpoint = await serve(ENDPOINTS[name])
    auth = ClientCredentials(client_id="id", client_secret=SECRET, token_url=endpoint.url)
    client = make_client(base_url="https://api.example.org", auth=auth, retry=RetryPolicy(max_attempts=1))

    with pytest.raises(FieldingKitError) as caught:
        await client.send(READ)

    assert SECRET.encode() in endpoint.requests[0].body
    assert [text[:300] for text in error_texts(caught.value) if CANARY in text] == []
    assert [record for record in caplog.records if CANARY in repr(vars(record))] == []


async def test_an_unreachable_proxy_is_reported_without_password(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """An unreachable proxy is reported without its password."""
    caplog.set_level(logging.DEBUG)
    client = make_client(base_url="https://api.example.org", proxy=PROXY, retry=RetryPolicy(max_attempts=1))

    with pytest.raises(FieldingKitError) as caught:
        await client.send(READ)

    assert [text[:300] for text in error_texts(caught.value) if CANARY in text] == []
    assert [record for record in caplog.records if CANARY in repr(vars(record))] == []


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR])
async def test_no_log_record_shows_a_credential(
    level: int, sandbox: Sandbox, make_client: MakeClient, sandbox_clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Over calls, jobs and failures no logger at any level has a credential in any field."""
    caplog.set_level(level)
    auth = ClientCredentials(
        client_id=sandbox.client_id, client_secret=sandbox.client_secret, token_url=sandbox.token_url
    )
    client = make_client(auth=auth, clock=sandbox_clock)
    project = sandbox.seed(live=2)
    sandbox.faults.add("create_bulk_*", faults.ApplyThenDrop())
    sandbox.faults.add("get_bulk_*", faults.HtmlPage())
    sandbox.faults.add("get_bulk_*", faults.TruncatedJson())
    sandbox.faults.add("get_bulk_*", faults.ExpireToken())
    job = await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))
    sandbox_clock.advance(100)
    await job.wait()

    tokens = {request.headers.get("Authorization", "").removeprefix("Bearer ") for request in sandbox.requests} - {""}
    assert tokens
    for secret in (*tokens, sandbox.client_secret, "Bearer"):
        assert [record for record in caplog.records if secret in repr(vars(record)) or secret in caplog.text] == []


async def test_only_listed_response_headers_are_logged(
    serve: Serve, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Only listed response headers are logged, never a cookie or an unknown one."""
    caplog.set_level(logging.DEBUG)
    odd = {"Set-Cookie": f"session={CANARY}", "X-Internal": CANARY, "X-Request-Id": "r1"}
    server = await serve(answer(400, {"detail": "no"}, odd))

    with pytest.raises(FieldingKitError):
        await make_client(base_url=server.url).send(READ)

    assert [record for record in caplog.records if CANARY in repr(vars(record))] == []
    assert any("r1" in repr(vars(record)) for record in caplog.records)


async def test_log_messages_are_constant(
    serve: Serve, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The facts of a record are in its fields; its message is constant."""
    caplog.set_level(logging.DEBUG, logger="fieldingkit")
    server = await serve(answer(503), answer(400))

    with pytest.raises(FieldingKitError):
        await make_client(base_url=server.url, clock=FakeClock()).send(READ)

    ours = [record for record in caplog.records if record.name.startswith("fieldingkit")]
    assert ours
    assert all(record.args in {None, ()} and record.msg == record.getMessage() for record in ours)
    assert all("operation_id" in vars(record) for record in ours if record.name == "fieldingkit.attempts")


async def test_a_job_token_shows_no_credential(sandbox: Sandbox, make_client: MakeClient) -> None:
    """Neither a job, nor its token, nor an error about it shows a credential."""
    import base64

    project = sandbox.seed(live=1)
    client = make_client()
    job = await client.submit(KEYED.replace(project_id=project.id, target_group_ids=project.ids()))
    packed = base64.urlsafe_b64decode(job.token() + "==")
    assert sandbox.token.encode() not in packed
    assert not [text for text in shown(job) if sandbox.token in text]
    with pytest.raises(FieldingKitError) as caught:
        await job.wait(timeout=0)
    assert not [text for text in error_texts(caught.value) if sandbox.token in text]


def test_a_client_from_env_shows_no_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client made from the environment shows no credential."""
    monkeypatch.setenv("CINT_CLIENT_ID", "i")
    monkeypatch.setenv("CINT_CLIENT_SECRET", SECRET)
    monkeypatch.delenv("CINT_TOKEN", raising=False)
    assert leaks(AsyncClient.from_env()) == []
    monkeypatch.setenv("CINT_TOKEN", TOKEN)
    assert leaks(AsyncClient.from_env()) == []


@pytest.mark.parametrize("kind", [AsyncFulfillmentClient, FulfillmentClient])
def test_a_fulfillment_client_from_env_shows_no_key(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a fulfillment client from the environment nor the error of a missing key shows a credential."""
    monkeypatch.setenv("CINT_PROXY", PROXY)
    monkeypatch.delenv("CINT_S2S_KEY_FILE", raising=False)
    monkeypatch.delenv("CINT_S2S_KEY", raising=False)
    with pytest.raises(FieldingKitError) as caught:
        kind.from_env()
    own_frames = list(traceback.walk_tb(caught.value.__traceback__))[1:]
    assert CANARY not in "".join(safe_repr(value) for frame, _ in own_frames for value in frame.f_locals.values())
    monkeypatch.setenv("CINT_S2S_KEY", TOKEN)
    assert leaks(kind.from_env()) == []


async def test_no_context_keeps_a_credential(serve: Serve, make_client: MakeClient) -> None:
    """No context variable of the caller, or of a task that it starts later, holds a credential."""
    endpoint = await serve(answer(200, {"access_token": TOKEN, "expires_in": 1000}))
    server = await serve(answer(200, RUN_BODY), answer(401), answer(200, RUN_BODY))
    auth = ClientCredentials(client_id="id", client_secret=SECRET, token_url=endpoint.url)
    client = make_client(base_url=server.url, auth=auth)
    await client.send(READ)
    with pytest.raises(FieldingKitError):
        await client.send(READ)

    async def unrelated() -> contextvars.Context:
        return contextvars.copy_context()

    task = asyncio.create_task(unrelated())
    await client.aclose()

    for context in (contextvars.copy_context(), await task):
        assert [text[:200] for value in context.values() for text in shown(value) if CANARY in text] == []


@pytest.mark.parametrize("waits_for", ["token", "response", "body"])
async def test_no_cancelled_call_shows_a_credential(waits_for: str, serve: Serve, make_client: MakeClient) -> None:
    """The traceback of a cancelled call shows no credential, not even with the locals of its frames."""

    async def torn(connection: Connection) -> None:
        await connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await connection.gone()

    granted = answer(200, {"access_token": TOKEN})
    endpoint = await serve(hang if waits_for == "token" else granted)
    server = await serve(hang if waits_for == "response" else torn)
    auth = ClientCredentials(client_id="id", client_secret=SECRET, token_url=endpoint.url)
    call = asyncio.create_task(make_client(base_url=server.url, auth=auth).send(KEYED))
    while not (endpoint if waits_for == "token" else server).requests:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)

    call.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await call

    assert CANARY not in traceback_with_locals(caught.value)


async def test_no_timeout_shows_a_credential(serve: Serve, make_client: MakeClient) -> None:
    """The traceback of a call that timed out shows no credential."""
    server = await serve(hang)
    client = make_client(base_url=server.url, auth=TOKEN, timeout=0.05, retry=RetryPolicy(max_attempts=1))
    with pytest.raises(FieldingKitError) as caught:
        await client.send(READ)
    assert [text[:300] for text in error_texts(caught.value) if CANARY in text] == []
