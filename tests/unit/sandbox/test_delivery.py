"""Delivery of events to webhooks, and its faults."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from support.sandbox_caller import Caller, one, run_of
from support.webhook_receiver import Receiver

from fieldingkit.sandbox import Sandbox, SandboxClock, Webhook
from fieldingkit.sandbox.formats import write_timestamp


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Run a receiver that acknowledges everything."""
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def webhook(sandbox: Sandbox, call: Caller, receiver: Receiver) -> Webhook:
    """Create a webhook for the receiver; events are delivered only on request."""
    sandbox.delivery.background = False
    return await subscribe(call, receiver.url)


async def subscribe(call: Caller, url: str, event: str = "target-group-updated", account_id: int = 101) -> Webhook:
    """Create a webhook."""
    path = f"/accounts/{account_id}/webhooks"
    assert (await call("POST", path, json={"url": url, "events": [event]})).status == 201
    return call.sandbox.webhooks[-1]


def statuses(webhook: Webhook) -> list[tuple[str, int]]:
    """Return the status and the number of attempts of each delivery."""
    return [(delivery.status, delivery.attempts) for delivery in webhook.deliveries]


async def until(condition: Any) -> None:
    """Run the event loop until the condition holds."""
    while not condition():  # the dispatcher gives no other sign
        await asyncio.sleep(0)


async def test_a_change_is_delivered_as_a_signed_event(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook, clock: SandboxClock
) -> None:
    """A change of a target group is sent as a signed CloudEvent without old values."""
    group = one(sandbox, "live")
    await call.act("pause", group)
    await sandbox.deliver()
    (received,) = receiver.received
    (delivery,) = webhook.deliveries
    event = received.event
    (change,) = group.history
    assert received.is_signed_with(webhook.secret)
    assert received.headers["Content-Type"] == "application/json"
    assert f"t={int(clock.now().timestamp())}," in received.headers["Cint-Signature"]
    assert event == {
        "specversion": "1.0",
        "id": delivery.event_id,
        "source": "urn:fieldingkit:sandbox",
        "type": "com.cint.target-group.updated",
        "time": write_timestamp(change.at),
        "datacontenttype": "application/json",
        "dataschema": "urn:fieldingkit:sandbox:target-group-updated",
        "data": {
            "id": event["data"]["id"],
            "account_id": "101",
            "project_id": group.project_id,
            "target_group_id": group.id,
            "occurred_at": write_timestamp(change.at),
            "user": {"type": "las_user", "las_user_id": event["data"]["user"]["las_user_id"]},
            "changes": [{"object": "status_change", "new_value": "paused"}],
        },
    }
    assert statuses(webhook) == [("delivered", 1)]


async def test_every_kind_of_change_is_an_event(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook
) -> None:
    """Changes of status, dates, goal, manager and modules are sent in the order they were made."""
    group = one(sandbox, "scheduled")
    await call.act("launch-now", group)
    run = run_of(group)
    dates = {"start_fielding_at": write_timestamp(run.start_at), "end_fielding_at": "2999-01-01T00:00:00.000Z"}
    await call("PUT", call.run_path(group), json=dates, headers={"If-Match": run.etag})
    await call("PUT", f"{call.group_path(group)}/profiles/completes-goal", json={"completes_goal": 101})
    users = (await call("GET", "/accounts/101/users")).json["users"]
    body = {"project_manager_id": users[1]["id"], "target_group_ids": [group.id]}
    path = f"/demand/accounts/101/projects/{group.project_id}/batch-jobs/update-target-group-project-managers"
    await call.finished(await call("POST", path, json=body))
    path = f"{call.group_path(group)}/fielding-assistant-assignment"
    await call("PUT", path, json={}, headers={"If-Match": "*"})
    await sandbox.deliver()
    assert receiver.changes == [
        "status_change",
        "fielding_period_end_date_change",
        "filling_goal_change",
        "project_manager_change",
        "pricing_assistance_change",
    ]


async def test_changes_that_nothing_reads_are_events(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook, clock: SandboxClock
) -> None:
    """Starts, ends, reached goals and executed jobs are sent although nothing reads them."""
    project = sandbox.seed(scheduled=1, live=1, starts_in=60, ends_in=120)
    reached = one(sandbox, "live", goal_reached=True)
    await call.create_batch("pause", project.id, project.ids("live"))
    clock.advance(1000)
    await sandbox.deliver()
    delivered = [
        (item.event["data"]["target_group_id"], item.event["data"]["changes"][0]["new_value"])
        for item in receiver.received
    ]
    scheduled, live = project.ids()
    assert delivered == [(reached.id, "paused"), (live, "paused"), (scheduled, "live"), (scheduled, "paused")]


async def test_only_subscribed_webhooks_get_an_event(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook
) -> None:
    """A webhook for other events or another account, or created after the event, does not get it."""
    other_events = await subscribe(call, receiver.url, "session-updated")
    group = one(sandbox, "live", account_id=202)
    other_account = await subscribe(call, receiver.url, account_id=202)
    group.goal_reached = True
    too_late = await subscribe(call, receiver.url, account_id=202)
    await sandbox.deliver()
    counts = [len(hook.deliveries) for hook in (webhook, other_events, other_account, too_late)]
    assert (counts, len(receiver.received)) == ([0, 0, 1, 0], 1)


REFUSALS = [
    web.Response(status=500),
    web.Response(status=204),
    web.json_response({"event_id": "another"}),
    web.json_response(["event_id"]),
    web.Response(text="thanks"),
    web.Response(status=307, headers={"Location": "/"}),
]


async def test_an_event_is_repeated_until_it_is_acknowledged(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook, clock: SandboxClock
) -> None:
    """Any answer but a 200 with the event id repeats the event, with the same body and a new signature."""
    await call.act("pause", one(sandbox, "live"))
    sandbox.delivery.attempts = 10
    receiver.answers += REFUSALS
    for attempt in range(1, len(REFUSALS) + 1):
        await sandbox.deliver()
        assert statuses(webhook) == [("undelivered", attempt)]
        clock.advance(60)
    await sandbox.deliver()
    await sandbox.deliver()
    assert statuses(webhook) == [("delivered", 7)]
    assert len({received.body for received in receiver.received}) == 1
    assert len({received.headers["Cint-Signature"] for received in receiver.received}) == 7
    assert all(received.is_signed_with(webhook.secret) for received in receiver.received)


async def test_an_event_expires_after_the_last_attempt(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook
) -> None:
    """An event that is not acknowledged expires after the last attempt; later events are sent."""
    group = one(sandbox, "live")
    await call.act("pause", group)
    sandbox.delivery.attempts = 2
    receiver.answers += [web.Response(status=500), web.Response(status=500)]
    for _ in range(3):
        await sandbox.deliver()
    await call.act("resume", group)
    await sandbox.deliver()
    assert statuses(webhook) == [("expired", 2), ("delivered", 1)]


async def test_an_unreachable_receiver_is_tried_again(sandbox: Sandbox, call: Caller) -> None:
    """An unreachable receiver is tried again like one that refuses."""
    sandbox.delivery.background = False
    async with Receiver() as gone:
        url = gone.url
    webhook = await subscribe(call, url)
    await call.act("pause", one(sandbox, "live"))
    await sandbox.deliver()
    assert statuses(webhook) == [("undelivered", 1)]


async def test_nothing_leaves_the_machine(sandbox: Sandbox, call: Caller) -> None:
    """An event for another host bounces without being sent."""
    sandbox.delivery.background = False
    webhooks = [
        await subscribe(call, url)
        for url in ("https://example.com/", "https://10.0.0.1/", "https://127.0.0.1.example/")
    ]
    await call.act("pause", one(sandbox, "live"))
    await sandbox.deliver()
    await sandbox.deliver()
    assert [statuses(webhook) for webhook in webhooks] == [[("bounced", 0)]] * 3


async def test_a_deleted_webhook_gets_no_events(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook
) -> None:
    """The pending events of a deleted webhook are not sent."""
    await call.act("pause", one(sandbox, "live"))
    await call("DELETE", f"/accounts/101/webhooks/{webhook.id}", headers={"If-Match": webhook.etag})
    await sandbox.deliver()
    assert receiver.received == []


async def test_deleting_a_webhook_stops_its_delivery(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook
) -> None:
    """A receiver that deletes its own webhook gets no further event."""
    group = one(sandbox, "live")
    await call.act("pause", group)
    await call.act("resume", group)
    path = f"/accounts/101/webhooks/{webhook.id}"
    receiver.on_arrival = partial(call, "DELETE", path, headers={"If-Match": webhook.etag})
    await sandbox.deliver()
    assert len(receiver.received) == 1


async def test_events_are_delivered_in_the_background(
    sandbox: Sandbox, call: Caller, receiver: Receiver, clock: SandboxClock
) -> None:
    """Events are sent in the background, and sent again when their next attempt is due."""
    webhook = await subscribe(call, receiver.url)
    receiver.answers += [web.Response(status=500)]
    group = one(sandbox, "live", ends_in=600)
    await call.act("pause", group)
    await until(lambda: statuses(webhook) == [("undelivered", 1)])
    clock.advance(1)
    await until(lambda: statuses(webhook) == [("delivered", 2)])


async def test_the_background_delivers_changes_by_the_clock(
    sandbox: Sandbox, call: Caller, receiver: Receiver, clock: SandboxClock
) -> None:
    """Changes by the clock are delivered in the background although nothing reads them."""
    webhook = await subscribe(call, receiver.url)
    sandbox.seed(live=1, ends_in=60)
    clock.advance(60)
    await until(lambda: statuses(webhook) == [("delivered", 1)])


def test_a_blocking_sandbox_delivers_events() -> None:
    """A sandbox on a thread of its own delivers events without an event loop."""
    with Sandbox() as sandbox:
        sandbox.delivery.background = False
        group = sandbox.seed(live=1).groups[0]
        received: list[str] = []

        async def receive() -> None:
            async with Receiver() as receiver, aiohttp.ClientSession() as session:
                await subscribe(Caller(sandbox, session), receiver.url)
                group.goal_reached = True
                await asyncio.to_thread(sandbox.deliver_blocking)
                await sandbox.deliver()
                received.extend(receiver.changes)

        asyncio.run(receive())
        assert received == ["status_change"]
        assert statuses(sandbox.webhooks[0]) == [("delivered", 1)]


async def test_a_blocking_delivery_on_its_own_loop_is_refused(sandbox: Sandbox) -> None:
    """A blocking delivery on the sandbox's own event loop is refused, since it would deadlock."""
    with pytest.raises(RuntimeError, match="await deliver"):
        sandbox.deliver_blocking()


def test_only_a_running_sandbox_delivers() -> None:
    """A sandbox that is not running raises an error instead of delivering."""
    with pytest.raises(RuntimeError, match="not running"):
        Sandbox().deliver_blocking()


async def test_pending_events_survive_a_restart(clock: SandboxClock, receiver: Receiver) -> None:
    """Events that were pending at a stop, or happened since, are delivered after the restart."""
    sandbox = Sandbox(clock=clock)
    sandbox.delivery.background = False
    group = one(sandbox, "live", goal=10)
    async with aiohttp.ClientSession() as session:
        async with sandbox:
            webhook = await subscribe(Caller(sandbox, session), receiver.url)
        group.goal_reached = True
        async with sandbox:
            await sandbox.deliver()
    assert statuses(webhook) == [("delivered", 1)]
