"""When a job is worth a look: what one job teaches about the others."""

from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.jobs.scheduler import DurationEstimator


def looks_until_found(estimator: DurationEstimator, duration: float) -> tuple[int, float]:
    """How often a job is looked at, and the age at which its end is seen."""
    estimator.jobs += 1
    age, looks = max(estimator.expected, 0.1), 1
    while age < duration:
        age = max(estimator.goes_on(age, expected=estimator.expected, looked_before=looks > 1), age + 0.1)
        if not estimator.known:
            age = max(age, estimator.expected)
        looks += 1
    estimator.ended(age, expected=estimator.expected, looked_before=looks > 1)
    estimator.jobs -= 1
    return looks, age


@given(st.floats(0.0, 3600.0))
def test_a_single_job_is_found_soon_and_with_few_looks(duration: float) -> None:
    """The wait grows with the age, so that looks are few and the end is not overlooked for long."""
    looks, age = looks_until_found(DurationEstimator(), duration)

    assert looks <= 35
    assert age <= max(0.1, 1.5 * duration + 0.1)


@given(st.floats(0.2, 600.0))
def test_jobs_like_those_before_need_one_look_in_most_cases(duration: float) -> None:
    """What the first ones taught, the others need not find out again."""
    estimator = DurationEstimator()
    for _ in range(30):
        looks_until_found(estimator, duration)

    found = [looks_until_found(estimator, duration) for _ in range(100)]

    assert sum(looks for looks, _ in found) <= 135
    assert sum(age for _, age in found) <= 1.25 * 100 * duration + 10


def test_jobs_that_become_slower_are_not_looked_at_all_the_time() -> None:
    """The expectation follows them up, and down again."""
    estimator = DurationEstimator()
    for _ in range(50):
        looks_until_found(estimator, 1.0)

    slow = [looks_until_found(estimator, 20.0)[0] for _ in range(100)]
    assert sum(slow[50:]) <= 1.4 * 50

    quick = [looks_until_found(estimator, 1.0)[1] for _ in range(200)]
    assert quick[-1] < 2.0


def test_a_look_that_came_late_anyway_teaches_nothing() -> None:
    """A job that was held back until long after its end does not show that jobs are quick."""
    estimator = DurationEstimator()
    estimator.ended(10.0, expected=0.0, looked_before=False)
    expected = estimator.expected

    estimator.ended(50.0, expected=expected, looked_before=False)

    assert estimator.expected == expected


def test_looks_that_began_together_teach_once() -> None:
    """Twenty looks a moment too early do not make the next ones twenty steps too late."""
    estimator = DurationEstimator()
    estimator.ended(10.0, expected=0.0, looked_before=False)
    expected = estimator.expected

    for _ in range(20):
        estimator.goes_on(expected, expected=expected, looked_before=False)

    assert estimator.expected == 1.12 * expected


def test_a_look_that_was_a_little_too_early_is_repeated_when_others_had_ended() -> None:
    """Not a third later, when it is known better."""
    estimator = DurationEstimator()
    estimator.ended(10.0, expected=0.0, looked_before=False)

    assert estimator.goes_on(9.0, expected=9.0, looked_before=False) == 10.0
    assert estimator.goes_on(9.9, expected=9.0, looked_before=True) == 9.9 * 1.05
    assert estimator.goes_on(11.0, expected=9.0, looked_before=True) == 11.0 * 1.35


def test_many_jobs_find_out_together_in_finer_steps() -> None:
    """The looks in vain are shared, so there may be more of them for a better answer."""
    few, many = DurationEstimator(), DurationEstimator()
    few.jobs, many.jobs = 1, 100

    assert few.goes_on(10.0, expected=0.0, looked_before=False) == 14.0
    assert few.expected == 14.0
    many.goes_on(10.0, expected=0.0, looked_before=False)
    assert many.expected == 11.5
