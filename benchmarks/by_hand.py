"""The parts of a call by hand, as a good user writes them: its URL and headers, its result, and the trace around it."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
from opentelemetry import context, propagate, trace

__all__ = [
    "ACCOUNT",
    "GROUP",
    "HEADERS",
    "JOBS",
    "PROJECT",
    "RUNS",
    "TAG",
    "TOKEN",
    "Change",
    "Group",
    "groups_of",
    "headers",
    "headers_of_action",
    "next_run",
    "path_of_pause",
    "read_job",
    "within_trace",
]

ACCOUNT, TOKEN, TAG = "101", "a-token-of-the-usual-length-0123456789", 'W/"1234"'
PROJECT, GROUP, RUN = (f"01BTGNYV6HRNK8K8VKZASZCFP{digit}" for digit in "012")
RUNS = f"/demand/accounts/{ACCOUNT}/projects/{PROJECT}/target-groups/{GROUP}/fielding-runs"
JOBS = f"/demand/accounts/{ACCOUNT}/projects/{PROJECT}/batch-jobs/pause-fielding-runs-by-target-group-id"
HEADERS = {
    "Accept": "application/json",
    "Authorization": f"Bearer {TOKEN}",
    "Cint-API-Version": "2025-12-18",
    "User-Agent": "by-hand/1.0",
}
_RUNS = itertools.cycle([f"01BTGNYV6HRNK8K8VK{number:08d}" for number in range(10_000)])
_PARENT = trace.NonRecordingSpan(
    trace.SpanContext(
        trace_id=0x0AF7651916CD43DD8448EB211C80319C,
        span_id=0xB7AD6B7169203331,
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
)


@attrs.define
class Change:
    """The result of a pause."""

    etag: str


@attrs.define
class Group:
    """The result of one target group of a batch job."""

    id: str
    code: str | None = None
    description: str | None = None


def next_run() -> str:
    """Return the next run id. The ids vary, as in real use, so that caches of URLs do not distort the result."""
    return next(_RUNS)


def path_of_pause() -> str:
    """Return the path of a pause, of another run each time."""
    return f"/demand/accounts/{ACCOUNT}/projects/{PROJECT}/target-groups/{GROUP}/fielding-runs/{next_run()}/pause"


def headers() -> dict[str, str]:
    """Return the headers of a call, including the trace context."""
    made = dict(HEADERS)
    propagate.inject(made)
    return made


def headers_of_action() -> dict[str, str]:
    """Return the headers of an action, including its entity tag."""
    return {**headers(), "If-Match": TAG}


def read_job(body: bytes, loads: Callable[[bytes], Any] = json.loads) -> list[Group]:
    """Decode a finished batch job into one object per group."""
    return groups_of(loads(body))


def groups_of(data: dict[str, Any]) -> list[Group]:
    """Convert a decoded batch job into one object per group."""
    groups = [Group(item["target_group_id"]) for item in data["updated_target_groups"]["data"]]
    for item in data["failed_target_groups"]["data"]:
        reason = item["failure_reason"]
        groups.append(Group(item["target_group_id"], reason["code"], reason["description"]))
    return groups


@contextmanager
def within_trace(parent: trace.Span = _PARENT) -> Iterator[None]:
    """Make a span the parent of all calls, by default one of a caller elsewhere, as in a service without an SDK."""
    token = context.attach(trace.set_span_in_context(parent))
    try:
        yield
    finally:
        context.detach(token)
