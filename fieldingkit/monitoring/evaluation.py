"""``evaluate``: apply rules to a snapshot. It is a pure function, and its result is all that the next one needs."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from fieldingkit.monitoring.findings import CellState, Finding, Findings, GroupState, UnknownFigure, unconfirmed
from fieldingkit.monitoring.forecasts import Forecast
from fieldingkit.monitoring.group_rules import GROUP_RULES, GroupFacts, Missing, Seen, parts_of
from fieldingkit.monitoring.rules import RuleName, Rules
from fieldingkit.monitoring.snapshots import GroupSnapshot, Snapshot
from fieldingkit.rendering.text import format_moment, pluralize
from fieldingkit.resources.fielding_assistant import FieldingAssistantAssignment
from fieldingkit.workflows.due_reconciliations import DueReconciliations, show_money

__all__ = ["evaluate"]

_DAY: Final = timedelta(days=1)


def evaluate(
    snapshot: Snapshot,
    rules: Rules | None = None,
    *,
    earlier: Findings | None = None,
    forecasts: Mapping[str, Forecast] | None = None,
    assistants: Mapping[str, FieldingAssistantAssignment] | None = None,
    due: DueReconciliations | None = None,
) -> Findings:
    """Return the troubles in a snapshot, and the figures that rules need and that are not known.

    Args:
        snapshot: The state of the target groups.
        rules: The rules; the default ones if omitted.
        earlier: The latest earlier findings. They have the times since which a trouble is known, a quota cell has had
            no complete, and a target group is live. A target group that is no longer in the snapshot ends its findings.
        forecasts: Forecasts by the id of the target group, for ``end_before_goal``.
        assistants: Fielding assistants by the id of the target group: the cap of its price, and its soft launch.
        due: The completes that must be reconciled, for ``reconciliation_due``.

    Raises:
        ConfigurationError: The earlier findings are those of another selection of target groups.
    """
    if earlier is not None:
        earlier.check_selection(snapshot.selection)
    rules = rules or Rules()
    applied = _applied(rules, assistants)
    states = _states(snapshot, earlier)
    since = {} if earlier is None else {finding.key: finding.since for finding in earlier.open}
    found: list[Finding] = []
    unknown = [*_unknown_rules(snapshot, applied, forecasts, due)]
    usable = [name for name in applied if name in GROUP_RULES and name not in {figure.rule for figure in unknown}]
    unknown += (
        UnknownFigure(rule=None, project_id=project.project_id, reason=f"its target groups: {project.reason}")
        for project in snapshot.unlisted
    )
    for group in snapshot.groups:
        id_ = group.target_group_id
        facts = GroupFacts(group, states[id_], (forecasts or {}).get(id_), (assistants or {}).get(id_))
        for name in usable:
            if group.status in GROUP_RULES[name].statuses:
                for outcome in GROUP_RULES[name].apply(rules[name], facts):
                    if isinstance(outcome, Seen):
                        found.append(_finding(name, group, outcome, since))
                    else:
                        unknown.append(_unknown(name, group, outcome))
    if due is not None and RuleName.RECONCILIATION_DUE in applied:
        found += _reconciliations(due, snapshot, rules.reconciliation_due.days, since)
        unknown += (UnknownFigure(rule=RuleName.RECONCILIATION_DUE, reason=warning) for warning in due.warnings)
    return Findings(
        at=snapshot.at,
        found=tuple(found),
        unknown=tuple(unknown),
        unconfirmed=unconfirmed(earlier, found, unknown, applied),
        rules=applied,
        groups=tuple(states.values()),
        selection=snapshot.selection,
    )


_Key = tuple[str, str | None, str | None, str | None]


def _applied(rules: Rules, assistants: Mapping[str, FieldingAssistantAssignment] | None) -> tuple[RuleName, ...]:
    """Return the rules that are on; without caps and assistants, there is no rule of the price."""
    capped = bool(rules.price_at_cap.caps) or assistants is not None
    return tuple(name for name in rules.enabled if name is not RuleName.PRICE_AT_CAP or capped)


def _unknown_rules(
    snapshot: Snapshot,
    applied: tuple[RuleName, ...],
    forecasts: Mapping[str, Forecast] | None,
    due: DueReconciliations | None,
) -> Iterator[UnknownFigure]:
    """Yield the rules that cannot be applied to any target group."""
    for name in applied:
        detail = GROUP_RULES[name].detail if name in GROUP_RULES else None
        if detail is not None and detail not in snapshot.details:
            yield UnknownFigure(rule=name, reason=f"the snapshot was read without the detail {detail}")
    if forecasts is None and RuleName.END_BEFORE_GOAL in applied:
        yield UnknownFigure(rule=RuleName.END_BEFORE_GOAL, reason="no forecasts were given")
    if due is None and RuleName.RECONCILIATION_DUE in applied:
        yield UnknownFigure(rule=RuleName.RECONCILIATION_DUE, reason="the reconciliations that are due were not given")


def _states(snapshot: Snapshot, earlier: Findings | None) -> dict[str, GroupState]:
    """Return the states of the target groups; those of projects that could not be listed are as they were."""
    before = {} if earlier is None else {state.target_group_id: state for state in earlier.groups}
    unlisted = {project.project_id for project in snapshot.unlisted}
    kept = {id_: state for id_, state in before.items() if state.project_id in unlisted}
    return kept | {group.target_group_id: _state(group, before.get(group.target_group_id)) for group in snapshot.groups}


def _state(group: GroupSnapshot, before: GroupState | None) -> GroupState:
    is_same = before is not None and before.status == group.status
    cells = {} if before is None else {cell.part: cell for cell in before.cells}
    parts = parts_of(group)
    now = {
        part: _cell_state(part, cell.completes, group, is_new=before is None)
        for part, cell in parts.items()
        if cell.completes is not None
    }
    unread = {part: cells[part] for part in (cells if group.cells is None else parts) if part in cells}
    same = {
        part: cells[part] for part, cell in now.items() if part in cells and cells[part].completes == cell.completes
    }
    return GroupState(
        project_id=group.project_id,
        target_group_id=group.target_group_id,
        status=str(group.status),
        since=None if before is None else before.since if is_same else group.read_at,
        cells=tuple((unread | now | same).values()),
    )


def _cell_state(part: str, completes: int, group: GroupSnapshot, *, is_new: bool) -> CellState:
    """Return the state of a cell. An empty one of a new target group has had no complete since the start."""
    if is_new and completes == 0 and group.starts_at is not None and group.starts_at < group.read_at:
        return CellState(part=part, completes=0, since=group.starts_at, group_completes=0)
    return CellState(part=part, completes=completes, since=group.read_at, group_completes=group.completes)


def _finding(name: RuleName, group: GroupSnapshot, outcome: Seen, since: Mapping[_Key, datetime]) -> Finding:
    key = (name, group.project_id, group.target_group_id, outcome.part)
    return Finding(
        rule=name,
        project_id=group.project_id,
        target_group_id=group.target_group_id,
        name=group.name,
        part=outcome.part,
        seen=outcome.seen,
        since=outcome.since or since.get(key, group.read_at),
        action=outcome.action,
    )


def _unknown(name: RuleName, group: GroupSnapshot, outcome: Missing) -> UnknownFigure:
    return UnknownFigure(
        rule=name,
        project_id=group.project_id,
        target_group_id=group.target_group_id,
        part=outcome.part,
        reason=outcome.reason,
    )


def _reconciliations(
    due: DueReconciliations, snapshot: Snapshot, days: float, since: Mapping[_Key, datetime]
) -> Iterator[Finding]:
    left = (due.deadline - snapshot.at) / _DAY
    for project in due.projects if left <= days else ():
        deadline = format_moment(due.deadline)
        manager = project.project_manager_name or project.project_manager_id or "no manager"
        part = f"{manager}, until {deadline}"
        key = (RuleName.RECONCILIATION_DUE, project.project_id, None, part)
        yield Finding(
            rule=RuleName.RECONCILIATION_DUE,
            project_id=project.project_id,
            target_group_id=None,
            name=project.project_name or project.project_id or "a project without a name",
            part=part,
            seen=f"{pluralize(project.completes, 'complete')} of {pluralize(project.target_groups)}, "
            f"{show_money(project.money)}; "
            + (f"{left:.1f} days left until {deadline}" if left > 0 else f"the deadline was {deadline}"),
            since=since.get(key, snapshot.at),
            action=f"reconcile them before {deadline}"
            if left > 0
            else "ask the marketplace whether it is still possible",
        )
