"""The arrival model: the hours of a probability, which are searched with few computations of it."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldingkit.monitoring.arrival_model import HORIZON_HOURS, fit, hours_until

SHARES = (0.03, 0.5, 0.93)
hour = st.floats(0.0, 1.5 * HORIZON_HOURS)


def halved(chance: Callable[[float], float], share: float) -> float | None:
    """Return the hours by halving the horizon 24 times."""
    if chance(HORIZON_HOURS) < share:
        return None
    low, high = 0.0, HORIZON_HOURS
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (low, middle) if chance(middle) >= share else (middle, high)
    return high


@settings(deadline=None)
@given(st.lists(hour, min_size=1, max_size=6), st.sampled_from([0.0, 0.01, 5.0, 500.0]))
def test_the_hours_are_those_of_halving_the_horizon(steps: list[float], width: float) -> None:
    """So it is for steps, slopes and plateaus, and a share that is not reached has none."""

    def chance(hours: float) -> float:
        parts = [hours > step if width == 0 else min(1.0, max(0.0, (hours - step) / width)) for step in steps]
        return sum(parts) / len(steps)

    assert hours_until(chance, SHARES) == [halved(chance, share) for share in SHARES]


@pytest.mark.parametrize("remaining", [1, 40, 400])
def test_a_probability_is_computed_less_often_than_by_halving(remaining: int) -> None:
    """A forecast of hundreds of target groups takes as long as these computations."""
    model, asked = fit([-96.0, -60.0, -30.0, -3.0, 0.0], [0, 60, 100, 150, 160]), list[float]()

    def chance(hours: float) -> float:
        asked.append(hours)
        return model.chance(remaining, hours)

    found = hours_until(chance, SHARES)
    times = len(asked)
    assert found == [halved(chance, share) for share in SHARES]
    assert times < (len(asked) - times) / 1.5
