"""The handler that lists the target groups of a project."""

from typing import Any

from fieldingkit.sandbox.calls import Call, Reply
from fieldingkit.sandbox.paging import read_page
from fieldingkit.sandbox.progress import Progress, money
from fieldingkit.sandbox.target_group_filters import read_filters
from fieldingkit.sandbox.target_groups import TargetGroup
from fieldingkit.sandbox.timestamps import write_timestamp

__all__ = ["list_"]


def list_(call: Call) -> Reply:
    """List the target groups of a project, oldest first."""
    project = call.project()
    filters = read_filters(call.recorded.query)
    page = read_page(
        call.recorded.query,
        project.groups,
        cursor_of=lambda group: group.id,
        keeps=lambda group: filters.keeps(group, call.now),
    )
    return Reply(
        200,
        {
            # Without /v1 and /demand, as the contract's example has it.
            "url": f"/accounts/{project.account_id}/projects/{project.id}/target-groups",
            "has_more": page.has_previous or page.next_cursor is not None,  # in either direction
            "next_cursor": page.next_cursor,
            "target_groups": [_item(group, call) for group in page.items],
        },
    )


def _item(group: TargetGroup, call: Call) -> dict[str, Any]:
    settings = group.settings
    return {
        "id": group.id,
        "human_readable_id": settings.human_readable_id,
        "name": settings.name,
        "project_manager_id": group.manager_id,
        "exclusion_enabled": False,
        "locale": settings.locale,
        "status": group.status_at(call.now),
        "created_at": write_timestamp(settings.created_at),
        "updated_at": write_timestamp(group.changed_at),
        "statistics": {
            name: {"value": value, "issues": []} for name, value in _statistics(group.progress_at(call.now)).items()
        },
        "target_group_customer_reference_number": settings.reference,
    }


def _statistics(progress: Progress) -> dict[str, Any]:
    if progress.latest_at is None:
        return {"progress": progress.json()}
    return {
        "progress": progress.json(),
        "last_complete_date": write_timestamp(progress.latest_at),
        "earnings_per_click": money(progress.earnings_per_click_in_cents),
        "earnings_per_click_per_minute": money(progress.earnings_per_click_per_minute_in_cents),
        "average_cost_per_interview": money(progress.cost_in_cents // progress.completes),
        "median_length_of_interview_seconds": progress.median_length_of_interview_seconds,
        "incidence_rate": progress.incidence_rate,
        "drop_off_rate": progress.drop_off_rate,
        "conversion_rate": progress.conversion_rate,
    }
