"""Every fault, and the plan that says which request meets which."""

import gzip
import time
from email.utils import parsedate_to_datetime

import aiohttp
import attrs
import pytest
from aiohttp import web
from support.sandbox_caller import Caller

from fieldingkit.sandbox import Sandbox, SandboxClock, faults
from fieldingkit.sandbox.faults.base import Exchange
from fieldingkit.sandbox.model.target_groups import TargetGroup

PAUSE = "pause_fielding_run"
READ = "get_fielding_run"
BULK_PAUSE = "create_bulk_pause_target_groups_job"


@pytest.fixture
def group(sandbox: Sandbox) -> TargetGroup:
    """A live target group."""
    return sandbox.seed(live=1).groups[0]


async def test_answer(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """Any status, body and header can be answered, and the request is not handled."""
    sandbox.faults.add(PAUSE, faults.Answer(503, {"sorry": True}, {"Retry-After": "7"}))
    answer = await call.act("pause", group)
    assert (answer.status, answer.json, answer.headers["Retry-After"]) == (503, {"sorry": True}, "7")
    assert answer.headers["traceparent"]
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
async def test_answer_has_a_fitting_body(
    sandbox: Sandbox, call: Caller, group: TargetGroup, status: int, kind: str
) -> None:
    """Without a body of its own an error is answered in the API's shape."""
    sandbox.faults.add(PAUSE, faults.Answer(status))
    answer = await call.act("pause", group)
    assert (answer.status, answer.json["object"]) == (status, kind)


async def test_answer_with_bytes(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """Bytes are answered as they are."""
    sandbox.faults.add(READ, faults.Answer(200, b"\x00\x01", {"Content-Type": "application/x-odd"}))
    answer = await call("GET", call.run_path(group))
    assert (answer.body, answer.headers["Content-Type"]) == (b"\x00\x01", "application/x-odd")


async def test_apply_then_answer(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A failure can be answered after the request was carried out."""
    sandbox.faults.add(PAUSE, faults.ApplyThenAnswer(500))
    assert (await call.act("pause", group)).status == 500
    assert group.status == "paused"


async def test_delay(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """An answer can come late, in real time."""
    sandbox.faults.add(PAUSE, faults.Delay(0.05))
    began = time.monotonic()
    assert (await call.act("pause", group)).status == 204
    assert time.monotonic() - began >= 0.05


async def test_drop_before(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A connection can be closed before the request is handled."""
    sandbox.faults.add(PAUSE, faults.DropBefore())
    with pytest.raises(aiohttp.ClientConnectionError):
        await call.act("pause", group)
    assert (group.status, sandbox.requests[0].status) == ("live", None)


async def test_apply_then_drop(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A connection can be closed after the request was handled."""
    sandbox.faults.add(PAUSE, faults.ApplyThenDrop())
    with pytest.raises(aiohttp.ClientConnectionError):
        await call.act("pause", group)
    assert (group.status, sandbox.requests[0].status) == ("paused", None)


async def test_reset_mid_body(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A connection can be reset in the middle of the body, when the status is known already."""
    sandbox.faults.add(READ, faults.ResetMidBody())
    path = sandbox.url + call.run_path(group)
    headers = {"Authorization": f"Bearer {sandbox.token}", "Cint-API-Version": "2025-12-18"}
    async with call.session.get(path, headers=headers) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientError, match="reset"):
            await response.read()
    assert sandbox.requests[0].status == 200


async def test_truncated_json(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """Half of the JSON can be answered as if it were all; an answer without a body gets half a one."""
    sandbox.faults.add("*", faults.TruncatedJson(), times=2)
    for answer in (await call_raw(call, "GET", group), await call_raw(call, "POST", group)):
        assert answer[0] == 200
        assert answer[1].startswith('{"id":')
        assert not answer[1].endswith("}")
    assert group.status == "paused"


async def call_raw(call: Caller, method: str, group: TargetGroup) -> tuple[int, str]:
    """Read or pause a run, and give status and text as they are."""
    path = call.sandbox.url + call.run_path(group) + ("/pause" if method == "POST" else "")
    headers = {
        "Authorization": f"Bearer {call.sandbox.token}",
        "Cint-API-Version": "2025-12-18",
        "If-Match": "*",
    }
    async with call.session.request(method, path, headers=headers) as response:
        return response.status, (await response.read()).decode()


async def test_empty_body(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A body can be missing, with everything else in order."""
    sandbox.faults.add(READ, faults.EmptyBody())
    answer = await call("GET", call.run_path(group))
    assert (answer.status, answer.body, answer.headers["ETag"]) == (200, b"", 'W/"1"')


async def test_wrong_content_type(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """JSON can be called something else."""
    sandbox.faults.add(READ, faults.WrongContentType("text/plain"))
    answer = await call("GET", call.run_path(group))
    assert (answer.headers["Content-Type"], answer.body[:1]) == ("text/plain", b"{")


async def test_wrong_charset(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A charset can be named that the body is not in."""
    sandbox.faults.add(READ, faults.WrongCharset())
    answer = await call("GET", call.run_path(group))
    assert answer.headers["Content-Type"] == "application/json; charset=utf-16"


async def test_html_page(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A proxy's page can come instead of the API's answer."""
    sandbox.faults.add(PAUSE, faults.HtmlPage(504))
    answer = await call.act("pause", group)
    assert (answer.status, answer.body[:6]) == (504, b"<html>")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert group.status == "live"


async def test_garbage(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """Bytes that are not HTTP can come over the wire."""
    sandbox.faults.add(PAUSE, faults.Garbage())
    with pytest.raises(aiohttp.ClientError):
        await call.act("pause", group)
    assert (group.status, sandbox.requests[0].status) == ("live", None)


async def test_gzip_bomb(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A small body can unpack to a huge one, which is valid JSON."""
    sandbox.faults.add(READ, faults.GzipBomb(3_000_000))
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        answer = await Caller(sandbox, session)("GET", call.run_path(group), headers={"If-Match": "*"})
    assert len(answer.body) < 30_000
    whole = gzip.decompress(answer.body)
    assert len(whole) == 3_000_000 + len('{"data":""}')


async def test_redirect(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A redirect can come to anywhere."""
    sandbox.faults.add(READ, faults.Redirect("https://elsewhere.example/", 301))
    answer = await call("GET", call.run_path(group))
    assert (answer.status, answer.headers["Location"]) == (301, "https://elsewhere.example/")


async def test_skewed_date(sandbox: Sandbox, call: Caller, group: TargetGroup, clock: SandboxClock) -> None:
    """The date of an answer can be off."""
    sandbox.faults.add(READ, faults.SkewedDate(-3600))
    answer = await call("GET", call.run_path(group))
    assert (clock.now() - parsedate_to_datetime(answer.headers["Date"])).total_seconds() // 1 == 3600


async def test_expire_token(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A token can expire just before the request."""
    sandbox.faults.add(PAUSE, faults.ExpireToken())
    answer = await call.act("pause", group)
    assert (answer.status, answer.json["object"]) == (403, "authorization_error")
    assert (await call.act("pause", group)).status == 204


async def test_change_etag(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A run can be changed by somebody else just before the request."""
    sandbox.faults.add(PAUSE, faults.ChangeEtag())
    assert (await call.act("pause", group)).status == 412
    assert group.status == "live"
    assert (await call.act("pause", group)).status == 204


@pytest.mark.parametrize("operation", [BULK_PAUSE, "get_bulk_pause_target_groups_job"])
async def test_stuck_job(sandbox: Sandbox, call: Caller, group: TargetGroup, operation: str) -> None:
    """A job can stay `Processing` for ever, from its creation or from a read on."""
    sandbox.faults.add(operation, faults.StuckJob())
    created = await call.create_batch("pause", group.project_id, [group.id])
    await call("GET", created.headers["Location"])
    for _ in range(3):
        assert (await call.finished(created))["status"] == "Processing"
    assert group.status == "live"


@pytest.mark.parametrize("status", [404, 410])
async def test_job_gone(sandbox: Sandbox, call: Caller, group: TargetGroup, status: int) -> None:
    """A job can become unreadable, and is done all the same."""
    sandbox.faults.add(BULK_PAUSE, faults.JobGone(status))
    created = await call.create_batch("pause", group.project_id, [group.id])
    sandbox.clock.advance(1)
    assert (await call("GET", created.headers["Location"])).status == status
    assert group.status == "paused"


@pytest.mark.parametrize(("position", "kept"), [(0, (1, 2)), (1, (0, 2)), (-1, (0, 1))])
async def test_forget_item(sandbox: Sandbox, call: Caller, position: int, kept: tuple[int, ...]) -> None:
    """A result can name one group of the request in neither list."""
    project = sandbox.seed(live=3)
    sandbox.faults.add(BULK_PAUSE, faults.ForgetItem(position))
    job = await call.finished(await call.create_batch("pause", project.id, project.ids()))
    named = [item["target_group_id"] for item in job["updated_target_groups"]["data"]]
    assert named == [project.ids()[index] for index in kept]
    assert project.ids("paused") == project.ids()


async def test_job_faults_need_a_job(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A fault of a job does nothing to a request that has none."""
    sandbox.faults.add("*", faults.StuckJob(), times=None)
    assert (await call.act("pause", group)).status == 204
    assert (await call.create_batch("pause", group.project_id, [])).status == 400


async def test_forget_item_is_for_batches(sandbox: Sandbox, call: Caller) -> None:
    """A draft job has no items to forget."""
    (group,) = sandbox.seed(draft=1).groups
    sandbox.faults.add("*", faults.ForgetItem())
    created = await call.create_draft_job("launch", group, end_fielding_at="2999-01-01T00:00:00.000Z")
    assert (await call.finished(created))["status"] == "Completed"


async def test_times(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A fault meets as many requests as it was told, then the next one does, then none."""
    sandbox.faults.add(PAUSE, faults.Answer(500), times=2)
    sandbox.faults.add(PAUSE, faults.Answer(502))
    assert [(await call.act("pause", group)).status for _ in range(4)] == [500, 500, 502, 204]
    assert [request.fault for request in sandbox.requests] == [
        faults.Answer(500),
        faults.Answer(500),
        faults.Answer(502),
        None,
    ]


async def test_for_ever_until_cleared(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """Without a number a fault stays until all are cleared."""
    sandbox.faults.add("*", faults.Answer(500), times=None)
    assert [(await call.act("pause", group)).status for _ in range(3)] == [500] * 3
    sandbox.faults.clear()
    assert (await call.act("pause", group)).status == 204


async def test_patterns(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A pattern fits all operations of its kind, and no others."""
    sandbox.faults.add("create_bulk_*", faults.Answer(500), times=None)
    for kind in ("pause", "resume"):
        assert (await call.create_batch(kind, group.project_id, [group.id])).status == 500
    assert (await call.act("pause", group)).status == 204


async def test_a_star_fits_everything(sandbox: Sandbox, call: Caller) -> None:
    """A star fits the token endpoint and unknown paths as well."""
    sandbox.faults.add("*", faults.Answer(418), times=None)
    assert (await call("POST", sandbox.token_url)).status == 418
    assert (await call("GET", "/nowhere")).status == 418


async def test_an_unknown_operation_is_refused(sandbox: Sandbox) -> None:
    """A name or pattern that no operation fits is a ValueError, so that a slip of the pen is no silent success."""
    with pytest.raises(ValueError, match="pause_fielding_rum"):
        sandbox.faults.add("pause_fielding_rum", faults.DropBefore())


async def test_probability_is_repeatable(call: Caller) -> None:
    """A fault that comes by chance comes the same way again with the same seed, and about as often as told."""
    runs: list[list[int]] = []
    for seed in (1, 1, 2):
        async with Sandbox(seed=seed) as sandbox:
            sandbox.faults.add("*", faults.Answer(500), times=None, probability=0.3)
            caller = Caller(sandbox, call.session)
            runs.append([(await caller("GET", "/nowhere")).status for _ in range(60)])
    assert runs[0] == runs[1] != runs[2]
    assert 5 < runs[0].count(500) < 30


async def test_a_fault_of_your_own(sandbox: Sandbox, call: Caller, group: TargetGroup) -> None:
    """A subclass of `Fault` can do what none of the catalogue does."""

    @attrs.frozen
    class Teapot(faults.Fault):
        async def inject(self, exchange: Exchange) -> web.StreamResponse:
            response = await exchange.proceed()
            response.headers["X-Teapot"] = "1"
            return response

    sandbox.faults.add(PAUSE, Teapot())
    assert (await call.act("pause", group)).headers["X-Teapot"] == "1"
