"""The receivers and stores of docs/how-to/webhooks.md, with deliveries that a sandbox signed."""

import asyncio
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from support.pages import blocks, run_python
from support.webhook_receiver import Receiver

from fieldingkit import AsyncClient, events
from fieldingkit.sandbox import Sandbox

PAGE = "docs/how-to/webhooks.md"
RECEIVERS = ("aiohttp", "FastAPI", "Django")


class Delivery(NamedTuple):
    """A delivery of an event."""

    event_id: str
    """The id of the event."""
    headers: dict[str, str]
    """The headers."""
    body: bytes
    """The body."""


@pytest.fixture
def names(bare: pytest.MonkeyPatch, sandbox: Sandbox) -> dict[str, Any]:
    """Run the code of the page, and return its names."""
    for package in ("django", "fastapi", "httpx", "fakeredis"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    project = sandbox.seed(live=2)
    bare.setenv("CINT_BASE_URL", sandbox.url)
    bare.setenv("CINT_ACCOUNT_ID", str(sandbox.account_id))
    bare.setenv("CINT_TOKEN", sandbox.token)
    found: dict[str, Any] = {"project_id": project.id, "group_ids": project.ids(), "__name__": "page"}
    with asyncio.Runner() as runner:
        for block in blocks(PAGE, "python"):
            run_python(block, found, runner)
            if "app" in found:
                found.setdefault("first_app", found["app"])  # that of the last section wakes polls
    return found


@pytest.fixture
async def delivery(names: dict[str, Any], sandbox: Sandbox) -> Delivery:
    """Have a sandbox deliver an event, and sign it with the secret of the page's webhook."""
    async with Receiver() as receiver, AsyncClient(auth=sandbox.token, base_url=sandbox.url) as client:
        webhook = {"url": receiver.url, "events": ["target-group-updated"]}
        created = await client.request("POST", f"/accounts/{sandbox.account_id}/webhooks", json=webhook)
        assert created.status == 201
        sandbox.seed(live=1).groups[0].act("pause", by="a colleague")
        await sandbox.deliver()
        received = receiver.received[0]
    signed = hmac.new(names["secret"].encode(), b"1." + received.body, hashlib.sha256).hexdigest()
    return Delivery(received.event["id"], {"Cint-Signature": f"t=1,v1={signed}"}, received.body)


async def post(receiver: str, names: dict[str, Any], headers: dict[str, str], body: bytes) -> tuple[int, Any]:
    """Post a delivery to a receiver of the page, and return the status and the JSON of its response."""
    if receiver == "aiohttp":
        async with (
            TestServer(names["first_app"]) as server,
            ClientSession() as session,
            session.post(server.make_url("/cint"), data=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json()
    if receiver == "FastAPI":
        from httpx import ASGITransport
        from httpx import AsyncClient as HttpClient

        async with HttpClient(transport=ASGITransport(names["api"]), base_url="http://test") as http:
            found = await http.post("/cint", content=body, headers=headers)
            return found.status_code, found.json()
    from django.conf import settings
    from django.test import AsyncRequestFactory

    if not settings.configured:
        settings.configure(DEFAULT_CHARSET="utf-8")
    request = AsyncRequestFactory().post("/cint", data=body, content_type="application/json", headers=headers)
    response = await names["cint"](request)
    return response.status_code, json.loads(response.content)


@pytest.mark.parametrize("receiver", RECEIVERS)
async def test_a_receiver_verifies_handles_once_and_acknowledges(
    names: dict[str, Any], delivery: Delivery, receiver: str
) -> None:
    """A delivery is acknowledged with its id, again without being handled; a forged one is refused."""
    for _ in range(2):
        assert await post(receiver, names, delivery.headers, delivery.body) == (200, {"event_id": delivery.event_id})
    assert [change for _, change, _ in names["seen"]] == ["status_change"]
    status, _ = await post(receiver, names, delivery.headers, delivery.body + b" ")
    assert status == 401


@pytest.mark.parametrize("receiver", RECEIVERS)
async def test_a_receiver_does_not_acknowledge_an_event_in_progress(
    names: dict[str, Any], delivery: Delivery, receiver: str
) -> None:
    """While another delivery of the event is being handled, the response is 503."""
    await names["store"].claim(delivery.event_id, lease=60.0)
    status, _ = await post(receiver, names, delivery.headers, delivery.body)
    assert status == 503
    assert names["seen"] == []


def redis_store(names: dict[str, Any], _: Path) -> Any:
    """Return the store of the page with a Redis in memory."""
    from fakeredis import FakeAsyncRedis

    return names["RedisEventStore"](FakeAsyncRedis())


def sql_store(names: dict[str, Any], folder: Path) -> Any:
    """Return the store of the page with a database file."""
    return names["SqlEventStore"](folder / "events.sqlite")


@pytest.mark.parametrize("make", [redis_store, sql_store])
async def test_a_store_claims_an_event_once(
    names: dict[str, Any], tmp_path: Path, make: Callable[[dict[str, Any], Path], Any]
) -> None:
    """Of concurrent claims one is new; a released claim is new again, and what is done stays done."""
    store = make(names, tmp_path)
    claims = await asyncio.gather(*(store.claim("e1", lease=60.0) for _ in range(8)))
    assert sorted(claim.value for claim in claims) == ["busy"] * 7 + ["new"]
    await store.release("e1")
    assert await store.claim("e1", lease=60.0) is events.Claim.NEW
    await store.done("e1")
    assert await store.claim("e1", lease=60.0) is events.Claim.DONE


@pytest.mark.parametrize("make", [redis_store, sql_store])
async def test_the_claim_of_a_crashed_process_expires(
    names: dict[str, Any], tmp_path: Path, make: Callable[[dict[str, Any], Path], Any]
) -> None:
    """After the lease, the next delivery is new."""
    store = make(names, tmp_path)
    assert await store.claim("e1", lease=0.001) is events.Claim.NEW
    while (claim := await store.claim("e1", lease=0.001)) is events.Claim.BUSY:
        await asyncio.sleep(0.001)
    assert claim is events.Claim.NEW


def test_an_event_is_booked_exactly_once(names: dict[str, Any], delivery_of_a_test: events.Event) -> None:
    """The effect and the event's id are in one transaction."""
    connection = sqlite3.connect(":memory:")
    connection.executescript("CREATE TABLE handled (id TEXT PRIMARY KEY); CREATE TABLE counters (events INTEGER);")
    connection.execute("INSERT INTO counters VALUES (0)")
    for _ in range(3):
        names["book"](connection, delivery_of_a_test)
    assert connection.execute("SELECT events FROM counters").fetchone() == (1,)
    connection.close()


@pytest.fixture
def delivery_of_a_test() -> events.Event:
    """Return an event."""
    return events.Event(id="e1", type="com.cint.test", name="test")
