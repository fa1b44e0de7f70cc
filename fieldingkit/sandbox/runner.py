"""What runs while a sandbox runs: its server, and the dispatcher of its webhooks."""

import asyncio
import threading
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager

import attrs
from aiohttp import web

from fieldingkit.sandbox.app import SandboxApp
from fieldingkit.sandbox.delivery import WebhookDispatcher

__all__ = ["SandboxRunner", "ServerThread"]


@attrs.define(kw_only=True)
class SandboxRunner:
    """Serves a app on an event loop, and delivers events from there."""

    app: SandboxApp
    """What answers requests."""
    dispatcher: WebhookDispatcher
    """What delivers events."""
    host: str
    """The address to listen on."""
    port: int
    """The port to listen on; 0 for a free one."""
    _runner: web.AppRunner | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    @property
    def origin(self) -> str:
        """Where it can be reached, such as `http://127.0.0.1:49152`.

        Raises:
            RuntimeError: If it does not run.
        """
        if not self.app.origin:
            raise RuntimeError("the sandbox is not running; use it in a with or async with statement")
        return self.app.origin

    async def start(self) -> None:
        """Serve on the running event loop."""
        # Nobody waits for the answers of a test double: what is still being handled at the end is cancelled.
        self._runner = web.AppRunner(self.app.application(), access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        host, port = self._runner.addresses[0][:2]
        self.app.origin = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._loop = asyncio.get_running_loop()
        await self.dispatcher.start()

    async def stop(self) -> None:
        """Stop serving."""
        if self._loop is not None:
            await self.dispatcher.stop()
            self._loop = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            self.app.origin = ""

    def deliver(self) -> "Future[None]":
        """Have all events that wait sent once; to be waited for on any other thread or in any coroutine.

        Raises:
            RuntimeError: If it does not run.
        """
        if self._loop is None:
            raise RuntimeError("the sandbox is not running; use it in a with or async with statement")
        return asyncio.run_coroutine_threadsafe(self.dispatcher.deliver(), self._loop)

    def is_on_this_thread(self) -> bool:
        """Whether it runs on the event loop that runs on this thread."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False


class ServerThread:
    """Runs a server on an event loop of its own.

    Args:
        server: What to enter there, and to leave at the end.
    """

    def __init__(self, server: AbstractAsyncContextManager[object]) -> None:
        self._server = server
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._run, name="fieldingkit-sandbox", daemon=True)

    def serve(self) -> None:
        """Start it, and return when it listens."""
        self._thread.start()
        self._started.result()

    def finish(self) -> None:
        """Stop it, and return when its thread has ended."""
        loop, stop = self._started.result()
        loop.call_soon_threadsafe(stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _main(self) -> None:
        stop = asyncio.Event()
        async with self._server:
            self._started.set_result((asyncio.get_running_loop(), stop))
            await stop.wait()
