"""A receiver of POST requests on loopback, on a thread of its own; it can hold its answers."""

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


class PostReceiver:
    """A receiver on loopback. A subclass keeps what it receives. Close it at the end."""

    def __init__(self) -> None:
        self.status = 200
        """The status of the answers."""
        self.released = Event()
        """Clear it to hold the answers."""
        self.released.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.receive(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                receiver.released.wait(30)
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        """The receiver's origin."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep a request; names of headers are in lower case."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop the receiver."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
