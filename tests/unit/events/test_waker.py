"""Push beats poll: an event brings the next look forward, and is never needed for the truth."""

import asyncio
from datetime import UTC, datetime

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient, PollPolicy, batch_jobs
from fieldingkit.errors import NotFoundError, WorkflowError
from fieldingkit.events import QuotaFillRegistered, TargetGroupUpdated, Waker
from fieldingkit.resources.fielding_runs import GetFieldingRun
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.workflows import ensure_status, wait_for_status

RARELY = PollPolicy(first_delay=3600, min_interval=0.0, max_interval=3600)


def event_of(project_id: str | None) -> TargetGroupUpdated:
    """An event that something in a project was changed."""
    return TargetGroupUpdated(
        id="e1",
        name="target-group-updated",
        type="com.cint.target-group.updated",
        time=datetime.now(UTC),
        data={},
        project_id=project_id,
    )


async def heard(sandbox: Sandbox, requests: int) -> None:
    """Let the loop turn until so many requests have come."""
    async with asyncio.timeout(10):
        while len(sandbox.requests) < requests:
            await asyncio.sleep(0)


async def test_an_event_ends_the_wait_for_a_job(sandbox: Sandbox, make_client: MakeClient) -> None:
    """A job that would be looked at in an hour is looked at when an event of its project comes."""
    client, waker = make_client(poll=RARELY), Waker()
    project = sandbox.seed(live=2)
    waiting = asyncio.create_task(
        client.run(
            batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()), None, waker=waker
        )
    )
    await heard(sandbox, 1)
    sandbox.clock.advance(5)
    async with asyncio.timeout(10):
        while not waiting.done():
            waker.wake(event_of(project.id))
            await asyncio.sleep(0)
    assert (await waiting).ok


async def test_events_of_others_wake_nobody(sandbox: Sandbox, make_client: MakeClient) -> None:
    """An event of another project, or of another kind, brings nothing forward."""
    client, waker = make_client(poll=RARELY), Waker()
    project, other = sandbox.seed(live=1), sandbox.seed(live=1)
    job = await client.submit(batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()))
    waiting = asyncio.create_task(job.wait(None, waker=waker))
    await asyncio.sleep(0)
    waker.wake(event_of(other.id))
    waker.wake(event_of(None))
    waker.wake(
        QuotaFillRegistered(
            id="e2",
            name="quota-fill-registered",
            type="com.cint.quota.fill.registered",
            time=datetime.now(UTC),
            data={},
        )
    )
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(sandbox.requests) == 1
    waiting.cancel()


async def test_a_lost_event_costs_only_the_interval(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient
) -> None:
    """Without any event the job is found by the usual looks."""
    client = make_client(clock=sandbox_clock)
    project = sandbox.seed(live=1)
    command = batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())
    assert (await client.run(command, waker=Waker())).ok


async def test_nobody_listens_after_the_wait(sandbox: Sandbox, client: AsyncClient) -> None:
    """When the wait is over the wake holds on to nothing."""
    waker = Waker()
    project = sandbox.seed(live=1)
    await client.run(batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()), waker=waker)
    assert not waker._listeners


def reading(sandbox: Sandbox, **counts: int) -> GetFieldingRun:
    """The command that reads the run of one new target group."""
    project = sandbox.seed(**counts)
    group = project.groups[0]
    assert group.run is not None
    return GetFieldingRun(project_id=project.id, target_group_id=group.id, fielding_run_id=group.run.id)


async def test_a_scheduled_run_is_awaited(sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient) -> None:
    """A run that becomes live by itself is awaited, and nothing is done to it."""
    client, read = make_client(clock=sandbox_clock), reading(sandbox, scheduled=1, starts_in=600)
    run = await wait_for_status(client, read, "live", timeout=3600.0)
    assert run.status == "live"
    assert {request.method for request in sandbox.requests} == {"GET"}


async def test_a_run_that_does_not_come_is_said(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient
) -> None:
    """After the time the error says where the run still is."""
    client, read = make_client(clock=sandbox_clock), reading(sandbox, paused=1)
    with pytest.raises(WorkflowError, match="still paused after 30 s, not live"):
        await wait_for_status(client, read, "live", timeout=30)


async def test_an_event_brings_a_run_forward(sandbox: Sandbox, make_client: MakeClient) -> None:
    """A run whose next look would be later is read when an event comes."""
    waker = Waker()
    client, read = make_client(), reading(sandbox, scheduled=1, starts_in=600)
    waiting = asyncio.create_task(wait_for_status(client, read, "live", timeout=3600.0, waker=waker))
    await heard(sandbox, 1)
    sandbox.clock.advance(700)
    async with asyncio.timeout(10):
        while not waiting.done():
            await waker(event_of(read.project_id))
            await asyncio.sleep(0)
    assert (await waiting).status == "live"


async def test_an_action_can_be_confirmed(sandbox: Sandbox, client: AsyncClient) -> None:
    """With ``confirm`` the run is read after the action, and its fresh tag given."""
    read = reading(sandbox, live=1)
    outcome = await ensure_status(client, read, "paused", confirm=5)
    assert [request.method for request in sandbox.requests] == ["GET", "POST", "GET"]
    assert outcome.etag == (await client.send(read)).etag


async def test_a_failing_confirmation_does_not_hide_the_action(sandbox: Sandbox, client: AsyncClient) -> None:
    """When the action was done and cannot be confirmed, the error says that it may have been applied."""
    read = reading(sandbox, live=1)
    sandbox.faults.add("pause_fielding_run", _ThenUnreadable(sandbox))
    with pytest.raises(NotFoundError) as caught:
        await ensure_status(client, read, "paused", confirm=5)
    assert caught.value.maybe_applied


class _ThenUnreadable(faults.Fault):
    """Carry the action out, and let every read after it fail."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def inject(self, exchange: faults.Exchange) -> object:
        self._sandbox.faults.add("get_fielding_run", faults.Answer(404), times=None)
        return await exchange.proceed()
