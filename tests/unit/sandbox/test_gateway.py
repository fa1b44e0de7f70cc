"""What the front door does with every request."""

from email.utils import parsedate_to_datetime

import aiohttp
import pytest
from support.sandbox_caller import Caller

from fieldingkit.sandbox import Sandbox, SandboxClock

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def path(sandbox: Sandbox, call: Caller) -> str:
    """The path of some live run."""
    return call.run_path(sandbox.seed(live=1).groups[0])


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer nonsense", "Basic {token}", "{token}"])
async def test_a_token_is_needed(sandbox: Sandbox, call: Caller, path: str, authorization: str) -> None:
    """A missing, garbled or unknown token is a 401."""
    headers = {"Authorization": authorization.format(token=sandbox.token)}
    answer = await call("GET", path, headers=headers)
    assert (answer.status, answer.json["object"]) == (401, "authorization_error")


async def test_no_authorization_at_all(call: Caller, path: str) -> None:
    """A request without the header is a 401."""
    assert (await call("GET", path, without="Authorization")).status == 401


async def test_an_expired_token_is_forbidden(sandbox: Sandbox, call: Caller, path: str, clock: SandboxClock) -> None:
    """An expired token is a 403 that looks like a missing permission; other tokens go on."""
    token = sandbox.issue_token(lifetime=10)
    headers = {"Authorization": f"Bearer {token}"}
    assert (await call("GET", path, headers=headers)).status == 200
    clock.advance(10)
    answer = await call("GET", path, headers=headers)
    assert (answer.status, answer.json["object"]) == (403, "authorization_error")
    assert (await call("GET", path)).status == 200


async def test_tokens_can_be_expired(sandbox: Sandbox, call: Caller, path: str) -> None:
    """All tokens can be made to expire at once, and the sandbox then gives a new one."""
    old = sandbox.token
    assert sandbox.token == old
    sandbox.expire_tokens()
    assert (await call("GET", path, headers={"Authorization": f"Bearer {old}"})).status == 403
    assert sandbox.token != old
    assert (await call("GET", path)).status == 200


async def test_the_api_version_is_needed(call: Caller, path: str) -> None:
    """A request without its API version is a 403 of its own kind, a malformed one a 400."""
    answer = await call("GET", path, without="Cint-API-Version")
    assert (answer.status, answer.json["object"]) == (403, "required_header_missing")
    answer = await call("GET", path, headers={"Cint-API-Version": "latest"})
    assert (answer.status, answer.json["object"]) == (400, "bad_request_error")


async def test_an_unknown_account_is_forbidden(call: Caller, path: str) -> None:
    """Another account is a 403."""
    answer = await call("GET", path.replace("/101/", "/102/"))
    assert (answer.status, answer.json["object"]) == (403, "authorization_error")


async def test_malformed_ids_are_never_echoed(sandbox: Sandbox, call: Caller) -> None:
    """An id that does not look like one is a 400, and its text comes back nowhere."""
    group = sandbox.seed(live=1).groups[0]
    path = call.run_path(group)
    canary = "c4n4ry%20<x>"
    for known in ("101", group.project_id, group.id, path.rpartition("/")[2]):
        answer = await call("GET", path.replace(known, canary))
        assert (answer.status, answer.json["object"]) == (400, "bad_request_error")
        assert b"c4n4ry" not in answer.body
        assert "c4n4ry" not in str(answer.headers)


async def test_an_unknown_route_is_not_found(call: Caller) -> None:
    """A path that the contract does not have is a 404 in the API's own shape, even without a token."""
    answer = await call("GET", "/demand/nowhere", without="Authorization")
    assert (answer.status, answer.json["object"]) == (404, "not_found_error")


async def test_a_wrong_method_is_not_allowed(call: Caller, path: str) -> None:
    """A method that a path does not have is a 405 that names those it has."""
    answer = await call("DELETE", path)
    assert (answer.status, answer.json["object"]) == (405, "method_not_allowed_error")
    assert answer.headers["Allow"] == "GET, PUT"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_has_to_be_json(sandbox: Sandbox, call: Caller, content_type: str) -> None:
    """A body that is not declared as JSON is a 415."""
    project = sandbox.seed(live=1)
    path = f"/demand/accounts/101/projects/{project.id}/batch-jobs/pause-fielding-runs-by-target-group-id"
    answer = await call("POST", path, data=b"{}", headers={"Content-Type": content_type, "Idempotency-Key": "key"})
    assert (answer.status, answer.json["object"]) == (415, "unsupported_media_type_error")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"null", b"\xff"])
async def test_a_body_has_to_be_an_object(sandbox: Sandbox, call: Caller, body: bytes) -> None:
    """A body that is no JSON object is a 400."""
    project = sandbox.seed(live=1)
    path = f"/demand/accounts/101/projects/{project.id}/batch-jobs/pause-fielding-runs-by-target-group-id"
    headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": "key"}
    answer = await call("POST", path, data=body, headers=headers)
    assert (answer.status, answer.json["object"]) == (400, "bad_request_error")


async def test_a_body_can_be_too_large(
    sandbox: Sandbox, call: Caller, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body beyond every measure is a 413."""
    monkeypatch.setattr("fieldingkit.sandbox.app._MAX_BODY_BYTES", 100)
    async with Sandbox() as small:
        answer = await Caller(small, call.session)("PUT", path, data=b"x" * 101)
    assert (answer.status, answer.json["object"]) == (413, "content_too_large_error")


async def test_the_rate_limit(clock: SandboxClock) -> None:
    """Above the rate the answer is 429 with whole seconds to wait, in a shape of its own, and then it goes on."""
    async with Sandbox(rate=2, clock=clock) as sandbox, aiohttp.ClientSession() as session:
        call = Caller(sandbox, session)
        path = call.run_path(sandbox.seed(live=1).groups[0])
        statuses = [(await call("GET", path)).status for _ in range(3)]
        assert statuses == [200, 200, 429]
        answer = await call("GET", path)
        assert answer.headers["Retry-After"] == "1"
        assert answer.json == {"object": "too_many_requests_problem_details", "details": answer.json["details"]}
        clock.advance(0.5)
        assert [(await call("GET", path)).status for _ in range(2)] == [200, 429]


async def test_a_slow_rate(clock: SandboxClock) -> None:
    """A rate below one a second lets one request through, and then names the seconds to the next."""
    async with Sandbox(rate=0.1, clock=clock) as sandbox, aiohttp.ClientSession() as session:
        call = Caller(sandbox, session)
        path = call.run_path(sandbox.seed(live=1).groups[0])
        assert (await call("GET", path)).status == 200
        assert (await call("GET", path)).headers["Retry-After"] == "10"


def test_a_rate_is_positive() -> None:
    """No rate at all is None, not zero."""
    with pytest.raises(ValueError, match="greater than zero"):
        Sandbox(rate=0)


async def test_a_trace_goes_on(call: Caller, path: str) -> None:
    """The answer names the caller's trace with a span of its own, and its tracestate as it came."""
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
async def test_a_broken_trace_is_not_taken(call: Caller, path: str, traceparent: str) -> None:
    """With an invalid trace context the sandbox begins a trace of its own, and drops the tracestate."""
    answer = await call("GET", path, headers={"traceparent": traceparent, "tracestate": "a=1"})
    assert answer.headers["traceparent"].split("-")[1] not in {TRACEPARENT.split("-")[1], "0" * 32}
    assert "tracestate" not in answer.headers


async def test_the_usual_headers(call: Caller, path: str, clock: SandboxClock) -> None:
    """Every answer has a request id and the sandbox's date; healthy ones say 0 as their rate limit."""
    clock.advance(1_000_000)
    healthy, sick = await call("GET", path), await call("GET", path, without="Authorization")
    for answer in (healthy, sick):
        assert parsedate_to_datetime(answer.headers["Date"]) == clock.now().replace(microsecond=0)
    assert healthy.headers["X-Request-Id"] != sick.headers["X-Request-Id"]
    for name in ("X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"):
        assert healthy.headers[name] == "0"
        assert name not in sick.headers


async def test_error_ids_differ(call: Caller) -> None:
    """Each error has an id of its own."""
    ids = {(await call("GET", "/nowhere")).json["id"] for _ in range(3)}
    assert len(ids) == 3


async def test_requests_are_recorded(sandbox: Sandbox, call: Caller, path: str, clock: SandboxClock) -> None:
    """Each request is kept as it came, with what was answered."""
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


async def test_an_index_is_never_used_again(sandbox: Sandbox, call: Caller) -> None:
    """The record can be cleared, and goes on counting."""
    await call("GET", "/nowhere")
    sandbox.requests.clear()
    await call("GET", "/nowhere")
    assert [request.index for request in sandbox.requests] == [1]
