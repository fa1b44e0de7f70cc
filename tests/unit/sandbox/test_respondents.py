"""The ledger of respondents: arrivals, counters, prices and cells."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.quotas import cells_of
from fieldingkit.sandbox.model.respondents import Ledger

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TWO, THREE = Amount(Decimal(2)), Amount(Decimal(3))


@pytest.fixture
def ledger() -> Ledger:
    """Return an empty ledger."""
    return Ledger("01BTGNYV6HRNK8K8VKZASZCFP1", "USD")


def test_an_empty_ledger_has_no_dates(ledger: Ledger) -> None:
    """Without respondents all counters are zero and there are no dates."""
    assert (ledger.completes, ledger.entrants, ledger.first_at, ledger.latest_at) == (0, 0, None, None)
    assert ledger.cost == Amount(Decimal(0))
    assert list(ledger.respondents(HOUR)) == []


def test_completes_arrive_evenly(ledger: Ledger) -> None:
    """Completes of a period have equal distances, and the last one is at its end."""
    ledger.add(4, NOON, NOON + 4 * HOUR, TWO)
    assert (ledger.first_at, ledger.latest_at) == (NOON + HOUR, NOON + 4 * HOUR)
    assert [ledger.completes_at(NOON + hours * HOUR) for hours in (-1, 0, 1, 2.5, 4, 9)] == [0, 0, 1, 2, 4, 4]


def test_every_complete_keeps_its_price(ledger: Ledger) -> None:
    """The cost is the sum of the prices at which completes came; the latest are removed first."""
    ledger.add(4, NOON, NOON + HOUR, TWO)
    ledger.add(2, NOON + HOUR, NOON + HOUR, THREE)
    assert ledger.cost.value == 14
    ledger.remove(3)
    assert (ledger.completes, ledger.cost.value, ledger.latest_at) == (3, 6, NOON + HOUR * 3 / 4)
    ledger.remove(9)
    assert (ledger.completes, ledger.latest_at) == (0, None)


@given(counts=st.lists(st.integers(0, 30), max_size=4))
def test_counters_are_those_of_the_respondents(counts: list[int]) -> None:
    """Counters, costs and dates are what the list of respondents says; ids are unique and always the same."""
    ledger = Ledger("01BTGNYV6HRNK8K8VKZASZCFP1", "USD")
    for number, count in enumerate(counts):
        ledger.add(count, NOON + number * HOUR, NOON + (number + 1) * HOUR, TWO)
    respondents = list(ledger.respondents(HOUR))
    outcomes = Counter(respondent.outcome for respondent in respondents)
    assert outcomes["complete"] == ledger.completes
    assert outcomes["complete"] + outcomes["drop_off"] == ledger.prescreens
    assert len(respondents) == ledger.entrants
    assert sum(respondent.price.value for respondent in respondents if respondent.price) == ledger.cost.value
    assert len({respondent.rid for respondent in respondents}) == len(respondents)
    assert respondents == list(ledger.respondents(HOUR))
    dates = [respondent.entered_at for respondent in respondents]
    assert dates == sorted(dates)


@given(goals=st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_cells_are_full_when_the_goal_is_reached(goals: list[int]) -> None:
    """At the sum of all goals each cell has its own, and no cell has ever had more; earlier cells stay the same."""
    total = sum(goals)
    cells = cells_of(goals, total)
    assert [cells.count(cell) for cell in range(len(goals))] == goals
    assert cells_of(goals, total // 2) == cells[: total // 2]


def test_cells_without_goals_share_equally() -> None:
    """If no cell has a goal, all get the same; if there is no cell, there is nothing to share."""
    assert Counter(cells_of([0, 0], 10)) == {0: 5, 1: 5}
    assert cells_of([], 3) == []
