"""Example commands, bodies and transports for tests."""

import socket
from datetime import UTC, datetime
from typing import Any

import attrs
from hypothesis import strategies as st

from fieldingkit.commands import Command
from fieldingkit.errors import TransportError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.resources import accounts, batch_jobs, fielding_jobs, fielding_runs, webhooks
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.transport.http import Call, Request, Response

PROJECT = "01BTGNYV6HRNK8K8VKZASZCFP0"
GROUP = "01BTGNYV6HRNK8K8VKZASZCFP1"
OTHER = "01BTGNYV6HRNK8K8VKZASZCFP2"
RUN = "01BTGNYV6HRNK8K8VKZASZCFP3"
JOB = "01BTGNYV6HRNK8K8VKZASZCFP4"

LATER = datetime(2036, 1, 1, tzinfo=UTC)

READ = fielding_runs.GetFieldingRun(project_id=PROJECT, target_group_id=GROUP, fielding_run_id=RUN)
"""A read."""
KEYED = batch_jobs.PauseTargetGroups(project_id=PROJECT, target_group_ids=(GROUP, OTHER))
"""A command that an idempotency key protects."""
TAGGED = fielding_runs.PauseFieldingRun(
    project_id=PROJECT, target_group_id=GROUP, fielding_run_id=RUN, if_match='W/"1"'
)
"""A command that an ETag protects."""
BARE = webhooks.CreateWebhook(url="https://example.org/hook", events=("target-group-updated",))
"""A POST that nothing protects."""
LAUNCH = fielding_jobs.LaunchFromDraft(project_id=PROJECT, target_group_id=GROUP, end_fielding_at=LATER)
LIST = accounts.ListAccounts()

BY_GUARD: dict[RetrySafety, Command[Any]] = {
    RetrySafety.READ: READ,
    RetrySafety.IDEMPOTENCY_KEY: KEYED,
    RetrySafety.IF_MATCH: TAGGED,
    RetrySafety.NONE: BARE,
}

RUN_BODY = {
    "id": RUN,
    "status": "live",
    "start_fielding_at": "2026-01-01T00:00:00.000Z",
    "end_fielding_at": "2036-01-01T00:00:00.000Z",
    "version": 1,
}
"""A body for ``READ``."""
BARE_BODY = {"id": "w1", "secret": "shown once"}
"""A body for ``BARE``."""
JOB_BODY = {
    "job_id": JOB,
    "status": "Completed",
    "updated_target_groups": {"data": [{"target_group_id": GROUP}], "has_more": False},
    "failed_target_groups": {"data": [], "has_more": False},
}
"""A body of the finished batch of ``KEYED``."""
LOCATION = f"/demand/accounts/101/projects/{PROJECT}/batch-jobs/pause-fielding-runs-by-target-group-id/{JOB}"
"""The location of the batch of ``KEYED``."""


AWKWARD = "".join(map(chr, range(256))) + "\u0130\u0131\u03a9\u0663\u200b\u2028\u212a\ud800\udfff\ufeff\uffff\U0001f600"
"""Characters that often cause errors; short, since a table of all of Unicode takes seconds to build."""


def texts(*, min_size: int = 0, max_size: int = 40) -> st.SearchStrategy[str]:
    """Return a strategy of texts, awkward ones included."""
    return st.text(alphabet=AWKWARD, min_size=min_size, max_size=max_size)


def run_of(group: TargetGroup, **changes: Any) -> dict[str, Any]:
    """Return the path of a sandbox's run as fields of a command."""
    assert group.run is not None
    return {
        "project_id": group.project_id,
        "target_group_id": group.id,
        "fielding_run_id": group.run.id,
        **changes,
    }


def tagged(group: TargetGroup, **changes: Any) -> dict[str, Any]:
    """Return the same fields with the run's current ETag."""
    assert group.run is not None
    return run_of(group, if_match=group.run.etag, **changes)


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@attrs.define
class Script:
    """A transport that returns outcomes in order, and the last one repeatedly."""

    outcomes: list[Response | Exception]
    requests: list[Request] = attrs.field(factory=list)

    async def __call__(self, call: Call) -> Response:
        """Return the next outcome."""
        self.requests.append(call.request)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def failure(*, sent: bool) -> TransportError:
    """Return the error of an attempt without an answer."""
    return TransportError("broken", sent=sent)


GOLDEN_TOKEN = (
    "eyJ2IjoxLCJvIjoiaHR0cHM6Ly9hcGkuY2ludC5jb206NDQzIiwiYSI6IjIwMjUtMTItMTgiLCJvcCI6ImNyZWF0ZV9idWxrX3Bh"
    "dXNlX3RhcmdldF9ncm91cHNfam9iIiwicCI6eyJhY2NvdW50X2lkIjoiMTAxIiwicHJvamVjdF9pZCI6IjAxQlRHTllWNkhSTks4"
    "SzhWS1pBU1pDRlAwIn0sImoiOiIwMUJUR05ZVjZIUk5LOEs4VktaQVNaQ0ZQNCIsImsiOiI3YTFjOWExZS05ZThlLTRhNTMtOGE1"
    "OS0wYTNkZDhlNWI5YTEiLCJ0IjoxNzYzNzI2NDAwLjI1LCJ0cCI6IjAwLTBhZjc2NTE5MTZjZDQzZGQ4NDQ4ZWIyMTFjODAzMTlj"
    "LWI3YWQ2YjcxNjkyMDMzMzEtMDEiLCJuIjoyLCJkIjoiOThlYTZlNGYyMTZmMmZiNGI2OWZmZjliM2E0NDg0MmMifQ"
)
"""A job token of release 0.1.0; every later release reads it."""
