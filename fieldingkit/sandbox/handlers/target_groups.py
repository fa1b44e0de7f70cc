"""Handlers that list, read and change target groups, and compute their transitions."""

from datetime import datetime
from typing import Any, Final, cast

import attrs
from multidict import MultiMapping

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.model.fielding_runs import BATCH_TRANSITIONS
from fieldingkit.sandbox.model.statistics import Progress
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.parameters import (
    UUID,
    check_texts,
    read_choices,
    read_flag,
    read_list,
    read_page,
    read_target_group_ids,
    read_text,
    read_texts,
)

__all__ = [
    "COUNTRY",
    "LANGUAGE",
    "STATUSES",
    "TargetGroupFilters",
    "compute_transitions",
    "list_target_groups",
    "read_filters",
]


def list_target_groups(context: RequestContext) -> HandlerResponse:
    """List the target groups of a project, oldest first."""
    project = context.project()
    filters = read_filters(context.recorded.query)
    page = read_page(
        context.recorded.query,
        project.groups,
        cursor_of=lambda group: group.id,
        keeps=lambda group: filters.keeps(group, context.now),
    )
    return HandlerResponse(
        200,
        {
            # Without /v1 and /demand, as in the contract's example.
            "url": f"/accounts/{project.account_id}/projects/{project.id}/target-groups",
            "has_more": page.has_previous or page.next_cursor is not None,  # in either direction
            "next_cursor": page.next_cursor,
            "target_groups": [_item(group, context) for group in page.items],
        },
    )


def _item(group: TargetGroup, context: RequestContext) -> dict[str, Any]:
    settings = group.settings
    return {
        "id": group.id,
        "human_readable_id": settings.human_readable_id,
        "name": settings.name,
        "project_manager_id": group.manager_id,
        "exclusion_enabled": settings.excludes,
        "locale": settings.locale,
        "status": group.status_at(context.now),
        "created_at": write_timestamp(settings.created_at),
        "updated_at": write_timestamp(group.changed_at),
        "statistics": {
            name: {"value": value, "issues": []} for name, value in _statistics(group.progress_at(context.now)).items()
        },
        "target_group_customer_reference_number": settings.reference,
    }


def _statistics(progress: Progress) -> dict[str, Any]:
    if progress.latest_at is None:
        return {"progress": progress.json()}
    return {
        "progress": progress.json(),
        "last_complete_date": write_timestamp(progress.latest_at),
        "earnings_per_click": progress.earnings_per_click.json(),
        "earnings_per_click_per_minute": progress.earnings_per_click_per_minute.json(),
        "average_cost_per_interview": progress.cost.share(progress.completes).json(),
        "median_length_of_interview_seconds": progress.median_length_of_interview_seconds,
        "incidence_rate": progress.incidence_rate,
        "drop_off_rate": progress.drop_off_rate,
        "conversion_rate": progress.conversion_rate,
    }


STATUSES: Final = frozenset({"draft", "scheduled", "live", "paused", "completed", "archived"})
"""The statuses of a target group."""
COUNTRY: Final = "[a-z]{2}"
"""The pattern of a country."""
LANGUAGE: Final = "[a-z]{3}"
"""The pattern of a language."""


@attrs.frozen(kw_only=True)
class TargetGroupFilters:
    """The filters of a list of target groups; None for no filter."""

    statuses: frozenset[str] | None = None
    countries: frozenset[str] | None = None
    languages: frozenset[str] | None = None
    search: str | None = None
    readable_ids: frozenset[str] | None = None
    references: frozenset[str] | None = None
    manager_id: str | None = None
    is_excluding: bool | None = None

    def keeps(self, group: TargetGroup, at: datetime) -> bool:
        """Return True if a target group matches the filters at a date."""
        settings = group.settings
        return (
            (self.statuses is None or group.status_at(at) in self.statuses)
            and (self.countries is None or settings.country in self.countries)
            and (self.languages is None or settings.language in self.languages)
            and (self.search is None or _is_found(self.search, settings.name, settings.human_readable_id))
            and (self.readable_ids is None or settings.human_readable_id in self.readable_ids)
            and (self.references is None or settings.reference in self.references)
            and (self.manager_id is None or group.manager_id == self.manager_id)
            and (self.is_excluding is None or settings.excludes == self.is_excluding)
        )


def read_filters(query: MultiMapping[str]) -> TargetGroupFilters:
    """Read the filters of a query; `name` is the older name of `search_string`."""
    manager_id = read_text(query, "project_manager_id", UUID.pattern)
    return TargetGroupFilters(
        statuses=read_choices(query, "status", STATUSES),
        countries=read_texts(query, "country", COUNTRY),
        languages=read_texts(query, "language", LANGUAGE),
        search=read_text(query, "search_string") or read_text(query, "name"),
        readable_ids=read_texts(query, "human_readable_ids", ".{7}"),
        references=read_texts(query, "target_group_customer_reference_numbers", "[a-zA-Z0-9_ -]{3,128}"),
        manager_id=manager_id and manager_id.lower(),
        is_excluding=read_flag(query, "exclusion_status"),
    )


def _is_found(search: str, *texts: str) -> bool:
    return any(search.casefold() in text.casefold() for text in texts)


_ANSWERS: Final = {
    "is_launch_allowed": "launch",
    "is_pause_allowed": "pause",
    "is_resume_allowed": "resume",
    "is_relaunch_allowed": "relaunch",
    "is_finish_allowed": "complete",
}


def compute_transitions(context: RequestContext) -> HandlerResponse:
    """Return the actions that every matching target group allows; none if no target group matches."""
    project, body = context.project(), context.json_object()
    filters = _filters(body)
    included = _ids(body, "included_target_group_ids")
    excluded = _ids(body, "excluded_target_group_ids") or ()
    groups = [
        group
        for group in project.groups
        if (included is None or group.id in included) and group.id not in excluded and filters.keeps(group, context.now)
    ]
    answers = {
        name: bool(groups)
        and all(group.refusal_reason(BATCH_TRANSITIONS[kind], context.now) is None for group in groups)
        for name, kind in _ANSWERS.items()
    }
    # The contract does not allow an empty list of target groups.
    return HandlerResponse(200, {"target_groups": [group.id for group in groups], **answers} if groups else answers)


def _filters(body: dict[str, Any]) -> TargetGroupFilters:
    given: object = body.get("filters", {})
    search: object = body.get("search_string", "")
    if not isinstance(given, dict):
        raise problems.bad_request("The filters are malformed.", filters="Must be an object.")
    if not isinstance(search, str):
        raise problems.bad_request("The search string is malformed.", search_string="Must be a string.")
    filters = cast("dict[str, object]", given)
    return TargetGroupFilters(
        statuses=_texts(filters, "status", "|".join(STATUSES)),
        countries=_texts(filters, "country", COUNTRY),
        languages=_texts(filters, "language", LANGUAGE),
        search=search or None,
    )


def _texts(filters: dict[str, object], name: str, form: str) -> frozenset[str] | None:
    return check_texts(map(str, read_list(filters, name)), name, form) if name in filters else None


def _ids(body: dict[str, Any], name: str) -> frozenset[str] | None:
    return frozenset(read_target_group_ids(body, name)) if name in body else None
