"""Authorization, rate limit, tracing and recording of every request."""

import asyncio
from email.utils import parsedate_to_datetime

import aiohttp
import pytest
from support.sandbox_caller import Caller

from fieldingkit.sandbox import Sandbox, SandboxClock

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def path(sandbox: Sandbox, call: Caller) -> str:
    """Return the path of a live run."""
    return call.run_path(sandbox.seed(live=1).groups[0])


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer nonsense", "Basic {token}", "{token}", None])
async def test_a_missing_or_unknown_token_is_a_401(
    sandbox: Sandbox, call: Caller, path: str, authorization: str | None
) -> None:
    """A missing, malformed or unknown token is a 401."""
    if authorization is None:
        answer = await call("GET", path, without="Authorization")
    else:
        answer = await call("GET", path, headers={"Authorization": authorization.format(token=sandbox.token)})
    assert (answer.status, answer.json["object"]) == (401, "authorization_error")


async def test_an_expired_token_is_a_403(sandbox: Sandbox, call: Caller, path: str, clock: SandboxClock) -> None:
    """An expired token gets the 403 of a missing permission; other tokens stay valid."""
    headers = {"Authorization": f"Bearer {sandbox.issue_token(lifetime=10)}"}
    assert (await call("GET", path, headers=headers)).status == 200
    clock.advance(10)
    answer = await call("GET", path, headers=headers)
    assert (answer.status, answer.json["object"]) == (403, "authorization_error")
    assert (await call("GET", path)).status == 200


async def test_all_tokens_can_be_expired(sandbox: Sandbox, call: Caller, path: str) -> None:
    """Every issued token can be expired at once; the sandbox then has a new one."""
    old = sandbox.token
    assert sandbox.token == old
    sandbox.expire_tokens()
    assert (await call("GET", path, headers={"Authorization": f"Bearer {old}"})).status == 403
    assert sandbox.token != old
    assert (await call("GET", path)).status == 200


async def test_an_api_version_that_exists_is_required(call: Caller, path: str) -> None:
    """A request without an API version is a 403 with a code of its own; a version that does not exist is a 400."""
    answer = await call("GET", path, without="Cint-API-Version")
    assert (answer.status, answer.json["object"]) == (403, "required_header_missing")
    for version in ("latest", "2025-12-19", "2025-13-18"):
        answer = await call("GET", path, headers={"Cint-API-Version": version})
        assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "Cint-API-Version")
    for version in ("2024-12-02", "2025-02-17", "2025-05-27", "2025-12-18", "upcoming-release"):
        assert (await call("GET", path, headers={"Cint-API-Version": version})).status == 200


async def test_an_unknown_account_is_a_403(call: Caller, path: str) -> None:
    """Another account is a 403."""
    answer = await call("GET", path.replace("/101/", "/102/"))
    assert (answer.status, answer.json["object"]) == (403, "authorization_error")


async def test_an_unknown_path_or_method_has_the_apis_error(call: Caller, path: str) -> None:
    """An unknown path is a 404 even without a token; an unknown method is a 405 that lists the allowed ones."""
    answer = await call("GET", "/demand/nowhere", without="Authorization")
    assert (answer.status, answer.json["object"]) == (404, "not_found_error")
    answer = await call("DELETE", path)
    assert (answer.status, answer.json["object"]) == (405, "method_not_allowed_error")
    assert answer.headers["Allow"] == "GET, PUT"


async def test_a_body_can_be_too_large(call: Caller, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body above the limit is a 413."""
    monkeypatch.setattr("fieldingkit.sandbox.app._MAX_BODY_BYTES", 100)
    async with Sandbox() as small:
        answer = await Caller(small, call.session)("PUT", path, data=b"x" * 101)
    assert (answer.status, answer.json["object"]) == (413, "content_too_large_error")


async def test_requests_above_the_rate_are_a_429(clock: SandboxClock) -> None:
    """Above the rate the answer is a 429 in a shape of its own, with whole seconds to wait."""
    async with Sandbox(rate=2, clock=clock) as sandbox, aiohttp.ClientSession() as session:
        call = Caller(sandbox, session)
        path = call.run_path(sandbox.seed(live=1).groups[0])
        assert [(await call("GET", path)).status for _ in range(3)] == [200, 200, 429]
        answer = await call("GET", path)
        assert answer.headers["Retry-After"] == "1"
        assert answer.json == {"object": "too_many_requests_problem_details", "details": answer.json["details"]}
        clock.advance(0.5)
        assert [(await call("GET", path)).status for _ in range(2)] == [200, 429]


async def test_a_rate_below_one_allows_single_requests(clock: SandboxClock) -> None:
    """A rate below one request a second allows one, then names the seconds to the next."""
    async with Sandbox(rate=0.1, clock=clock) as sandbox, aiohttp.ClientSession() as session:
        call = Caller(sandbox, session)
        path = call.run_path(sandbox.seed(live=1).groups[0])
        assert (await call("GET", path)).status == 200
        assert (await call("GET", path)).headers["Retry-After"] == "10"


def test_a_rate_must_be_positive() -> None:
    """A rate of zero is a ValueError; None means no limit."""
    with pytest.raises(ValueError, match="greater than zero"):
        Sandbox(rate=0)


async def test_an_answer_continues_the_callers_trace(call: Caller, path: str) -> None:
    """The answer has the caller's trace id with another span, and the caller's tracestate."""
    headers = {"traceparent": TRACEPARENT, "tracestate": "a=1, b=2"}
    for answer in (await call("GET", path, headers=headers), await call("GET", "/nowhere", headers=headers)):
        version, trace_id, span_id, flags = answer.headers["traceparent"].split("-")
        assert (version, trace_id, flags) == ("00", TRACEPARENT.split("-")[1], "01")
        assert span_id != TRACEPARENT.split("-")[2]
        assert answer.headers["tracestate"] == "a=1, b=2"


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "nonsense",
        TRACEPARENT.upper(),
        "ff" + TRACEPARENT[2:],
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
    ],
)
async def test_an_invalid_trace_is_replaced(call: Caller, path: str, traceparent: str) -> None:
    """With an invalid traceparent the sandbox starts a trace of its own and drops the tracestate."""
    answer = await call("GET", path, headers={"traceparent": traceparent, "tracestate": "a=1"})
    assert answer.headers["traceparent"].split("-")[1] not in {TRACEPARENT.split("-")[1], "0" * 32}
    assert "tracestate" not in answer.headers


@pytest.mark.parametrize("header", [b"tracestate: a=\xff\xfe", b"Content-Encoding: gzip", b'If-Match: "\xff"'])
async def test_undecodable_headers_and_bodies_are_answered(sandbox: Sandbox, path: str, header: bytes) -> None:
    """Header bytes that are not UTF-8, and a body that does not decompress, never cause a 500."""
    host, _, port = sandbox.url.removesuffix("/v1").removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"PUT /v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sandbox.token}\r\nContent-Length: 2\r\n"
    more = f"Cint-API-Version: 2025-12-18\r\ntraceparent: {TRACEPARENT}\r\nContent-Type: application/json\r\n"
    writer.write(head.encode() + more.encode() + header + b"\r\n\r\n{}")
    status = (await reader.readline()).split()[1]
    assert status in {b"400", b"412"}
    writer.close()
    await writer.wait_closed()


async def test_every_answer_has_the_gateways_headers(call: Caller, path: str, clock: SandboxClock) -> None:
    """Every answer has a request id and the sandbox's date; successful ones have rate-limit headers of 0."""
    clock.advance(1_000_000)
    healthy, sick = await call("GET", path), await call("GET", path, without="Authorization")
    for answer in (healthy, sick):
        assert parsedate_to_datetime(answer.headers["Date"]) == clock.now().replace(microsecond=0)
    assert healthy.headers["X-Request-Id"] != sick.headers["X-Request-Id"]
    for name in ("X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"):
        assert healthy.headers[name] == "0"
        assert name not in sick.headers


async def test_every_error_has_an_id_of_its_own(call: Caller) -> None:
    """Each error has an id of its own."""
    ids = {(await call("GET", "/nowhere")).json["id"] for _ in range(3)}
    assert len(ids) == 3


async def test_requests_are_recorded_with_their_answers(
    sandbox: Sandbox, call: Caller, path: str, clock: SandboxClock
) -> None:
    """Each request is recorded as it was sent, with its answer."""
    await call("PUT", f"{path}?a=1", json={"b": 2}, headers={"traceparent": TRACEPARENT})
    await call("GET", "/nowhere")
    first, second = sandbox.requests
    assert (first.index, first.at, first.method, first.path) == (0, clock.now(), "PUT", f"/v1{path}")
    assert (dict(first.query), first.body, first.json) == ({"a": "1"}, b'{"b": 2}', {"b": 2})
    assert first.headers["CINT-api-version"] == "2025-12-18"
    assert (first.traceparent, first.operation_id, first.fault) == (TRACEPARENT, "update_fielding_run", None)
    assert first.answer is not None
    assert (first.status, first.answer.json["object"]) == (400, "bad_request_error")
    assert (second.index, second.operation_id, second.status, second.json) == (1, None, 404, None)


async def test_an_index_is_never_reused(sandbox: Sandbox, call: Caller) -> None:
    """Indexes continue after the recorded requests are cleared."""
    await call("GET", "/nowhere")
    sandbox.requests.clear()
    await call("GET", "/nowhere")
    assert [request.index for request in sandbox.requests] == [1]
