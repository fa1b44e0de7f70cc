"""Duration estimates: the age at which jobs are polled, learned from the jobs before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.jobs.scheduler import DurationEstimator


def polls_until_found(estimator: DurationEstimator, duration: float) -> tuple[int, float]:
    """The number of polls of a job, and the age at which its end is found."""
    estimator.jobs += 1
    age, polls = max(estimator.expected, 0.1), 1
    while age < duration:
        age = max(
            estimator.job_running(age, added=0.0, expected=estimator.expected, polled_before=polls > 1), age + 0.1
        )
        if not estimator.known:
            age = max(age, estimator.expected)
        polls += 1
    estimator.job_ended(age, expected=estimator.expected, polled_before=polls > 1)
    estimator.jobs -= 1
    return polls, age


@given(st.floats(0.0, 3600.0))
def test_single_job_is_found_soon_with_few_polls(duration: float) -> None:
    """Intervals grow with the age, so that polls are few and the end is found soon."""
    polls, age = polls_until_found(DurationEstimator(), duration)

    assert polls <= 35
    assert age <= max(0.1, 1.5 * duration + 0.1)


@given(st.floats(0.2, 600.0))
def test_similar_jobs_need_one_poll_in_most_cases(duration: float) -> None:
    """Most jobs that take as long as earlier ones need a single poll."""
    estimator = DurationEstimator()
    for _ in range(30):
        polls_until_found(estimator, duration)

    found = [polls_until_found(estimator, duration) for _ in range(100)]

    assert sum(polls for polls, _ in found) <= 135
    assert sum(age for _, age in found) <= 1.25 * 100 * duration + 10


def test_estimate_follows_slower_and_faster_jobs() -> None:
    """The estimate grows when jobs become slower, and shrinks when they become faster."""
    estimator = DurationEstimator()
    for _ in range(50):
        polls_until_found(estimator, 1.0)

    slow = [polls_until_found(estimator, 20.0)[0] for _ in range(100)]
    assert sum(slow[50:]) <= 1.4 * 50

    quick = [polls_until_found(estimator, 1.0)[1] for _ in range(200)]
    assert quick[-1] < 2.0


def test_delayed_poll_does_not_change_the_estimate() -> None:
    """A poll that was delayed until long after the end does not shrink the estimate."""
    estimator = DurationEstimator()
    estimator.job_ended(10.0, expected=0.0, polled_before=False)
    expected = estimator.expected

    estimator.job_ended(50.0, expected=expected, polled_before=False)

    assert estimator.expected == expected


def test_concurrent_polls_change_the_estimate_once() -> None:
    """20 concurrent polls that come too early stretch the estimate by one step, not by 20."""
    estimator = DurationEstimator()
    estimator.job_ended(10.0, expected=0.0, polled_before=False)
    expected = estimator.expected

    for _ in range(20):
        estimator.job_running(expected, added=0.0, expected=expected, polled_before=False)

    assert estimator.expected == 1.12 * expected


def test_early_poll_is_repeated_at_the_age_when_others_ended() -> None:
    """A job that was polled shortly before the age at which others ended is polled again at that age."""
    estimator = DurationEstimator()
    estimator.job_ended(10.0, expected=0.0, polled_before=False)

    assert estimator.job_running(9.0, added=0.0, expected=9.0, polled_before=False) == 10.0
    assert estimator.job_running(9.9, added=0.0, expected=9.0, polled_before=True) == 9.9 * 1.1
    assert estimator.job_running(11.0, added=0.0, expected=9.0, polled_before=True) == 11.0 * 1.35


def test_many_jobs_estimate_in_finer_steps() -> None:
    """Early polls are shared among many jobs, so they may be more frequent for a better estimate."""
    few, many = DurationEstimator(), DurationEstimator()
    few.jobs, many.jobs = 1, 100

    assert few.job_running(10.0, added=0.0, expected=0.0, polled_before=False) == 14.0
    assert few.expected == 14.0
    many.job_running(10.0, added=0.0, expected=0.0, polled_before=False)
    assert many.expected == pytest.approx(11.3)


def test_an_old_job_that_never_ends_delays_no_job_that_is_much_younger() -> None:
    """While no job has ended, jobs of one generation share an estimate; a later one has its own."""
    estimator = DurationEstimator()
    estimator.job_running(40.0, added=0.0, expected=0.0, polled_before=False)
    assert estimator.applies_to(5.0)
    assert not estimator.applies_to(60.0)
    estimator.job_running(1.0, added=60.0, expected=0.0, polled_before=False)
    young = estimator.expected
    estimator.job_running(70.0, added=0.0, expected=young, polled_before=True)
    assert estimator.expected == young < 2.0
