"""Forecasts from snapshots."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from support.fixture_types import MakeClient

from fieldingkit.monitoring import CellSnapshot, GroupSnapshot, forecast_group, snapshot
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_group_progress import CompletesInterval
from fieldingkit.resources.target_groups import FillingStrategy, TargetGroupStatus
from fieldingkit.sandbox import ArrivalProcess, Sandbox
from fieldingkit.sweeps import TargetGroupQuery

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def seen(hour: int, completes: int, **fields: Any) -> GroupSnapshot:
    """Return a snapshot at an hour of fielding."""
    known: dict[str, Any] = {
        "read_at": START + hour * HOUR,
        "project_id": "01BTGNYV6HRNK8K8VKZASZCFP0",
        "target_group_id": "01BTGNYV6HRNK8K8VKZASZCFP1",
        "name": "Adults",
        "status": TargetGroupStatus.LIVE,
        "completes": completes,
        "prescreens": completes * 2,
        "goal": 200,
        "filling_strategy": FillingStrategy.COMPLETES,
        "starts_at": START,
        "ends_at": START + 168 * HOUR,
    }
    return GroupSnapshot(**{**known, **fields})


def cells(women: int, men: int) -> tuple[CellSnapshot, ...]:
    """Return two cells with a goal of 100 each."""
    return tuple(
        CellSnapshot(profile="Gender", name=name, cell_id=None, completes=number, prescreens=None, goal=100)
        for name, number in (("women", women), ("men", men))
    )


def test_snapshots_are_a_series_in_any_order() -> None:
    """The latest one has the goal and the end."""
    series = [seen(48, 100), seen(24, 50), seen(12, 25)]
    made = forecast_group(series)
    assert (made.at, made.completes, made.goal, made.end) == (START + 48 * HOUR, 100, 200, START + 168 * HOUR)
    assert made.completes_per_hour == pytest.approx(100 / 48, rel=0.01)
    assert made.fills is True


def test_the_completes_by_hour_say_more_than_one_snapshot() -> None:
    """100 completes that all came on the first of three days do not promise 100 more."""
    intervals = tuple(
        CompletesInterval(timestamp=START + hour * HOUR, count=min(100, hour * 5)) for hour in range(1, 72)
    )
    alone, by_hour = (forecast_group([seen(72, 100, **known)]) for known in ({}, {"intervals": intervals}))
    assert alone.chance_by_end is not None
    assert alone.chance_by_end > 0.5
    assert by_hour.fills is False


def test_a_cell_that_stopped_is_the_reason() -> None:
    """Earlier snapshots show that it does not fill any more."""
    series = [seen(hour, hour + min(hour, 20), cells=cells(hour, min(hour, 20))) for hour in range(6, 73, 6)]
    made = forecast_group(series)
    assert (made.fills, made.limiting_cell) == (False, "men")


def test_the_time_before_the_latest_pause_does_not_count() -> None:
    """24 live hours with 48 completes after a pause are a rate of 2, although the pause took days."""
    pause = seen(96, 10, status=TargetGroupStatus.PAUSED)
    made = forecast_group([seen(24, 10), pause, seen(108, 34), seen(120, 58)])
    assert made.completes_per_hour == pytest.approx(2, rel=0.01)


def test_a_paused_target_group_has_no_forecast() -> None:
    """No completes arrive while it is paused."""
    assert forecast_group([seen(24, 100), seen(48, 100, status=TargetGroupStatus.PAUSED)]).status == "too_early"


def test_without_its_start_a_forecast_is_unknown_and_not_too_early() -> None:
    """The period was not read, so that nothing says how long it has been live; earlier snapshots may."""
    unread = {"starts_at": None, "ends_at": None}
    made = forecast_group([seen(48, 100, cells=cells(60, 40), **unread)])
    assert {made.status, *(one.status for one in made.cells)} == {"unknown"}
    assert (made.completes, made.earliest, made.chance_by_end) == (100, None, None)
    assert forecast_group([seen(hour, 2 * hour, **unread) for hour in (12, 24, 48)]).status == "open"
    assert forecast_group([seen(48, 200, **unread)]).status == "full"
    assert forecast_group([seen(6, 100)]).status == "too_early"


def test_a_goal_of_prescreens_counts_prescreens() -> None:
    """Its cost follows from completes, and is not projected."""
    price = Money(value=Decimal(2), currency_code="USD")
    strategy = {"filling_strategy": FillingStrategy.PRESCREENS, "price": price, "cost": price}
    made = forecast_group([seen(24, 25, **strategy), seen(48, 50, **strategy)])
    assert made.completes == 100
    assert made.projected_cost is None


@pytest.mark.parametrize("series", [[], [seen(1, 1), seen(2, 2, target_group_id="01BTGNYV6HRNK8K8VKZASZCFP2")]])
def test_a_forecast_is_of_one_target_group(series: list[GroupSnapshot]) -> None:
    """Other series are refused."""
    with pytest.raises(ValueError, match="one target group"):
        forecast_group(series)


async def test_a_snapshot_of_the_api_is_enough(sandbox: Sandbox, make_client: MakeClient) -> None:
    """A target group that gets 240 completes a day has about 10 an hour, and a cost."""
    sandbox.seed(live=1, goal=2000, completes=0, arrivals=ArrivalProcess(completes_a_day=240))
    sandbox.clock.advance(3 * 86_400)
    client = make_client(base_url=sandbox.url, auth=sandbox.token)
    state = await snapshot(client, TargetGroupQuery(status=["live"]))
    made = forecast_group(state.groups)
    assert made.completes_per_hour == pytest.approx(9, abs=2)
    assert made.fills is True
    assert made.projected_cost is not None
    assert made.projected_cost.value == pytest.approx(Decimal(5000), abs=Decimal(10))
