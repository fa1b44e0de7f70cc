"""reconcile and due: nothing is terminated by accident, and nothing is claimed that was not seen."""

import asyncio
import json
import pickle
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient, Client, PollPolicy, RetryPolicy
from fieldingkit.errors import (
    FieldingKitError,
    ForbiddenError,
    InvalidCommandError,
    JobFailedError,
    JobTimeoutError,
    UnexpectedTerminationError,
    WorkflowError,
)
from fieldingkit.files import Upload
from fieldingkit.resources.money import Money
from fieldingkit.resources.reconciliations import ReconciliationStatus
from fieldingkit.sandbox import Project, Sandbox, SandboxClock, faults
from fieldingkit.workflows import ReconciliationPreview, due, preview_reconciliation, reconcile
from fieldingkit.workflows.central_time import central_date, central_midnight, next_month, reconciliation_deadline

UPLOADS = {"post_reconciliations", "post_reconciliations_completes"}
FOREIGN = "0f1ce179-a917-49ff-9d50-b05fc91f7bd4"
NOVEMBER = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox in November."""
    with Sandbox(job_seconds=0.02, clock=SandboxClock(NOVEMBER), token_lifetime=1e9) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox, make_client: MakeClient) -> AsyncClient:
    """Return a client whose waits take no time."""
    return make_client(clock=FakeClock(sandbox.clock, jump=300.0), deadline=None)


def rids(project: Project, outcome: str = "complete") -> list[str]:
    """Return the RIDs of the respondents with an outcome."""
    return [one.rid for group in project.groups for one in group.respondents if one.outcome == outcome]


def sent(sandbox: Sandbox) -> int:
    """Return the number of lists that were submitted."""
    return sum(request.operation_id in UPLOADS for request in sandbox.requests)


def usd(value: str) -> tuple[Money, ...]:
    """Return a sum of money."""
    return (Money(value=Decimal(value), currency_code="USD"),)


async def test_a_list_that_misses_half_of_the_completes_is_refused(sandbox: Sandbox, client: AsyncClient) -> None:
    """Nothing is sent, and the error has the number and the money; all completes stay."""
    project = sandbox.seed(live=2, completes=10)
    with pytest.raises(UnexpectedTerminationError) as caught:
        await reconcile(client, valid_ids=rids(project)[:10], project_id=project.id)
    error = caught.value
    assert (
        "10 of 20 eligible completes of the project (50.0%) would be terminated, worth 25.00 USD of 50.00 USD"
        in str(error)
    )
    assert (error.preview.terminated, error.preview.terminated_money) == (10, usd("25.00"))
    assert (error.maybe_applied, sent(sandbox), len(rids(project))) == (False, 0, 20)
    assert pickle.loads(pickle.dumps(error)).preview == error.preview


async def test_a_preview_sends_nothing_and_agrees_with_the_result(sandbox: Sandbox, client: AsyncClient) -> None:
    """The preview counts what the reconciliation then does, to the cent; other projects are not touched."""
    project, other = sandbox.seed(paused=2, completes=10), sandbox.seed(live=1, completes=10)
    wanted: dict[str, Any] = {"valid_ids": [rid.upper() for rid in rids(project)[1:]], "project_id": project.id}
    preview = await preview_reconciliation(client, **wanted)
    assert (preview.rows, preview.eligible, preview.terminated, preview.others) == (19, 20, 1, 0)
    assert (preview.eligible_money, preview.terminated_money, preview.is_exact) == (usd("50.00"), usd("2.50"), True)
    assert (preview.terminated_rids, preview.warnings, sent(sandbox)) == ((rids(project)[0],), (), 0)
    before = sum(group.ledger.cost.value for group in project.groups)
    done = await reconcile(client, **wanted, on_preview=lambda one: one == preview or pytest.fail("another preview"))
    assert (done.reconciliation.negative_reversed, done.warnings, done.expired, done.invalid) == (1, (), (), ())
    assert before - sum(group.ledger.cost.value for group in project.groups) == Decimal("2.50")
    assert len(rids(other)) == 10


async def test_rows_are_counted_by_what_they_would_terminate(sandbox: Sandbox, client: AsyncClient) -> None:
    """Only rows with another code than 11 that name an eligible complete terminate one."""
    project = sandbox.seed(live=1, completes=20)
    complete, screenout = rids(project), rids(project, "screenout")
    rows = [(complete[0], 932), (complete[1], 11), (screenout[0], 11), (screenout[1], "932"), (FOREIGN, 932)]
    done = await reconcile(client, rows)
    assert (done.preview.terminated, done.preview.others, done.preview.share) == (1, 3, 0.05)
    counts = done.reconciliation
    assert (counts.submitted, counts.positive_reversed, counts.negative_reversed, counts.invalid) == (5, 1, 1, 1)
    assert done.invalid == ((FOREIGN, "932"),)
    assert done.warnings == ("1 rows were refused because they are invalid",)


async def test_rows_are_judged_by_the_projects_that_they_concern(sandbox: Sandbox, client: AsyncClient) -> None:
    """Rows that reject half of a small project are refused, however many completes the account has."""
    small, large = sandbox.seed(paused=1, completes=4), sandbox.seed(live=2, completes=100)
    rows = [(rid, 932) for rid in rids(small)[:2]]
    with pytest.raises(
        UnexpectedTerminationError,
        match=r"2 of 4 eligible completes of the projects concerned .* worth 5.00 USD of 10.00 USD",
    ):
        await reconcile(client, rows)
    lost = Changed(lambda text: text.replace("target_group_id", "group"))
    sandbox.faults.add("download_report_v2", lost, times=9)
    assert (await preview_reconciliation(client, rows)).eligible == 204
    preview = await preview_reconciliation(client, [*rows, (rids(large)[0], 11)])
    assert (preview.eligible, preview.others) == (204, 0)
    sandbox.faults.clear()
    preview = await preview_reconciliation(client, [*rows, (rids(large)[0], 11)])
    assert (preview.eligible, preview.others) == (4, 0)


async def test_a_file_is_a_list_too(sandbox: Sandbox, client: AsyncClient, tmp_path: Path) -> None:
    """A file with the marks of a spreadsheet is read; its name is that of the reconciliation."""
    project = sandbox.seed(live=1, completes=20)
    file = tmp_path / "november.csv"
    file.write_text("\r\n".join(rids(project)), encoding="utf-8-sig")
    done = await reconcile(client, valid_ids=Upload.from_path(file), project_id=project.id)
    assert (done.reconciliation.name, done.reconciliation.submitted) == ("november.csv", 20)


async def test_unknown_reason_codes_are_refused(sandbox: Sandbox, client: AsyncClient) -> None:
    """A code that does not exist, or is no longer in use, is named before anything is sent."""
    project = sandbox.seed(live=1)
    with pytest.raises(InvalidCommandError, match=r"codes 933, 99 do not exist .* known are 11, 930, 931, 932"):
        await reconcile(client, [(rids(project)[0], 99), (rids(project)[1], 933)])
    assert sent(sandbox) == 0


@pytest.mark.parametrize(
    "fault",
    [
        faults.DropBefore(),
        faults.ApplyThenDrop(),
        faults.ApplyThenAnswer(503),
        faults.ResetMidBody(),
        faults.EmptyBody(),
        faults.TruncatedJson(),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_cut_upload_or_a_lost_answer_leads_to_one_list(
    sandbox: Sandbox, client: AsyncClient, fault: faults.Fault
) -> None:
    """A list whose upload is cut off, or whose answer is lost, is sent again with its key, and is one list."""
    project = sandbox.seed(live=1, completes=20)
    sandbox.faults.add("post_reconciliations", fault)
    done = await reconcile(client, [(rids(project)[0], 932)])
    assert done.warnings == ()
    assert len(sandbox.jobs) == 2  # a report and the list


async def test_a_list_is_repeated_after_an_unclear_outcome(sandbox: Sandbox, make_client: MakeClient) -> None:
    """The error says that it may have been applied; the same list again is the same reconciliation."""
    client = make_client(clock=FakeClock(sandbox.clock, jump=300.0), retry=RetryPolicy(max_attempts=1), deadline=None)
    project = sandbox.seed(live=1, completes=20)
    rows = [(rids(project)[0], 932)]
    sandbox.faults.add("post_reconciliations", faults.ApplyThenDrop(), times=3)
    with pytest.raises(FieldingKitError) as caught:
        await reconcile(client, rows)
    assert caught.value.maybe_applied
    done = await reconcile(client, rows)
    keys = {request.headers["Idempotency-Key"] for request in sandbox.requests if request.operation_id in UPLOADS}
    assert (len(keys), done.reconciliation.negative_reversed, len(rids(project))) == (1, 1, 19)
    (listed,) = [job for job in sandbox.jobs.values() if job.kind == "reconciliation"]
    assert listed.id == done.reconciliation.request_id


async def test_a_refusal_or_a_cancellation_keeps_an_unclear_outcome(sandbox: Sandbox, make_client: MakeClient) -> None:
    """After an unclear outcome the list may have been applied, also if a refusal or a cancellation follows."""

    class InterruptedClock(FakeClock):
        async def sleep(self, seconds: float) -> None:
            if sent(sandbox) == last:
                raise asyncio.CancelledError
            await super().sleep(seconds)

    last: int | None = None
    clock = InterruptedClock(sandbox.clock, jump=300.0)
    client = make_client(clock=clock, deadline=None, retry=RetryPolicy(max_attempts=1))
    rows = [(rid, "932") for rid in rids(sandbox.seed(live=1, completes=20))[:1]]
    sandbox.faults.add("post_reconciliations", faults.ApplyThenDrop())
    sandbox.faults.add("post_reconciliations", faults.Answer(403))
    with pytest.raises(ForbiddenError) as refused:
        await reconcile(client, rows)
    assert refused.value.maybe_applied
    last = sent(sandbox) + 1
    sandbox.faults.add("post_reconciliations", faults.ApplyThenDrop())
    with pytest.raises(asyncio.CancelledError) as caught:
        await reconcile(client, rows, max_share=1.0, name="another")
    assert caught.value.__notes__ == ["post_reconciliations may have been applied"]


async def test_a_list_that_was_taken_back_is_not_claimed_again(sandbox: Sandbox, client: AsyncClient) -> None:
    """The key makes it the earlier reconciliation, which a warning says; under another name it is applied."""
    project = sandbox.seed(live=1, completes=20)
    rows = [(rids(project)[0], 932)]
    assert (await reconcile(client, rows)).warnings == ()
    assert (await reconcile(client, [(rows[0][0], 11)])).reconciliation.positive_reversed == 1
    sandbox.clock.advance(600)
    (warning,) = (await reconcile(client, rows)).warnings
    assert "sent before, at 2026-11-20 12:" in warning
    assert "nothing was applied again" in warning
    assert len(rids(project)) == 20
    assert (await reconcile(client, rows, name="once more.csv")).warnings == ()
    assert len(rids(project)) == 19


async def test_a_list_that_was_processed_before_is_a_success(sandbox: Sandbox, client: AsyncClient) -> None:
    """After a crash the same list has its earlier reconciliation; if nothing is left to do, there is no warning."""
    project = sandbox.seed(paused=1, completes=20)
    rows = [(rids(project)[0], 932)]
    first = await reconcile(client, rows)
    sandbox.clock.advance(600)
    second = await reconcile(client, rows)
    assert (second.preview.terminated, second.reconciliation.negative_reversed, second.warnings) == (0, 1, ())
    assert second.reconciliation == first.reconciliation
    accepted = [(rows[0][0], 11)]
    assert (await reconcile(client, accepted)).warnings == ()
    sandbox.clock.advance(600)
    (warning,) = (await reconcile(client, accepted)).warnings  # what a list of completes does is not known before
    assert "sent before" in warning


async def test_an_unknown_word_is_no_end(sandbox: Sandbox, client: AsyncClient) -> None:
    """A status that is not known is waited for; the error has the word and a token with which the end is found."""
    project = sandbox.seed(live=1, completes=20)
    word = Changed(lambda text: text.replace("complete", "almost_complete").replace("processing", "almost_complete"))
    sandbox.faults.add("get_reconciliation_by_request_id", word, times=1000)
    with pytest.raises(JobTimeoutError, match="its last status was almost_complete") as caught:
        await reconcile(client, [(rids(project)[0], 932)], timeout=400)
    sandbox.faults.clear()
    result: Any = await client.job(caught.value.token or "").wait()
    assert (result.status, result.negative_reversed) == (ReconciliationStatus.COMPLETE, 1)


async def test_a_crash_after_the_upload_leaves_a_token(sandbox: Sandbox, client: AsyncClient) -> None:
    """The token is passed on before anything is waited for; another process follows the list with it."""
    project = sandbox.seed(live=1, completes=20)
    tokens: list[str] = []
    sandbox.faults.add("get_reconciliation_by_request_id", faults.Hang())

    async def run() -> None:
        await reconcile(client, [(rids(project)[0], 932)], on_start=lambda job: tokens.append(job.token()))

    task = asyncio.create_task(run())
    while not tokens:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sandbox.faults.clear()
    result: Any = await client.job(tokens[0]).wait()
    assert result.negative_reversed == 1


async def test_a_file_that_is_cut_off_is_not_claimed(sandbox: Sandbox, client: AsyncClient) -> None:
    """The reconciliation is reported; its file is read again, and is None if it cannot be read as a whole."""
    project = sandbox.seed(live=1, completes=20)
    rows = [(rids(project)[0], 932), (FOREIGN, 932)]
    sandbox.faults.add("get_recon_downloads", faults.ResetMidBody())
    done = await reconcile(client, rows)
    assert (done.invalid, done.conflicts) == (((FOREIGN, "932"),), ())
    sandbox.faults.add("get_recon_downloads", faults.ResetMidBody(), times=100)
    done = await reconcile(client, [*rows, (rids(project)[0], 932)])
    assert (done.invalid, done.expired, len(done.conflicts)) == (None, (), 1)
    assert done.reconciliation.negative_reversed == 1
    assert done.warnings[-1] == "1 rows are invalid, and their file could not be read"
    sandbox.faults.clear()
    sandbox.faults.add("get_recon_downloads", Changed(lambda text: '"' + text * 5000), times=9)
    done = await reconcile(client, rows, name="no CSV")
    assert (done.invalid, done.reconciliation.invalid) == (None, 1)
    assert "cannot be read: field larger" in str(done.conflicts[0])


async def test_late_rows_are_reported(sandbox: Sandbox, client: AsyncClient) -> None:
    """Rows of completes that are past their 25th are expired; the others are applied."""
    early = sandbox.seed(live=1, completes=10)
    late = rids(early)[0]
    sandbox.clock.advance(40 * 86400)
    project = sandbox.seed(live=1, completes=20)
    done = await reconcile(client, [(late, 932), (rids(project)[0], 932)])
    assert (done.preview.eligible, done.preview.others) == (20, 1)
    assert (done.reconciliation.expired, done.reconciliation.negative_reversed) == (1, 1)
    assert (done.expired, done.warnings) == (((late, "932"),), ("1 rows were refused because they are expired",))


async def test_counts_that_differ_are_reported(sandbox: Sandbox, client: AsyncClient) -> None:
    """Counts of the API that are not the expected ones, or not there, are warnings."""
    project = sandbox.seed(live=1, completes=20)
    sandbox.faults.add(
        "get_reconciliation_by_request_id",
        Changed(lambda text: re.sub("(expired|negative_reversed)_", "x", text).replace('count":1', 'count":3')),
        times=9,
    )
    sandbox.faults.add("get_recon_downloads", faults.Answer(404), times=9)
    done = await reconcile(client, [(rids(project)[0], 932)])
    assert done.warnings == (
        "1 rows were sent, and the API counts 3",
        "an unknown number of completes were terminated by the API's count; expected were 1",
        "an unknown number of rows are expired, and their file could not be read",
    )


@pytest.mark.parametrize(
    ("lose", "message"),
    [
        (lambda text: text.replace("rid,", "id,", 1), "has no column RID"),
        (lambda text: text.replace("\r\n", "\r\nx", 2), "line 2"),
        (lambda text: "PK\x03\x04\udcff", "is no CSV file"),
    ],
)
async def test_a_report_without_rids_stops_the_workflow(
    sandbox: Sandbox, client: AsyncClient, lose: Callable[[str], str], message: str
) -> None:
    """If the RIDs of the eligible completes cannot be read, nothing is sent."""
    project = sandbox.seed(live=1, completes=20)
    sandbox.faults.add("download_report_v2", Changed(lose), times=9)
    with pytest.raises(WorkflowError, match=message):
        await reconcile(client, valid_ids=rids(project), project_id=project.id)
    assert sent(sandbox) == 0


class Changed(faults.Fault):
    """Change the text of an answer."""

    def __init__(self, change: Callable[[str], str]) -> None:
        self.change = change

    async def inject(self, exchange: faults.Exchange) -> Any:
        """Handle the request and change its body."""
        response = await exchange.proceed()
        assert isinstance(response.body, bytes)
        response.body = self.change(response.body.decode()).encode(errors="surrogateescape")
        return response


async def test_an_unclear_report_is_no_unclear_list(sandbox: Sandbox, client: AsyncClient) -> None:
    """If the report fails, the error says that no list was sent, and nothing may have been applied."""
    project = sandbox.seed(live=1, completes=20)
    sandbox.faults.add("generate_report", faults.FailedJob())
    with pytest.raises(WorkflowError, match="No list was sent") as caught:
        await reconcile(client, [(rids(project)[0], 932)])
    assert (caught.value.maybe_applied, sent(sandbox)) == (False, 0)


async def test_a_list_that_failed_may_have_been_applied(sandbox: Sandbox, client: AsyncClient) -> None:
    """The word of a failure ends the wait, and the error leaves open what was applied."""
    project = sandbox.seed(live=1, completes=20)
    word = Changed(lambda text: text.replace("complete", "failed"))
    sandbox.faults.add("get_reconciliation_by_request_id", word, times=9)
    with pytest.raises(JobFailedError) as caught:
        await reconcile(client, [(rids(project)[0], 932)])
    assert caught.value.maybe_applied


@pytest.mark.parametrize("word", ["completed", "done", "processed"])
async def test_an_unknown_status_does_not_end_the_wait(sandbox: Sandbox, client: AsyncClient, word: str) -> None:
    """Only the documented word is taken for the end; any other one, however near, is polled again."""
    project = sandbox.seed(live=1, completes=20)
    unknown = Changed(lambda text: re.sub(r'"status": ?"\w+"', f'"status":"{word}"', text))
    sandbox.faults.add("get_reconciliation_by_request_id", unknown, times=2)
    result = await reconcile(client, [(rids(project)[0], 932)])
    assert (result.reconciliation.status, result.warnings) == (ReconciliationStatus.COMPLETE, ())
    polls = [request for request in sandbox.requests if request.operation_id == "get_reconciliation_by_request_id"]
    assert len(polls) > 2


async def test_the_same_list_twice_at_once_is_one(sandbox: Sandbox, client: AsyncClient) -> None:
    """Two workflows with one list have one reconciliation, and both see its counts."""
    project = sandbox.seed(live=1, completes=20)
    rows = [(rids(project)[0], 932)]
    first, second = await asyncio.gather(reconcile(client, rows), reconcile(client, rows))
    assert first.reconciliation.request_id == second.reconciliation.request_id
    assert len(rids(project)) == 19


@pytest.mark.parametrize(
    ("lose", "problem"),
    [
        (lambda text: text.replace('"project_id"', '"project"'), "did not send the project of 1 target groups"),
        (lambda text: re.sub('"project_id":"[^"]*"', '"project_id":null', text), "did not send the project of 1"),
        (lambda text: re.sub(r'"target_groups":\[.*?\}\]', '"target_groups":[]', text), "lists no completes"),
    ],
)
async def test_valid_ids_are_not_sent_if_no_completes_are_seen(
    sandbox: Sandbox, client: AsyncClient, lose: Callable[[str], str], problem: str
) -> None:
    """The API would terminate what it did not show, so the list is refused, unless all may be terminated."""
    project = sandbox.seed(paused=1, completes=20)
    wanted: dict[str, Any] = {"valid_ids": rids(project)[:5], "project_id": project.id}
    sandbox.faults.add("get_eligible_target_groups", Changed(lose), times=6)
    preview = await preview_reconciliation(client, **wanted)
    assert (preview.eligible, preview.is_known, "not known" in preview.summary) == (0, False, True)
    with pytest.raises(WorkflowError, match=problem) as caught:
        await reconcile(client, **wanted)
    assert (caught.value.maybe_applied, sent(sandbox), len(rids(project))) == (False, 0, 20)
    assert (await reconcile(client, **wanted, max_share=1)).reconciliation.negative_reversed == 15


async def test_the_case_of_a_project_does_not_matter(sandbox: Sandbox, client: AsyncClient) -> None:
    """A project id in lower case in the list of target groups is the same project."""
    project = sandbox.seed(paused=1, completes=20)
    lower = Changed(lambda text: text.replace(project.id, project.id.lower()))
    sandbox.faults.add("get_eligible_target_groups", lower, times=2)
    preview = await preview_reconciliation(client, valid_ids=rids(project)[:5], project_id=project.id)
    assert (preview.eligible, preview.terminated) == (20, 15)


async def test_rows_are_not_sent_if_the_account_shows_no_completes(sandbox: Sandbox, client: AsyncClient) -> None:
    """A row that is no code 11 may terminate a complete that the API did not show; other lists are sent."""
    project = sandbox.seed(paused=1, completes=20)
    empty = Changed(lambda text: re.sub(r'"target_groups":\[.*?\}\]', '"target_groups":[]', text))
    sandbox.faults.add("get_eligible_target_groups", empty, times=4)
    with pytest.raises(WorkflowError, match="lists no completes"):
        await reconcile(client, [(rids(project)[0], 932)])
    assert (await reconcile(client, [(rids(project)[0], 11)])).preview.is_known


async def test_completes_that_the_report_lacks_count_as_terminated(sandbox: Sandbox, client: AsyncClient) -> None:
    """If the API counts more completes than its report has, the list is judged by the larger number."""
    project = sandbox.seed(live=1, completes=20)
    sandbox.faults.add("download_report_v2", Changed(lambda text: "".join(text.splitlines(True)[:11])), times=9)
    with pytest.raises(UnexpectedTerminationError, match=r"10 of 20 .* worth about 25.00 USD of 50.00 USD") as caught:
        await reconcile(client, valid_ids=rids(project), project_id=project.id)
    preview: ReconciliationPreview = caught.value.preview
    assert (preview.terminated, preview.terminated_rids, preview.is_exact) == (10, (), False)
    assert "10 eligible completes are not in the API's report" in preview.warnings[0]


async def test_a_report_without_prices_gives_an_estimate(sandbox: Sandbox, client: AsyncClient) -> None:
    """Without prices in the report the money is the share of the whole, and said to be one."""
    project = sandbox.seed(paused=1, completes=20)
    sandbox.faults.add("download_report_v2", Changed(lambda text: text.replace("price", "amount paid")), times=9)
    preview = await preview_reconciliation(client, valid_ids=rids(project)[5:], project_id=project.id)
    assert (preview.terminated_money, preview.is_exact) == (usd("12.50"), False)


@pytest.mark.parametrize("other", ["Cost", "CPI", "Currency"])
async def test_of_two_columns_of_prices_none_is_taken(sandbox: Sandbox, client: AsyncClient, other: str) -> None:
    """Which of them is paid is not known, so the money is an estimate, and no column is taken at random."""
    project = sandbox.seed(paused=1, completes=20)
    lines = Changed(
        lambda text: "\r\n".join(f"{line},{'9' if n else other}" for n, line in enumerate(text.splitlines()))
    )
    sandbox.faults.add("download_report_v2", lines, times=9)
    preview = await preview_reconciliation(client, valid_ids=rids(project)[5:], project_id=project.id)
    assert (preview.terminated_money, preview.is_exact) == (usd("12.50"), False)


async def test_the_summary_says_whose_completes_are_counted(sandbox: Sandbox, client: AsyncClient) -> None:
    """The number of eligible completes is of the account, the projects concerned, or the project of the list."""
    small, _ = sandbox.seed(paused=1, completes=10), sandbox.seed(paused=1, completes=90)
    made = await preview_reconciliation(client, [(rids(small)[0], 11)])
    terminated = await preview_reconciliation(client, [(rids(small)[0], 930)])
    named = await preview_reconciliation(client, valid_ids=rids(small)[1:], project_id=small.id)
    assert [one.scope for one in (made, terminated, named)] == ["account", "projects", "project"]
    assert made.summary == "no complete would be terminated, of 100 eligible ones of the account"
    assert terminated.summary.startswith("1 of 10 eligible completes of the projects concerned (10.0%)")
    assert named.summary.startswith("1 of 10 eligible completes of the project (10.0%)")


async def test_live_groups_are_a_warning(sandbox: Sandbox, client: AsyncClient) -> None:
    """A list of valid ids also terminates completes that arrive meanwhile."""
    project = sandbox.seed(live=1, paused=1, completes=20)
    preview = await preview_reconciliation(client, valid_ids=rids(project), project_id=project.id)
    assert [warning[:22] for warning in preview.warnings] == ["1 target groups are li"]
    assert (preview.share, preview.summary) == (
        0,
        "no complete would be terminated, of 40 eligible ones of the project",
    )


async def test_a_share_can_be_allowed(sandbox: Sandbox, client: AsyncClient) -> None:
    """The limit itself is allowed; a preview that is refused by the caller sends nothing."""
    project = sandbox.seed(live=1, completes=4)
    wanted: dict[str, Any] = {"valid_ids": rids(project)[:2], "project_id": project.id, "max_share": 0.5}
    with pytest.raises(ZeroDivisionError):
        await reconcile(client, **wanted, on_preview=lambda _: 1 // 0)
    with pytest.raises(WorkflowError, match="the list was not sent"):
        await reconcile(client, **wanted, on_preview=lambda _: False)
    assert sent(sandbox) == 0
    assert (await reconcile(client, **wanted)).reconciliation.negative_reversed == 2


def test_a_blocking_client_reconciles_too(sandbox: Sandbox, blocking_client: Client) -> None:
    """The workflows run with ``client.call``."""
    project = sandbox.seed(live=1, completes=20)
    client = blocking_client.with_options(poll=PollPolicy(first_delay=0.01, min_interval=0.01))
    assert client.call(due, "next_month").completes == 20
    assert client.call(reconcile, [(rids(project)[0], 932)]).reconciliation.negative_reversed == 1


async def test_due_completes_are_summed_by_project_and_manager(sandbox: Sandbox, client: AsyncClient) -> None:
    """Completes of last month are due until the end of the 25th in Central Time, with a sum for each currency."""
    first, second = sandbox.seed(live=2, completes=10), sandbox.seed(paused=1, completes=4)
    first.groups[1].manager_id = str(uuid.UUID(int=7))
    assert (await due(client)).completes == 0
    found = await due(client, "next_month")
    assert found.deadline == datetime(2026, 12, 26, 6, tzinfo=UTC)
    assert (found.completes, found.money, found.warnings) == (24, usd("60.00"), ())
    rows = [(one.project_id, one.project_manager_name, one.completes, one.money) for one in found.projects]
    assert sorted(rows, key=str) == sorted(
        [
            (first.id, "Ada Sandbox", 10, usd("25.00")),
            (first.id, None, 10, usd("25.00")),
            (second.id, "Ada Sandbox", 4, usd("10.00")),
        ],
        key=str,
    )
    assert [row["amount"] for row in found.rows()] == [one.money[0].value for one in found.projects]
    assert "60.00 USD" in repr(found)
    assert "<table" in found._repr_html_()
    sandbox.clock.advance(20 * 86400)
    current = await due(client)
    assert (current.deadline, current.completes) == (found.deadline, 24)
    assert current.seconds_left == pytest.approx((found.deadline - sandbox.clock.now()).total_seconds(), abs=2)


async def test_due_money_keeps_currencies_apart(sandbox: Sandbox, client: AsyncClient) -> None:
    """Currencies are never added up; amounts and counts that are unreadable are warnings, not zeros."""
    groups: list[dict[str, Any]] = [
        {"target_group_id": letter * 26, "project_id": "P", "eligible_completes": count, "monetary_amount": amount}
        for letter, count, amount in (
            ("A", "2", {"value": "3.10", "currency_code": "EUR"}),
            ("B", "1", {"value": "2.05", "currency_code": "USD"}),
            ("C", "many", None),
        )
    ]
    body = {"target_groups": groups, "summary": {"completes": "9"}, "next_cursor": ""}
    sandbox.faults.add("get_eligible_target_groups", faults.Answer(200, body))
    found = await due(client)
    assert [one.money for one in found.projects] == [found.money]
    assert [(one.value, one.currency_code) for one in found.money] == [
        (Decimal("3.10"), "EUR"),
        (Decimal("2.05"), "USD"),
    ]
    assert found.warnings == (
        "the API sent no readable number of completes for 1 target groups",
        "the API sent no readable amount for 1 target groups",
        "the API counts 9 completes, and its list of target groups has 3",
    )
    assert json.loads(found.to_json())["money"][0]["value"] == "3.10"


@pytest.mark.parametrize(
    ("amounts", "own", "warning"),
    [
        (("10.00 USD", "3.00 EUR"), "10.00 USD", ""),
        (("10.00 USD", "10.00 USD"), "10.0 USD", ""),
        ((), "0.00 USD", ""),
        (("10.00 USD",), "10.01 USD", "the API counts 10.01 USD, and its list of target groups has 10.00 USD"),
        ((), "10.00 USD", "the API counts 10.00 USD, and its list of target groups has an unknown amount"),
    ],
)
async def test_due_money_is_compared_with_the_sum_of_the_api(
    sandbox: Sandbox, client: AsyncClient, amounts: tuple[str, ...], own: str, warning: str
) -> None:
    """A target group can have an entry for each currency; another sum of the API is a warning."""

    def money(text: str) -> dict[str, str]:
        return dict(zip(("value", "currency_code"), text.split(), strict=True))

    groups = [
        {"target_group_id": "A" * 26, "eligible_completes": "1", "monetary_amount": money(one)} for one in amounts
    ]
    body = {"target_groups": groups, "summary": {"monetary_amount": money(own)}, "next_cursor": ""}
    sandbox.faults.add("get_eligible_target_groups", faults.Answer(200, body))
    found = await due(client)
    assert {f"{one.value} {one.currency_code}" for one in found.money} == {*amounts}
    assert found.warnings == ((warning,) if warning else ())


async def test_nothing_due_is_no_unknown_amount(client: AsyncClient) -> None:
    """An account without completes owes nothing."""
    assert repr(await due(client)) == "<DueReconciliations 0 completes, no cost>"


async def test_a_list_of_many_pages_is_read_to_its_end(sandbox: Sandbox, client: AsyncClient) -> None:
    """All pages of the eligible target groups count, and all of them are in the reports."""
    project = sandbox.seed(live=205, completes=1)
    found = await due(client, "next_month")
    assert (found.completes, len(found.target_groups)) == (205, 205)
    preview = await preview_reconciliation(client, valid_ids=rids(project), project_id=project.id)
    assert (preview.eligible, preview.terminated) == (205, 0)
    assert sum(request.operation_id == "generate_report" for request in sandbox.requests) == 3


@given(day=st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_days_of_central_time_begin_at_midnight(day: date) -> None:
    """The moment of midnight belongs to its day, and the moment before it to the day before."""
    midnight = central_midnight(day)
    assert central_date(midnight) == day
    assert central_date(midnight - timedelta(microseconds=1)) == day - timedelta(days=1)
    assert next_month(day).day == 1
    assert timedelta(0) < next_month(day) - day <= timedelta(31)


@pytest.mark.parametrize(
    ("month", "deadline"),
    [
        ("2026-12-01", "2026-12-26T06:00Z"),
        ("2026-07-31", "2026-07-26T05:00Z"),
        ("2027-03-09", "2027-03-26T05:00Z"),
    ],
)
def test_the_deadline_is_the_end_of_the_25th(month: str, deadline: str) -> None:
    """It is midnight in Chicago: 6 o'clock UTC in winter, 5 o'clock in summer."""
    assert reconciliation_deadline(date.fromisoformat(month)) == datetime.fromisoformat(deadline)
