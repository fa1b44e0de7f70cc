"""launch under random faults and crashes: never twice, once in the end, and no error denies what was sent."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import draft_settings
from support.fake_clock import FakeClock
from support.workflow_crash import Crash

from fieldingkit import AsyncClient
from fieldingkit.errors import FieldingKitError, JobFailedError
from fieldingkit.resources.target_group_drafts import CreateTargetGroup, GetTargetGroup
from fieldingkit.sandbox import Sandbox, TargetGroup, faults
from fieldingkit.sandbox.model.jobs import DraftJob
from fieldingkit.workflows import LaunchedTargetGroup, launch

OPERATIONS = [
    "get_target_group",
    "calculate_target_group_feasibility",
    "create_launch_fielding_run_from_draft_job",
    "get_launch_fielding_run_from_draft_job",
    "get_fielding_runs_by_target_group_id",
    "get_fielding_run",
]
FAULTS: dict[str, Callable[[], faults.Fault]] = {
    "drop after": faults.ApplyThenDrop,
    "drop before": faults.DropBefore,
    "cut off": faults.ResetMidBody,
    "truncated": faults.TruncatedJson,
    "empty": faults.EmptyBody,
    "gateway after": lambda: faults.ApplyThenAnswer(503),
    "gateway before": lambda: faults.Answer(503),
    "conflict": lambda: faults.Answer(409),
    "not found": lambda: faults.Answer(404),
    "gone": faults.JobGone,
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """Return one sandbox for all examples, each of which has a draft of its own."""
    with Sandbox(job_seconds=0.01) as sandbox:
        yield sandbox


def jobs_of(sandbox: Sandbox, group: TargetGroup) -> int:
    """Return the number of launch jobs of a target group."""
    return sum(isinstance(job, DraftJob) and job.target_group_id == group.id for job in sandbox.jobs.values())


def launches(group: TargetGroup) -> int:
    """Return how often a target group was launched."""
    return sum(change.action == "launch_from_draft" for change in group.history)


def check(task: "asyncio.Task[LaunchedTargetGroup]", sandbox: Sandbox, group: TargetGroup, jobs_before: int) -> None:
    """Check that the end of a call agrees with what it did: a result or an error, unless it was cancelled."""
    if task.cancelled():
        return
    error = task.exception()
    if error is None:
        assert group.run is not None
        assert (task.result().run.id, group.status) == (group.run.id, "live")
    else:
        assert isinstance(error, FieldingKitError)
        # An error that denies the launch sent none, or saw it fail.
        assert error.maybe_applied or isinstance(error, JobFailedError) or jobs_of(sandbox, group) == jobs_before


async def launch_under(sandbox: Sandbox, plan: list[list[tuple[str, str]]]) -> tuple[TargetGroup, LaunchedTargetGroup]:
    """Launch a new draft once for each round of faults, then once without; return the last result."""
    clock, loop = FakeClock(sandbox.clock, jump=60.0), asyncio.get_running_loop()
    project = sandbox.seed(draft=1)
    async with AsyncClient(
        auth=sandbox.token, account_id=sandbox.account_id, base_url=sandbox.url, clock=clock, deadline=None
    ) as client:
        command = CreateTargetGroup(
            project_id=project.id, **draft_settings.settings(project_manager_id=project.manager_id)
        )
        group = sandbox.group((await client.send(command)).id)
        draft = GetTargetGroup(project_id=project.id, target_group_id=group.id)
        for injected in plan:
            jobs_before = jobs_of(sandbox, group)
            task = asyncio.ensure_future(launch(client, draft, accept_infeasible=True, timeout=5.0))

            def cancel(task: "asyncio.Task[LaunchedTargetGroup]" = task) -> None:
                loop.call_soon_threadsafe(task.cancel)

            for operation, name in injected:
                is_crash = name.startswith("crash")
                fault = Crash(cancel, is_applied=name == "crash after") if is_crash else FAULTS[name]()
                sandbox.faults.add(operation, fault)
            await asyncio.wait([task])
            sandbox.faults.clear()
            check(task, sandbox, group, jobs_before)
            assert launches(group) <= 1
        return group, await launch(client, draft, accept_infeasible=True)


fault = st.tuples(st.sampled_from(OPERATIONS), st.sampled_from([*FAULTS, "crash before", "crash after"]))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(st.lists(fault, max_size=3), max_size=3))
def test_a_draft_is_launched_once_under_faults(shared: Sandbox, plan: list[list[tuple[str, str]]]) -> None:
    """After any lost answers, outages and crashes, one more run finds or makes the only launch."""
    group, launched = asyncio.run(launch_under(shared, plan))
    assert group.run is not None
    assert (launches(group), launched.run.id) == (1, group.run.id)
