"""Workflows for one run: interruptions, responses about another run, and responses that contradict the command."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest
from support.examples import OTHER, READ, RUN, RUN_BODY
from support.fixture_types import MakeClient, Serve
from support.raw_server import RawServer, Step, answer, hang

from fieldingkit import AsyncClient
from fieldingkit.errors import ClientClosedError, DecodeError, FieldingKitError, TooManyConflictsError
from fieldingkit.resources.fielding_runs import FieldingRun
from fieldingkit.transport.retry_policy import RetryPolicy
from fieldingkit.workflows import ensure_status, update_run, wait_for_status

ONCE = RetryPolicy(max_attempts=1)
LIVE = {**RUN_BODY, "id": RUN, "status": "live"}
PAUSED = {**LIVE, "status": "paused"}
DONE = answer(204, headers={"ETag": 'W/"2"'})
"""The API's own response to an action."""


def read(body: dict[str, Any] = LIVE, *, etag: str = 'W/"1"') -> Step:
    """The run, with its ETag."""
    return answer(200, body, {"ETag": etag})


def a_day_longer(run: FieldingRun) -> FieldingRun:
    """The run with its end one day later."""
    return attrs.evolve(run, end_fielding_at=run.end_fielding_at + timedelta(days=1))


async def pause(client: AsyncClient) -> object:
    """Pause the run."""
    return await ensure_status(client, READ, "paused")


async def pause_and_confirm(client: AsyncClient) -> object:
    """Pause the run and read it until it is paused."""
    return await ensure_status(client, READ, "paused", confirm=600)


async def extend(client: AsyncClient) -> object:
    """Extend the run."""
    return await update_run(client, READ, a_day_longer)


async def wait_until_paused(client: AsyncClient) -> object:
    """Wait until the run is paused."""
    return await wait_for_status(client, READ, "paused", timeout=1)


def writes(server: RawServer) -> int:
    """The number of requests that could change something."""
    return sum(request.method != "GET" for request in server.requests)


@pytest.mark.parametrize(
    ("workflow", "script", "note"),
    [
        (pause, [read(), answer(500), hang], "pause_fielding_run may have been applied: read the run"),
        (extend, [read(), answer(500), hang], "update_fielding_run may have been applied: read the run"),
        (pause_and_confirm, [read(), DONE, hang], "pause_fielding_run was applied: read the run"),
        (pause_and_confirm, [read(), DONE, read()], "pause_fielding_run was applied: read the run"),
    ],
)
async def test_cancellation_after_an_action_carries_its_outcome(
    workflow: Callable[[AsyncClient], Awaitable[object]],
    script: list[Step],
    note: str,
    serve: Serve,
    make_client: MakeClient,
) -> None:
    """A cancellation after an action carries a note that it was or may have been applied."""
    server = await serve(*script)
    task = asyncio.ensure_future(workflow(make_client(base_url=server.url, retry=ONCE)))
    while len(server.requests) < 3:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert caught.value.__notes__ == [note]


async def test_cancellation_before_any_action_has_no_note(serve: Serve, make_client: MakeClient) -> None:
    """A cancellation before anything was sent has no note."""
    server = await serve(hang)
    task = asyncio.ensure_future(pause(make_client(base_url=server.url)))
    while not server.requests:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize("workflow", [pause, extend, wait_until_paused])
@pytest.mark.parametrize("status", ["live", "paused"])
async def test_another_run_is_refused(
    workflow: Callable[[AsyncClient], Awaitable[object]], status: str, serve: Serve, make_client: MakeClient
) -> None:
    """A read that is answered with another run raises an error that names both, and nothing is sent."""
    server = await serve(read({**LIVE, "id": OTHER, "status": status}, etag='W/"7"'))
    with pytest.raises(DecodeError) as caught:
        await workflow(make_client(base_url=server.url))
    assert RUN in str(caught.value)
    assert OTHER in str(caught.value)
    assert not caught.value.maybe_applied
    assert len(caught.value.attempts) == 1
    assert writes(server) == 0


async def test_another_run_after_an_action_keeps_the_ambiguity(serve: Serve, make_client: MakeClient) -> None:
    """The error of a read that is answered with another run says that an earlier action may have been applied."""
    server = await serve(read(), answer(500), read({**PAUSED, "id": OTHER}))
    with pytest.raises(DecodeError) as caught:
        await pause(make_client(base_url=server.url, retry=ONCE))
    assert caught.value.maybe_applied
    assert "PauseFieldingRun may have been applied." in str(caught.value)


async def test_close_after_an_unclear_action_names_the_action(serve: Serve, make_client: MakeClient) -> None:
    """The error of a client that is closed during the read after an unclear action names the action."""
    server = await serve(read(), answer(500), hang)
    client = make_client(base_url=server.url, retry=ONCE)
    task = asyncio.ensure_future(pause(client))
    while len(server.requests) < 3:
        await asyncio.sleep(0.001)
    await client.aclose()
    with pytest.raises(ClientClosedError) as caught:
        await task
    assert caught.value.maybe_applied
    assert str(caught.value).startswith("GetFieldingRun: ")
    assert "PauseFieldingRun may have been applied." in str(caught.value)


@pytest.mark.parametrize("claim", [LIVE, {**PAUSED, "id": OTHER}])
async def test_action_answered_with_another_state_is_settled_by_reading(
    claim: dict[str, Any], serve: Serve, make_client: MakeClient
) -> None:
    """An action whose response shows another status or run is settled by a read."""
    server = await serve(read(), read(claim, etag='W/"8"'), read(PAUSED, etag='W/"2"'))
    outcome = await ensure_status(make_client(base_url=server.url), READ, "paused")
    assert (outcome.status, outcome.changed, outcome.etag) == ("paused", True, 'W/"2"')
    assert [type(conflict) for conflict in outcome.conflicts] == [DecodeError]


@pytest.mark.parametrize("workflow", [pause, extend])
async def test_contradicted_success_is_never_claimed(
    workflow: Callable[[AsyncClient], Awaitable[object]], serve: Serve, make_client: MakeClient
) -> None:
    """A run that neither the responses to the writes nor the reads show as wanted raises."""
    server = await serve(read())
    with pytest.raises(TooManyConflictsError) as caught:
        await workflow(make_client(base_url=server.url))
    assert all("contradicts the command" in str(conflict) for conflict in caught.value.conflicts)
    assert caught.value.maybe_applied


async def test_dates_that_the_response_confirms_are_a_success(serve: Serve, make_client: MakeClient) -> None:
    """A response with the dates that were sent needs no further read."""
    end = "2026-12-02T00:00:00.000Z"
    before = {**LIVE, "start_fielding_at": "2026-11-01T00:00:00Z", "end_fielding_at": "2026-12-01T00:00:00Z"}
    server = await serve(read(before), read({**before, "end_fielding_at": end}, etag='W/"2"'))
    outcome = await update_run(make_client(base_url=server.url), READ, a_day_longer)
    assert (outcome.changed, outcome.end_fielding_at.day, len(server.requests)) == (True, 2, 2)


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (500, "3 writes were sent: 3 of unclear outcome; the run is live now"),
        (412, "3 writes were sent: 3 refused because the run had changed; the run is live now"),
    ],
)
async def test_too_many_conflicts_say_what_was_seen(
    refusal: int, text: str, serve: Serve, make_client: MakeClient
) -> None:
    """The error blames another process only for refusals that show it, and lists every attempt."""
    live = read()
    server = await serve(*[live, answer(refusal)] * 3, live)
    with pytest.raises(FieldingKitError) as caught:
        await ensure_status(make_client(base_url=server.url, retry=ONCE), READ, "paused", max_conflicts=2)
    assert isinstance(caught.value, TooManyConflictsError)
    assert str(caught.value).startswith(f"PauseFieldingRun: {text}")
    assert [attempt.status for attempt in caught.value.attempts] == [refusal] * 3
