"""The jobs that launch or schedule a draft."""

from datetime import timedelta

import pytest
from support.sandbox_caller import Caller, one, run_of

from fieldingkit.sandbox import Sandbox, SandboxClock
from fieldingkit.sandbox.formats import write_timestamp

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def dates(clock: SandboxClock, start: float, end: float) -> dict[str, str]:
    """A start and an end, in seconds from now."""
    return {
        "start_fielding_at": write_timestamp(clock.now() + timedelta(seconds=start)),
        "end_fielding_at": write_timestamp(clock.now() + timedelta(seconds=end)),
    }


async def test_a_draft_is_launched(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A launched draft is live from when its job is done until the asked end, and the job names the new run."""
    (group,) = sandbox.seed(draft=1).groups
    end_at = clock.now() + timedelta(days=1)
    created = await call.create_draft_job("launch", group, end_fielding_at=write_timestamp(end_at))
    assert (created.status, created.body) == (201, b"")
    job = await call.finished(created)
    run = run_of(group)
    assert (job["status"], job["created_fielding_run_id"]) == ("Completed", run.id)
    assert (job["failure_reason"], job["job_trace_id"]) == (None, None)
    (record,) = sandbox.jobs.values()
    assert (run.status, run.start_at, run.end_at, run.version) == ("live", record.applied_at, end_at, 1)
    assert [(change.action, change.before, change.after) for change in group.history] == [
        ("launch_from_draft", "draft", "live")
    ]


async def test_a_draft_is_scheduled(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A scheduled draft is `scheduled` until its start, then live."""
    (group,) = sandbox.seed(draft=1).groups
    job = await call.finished(await call.create_draft_job("schedule", group, **dates(clock, 60, 120)))
    assert (job["status"], job["created_fielding_run_id"]) == ("Completed", run_of(group).id)
    assert group.status == "scheduled"
    clock.advance(60)
    assert group.status == "live"


async def test_a_job_is_processing_at_first(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """Until its time has passed a job names no run, and the group is a draft."""
    (group,) = sandbox.seed(draft=1).groups
    created = await call.create_draft_job("schedule", group, **dates(clock, 60, 120))
    answer = await call("GET", created.headers["Location"])
    assert (answer.json["status"], answer.json["created_fielding_run_id"]) == ("Processing", None)
    assert group.status == "draft"


@pytest.mark.parametrize("kind", ["launch", "schedule"])
@pytest.mark.parametrize("state", ["scheduled", "live", "paused", "completed", "archived"])
async def test_only_a_draft(sandbox: Sandbox, call: Caller, clock: SandboxClock, kind: str, state: str) -> None:
    """The job of a group that is no draft is accepted, and fails with the trace of the request that created it."""
    group = one(sandbox, state)
    path = f"{call.group_path(group)}/fielding-run-jobs/{kind}-from-draft"
    headers = {"Idempotency-Key": "key", "traceparent": TRACEPARENT}
    created = await call("POST", path, json=dates(clock, 60, 120), headers=headers)
    job = await call.finished(created)
    assert (job["status"], job["created_fielding_run_id"]) == ("Failed", None)
    assert job["failure_reason"]["code"] == "TargetGroupInvalidState"
    assert job["job_trace_id"] == TRACEPARENT.split("-")[1]
    assert group.status == state


@pytest.mark.parametrize(
    ("kind", "window"),
    [
        ("launch", (0, -60)),
        ("launch", (0, 0.1)),
        ("schedule", (-60, 60)),
        ("schedule", (60, 60)),
        ("schedule", (60, 30)),
    ],
)
async def test_dates_that_make_no_sense(
    sandbox: Sandbox, call: Caller, clock: SandboxClock, kind: str, window: tuple[float, float]
) -> None:
    """A job whose end has passed when it is done, or whose dates are in the past or in disorder, fails."""
    (group,) = sandbox.seed(draft=1).groups
    job = await call.finished(await call.create_draft_job(kind, group, **dates(clock, *window)))
    assert (job["status"], job["failure_reason"]["code"]) == ("Failed", "InvalidFieldingDates")
    assert group.status == "draft"


async def test_an_unknown_group_fails_the_job(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A group or project that does not exist is no 404: the job fails."""
    (group,) = sandbox.seed(draft=1).groups
    path = f"{call.group_path(group)}/fielding-run-jobs/launch-from-draft"
    for key, known in enumerate((group.id, group.project_id)):
        wrong = path.replace(known, "01BTGNYV6HRNK8K8VKZASZCFP1")
        headers = {"Idempotency-Key": str(key)}
        job = await call.finished(await call("POST", wrong, json=dates(clock, 1, 60), headers=headers))
        assert job["failure_reason"]["code"] == "TargetGroupNotFound"


async def test_a_repeated_key_makes_no_second_job(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """The same request with the same key has the same Location; another body is a 409; no key is a 400."""
    (group,) = sandbox.seed(draft=1).groups
    wanted = dates(clock, 60, 120)
    first = await call.create_draft_job("schedule", group, **wanted)
    second = await call.create_draft_job("schedule", group, **wanted)
    assert first.headers["Location"] == second.headers["Location"]
    assert (await call.create_draft_job("schedule", group, **dates(clock, 60, 121))).status == 409
    assert (await call.create_draft_job("schedule", group, key="", **wanted)).status == 400
    assert len(sandbox.jobs) == 1


async def test_missing_dates_are_refused(sandbox: Sandbox, call: Caller) -> None:
    """A job without its dates is a 400 that names each field."""
    (group,) = sandbox.seed(draft=1).groups
    for kind, names in (("launch", ["end_fielding_at"]), ("schedule", ["start_fielding_at", "end_fielding_at"])):
        answer = await call.create_draft_job(kind, group)
        assert (answer.status, [param["name"] for param in answer.json["invalid_params"]]) == (400, names)


async def test_a_job_is_read_where_it_belongs(sandbox: Sandbox, call: Caller, clock: SandboxClock) -> None:
    """A job of another kind, target group or project is a 404."""
    group, other = sandbox.seed(draft=2).groups
    created = await call.create_draft_job("schedule", group, **dates(clock, 60, 120))
    location = created.headers["Location"]
    for wrong in (
        location.replace("schedule", "launch"),
        location.replace(group.id, other.id),
        location.replace(group.project_id, other.id),
    ):
        answer = await call("GET", wrong)
        assert (answer.status, answer.json["object"]) == (404, "not_found_error")
