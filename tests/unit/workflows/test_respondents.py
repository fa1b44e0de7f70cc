"""``ensure_respondent_status``: one report, and a read where its outcome is unclear."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient, Serve
from support.raw_server import answer, close

from fieldingkit import AsyncFulfillmentClient, FulfillmentClient, RetryPolicy
from fieldingkit.errors import (
    AmbiguousOutcomeError,
    ConfigurationError,
    FieldingKitError,
    InvalidCommandError,
    InvalidStateError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    WorkflowError,
)
from fieldingkit.resources.fulfillment import SessionStatus
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.workflows import ensure_respondent_status

RID = "6780395e-94fa-1eb7-612c-d2e19af42758"
OTHER = "00000000-94fa-1eb7-612c-d2e19af42758"
MakeFulfillmentClient = Callable[..., AsyncFulfillmentClient]


def has(status: object) -> Any:
    """Return an answer with a status."""
    return answer(200, {"id": RID, "status": status})


@pytest.fixture
async def make(clock: FakeClock) -> AsyncIterator[MakeFulfillmentClient]:
    """Yield a function that makes clients whose waits take no time; they are closed after the test."""
    async with AsyncExitStack() as stack:

        def make(**options: Any) -> AsyncFulfillmentClient:
            client = AsyncFulfillmentClient(**{"key": "key", "clock": clock, **options})
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
def in_survey(sandbox: Sandbox) -> str:
    """Return the session of a respondent who is in the survey."""
    (group,) = sandbox.seed(live=1).groups
    return next(each.rid for each in group.respondents if each.outcome == "drop_off")


async def test_a_report_may_be_made_again(sandbox: Sandbox, make: MakeFulfillmentClient, in_survey: str) -> None:
    """The first report changes the status, an equal one finds it, and another one is an error that names both."""
    client = make(key=sandbox.fulfillment_key, base_url=sandbox.fulfillment_url)
    first = await ensure_respondent_status(client, rid=in_survey, status=SessionStatus.COMPLETE)
    assert (first.rid, first.status, first.changed, first.conflicts) == (in_survey, 5, True, ())
    again = await ensure_respondent_status(client, rid=in_survey, status=5)
    assert (again.status, again.changed) == (SessionStatus.COMPLETE, False)
    assert [type(conflict) for conflict in again.conflicts] == [InvalidStateError]
    with pytest.raises(WorkflowError, match=r"status 5 \(COMPLETE\), not 2 \(SCREENOUT\)") as other:
        await ensure_respondent_status(client, rid=in_survey, status=2)
    assert not other.value.maybe_applied
    assert [request.method for request in sandbox.requests] == ["POST"] * 3


def test_it_runs_with_the_blocking_client(sandbox: Sandbox, in_survey: str) -> None:
    """The blocking client runs the workflow."""
    with FulfillmentClient(key=sandbox.fulfillment_key, base_url=sandbox.fulfillment_url) as client:
        assert client.call(ensure_respondent_status, rid=in_survey, status=4).changed


@pytest.mark.parametrize("fault", [faults.ApplyThenDrop(), faults.TruncatedJson()])
async def test_an_applied_report_without_an_answer_is_found(
    sandbox: Sandbox, make: MakeFulfillmentClient, in_survey: str, fault: Any
) -> None:
    """A report that was applied, and whose answer was lost, is found by one read and not repeated."""
    client = make(key=sandbox.fulfillment_key, base_url=sandbox.fulfillment_url)
    sandbox.faults.add("update_respondent_status", fault)
    ensured = await ensure_respondent_status(client, rid=in_survey, status=5)
    assert (ensured.status, len(ensured.conflicts)) == (5, 1)
    assert ensured.changed is None
    assert [request.method for request in sandbox.requests] == ["POST", "GET"]


@pytest.mark.parametrize(("step", "kind"), [(close, AmbiguousOutcomeError), (answer(502), ServerError)])
async def test_a_report_that_was_not_applied_stays_unclear(
    serve: Serve, make: MakeFulfillmentClient, step: Any, kind: type[FieldingKitError]
) -> None:
    """A status that is not final yet proves nothing: the error remains, and says to report again."""
    server = await serve(step, has(1))
    with pytest.raises(kind) as unclear:
        await ensure_respondent_status(make(base_url=server.url), rid=RID, status=5)
    assert unclear.value.maybe_applied
    assert unclear.value.__notes__ == ["the session had status 1 afterwards; report again"]
    assert [request.method for request in server.requests] == ["POST", "GET"]


async def test_an_unclear_report_meets_another_end(serve: Serve, make: MakeFulfillmentClient) -> None:
    """A session that ended otherwise is an error that keeps the unclear outcome."""
    server = await serve(close, has(3))
    with pytest.raises(WorkflowError, match=r"3 \(QUOTA_FULL\), not 5") as ended:
        await ensure_respondent_status(make(base_url=server.url), rid=RID, status=5)
    assert [type(conflict) for conflict in ended.value.conflicts] == [AmbiguousOutcomeError]
    assert ended.value.maybe_applied  # the report may still be under way


@pytest.mark.parametrize("step", [answer(404), answer(401), answer(200, b"<html>")])
async def test_a_read_that_fails_leaves_the_outcome_unclear(
    serve: Serve, make: MakeFulfillmentClient, step: Any
) -> None:
    """If the status cannot be read, the error of the report is raised, with the reason in a note."""
    server = await serve(close, step)
    with pytest.raises(AmbiguousOutcomeError) as unclear:
        await ensure_respondent_status(make(base_url=server.url), rid=RID, status=5)
    assert unclear.value.maybe_applied
    assert "could not be read afterwards" in unclear.value.__notes__[-1]


@pytest.mark.parametrize("body", [None, b"<html>", [], {"id": RID}, {"status": "5"}, {"status": 1}, {"status": 9}])
async def test_a_refusal_without_a_final_status_is_raised(
    serve: Serve, make: MakeFulfillmentClient, body: object
) -> None:
    """A refusal that does not say how the session ended is raised as it came, after one request."""
    server = await serve(answer(422, body))
    with pytest.raises(InvalidStateError):
        await ensure_respondent_status(make(base_url=server.url), rid=RID, status=5)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "kind"), [(404, NotFoundError), (429, RateLimitedError)])
async def test_a_definite_failure_is_raised(
    serve: Serve, make: MakeFulfillmentClient, status: int, kind: type[FieldingKitError]
) -> None:
    """A report that was certainly not applied is an error, and nothing is read."""
    server = await serve(answer(status))
    client = make(base_url=server.url, retry=RetryPolicy(max_attempts=1))
    with pytest.raises(kind) as failed:
        await ensure_respondent_status(client, rid=RID, status=5)
    assert (failed.value.maybe_applied, len(server.requests)) == (False, 1)


SILENT = [answer(202), answer(204), answer(200), answer(200, {}), answer(200, {"id": RID})]


@pytest.mark.parametrize("silent", SILENT)
async def test_an_answer_without_a_status_is_settled_by_one_read(
    serve: Serve, make: MakeFulfillmentClient, silent: Any
) -> None:
    """A success that does not say the status is not believed: one read shows that the session has it."""
    server = await serve(silent, has(5))
    ensured = await ensure_respondent_status(make(base_url=server.url), rid=RID, status=5)
    assert (ensured.status, ensured.changed) == (5, None)
    assert [type(conflict) for conflict in ensured.conflicts] == [AmbiguousOutcomeError]
    assert [request.method for request in server.requests] == ["POST", "GET"]


@pytest.mark.parametrize("silent", SILENT)
async def test_an_answer_without_a_status_is_unclear_if_the_session_has_not_ended(
    serve: Serve, make: MakeFulfillmentClient, silent: Any
) -> None:
    """If the session has no final status after such a success, the outcome is unclear."""
    server = await serve(silent, has(1))
    with pytest.raises(AmbiguousOutcomeError, match="has no status of the session") as unclear:
        await ensure_respondent_status(make(base_url=server.url), rid=RID, status=5)
    assert unclear.value.maybe_applied
    assert unclear.value.__notes__ == ["the session had status 1 afterwards; report again"]


@pytest.mark.parametrize("body", [{"id": RID, "status": 3}, {"id": RID, "status": 1}, {"id": OTHER, "status": 5}])
async def test_an_accepted_report_whose_answer_differs_is_no_success(
    serve: Serve, make: MakeFulfillmentClient, body: object
) -> None:
    """A success that has another status or session does not show that the session has the wanted one."""
    server = await serve(answer(200, body))
    with pytest.raises(WorkflowError, match=r"report of 5 \(COMPLETE\) was accepted, but the answer has") as differs:
        await ensure_respondent_status(make(base_url=server.url), rid=RID, status=5)
    assert differs.value.maybe_applied


async def test_the_answer_may_spell_the_session_in_capitals(serve: Serve, make: MakeFulfillmentClient) -> None:
    """A UUID is the same in capitals."""
    server = await serve(answer(200, {"id": RID.upper(), "status": 5}))
    assert (await ensure_respondent_status(make(base_url=server.url), rid=RID, status=5)).changed


async def test_another_session_proves_nothing(serve: Serve, make: MakeFulfillmentClient) -> None:
    """Neither a refusal nor a read of another session says how this one ended."""
    server = await serve(close, answer(200, {"id": OTHER, "status": 5}), answer(422, {"id": OTHER, "status": 5}))
    client = make(base_url=server.url)
    with pytest.raises(AmbiguousOutcomeError) as unclear:
        await ensure_respondent_status(client, rid=RID, status=5)
    assert unclear.value.__notes__ == [f"the status could not be read afterwards: the answer is session {OTHER}"]
    with pytest.raises(InvalidStateError):
        await ensure_respondent_status(client, rid=RID, status=5)


async def test_wrong_arguments_send_nothing(serve: Serve, make: MakeFulfillmentClient, make_client: MakeClient) -> None:
    """A wrong client, id or status is refused before anything is sent."""
    server = await serve(answer(200))
    client = make(base_url=server.url)
    wrong: Any = None
    with pytest.raises(ConfigurationError, match="client must be an AsyncFulfillmentClient"):
        await ensure_respondent_status(wrong, rid=RID, status=5)
    with pytest.raises(InvalidCommandError, match="belongs to the fulfillment API"):
        await ensure_respondent_status(make_client(base_url=server.url), rid=RID, status=5)
    with pytest.raises(InvalidCommandError, match="rid"):
        await ensure_respondent_status(client, rid="x", status=5)
    with pytest.raises(InvalidCommandError, match="status"):
        await ensure_respondent_status(client, rid=RID, status=wrong)
    assert server.requests == []
