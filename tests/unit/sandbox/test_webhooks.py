"""Management of webhooks, and their history."""

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
    """Create a webhook."""
    return await call("POST", PATH, json={"url": url, "events": events})


async def test_only_the_creation_returns_the_secret(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A new webhook has a secret of 32 bytes in base64, which no read, list or repr contains."""
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
async def test_https_and_loopback_urls_are_accepted(call: Caller, url: str) -> None:
    """Every HTTPS URL is accepted, and an HTTP URL if it leads to this machine."""
    assert (await create(call, url)).status == 201


async def test_a_change_keeps_omitted_fields(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """An omitted field keeps its value; the entity tag and the date change, and the secret is not returned."""
    path = f"{PATH}/{(await create(call)).json['id']}"
    clock.advance(1)
    changed = await call("PUT", path, json={"events": ["session-updated"]}, headers={"If-Match": 'W/"1"'})
    assert (changed.status, changed.json["url"], changed.json["events"]) == (200, URL, ["session-updated"])
    assert changed.json["updated_at"] > changed.json["created_at"]
    assert "secret" not in changed.json
    changed = await call("PUT", path, json={"url": f"{URL}2"}, headers={"If-Match": 'W/"2"'})
    assert (changed.json["url"], changed.json["events"]) == (f"{URL}2", ["session-updated"])
    assert (await call("GET", path)).headers["ETag"] == 'W/"3"'


async def test_changing_and_deleting_need_the_etag(call: Caller) -> None:
    """A change or deletion without an entity tag is a 400, with another one a 412."""
    path = f"{PATH}/{(await create(call)).json['id']}"
    for method in ("PUT", "DELETE"):
        assert (await call(method, path, json={})).status == 400
        assert (await call(method, path, json={}, headers={"If-Match": 'W/"9"'})).status == 412
    assert (await call("GET", path)).headers["ETag"] == 'W/"1"'


async def test_the_last_webhook_id_leads_to_the_next_page(sandbox: Sandbox, call: Caller) -> None:
    """The list has no cursor: the last webhook's id leads on, even after its deletion. Other accounts see nothing."""
    ids = [(await create(call)).json["id"] for _ in range(5)]
    first = (await call("GET", PATH, params={"page_size": 3})).json
    assert ([webhook["id"] for webhook in first["webhooks"]], first["has_more"]) == (ids[:3], True)
    await call("DELETE", f"{PATH}/{ids[2]}", headers={"If-Match": "*"})
    second = (await call("GET", PATH, params={"page_size": 3, "start_after": ids[2]})).json
    assert ([webhook["id"] for webhook in second["webhooks"]], second["has_more"]) == (ids[3:], False)
    sandbox.seed(live=1, account_id=202)
    assert (await call("GET", "/accounts/202/webhooks")).json == {"webhooks": [], "has_more": False}


async def history(call: Caller, **params: Any) -> Answer:
    """Return the history of the only webhook."""
    (webhook,) = call.sandbox.webhooks
    params = {"start_time": "2020-01-01T00:00:00.000Z"} | params
    return await call("GET", f"{PATH}/{webhook.id}/events-history", params=params)


async def test_a_history_lists_payloads_in_their_own_shape(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A history lists the events oldest first by default; account and user have another shape than in deliveries."""
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


async def test_a_history_is_filtered_and_paged(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A history is filtered by time, status and type, and paged in either order."""
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
