"""Waker: an event brings the next poll forward, and state is always read from the API."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import pytest
from support.fake_clock import FakeClock
from support.fixture_types import MakeClient

from fieldingkit import AsyncClient, PollPolicy, batch_jobs
from fieldingkit.errors import ConfigurationError, NotFoundError, WorkflowError
from fieldingkit.events import QuotaFillRegistered, TargetGroupUpdated, Waker
from fieldingkit.resources.fielding_runs import GetFieldingRun
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.workflows import ensure_status, wait_for_status

RARELY = PollPolicy(first_delay=3600, min_interval=0.0, max_interval=3600)


def event_of(project_id: str | None) -> TargetGroupUpdated:
    """An event that reports a change in a project."""
    return TargetGroupUpdated(
        id="e1",
        name="target-group-updated",
        type="com.cint.target-group.updated",
        time=datetime.now(UTC),
        data={},
        project_id=project_id,
    )


async def received(sandbox: Sandbox, requests: int) -> None:
    """Wait until the sandbox has received a number of requests."""
    async with asyncio.timeout(60):
        while len(sandbox.requests) < requests:
            await asyncio.sleep(0)


async def test_event_brings_a_poll_forward(sandbox: Sandbox, make_client: MakeClient) -> None:
    """A job whose next poll is an hour away is polled when an event of its project arrives."""
    client, waker = make_client(poll=RARELY), Waker()
    project = sandbox.seed(live=2)
    waiting = asyncio.create_task(
        client.run(
            batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()), None, waker=waker
        )
    )
    await received(sandbox, 1)
    sandbox.clock.advance(5)
    async with asyncio.timeout(60):
        while not waiting.done():
            waker.wake(event_of(project.id))
            await asyncio.sleep(0)
    assert (await waiting).ok


async def test_other_events_bring_nothing_forward(sandbox: Sandbox, make_client: MakeClient) -> None:
    """An event of another project, or of another type, brings no poll forward."""
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


async def test_lost_event_costs_only_the_interval(
    sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient
) -> None:
    """Without any event, the regular polls find the end of the job."""
    client = make_client(clock=sandbox_clock)
    project = sandbox.seed(live=1)
    command = batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids())
    assert (await client.run(command, waker=Waker())).ok


async def test_waker_has_no_subscribers_after_the_wait(sandbox: Sandbox, client: AsyncClient) -> None:
    """A wait unsubscribes from the waker when it ends."""
    waker = Waker()
    project = sandbox.seed(live=1)
    await client.run(batch_jobs.PauseTargetGroups(project_id=project.id, target_group_ids=project.ids()), waker=waker)
    assert not waker._subscribers


def reading(sandbox: Sandbox, **counts: int) -> GetFieldingRun:
    """A command that reads the run of one new target group."""
    project = sandbox.seed(**counts)
    group = project.groups[0]
    assert group.run is not None
    return GetFieldingRun(project_id=project.id, target_group_id=group.id, fielding_run_id=group.run.id)


async def test_wait_for_a_scheduled_run(sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient) -> None:
    """wait_for_status waits until a scheduled run is live, and sends reads only."""
    client, read = make_client(clock=sandbox_clock), reading(sandbox, scheduled=1, starts_in=600)
    run = await wait_for_status(client, read, "live", timeout=3600.0)
    assert run.status == "live"
    assert {request.method for request in sandbox.requests} == {"GET"}


async def test_wait_for_status_times_out(sandbox: Sandbox, sandbox_clock: FakeClock, make_client: MakeClient) -> None:
    """The error of a timed-out wait names the status of the run."""
    client, read = make_client(clock=sandbox_clock), reading(sandbox, paused=1)
    with pytest.raises(WorkflowError, match="still paused after 30 s, not live"):
        await wait_for_status(client, read, "live", timeout=30)


async def test_wait_for_status_refuses_a_wrong_timeout(sandbox: Sandbox, client: AsyncClient) -> None:
    """A timeout that is not a number is refused before the run is read."""
    wrong: Any = "5"
    with pytest.raises(ConfigurationError, match="timeout"):
        await wait_for_status(client, reading(sandbox, live=1), "paused", timeout=wrong)
    assert list(sandbox.requests) == []


async def test_event_brings_a_read_of_the_run_forward(sandbox: Sandbox, make_client: MakeClient) -> None:
    """A run whose next read is later is read when an event of its project arrives."""
    waker = Waker()
    client, read = make_client(), reading(sandbox, scheduled=1, starts_in=600)
    waiting = asyncio.create_task(wait_for_status(client, read, "live", timeout=3600.0, waker=waker))
    await received(sandbox, 1)
    sandbox.clock.advance(700)
    async with asyncio.timeout(60):
        while not waiting.done():
            await waker(event_of(read.project_id))
            await asyncio.sleep(0)
    assert (await waiting).status == "live"


class EagerWaker(Waker):
    """A waker that reports an event as soon as someone subscribes."""

    def subscribe(self, project_id: str, callback: Callable[[], object]) -> AbstractContextManager[None]:
        """Subscribe, and call the subscriber."""
        asyncio.get_running_loop().call_soon(callback)
        return super().subscribe(project_id, callback)


async def test_events_do_not_bring_reads_closer_than_the_minimum(sandbox: Sandbox, client: AsyncClient) -> None:
    """However many events arrive, a run is read at most every half second."""
    with pytest.raises(WorkflowError):
        await wait_for_status(client, reading(sandbox, paused=1), "live", timeout=1.2, waker=EagerWaker())
    assert len(sandbox.requests) <= 4


async def test_action_is_confirmed_by_reading(sandbox: Sandbox, client: AsyncClient) -> None:
    """With confirm, the run is read after the action, and its new ETag is returned."""
    read = reading(sandbox, live=1)
    outcome = await ensure_status(client, read, "paused", confirm=5)
    assert [request.method for request in sandbox.requests] == ["GET", "POST", "GET"]
    assert outcome.etag == (await client.send(read)).etag


async def test_failed_confirmation_keeps_the_ambiguity(sandbox: Sandbox, client: AsyncClient) -> None:
    """The error of a failed confirmation says that the action may have been applied."""
    read = reading(sandbox, live=1)
    sandbox.faults.add("pause_fielding_run", _ThenUnreadable(sandbox))
    with pytest.raises(NotFoundError) as caught:
        await ensure_status(client, read, "paused", confirm=5)
    assert caught.value.maybe_applied


class _ThenUnreadable(faults.Fault):
    """Apply the action, and let every later read fail."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def inject(self, exchange: faults.Exchange) -> object:
        self._sandbox.faults.add("get_fielding_run", faults.Answer(404), times=None)
        return await exchange.proceed()


async def test_a_subscriber_of_all_projects_gets_the_project_of_each_event() -> None:
    """Also of projects that are not known yet; after the block it gets none."""
    waker, projects = Waker(), list[str]()
    with waker.subscribe_all(projects.append):
        waker.wake(event_of("a"))
        waker.wake(event_of(None))
        waker.wake(event_of("b"))
        await asyncio.sleep(0)
    waker.wake(event_of("c"))
    await asyncio.sleep(0)
    assert projects == ["a", "b"]
