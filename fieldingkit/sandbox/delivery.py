"""Delivery of events to webhooks, in the background and on request."""

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
from fieldingkit.sandbox.model.webhooks import Delivery, Webhook, sign

__all__ = ["DeliverySettings", "WebhookDispatcher"]


_POLL_SECONDS: Final = 0.25


@attrs.define(kw_only=True)
class DeliverySettings:
    """Settings of the delivery and its faults. They can be changed at any time."""

    background: bool = True
    """True to deliver events in the background; False to deliver them only on request."""
    attempts: int = 5
    """The number of attempts before an event that is not acknowledged expires."""
    retry_seconds: float = 1.0
    """The delay before the second attempt, in seconds of the sandbox's clock; it doubles with each attempt."""
    timeout: float = 5.0
    """The time to wait for an acknowledgement, in real seconds."""
    gzip: bool = False
    """True to compress bodies; the signature is still that of the uncompressed body."""
    drop: float = 0.0
    """The probability that an event is lost without being sent, from 0 to 1."""
    duplicate: float = 0.0
    """The probability that an event is sent twice although it was acknowledged, from 0 to 1."""
    reorder: bool = False
    """True to send the newest pending event first."""


class WebhookDispatcher:
    """Sends events to webhooks, to each webhook one event at a time, and only to loopback addresses.

    Args:
        state: The state that holds the webhooks.
        settings: The delivery settings.
        seed: The seed of the random faults.
    """

    def __init__(self, state: SandboxState, settings: DeliverySettings, seed: int) -> None:
        self._state = state
        self._settings = settings
        self._random = random.Random(seed)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start delivering on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._pending = asyncio.Event()
        self._lock = asyncio.Lock()
        # A receiver on loopback may have a self-signed certificate. It may also stop at any time, so each delivery has
        # a connection of its own.
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False, force_close=True))
        self._state.webhooks.on_pending = self._wake
        self._tasks = [asyncio.create_task(self._work())]

    async def stop(self) -> None:
        """Stop delivering; undelivered events wait for the next start."""
        self._state.webhooks.on_pending = None
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._session.close()

    async def deliver(self, *, only_due: bool = False) -> None:
        """Send every pending event once, older events first.

        Args:
            only_due: True to omit events that wait for their next attempt.
        """
        async with self._lock:
            with self._state.locked() as now:
                waiting = [
                    (webhook, [item for item in webhook.open_deliveries() if item.due_at <= now or not only_due])
                    for webhook in self._state.webhooks.all()
                ]
            await asyncio.gather(*(self._serve(webhook, items) for webhook, items in waiting))

    async def _work(self) -> None:
        while True:
            with suppress(TimeoutError):
                # A change wakes this task. The clock makes changes only when the state is locked, hence the poll.
                async with asyncio.timeout(_POLL_SECONDS if self._state.webhooks.all() else None):
                    await self._pending.wait()
            self._pending.clear()
            if self._settings.background:
                await self.deliver(only_due=True)

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._pending.set)

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
