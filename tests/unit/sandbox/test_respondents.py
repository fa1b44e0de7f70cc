"""The ledger of respondents: arrivals, counters, prices and cells."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldingkit.sandbox.model.amounts import Amount
from fieldingkit.sandbox.model.ledgers import CellCount, Ledger
from fieldingkit.sandbox.model.outcomes import Outcome
from fieldingkit.sandbox.model.quotas import cells_of

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
    assert list(ledger.respondents()) == []


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
    respondents = list(ledger.respondents())
    outcomes = Counter(respondent.outcome for respondent in respondents)
    assert outcomes["complete"] == ledger.completes
    assert outcomes["complete"] + outcomes["drop_off"] == ledger.prescreens
    assert len(respondents) == ledger.entrants
    assert sum(respondent.price.value for respondent in respondents if respondent.price) == ledger.cost.value
    assert len({respondent.rid for respondent in respondents}) == len(respondents)
    assert respondents == list(ledger.respondents())
    dates = [respondent.entered_at for respondent in respondents]
    assert dates == sorted(dates)


@given(
    counts=st.lists(st.integers(0, 12), min_size=1, max_size=3),
    changes=st.lists(st.tuples(st.integers(1, 90), st.sampled_from(["complete", "screenout", "drop_off"]))),
    removed=st.integers(0, 20),
)
def test_counters_follow_changed_outcomes(counts: list[int], changes: list[tuple[int, Outcome]], removed: int) -> None:
    """After outcomes were changed, some twice, and respondents removed, counters are still what the list says."""
    ledger = Ledger("01BTGNYV6HRNK8K8VKZASZCFP1", "USD")
    for number, count in enumerate(counts, 1):
        ledger.add(count, NOON + number * HOUR, NOON + (number + 1) * HOUR, Amount(Decimal(number)))
    for number, outcome in changes:
        if number <= ledger.entrants:
            ledger.settle(number, outcome, at=NOON + 9 * HOUR, origin="s2s")
            assert ledger.respondent(number).outcome == outcome
    before = ledger.completes
    ledger.remove(removed)
    assert ledger.completes <= max(0, before - removed)
    respondents = list(ledger.respondents())
    completed = [one for one in respondents if one.outcome == "complete"]
    dates = [one.ended_at for one in completed if one.ended_at]
    assert len(completed) == len(dates) == ledger.completes == ledger.completes_at(NOON + 9 * HOUR)
    assert sum(one.stage == "survey" for one in respondents) == ledger.prescreens
    assert sum((one.price.value for one in completed if one.price), Decimal(0)) == ledger.cost.value
    assert (ledger.first_at, ledger.latest_at) == (min(dates, default=None), max(dates, default=None))
    assert [ledger.number_of(one.rid) for one in respondents] == [one.number for one in respondents]
    assert [one.number for one in respondents] == [*range(1, ledger.entrants + 1)]


def test_cells_follow_changed_outcomes(ledger: Ledger) -> None:
    """A complete that is rejected leaves its cell; a screenout that is approved fills the cell of its neighbor."""
    profile = {"id": "p", "object": "regular", "targets": [{"id": "all", "conditions": []}]}
    ledger.profiles = [profile]
    ledger.add(4, NOON, NOON + HOUR, TWO)
    assert ledger.cell_counts([profile]) == [[CellCount(4, 5)]]
    ledger.settle(2, "quality_terminate", at=NOON, origin="reconciliation")
    assert ledger.cell_counts([profile]) == [[CellCount(3, 5)]]
    ledger.settle(1, "complete", at=NOON, origin="reconciliation")
    assert ledger.cell_counts([profile]) == [[CellCount(4, 6)]]


def test_a_reconciliation_is_remembered(ledger: Ledger) -> None:
    """A changed respondent keeps its date and ids, names the reconciliation, and costs nothing any more."""
    ledger.add(1, NOON, NOON, TWO)
    before = ledger.respondent(2)
    ledger.settle(2, "quality_terminate", at=NOON + HOUR, origin="reconciliation", reconciled=("r", "932", NOON))
    after = ledger.respondent(2)
    assert (before.price, after.price, ledger.cost.value) == (TWO, None, 0)
    assert (after.rid, after.ended_at, after.reconciled) == (before.rid, before.ended_at, ("r", "932", NOON))
    ledger.settle(2, "complete", at=NOON + HOUR, origin="s2s")
    assert (ledger.respondent(2).reconciled, ledger.cost.value) == (("r", "932", NOON), 2)


def test_there_are_no_other_respondents(ledger: Ledger) -> None:
    """Neither numbers beyond the last one nor foreign ids stand for anybody."""
    ledger.add(1, NOON, NOON, TWO)
    with pytest.raises(KeyError):
        ledger.settle(3, "complete", at=NOON, origin="s2s")
    with pytest.raises(KeyError):
        ledger.respondent(0)
    assert [ledger.number_of(rid) for rid in ("x", str(uuid.uuid4()), ledger.respondent(1).respondent_id)] == [None] * 3
    last = ledger.respondent(2).rid
    ledger.remove(1)
    assert ledger.number_of(last) is None


def test_entrants_take_unique_codes_in_turn(ledger: Ledger) -> None:
    """The entrants that follow take one code each; unused codes can be removed."""
    ledger.add(1, NOON, NOON, TWO)
    ledger.add_codes(["a", "b"])
    ledger.add_codes(["c", "d", "e"])
    ledger.add(1, NOON, NOON, TWO)
    ledger.remove_unused_codes()
    ledger.add_codes(["f"])
    ledger.add(1, NOON, NOON, TWO)
    assert [one.unique_code for one in ledger.respondents()] == [None, None, "a", "b", "c", "f", None]


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
