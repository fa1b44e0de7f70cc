"""A plain aiohttp client for the sandbox's own tests, so that nothing of ours is tested against itself."""

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
    """What came back, read to the end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any


@attrs.frozen
class Caller:
    """Sends requests to a sandbox as a caller with a valid token would."""

    sandbox: Sandbox
    session: aiohttp.ClientSession

    async def __call__(self, method: str, path: str, *, without: str = "", **options: Any) -> Answer:
        """Send a request: `path` goes after `/v1`, and the header `without` is left out."""
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
        """The path of a target group."""
        return f"/demand/accounts/101/projects/{group.project_id}/target-groups/{group.id}"

    def run_path(self, group: TargetGroup) -> str:
        """The path of a target group's run."""
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
        """Let a job's time pass, and read it."""
        self.sandbox.clock.advance(1)
        answer = await self("GET", created.headers["Location"])
        assert answer.status == 200
        return answer.json


def one(sandbox: Sandbox, status: str, **settings: Any) -> TargetGroup:
    """A new target group with a status, in a project of its own."""
    wanted: dict[str, Any] = {status: 1, **settings}
    return sandbox.seed(**wanted).groups[0]


def run_of(group: TargetGroup) -> FieldingRun:
    """The run that a target group surely has."""
    assert group.run is not None
    return group.run
