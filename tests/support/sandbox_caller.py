"""A plain aiohttp client for the sandbox's own tests, independent of fieldingkit's client."""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import attrs

from fieldingkit.sandbox import Sandbox
from fieldingkit.sandbox.model.fielding_runs import FieldingRun
from fieldingkit.sandbox.model.target_groups import TargetGroup


@attrs.frozen
class Answer:
    """An answer with its whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any


@attrs.frozen
class Caller:
    """Sends requests with a valid token to a sandbox."""

    sandbox: Sandbox
    session: aiohttp.ClientSession

    async def __call__(self, method: str, path: str, *, without: str = "", **options: Any) -> Answer:
        """Send a request to `path` after `/v1`, without the header `without`."""
        headers = {"Authorization": f"Bearer {self.sandbox.token}", "Cint-API-Version": "2025-12-18"}
        headers |= options.pop("headers", {})
        headers.pop(without, None)
        url = path if path.startswith("http") else self.sandbox.url + path
        async with self.session.request(method, url, headers=headers, allow_redirects=False, **options) as response:
            body = await response.read()
            is_json = response.headers.get("Content-Type") == "application/json"
            is_json = is_json and body != b"" and "Content-Encoding" not in response.headers
            return Answer(response.status, response.headers, body, json.loads(body) if is_json else None)

    def group_path(self, group: TargetGroup) -> str:
        """Return the path of a target group."""
        return f"/demand/accounts/101/projects/{group.project_id}/target-groups/{group.id}"

    def run_path(self, group: TargetGroup) -> str:
        """Return the path of a target group's run."""
        return f"{self.group_path(group)}/fielding-runs/{run_of(group).id}"

    async def act(self, action: str, group: TargetGroup, etag: str | None = None) -> Answer:
        """Take an action on a run, with its current entity tag unless another is given."""
        headers = {"If-Match": run_of(group).etag if etag is None else etag}
        return await self("POST", f"{self.run_path(group)}/{action}", headers=headers)

    async def create_batch(self, kind: str, project_id: str, ids: object, key: str = "key") -> Answer:
        """Create a batch job."""
        path = f"/demand/accounts/101/projects/{project_id}/batch-jobs/{kind}-fielding-runs-by-target-group-id"
        return await self("POST", path, json={"target_group_ids": ids}, headers={"Idempotency-Key": key})

    async def create_draft_job(self, kind: str, group: TargetGroup, key: str = "key", **dates: object) -> Answer:
        """Create a job for a draft."""
        path = f"{self.group_path(group)}/fielding-run-jobs/{kind}-from-draft"
        return await self("POST", path, json=dates, headers={"Idempotency-Key": key})

    async def finished(self, created: Answer) -> Any:
        """Advance the clock past the job's end and return the job."""
        self.sandbox.clock.advance(1)
        answer = await self("GET", created.headers["Location"])
        assert answer.status == 200
        return answer.json


def one(sandbox: Sandbox, status: str, **settings: Any) -> TargetGroup:
    """Return a new target group with this status, in a project of its own."""
    wanted: dict[str, Any] = {status: 1, **settings}
    return sandbox.seed(**wanted).groups[0]


def run_of(group: TargetGroup) -> FieldingRun:
    """Return the run of a target group that has one."""
    assert group.run is not None
    return group.run
