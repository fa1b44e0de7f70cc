"""A thread for a server, so that code without an event loop can use it."""

import asyncio
import threading
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager

__all__ = ["ServerThread"]


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
