"""Managing webhooks, and reading what they were told."""

import base64
from typing import Any

import pytest
from support.sandbox_caller import Answer, Caller, one

from fieldingkit.sandbox import Sandbox, SandboxClock
from fieldingkit.sandbox.formats import write_timestamp

PATH = "/accounts/101/webhooks"
URL = "https://example.com/hook"
EVENTS = ["target-group-updated"]


async def create(call: Caller, url: object = URL, events: object = EVENTS) -> Answer:
    """Make a webhook."""
    return await call("POST", PATH, json={"url": url, "events": events})


async def test_a_webhook_is_created(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A new webhook is answered whole, with a secret of 32 bytes in base64 that is never told again."""
    created = await create(call, events=["session-updated", "target-group-updated", "session-updated"])
    assert created.status == 201
    secret = created.json.pop("secret")
    assert len(base64.b64decode(secret, validate=True)) == 32
    now = write_timestamp(clock.now())
    events = ["session-updated", "target-group-updated"]
    assert created.json == {
        "id": created.json["id"],
        "url": URL,
        "events": events,
        "created_at": now,
        "updated_at": now,
    }
    read = await call("GET", f"{PATH}/{created.json['id']}")
    assert (read.json, read.headers["ETag"]) == (created.json, 'W/"1"')
    assert (await call("GET", PATH)).json == {"webhooks": [created.json], "has_more": False}
    assert [webhook.secret for webhook in sandbox.webhooks] == [secret]
    assert secret not in repr(sandbox.webhooks)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://localhost/", "http://[::1]/", "https://10.0.0.1/x"])
async def test_urls_that_are_taken(call: Caller, url: str) -> None:
    """Any HTTPS URL is taken, and a plain one if it leads to this machine."""
    assert (await create(call, url)).status == 201


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "example.com",
        "http://example.com/",
        "ftp://127.0.0.1/",
        "https://",
        "https://[",
        "http://127.1.example/",
    ],
)
async def test_urls_that_are_refused(call: Caller, url: object) -> None:
    """Every other URL is a 400."""
    answer = await create(call, url)
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "url")


@pytest.mark.parametrize("events", [None, [], "session-updated", ["com.cint.session.updated"], [7]])
async def test_events_that_are_refused(call: Caller, events: object) -> None:
    """Events that are missing, none or unknown are a 400."""
    answer = await create(call, events=events)
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "events")


async def test_what_there_is_to_be_told(call: Caller) -> None:
    """The three types of events are listed."""
    answer = await call("GET", "/accounts/101/webhooks-events")
    assert answer.json == {"events": ["target-group-updated", "quota-fill-registered", "session-updated"]}


async def test_a_webhook_is_changed(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """What is left out of a change stays; the entity tag and the date change with it."""
    path = f"{PATH}/{(await create(call)).json['id']}"
    clock.advance(1)
    changed = await call("PUT", path, json={"events": ["session-updated"]}, headers={"If-Match": 'W/"1"'})
    assert (changed.status, changed.json["url"], changed.json["events"]) == (200, URL, ["session-updated"])
    assert changed.json["updated_at"] > changed.json["created_at"]
    assert "secret" not in changed.json
    changed = await call("PUT", path, json={"url": f"{URL}2"}, headers={"If-Match": 'W/"2"'})
    assert (changed.json["url"], changed.json["events"]) == (f"{URL}2", ["session-updated"])
    assert (await call("GET", path)).headers["ETag"] == 'W/"3"'


async def test_changes_are_guarded(call: Caller) -> None:
    """To change or delete a webhook takes its entity tag: none is a 400, another one a 412."""
    path = f"{PATH}/{(await create(call)).json['id']}"
    for method in ("PUT", "DELETE"):
        assert (await call(method, path, json={})).status == 400
        assert (await call(method, path, json={}, headers={"If-Match": 'W/"9"'})).status == 412
    assert (await call("GET", path)).headers["ETag"] == 'W/"1"'


async def test_a_webhook_is_deleted(call: Caller) -> None:
    """A webhook that is deleted is not found any more."""
    path = f"{PATH}/{(await create(call)).json['id']}"
    assert (await call("DELETE", path, headers={"If-Match": 'W/"1"'})).status == 204
    assert (await call("GET", PATH)).json["webhooks"] == []
    for method, suffix in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/regenerate-secret")):
        assert (await call(method, path + suffix)).status == 404


async def test_webhooks_belong_to_an_account(sandbox: Sandbox, call: Caller) -> None:
    """Another account's webhook is not found, and not listed."""
    sandbox.seed(live=1, account_id=202)
    created = await create(call)
    assert (await call("GET", f"/accounts/202/webhooks/{created.json['id']}")).status == 404
    assert (await call("GET", "/accounts/202/webhooks")).json == {"webhooks": [], "has_more": False}


async def test_pages_of_webhooks(call: Caller) -> None:
    """There is no cursor here: the last webhook's id leads to the next page, even once it is deleted."""
    ids = [(await create(call)).json["id"] for _ in range(5)]
    first = (await call("GET", PATH, params={"page_size": 3})).json
    assert ([webhook["id"] for webhook in first["webhooks"]], first["has_more"]) == (ids[:3], True)
    await call("DELETE", f"{PATH}/{ids[2]}", headers={"If-Match": "*"})
    second = (await call("GET", PATH, params={"page_size": 3, "start_after": ids[2]})).json
    assert ([webhook["id"] for webhook in second["webhooks"]], second["has_more"]) == (ids[3:], False)


async def test_a_new_secret(sandbox: Sandbox, call: Caller) -> None:
    """A webhook gets a new secret whenever it is asked for, told once, and a new version with it."""
    created = await create(call)
    path = f"{PATH}/{created.json['id']}"
    answer = await call("POST", f"{path}/regenerate-secret")
    assert answer.json["secret"] == sandbox.webhooks[0].secret != created.json["secret"]
    assert (await call("GET", path)).headers["ETag"] == 'W/"2"'


async def history(call: Caller, **params: Any) -> Answer:
    """What the only webhook was told."""
    (webhook,) = call.sandbox.webhooks
    params = {"start_time": "2020-01-01T00:00:00.000Z"} | params
    return await call("GET", f"{PATH}/{webhook.id}/events-history", params=params)


async def test_a_history(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """What a webhook was to be told is listed, oldest first unless told otherwise; the payload has its own shapes."""
    sandbox.delivery.background = False
    await create(call)
    group = one(sandbox, "live")
    await call.act("pause", group)
    clock.advance(1)
    await call.act("resume", group)
    answer = await history(call)
    first, second = answer.json["events"]
    assert (first["type"], first["status"], answer.json["next_cursor"]) == ("target-group-updated", "pending", None)
    assert first["payload"]["account_id"] == 101
    assert first["payload"]["user"][0]["type"] == "las_user"
    assert first["payload"]["changes"] == [{"object": "status_change", "new_value": "paused"}]
    assert first["id"] not in {first["payload"]["id"], second["id"]}
    newest_first = await history(call, created_at_sort_order="desc")
    assert newest_first.json["events"] == [second, first]
    entries = (await call("GET", f"{call.group_path(group)}/changelog")).json["changelog"]
    assert [entry["id"] for entry in entries] == [second["payload"]["id"], first["payload"]["id"]]


async def test_a_history_in_part(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A history can be asked for by time, by status, by type, and page by page in either order."""
    sandbox.delivery.background = False
    await create(call)
    group = one(sandbox, "live")
    for number in range(6):
        await call.act("resume" if number % 2 else "pause", group)
        clock.advance(1)
    all_events = (await history(call)).json["events"]
    times = [event["created_at"] for event in all_events]
    assert (await history(call, start_time=times[2])).json["events"] == all_events[2:]
    assert (await history(call, start_time=times[1], end_time=times[3])).json["events"] == all_events[1:4]
    assert (await history(call, delivery_status=["pending", "expired"])).json["events"] == all_events
    assert (await history(call, delivery_status="delivered")).json["events"] == []
    assert (await history(call, type=["session-updated"])).json["events"] == []
    for order, expected in (("asc", all_events), ("desc", all_events[::-1])):
        page = (await history(call, page_size=4, created_at_sort_order=order)).json
        assert (page["events"], page["next_cursor"]) == (expected[:4], expected[3]["id"])
        page = (await history(call, start_after=page["next_cursor"], created_at_sort_order=order)).json
        assert (page["events"], page["next_cursor"]) == (expected[4:], None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start_time", "yesterday"),
        ("end_time", "2020-01-01"),
        ("delivery_status", "lost"),
        ("type", "com.cint.session.updated"),
        ("created_at_sort_order", "up"),
    ],
)
async def test_malformed_parameters_are_refused(call: Caller, name: str, value: str) -> None:
    """A parameter of a history that is not of its form is a 400 that names it."""
    await create(call)
    answer = await history(call, **{name: value})
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, name)


async def test_a_history_needs_a_start(call: Caller) -> None:
    """A history without a start time is a 400."""
    created = await create(call)
    answer = await call("GET", f"{PATH}/{created.json['id']}/events-history")
    assert (answer.status, answer.json["invalid_params"][0]["name"]) == (400, "start_time")
