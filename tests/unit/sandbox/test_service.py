"""A sandbox without a socket, in the time of a simulation, with other users and jobs that differ."""

import json
from datetime import UTC, datetime

import pytest

from fieldingkit.sandbox import Job, RecordedAnswer, Sandbox, SandboxClock, TransitionRefusedError

START = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def seconds() -> list[float]:
    """Return the time of a simulation."""
    return [0.0]


@pytest.fixture
def clock(seconds: list[float]) -> SandboxClock:
    """Return a clock that follows the simulation."""
    return SandboxClock(START, seconds=lambda: seconds[0])


class Api:
    """Requests without a connection."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def __call__(self, method: str, target: str, body: object = None, **headers: str) -> RecordedAnswer:
        """Send a request."""
        own = {
            "Authorization": f"Bearer {self.sandbox.token}",
            "Cint-API-Version": "2025-12-18",
            "Content-Type": "application/json",
        }
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.sandbox.answer(method, target, own | named, b"" if body is None else json.dumps(body).encode())

    def pause(self, project_id: str, ids: list[str], key: str) -> str:
        """Create a batch job, and return its path."""
        created = self("POST", batch(project_id), {"target_group_ids": ids}, Idempotency_Key=key)
        assert created.status == 201
        return f"/v1{created.headers['location']}"


def batch(project_id: str) -> str:
    """Return the path of the pause jobs of a project."""
    return f"/v1/demand/accounts/101/projects/{project_id}/batch-jobs/pause-fielding-runs-by-target-group-id"


def test_a_sandbox_answers_and_records_requests_without_a_connection(clock: SandboxClock) -> None:
    """A job is created, read and carried out in the time of the simulation, although the sandbox does not run."""
    sandbox = Sandbox(clock=clock)
    group = sandbox.seed(live=1).groups[0]
    api = Api(sandbox)
    path = api.pause(group.project_id, [group.id], "k1")
    assert api("GET", path).json["status"] == "Processing"
    clock.advance(1)
    assert api("GET", path).json["updated_target_groups"]["data"] == [{"target_group_id": group.id}]
    created = sandbox.requests[0]
    assert (created.operation_id, created.status) == ("create_bulk_pause_target_groups_job", 201)
    assert group.history[-1].request == created.index


def test_requests_without_a_connection_are_refused_like_others(clock: SandboxClock) -> None:
    """Unknown paths, methods, tokens and a rate above the limit lead to the same answers as over HTTP."""
    sandbox = Sandbox(clock=clock, rate=1)
    api = Api(sandbox)
    assert [api("GET", "/v1/accounts").status for _ in range(2)] == [200, 429]
    assert api("GET", "/nowhere").status == 404
    wrong = api("PATCH", "/v1/accounts")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET")
    assert sandbox.answer("GET", "/v1/accounts").status == 401
    query = api("GET", "/v1/accounts?limit=1&limit=2", Authorization=f"Bearer {sandbox.token}")
    assert sandbox.requests[-1].query.getall("limit") == ["1", "2"]
    assert query.headers["date"].endswith("GMT")


def test_a_token_can_be_fetched_without_a_connection(clock: SandboxClock) -> None:
    """The token endpoint answers without credentials in the headers."""
    sandbox = Sandbox(clock=clock)
    fields = {
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "grant_type": "client_credentials",
        "audience": "https://api.luc.id",
    }
    granted = sandbox.answer("POST", "/oauth/token", {}, json.dumps(fields).encode())
    assert (granted.status, granted.json["token_type"]) == (200, "Bearer")
    assert sandbox.answer("GET", "/oauth/token").status == 405


def test_the_clock_follows_the_seconds_of_a_simulation(clock: SandboxClock, seconds: list[float]) -> None:
    """Time passes with the simulation and by ``advance``; while the clock is frozen, only by ``advance``."""
    seconds[0] = 10
    clock.advance(5)
    assert (clock.now() - START).total_seconds() == 15
    clock.freeze()
    seconds[0] = 100
    assert (clock.now() - START).total_seconds() == 15
    clock.thaw()
    seconds[0] = 101
    assert (clock.now() - START).total_seconds() == 16


def test_each_job_can_take_its_own_time(clock: SandboxClock) -> None:
    """A function decides the duration of a job that it is shown."""

    def seconds(job: Job) -> float:
        return 10 * (1 + len(sandbox.jobs))

    sandbox = Sandbox(clock=clock, job_seconds=seconds)
    groups = sandbox.seed(live=2).groups
    for group in groups:
        Api(sandbox).pause(group.project_id, [group.id], group.id)
    assert [(job.due_at - job.created_at).total_seconds() for job in sandbox.jobs.values()] == [10, 20]


def test_an_idempotency_key_is_recognized_until_its_lifetime_ends(clock: SandboxClock) -> None:
    """The same key gives the same job for its lifetime, and another job later."""
    sandbox = Sandbox(clock=clock, key_lifetime=60)
    group = sandbox.seed(live=1).groups[0]
    first = Api(sandbox).pause(group.project_id, [group.id], "k")
    clock.advance(60)
    assert Api(sandbox).pause(group.project_id, [group.id], "k") == first
    clock.advance(1)
    assert Api(sandbox).pause(group.project_id, [group.id], "k") != first


def test_single_items_of_a_job_can_fail(clock: SandboxClock) -> None:
    """The job reports the code of a failing item, and does not change its target group."""
    failing: dict[str, str] = {}
    sandbox = Sandbox(clock=clock, failing_items=lambda job, id_: failing.get(id_))
    groups = sandbox.seed(live=2).groups
    failing[groups[0].id] = "JobExecutionStartMessageFailed"
    path = Api(sandbox).pause(groups[0].project_id, [group.id for group in groups], "k")
    clock.advance(1)
    result = Api(sandbox)("GET", path).json
    failed = result["failed_target_groups"]["data"]
    assert [(item["target_group_id"], item["failure_reason"]["code"]) for item in failed] == [
        (groups[0].id, "JobExecutionStartMessageFailed")
    ]
    assert [group.status for group in groups] == ["live", "paused"]


def test_another_user_can_act_on_a_target_group(clock: SandboxClock) -> None:
    """The history and the changelog name another user than that of the requests; refused actions raise."""
    sandbox = Sandbox(clock=clock)
    group = sandbox.seed(live=1).groups[0]
    group_path = f"/v1/demand/accounts/101/projects/{group.project_id}/target-groups/{group.id}"
    Api(sandbox).pause(group.project_id, [group.id], "k")
    clock.advance(1)
    assert group.act("resume", by="a colleague").status == "live"
    assert [(change.action, change.by, change.request) for change in group.history] == [
        ("pause", None, 0),
        ("resume", "a colleague", None),
    ]
    changelog = Api(sandbox)("GET", f"{group_path}/changelog").json["changelog"]
    users = [entry["user"] for entry in changelog]
    assert [user["type"] for user in users] == ["las_user", "las_user"]
    assert users[0] != users[1]
    with pytest.raises(TransitionRefusedError):
        group.act("resume", by="a colleague")
