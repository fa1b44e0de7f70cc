"""A custom transport: ``transport=`` takes the place of the network below retry, limits, credentials and tracing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.examples import KEYED, READ, RUN_BODY
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AttemptEvent, RequestEvent
from fieldingkit._json import dumps
from fieldingkit.errors import AmbiguousOutcomeError, ClientClosedError, ConfigurationError, TransportError
from fieldingkit.transport.http import Call, Response

URL = "https://api.example.org"


def response(status: int = 200, body: Any = RUN_BODY) -> Response:
    """Return a response with a JSON body."""
    return Response(status, {"ETag": '"1"'}, dumps(body))


async def test_custom_transport_is_retried_limited_and_observed(make_client: MakeClient, clock: FakeClock) -> None:
    """A custom transport sees signed requests; its failures are retried, recorded and observed like the network's."""
    outcomes: list[Response | TransportError] = [TransportError("broken"), response(503, {}), response()]
    seen: list[str] = []
    events: list[AttemptEvent] = []
    requests: list[RequestEvent] = []

    async def send(call: Call) -> Response:
        assert call.authorization is not None
        seen.append(f"{call.request.method} {call.request.target} {call.authorization.reveal()}")
        outcome = outcomes.pop(0)
        if isinstance(outcome, TransportError):
            raise outcome
        return outcome

    client = make_client(
        base_url=URL, clock=clock, transport=send, on_attempt=events.append, on_request=requests.append
    )
    detailed = await client.send_detailed(READ)

    assert (detailed.result.id, detailed.result.etag) == (RUN_BODY["id"], '"1"')
    assert [(attempt.status, attempt.error, attempt.sent) for attempt in detailed.attempts] == [
        (None, "TransportError", True),
        (503, None, True),
        (200, None, True),
    ]
    assert len(seen) == len(events) == len(requests) == 3
    assert seen[0].startswith("GET /demand/accounts/101/")
    assert seen[0].endswith("Bearer test-token")


async def test_failure_of_a_custom_transport_keeps_its_meaning(make_client: MakeClient, clock: FakeClock) -> None:
    """A write that the transport did not send was not applied; one that it sent may have been."""

    async def unsent(call: Call) -> Response:
        raise TransportError("no route", sent=False, retryable=False)

    async def sent(call: Call) -> Response:
        raise TransportError("reset", sent=True)

    with pytest.raises(TransportError) as caught:
        await make_client(base_url=URL, clock=clock, transport=unsent).send(KEYED)
    assert caught.value.maybe_applied is False
    with pytest.raises(AmbiguousOutcomeError):
        await make_client(base_url=URL, clock=clock, transport=sent, deadline=5).send(KEYED)


async def test_custom_transport_serves_downloads(make_client: MakeClient, tmp_path: Path) -> None:
    """A download through a custom transport writes the body of its response."""

    async def send(call: Call) -> Response:
        return Response(200, {}, b"content")

    path = (await make_client(base_url=URL, transport=send).download(READ, tmp_path / "file")).path
    assert path.read_bytes() == b"content"


async def test_custom_transport_is_bound_and_closed_like_the_network(make_client: MakeClient) -> None:
    """A client with a custom transport belongs to one event loop and refuses calls after it was closed."""

    async def send(call: Call) -> Response:
        return response()

    client = make_client(base_url=URL, transport=send)
    await client.send(READ)
    with pytest.raises(ConfigurationError, match="another event loop"):
        await asyncio.to_thread(asyncio.run, client.send(READ))
    await client.aclose()
    with pytest.raises(ClientClosedError):
        await client.send(READ)
