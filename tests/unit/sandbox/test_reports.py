"""Reports: their states, their files, and the requests that are refused."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from support.sandbox_caller import Answer, Caller

from fieldingkit.sandbox import Project, Sandbox, SandboxClock, faults
from fieldingkit.sandbox.model.central_time import central_midnight, central_time

PATH = "/demand/accounts/101/reports"


def body(clock: SandboxClock, **changes: object) -> dict[str, object]:
    """Return a request for the last month, today included."""
    today = central_time(clock.now()).date()
    period = {"start_date": today - timedelta(days=30), "end_date": today + timedelta(days=1)}
    return {**{name: day.isoformat() for name, day in period.items()}, **changes}


async def generate(call: Caller, report_type: str = "completes", **changes: object) -> Answer:
    """Request a report of the whole account, unless the changes say otherwise."""
    return await call("POST", f"{PATH}/{report_type}", json=body(call.sandbox.clock, **changes))


async def rows(call: Caller, report_type: str, **changes: object) -> list[dict[str, str]]:
    """Request a report, wait for it, and return the rows of its file."""
    created = await generate(call, report_type, **changes)
    assert created.status == 202, created.json
    call.sandbox.clock.advance(1)
    answer = await call("GET", f"{PATH}/{created.json['report_id']}/download")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))


def groups(project: Project) -> dict[str, object]:
    """Return the members of a request for all target groups of a project."""
    return {"filter": "target_group", "filter_ids": project.ids()}


async def test_a_report_is_completed_after_a_while(sandbox: Sandbox, call: Caller) -> None:
    """A report is pending, then in progress, then completed; its file is a 404 before that."""
    sandbox.seed(live=1)
    created = await generate(call)
    assert (created.status, created.json["status"]) == (202, "pending")
    path = f"{PATH}/{created.json['report_id']}"
    status = await call("GET", f"{path}/status")
    assert (status.json["status"], status.json["report_url"]) == ("in_progress", None)
    assert (await call("GET", f"{path}/download")).status == 404
    assert (await call("GET", f"{path}/share?report_type=completes")).status == 404
    sandbox.clock.advance(1)
    status = await call("GET", f"{path}/status")
    assert status.json["status"] == "completed"
    assert (await call("GET", f"{path}/download")).status == 200
    shared = await call("GET", f"{path}/share?report_type=completes")
    assert shared.json["report_pre_signed_url"].startswith("https://reports.example/")


async def test_a_failed_report_has_no_file(sandbox: Sandbox, call: Caller) -> None:
    """A fault lets a report fail: its state and the list say so, and there is no file."""
    sandbox.faults.add("generate_report", faults.FailedJob())
    created = await generate(call)
    sandbox.clock.advance(1)
    path = f"{PATH}/{created.json['report_id']}"
    assert (await call("GET", f"{path}/status")).json["status"] == "failed"
    assert (await call("GET", PATH)).json["reports_requests"][0]["status"] == "failed"
    assert (await call("GET", f"{path}/download")).status == 404


@pytest.mark.parametrize("fault", [faults.JobGone(), faults.StuckJob()])
async def test_the_faults_of_jobs_apply_to_reports(sandbox: Sandbox, call: Caller, fault: faults.Fault) -> None:
    """A report can be gone, or never end; the fault may strike when its state is read."""
    created = await generate(call)
    sandbox.faults.add("report_status", fault)
    path = f"{PATH}/{created.json['report_id']}/status"
    await call("GET", path)
    sandbox.clock.advance(1)
    answer = await call("GET", path)
    gone = isinstance(fault, faults.JobGone)
    assert (answer.status, answer.json.get("status")) == ((404, None) if gone else (200, "in_progress"))


async def test_a_report_to_users_is_emailed(call: Caller) -> None:
    """The answer to a request with recipients says `emailed`, which is not the end of the report."""
    created = await generate(call, email_recipients=["y78d0r90"])
    assert created.json["status"] == "emailed"
    status = await call("GET", f"{PATH}/{created.json['report_id']}/status")
    assert status.json["status"] == "in_progress"


async def test_the_examples_have_other_words(clock: SandboxClock) -> None:
    """With the words of the examples, states are in capitals and levels are spelled in several ways."""
    async with Sandbox(clock=clock, report_words="examples", job_ids="uuid") as sandbox, aiohttp.ClientSession() as web:
        call = Caller(sandbox, web)
        created = await generate(call)
        assert (created.json["level"], created.json["create_params"]["filter"]) == ("account", "account")
        path = f"{PATH}/{created.json['report_id']}/status"
        words = [(await call("GET", path)).json["status"]]
        sandbox.clock.advance(1)
        words.append((await call("GET", path)).json["status"])
        assert words == ["IN PROGRESS", "COMPLETED"]
        assert (await call("GET", PATH)).json["reports_requests"][0]["level"] == "Account"
        sandbox.requests.clear()  # the schema has none of these words


async def test_sample_bought_adds_up_to_the_cent(sandbox: Sandbox, call: Caller) -> None:
    """The prices of `sample-bought` add up to the cost of the target groups, in each currency."""
    project = sandbox.seed(live=2, completed=1, goal=50, completes=33)
    found = await rows(call, "sample-bought", filter="project", filter_ids=[project.id])
    assert len(found) == 99
    for group in project.groups:
        prices = [Decimal(row["price"]) for row in found if row["target_group_id"] == group.id]
        cost = group.ledger.cost
        assert sum(prices) == cost.value
        assert {row["currency_code"] for row in found if row["target_group_id"] == group.id} == {cost.currency_code}


async def test_a_report_shows_who_the_ledger_has(sandbox: Sandbox, call: Caller) -> None:
    """Completes, terminations and the analysis have the respondents of the ledger, by their outcomes."""
    project = sandbox.seed(live=1, goal=100, completes=8)
    (group,) = project.groups
    people = {one.rid: one for one in group.ledger.respondents()}
    completes = await rows(call, "completes", **groups(project))
    terminated = await rows(call, "term-details", **groups(project))
    analysis = await rows(call, "respondent-analysis", **groups(project))
    assert {row["rid"] for row in completes} == {rid for rid, one in people.items() if one.outcome == "complete"}
    ended = {rid for rid, one in people.items() if one.outcome not in {"complete", "drop_off"}}
    assert {row["rid"] for row in terminated} == ended
    assert {row["rid"]: row["outcome"] for row in analysis} == {rid: one.outcome for rid, one in people.items()}
    assert {row["code"] for row in analysis} == {"1", "2", "5"}
    assert all(row["price"] == "" for row in terminated)


async def test_eligible_rids_are_those_before_their_deadline(
    sandbox: Sandbox, call: Caller, clock: SandboxClock
) -> None:
    """A complete can be reconciled until the end of the 25th of the next month, in Central Time."""
    project = sandbox.seed(live=1, goal=100, completes=8)
    eligible = await rows(call, "reconciliation-eligible-rids", **groups(project))
    assert len(eligible) == 8
    deadline = central_midnight(central_time(clock.now()).date().replace(day=1) + timedelta(days=31 + 31))
    clock.advance((deadline - clock.now()).total_seconds())
    start = (central_time(clock.now()).date() - timedelta(days=150)).isoformat()
    assert await rows(call, "reconciliation-eligible-rids", **groups(project), start_date=start) == []


async def test_a_report_shows_what_was_reconciled(sandbox: Sandbox, call: Caller) -> None:
    """The report of reconciliations has each changed respondent; the money of the bought sample follows."""
    project = sandbox.seed(live=1, goal=100, completes=8)
    (group,) = project.groups
    people = list(group.ledger.respondents())
    gone, won = (next(one.rid for one in people if one.outcome == outcome) for outcome in ("complete", "screenout"))
    answer = await call(
        "POST",
        "/demand/accounts/101/reconciliations",
        params={"name": "list.csv"},
        data=f"{gone},932\n{won},11\n",
        headers={"Content-Type": "text/csv"},
    )
    sandbox.clock.advance(1)
    found = {row["rid"]: row for row in await rows(call, "reconciliations-status", **groups(project))}
    assert {rid: row["reason_code"] for rid, row in found.items()} == {gone: "932", won: "11"}
    assert {row["request_id"] for row in found.values()} == {answer.json["request_id"]}
    bought = await rows(call, "sample-bought", **groups(project))
    assert won in {row["rid"] for row in bought}
    assert gone not in {row["rid"] for row in bought}
    assert sum(Decimal(row["price"]) for row in bought) == group.ledger.cost.value


async def test_nobody_is_reconciled_yet(sandbox: Sandbox, call: Caller) -> None:
    """The report of reconciliations is empty without any."""
    sandbox.seed(live=1)
    assert await rows(call, "reconciliations-status") == []


async def test_a_period_ends_at_the_beginning_of_its_last_day(sandbox: Sandbox, call: Caller) -> None:
    """Both dates are midnights in Central Time, so that the last day is not in the period."""
    project = sandbox.seed(live=1, goal=100, completes=20)
    (group,) = project.groups
    days = [central_time(one.ended_at).date() for one in group.ledger.respondents() if one.ended_at and one.price]
    last = max(days)
    found = await rows(call, "completes", **groups(project), end_date=last.isoformat())
    assert len(found) == sum(day < last for day in days)


@pytest.mark.parametrize("level", ["account", "business_unit", "project", "target_group"])
async def test_each_level_has_its_target_groups(sandbox: Sandbox, call: Caller, level: str) -> None:
    """A report has the launched target groups of its level alone."""
    one, other = sandbox.seed(live=2, draft=1, goal=10, completes=4), sandbox.seed(live=1, goal=10, completes=4)
    ids = {
        "account": [],
        "business_unit": ["1234"],
        "project": [one.id],
        "target_group": [one.ids("live")[0]],
    }[level]
    changes: dict[str, Any] = {} if level == "account" else {"filter": level, "filter_ids": ids}
    found = {row["target_group_id"] for row in await rows(call, "completes", **changes)}
    live = {group.id for group in (*one.groups, *other.groups) if group.status != "draft"}
    expected = {
        "account": live,
        "business_unit": live,
        "project": live & set(one.ids()),
        "target_group": {one.ids("live")[0]},
    }
    assert found == expected[level]


@pytest.mark.parametrize(
    ("report_type", "changes", "name"),
    [
        ("novel", {}, "report_type"),
        ("term-details", {}, "filter"),
        ("completes", {"filter": "account"}, "filter"),
        ("completes", {"filter": "project"}, "filter_ids"),
        ("completes", {"filter": "project", "filter_ids": ["short"]}, "filter_ids"),
        ("completes", {"filter_ids": ["1"]}, "filter_ids"),
        ("respondent-analysis", {"filter": "project", "filter_ids": ["0" * 26, "1" * 26]}, "filter_ids"),
        ("completes", {"start_date": "yesterday"}, "start_date"),
        ("completes", {"start_date": "2026-02-30"}, "start_date"),
        ("completes", {"start_date": "2020-01-01", "end_date": "2020-02-01"}, "start_date"),
        ("completes", {"end_date": "2999-01-01"}, "end_date"),
        ("completes", {"email_recipients": []}, "email_recipients"),
    ],
)
async def test_a_wrong_request_is_refused(call: Caller, report_type: str, changes: dict[str, Any], name: str) -> None:
    """A wrong type, level, id, period or recipient is a 400 that names the parameter."""
    answer = await generate(call, report_type, **changes)
    assert (answer.status, [one["name"] for one in answer.json["invalid_params"]]) == (400, [name])


async def test_the_list_has_the_newest_first_and_filters(sandbox: Sandbox, call: Caller) -> None:
    """The list can be filtered by type, level and state, and is read page by page."""
    project = sandbox.seed(live=1)
    first = (await generate(call)).json["report_id"]
    sandbox.clock.advance(1)
    second = (await generate(call, "term-details", **groups(project))).json["report_id"]

    async def listed(**query: str) -> list[str]:
        answer = await call("GET", PATH, params=query)
        return [item["report_id"] for item in answer.json["reports_requests"]]

    assert await listed() == [second, first]
    assert await listed(Status="processing") == [second]
    assert await listed(Status="completed", report_type="completes") == [first]
    assert await listed(level="target_group") == [second]
    page = await call("GET", PATH, params={"page_size": "1"})
    assert await listed(page_size="1", start_after=page.json["next_cursor"]) == [first]


async def test_a_report_of_another_account_is_unknown(sandbox: Sandbox, call: Caller) -> None:
    """No other account can read a report."""
    sandbox.seed(account_id=202)
    created = await generate(call)
    answer = await call("GET", f"/demand/accounts/202/reports/{created.json['report_id']}/status")
    assert answer.status == 404
    assert date.fromisoformat(created.json["create_params"]["start_date"])
