"""A service asks to be told instead of asking again and again: it makes a webhook, and looks after it."""

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
    """A service that takes deliveries over TLS, with the handler that fieldingkit has for it."""

    url: str = ""
    secret: str = ""
    told: list[TargetGroupUpdated] = attrs.field(factory=list[TargetGroupUpdated])

    async def on_event(self, event: Event) -> None:
        """Keep an event."""
        self.told.append(cast("TargetGroupUpdated", event))

    @property
    def statuses(self) -> list[object]:
        """The status that each event tells."""
        return [event.changes[0].new_value for event in self.told]


@pytest.fixture
async def service(certified: Callable[..., ssl.SSLContext]) -> AsyncIterator[Service]:
    """The service, on loopback; its secret can be changed while it runs."""
    service, seen = Service(), events.InMemoryEventStore()

    async def handle(request: web.Request) -> web.Response:
        return await events.aiohttp_handler(service.secret, service.on_event, seen=seen)(request)

    application = web.Application()
    application.router.add_post("/cint", handle)
    server = TestServer(application, scheme="https", host="localhost")
    await server.start_server(ssl=certified("localhost"))
    service.url = str(server.make_url("/cint"))
    yield service
    while server.handler.connections:  # the other side has closed them, this one is yet to notice
        await asyncio.sleep(0)
    await server.close()


@pytest.fixture
def quiet(sandbox: Sandbox) -> Sandbox:
    """A sandbox that delivers only when it is asked to."""
    sandbox.delivery.background = False
    return sandbox


async def test_a_webhook_is_made_and_told(walker: Walker, quiet: Sandbox, service: Service) -> None:
    """What a batch does is told, signed with the secret that was shown once, each change to the service once."""
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
    assert [event.target_group_id for event in service.told] == project.ids()[::-1]
    assert service.statuses == ["paused"] * 5
    assert {(event.project_id, event.account_id) for event in service.told} == {(project.id, "101")}
    assert [delivery.attempts for delivery in quiet.webhooks[0].deliveries] == [2] * 5


async def test_the_goal_is_told(walker: Walker, quiet: Sandbox, service: Service) -> None:
    """A group that the API itself pauses at its goal is told as the API's own doing."""
    created = await walker.send(CreateWebhook(url=service.url, events=["target-group-updated"]))
    service.secret = created.secret
    (group,) = quiet.seed(live=1).groups
    group.goal_reached = True
    await quiet.deliver()
    (event,) = service.told
    assert event.user is not None
    assert (event.user.type, event.changes[0].object, event.occurred_at) == (
        "system_user",
        "status_change",
        group.history[0].at,
    )


async def test_the_secret_is_changed(walker: Walker, quiet: Sandbox, service: Service) -> None:
    """From the moment of a new secret the old one is void: nothing is taken until the service has it."""
    created = await walker.send(CreateWebhook(url=service.url, events=["target-group-updated"]))
    service.secret = created.secret
    changed = await walker.send(RegenerateWebhookSecret(webhook_id=created.id))
    (group,) = quiet.seed(live=1).groups
    group.goal_reached = True
    await quiet.deliver()
    assert (service.told, quiet.webhooks[0].deliveries[0].status) == ([], "undelivered")
    service.secret = changed.secret
    await quiet.deliver()
    assert service.statuses == ["paused"]


async def test_after_an_outage(walker: Walker, quiet: Sandbox, service: Service) -> None:
    """What got lost while the service was away is in the history, and the truth in the list of target groups."""
    created = await walker.send(CreateWebhook(url=service.url, events=["target-group-updated"]))
    service.secret = created.secret
    began = quiet.clock.now()
    project = quiet.seed(live=12)
    quiet.delivery.drop = 1.0
    await walker.run(PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()))
    await quiet.deliver()
    assert service.told == []
    missed = await walker.all_of(
        ListWebhookEventsHistory(
            webhook_id=created.id, start_time=began, delivery_status=[DeliveryStatus.EXPIRED], page_size=5
        )
    )
    assert [event.payload["target_group_id"] for event in missed] == project.ids()
    groups = await walker.all_of(ListTargetGroups(project_id=project.id))
    assert {group.status.value for group in groups} == {"paused"}


async def test_a_webhook_is_looked_after(walker: Walker, quiet: Sandbox, service: Service) -> None:
    """Webhooks are listed over pages, changed and deleted with their tag, and then gone."""
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
