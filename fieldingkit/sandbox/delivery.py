"""The dispatcher: sends what webhooks are to be told, in the background and whenever it is asked to."""

import asyncio
import gzip
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, cast

import aiohttp
import attrs

from fieldingkit.sandbox.formats import is_loopback
from fieldingkit.sandbox.model.state import SandboxState
from fieldingkit.sandbox.model.webhooks import Delivery, Webhook, nobody, sign

__all__ = ["DeliverySettings", "WebhookDispatcher"]


_POLL_SECONDS: Final = 0.25


@attrs.define(kw_only=True)
class DeliverySettings:
    """How events are delivered, and what goes wrong with them. Change them at any time."""

    background: bool = True
    """Whether events are sent by themselves, as soon as may be; else only when the sandbox is told to deliver."""
    attempts: int = 5
    """How often an event is sent that is not acknowledged; it expires then."""
    retry_seconds: float = 1.0
    """How long to wait before it is sent again, by the sandbox's clock; twice as long each time."""
    timeout: float = 5.0
    """How long to wait for an acknowledgement, in real seconds."""
    gzip: bool = False
    """Whether bodies are compressed; the signature is that of the uncompressed one all the same."""
    drop: float = 0.0
    """How likely an event is to be lost without ever being sent, from 0 to 1."""
    duplicate: float = 0.0
    """How likely an event is to be sent twice although it was acknowledged, from 0 to 1."""
    reorder: bool = False
    """Whether of the events that wait the newest is sent first."""


class WebhookDispatcher:
    """Sends events to webhooks, of each webhook one after the other; only to loopback addresses.

    Args:
        state: Where the webhooks are.
        settings: How to send.
        seed: Makes what comes with a probability come the same way again.
    """

    def __init__(self, state: SandboxState, settings: DeliverySettings, seed: int) -> None:
        self._state = state
        self._settings = settings
        self._random = random.Random(seed)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Be ready to send, and begin to do so in the background."""
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        # Whoever listens on loopback may have made its certificate itself; and it can stop at any time without a
        # connection left open, since each delivery has its own.
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False, force_close=True))
        self._state.webhooks.on_pending = self._wake
        self._tasks = [asyncio.create_task(self._work())]

    async def stop(self) -> None:
        """Stop; what was not sent yet waits for the next start."""
        self._state.webhooks.on_pending = nobody
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._session.close()

    async def deliver(self, *, only_due: bool = False) -> None:
        """Send everything that waits once, the older ones first.

        Args:
            only_due: Whether to leave out what waits for its next attempt.
        """
        async with self._turn:
            with self._state.locked() as now:
                waiting = [
                    (webhook, [item for item in webhook.take_open() if item.due_at <= now or not only_due])
                    for webhook in self._state.webhooks.all()
                ]
            await asyncio.gather(*(self._serve(webhook, items) for webhook, items in waiting))

    async def _work(self) -> None:
        while True:
            with suppress(TimeoutError):
                # Changes call, but not those that the clock is yet to make: they happen when they are looked for.
                async with asyncio.timeout(_POLL_SECONDS if self._state.webhooks.all() else None):
                    await self._news.wait()
            self._news.clear()
            if self._settings.background:
                await self.deliver(only_due=True)

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._news.set)

    async def _serve(self, webhook: Webhook, waiting: Sequence[Delivery]) -> None:
        for delivery in reversed(waiting) if self._settings.reorder else waiting:
            if self._state.webhooks.find(webhook.id) is None:
                return
            await self._attempt(webhook, delivery)

    async def _attempt(self, webhook: Webhook, delivery: Delivery) -> None:
        settings = self._settings
        if not is_loopback(webhook.url):
            delivery.status = "bounced"
            return
        if self._random.random() < settings.drop:
            delivery.status = "expired"
            return
        delivery.status = "delivering"
        delivery.attempts += 1
        acknowledged = await self._send(webhook, delivery)
        if acknowledged and self._random.random() < settings.duplicate:
            delivery.attempts += 1
            await self._send(webhook, delivery)
        if acknowledged:
            delivery.status = "delivered"
        elif delivery.attempts >= settings.attempts:
            delivery.status = "expired"
        else:
            wait = timedelta(seconds=settings.retry_seconds * 2 ** (delivery.attempts - 1))
            delivery.due_at = self._state.clock.now() + wait
            delivery.status = "undelivered"

    async def _send(self, webhook: Webhook, delivery: Delivery) -> bool:
        body = delivery.body()
        headers = {
            "Content-Type": "application/json",
            "Cint-Signature": sign(body, webhook.secret, self._state.clock.now()),
        }
        if self._settings.gzip:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, mtime=0)
        timeout = aiohttp.ClientTimeout(total=self._settings.timeout)
        try:
            async with self._session.post(
                webhook.url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                answer: object = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False
        acknowledged = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
        return response.status == HTTPStatus.OK and acknowledged.get("event_id") == delivery.event_id
