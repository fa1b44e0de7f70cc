"""A seeded sandbox in its own process, which reports the requests that it received."""

import multiprocessing
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from fieldingkit.sandbox import Sandbox


def counts(sandbox: Sandbox) -> dict[str, Any]:
    """Return the figures of the requests since the previous call."""
    requests = list(sandbox.requests)
    sandbox.requests.clear()
    return {
        "requests": len(requests),
        "refused": sum(request.status is None or request.status >= 400 for request in requests),
        "jobs": len(sandbox.jobs),
        "different_jobs": len(
            {(job.project_id, getattr(job, "target_group_ids", ())) for job in sandbox.jobs.values()}
        ),
    }


class SeededServer:
    """A sandbox in its own process.

    Args:
        groups: The number of target groups; all of them are live.
        projects: The number of projects, with equal numbers of target groups.
        job_seconds: The duration of a job.
    """

    def __init__(self, groups: int, projects: int, job_seconds: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, groups, projects, job_seconds), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self.options: dict[str, Any] = self._pipe.recv()
        """The options of a client."""
        self.groups: dict[str, list[str]] = self._pipe.recv()
        """The target groups of each project."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pipe.send(False)
        self._process.join()

    def counts(self) -> dict[str, Any]:
        """Return the figures of the requests since the previous call."""
        self._pipe.send(True)
        found: dict[str, Any] = self._pipe.recv()
        return found


def _serve(pipe: Connection, groups: int, projects: int, job_seconds: float) -> None:
    with Sandbox(job_seconds=job_seconds) as sandbox:
        sizes = [groups // projects + (number < groups % projects) for number in range(projects)]
        seeded = [sandbox.seed(live=size) for size in sizes]
        pipe.send({"base_url": sandbox.url, "auth": sandbox.token, "account_id": sandbox.account_id})
        pipe.send({project.id: project.ids() for project in seeded})
        while pipe.recv():
            pipe.send(counts(sandbox))
