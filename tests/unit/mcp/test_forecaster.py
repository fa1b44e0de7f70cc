"""Forecasts of the target groups of a call: one that cannot be made does not lose the others."""

from support.monitored_groups import full_snapshot, live_group

from fieldingkit.mcp.forecast_output import forecast_of
from fieldingkit.mcp.forecaster import with_forecasts
from fieldingkit.monitoring.evaluation import evaluate


async def test_figures_that_make_no_sense_are_an_unknown_forecast() -> None:
    """The API sent a negative goal: the reason is shown, and the rule of the end is unknown for it alone."""
    well, broken = live_group(), live_group(target_group_id="t2", goal=-1)
    (one, made), (other, unknown) = await with_forecasts([well, broken])
    assert (one, made.status, unknown.status) == (well, "open", "unknown")
    shown = forecast_of(other, unknown)
    assert (shown.status, shown.goal, shown.expected_close) == ("unknown", -1, None)
    (reason,) = shown.unread
    assert reason.reason is not None
    assert reason.reason.untrusted_text == "none can be made: a goal is at least 0; got -1"
    found = evaluate(full_snapshot(one, other), forecasts={"t1": made, "t2": unknown})
    missing = [one for one in found.unknown if one.rule == "end_before_goal"]
    assert [(one.target_group_id, "a goal is at least 0" in one.reason) for one in missing] == [("t2", True)]
