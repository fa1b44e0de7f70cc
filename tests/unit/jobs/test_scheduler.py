"""Many jobs at once: as they end, with few requests, and none in the way of another."""

import asyncio
from collections.abc import Sequence

import pytest
from support.fixture_types import MakeClient
from support.fleet_simulation import CountingApi, fleet_of, simulate, spread

from fieldingkit import AsyncClient, AsyncJob, PollPolicy
from fieldingkit.errors import ConfigurationError, JobError, JobFailedError
from fieldingkit.resources.batch_jobs import BatchResult, PauseTargetGroups
from fieldingkit.sandbox import Sandbox, faults
from fieldingkit.workflows import as_completed

CREATE, LOOK = "create_bulk_pause_target_groups_job", "get_bulk_pause_target_groups_job"


async def submit(client: AsyncClient, sandbox: Sandbox, count: int) -> list[AsyncJob[BatchResult]]:
    """So many jobs, one after the other."""
    return [
        await client.submit(PauseTargetGroups(project_id=project.id, target_group_ids=tuple(project.ids())))
        for project in (sandbox.seed(live=1) for _ in range(count))
    ]


async def submit_all(client: AsyncClient, api: CountingApi) -> Sequence[AsyncJob[BatchResult]]:
    """A job for each project of a simulated fleet, all at once."""
    return await asyncio.gather(
        *(
            client.submit(PauseTargetGroups(project_id=project_id, target_group_ids=tuple(ids)))
            for project_id, ids in api.fleet.items()
        )
    )


async def test_every_job_comes_once_and_has_ended(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """Awaiting it then takes no request."""
    jobs = await submit(sweep_client, sandbox, 5)

    ended = [job async for job in as_completed([*jobs, jobs[0]])]

    assert set(ended) == set(jobs)
    assert len(ended) == 5
    asked = len(sandbox.requests)
    assert [(await job).ok for job in ended] == [True] * 5
    assert len(sandbox.requests) == asked


async def test_jobs_that_have_ended_before_come_without_a_request(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """What is known need not be asked."""
    (job,) = await submit(sweep_client, sandbox, 1)
    await job
    asked = len(sandbox.requests)

    assert [item async for item in as_completed([job])] == [job]
    assert len(sandbox.requests) == asked


async def test_no_jobs_are_no_loop(sweep_client: AsyncClient) -> None:
    """An empty list is not an error."""
    assert [job async for job in as_completed(list[AsyncJob[BatchResult]]())] == []


async def test_one_that_fails_does_not_stop_the_others(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A job that is gone, and one that failed, come like any other; their errors are theirs."""
    jobs = await submit(sweep_client, sandbox, 4)
    failed = {"job_id": jobs[1].id, "status": "Failed", "created_at": "2026-11-21T12:00:00.000Z"}
    sandbox.faults.add(LOOK, faults.JobGone(410))
    sandbox.faults.add(LOOK, faults.Answer(200, failed))

    kinds: list[str] = []
    async for job in as_completed(jobs, max_concurrency=1):
        try:
            kinds.append((await job).status)
        except JobError as exc:
            kinds.append(type(exc).__name__)

    assert sorted(kinds) == ["Completed", "Completed", "JobFailedError", "JobGoneError"]


async def test_leaving_the_loop_leaves_nothing_behind(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """No task, no look; the jobs go on."""
    jobs = await submit(sweep_client, sandbox, 3)
    sandbox.faults.add(LOOK, faults.StuckJob(), times=2)

    ended = as_completed(jobs)
    async for _ in ended:
        break
    await ended.aclose()

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_at_least_one_job_must_be_looked_at(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """A loop that never looks would never end."""
    with pytest.raises(ConfigurationError, match="max_concurrency must be at least 1"):
        await anext(as_completed(await submit(sweep_client, sandbox, 1), max_concurrency=0))


async def test_a_failing_look_does_not_fail_its_job(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The poller's tolerance holds here as well."""
    jobs = await submit(sweep_client, sandbox, 2)
    sandbox.faults.add(LOOK, faults.TruncatedJson(), times=3)

    assert [(await job).ok async for job in as_completed(jobs)] == [True, True]


async def test_what_the_api_asks_for_is_heeded(make_client: MakeClient) -> None:
    """A Retry-After on a look says when the next one is due; other jobs are looked at meanwhile."""
    with Sandbox(job_seconds=0.0) as sandbox:
        client = make_client(base_url=sandbox.url, auth=sandbox.token, poll=PollPolicy(first_delay=0.0))
        jobs = await submit(client, sandbox, 3)
        patience = {"job_id": jobs[0].id, "status": "Processing", "created_at": "2026-11-21T12:00:00.000Z"}
        sandbox.faults.add(LOOK, faults.Answer(200, patience, headers={"Retry-After": "100"}))

        ended = as_completed(jobs, max_concurrency=1)
        assert {await anext(ended), await anext(ended)} == set(jobs[1:])
        await ended.aclose()

        assert jobs[0].next_poll_at - client.clock.now() > 90


def test_one_slow_job_starves_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """More slow jobs than may be looked at in one moment, and the quick ones come when they end all the same."""
    durations = iter([*[1000.0] * 20, *[1.0] * 20])
    api = CountingApi(fleet_of(40, 40), lambda _: next(durations))

    async def work(client: AsyncClient) -> list[float]:
        moments: list[float] = []
        async for job in as_completed(await submit_all(client, api), max_concurrency=4):
            await job
            moments.append(client.clock.now())
        return moments

    moments, _ = simulate(monkeypatch, api, work)

    assert moments[19] < 3.0
    assert moments[20] >= 1000.0
    assert moments[-1] < 1500.0


def test_no_more_looks_at_once_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand jobs that all end at the same moment are looked at a few at a time."""
    api = CountingApi(fleet_of(300, 300), lambda _: 1.0, latency=0.1)

    async def work(client: AsyncClient) -> float:
        jobs = await submit_all(client, api)
        begun = client.clock.now()
        assert [(await job).ok async for job in as_completed(jobs, max_concurrency=10)] == [True] * 300
        return client.clock.now() - begun

    took, _ = simulate(monkeypatch, api, work)

    # Ten at a time, a tenth of a second each; those of the first second are in vain.
    assert 3.0 <= took < 4.5
    assert api.counts["look"] <= 410


def test_jobs_of_very_different_length_are_all_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is nothing to learn the looks are more, but not many more, and nobody is overlooked for long."""
    api = CountingApi(fleet_of(200, 200), spread(0.5, 500.0))

    async def work(client: AsyncClient) -> list[float]:
        begun = client.clock.now()
        jobs = await submit_all(client, api)
        late: list[float] = []
        async for job in as_completed(jobs):
            ended = api.jobs[job.id].ends - begun
            late.append((client.clock.now() - begun) / ended)
        return late

    late, _ = simulate(monkeypatch, api, work)

    assert sum(late) / len(late) < 1.5
    assert api.counts["look"] / 200 < 12


async def test_failed_jobs_raise_what_waiting_for_them_raises(sweep_client: AsyncClient, sandbox: Sandbox) -> None:
    """The same error, with the same facts."""
    (job,) = await submit(sweep_client, sandbox, 1)
    failed = {"job_id": job.id, "status": "Failed", "created_at": "2026-11-21T12:00:00.000Z"}
    sandbox.faults.add(LOOK, faults.Answer(200, failed))

    async for ended in as_completed([job]):
        with pytest.raises(JobFailedError, match=f"job {job.id} failed") as caught:
            await ended
        assert caught.value.token == job.token()
