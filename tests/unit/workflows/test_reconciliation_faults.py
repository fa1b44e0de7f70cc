"""reconcile under random faults and crashes: one list in the end, and no error denies what was sent."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fake_clock import FakeClock
from support.workflow_crash import Crash

from fieldingkit import AsyncClient
from fieldingkit.errors import FieldingKitError, JobError
from fieldingkit.sandbox import Project, Sandbox, SandboxClock, faults
from fieldingkit.workflows import Reconciled, reconcile

FOREIGN = "0f1ce179-a917-49ff-9d50-b05fc91f7bd4"
OPERATIONS = [
    "request_reconciliation_reason_codes",
    "get_eligible_target_groups",
    "generate_report",
    "download_report_v2",
    "post_reconciliations",
    "get_reconciliation_by_request_id",
    "get_recon_downloads",
]
FAULTS: dict[str, Callable[[], faults.Fault]] = {
    "drop after": faults.ApplyThenDrop,
    "drop before": faults.DropBefore,
    "cut off": faults.ResetMidBody,
    "truncated": faults.TruncatedJson,
    "empty": faults.EmptyBody,
    "gateway after": lambda: faults.ApplyThenAnswer(503),
    "gateway before": lambda: faults.Answer(503),
    "refused": lambda: faults.Answer(403),
    "not found": lambda: faults.Answer(404),
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """Return one sandbox for all examples, each of which has a project of its own."""
    clock = SandboxClock(datetime(2026, 11, 1, 12, tzinfo=UTC))
    with Sandbox(job_seconds=0.01, clock=clock, token_lifetime=1e9) as sandbox:
        yield sandbox


def lists(sandbox: Sandbox, first: int) -> set[str]:
    """Return the ids of the reconciliations since a job."""
    return {job.id for job in [*sandbox.jobs.values()][first:] if job.kind == "reconciliation"}


def completes(project: Project) -> list[str]:
    """Return the RIDs of the completes."""
    return [one.rid for one in project.groups[0].respondents if one.outcome == "complete"]


def check(task: "asyncio.Task[Reconciled]", project: Project, was_sent: bool, sent: bool) -> None:
    """Check that the end of a call agrees with what it did: a result or an error, unless it was cancelled."""
    if task.cancelled():
        return
    error = task.exception()
    if error is None:
        done = task.result()
        assert (done.reconciliation.negative_reversed, len(completes(project))) == (1, 19)
        assert done.invalid == ((FOREIGN, "932"),) or (done.invalid is None and done.conflicts and done.warnings)
    else:
        assert isinstance(error, FieldingKitError)
        # An error that denies the list sent none, or none that was not sent before.
        assert error.maybe_applied or isinstance(error, JobError) or sent == was_sent


async def reconcile_under(sandbox: Sandbox, plan: list[list[tuple[str, str]]]) -> None:
    """Send a list once for each round of faults, then once without."""
    clock, loop = FakeClock(sandbox.clock, jump=300.0), asyncio.get_running_loop()
    project, first = sandbox.seed(live=1, completes=20), len(sandbox.jobs)
    rows = [(completes(project)[0], 932), (FOREIGN, 932)]
    async with AsyncClient(
        auth=sandbox.token, account_id=sandbox.account_id, base_url=sandbox.url, clock=clock, deadline=None
    ) as client:
        for injected in plan:
            was_sent = bool(lists(sandbox, first))
            task = asyncio.ensure_future(reconcile(client, rows, max_share=1.0))

            def cancel(task: "asyncio.Task[Reconciled]" = task) -> None:
                loop.call_soon_threadsafe(task.cancel)

            for operation, name in injected:
                is_crash = name.startswith("crash")
                fault = Crash(cancel, is_applied=name == "crash after") if is_crash else FAULTS[name]()
                sandbox.faults.add(operation, fault)
            await asyncio.wait([task])
            sandbox.faults.clear()
            check(task, project, was_sent, bool(lists(sandbox, first)))
            assert len(lists(sandbox, first)) <= 1
        done = await reconcile(client, rows, max_share=1.0)
    assert lists(sandbox, first) == {done.reconciliation.request_id}
    assert (len(completes(project)), done.reconciliation.negative_reversed) == (19, 1)
    assert done.invalid == ((FOREIGN, "932"),)


fault = st.tuples(st.sampled_from(OPERATIONS), st.sampled_from([*FAULTS, "crash before", "crash after"]))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(st.lists(fault, max_size=3), max_size=3))
def test_a_list_is_applied_once_under_faults(shared: Sandbox, plan: list[list[tuple[str, str]]]) -> None:
    """After any lost answers, outages and crashes, one more run finds or makes the only reconciliation."""
    asyncio.run(reconcile_under(shared, plan))
