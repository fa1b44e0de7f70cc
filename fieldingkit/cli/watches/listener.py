"""The listener of a watch: it receives webhook events, which bring the reads of their projects forward."""

import logging
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from fieldingkit.cli.errors import UsageError
from fieldingkit.cli.watches.address import Address
from fieldingkit.events import Event, TargetGroupUpdated, Waker, aiohttp_handler
from fieldingkit.rendering.text import format_moment, strip_control_chars
from fieldingkit.secret import Secret

__all__ = ["WebhookListener"]

_CLOSING_SECONDS: Final = 1.0
"""Seconds that deliveries have to finish when the watch ends; one that is cut off is delivered again."""
_LOGGER: Final = logging.getLogger("fieldingkit.events")


class WebhookListener:
    """A server for the deliveries of a webhook, as an async context manager. It takes them at every path.

    Args:
        address: The address to listen on.
        secret: The webhook's secret.
        now: Returns the present time.
        note: Prints a message for the user.

    Raises:
        ConfigurationError: The secret is not one of a webhook.
    """

    def __init__(
        self, address: Address, secret: Secret, *, now: Callable[[], datetime], note: Callable[[str], object]
    ) -> None:
        self.waker: Waker = Waker()
        """The waker for the watch."""
        self._address, self._now, self._note = address, now, note
        self._handler = aiohttp_handler(secret.reveal(), self._wake)
        self._refusals = _Refusals(self._refuse)
        self._refusal = ""
        self._noted: set[str] = set()
        self.url: str = ""
        """The URL on this machine, once it listens."""
        self._latest: datetime | None = None

    @property
    def status(self) -> str:
        """The address and the time of the latest event, in a sentence."""
        latest = "none came yet" if self._latest is None else f"the latest came at {format_moment(self._latest)}"
        return f"Listening for webhook events at {self.url}; {latest}."

    @property
    def problem(self) -> str:
        """The latest refusal, in a sentence; empty once an event was accepted since."""
        return self._refusal

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._handler)
        self._runner = web.AppRunner(app, access_log=None, logger=_LOGGER, shutdown_timeout=_CLOSING_SECONDS)
        await self._runner.setup()
        host, port = self._address.host, self._address.port
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as exc:
            await self._runner.cleanup()
            reason = (exc.strerror or str(exc)).rpartition(": ")[2]  # before it, asyncio repeats the address
            raise UsageError(f"--listen: {host}, port {port}, cannot be used: {reason}\nNothing was read.") from exc
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._runner.addresses[0][1]}/"
        _LOGGER.addHandler(self._refusals)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _LOGGER.removeHandler(self._refusals)
        await self._runner.cleanup()

    def _wake(self, event: Event) -> None:
        if not isinstance(event, TargetGroupUpdated):
            self._note_once(f"The webhook sends {event.name} events, too; a watch uses target-group-updated ones.")
            return
        if self._latest is None:
            self._note("The first webhook event came.")
        if self._refusal:
            self._noted.clear()  # a later refusal is news
        self._latest, self._refusal = self._now(), ""
        self.waker.wake(event)

    def _refuse(self, reason: str) -> None:
        self._refusal = strip_control_chars(f"A webhook delivery was refused: {reason}, {format_moment(self._now())}.")
        self._note_once(f"A webhook delivery was refused: {reason}.")

    def _note_once(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self._note(strip_control_chars(text))


class _Refusals(logging.Handler):
    """Passes on why deliveries are refused; otherwise Python would print records without reasons, or tracebacks."""

    def __init__(self, refuse: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._refuse = refuse

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on the reason of a refusal; aiohttp logs a request that broke off with its exception."""
        unread = "it is no whole HTTP request" if record.exc_info else record.getMessage()
        self._refuse(vars(record).get("reason", unread))
