"""Webhook deliveries: verification, parsing, and handling each event once."""

import asyncio
import copy
import gzip
import hashlib
import hmac
import io
import json
import logging
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from support.fake_clock import FakeClock

from fieldingkit import events
from fieldingkit.errors import ConfigurationError, FieldingKitError, InvalidEventError, InvalidSignatureError
from fieldingkit.events import (
    Actor,
    Change,
    Claim,
    Event,
    InMemoryEventStore,
    QuotaFillRegistered,
    SessionUpdated,
    TargetGroupUpdated,
    aiohttp_handler,
    handle_once,
    verify,
)

PUBLISHED_SECRET = "FP7UPZpATKBcYJj4va95PYud+a3gCidRERiLO+9MoFE="
PUBLISHED_BODY = b'{"foo":"bar"}'
PUBLISHED_HEADER = "t=1732526080,v1=6532d4777122acc32cd388763fc0c0ba8732698d09cf99eea086e5a86f8d3ebe"
SECRET = "canary7UPZpATKBcYJj4va95PYud+a3gCidRERiLO+9MoFE="
SIGNED_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
ENVELOPE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "0194b6a0-0000-7000-8000-000000000001",
    "source": "/cint/demand",
    "type": "com.cint.target-group.updated",
    "time": "2026-01-31T11:59:58.1234567Z",
    "datacontenttype": "application/json",
    "data": {
        "id": "c0ffee00-0000-4000-8000-000000000000",
        "account_id": "101",
        "project_id": "01BTGNYV6HRNK8K8VKZASZCFP0",
        "target_group_id": "01BTGNYV6HRNK8K8VKZASZCFP1",
        "occurred_at": "2026-01-31T11:59:57.000Z",
        "user": {"type": "system_user"},
        "changes": [{"object": "status-change", "new_value": "paused", "reason_code": "high_median_loi"}],
    },
}


def body_of(**changes: Any) -> bytes:
    """The body of an event, with some members of its envelope changed."""
    return json.dumps({**ENVELOPE, **changes}).encode()


def signature_of(body: bytes, *, secret: str = SECRET, at: datetime = SIGNED_AT) -> str:
    """The header that the API would send."""
    seconds = int(at.timestamp())
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"


def headers_of(body: bytes, **options: Any) -> dict[str, str]:
    """A delivery's headers."""
    return {"Cint-Signature": signature_of(body, **options)}


def test_published_signature_is_accepted() -> None:
    """The published example has a valid signature; its body, which is not an event, is refused after that."""
    with pytest.raises(InvalidEventError, match="no id"):
        verify({"Cint-Signature": PUBLISHED_HEADER}, PUBLISHED_BODY, PUBLISHED_SECRET)


@pytest.mark.parametrize("at", range(len(PUBLISHED_BODY)))
def test_body_with_one_changed_byte_is_refused(at: int) -> None:
    """The published body with one byte changed does not match the published signature."""
    body = bytes(byte ^ 1 if index == at else byte for index, byte in enumerate(PUBLISHED_BODY))
    with pytest.raises(InvalidSignatureError):
        verify({"Cint-Signature": PUBLISHED_HEADER}, body, PUBLISHED_SECRET)


@pytest.mark.parametrize("bit", [1, 2, 32, 128])
@pytest.mark.parametrize("at", range(len(PUBLISHED_HEADER)))
def test_header_with_one_changed_byte_is_refused(at: int, bit: int) -> None:
    """A header with one byte changed in timestamp, signature or punctuation is refused."""
    header = "".join(chr(ord(char) ^ bit) if index == at else char for index, char in enumerate(PUBLISHED_HEADER))
    with pytest.raises(InvalidSignatureError):
        verify({"Cint-Signature": header}, PUBLISHED_BODY, PUBLISHED_SECRET)


@pytest.mark.parametrize("at", range(len(PUBLISHED_SECRET)))
def test_secret_with_one_changed_byte_is_refused(at: int) -> None:
    """The signing key is the complete text of the secret, up to its last character."""
    other = "B" if PUBLISHED_SECRET[at] != "B" else "C"
    secret = PUBLISHED_SECRET[:at] + other + PUBLISHED_SECRET[at + 1 :]
    with pytest.raises((InvalidSignatureError, ConfigurationError)):
        verify({"Cint-Signature": PUBLISHED_HEADER}, PUBLISHED_BODY, secret)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1732526080",
        "v1=" + PUBLISHED_HEADER[-64:],
        "t=," + PUBLISHED_HEADER[-67:],
        "t=-1732526080," + PUBLISHED_HEADER[-67:],
        "t=\u0661," + PUBLISHED_HEADER[-67:],
        "t=1732526080,t=1732526080," + PUBLISHED_HEADER[-67:],
        "t=1732526080,v1=",
        "t=1732526080,v1=" + PUBLISHED_HEADER[-64:-1],
        "t=1732526080,v1=\udc80",
        "t=1732526080,v2=" + PUBLISHED_HEADER[-64:],
        PUBLISHED_HEADER[-64:],
    ],
)
def test_malformed_signature_is_refused(header: str) -> None:
    """A header of any other form is refused as a signature."""
    with pytest.raises(InvalidSignatureError):
        verify({"Cint-Signature": header}, PUBLISHED_BODY, PUBLISHED_SECRET)


def test_delivery_without_a_signature_is_refused() -> None:
    """A delivery without the header is refused."""
    with pytest.raises(InvalidSignatureError, match="no Cint-Signature"):
        verify({}, body_of(), SECRET)


def test_two_signature_headers_are_refused() -> None:
    """A delivery with two signature headers is refused, because either could be forged."""
    header = signature_of(body_of())
    with pytest.raises(InvalidSignatureError, match="more than one"):
        verify({"Cint-Signature": header, "cint-signature": header}, body_of(), SECRET)


def test_one_of_several_signatures_is_enough() -> None:
    """Signatures of unknown kinds, or by other keys, are ignored beside a valid one."""
    header = signature_of(body_of()).replace(",", f",v0=abc, v1={'0' * 64} , ")
    assert verify({"CINT-SIGNATURE": header}, body_of(), SECRET).id == ENVELOPE["id"]


@pytest.mark.parametrize("secret", ["", " ", "with space", SECRET + "\n", "sécret"])
def test_invalid_secret_is_refused(secret: str) -> None:
    """An empty secret would accept forged deliveries; one with a line end would refuse all."""
    with pytest.raises(ConfigurationError):
        verify(headers_of(body_of(), secret=secret), body_of(), secret)


@pytest.mark.parametrize(("age", "accepted"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_tolerance_holds_in_both_directions(age: int, accepted: bool) -> None:
    """A delivery that was signed too long ago, or too far ahead, is refused."""
    body, now = body_of(), SIGNED_AT + timedelta(seconds=age)
    if accepted:
        assert verify(headers_of(body), body, SECRET, tolerance=300, now=now)
    else:
        with pytest.raises(InvalidSignatureError, match="tolerance is 300 s"):
            verify(headers_of(body), body, SECRET, tolerance=300, now=now)


@pytest.mark.parametrize("tolerance", [float("nan"), float("inf"), -1, -0.5, "300", True, b"1"])
def test_impossible_tolerance_is_refused(tolerance: Any) -> None:
    """A tolerance that would check no age, or refuse every delivery, is refused: at creation by the handler."""
    with pytest.raises(ConfigurationError, match="tolerance must be a finite number of seconds, 0 or more"):
        verify(headers_of(body_of()), body_of(), SECRET, tolerance=tolerance)
    with pytest.raises(ConfigurationError, match="tolerance"):
        aiohttp_handler(SECRET, lambda _: None, tolerance=tolerance)


def test_zero_tolerance_accepts_the_second_of_signing() -> None:
    """The smallest tolerance is 0 seconds."""
    assert verify(headers_of(body_of()), body_of(), SECRET, tolerance=0, now=SIGNED_AT)
    with pytest.raises(InvalidSignatureError, match="tolerance is 0 s"):
        verify(headers_of(body_of()), body_of(), SECRET, tolerance=0, now=SIGNED_AT + timedelta(seconds=1))


def test_age_is_not_checked_by_default() -> None:
    """Old deliveries are accepted by default, because repeated ones may not be signed again."""
    assert verify(headers_of(body_of(), at=datetime(2020, 1, 1, tzinfo=UTC)), body_of(), SECRET)
    with pytest.raises(InvalidSignatureError):
        verify(headers_of(body_of(), at=datetime(2020, 1, 1, tzinfo=UTC)), body_of(), SECRET, tolerance=3600)


def test_gzip_body_is_verified_and_parsed() -> None:
    """The signature covers the JSON text, for a compressed body as well, with any headers."""
    body = body_of()
    for headers in (headers_of(body), {**headers_of(body), "Content-Encoding": "gzip"}):
        assert verify(headers, gzip.compress(body), SECRET) == verify(headers, body, SECRET)


PACKED = gzip.compress(body_of(), mtime=0)


@pytest.mark.parametrize(
    "damaged",
    [PACKED[:-4], PACKED[:20], PACKED + b"more", PACKED[:12] + b"\xff\xff" + PACKED[14:], PACKED[:2], PACKED + PACKED],
    ids=["no end", "half", "more", "garbled", "nothing", "twice"],
)
def test_damaged_gzip_body_is_refused(damaged: bytes) -> None:
    """A gzip body that is truncated, damaged, or followed by data is refused."""
    with pytest.raises(InvalidEventError, match=r"gzip|truncated"):
        verify(headers_of(body_of()), damaged, SECRET)


def test_gzip_bomb_is_not_decompressed() -> None:
    """A small body of 100 MB uncompressed is never decompressed beyond the limit."""
    import tracemalloc

    bomb = gzip.compress(b" " * 100_000_000, compresslevel=1)
    tracemalloc.start()
    with pytest.raises(InvalidEventError, match="1048576 bytes"):
        verify(headers_of(b""), bomb, SECRET)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


def test_size_limit_holds_to_the_byte() -> None:
    """The size limit holds for plain and compressed bodies, to the byte."""
    body = body_of()
    for sent in (body, gzip.compress(body)):
        assert verify(headers_of(body), sent, SECRET, max_size=len(body))
        with pytest.raises(InvalidEventError, match="bytes"):
            verify(headers_of(body), sent, SECRET, max_size=len(body) - 1)


def test_target_group_update_is_parsed() -> None:
    """Envelope and data are typed, and the raw data is kept."""
    event = verify(headers_of(body_of()), body_of(), SECRET)
    assert event == TargetGroupUpdated(
        id=ENVELOPE["id"],
        type="com.cint.target-group.updated",
        name="target-group-updated",
        source="/cint/demand",
        time=datetime(2026, 1, 31, 11, 59, 58, 123456, tzinfo=UTC),
        data=ENVELOPE["data"],
        account_id="101",
        project_id="01BTGNYV6HRNK8K8VKZASZCFP0",
        target_group_id="01BTGNYV6HRNK8K8VKZASZCFP1",
        occurred_at=datetime(2026, 1, 31, 11, 59, 57, tzinfo=UTC),
        user=Actor(type="system_user"),
        changes=(Change(object="status_change", new_value="paused", reason_code="high_median_loi"),),
    )


def test_variants_of_a_target_group_update_are_parsed() -> None:
    """The account may be a number or text, and the user an object or a list."""
    data = {"account_id": 101, "user": [{"type": "las_user", "las_user_id": "u1"}], "changes": None}
    event = events.parse(body_of(data=data))
    assert isinstance(event, TargetGroupUpdated)
    assert (event.account_id, event.user, event.changes) == ("101", Actor(type="las_user", las_user_id="u1"), ())


def test_quota_fill_is_parsed() -> None:
    """Counts are numbers; any other value, including a boolean, becomes None."""
    data = {"account_id": 101, "target_group_id": "g", "screens": 5, "completes": True, "profile_quota_id": "q"}
    event = events.parse(body_of(type="quota-fill-registered", data=data))
    assert isinstance(event, QuotaFillRegistered)
    assert (event.screens, event.completes, event.profile_quota_id) == (5, None, "q")


def test_session_update_is_parsed() -> None:
    """The sequence number of a session event is parsed, so that the latest one can be found."""
    data = {
        "response_session_id": "s",
        "sequence_number": 3,
        "survey_id": 12,
        "respondent_entry_date": "2026-01-31",
        "changes": [{"object": "status", "new_value": 1, "old_value": 0}, "nonsense"],
    }
    event = events.parse(body_of(type="com.cint.session.updated", data=data))
    assert isinstance(event, SessionUpdated)
    assert (event.sequence_number, event.survey_id, event.respondent_entry_date) == (3, "12", None)
    assert event.changes == (Change(object="status", new_value=1, old_value=0),)


@pytest.mark.parametrize(
    ("kind", "name", "wanted"),
    [
        ("com.cint.target-group.updated", "target-group-updated", TargetGroupUpdated),
        ("com.cint.target.group.updated", "target-group-updated", TargetGroupUpdated),
        ("target-group-updated", "target-group-updated", TargetGroupUpdated),
        ("com.cint.quota.fill.registered", "quota-fill-registered", QuotaFillRegistered),
        ("com.cint.quota-fill.registered", "quota-fill-registered", QuotaFillRegistered),
        ("quota-fill-registered", "quota-fill-registered", QuotaFillRegistered),
        ("com.cint.session.updated", "session-updated", SessionUpdated),
        ("session-updated", "session-updated", SessionUpdated),
        ("com.cint.project.archived", "project-archived", Event),
        ("org.example.other", "org.example.other", Event),
    ],
)
def test_event_types_have_two_spellings(kind: str, name: str, wanted: type[Event]) -> None:
    """Both spellings of a type parse to the same class, and unknown types to Event."""
    event = events.parse(body_of(type=kind))
    assert type(event) is wanted
    assert (event.type, event.name, event.data) == (kind, name, ENVELOPE["data"])


@pytest.mark.parametrize("data", [{}, None, {"changes": 5, "occurred_at": 7, "user": "x", "account_id": []}])
def test_unexpected_data_does_not_refuse_an_event(data: dict[str, Any] | None) -> None:
    """Only the envelope is validated, because a refused event may block the next ones."""
    event = events.parse(body_of(data=data))
    assert isinstance(event, TargetGroupUpdated)
    assert (event.changes, event.user, event.account_id, event.occurred_at) == ((), None, None, None)
    assert event.data == (data or {})


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$"),
        (b"{", "$"),
        (b"\xff", "$"),
        (b"[" * 200_000, "$"),
        (b"[]", "$"),
        (b"{}", "$.id"),
        (body_of(id=""), "$.id"),
        (body_of(id=7), "$.id"),
        (body_of(type=None), "$.type"),
        (body_of(data=[1]), "$.data"),
        (body_of(time="yesterday"), "$.time"),
        (body_of(time="2026-01-31T11:59:58"), "$.time"),
        (body_of(time="0001-01-01T00:00:00+14:00"), "$.time"),
        (body_of(time=7), "$.time"),
    ],
)
def test_body_that_is_not_an_event_is_refused(body: bytes, path: str) -> None:
    """A body without id or type, or with a time without a zone, is refused."""
    with pytest.raises(InvalidEventError) as caught:
        verify(headers_of(body), body, SECRET)
    assert caught.value.path == path


def test_unsigned_body_is_not_parsed() -> None:
    """A body is not parsed before its signature is verified."""
    with pytest.raises(InvalidSignatureError):
        verify(headers_of(b"other"), b"[" * 200_000, SECRET)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, body_of()),
        ({"Cint-Signature": "t=1,v1=" + "0" * 64}, body_of()),
        (headers_of(b"{}"), b"{}"),
        (headers_of(b"{"), b"{"),
    ],
)
def test_no_error_shows_the_secret(headers: dict[str, str], body: bytes) -> None:
    """Errors can be copied and pickled, and show neither the secret nor the valid signature."""
    with pytest.raises(FieldingKitError) as caught:
        verify(headers, body, SECRET)
    expected = signature_of(body).partition("v1=")[2]
    for error in (caught.value, copy.copy(caught.value), pickle.loads(pickle.dumps(caught.value))):
        shown = repr(error) + str(error) + repr(vars(error))
        assert "canary" not in shown
        assert expected not in shown
        assert type(error) is caught.type


def test_repr_of_an_event_hides_its_data() -> None:
    """The repr of an event hides its data, which may be personal."""
    assert "canary" not in repr(events.parse(body_of(type="com.cint.novel", data={"email": "canary@example.com"})))


async def test_event_is_handled_once() -> None:
    """One of several deliveries of an event is handled, and all may be acknowledged."""
    handled: list[Event] = []

    async def on_event(event: Event) -> None:
        handled.append(event)

    event, store = events.parse(body_of()), InMemoryEventStore()
    claims = [await handle_once(event, on_event, store) for _ in range(3)]
    assert claims == [Claim.NEW, Claim.DONE, Claim.DONE]
    assert handled == [event]
    assert events.acknowledgement(event) == {"event_id": ENVELOPE["id"]}


async def test_a_synchronous_handler_handles_an_event_once() -> None:
    """A handler may be a plain function: its event is done after one delivery, and released if it raises."""
    handled: list[Event] = []
    event, store = events.parse(body_of()), InMemoryEventStore()

    def fail(_: Event) -> None:
        raise RuntimeError("database is down")

    with pytest.raises(RuntimeError):
        await handle_once(event, fail, store)
    claims = [await handle_once(event, handled.append, store) for _ in range(2)]
    assert claims == [Claim.NEW, Claim.DONE]
    assert handled == [event]


async def test_a_handler_that_is_no_function_is_refused_before_the_claim() -> None:
    """Any other handler is refused by its name, and the event stays new."""
    event, store = events.parse(body_of()), InMemoryEventStore()
    wrong: Any = "handler"
    with pytest.raises(ConfigurationError, match="on_event must be a function; got 'handler'"):
        await handle_once(event, wrong, store)
    with pytest.raises(ConfigurationError, match="on_event"):
        aiohttp_handler(SECRET, wrong)
    assert await store.claim(event.id, lease=1.0) is Claim.NEW


def test_only_an_event_is_acknowledged() -> None:
    """Any other argument is refused by its name."""
    wrong: Any = {"id": ENVELOPE["id"]}
    with pytest.raises(TypeError, match="event must be an Event, not an instance of dict"):
        events.acknowledgement(wrong)


async def test_failed_event_is_handled_again() -> None:
    """A failure propagates to the caller, and the next delivery is handled."""
    event, store = events.parse(body_of()), InMemoryEventStore()

    async def fail(_: Event) -> None:
        raise RuntimeError("database is down")

    async def succeed(_: Event) -> None:
        pass

    with pytest.raises(RuntimeError):
        await handle_once(event, fail, store)
    assert await handle_once(event, succeed, store) is Claim.NEW


async def test_event_in_progress_is_busy() -> None:
    """A delivery is BUSY while another is handled; a cancelled handler counts as failed."""
    event, store = events.parse(body_of()), InMemoryEventStore()
    begun = asyncio.Event()

    async def dawdle(_: Event) -> None:
        begun.set()
        await asyncio.sleep(60)

    first = asyncio.create_task(handle_once(event, dawdle, store))
    await begun.wait()
    assert await handle_once(event, dawdle, store) is Claim.BUSY
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await store.claim(event.id, lease=60) is Claim.NEW


class UnreliableStore(InMemoryEventStore):
    """A store whose operations fail where a test says so."""

    def __init__(self, *failing: str, clock: FakeClock) -> None:
        super().__init__(clock=clock)
        self.failing = set(failing)

    async def done(self, event_id: str) -> None:
        """Record the event, or fail."""
        if "done" in self.failing:
            raise OSError("the store is down")
        await super().done(event_id)

    async def release(self, event_id: str) -> None:
        """Release the event, or fail."""
        if "release" in self.failing:
            raise OSError("the store is down")
        await super().release(event_id)


async def accept(_: Event) -> None:
    """Handle an event."""


async def reject(_: Event) -> None:
    """Fail to handle an event."""
    raise RuntimeError("database is down")


async def test_store_that_fails_in_done(clock: FakeClock) -> None:
    """An event whose end cannot be recorded is released: its next delivery is handled, not refused forever."""
    event, store = events.parse(body_of()), UnreliableStore("done", clock=clock)
    with pytest.raises(OSError, match="store is down"):
        await handle_once(event, accept, store)
    store.failing.clear()
    assert await handle_once(event, accept, store) is Claim.NEW


async def test_store_that_fails_in_done_and_release(clock: FakeClock) -> None:
    """An event that cannot be released either is handled again when its lease has expired."""
    event, store = events.parse(body_of()), UnreliableStore("done", "release", clock=clock)
    with pytest.raises(OSError, match="store is down"):
        await handle_once(event, accept, store, lease=60)
    store.failing.clear()
    assert await handle_once(event, accept, store) is Claim.BUSY
    clock.advance(60)
    assert await handle_once(event, accept, store) is Claim.NEW


async def test_failed_release_does_not_hide_the_failure(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """The exception of the handler propagates even if the event cannot be released, which is logged."""
    event, store = events.parse(body_of()), UnreliableStore("release", clock=clock)
    with pytest.raises(RuntimeError, match="database is down"):
        await handle_once(event, reject, store)
    assert [record.message for record in caplog.records] == ["event could not be released"]


async def test_claim_of_a_crashed_process_expires(clock: FakeClock) -> None:
    """A claim that is neither done nor released is given up after its lease."""
    event, store = events.parse(body_of()), InMemoryEventStore(clock=clock)
    assert await store.claim(event.id, lease=30) is Claim.NEW
    clock.advance(29)
    assert await handle_once(event, accept, store) is Claim.BUSY
    clock.advance(1)
    assert await handle_once(event, accept, store) is Claim.NEW
    assert await handle_once(event, accept, store) is Claim.DONE


@pytest.mark.parametrize("lease", [0, -1, float("nan"), "60"])
async def test_impossible_lease_is_refused(lease: Any) -> None:
    """A lease that is not a positive number of seconds is refused before the event is claimed."""
    with pytest.raises(ConfigurationError, match="lease"):
        await handle_once(events.parse(body_of()), accept, InMemoryEventStore(), lease=lease)


@pytest.mark.parametrize("capacity", [0, -1, 1.5, "10"])
def test_impossible_capacity_is_refused(capacity: Any) -> None:
    """A store must remember at least one event."""
    with pytest.raises(ConfigurationError, match="capacity"):
        InMemoryEventStore(capacity)


async def test_in_memory_store_is_bounded() -> None:
    """The oldest handled events are forgotten first; claimed ones are not."""
    store = InMemoryEventStore(capacity=3)
    assert await store.claim("busy", lease=60) is Claim.NEW
    for number in range(5):
        await store.claim(str(number), lease=60)
        await store.done(str(number))
    assert [await store.claim(str(number), lease=60) for number in range(5)] == [Claim.NEW] * 2 + [Claim.DONE] * 3
    assert await store.claim("busy", lease=60) is Claim.BUSY


class Receiver:
    """A server on a socket with the aiohttp handler, and the events that it handled."""

    def __init__(self, url: str, session: ClientSession) -> None:
        self.url = url
        self.session = session
        self.handled: list[Event] = []
        self.fails = False

    async def on_event(self, event: Event) -> None:
        """Handle an event."""
        if self.fails:
            raise RuntimeError("database is down")
        self.handled.append(event)

    async def deliver(self, body: bytes, **headers: str) -> tuple[int, Any]:
        """Deliver a body as the API does, with a valid signature unless another is given."""
        signed = {"Cint-Signature": signature_of(body), "Content-Type": "application/json", **headers}
        packed = gzip.compress(body) if headers.get("Content-Encoding") == "gzip" else body
        async with self.session.post(self.url, data=io.BytesIO(packed), headers=signed) as response:
            is_json = response.content_type == "application/json"
            return response.status, await response.json() if is_json else await response.text()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a loopback socket."""
    async with ClientSession() as session:
        receiver = Receiver("", session)
        app = web.Application()
        app.router.add_post("/cint", aiohttp_handler(SECRET, receiver.on_event))
        async with TestClient(TestServer(app)) as client:
            receiver.url = str(client.make_url("/cint"))
            yield receiver


async def test_delivery_is_acknowledged(receiver: Receiver) -> None:
    """The response has status 200 and the event's id; a repeated delivery is not handled again."""
    for _ in range(2):
        assert await receiver.deliver(body_of()) == (200, {"event_id": ENVELOPE["id"]})
    assert [event.name for event in receiver.handled] == ["target-group-updated"]


async def test_compressed_delivery_is_acknowledged(receiver: Receiver) -> None:
    """A body that the server has decompressed is accepted, although the header says gzip."""
    assert await receiver.deliver(body_of(), **{"Content-Encoding": "gzip"}) == (200, {"event_id": ENVELOPE["id"]})


async def test_forged_delivery_is_refused(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """A forged delivery gets status 401, is not handled, and is logged without the secret."""
    with caplog.at_level(logging.DEBUG):
        status, answer = await receiver.deliver(body_of(), **{"Cint-Signature": "t=1,v1=" + "0" * 64})
    assert (status, receiver.handled) == (401, [])
    (record,) = [record for record in caplog.records if record.name == "fieldingkit.events"]
    assert "canary" not in repr(vars(record)) + repr(answer)


async def test_invalid_delivery_is_refused(receiver: Receiver) -> None:
    """A signed body that is not an event gets status 400, and one that is too large 413."""
    assert (await receiver.deliver(b"{}"))[0] == 400
    assert (await receiver.deliver(b" " * (1 << 20) + b"{}"))[0] == 413
    assert (await receiver.deliver(b" " * 50_000_000, **{"Content-Encoding": "gzip"}))[0] == 413
    assert receiver.handled == []


async def test_failure_asks_for_another_delivery(receiver: Receiver) -> None:
    """A failing handler gives status 500, and the next delivery is handled."""
    receiver.fails = True
    assert (await receiver.deliver(body_of()))[0] == 500
    receiver.fails = False
    assert (await receiver.deliver(body_of()))[0] == 200
    assert len(receiver.handled) == 1


async def test_concurrent_deliveries_are_handled_once() -> None:
    """A delivery gets status 503 while another delivery of the event is handled."""
    begun, go_on, handled = asyncio.Event(), asyncio.Event(), list[str]()

    async def on_event(event: Event) -> None:
        begun.set()
        await go_on.wait()
        handled.append(event.id)

    app = web.Application()
    app.router.add_post("/", aiohttp_handler(SECRET, on_event, store=InMemoryEventStore(), tolerance=None))
    async with TestClient(TestServer(app)) as client:
        first = asyncio.create_task(client.post("/", data=body_of(), headers=headers_of(body_of())))
        await begun.wait()
        async with client.post("/", data=body_of(), headers=headers_of(body_of())) as second:
            assert second.status == 503
        go_on.set()
        assert (await first).status == 200
    assert handled == [ENVELOPE["id"]]


def test_handler_refuses_an_invalid_secret_or_lease() -> None:
    """An invalid secret or lease is refused when the handler is created, not at the first delivery."""

    async def on_event(_: Event) -> None:
        pass

    with pytest.raises(ConfigurationError):
        aiohttp_handler("", on_event)
    with pytest.raises(ConfigurationError, match="lease"):
        aiohttp_handler(SECRET, on_event, lease=0)
    assert "canary" not in repr(aiohttp_handler(SECRET, on_event))


def test_only_the_handler_loads_aiohttp() -> None:
    """Verifying events loads neither aiohttp nor other parts of the package."""
    code = (
        "import sys; from fieldingkit.events import verify; assert 'aiohttp' not in sys.modules;"
        "own = {name for name in sys.modules if name.startswith('fieldingkit.')};"
        "own -= {name for name in own if name.startswith('fieldingkit.events')};"
        "assert own <= {'fieldingkit._lazy', 'fieldingkit._repr', 'fieldingkit.clock', 'fieldingkit.errors'}, own;"
        "from fieldingkit.events import aiohttp_handler; assert 'aiohttp' in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


def test_public_names_of_the_package() -> None:
    """Every name in __all__ exists, and an unknown name is an AttributeError."""
    assert not hasattr(events, "novel")
    assert all(hasattr(events, name) for name in events.__all__)


@pytest.mark.parametrize("wrong", [None, 5, [1], {"id": "e"}])
def test_deliveries_of_a_wrong_kind_are_refused_by_name(wrong: Any) -> None:
    """A body that was parsed already, and other arguments of a wrong kind, are errors that name the argument."""
    with pytest.raises(ConfigurationError, match="body must be the raw bytes"):
        events.parse(wrong)
    with pytest.raises(ConfigurationError, match="body must be the raw bytes"):
        events.verify({}, wrong, "c2VjcmV0")
    with pytest.raises(ConfigurationError, match="secret is empty or not base64"):
        events.verify({}, b"{}", wrong)
    if not isinstance(wrong, dict):
        with pytest.raises(ConfigurationError, match="headers must be a mapping"):
            events.verify(wrong, b"{}", "c2VjcmV0")
