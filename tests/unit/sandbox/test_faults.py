"""Every fault, and the plan that assigns faults to requests."""

import asyncio
import gzip
import time
from email.utils import parsedate_to_datetime

import aiohttp
import attrs
import pytest
from aiohttp import web
from support.sandbox_caller import Caller

from fieldingkit.sandbox import Sandbox, SandboxClock, TargetGroup, faults

PAUSE = "pause_fielding_run"
READ = "get_fielding_run"
BULK_PAUSE = "create_bulk_pause_target_groups_job"


@pytest.fixture
def group(sandbox: Sandbox) -> TargetGroup:
    """Return a live target group."""
    return sandbox.seed(live=1).groups[0]


@pytest.mark.parametrize(
    ("fault", "status", "body", "headers"),
    [
        (faults.Answer(503, {"sorry": True}, {"Retry-After": "7"}), 503, b'{"sorry": true}', {"Retry-After": "7"}),
        (faults.Answer(200, b"\x00", {"Content-Type": "application/x-odd"}), 200, b"\x00", {}),
        (faults.HtmlPage(504), 504, b"<html>", {"Content-Type": "text/html; charset=utf-8"}),
        (faults.Redirect("https://elsewhere.example/", 301), 301, b"", {"Location": "https://elsewhere.example/"}),
    ],
)
async def test_a_fault_answers_without_handling_the_request(
    sandbox: Sandbox,
    call: Caller,
    group: TargetGroup,
    fault: faults.Fault,
    status: int,
    body: bytes,
    headers: dict[str, str],
) -> None:
    """A fault can answer with any status, body and headers; the request is not handled."""
    sandbox.faults.add(PAUSE, fault)
    answer = await call.act("pause", group)
    assert (answer.status, answer.body[: len(body)]) == (status, body)
    assert answer.headers["traceparent"]
    assert {name: answer.headers[name] for name in headers} == headers
    assert group.status == "live"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "bad_request_error"),
        (409, "conflict_error"),
        (429, "too_many_requests_problem_details"),
        (500, "unexpected_internal_error"),
        (503, "unexpected_internal_error"),
    ],
)
async def test_an_error_answer_has_the_apis_body(
    sandbox: Sandbox, call: Caller, group: TargetGroup, status: int, kind: str
) -> None:
    """An error answer without a body of its own has the API's body for the status."""
    sandbox.faults.add(PAUSE, faults.Answer(status))
    answer = await call.act("pause", group)
    assert (answer.status, answer.json["object"]) == (status, kind)


@pytest.mark.parametrize(
    ("fault", "headers", "body"),
    [
        (faults.EmptyBody(), {"ETag": 'W/"1"'}, b""),
        (faults.WrongContentType("text/plain"), {"Content-Type": "text/plain"}, b'{"id":'),
        (faults.WrongCharset(), {"Content-Type": "application/json; charset=utf-16"}, b'{"id":'),
    ],
)
async def test_a_fault_changes_the_real_answer(
    sandbox: Sandbox, call: Caller, group: TargetGroup, fault: faults.Fault, headers: dict[str, str], body: bytes
) -> None:
    """A fault can remove the body of the real answer, or declare another content type or charset."""
    sandbox.faults.add(READ, fault)
    answer = await call("GET", call.run_path(group))
    assert (answer.status, answer.body[:6]) == (200, body)
    assert {name: answer.headers[name] for name in headers} == headers


async def test_a_failure_can_be_answered_after_the_action(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A failure can be answered although the request was handled."""
    sandbox.faults.add(PAUSE, faults.ApplyThenAnswer(500))
    assert (await call.act("pause", group)).status == 500
    assert group.status == "paused"


async def test_an_answer_can_be_delayed(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """An answer can be delayed in real time."""
    sandbox.faults.add(PAUSE, faults.Delay(0.05))
    began = time.monotonic()
    assert (await call.act("pause", group)).status == 204
    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize(
    ("fault", "status"), [(faults.DropBefore(), "live"), (faults.ApplyThenDrop(), "paused"), (faults.Garbage(), "live")]
)
async def test_a_connection_can_be_closed_without_an_answer(
    sandbox: Sandbox, call: Caller, group: TargetGroup, fault: faults.Fault, status: str
) -> None:
    """A connection can be closed before or after the request is handled, or after bytes that are not HTTP."""
    sandbox.faults.add(PAUSE, fault)
    with pytest.raises(aiohttp.ClientError):
        await call.act("pause", group)
    assert (group.status, sandbox.requests[0].status) == (status, None)


async def test_a_connection_can_be_reset_within_the_body(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A connection can be reset after the headers and half of the body."""
    sandbox.faults.add(READ, faults.ResetMidBody())
    headers = {"Authorization": f"Bearer {sandbox.token}", "Cint-API-Version": "2025-12-18"}
    async with call.session.get(sandbox.url + call.run_path(group), headers=headers) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientError, match="reset"):
            await response.read()
    assert sandbox.requests[0].status == 200


@pytest.mark.parametrize(("method", "suffix", "status"), [("GET", "", "live"), ("POST", "/pause", "paused")])
async def test_json_can_be_truncated(
    sandbox: Sandbox, call: Caller, group: TargetGroup, method: str, suffix: str, status: str
) -> None:
    """Half of the JSON can be answered as a complete body; an answer without a body gets one."""
    sandbox.faults.add("*", faults.TruncatedJson())
    headers = {"Authorization": f"Bearer {sandbox.token}", "Cint-API-Version": "2025-12-18", "If-Match": "*"}
    url = sandbox.url + call.run_path(group) + suffix
    async with call.session.request(method, url, headers=headers) as response:
        body = await response.read()
    assert (response.status, body[:6], body[-1:] == b"}") == (200, b'{"id":', False)
    assert group.status == status


async def test_a_small_body_can_decompress_to_a_huge_one(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A small gzip body can decompress to a huge one, which is valid JSON."""
    sandbox.faults.add(READ, faults.GzipBomb(3_000_000))
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        answer = await Caller(sandbox, session)("GET", call.run_path(group))
    assert len(answer.body) < 30_000
    assert len(gzip.decompress(answer.body)) == 3_000_000 + len('{"data":""}')


async def test_the_date_can_be_wrong(sandbox: Sandbox, call: Caller, group: TargetGroup, clock: SandboxClock) -> None:
    """The `Date` of an answer can differ from the sandbox's clock."""
    sandbox.faults.add(READ, faults.SkewedDate(-3600))
    answer = await call("GET", call.run_path(group))
    assert (clock.now() - parsedate_to_datetime(answer.headers["Date"])).total_seconds() // 1 == 3600


@pytest.mark.parametrize(("fault", "status"), [(faults.ExpireToken(), 403), (faults.ChangeEtag(), 412)])
async def test_the_state_can_change_just_before_the_request(
    sandbox: Sandbox, call: Caller, group: TargetGroup, fault: faults.Fault, status: int
) -> None:
    """Just before a request its token can expire, or another user can change its run."""
    sandbox.faults.add(PAUSE, fault)
    assert (await call.act("pause", group)).status == status
    assert group.status == "live"
    assert (await call.act("pause", group)).status == 204


@pytest.mark.parametrize("operation", [BULK_PAUSE, "get_bulk_pause_target_groups_job"])
async def test_a_job_can_get_stuck(sandbox: Sandbox, call: Caller, group: TargetGroup, operation: str) -> None:
    """A job can stay `Processing` forever, from its creation or from a read on."""
    sandbox.faults.add(operation, faults.StuckJob())
    created = await call.create_batch("pause", group.project_id, [group.id])
    await call("GET", created.headers["Location"])
    for _ in range(3):
        assert (await call.finished(created))["status"] == "Processing"
    assert group.status == "live"


@pytest.mark.parametrize("status", [404, 410])
async def test_a_job_can_become_unreadable(sandbox: Sandbox, call: Caller, group: TargetGroup, status: int) -> None:
    """A job can become unreadable, and is executed nevertheless."""
    sandbox.faults.add(BULK_PAUSE, faults.JobGone(status))
    created = await call.create_batch("pause", group.project_id, [group.id])
    sandbox.clock.advance(1)
    assert (await call("GET", created.headers["Location"])).status == status
    assert group.status == "paused"


@pytest.mark.parametrize(("position", "kept"), [(0, (1, 2)), (1, (0, 2)), (-1, (0, 1))])
async def test_a_result_can_omit_an_item(sandbox: Sandbox, call: Caller, position: int, kept: tuple[int, ...]) -> None:
    """A result can omit one target group of the request from both lists."""
    project = sandbox.seed(live=3)
    sandbox.faults.add(BULK_PAUSE, faults.ForgetItem(position))
    job = await call.finished(await call.create_batch("pause", project.id, project.ids()))
    named = [item["target_group_id"] for item in job["updated_target_groups"]["data"]]
    assert named == [project.ids()[index] for index in kept]
    assert project.ids("paused") == project.ids()


async def test_a_job_fault_needs_a_job_that_it_fits(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A job fault does nothing to a request without a job, nor to a job without items if it is about items."""
    sandbox.faults.add("*", faults.ForgetItem(), times=None)
    assert (await call.act("pause", group)).status == 204
    assert (await call.create_batch("pause", group.project_id, [])).status == 400
    (draft,) = sandbox.seed(draft=1).groups
    created = await call.create_draft_job("launch", draft, end_fielding_at="2999-01-01T00:00:00.000Z")
    assert (await call.finished(created))["status"] == "Completed"


async def test_a_request_can_hang_without_being_handled(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A request can get no answer at all; the next one does."""
    sandbox.faults.add(PAUSE, faults.Hang())
    request = asyncio.create_task(call.act("pause", group))
    while not sandbox.requests:
        await asyncio.sleep(0)
    request.cancel()
    await asyncio.wait([request])
    assert (group.status, sandbox.requests[0].status) == ("live", None)
    assert (await call.act("pause", group)).status == 204


async def test_a_stray_answer_follows_the_real_one(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A second answer can follow on the same connection, although nothing asked for it."""
    sandbox.faults.add(READ, faults.StrayAnswer(204))
    host, _, port = sandbox.url.removesuffix("/v1").removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"GET /v1{call.run_path(group)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sandbox.token}\r\n"
    writer.write(f"{head}Cint-API-Version: 2025-12-18\r\n\r\n".encode())
    answers = await reader.readuntil(b"204 Stray\r\nContent-Length: 0\r\n\r\n")
    assert answers.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"status":"live"' in answers
    writer.close()
    await writer.wait_closed()


async def test_an_outage_ends_after_its_time(
    sandbox: Sandbox, call: Caller, group: TargetGroup, clock: SandboxClock
) -> None:
    """An outage takes precedence over every other fault until its time has passed."""
    sandbox.faults.add(PAUSE, faults.ApplyThenAnswer(503))
    sandbox.faults.outage(60)
    for _ in range(2):
        assert (await call.act("pause", group)).status == 502
        assert (await call("GET", "/nowhere")).status == 502
        clock.advance(29)
    assert group.status == "live"
    clock.advance(2)
    assert ((await call.act("pause", group)).status, group.status) == (503, "paused")
    sandbox.faults.outage(60, faults.DropBefore(), operation="get_*")
    with pytest.raises(aiohttp.ClientConnectionError):
        await call("GET", call.run_path(group))
    assert (await call.act("resume", group)).status == 204


async def test_faults_are_used_up_in_order(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A fault is injected the given number of times, then the next one, then none."""
    sandbox.faults.add(PAUSE, faults.Answer(500), times=2)
    sandbox.faults.add(PAUSE, faults.Answer(502))
    assert [(await call.act("pause", group)).status for _ in range(4)] == [500, 500, 502, 204]
    assert [request.fault for request in sandbox.requests] == [*[faults.Answer(500)] * 2, faults.Answer(502), None]


async def test_a_fault_can_last_until_it_is_cleared(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A fault without a number of times lasts until all faults are cleared."""
    sandbox.faults.add("*", faults.Answer(500), times=None)
    assert [(await call.act("pause", group)).status for _ in range(3)] == [500] * 3
    sandbox.faults.clear()
    assert (await call.act("pause", group)).status == 204


async def test_a_pattern_matches_operations(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A pattern matches the operations of its kind; a star also matches the token endpoint and unknown paths."""
    sandbox.faults.add("create_bulk_*", faults.Answer(500), times=None)
    for kind in ("pause", "resume"):
        assert (await call.create_batch(kind, group.project_id, [group.id])).status == 500
    assert (await call.act("pause", group)).status == 204
    sandbox.faults.add("*", faults.Answer(418), times=None)
    assert (await call("POST", sandbox.token_url)).status == 418
    assert (await call("GET", "/nowhere")).status == 418


async def test_a_pattern_that_matches_no_operation_is_refused(sandbox: Sandbox) -> None:
    """A misspelled operation is a ValueError instead of a fault that is never injected."""
    with pytest.raises(ValueError, match="pause_fielding_rum"):
        sandbox.faults.add("pause_fielding_rum", faults.DropBefore())
    with pytest.raises(ValueError, match="pause_fielding_rum"):
        sandbox.faults.outage(1, operation="pause_fielding_rum")


async def test_random_faults_are_reproducible(call: Caller) -> None:
    """A fault with a probability is injected about that often, into the same requests for the same seed."""
    runs: list[list[int]] = []
    for seed in (1, 1, 2):
        async with Sandbox(seed=seed) as sandbox:
            sandbox.faults.add("*", faults.Answer(500), times=None, probability=0.3)
            caller = Caller(sandbox, call.session)
            runs.append([(await caller("GET", "/nowhere")).status for _ in range(60)])
    assert runs[0] == runs[1] != runs[2]
    assert 5 < runs[0].count(500) < 30


async def test_users_can_write_their_own_faults(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A subclass of `Fault` can do anything with a request."""

    @attrs.frozen
    class Teapot(faults.Fault):
        async def inject(self, exchange: faults.Exchange) -> web.StreamResponse:
            response = await exchange.proceed()
            response.headers["X-Teapot"] = "1"
            return response

    sandbox.faults.add(PAUSE, Teapot())
    assert (await call.act("pause", group)).headers["X-Teapot"] == "1"
