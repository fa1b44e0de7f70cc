"""Reconciliations in the sandbox: what they change, until when, and what their files hold."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from support.sandbox_caller import Answer, Caller

from fieldingkit.sandbox import Project, Sandbox, SandboxClock

PATH = "/demand/accounts/101/reconciliations"
NOVEMBER = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> SandboxClock:
    """Return a frozen clock in November."""
    clock = SandboxClock(NOVEMBER)
    clock.freeze()
    return clock


async def post(call: Caller, rows: Iterable[tuple[str, ...]], path: str = PATH, **headers: str) -> Answer:
    """Submit rows."""
    body = "".join(f"{','.join(row)}\n" for row in rows)
    return await call(
        "POST", path, params={"name": "list.csv"}, data=body, headers={"Content-Type": "text/csv", **headers}
    )


async def reconciled(call: Caller, rows: Iterable[tuple[str, ...]], path: str = PATH) -> Any:
    """Submit rows, and return the reconciliation when it is complete."""
    answer = await post(call, rows, path)
    assert answer.status == 202
    call.sandbox.clock.advance(1)
    return (await call("GET", f"{PATH}/{answer.json['request_id']}")).json


def rids(project: Project, outcome: str) -> list[str]:
    """Return the RIDs of the respondents with an outcome."""
    return [one.rid for group in project.groups for one in group.respondents if one.outcome == outcome]


def counts(body: Any) -> dict[str, int]:
    """Return the counts of an answer."""
    return {name.removesuffix("_count"): number for name, number in body.items() if name.endswith("_count")}


async def test_codes_make_and_terminate_completes(sandbox: Sandbox, call: Caller) -> None:
    """Code 11 makes a complete, another code terminates one; counters and cost follow; unchanged rows count no more."""
    project = sandbox.seed(live=1, completes=4)
    (group,) = project.groups
    complete, other = rids(project, "complete"), rids(project, "screenout")
    rows = [(complete[0].upper(), "932"), (complete[1], "11"), (other[0], "11"), (other[1], "11"), (other[2], "932")]
    body = await reconciled(call, rows)
    assert counts(body) == {
        "submitted": 5,
        "expired": 0,
        "invalid": 0,
        "positive_reversed": 2,
        "negative_reversed": 1,
    }
    assert (body["status"], group.completes, group.ledger.cost.value) == ("complete", 5, 12.5)
    assert (sandbox.respondent(complete[0]).reconciled or ())[:2] == (body["request_id"], "932")
    groups = (await call("GET", f"{PATH}/{body['request_id']}/target-groups")).json["target_groups"]
    assert groups == [
        {"target_group_id": group.id, "status": "complete"} | {f"{k}_count": v for k, v in counts(body).items()}
    ]
    assert (await call("GET", f"{PATH}/{body['request_id']}/target-groups/{group.id}")).json == groups[0]


async def test_rows_that_cannot_be_used_are_invalid(sandbox: Sandbox, call: Caller) -> None:
    """Unknown and malformed ids, unknown codes, other accounts and drafts are invalid; the others are applied."""
    project = sandbox.seed(live=1, completes=4)
    foreign = sandbox.seed(account_id=7, live=1)
    complete = rids(project, "complete")
    unknown = str(uuid.uuid4())
    rows = [
        ("rid", "code"),
        (unknown, "11"),
        (complete[0], "999"),
        (rids(foreign, "complete")[0], "932"),
        (complete[1],),
    ]
    body = await reconciled(call, [*rows, (complete[2], "932")])
    assert (body["invalid_count"], body["negative_reversed_count"]) == (5, 1)
    file = await call("GET", f"{PATH}/{body['request_id']}/downloads/invalid-rids")
    assert file.headers["Content-Type"] == "text/csv"
    assert file.body.decode().splitlines() == [",".join((*row, "")[:2]) for row in rows]


async def test_rows_after_the_25th_are_expired(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """The last moment is the end of the 25th of the next month in Central Time."""
    project = sandbox.seed(live=1, completes=4)
    complete = rids(project, "complete")
    clock.advance((datetime(2026, 12, 26, 5, 59, 59, tzinfo=UTC) - clock.now()).total_seconds())
    assert (await reconciled(call, [(complete[0], "932")]))["expired_count"] == 0
    body = await reconciled(call, [(complete[1], "932")])
    assert (body["expired_count"], body["negative_reversed_count"]) == (1, 0)
    file = await call("GET", f"{PATH}/{body['request_id']}/downloads/expired-rids")
    assert file.body.decode() == f"{complete[1]},932\n"


async def test_a_list_of_completes_terminates_all_others(sandbox: Sandbox, call: Caller) -> None:
    """Completes of the project that are left out are terminated, those of other projects are not; screenouts gain."""
    project, other = sandbox.seed(live=1, completed=1, completes=4), sandbox.seed(live=1, completes=4)
    kept, screenout = rids(project, "complete")[:3], rids(project, "screenout")[0]
    path = f"/demand/accounts/101/projects/{project.id}/reconciliations/completes"
    foreign = rids(other, "complete")[0]
    body = await reconciled(call, [(rid,) for rid in (*kept, screenout, foreign)], path)
    assert (body["submission_type"], body["submitted_count"], body["invalid_count"]) == ("approved_rids", 5, 1)
    assert (body["positive_reversed_count"], body["negative_reversed_count"]) == (1, 5)
    assert sorted(rids(project, "complete")) == sorted([*kept, screenout])
    assert len(rids(other, "complete")) == 4
    file = await call("GET", f"{PATH}/{body['request_id']}/downloads/remaining-project-completes")
    assert sorted(file.body.decode().split()) == sorted([*kept, screenout])


async def test_a_completed_group_below_its_goal_is_live_again(sandbox: Sandbox, call: Caller) -> None:
    """A reversal that takes a completed target group below its goal puts it back to live."""
    project = sandbox.seed(completed=1, goal=4, completes=4)
    await reconciled(call, [(rids(project, "complete")[0], "932")])
    assert project.groups[0].status == "live"


async def test_files_are_there_when_the_list_is_complete(sandbox: Sandbox, call: Caller) -> None:
    """The submitted rows can be read at once, the other files not before the end, and unknown ones never."""
    project = sandbox.seed(live=1)
    rid = rids(project, "complete")[0]
    answer = await post(call, [(rid, "932")])
    path = f"{PATH}/{answer.json['request_id']}"
    assert answer.json["name"] == "list.csv"
    assert (await call("GET", path)).json["status"] == "processing"
    kinds = ["submitted-rids", "expired-rids", "invalid-rids", "remaining-project-completes", "others"]
    assert [(await call("GET", f"{path}/downloads/{kind}")).status for kind in kinds] == [200, 404, 404, 404, 404]
    sandbox.clock.advance(1)
    files = [await call("GET", f"{path}/downloads/{kind}") for kind in kinds]
    assert [file.status for file in files] == [200, 200, 200, 404, 404]
    assert [file.body for file in files[:3]] == [f"{rid},932\n".encode(), b"", b""]
    listed = (await call("GET", PATH, params={"status": "completed"})).json["reconciliation_requests"]
    assert [one["id"] for one in listed] == [answer.json["request_id"]]
    assert listed[0]["result_counts"]["total_reversed"] == 1
    assert (await call("GET", PATH, params={"name": "other.csv"})).json["reconciliation_requests"] == []
    missing = [f"{PATH}/01BTGNYV6HRNK8K8VKZASZCFP0", f"{path}/target-groups/01BTGNYV6HRNK8K8VKZASZCFP0"]
    assert [(await call("GET", one)).status for one in missing] == [404, 404]


async def test_a_key_stands_for_one_list(sandbox: Sandbox, call: Caller) -> None:
    """The same list with the same key is the same reconciliation; another list with it is a conflict."""
    rid = rids(sandbox.seed(live=1), "complete")[0]
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, again = await post(call, [(rid, "932")], **key), await post(call, [(rid, "932")], **key)
    assert first.json == again.json
    assert (await post(call, [(rid, "11")], **key)).status == 409
    assert len(sandbox.jobs) == 1


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"params": {}}, 400),
        ({"data": b""}, 400),
        ({"data": b"x,11\n" * 100_001}, 400),
        ({"headers": {"Content-Type": "application/json"}}, 415),
        ({"headers": {"Content-Type": "text/csv", "Idempotency-Key": "mine"}}, 400),
    ],
)
async def test_a_malformed_upload_is_refused(call: Caller, options: dict[str, Any], status: int) -> None:
    """A list needs a name, 1 to 100,000 rows, the type of CSV, and a UUID as its key if it has one."""
    usual = {"params": {"name": "list.csv"}, "data": b"x,11\n", "headers": {"Content-Type": "text/csv"}}
    assert (await call("POST", PATH, **{**usual, **options})).status == status


async def test_eligible_groups_are_listed_with_their_money(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """Completes of last month are due this month, those of this month next month, until the end of the 25th."""
    project = sandbox.seed(live=1, paused=1, draft=1, completes=4)
    path = f"{PATH}/eligible-target-groups"
    assert (await call("GET", path)).json["target_groups"] == []
    upcoming = (await call("GET", path, params={"due_month": "next_month"})).json
    assert [one["eligible_completes"] for one in upcoming["target_groups"]] == ["4", "4"]
    clock.advance(14 * 86400)
    await reconciled(call, [(rids(project, "complete")[0], "932")])
    body = (await call("GET", path)).json
    assert [(one["status"], one["eligible_completes"]) for one in body["target_groups"]] == [
        ("live", "3"),
        ("paused", "4"),
    ]
    assert body["target_groups"][0]["monetary_amount"] == {"value": "7.50", "currency_code": "USD", "currency_scale": 2}
    assert body["target_groups"][0]["last_reconciliation_date"] == "2026-12-04T12:00:00.200Z"
    assert body["summary"] == {
        "completes": "7",
        "target_group_count": "2",
        "monetary_amount": {"value": "17.50", "currency_code": "USD", "currency_scale": 2},
    }
    assert body["target_groups"][0]["project_manager"]["email"] == "ada@example.com"
    filtered = (await call("GET", path, params={"status": "paused", "project_name": project.name})).json
    assert [one["target_group_id"] for one in filtered["target_groups"]] == project.ids("paused")
    page = (await call("GET", path, params={"page_size": "1"})).json
    assert (page["has_more"], page["next_cursor"]) == (True, *project.ids("live"))
    clock.advance((datetime(2026, 12, 26, 6, tzinfo=UTC) - clock.now()).total_seconds())
    assert (await call("GET", path)).json["target_groups"] == []


async def test_reason_codes_are_listed(call: Caller) -> None:
    """Code 11 makes completes."""
    reasons = (await call("GET", f"{PATH}/reason-codes")).json["reconciliation_reasons"]
    assert [one["name"] for one in reasons if one["code"] == "11"] == ["Adjusted Complete"]


async def test_a_reconciliation_of_another_account_is_unknown(sandbox: Sandbox) -> None:
    """An account sees its own reconciliations only."""
    rid = rids(sandbox.seed(live=1), "complete")[0]
    sandbox.seed(account_id=7, live=1)
    async with aiohttp.ClientSession() as session:
        call = Caller(sandbox, session)
        answer = await post(call, [(rid, "932")])
        assert (await call("GET", f"/demand/accounts/7/reconciliations/{answer.json['request_id']}")).status == 404
