"""Callbacks: ``on_attempt`` and ``on_poll``."""

import logging
from typing import Any

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient
from support.sandbox_commands import EVERY, PAUSES, READS, a_batch, a_read, path_of

from fieldingkit import AttemptEvent, Client, ClientCredentials, PollEvent, RequestEvent, TraceContext
from fieldingkit.errors import JobGoneError
from fieldingkit.sandbox import Sandbox, faults


async def test_each_attempt_is_reported_once(sandbox: Sandbox, clock: FakeClock, make_client: MakeClient) -> None:
    """Each attempt is reported with its number, outcome, times and ids."""
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503))
    sandbox.faults.add("get_fielding_runs*", faults.DropBefore())
    events: list[AttemptEvent] = []
    await make_client(on_attempt=events.append, clock=clock).send(a_read(sandbox))
    assert [(event.operation_id, event.method, event.number) for event in events] == [
        (READS, "GET", 1),
        (READS, "GET", 2),
        (READS, "GET", 3),
    ]
    assert [(event.status, event.error, event.sent) for event in events] == [
        (503, "503", True),
        (None, "TransportError", True),
        (200, None, True),
    ]
    assert [event.delay > 0 for event in events] == [False, True, True]
    assert [bool(event.trace_id) for event in events] == [True, False, True]
    assert [event.request_id for event in events] == ["0HNSANDBOX000:00000000", None, "0HNSANDBOX000:00000002"]


async def test_a_token_request_is_reported_as_an_attempt(sandbox: Sandbox, make_client: MakeClient) -> None:
    """A token request is reported as an attempt of the operation ``token``."""
    credentials = ClientCredentials(
        client_id=sandbox.client_id, client_secret=sandbox.client_secret, token_url=sandbox.token_url
    )
    events: list[AttemptEvent] = []
    await make_client(on_attempt=events.append, auth=credentials).send(a_read(sandbox))
    assert [(event.operation_id, event.status) for event in events] == [("token", 200), (READS, 200)]


async def test_each_request_is_reported_before_it_is_sent(
    sandbox: Sandbox, clock: FakeClock, make_client: MakeClient
) -> None:
    """Each request is reported before it is sent, with its method, redacted URL, headers and number."""
    read = a_read(sandbox)
    sandbox.faults.add("get_fielding_runs*", faults.Answer(503))
    events: list[RequestEvent] = []
    sent_before: list[int] = []

    def record(event: RequestEvent) -> None:
        events.append(event)
        sent_before.append(len(sandbox.requests))

    context = TraceContext.generate()
    client = make_client(on_request=record, clock=clock, trace_context=context)
    await client.request("GET", path_of(read), params={"page_size": 7}, headers={"X-Key": "secret"})

    first, second = events
    assert (first.operation_id, first.method, first.number, second.number) == ("GET request", "GET", 1, 2)
    assert first.url == f"{sandbox.url}{path_of(read)}?page_size=REDACTED"
    assert sent_before == [0, 1]
    assert (first.headers["Authorization"], first.headers["X-Key"]) == ("REDACTED", "REDACTED")
    assert first.headers["traceparent"] == sandbox.requests[0].headers["traceparent"] == context.traceparent
    assert {name.lower() for name in first.headers} <= {name.lower() for name in sandbox.requests[0].headers}


async def test_a_token_request_shows_no_secret(sandbox: Sandbox, make_client: MakeClient) -> None:
    """The event of a token request holds neither the client secret nor the token."""
    credentials = ClientCredentials(
        client_id=sandbox.client_id, client_secret=sandbox.client_secret, token_url=sandbox.token_url
    )
    events: list[RequestEvent] = []
    await make_client(on_request=events.append, auth=credentials).send(a_read(sandbox))
    assert [event.operation_id for event in events] == ["token", READS]
    token = sandbox.requests[-1].headers["Authorization"].removeprefix("Bearer ")
    assert not [event for event in events for secret in (token, sandbox.client_secret) if secret in repr(event)]


async def test_each_poll_is_reported_once(sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient) -> None:
    """Each poll is reported with the status it read; the last one is marked as finished."""
    events: list[PollEvent] = []
    client = make_client(on_poll=events.append, clock=sandbox_clock, poll=EVERY)
    sandbox.faults.add("get_bulk_*", faults.Garbage())
    sandbox.faults.add("get_bulk_*", faults.HtmlPage(404))
    job = await client.submit(a_batch(sandbox))
    result = await job.wait()
    assert [(event.job_id, event.operation_id, event.polls) for event in events] == [
        (job.id, PAUSES, number + 1) for number in range(len(events))
    ]
    assert [(event.status, event.error, event.finished) for event in events] == [
        (None, "TransportError", False),
        (None, "NotFoundError", False),
        ("Completed", None, True),
    ]
    assert events[-1].result is result
    assert "updated" not in repr(events[-1])


async def test_the_poll_that_loses_a_job_is_reported_as_the_last(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient
) -> None:
    """The poll after which a job is given up is reported as the last, with its error."""
    events: list[PollEvent] = []
    sandbox.faults.add("create_bulk_*", faults.JobGone(410))
    with pytest.raises(JobGoneError):
        await make_client(on_poll=events.append, clock=sandbox_clock).run(a_batch(sandbox))
    *before, last = [(event.status, event.error, event.finished) for event in events]
    assert last == (None, "ApiError", True)
    assert set(before) == {(None, "ApiError", False)}


async def test_a_failing_callback_is_logged_and_breaks_nothing(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception of a callback is logged and breaks neither the call nor the job."""

    def fail(event: Any) -> None:
        raise LookupError(type(event).__name__)

    client = make_client(on_attempt=fail, on_poll=fail, clock=sandbox_clock, poll=EVERY)
    with caplog.at_level(logging.WARNING, "fieldingkit"):
        result = await client.run(a_batch(sandbox))
    assert result.ok
    assert {record.name for record in caplog.records} == {"fieldingkit.callbacks"}
    assert {str(record.exc_info and record.exc_info[1]) for record in caplog.records} == {"AttemptEvent", "PollEvent"}


def test_the_blocking_client_calls_back_too(sandbox: Sandbox) -> None:
    """The blocking client calls both callbacks."""
    attempts: list[AttemptEvent] = []
    polls: list[PollEvent] = []
    with Client(
        account_id=101, auth=sandbox.token, base_url=sandbox.url, on_attempt=attempts.append, on_poll=polls.append
    ) as client:
        client.run(a_batch(sandbox))
    assert [event.method for event in attempts] == ["POST", *["GET"] * len(polls)]
    assert polls[-1].finished
