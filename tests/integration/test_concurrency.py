"""Optimistic concurrency: tags, and what a refused one means."""

from datetime import UTC, datetime
from typing import Any

import pytest
from support.examples import GROUP, LATER, PROJECT, READ, RUN, RUN_BODY, TAGGED, run_of, tagged
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient, Serve
from support.raw_server import answer, close, reset

from fieldingkit import AsyncClient, fielding_jobs, fielding_runs
from fieldingkit.commands import Command
from fieldingkit.errors import ApiError, InvalidCommandError, InvalidStateError, NotFoundError, PreconditionFailedError
from fieldingkit.sandbox import Sandbox, faults

TAGS = [
    'W/"1234"',
    '"1234"',
    'w/"1234"',
    'W/""',
    'W/"a b"',
    '"it\'s {odd} \\ but <legal>"',
    "unquoted",
    "W/unquoted",
]
DATES: dict[str, Any] = {"start_fielding_at": datetime(2035, 1, 1, tzinfo=UTC), "end_fielding_at": LATER}
GUARDED: dict[type[Command[Any]], dict[str, Any]] = {
    fielding_runs.UpdateFieldingRun: DATES,
    fielding_runs.PauseFieldingRun: {},
    fielding_runs.ResumeFieldingRun: {},
    fielding_runs.CompleteFieldingRun: {},
    fielding_runs.RelaunchFieldingRun: {},
    fielding_runs.LaunchFieldingRunNow: {},
}
IDS = {"project_id": PROJECT, "target_group_id": GROUP, "fielding_run_id": RUN}


@pytest.mark.parametrize("tag", TAGS)
async def test_etag_goes_back_byte_for_byte(tag: str, serve: Serve, make_client: MakeClient) -> None:
    """A run's etag is what the API sent, and goes back as If-Match byte for byte."""
    server = await serve(answer(200, RUN_BODY, {"ETag": tag}), answer(204, headers={"ETag": tag}))
    client = make_client(base_url=server.url)

    run = await client.send(READ)
    change = await client.send(TAGGED.replace(if_match=run.etag))

    assert (run.etag, change.etag) == (tag, tag)
    assert f"\r\nif-match: {tag}\r\n".encode() in server.requests[1].head.replace(b"If-Match", b"if-match")


async def test_weak_etag_matches(sandbox: Sandbox, client: AsyncClient) -> None:
    """The weak tag of a read run is accepted, because the API compares weakly; so is the tag of an action."""
    group = sandbox.seed(live=1).groups[0]
    run = await client.send(fielding_runs.GetFieldingRun(**run_of(group)))
    assert run.etag.startswith('W/"')

    paused = await client.send(fielding_runs.PauseFieldingRun(**run_of(group), if_match=run.etag))
    await client.send(fielding_runs.ResumeFieldingRun(**run_of(group), if_match=paused.etag))

    assert group.status == "live"


async def test_response_without_etag_has_an_empty_one(serve: Serve, make_client: MakeClient) -> None:
    """An action whose response has no tag has an empty one, and an empty one is refused."""
    server = await serve(answer(204))
    change = await make_client(base_url=server.url).send(TAGGED)
    assert change.etag == ""
    with pytest.raises(InvalidCommandError):
        TAGGED.replace(if_match=change.etag)


def test_job_status_offers_no_etag() -> None:
    """The tag comes from the run: a job's status offers none that could be mistaken for it."""
    assert not hasattr(fielding_jobs.FieldingJobResult, "etag")


async def test_run_from_a_list_has_an_empty_etag(sandbox: Sandbox, client: AsyncClient) -> None:
    """A run from a list has an empty tag, not one made from its version."""
    group = sandbox.seed(live=1).groups[0]
    listed = await client.send(fielding_runs.ListFieldingRuns(project_id=group.project_id, target_group_id=group.id))
    assert [run.etag for run in listed.data] == [""]


@pytest.mark.parametrize("kind", GUARDED, ids=lambda kind: kind.__name__)
def test_guarded_write_without_etag_is_refused(kind: Any) -> None:
    """A guarded write without if_match is refused before it is sent, and the error names the field."""
    with pytest.raises(InvalidCommandError) as caught:
        kind(**IDS, **GUARDED[kind])
    assert caught.value.field == "if_match"


@pytest.mark.parametrize("tag", ["", None, "*", "\r\n", 'W/"1"\r\nX: y', '"é"', " ", 7])
def test_invalid_etag_is_refused(tag: Any) -> None:
    """A tag that is empty or cannot be a header is refused."""
    with pytest.raises(InvalidCommandError) as caught:
        TAGGED.replace(if_match=tag)
    assert caught.value.field == "if_match"


@pytest.mark.parametrize("kind", GUARDED, ids=lambda kind: kind.__name__)
async def test_guarded_writes_send_if_match_and_no_key(kind: Any, serve: Serve, make_client: MakeClient) -> None:
    """Each of the six sends run.etag as If-Match, and none sends an idempotency key."""
    server = await serve(answer(200, {}))
    await make_client(base_url=server.url).send(kind(**IDS, **GUARDED[kind], if_match='W/"7"'))
    assert server.requests[0].headers["if-match"] == 'W/"7"'
    assert "idempotency-key" not in server.requests[0].headers


async def test_stale_etag_raises_precondition_failed(sandbox: Sandbox, client: AsyncClient) -> None:
    """A stale tag raises PreconditionFailedError with both tags; it is not sent again, and nothing was done."""
    group = sandbox.seed(live=1).groups[0]
    command = fielding_runs.PauseFieldingRun(**tagged(group))
    sandbox.faults.add("pause_fielding_run", faults.ChangeEtag())

    with pytest.raises(PreconditionFailedError) as caught:
        await client.send(command)

    assert caught.value.sent_etag == command.if_match
    assert not caught.value.maybe_applied
    assert (len(sandbox.requests), group.status) == (1, "live")


async def test_current_etag_is_taken_from_the_response(serve: Serve, make_client: MakeClient) -> None:
    """If the response has the current tag, the error has it."""
    server = await serve(answer(412, {"object": "precondition_failed_error"}, {"ETag": 'W/"2"'}))
    with pytest.raises(PreconditionFailedError) as caught:
        await make_client(base_url=server.url).send(TAGGED)
    assert (caught.value.sent_etag, caught.value.current_etag) == (TAGGED.if_match, 'W/"2"')


async def test_412_is_recognized_by_its_status(serve: Serve, make_client: MakeClient) -> None:
    """A 412 is recognized by its status, with any body."""
    server = await serve(answer(412, {"error": {"code": "conflict"}}))
    with pytest.raises(PreconditionFailedError):
        await make_client(base_url=server.url).send(TAGGED)


async def test_412_after_a_lost_response_may_be_our_own_change(
    sandbox: Sandbox, make_client: MakeClient, clock: FakeClock
) -> None:
    """After a pause whose response was lost, the 412 to the second attempt carries maybe_applied."""
    group = sandbox.seed(live=1).groups[0]
    sandbox.faults.add("pause_fielding_run", faults.ApplyThenDrop())

    with pytest.raises(PreconditionFailedError) as caught:
        await make_client(clock=clock).send(fielding_runs.PauseFieldingRun(**tagged(group)))

    assert caught.value.maybe_applied
    assert "may have been applied" in str(caught.value)
    assert [attempt.status for attempt in caught.value.attempts] == [None, 412]
    assert group.status == "paused"


@pytest.mark.parametrize("first", [close, reset, answer(500), answer(504), answer(408)])
@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFoundError), (412, PreconditionFailedError), (422, InvalidStateError)]
)
async def test_refusal_after_an_ambiguous_attempt_is_ambiguous(
    *, first: Any, status: int, kind: type[ApiError], serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """After an ambiguous attempt a 404, 412 or 422 carries maybe_applied."""
    server = await serve(first, answer(status))
    with pytest.raises(kind) as caught:
        await make_client(base_url=server.url, clock=clock).send(TAGGED)
    assert caught.value.maybe_applied
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [404, 412, 422])
async def test_refusal_after_a_harmless_attempt_is_not_ambiguous(
    status: int, serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    """After an attempt that did nothing, a refusal does not carry maybe_applied."""
    server = await serve(answer(429), answer(status))
    with pytest.raises(ApiError) as caught:
        await make_client(base_url=server.url, clock=clock).send(TAGGED)
    assert not caught.value.maybe_applied


async def test_success_after_an_ambiguous_attempt_is_a_success(
    sandbox: Sandbox, make_client: MakeClient, clock: FakeClock
) -> None:
    """An ambiguous attempt that did nothing is retried with the same tag, and its success is a plain success."""
    group = sandbox.seed(live=1).groups[0]
    sandbox.faults.add("pause_fielding_run", faults.DropBefore())

    change = await make_client(clock=clock).send(fielding_runs.PauseFieldingRun(**tagged(group)))

    assert group.run is not None
    assert change.etag == group.run.etag
    assert len({request.headers["If-Match"] for request in sandbox.requests}) == 1
