"""A transport of the caller in place of the network, for simulations and tests."""

from multidict import CIMultiDict

from fieldingkit.errors import Attempt, TransportError
from fieldingkit.transport.http import Call, Response, Transport

__all__ = ["CustomTransport"]


class CustomTransport:
    """Sends requests through a function, and records the attempts.

    Args:
        send: Sends a call's request once and returns its response, or raises ``TransportError``.
    """

    def __init__(self, send: Transport) -> None:
        self._send = send

    async def __call__(self, call: Call) -> Response:
        """Send a call's request once.

        Raises:
            TransportError: if there is no response.
        """
        started = call.clock.now()
        call.bytes_sent = True
        status: int | None = None
        failure: str | None = None
        try:
            response = await self._send(call)
            response.headers = CIMultiDict(response.headers)
            status = response.status
            if call.body_writer is not None and 200 <= status < 300:
                call.body_writer.start(len(response.body))
                call.body_writer.write(response.body)
            return response
        except BaseException as exc:
            call.bytes_sent = exc.sent if isinstance(exc, TransportError) else True
            failure = type(exc).__name__
            raise
        finally:
            number, duration = len(call.attempts) + 1, call.clock.now() - started
            call.attempts.append(
                Attempt(number, status, failure, call.bytes_sent, started - call.started, duration, call.delay)
            )

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""
