"""as_completed: jobs in the order of their end, with few requests."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextvars import ContextVar
from itertools import pairwise
from typing import Any, cast

import pytest
from support.fake_clock import FakeClock, settle
from support.fixture_types import MakeClient
from support.sweep_simulation import CountingApi, make_groups, simulate, spread

from fieldingkit import AsyncClient, AsyncJob, JobEvent, PollPolicy
from fieldingkit.errors import ConfigurationError, JobError, JobFailedError
from fieldingkit.job_commands import JobStatus
from fieldingkit.jobs.scheduler import DurationEstimator, PollScheduler
from fieldingkit.resources.batch_jobs import BatchResult, PauseTargetGroups
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.transport.http import Call, Response
from fieldingkit.workflows import as_completed

POLL = "get_bulk_pause_target_groups_job"


async def submit(client: AsyncClient, sandbox: Sandbox, count: int) -> list[AsyncJob[BatchResult]]:
    """A number of jobs, submitted one after the other."""
    return [
        await client.submit(PauseTargetGroups(project_id=project.id, target_group_ids=tuple(project.ids())))
        for project in (sandbox.seed(live=1) for _ in range(count))
    ]


async def submit_all(client: AsyncClient, api: CountingApi) -> Sequence[AsyncJob[BatchResult]]:
    """A job for each project of a simulated API, all submitted at once."""
    return await asyncio.gather(
        *(
            client.submit(PauseTargetGroups(project_id=project_id, target_group_ids=tuple(ids)))
            for project_id, ids in api.groups.items()
        )
    )


async def test_every_job_is_yielded_once_after_its_end(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Each job is yielded once, and awaiting it then makes no request."""
    jobs = await submit(sweep_client, sandbox, 5)

    ended = [job async for job in as_completed([*jobs, jobs[0]])]

    assert set(ended) == set(jobs)
    assert len(ended) == 5
    asked = len(sandbox.requests)
    assert [(await job).ok for job in ended] == [True] * 5
    assert len(sandbox.requests) == asked


async def test_ended_jobs_are_yielded_without_a_request(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A job that is known to have ended is yielded without a request."""
    (job,) = await submit(sweep_client, sandbox, 1)
    await job
    asked = len(sandbox.requests)

    assert [item async for item in as_completed([job])] == [job]
    assert len(sandbox.requests) == asked


async def test_empty_list_yields_nothing(sweep_client: AsyncClient) -> None:
    """An empty list of jobs is not an error."""
    assert [job async for job in as_completed(list[AsyncJob[BatchResult]]())] == []


async def test_failed_job_does_not_stop_the_others(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A failed job and a job that is gone are yielded like any other; awaiting them raises."""
    jobs = await submit(sweep_client, sandbox, 4)
    failed = {"job_id": jobs[1].id, "status": "Failed", "created_at": "2026-11-21T12:00:00.000Z"}
    sandbox.faults.add(POLL, faults.JobGone(410))
    sandbox.faults.add(POLL, faults.Answer(200, failed))

    kinds: list[str] = []
    async for job in as_completed(jobs, max_concurrency=1):
        try:
            kinds.append((await job).status)
        except JobError as exc:
            kinds.append(type(exc).__name__)

    assert sorted(kinds) == ["Completed", "Completed", "JobFailedError", "JobGoneError"]


async def test_leaving_the_loop_leaves_nothing_behind(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Leaving the loop leaves no task behind but polls in flight, which end by themselves."""
    jobs = await submit(sweep_client, sandbox, 3)
    sandbox.faults.add(POLL, faults.StuckJob(), times=2)

    ended = as_completed(jobs)
    async for _ in ended:
        break
    await ended.aclose()
    if in_flight := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(in_flight)
    requests = len(sandbox.requests)
    await settle()

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(sandbox.requests) == requests


async def test_cancelled_loop_names_the_jobs_that_it_waited_for(make_client: MakeClient) -> None:
    """A cancelled as_completed carries the token of each job that was not yielded yet."""
    with Sandbox(job_seconds=0.0) as sandbox:
        client = make_client(base_url=sandbox.url, auth=sandbox.token, poll=PollPolicy(first_delay=0.0))
        jobs = await submit(client, sandbox, 3)
        sandbox.faults.add(POLL, faults.StuckJob(), times=2)
        yielded: list[AsyncJob[BatchResult]] = []

        async def wait() -> None:
            async for job in as_completed(jobs, max_concurrency=1):
                yielded.append(job)  # noqa: PERF401  # seen before the end

        task = asyncio.create_task(wait())
        while not yielded:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task

    waited_for = [job for job in jobs if job not in yielded]
    assert len(waited_for) == len(caught.value.__notes__) == 2
    assert all(job.token() in note for job, note in zip(waited_for, caught.value.__notes__, strict=True))


class SlowJob:
    """A running job with one poll, which the test ends."""

    ended, next_poll_at = False, 0.0

    def __init__(self) -> None:
        self.polled = asyncio.Event()
        self.polls = 0

    async def watch(self) -> AsyncIterator[JobEvent]:
        """Yield one event when the test says so."""
        self.polls += 1
        await self.polled.wait()
        yield JobEvent(status=JobStatus.PROCESSING, polls=1, elapsed=0.0)


async def test_closing_in_the_moment_a_poll_ends(clock: FakeClock) -> None:
    """A poll that ended just before the scheduler is closed leads to no other poll."""
    scheduler, job = PollScheduler(clock, polls_at_once=1), SlowJob()
    scheduler.add(cast("AsyncJob[BatchResult]", job), print)
    await settle()

    job.polled.set()
    await asyncio.sleep(0)
    await scheduler.aclose()
    await settle()

    assert (job.polls, clock.pending) == (1, 0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_polls_run_in_the_context_of_the_scheduler(clock: FakeClock) -> None:
    """A poll has the context variables of the scheduler's creator, not those of the task that added the job."""
    variable: ContextVar[str] = ContextVar("variable", default="scheduler")
    seen: list[str] = []

    class Job(SlowJob):
        async def watch(self) -> AsyncIterator[JobEvent]:
            seen.append(variable.get())
            async for event in super().watch():
                yield event

    scheduler = PollScheduler(clock, polls_at_once=1)

    async def add() -> None:
        variable.set("task")
        scheduler.add(cast("AsyncJob[BatchResult]", Job()), print)

    await asyncio.create_task(add())
    await settle()
    await scheduler.aclose()

    assert seen == ["scheduler"]


@pytest.mark.parametrize("max_concurrency", [0, -1, 1.5, "8"])
async def test_impossible_concurrency_is_refused(
    sweep_client: AsyncClient, sandbox: Sandbox, max_concurrency: Any
) -> None:
    """A concurrency that is not an integer of at least 1 is refused."""
    with pytest.raises(ConfigurationError, match="max_concurrency must be an integer"):
        await anext(as_completed(await submit(sweep_client, sandbox, 1), max_concurrency=max_concurrency))


async def test_failed_poll_does_not_fail_its_job(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The tolerance for failed polls holds in as_completed, too."""
    jobs = await submit(sweep_client, sandbox, 2)
    sandbox.faults.add(POLL, faults.TruncatedJson(), times=3)

    assert [(await job).ok async for job in as_completed(jobs)] == [True, True]


async def test_lost_job_is_yielded_and_raises_without_a_request(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A job that cannot be polled is yielded; awaiting it raises the error once, and then polls again."""
    (job,) = await submit(sweep_client, sandbox, 1)
    sandbox.faults.add(POLL, faults.Answer(403))
    async for lost in as_completed([job]):
        requests = len(sandbox.requests)
        with pytest.raises(JobError):
            await lost
        assert len(sandbox.requests) == requests
        assert not lost.ended
        assert (await lost).ok


async def test_retry_after_delays_only_its_own_job(make_client: MakeClient) -> None:
    """Retry-After delays the next poll of its own job; other jobs are polled meanwhile."""
    with Sandbox(job_seconds=0.0) as sandbox:
        client = make_client(base_url=sandbox.url, auth=sandbox.token, poll=PollPolicy(first_delay=0.0))
        jobs = await submit(client, sandbox, 3)
        running = {"job_id": jobs[0].id, "status": "Processing", "created_at": "2026-11-21T12:00:00.000Z"}
        sandbox.faults.add(POLL, faults.Answer(200, running, headers={"Retry-After": "100"}))

        ended = as_completed(jobs, max_concurrency=1)
        assert {await anext(ended), await anext(ended)} == set(jobs[1:])
        await ended.aclose()

        assert jobs[0].next_poll_at - client.clock.now() > 90


def test_slow_jobs_do_not_starve_fast_ones() -> None:
    """With more slow jobs than concurrent polls, fast jobs are still yielded at their end."""
    durations = iter([*[1000.0] * 20, *[1.0] * 20])
    api = CountingApi(make_groups(40, 40), lambda _: next(durations))

    async def work(client: AsyncClient) -> list[float]:
        moments: list[float] = []
        async for job in as_completed(await submit_all(client, api), max_concurrency=4):
            await job
            moments.append(client.clock.now())
        return moments

    moments, _ = simulate(api, work)

    assert moments[19] < 3.0
    assert moments[20] >= 1000.0
    assert moments[-1] < 1500.0


def test_concurrent_polls_are_limited() -> None:
    """300 jobs that end at the same moment are polled at most max_concurrency at a time."""
    api = CountingApi(make_groups(300, 300), lambda _: 1.0, latency=0.1)

    async def work(client: AsyncClient) -> float:
        jobs = await submit_all(client, api)
        begun = client.clock.now()
        assert [(await job).ok async for job in as_completed(jobs, max_concurrency=10)] == [True] * 300
        return client.clock.now() - begun

    took, _ = simulate(api, work)

    # 10 at a time take 0.1 s each; the polls of the first second come too early.
    assert 3.0 <= took < 4.5
    assert api.counts["poll"] <= 410


def test_jobs_of_very_different_duration_are_found_soon() -> None:
    """Jobs of 0.5 to 500 s are found soon after their end, with fewer than 12 polls each."""
    api = CountingApi(make_groups(200, 200), spread(0.5, 500.0))

    async def work(client: AsyncClient) -> list[float]:
        begun = client.clock.now()
        jobs = await submit_all(client, api)
        late: list[float] = []
        async for job in as_completed(jobs):
            ended = api.jobs[job.id].ends - begun
            late.append((client.clock.now() - begun) / ended)
        return late

    late, _ = simulate(api, work)

    assert sum(late) / len(late) < 1.5
    assert api.counts["poll"] / 200 < 12


async def test_failed_job_raises_the_error_of_a_wait(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Awaiting a yielded job that failed raises the error that a wait raises."""
    (job,) = await submit(sweep_client, sandbox, 1)
    failed = {"job_id": job.id, "status": "Failed", "created_at": "2026-11-21T12:00:00.000Z"}
    sandbox.faults.add(POLL, faults.Answer(200, failed))

    async for ended in as_completed([job]):
        with pytest.raises(JobFailedError, match=f"job {job.id} failed") as caught:
            await ended
        assert caught.value.token == job.token()


async def end_times(client: AsyncClient, jobs: Sequence[AsyncJob[BatchResult]], *, wanted: int) -> list[float]:
    """The times at which a scheduler with an estimator finds the first ends, in seconds since its start."""
    begun, ended = client.clock.now(), asyncio.Queue[float]()
    scheduler = PollScheduler(
        client.clock, polls_at_once=16, estimator=DurationEstimator(), choose=random.Random(20261126).randrange
    )
    for job in jobs:
        scheduler.add(job, lambda _: ended.put_nowait(client.clock.now() - begun))
    times = [await ended.get() for _ in range(wanted)]
    await scheduler.aclose()
    return times


@pytest.mark.parametrize("stuck", [20, 80, 100])
def test_stuck_jobs_do_not_starve_the_others(stuck: int) -> None:
    """Stuck jobs that were submitted first delay the polls of the other jobs by little."""
    durations = iter([*[100_000.0] * stuck, *[1.0] * (120 - stuck)])
    api = CountingApi(make_groups(120, 120), lambda _: next(durations))

    async def work(client: AsyncClient) -> list[float]:
        return await end_times(client, await submit_all(client, api), wanted=120 - stuck)

    times, _ = simulate(api, work)

    assert max(times) < 30.0


def test_stuck_jobs_do_not_stretch_a_known_duration() -> None:
    """Jobs that never end do not move the estimate far beyond the ages at which others ended."""
    estimator = DurationEstimator()
    estimator.job_ended(10.0, expected=0.0, polled_before=False)
    for _ in range(100):
        estimator.job_running(estimator.expected, added=0.0, expected=estimator.expected, polled_before=False)
    assert estimator.expected <= 15.0


def test_hung_poll_does_not_delay_the_others() -> None:
    """A poll that hangs while no duration is known delays the polls of the other jobs by about a second."""
    api = CountingApi(make_groups(20, 20), lambda _: 0.5)
    hung = asyncio.Event()

    class HangingApi(CountingApi):
        async def __call__(self, call: Call) -> Response:
            response = await super().__call__(call)
            if call.request.method == "GET" and not hung.is_set():
                hung.set()
                await asyncio.sleep(25)
            return response

    api.__class__ = HangingApi

    async def work(client: AsyncClient) -> list[float]:
        return await end_times(client, await submit_all(client, api), wanted=19)

    times, _ = simulate(api, work)

    assert max(times) < 3.0


def test_no_poll_comes_later_than_max_interval() -> None:
    """However long the estimate has grown, a job is polled max_interval after its start and its last poll."""
    durations = iter([2000.0, 2000.0, 5.0])
    api = CountingApi(make_groups(3, 3), lambda _: next(durations))

    async def work(client: AsyncClient) -> float:
        slow = await submit_all(client, api)
        return max(await end_times(client, slow[:2], wanted=2))

    found, _ = simulate(api, work, poll=PollPolicy(max_interval=60.0))

    polls = [arrival for arrival in api.arrivals if arrival > 0]
    assert found < 2000.0 + 61.0
    assert max(later - sooner for sooner, later in pairwise(polls)) <= 61.0
