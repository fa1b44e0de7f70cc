"""The forecasts of target groups as a tool returns them."""

from datetime import datetime

from fieldingkit.mcp.outputs import Amount, ApiText, Output, amount, api_text
from fieldingkit.mcp.portions import PortionInfo
from fieldingkit.mcp.snapshot_output import MOST_CELLS, Unread, cells_cut, unread_of
from fieldingkit.monitoring.forecasts import Forecast
from fieldingkit.monitoring.snapshots import GroupSnapshot

__all__ = ["ForecastsOutput", "GroupForecast", "forecast_of"]


class CellForecast(Output):
    """The forecast of a quota cell."""

    name: ApiText | None
    """The cell."""
    completes: int
    """Its completes."""
    goal: int
    """Its goal."""
    expected_close: datetime | None
    """The close is as likely earlier as later, UTC."""
    chance_by_end: float | None
    """The probability that it fills before the end of fielding, from 0 to 1."""


class GroupForecast(Output):
    """The forecast of a target group."""

    project_id: str
    """Its project's id."""
    target_group_id: str
    """Its id."""
    name: ApiText | None
    """Its name."""
    status: str
    """open or full; too_early (there are not enough data, or it is not live) or unknown (see unread for the reason).

    The last two have no times.
    """
    completes: int
    """The completes or prescreens so far, as the goal counts."""
    goal: int
    """The goal."""
    ends_at: datetime | None
    """The end of fielding, UTC."""
    earliest_close: datetime | None
    """The close is later with a probability of 97 %, UTC."""
    expected_close: datetime | None
    """The close is as likely earlier as later, UTC."""
    latest_close: datetime | None
    """The close is earlier with a probability of 93 %, UTC; null if it is later than in 90 days."""
    chance_by_end: float | None
    """The probability that it fills before the end of fielding, from 0 to 1."""
    completes_by_end: float | None
    """The completes to expect by the end."""
    projected_cost: Amount | None
    """The cost of all completes by the end."""
    limiting_cell: ApiText | None
    """The quota cell that is the reason why it probably does not fill in time."""
    cells: list[CellForecast]
    """The quota cells that are not full, the least likely first."""
    cells_cut: str | None
    """The quota cells that are not shown; null if all are."""
    unread: list[Unread]
    """The details that could not be read."""


class ForecastsOutput(Output):
    """The forecasts of target groups."""

    portion: PortionInfo
    """The extent of this portion."""
    forecasts: list[GroupForecast]
    """The forecasts."""


def forecast_of(one: GroupSnapshot, made: Forecast) -> GroupForecast:
    """Return the forecast of a target group."""
    cells = sorted(
        (cell for cell in made.cells if cell.completes < cell.goal), key=lambda cell: cell.chance_by_end or 0
    )
    return GroupForecast(
        project_id=one.project_id,
        target_group_id=one.target_group_id,
        name=api_text(one.name),
        status=made.status.value,
        completes=made.completes,
        goal=made.goal,
        ends_at=made.end,
        earliest_close=made.earliest,
        expected_close=made.expected,
        latest_close=made.latest,
        chance_by_end=_rounded(made.chance_by_end, 3),
        completes_by_end=_rounded(made.completes_by_end, 1),
        projected_cost=amount(made.projected_cost),
        limiting_cell=api_text(made.limiting_cell),
        cells=[
            CellForecast(
                name=api_text(cell.name),
                completes=cell.completes,
                goal=cell.goal,
                expected_close=cell.expected,
                chance_by_end=_rounded(cell.chance_by_end, 3),
            )
            for cell in cells[:MOST_CELLS]
        ],
        cells_cut=cells_cut(len(cells)),
        unread=unread_of(one),
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
