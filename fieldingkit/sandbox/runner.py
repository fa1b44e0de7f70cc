"""Running a sandbox: its HTTP server and its webhook delivery."""

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
    """Serves a sandbox's application and delivers its events on an event loop."""

    app: SandboxApp
    """The application."""
    dispatcher: WebhookDispatcher
    """The webhook delivery."""
    host: str
    """The address to listen on."""
    port: int
    """The port to listen on; 0 for a free one."""
    _app_runner: web.AppRunner | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    @property
    def origin(self) -> str:
        """The origin of the server, such as `http://127.0.0.1:49152`.

        Raises:
            RuntimeError: If the sandbox is not running.
        """
        if not self.app.service.origin:
            raise RuntimeError("the sandbox is not running; use it in a with or async with statement")
        return self.app.service.origin

    async def start(self) -> None:
        """Serve on the running event loop."""
        # No caller waits for a test double's answers: requests still being handled at the end are cancelled.
        self._app_runner = web.AppRunner(self.app.application(), access_log=None, shutdown_timeout=0.05)
        await self._app_runner.setup()
        await web.TCPSite(self._app_runner, self.host, self.port).start()
        host, port = self._app_runner.addresses[0][:2]
        self.app.service.origin = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._loop = asyncio.get_running_loop()
        await self.dispatcher.start()

    async def stop(self) -> None:
        """Stop serving."""
        if self._loop is not None:
            await self.dispatcher.stop()
            self._loop = None
        if self._app_runner is not None:
            await self._app_runner.cleanup()
            self._app_runner = None
            self.app.service.origin = ""

    def deliver(self) -> "Future[None]":
        """Send every pending event once; the future can be awaited or waited for on any other thread.

        Raises:
            RuntimeError: If the sandbox is not running.
        """
        if self._loop is None:
            raise RuntimeError("the sandbox is not running; use it in a with or async with statement")
        return asyncio.run_coroutine_threadsafe(self.dispatcher.deliver(), self._loop)

    def is_on_this_thread(self) -> bool:
        """Return True if the sandbox runs on the current event loop."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False


class ServerThread:
    """Runs a server on a thread and event loop of its own.

    Args:
        server: The async context manager to run.
    """

    def __init__(self, server: AbstractAsyncContextManager[object]) -> None:
        self._server = server
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._run, name="fieldingkit-sandbox", daemon=True)

    def start(self) -> None:
        """Start the server and return when it listens."""
        self._thread.start()
        self._started.result()

    def stop(self) -> None:
        """Stop the server and return when its thread has ended."""
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
