"""The cost of a sweep in requests, time and memory, in virtual time."""

import asyncio
import random
import tracemalloc
from collections.abc import Iterator

import pytest
from support.sweep_simulation import CountingApi, make_groups, simulate, spread

from fieldingkit import AsyncClient
from fieldingkit.sweeps import SweepPlan, SweepReport, sweep


@pytest.fixture(autouse=True)
def seeded_random() -> Iterator[None]:
    """Make the random choices of the poll scheduler the same in each run."""
    state = random.getstate()
    random.seed(20261126)
    yield
    random.setstate(state)


def sweep_all(
    api: CountingApi,
    *,
    check_status_first: bool,
    rate: float | None = 20.0,
    verify: bool = False,
) -> tuple[SweepReport, float]:
    """Pause all target groups of a simulated API."""
    plan = SweepPlan(action="pause", target_groups=api.groups, check_status_first=check_status_first)

    async def work(client: AsyncClient) -> SweepReport:
        return await sweep(client, plan, verify=verify)

    return simulate(api, work, rate=rate)


@pytest.mark.parametrize("check_status_first", [True, False])
@pytest.mark.parametrize("seconds", [0.0, 0.2, 1.0, 3.0, 10.0, 30.0])
def test_3000_target_groups_take_few_requests_and_little_time(seconds: float, *, check_status_first: bool) -> None:
    """At 20 requests/s: at most 1.3 times the requests and 1.15 times the time, for any job duration."""
    api = CountingApi(make_groups(3000, 40), lambda _: seconds)

    report, took = sweep_all(api, check_status_first=check_status_first)

    least = 2 * 40 + (40 if check_status_first else 0)
    assert tuple(report.counts) == (3000, 0, 0, 0, 0, 0)
    assert api.counts["create"] == 40
    assert api.requests <= 1.3 * least
    assert took <= 1.15 * api.bound(20.0)
    assert api.busiest_second <= 21


@pytest.mark.parametrize("seconds", [0.2, 1.0])
@pytest.mark.parametrize("latency", [0.02, 0.2])
def test_short_jobs_take_hardly_more_than_the_bound(seconds: float, latency: float) -> None:
    """Each job is polled once, and slow responses leave the line idle for little more than one of them."""
    api = CountingApi(make_groups(3000, 40), lambda _: seconds, latency=latency)

    _, took = sweep_all(api, check_status_first=True)

    assert api.requests <= 121
    assert took <= (1.03 if latency < 0.1 else 1.05) * api.bound(20.0)


@pytest.mark.parametrize("seconds", [3.0, 5.0, 10.0, 30.0])
def test_slow_responses_hardly_delay_the_end_of_equal_jobs(seconds: float) -> None:
    """The first end is found soon, and the others follow at the rate."""
    api = CountingApi(make_groups(3000, 40), lambda _: seconds, latency=0.2)

    _, took = sweep_all(api, check_status_first=True)

    assert took <= 1.1 * api.bound(20.0)
    assert api.requests <= 1.3 * 120


@pytest.mark.parametrize("seed", range(5))
def test_the_last_of_very_different_jobs_are_found_soon(seed: int) -> None:
    """While nothing else is sent, the few jobs that are left are polled closely: 1.08 times the time for 2 to 60 s."""
    random.seed(seed)
    api = CountingApi(make_groups(3000, 40), spread(2.0, 60.0), seed=seed)

    _, took = sweep_all(api, check_status_first=True)

    assert took <= 1.08 * api.bound(20.0)
    assert api.requests <= 3 * 120


def test_verification_adds_one_list_for_each_project() -> None:
    """Nothing else is added to the requests of a sweep without faults."""
    without, with_ = (CountingApi(make_groups(3000, 40), lambda _: 1.0) for _ in range(2))

    sweep_all(without, check_status_first=True)
    report, _ = sweep_all(with_, check_status_first=True, verify=True)

    assert report.ok
    assert with_.counts["list"] == without.counts["list"] + 40
    assert with_.counts["create"] == without.counts["create"]


def test_jobs_of_different_durations_stay_within_the_budget() -> None:
    """Durations from 0.5 to 3 s take at most 1.3 times the requests and 1.25 times the time."""
    api = CountingApi(make_groups(3000, 40), spread(0.5, 3.0))

    _, took = sweep_all(api, check_status_first=True)

    assert api.requests <= 1.3 * 120
    assert took <= 1.25 * api.bound(20.0)


@pytest.mark.parametrize("rate", [0.2, 2.0, 200.0])
def test_every_rate_limit_is_kept(rate: float) -> None:
    """Requests do not exceed their deadline in the queue, even at a rate of one request in five seconds."""
    api = CountingApi(make_groups(300, 30))

    report, took = sweep_all(api, check_status_first=True, rate=rate)

    assert tuple(report.counts) == (300, 0, 0, 0, 0, 0)
    assert api.busiest_second <= rate + 1
    assert took <= 1.15 * api.bound(rate) + 0.5


def test_100000_target_groups_stay_within_the_budget() -> None:
    """A thousand projects take at most 1.05 times the requests and the time."""
    api = CountingApi(make_groups(100_000, 1_000), lambda _: 5.0)

    report, took = sweep_all(api, check_status_first=False)

    assert tuple(report.counts) == (100_000, 0, 0, 0, 0, 0)
    assert api.requests <= 1.05 * 2_000
    assert took <= 1.05 * api.bound(20.0)


def test_memory_grows_linearly_with_the_target_groups() -> None:
    """A target group takes less than 2 KiB, plan and report included."""

    def peak(groups: int, projects: int) -> float:
        api = CountingApi(make_groups(groups, projects))
        tracemalloc.start()
        sweep_all(api, check_status_first=False)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most / groups

    small, large = peak(1_000, 10), peak(8_000, 80)

    assert large < 1.1 * small
    assert large < 2048


def test_two_sweeps_of_one_client_share_its_rate() -> None:
    """Two concurrent sweeps take as long as one of the same size, and finish together."""
    api = CountingApi(make_groups(2000, 40))
    halves = [dict(list(api.groups.items())[start::2]) for start in (0, 1)]

    async def work(client: AsyncClient) -> list[tuple[SweepReport, float]]:
        async def one(groups: dict[str, list[str]]) -> tuple[SweepReport, float]:
            plan = SweepPlan(action="pause", target_groups=groups, check_status_first=False)
            report = await sweep(client, plan, verify=False)
            return report, client.clock.now()

        return await asyncio.gather(*map(one, halves))

    both, took = simulate(api, work, rate=20.0)

    assert [report.counts.updated for report, _ in both] == [1000, 1000]
    assert api.busiest_second <= 21
    assert api.requests <= 1.3 * 80
    assert took <= 1.15 * api.bound(20.0)
    assert abs(both[0][1] - both[1][1]) < 1.0
