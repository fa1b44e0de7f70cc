"""The server of the benchmarks: canned answers from a process of its own, so that only the clients are measured.

It is much faster than any client; ``stats`` shows the CPU time that it used.
"""

import asyncio
import functools
import http.client
import json
import multiprocessing
import os
import re
import time
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

__all__ = ["Stub", "job_body"]

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_COMMON = (
    b"Date: Sat, 21 Nov 2026 12:00:00 GMT\r\nServer: stub\r\nx-request-id: 0b0e4d3a6f\r\n"
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
)
_NO_CONTENT = b'HTTP/1.1 204 No Content\r\nETag: W/"1235"\r\n' + _COMMON + b"\r\n"
_LOCATION = "/demand/accounts/101/projects/{}/batch-jobs/pause-fielding-runs-by-target-group-id/{}"


def job_body(groups: int) -> bytes:
    """Return a finished batch job of this many target groups, a fifth of them failed."""
    ids = [f"01BTGNYV6HRNK8K8VK{number:08d}" for number in range(groups)]
    reason = {"code": "StatusTransitionNotAllowed", "description": "The target group cannot be paused from its status."}
    body = {
        "job_id": str(groups),
        "created_at": "2026-11-21T12:00:00.000Z",
        "created_by": "018fd3b5-21a9-7b1c-9d11-2f6f2a3f8c11",
        "status": "Completed",
        "updated_target_groups": {"data": [{"target_group_id": i} for i in ids if int(i[-1]) % 5], "has_more": False},
        "failed_target_groups": {
            "data": [{"target_group_id": i, "failure_reason": reason} for i in ids if not int(i[-1]) % 5],
            "has_more": False,
        },
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _answer(status: str, body: bytes, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}"
    return head.encode() + _COMMON + b"\r\n" + body


@functools.cache
def _job(groups: int) -> bytes:
    return _answer("200 OK", job_body(groups))


def _created(path: str) -> bytes:
    project = path.split("/projects/")[1].split("/", maxsplit=1)[0]
    return _answer("201 Created", b"{}", f"Location: {_LOCATION.format(project, 20)}\r\n")


class _Exchanges(asyncio.Protocol):
    requests = 0

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            first = self._buffer[: self._buffer.index(b" HTTP/")]
            self._buffer = self._buffer[whole:]
            self._reply(self._to(first))

    def _to(self, first: bytes) -> bytes:
        """Return the answer to a request line, chosen by its ending."""
        _Exchanges.requests += 1
        if first.endswith(b"/pause"):
            return _NO_CONTENT
        method, path = first.decode().split(" ")
        if path == "/stats":
            stats = {"cpu": time.process_time(), "wall": time.perf_counter(), "requests": _Exchanges.requests}
            return _answer("200 OK", json.dumps(stats).encode())
        return _job(int(path.rsplit("/", 1)[-1])) if method == "GET" else _created(path)

    def _reply(self, answer: bytes) -> None:
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def _serve(delay: float, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Exchanges(delay), "127.0.0.1", 0, backlog=1024)
    pipe.send(server.sockets[0].getsockname()[1])
    over = asyncio.Event()
    loop.add_reader(pipe.fileno(), over.set)  # the benchmark has ended
    await over.wait()


def _run(delay: float, pipe: Connection) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    asyncio.run(_serve(delay, pipe))


class Stub:
    """The server in a process of its own on the last core.

    Args:
        delay: The delay of each answer, in seconds.
    """

    def __init__(self, delay: float = 0.0) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(delay, theirs), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self.port: int = self._pipe.recv()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pipe.send(None)
        self._process.join()

    def stats(self) -> dict[str, float]:
        """Return the statistics since the start: ``cpu`` and ``wall`` seconds, and ``requests``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", "/stats")
        found: dict[str, float] = json.load(connection.getresponse())
        connection.close()
        return found
