"""What webhooks are sent, and when, and what goes wrong with it."""

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
    """A receiver that acknowledges everything."""
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def webhook(sandbox: Sandbox, call: Caller, receiver: Receiver) -> Webhook:
    """A webhook that leads to the receiver, and is only told when the sandbox is asked to deliver."""
    sandbox.delivery.background = False
    return await subscribe(call, receiver.url)


async def subscribe(call: Caller, url: str, event: str = "target-group-updated", account_id: int = 101) -> Webhook:
    """Make a webhook."""
    path = f"/accounts/{account_id}/webhooks"
    assert (await call("POST", path, json={"url": url, "events": [event]})).status == 201
    return call.sandbox.webhooks[-1]


def statuses(webhook: Webhook) -> list[tuple[str, int]]:
    """What has become of each delivery, after how many attempts."""
    return [(delivery.status, delivery.attempts) for delivery in webhook.deliveries]


async def until(condition: Any) -> None:
    """Let the event loop run until something has happened."""
    while not condition():  # the courier gives no other sign
        await asyncio.sleep(0)


async def test_an_event_is_delivered(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook, clock: SandboxClock
) -> None:
    """A change of a target group is sent as a signed CloudEvent that names no old value."""
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


async def test_whatever_changes_is_told(sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook) -> None:
    """Status, dates, goal, manager and modules: each is an event, in the order in which they were changed."""
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


async def test_what_nobody_looks_at_is_told(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook, clock: SandboxClock
) -> None:
    """Starts, ends and goals that are reached, and jobs that are done, are told though nobody asks for them."""
    project = sandbox.seed(scheduled=1, live=1, starts_in=60, ends_in=120)
    reached = one(sandbox, "live", goal_reached=True)
    await call.create_batch("pause", project.id, project.ids("live"))
    clock.advance(1000)
    await sandbox.deliver()
    told = [
        (item.event["data"]["target_group_id"], item.event["data"]["changes"][0]["new_value"])
        for item in receiver.received
    ]
    scheduled, live = project.ids()
    assert told == [(reached.id, "paused"), (live, "paused"), (scheduled, "live"), (scheduled, "paused")]


async def test_only_who_asked_is_told(sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook) -> None:
    """A webhook for other events, of another account, or made after the event is not told."""
    other_events = await subscribe(call, receiver.url, "session-updated")
    group = one(sandbox, "live", account_id=202)
    other_account = await subscribe(call, receiver.url, account_id=202)
    group.goal_reached = True
    too_late = await subscribe(call, receiver.url, account_id=202)
    await sandbox.deliver()
    told = [len(hook.deliveries) for hook in (webhook, other_events, other_account, too_late)]
    assert (told, len(receiver.received)) == ([0, 0, 1, 0], 1)


REFUSALS = [
    web.Response(status=500),
    web.Response(status=204),
    web.json_response({"event_id": "another"}),
    web.json_response(["event_id"]),
    web.Response(text="thanks"),
    web.Response(status=307, headers={"Location": "/"}),
]


async def test_an_event_comes_until_it_is_acknowledged(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook, clock: SandboxClock
) -> None:
    """Any answer but a 200 that names the event has it sent again: the same event, signed anew."""
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


async def test_an_event_expires(sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook) -> None:
    """After so many attempts an event is given up, and others go on."""
    group = one(sandbox, "live")
    await call.act("pause", group)
    sandbox.delivery.attempts = 2
    receiver.answers += [web.Response(status=500), web.Response(status=500)]
    for _ in range(3):
        await sandbox.deliver()
    await call.act("resume", group)
    await sandbox.deliver()
    assert statuses(webhook) == [("expired", 2), ("delivered", 1)]


async def test_nobody_is_there(sandbox: Sandbox, call: Caller) -> None:
    """A receiver that cannot be reached is tried again, as one that refuses."""
    sandbox.delivery.background = False
    async with Receiver() as gone:
        url = gone.url
    webhook = await subscribe(call, url)
    await call.act("pause", one(sandbox, "live"))
    await sandbox.deliver()
    assert statuses(webhook) == [("undelivered", 1)]


async def test_nothing_leaves_the_machine(sandbox: Sandbox, call: Caller) -> None:
    """An event for a URL elsewhere bounces without being sent."""
    sandbox.delivery.background = False
    webhooks = [
        await subscribe(call, url)
        for url in ("https://example.com/", "https://10.0.0.1/", "https://127.0.0.1.example/")
    ]
    await call.act("pause", one(sandbox, "live"))
    await sandbox.deliver()
    await sandbox.deliver()
    assert [statuses(webhook) for webhook in webhooks] == [[("bounced", 0)]] * 3


async def test_bodies_can_be_compressed(sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook) -> None:
    """A compressed body says so, and is signed as if it were not."""
    sandbox.delivery.gzip = True
    await call.act("pause", one(sandbox, "live"))
    await sandbox.deliver()
    (received,) = receiver.received
    assert received.headers["Content-Encoding"] == "gzip"
    assert received.is_signed_with(webhook.secret)


async def test_events_can_be_lost(sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook) -> None:
    """A lost event is never sent, and only the history knows of it."""
    group = one(sandbox, "live")
    sandbox.delivery.drop = 1.0
    await call.act("pause", group)
    await sandbox.deliver()
    sandbox.delivery.drop = 0.0
    await call.act("resume", group)
    await sandbox.deliver()
    assert statuses(webhook) == [("expired", 0), ("delivered", 1)]
    assert len(receiver.received) == 1


async def test_events_can_be_doubled(sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook) -> None:
    """An event can come again although it was acknowledged."""
    sandbox.delivery.duplicate = 1.0
    await call.act("pause", one(sandbox, "live"))
    await sandbox.deliver()
    first, second = receiver.received
    assert first.event == second.event
    assert statuses(webhook) == [("delivered", 2)]


async def test_events_can_be_reordered(sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook) -> None:
    """Events can come in another order than they happened in; their times tell."""
    sandbox.delivery.reorder = True
    group = one(sandbox, "live")
    for action in ("pause", "resume", "complete"):
        await call.act(action, group)
    await sandbox.deliver()
    assert [item.event["data"]["changes"][0]["new_value"] for item in receiver.received] == [
        "completed",
        "live",
        "paused",
    ]


async def test_a_new_secret_counts_at_once(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook
) -> None:
    """What is sent after a new secret was made is signed with it, even if it happened before."""
    old = webhook.secret
    await call.act("pause", one(sandbox, "live"))
    await call("POST", f"/accounts/101/webhooks/{webhook.id}/regenerate-secret")
    await sandbox.deliver()
    assert receiver.received[0].is_signed_with(webhook.secret)
    assert not receiver.received[0].is_signed_with(old)


async def test_a_deleted_webhook_is_told_nothing(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook
) -> None:
    """What waits for a webhook that is deleted is not sent."""
    await call.act("pause", one(sandbox, "live"))
    await call("DELETE", f"/accounts/101/webhooks/{webhook.id}", headers={"If-Match": webhook.etag})
    await sandbox.deliver()
    assert receiver.received == []


async def test_a_webhook_is_deleted_meanwhile(
    sandbox: Sandbox, call: Caller, receiver: Receiver, webhook: Webhook
) -> None:
    """A receiver that deletes its own webhook gets nothing after the event that it was at."""
    group = one(sandbox, "live")
    await call.act("pause", group)
    await call.act("resume", group)
    path = f"/accounts/101/webhooks/{webhook.id}"
    receiver.on_arrival = partial(call, "DELETE", path, headers={"If-Match": webhook.etag})
    await sandbox.deliver()
    assert len(receiver.received) == 1


async def test_in_the_background(sandbox: Sandbox, call: Caller, receiver: Receiver, clock: SandboxClock) -> None:
    """Without being asked the sandbox delivers as soon as it can, and again when it is time for that."""
    webhook = await subscribe(call, receiver.url)
    receiver.answers += [web.Response(status=500)]
    group = one(sandbox, "live", ends_in=600)
    await call.act("pause", group)
    await until(lambda: statuses(webhook) == [("undelivered", 1)])
    clock.advance(1)
    await until(lambda: statuses(webhook) == [("delivered", 2)])


async def test_the_background_sees_the_clock(
    sandbox: Sandbox, call: Caller, receiver: Receiver, clock: SandboxClock
) -> None:
    """What the clock does is delivered in the background though nobody looks at it."""
    webhook = await subscribe(call, receiver.url)
    sandbox.seed(live=1, ends_in=60)
    clock.advance(60)
    await until(lambda: statuses(webhook) == [("delivered", 1)])


def test_blocking() -> None:
    """Without an event loop events are delivered just so, by a sandbox on a thread of its own."""
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


async def test_blocking_on_the_sandboxes_own_loop(sandbox: Sandbox) -> None:
    """To block the very loop that the sandbox runs on is refused; it would never end."""
    with pytest.raises(RuntimeError, match="await deliver"):
        sandbox.deliver_blocking()


def test_only_a_running_sandbox_delivers() -> None:
    """A sandbox that does not run delivers nothing, and says so."""
    with pytest.raises(RuntimeError, match="not running"):
        Sandbox().deliver_blocking()


async def test_what_waits_survives_a_restart(clock: SandboxClock, receiver: Receiver) -> None:
    """What was not delivered when a sandbox stopped, and what happened since, is delivered once it runs again."""
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
