"""The listener of a watch: signed events wake the watch, and what is refused is noted."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime
from functools import partial

import aiohttp
import pytest
from support.fixture_types import MakeClient
from yarl import URL

from fieldingkit.cli.errors import UsageError
from fieldingkit.cli.watches.address import Address
from fieldingkit.cli.watches.listener import WebhookListener
from fieldingkit.errors import ConfigurationError
from fieldingkit.resources.batch_jobs import PauseTargetGroups, ResumeTargetGroups
from fieldingkit.resources.webhooks import CreateWebhook, WebhookEventType
from fieldingkit.sandbox import Sandbox
from fieldingkit.sandbox.model.webhooks import sign
from fieldingkit.secret import Secret

NOON = datetime(2036, 1, 1, 12, tzinfo=UTC)
SECRET = Secret("c2VjcmV0")


class Scene:
    """A listener, what it notes, and the projects for which it wakes."""

    def __init__(self, sandbox: Sandbox, make_client: MakeClient, stack: AsyncExitStack) -> None:
        self.sandbox, self.client, self.stack = sandbox, make_client(), stack
        self.notes: list[str] = []
        self.woken: list[str] = []
        self.project, self.other = sandbox.seed(live=2), sandbox.seed(live=1)

    async def listen(self, *events: str, secret: Secret | None = None) -> WebhookListener:
        """Create a webhook that sends to a new listener."""
        types = [WebhookEventType(event) for event in events or ("target-group-updated",)]
        made = await self.client.send(CreateWebhook(url="http://127.0.0.1:1/", events=types))
        listener = await self.stack.enter_async_context(
            WebhookListener(
                Address("127.0.0.1", 0), secret or Secret(made.secret), now=lambda: NOON, note=self.notes.append
            )
        )
        for id_ in (self.project.id, self.other.id):
            self.stack.enter_context(listener.waker.subscribe(id_, partial(self.woken.append, id_)))
        self.sandbox.webhooks[-1].url = f"{listener.url}any/path"
        return listener

    async def pause(self) -> None:
        """Pause the target groups of the project, and deliver the events of it."""
        await self.client.run(PauseTargetGroups(project_id=self.project.id, target_group_ids=self.project.ids()))
        await self.sandbox.deliver()

    async def resume(self) -> None:
        """Resume them, and deliver the events of it."""
        await self.client.run(ResumeTargetGroups(project_id=self.project.id, target_group_ids=self.project.ids()))
        await self.sandbox.deliver()


@pytest.fixture
async def scene(sandbox: Sandbox, make_client: MakeClient) -> AsyncIterator[Scene]:
    """Return a scene whose events are delivered on request only."""
    sandbox.delivery.background = False
    async with AsyncExitStack() as stack:
        yield Scene(sandbox, make_client, stack)


async def test_an_event_wakes_the_watch_for_its_project(scene: Scene) -> None:
    """At any path, acknowledged, and with the time of the latest one in the status."""
    listener = await scene.listen()
    assert listener.status == f"Listening for webhook events at {listener.url}; none came yet."
    await scene.pause()
    assert set(scene.woken) == {scene.project.id}
    assert {one.status for one in scene.sandbox.webhooks[-1].deliveries} == {"delivered"}
    assert listener.status.endswith("the latest came at 2036-01-01 12:00:00 UTC.")
    assert scene.notes == ["The first webhook event came."]


async def test_a_delivery_with_another_signature_is_refused_and_noted_once(scene: Scene) -> None:
    """A wrong file would otherwise be taken for a field in which nothing happens."""
    listener = await scene.listen(secret=SECRET)
    await scene.pause()
    assert scene.woken == []
    assert scene.notes == ["A webhook delivery was refused: the delivery is not signed with this secret."]
    assert listener.status.endswith("none came yet.")


async def test_a_refusal_is_shown_until_an_event_is_accepted_and_noted_again_after_it(scene: Scene) -> None:
    """As after the secret was replaced: a line with an earlier event would seem to be healthy."""
    listener = await scene.listen()
    (webhook,) = scene.sandbox.webhooks
    secret = webhook.secret
    for expected in (1, 2):
        webhook.secret = SECRET.reveal()
        await scene.pause()
        assert listener.problem == (
            "A webhook delivery was refused: the delivery is not signed with this secret, 2036-01-01 12:00:00 UTC."
        )
        webhook.secret = secret
        await scene.sandbox.deliver()  # again
        assert listener.problem == ""
        assert len([note for note in scene.notes if "refused" in note]) == expected
        await scene.resume()


async def test_a_request_that_is_cut_off_is_noted_without_a_traceback(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as those of a program that sends something else to the port: no logger is without a handler."""
    listener = await scene.listen()
    for sent in (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{half",
        b"GET / HTTP/1.1\r\nX: %b\r\n" % (b"a" * 99_999),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(listener.url).port)
        writer.write(sent)
        writer.write_eof()
        await reader.read()
        writer.close()
        await writer.wait_closed()
    assert scene.notes == ["A webhook delivery was refused: it is no whole HTTP request."]
    assert {record.name for record in caplog.records} == {"fieldingkit.events"}


async def test_events_of_another_type_are_acknowledged_and_noted_once(scene: Scene) -> None:
    """They bring no read forward, so they are no sign that the webhook is the right one."""
    listener = await scene.listen(secret=SECRET)
    for number in range(2):
        event: dict[str, object] = {
            "specversion": "1.0",
            "id": str(number),
            "type": "com.cint.quota-fill.registered",
            "data": {},
        }
        body = json.dumps(event).encode()
        headers = {"Cint-Signature": sign(body, SECRET.reveal(), NOON)}
        async with aiohttp.ClientSession() as session, session.post(listener.url, data=body, headers=headers) as answer:
            assert await answer.json() == {"event_id": str(number)}
    assert scene.woken == []
    assert scene.notes == [
        "The webhook sends quota-fill-registered events, too; a watch uses target-group-updated ones."
    ]
    assert listener.status.endswith("none came yet.")


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("POST", 401)])
async def test_what_is_no_delivery_is_answered_and_wakes_nobody(scene: Scene, method: str, status: int) -> None:
    """Such as a browser, or a scanner of open ports."""
    listener = await scene.listen()
    async with aiohttp.ClientSession() as session, session.request(method, listener.url, data=b"{}") as response:
        assert response.status == status
    assert scene.woken == []


async def test_an_address_that_is_in_use_is_a_usage_error(scene: Scene) -> None:
    """It is said with the flag, the address and the reason, before anything is read."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        listener = WebhookListener(address, SECRET, now=lambda: NOON, note=scene.notes.append)
        with pytest.raises(UsageError, match=rf"--listen: 127\.0\.0\.1, port {address.port}, cannot be used: .*in use"):
            await scene.stack.enter_async_context(listener)


async def test_nothing_is_left_when_it_has_ended(scene: Scene) -> None:
    """The port is free again, and the package's logger is as it was."""
    handlers = list(logging.getLogger("fieldingkit.events").handlers)
    listener = await scene.listen()
    assert len(logging.getLogger("fieldingkit.events").handlers) == len(handlers) + 1  # or Python prints tracebacks
    await scene.stack.aclose()
    assert logging.getLogger("fieldingkit.events").handlers == handlers
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.post(listener.url)


@pytest.mark.parametrize("secret", ["", "no base64!"])
def test_a_secret_that_is_not_one_of_a_webhook_is_refused(secret: str) -> None:
    """With an empty key anyone could sign."""
    with pytest.raises(ConfigurationError, match="secret is empty or not base64"):
        WebhookListener(Address("127.0.0.1", 0), Secret(secret), now=lambda: NOON, note=print)
