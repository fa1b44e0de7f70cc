"""The poller in virtual time: its last poll, and 10,000 jobs at once."""

import asyncio
import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from support.virtual_loop import LoopClock, run_virtually

from fieldingkit import PollPolicy
from fieldingkit.idempotency import RetrySafety
from fieldingkit.job_commands import JobStatus
from fieldingkit.jobs.poller import Poller, PollerGroup, PollResult
from fieldingkit.resources.fielding_jobs import FieldingJobResult
from fieldingkit.transport.http import Call, Request, Response
from fieldingkit.transport.rate_limit import RateLimiter

JOBS = 10_000
RATE = 400.0
RUNNING = FieldingJobResult(job_id="1", status=JobStatus.PROCESSING)
COMPLETED = FieldingJobResult(job_id="1", status=JobStatus.COMPLETED)
READ = Request("GET", "/", headers={}, body=None, operation_id="", template="", retry_safety=RetrySafety.READ)


@pytest.fixture(autouse=True)
def seeded_random() -> Iterator[None]:
    """The same random numbers in each run."""
    state = random.getstate()
    random.seed(20261121)
    yield
    random.setstate(state)


class Task:
    """A job that takes a number of seconds of the loop's time."""

    def __init__(self, seconds: float) -> None:
        self.clock = LoopClock()
        self.end = self.clock.now() + seconds
        self.polls: list[float] = []

    async def poll(self) -> PollResult:
        """Poll the job."""
        self.polls.append(self.clock.now())
        ended = self.clock.now() >= self.end
        return PollResult(COMPLETED if ended else RUNNING, ended)

    @property
    def poller(self) -> Poller:
        """A poller of the job, with the default policy."""
        return Poller(self.poll, PollerGroup(PollPolicy(), self.clock))


def poll_times(seconds: float) -> list[float]:
    """The times of the polls of a job that takes a number of seconds, since its start."""

    async def work() -> list[float]:
        task = Task(seconds)
        await task.poller.wait()
        return task.polls

    return run_virtually(work())


def test_first_poll_after_the_end_is_the_last() -> None:
    """The first poll after the end is the last one."""
    polls = poll_times(10.0)
    assert [time >= 10.0 for time in polls] == [False] * (len(polls) - 1) + [True]


def test_ten_thousand_jobs_share_the_rate() -> None:
    """Ten thousand jobs together stay within the rate, and a job whose polls hang delays no other."""
    policy = PollPolicy(first_delay=60.0, min_interval=15.0)
    departures: list[float] = []

    async def answer(call: Call) -> Response:
        departures.append(call.clock.now())
        return Response(200, {}, b"")

    async def work() -> list[float]:
        limits = RateLimiter(answer, RATE)

        class Limited(Task):
            def __init__(self, number: int) -> None:
                super().__init__(60.0 + 60.0 * number / JOBS)
                self.slow = number % 100 == 0

            async def poll(self) -> PollResult:
                await limits(Call(READ, clock=self.clock))
                await asyncio.sleep(1000.0 * self.slow)
                return await super().poll()

        async def lateness(number: int) -> float:
            task = Limited(number)
            await Poller(task.poll, PollerGroup(policy, task.clock)).wait()
            return 0.0 if task.slow else task.polls[-1] - task.end

        return await asyncio.gather(*map(lateness, range(JOBS)))

    late = run_virtually(work())

    assert all(later - sooner > 0.999 / RATE for sooner, later in pairwise(departures))
    assert max(late) < JOBS / RATE + 1.5 * 15.0
