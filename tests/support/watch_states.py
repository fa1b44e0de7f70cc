"""States of a watch, with trouble of every kind."""

from datetime import timedelta
from decimal import Decimal

from fieldingkit.monitoring import (
    Findings,
    UnreadDetail,
    WatchedGroup,
    WatchState,
    compare,
    evaluate,
    forecast_group,
)
from fieldingkit.monitoring.findings import CellState, GroupState
from fieldingkit.monitoring.snapshots import GroupSnapshot
from fieldingkit.monitoring.watches.state import by_trouble, by_urgency
from fieldingkit.resources.money import Money
from fieldingkit.resources.target_group_changelog import StatusChangeReason
from fieldingkit.resources.target_group_progress import CompletesInterval
from fieldingkit.resources.target_groups import TargetGroupStatus
from fieldingkit.workflows.due_reconciliations import DueProject, DueReconciliations
from support.monitored_groups import NOON, cell, full_snapshot, hours_after, live_group

__all__ = ["due_soon", "hourly", "state_of", "troubled_state"]

_USD = Money(value=Decimal("1280.50"), currency_code="USD")


def hourly(completes: int, hours: int = 48) -> tuple[CompletesInterval, ...]:
    """Return totals that grow evenly in the hours before noon."""
    return tuple(
        CompletesInterval(timestamp=hours_after(hour - hours), count=completes * hour // hours)
        for hour in range(1, hours + 1)
    )


def due_soon(name: str = "Brand tracker") -> DueReconciliations:
    """Return completes that must be reconciled in two days."""
    project = DueProject(
        project_id="p1",
        project_name=name,
        project_manager_id="m1",
        project_manager_name="Ada Lovelace",
        project_manager_email=None,
        target_groups=4,
        completes=512,
        money=(_USD,),
    )
    return DueReconciliations(
        deadline=NOON + timedelta(days=2),
        seconds_left=2 * 86_400.0,
        completes=512,
        money=(_USD,),
        projects=(project,),
        target_groups=(),
    )


def state_of(
    *groups: GroupSnapshot, due: DueReconciliations | None = None, earlier: Findings | None = None
) -> WatchState:
    """Return the state of target groups that were all read at noon."""
    made = {one.target_group_id: forecast_group([one]) for one in groups if one.status == TargetGroupStatus.LIVE}
    findings = evaluate(full_snapshot(*groups), earlier=earlier, forecasts=made, due=due)
    watched = [
        WatchedGroup(
            group=one,
            details_at=one.read_at,
            forecast=made.get(one.target_group_id),
            findings=by_urgency(found for found in findings.open if found.target_group_id == one.target_group_id),
        )
        for one in groups
    ]
    return WatchState(
        at=NOON,
        read_at=NOON,
        groups=by_trouble(watched),
        findings=findings,
        changes=compare(earlier, findings),
        due=due,
        due_at=None if due is None else NOON,
    )


def troubled_state(name: str = "Wave 3", reason: str = "the API answered 500") -> WatchState:
    """Return a state with trouble, with a part that was not read, and with target groups that are well.

    Args:
        name: A part of each name that comes from the API.
        reason: The reason why a detail could not be read.
    """
    started = {"starts_at": hours_after(-48)}
    cells = (cell(f"women {name}", 2, 50), cell("men", 38, 50), cell("others", 0, None))
    stuck = live_group(
        target_group_id="stuck", name=f"Germany {name}", cells=cells, intervals=hourly(40), **started, project_name=name
    )
    state = CellState(part=f"GENDER: women {name}", completes=2, since=hours_after(-20), group_completes=20)
    earlier = Findings(
        at=hours_after(-20),
        found=(),
        groups=(GroupState(project_id="p1", target_group_id="stuck", status="live", cells=(state,)),),
    )
    return state_of(
        stuck,
        live_group(
            target_group_id="silent",
            name=f"France {name}",
            last_complete_at=hours_after(-9),
            intervals=tuple(
                CompletesInterval(timestamp=hours_after(hour - 48), count=min(40, hour)) for hour in range(1, 49)
            ),
            human_readable_id="ABC1234",
            **started,
        ),
        live_group(
            target_group_id="paused",
            name=f"Spain {name}",
            status=TargetGroupStatus.PAUSED,
            reason_code=StatusChangeReason.HIGH_DROP_RATES,
            intervals=hourly(40),
        ),
        live_group(
            target_group_id="unread",
            name=f"Italy {name}",
            completes=90,
            intervals=hourly(90),
            cells=None,
            unread=(UnreadDetail(detail="cells", reason=reason),),
            **started,
        ),
        *(
            live_group(
                target_group_id=f"well{n}",
                name=f"Market {n} {name}",
                completes=80 + n,
                intervals=hourly(80 + n),
                cells=(cell("women", 41), cell("men", 40)),
                **started,
            )
            for n in range(3)
        ),
        due=due_soon(name),
        earlier=earlier,
    )
