"""Story: a service subscribes to events with a webhook and manages it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from typing import cast

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.walking import Walker

from fieldingkit import events
from fieldingkit.errors import NotFoundError, PreconditionFailedError
from fieldingkit.events import Event, TargetGroupUpdated
from fieldingkit.resources.batch_jobs import PauseTargetGroups
from fieldingkit.resources.target_groups import ListTargetGroups
from fieldingkit.resources.webhooks import (
    CreateWebhook,
    DeleteWebhook,
    DeliveryStatus,
    GetWebhook,
    ListWebhookEventsHistory,
    ListWebhookEventTypes,
    ListWebhooks,
    RegenerateWebhookSecret,
    UpdateWebhook,
    WebhookEventType,
)
from fieldingkit.sandbox import Sandbox


@attrs.define
class Service:
    """A service that receives deliveries over TLS with fieldingkit's handler."""

    url: str = ""
    secret: str = ""
    received: list[TargetGroupUpdated] = attrs.field(factory=list[TargetGroupUpdated])

    async def on_event(self, event: Event) -> None:
        """Record an event."""
        self.received.append(cast("TargetGroupUpdated", event))

    @property
    def statuses(self) -> list[object]:
        """The status in each event."""
        return [event.changes[0].new_value for event in self.received]


@pytest.fixture
async def service(certified: Callable[..., ssl.SSLContext]) -> AsyncIterator[Service]:
    """Run the service on loopback; its secret can be changed while it runs."""
    service, store = Service(), events.InMemoryEventStore()

    async def handle(request: web.Request) -> web.Response:
        return await events.aiohttp_handler(service.secret, service.on_event, store=store)(request)

    application = web.Application()
    application.router.add_post("/cint", handle)
    server = TestServer(application, scheme="https", host="localhost")
    await server.start_server(ssl=certified("localhost"))
    service.url = str(server.make_url("/cint"))
    yield service
    while server.handler.connections:  # closed by the sandbox, but not yet noticed here
        await asyncio.sleep(0)
    await server.close()


@pytest.fixture
def quiet(sandbox: Sandbox) -> Sandbox:
    """Return a sandbox that delivers events only on request."""
    sandbox.delivery.background = False
    return sandbox


async def test_each_change_reaches_the_service_once(walker: Walker, quiet: Sandbox, service: Service) -> None:
    """The changes of a batch job reach the service once each, although events are duplicated and reordered."""
    types = await walker.send(ListWebhookEventTypes())
    assert WebhookEventType.TARGET_GROUP_UPDATED in types.events
    created = await walker.send(CreateWebhook(url=service.url, events=[WebhookEventType.TARGET_GROUP_UPDATED]))
    service.secret = created.secret
    quiet.delivery.duplicate = 1.0
    quiet.delivery.reorder = True
    quiet.delivery.gzip = True

    project = quiet.seed(live=5)
    await walker.run(PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()))
    await quiet.deliver()
    assert [event.target_group_id for event in service.received] == project.ids()[::-1]
    assert service.statuses == ["paused"] * 5
    assert {(event.project_id, event.account_id) for event in service.received} == {(project.id, "101")}
    assert [delivery.attempts for delivery in quiet.webhooks[0].deliveries] == [2] * 5


async def test_a_pause_by_the_api_is_an_event(walker: Walker, quiet: Sandbox, service: Service) -> None:
    """A group that reaches its goal is an event whose user is the API itself."""
    created = await walker.send(CreateWebhook(url=service.url, events=["target-group-updated"]))
    service.secret = created.secret
    (group,) = quiet.seed(live=1).groups
    group.goal_reached = True
    await quiet.deliver()
    (event,) = service.received
    assert event.user is not None
    assert (event.user.type, event.changes[0].object, event.occurred_at) == (
        "system_user",
        "status_change",
        group.history[0].at,
    )


async def test_a_new_secret_replaces_the_old_one_at_once(walker: Walker, quiet: Sandbox, service: Service) -> None:
    """After a new secret is created, events are refused until the service uses it."""
    created = await walker.send(CreateWebhook(url=service.url, events=["target-group-updated"]))
    service.secret = created.secret
    changed = await walker.send(RegenerateWebhookSecret(webhook_id=created.id))
    (group,) = quiet.seed(live=1).groups
    group.goal_reached = True
    await quiet.deliver()
    assert (service.received, quiet.webhooks[0].deliveries[0].status) == ([], "undelivered")
    service.secret = changed.secret
    await quiet.deliver()
    assert service.statuses == ["paused"]


async def test_lost_events_are_found_in_the_history(walker: Walker, quiet: Sandbox, service: Service) -> None:
    """Events that were lost are in the history, and the current statuses in the list of target groups."""
    created = await walker.send(CreateWebhook(url=service.url, events=["target-group-updated"]))
    service.secret = created.secret
    began = quiet.clock.now()
    project = quiet.seed(live=12)
    quiet.delivery.drop = 1.0
    await walker.run(PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()))
    await quiet.deliver()
    assert service.received == []
    missed = await walker.all_of(
        ListWebhookEventsHistory(
            webhook_id=created.id, start_time=began, delivery_status=[DeliveryStatus.EXPIRED], page_size=5
        )
    )
    assert [event.payload["target_group_id"] for event in missed] == project.ids()
    groups = await walker.all_of(ListTargetGroups(project_id=project.id))
    assert {group.status.value for group in groups} == {"paused"}


async def test_webhooks_are_listed_changed_and_deleted(walker: Walker, quiet: Sandbox, service: Service) -> None:
    """Webhooks are listed in pages, and changed and deleted with their entity tag."""
    made = [
        await walker.send(CreateWebhook(url=f"{service.url}/{number}", events=["session-updated"]))
        for number in range(5)
    ]
    listed = await walker.all_of(ListWebhooks(page_size=2))
    assert [webhook.id for webhook in listed] == [webhook.id for webhook in made]
    read = await walker.send(GetWebhook(webhook_id=made[0].id))
    updated = await walker.send(
        UpdateWebhook(webhook_id=read.id, events=["target-group-updated", "session-updated"], if_match=read.etag)
    )
    assert (updated.url, len(updated.events)) == (read.url, 2)
    with pytest.raises(PreconditionFailedError):
        await walker.send(DeleteWebhook(webhook_id=read.id, if_match=read.etag))
    read = await walker.send(GetWebhook(webhook_id=made[0].id))
    await walker.send(DeleteWebhook(webhook_id=read.id, if_match=read.etag))
    with pytest.raises(NotFoundError):
        await walker.send(GetWebhook(webhook_id=read.id))
