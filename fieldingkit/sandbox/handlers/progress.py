"""Handlers of the progress and the changelog of one target group."""

from typing import Any, Final

import attrs

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import parse_duration, write_timestamp
from fieldingkit.sandbox.model.fielding_runs import Change, ValueChange, change_id
from fieldingkit.sandbox.model.statistics import Progress
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.parameters import read_page, read_texts

__all__ = ["get_completes_by_interval", "get_overview", "get_overview_by_id", "get_performance", "list_changelog"]


_MAX_INTERVALS = 10_000


def get_overview(context: RequestContext) -> HandlerResponse:
    """Return the progress of a target group; 404 for a draft."""
    return HandlerResponse(200, _overview(context.launched_target_group(), context))


def get_overview_by_id(context: RequestContext) -> HandlerResponse:
    """Return the progress of a target group together with its account and project; 404 for a draft."""
    group = context.state.groups.get(context.parameters["target_group_id"])
    if group is None or group.status_at(context.now) == "draft":
        raise problems.not_found("target group")
    project = context.state.projects[group.project_id]
    return HandlerResponse(
        200, {"account_id": project.account_id, "project_id": project.id, **_overview(group, context)}
    )


def get_performance(context: RequestContext) -> HandlerResponse:
    """Return the figures of a target group's respondents; 404 for a draft."""
    progress = context.launched_target_group().progress_at(context.now)
    dates = {
        name: write_timestamp(moment)
        for name, moment in (("first_complete", progress.first_at), ("last_complete", progress.latest_at))
        if moment is not None
    }
    return HandlerResponse(
        200,
        {
            "entrants": progress.entrants,
            "prescreens": progress.prescreens,
            "completes": progress.completes,
            "completes_cost": progress.cost.json(),
            **dates,
            "incidence_rate": progress.incidence_rate,
            "drop_off_rate": progress.drop_off_rate,
            "conversion_rate": progress.conversion_rate,
            "respondent_analysis": {"live": _ends(progress), "test": []},
        },
    )


def get_completes_by_interval(context: RequestContext) -> HandlerResponse:
    """Return the number of completes by interval; 404 for a draft.

    The intervals cover the part of the fielding period that has begun. The last one has the completes of now, those
    that came after the end included.
    """
    group = context.launched_target_group()
    text = context.recorded.query.get("aggregation_interval", "P1D")
    interval = parse_duration(text)
    if interval is None or not interval:
        raise problems.bad_request(
            "A query parameter is malformed.", aggregation_interval="Must be a duration such as PT6H."
        )
    run, progress = group.run_at(context.now), group.progress_at(context.now)
    intervals: list[dict[str, Any]] = []
    if run is not None:
        stop = min(run.end_at, context.now)
        if (stop - run.start_at) / interval > _MAX_INTERVALS:
            raise problems.bad_request("There would be too many intervals.", aggregation_interval="Is too short.")
        moment = run.start_at
        while moment < stop:
            moment = min(moment + interval, run.end_at)
            count = progress.completes_at(moment) if moment < stop else progress.completes
            intervals.append({"timestamp": write_timestamp(moment), "count": count})
    return HandlerResponse(200, {"aggregated_completes_intervals": intervals})


def _overview(group: TargetGroup, context: RequestContext) -> dict[str, Any]:
    settings, progress = group.settings, group.progress_at(context.now)
    average = (
        {"average_cost_per_interview": progress.cost.share(progress.completes).json()} if progress.completes else {}
    )
    return {
        "project_name": context.state.projects[group.project_id].name,
        "target_group_name": settings.name,
        "human_readable_id": settings.human_readable_id,
        "project_manager_id": group.manager_id,
        "progress": progress.json(),
        "pricing_model": "dynamic",
        "is_pricing_restricted": bool(group.assistant and group.assistant.get("pricing")),
        "current_cost_per_interview": group.price.json(),
        **average,
        "current_cost": progress.cost.json(),
        "status": group.status_at(context.now),
        "country_code": settings.country.upper(),
        "language_code": settings.language.upper(),
        "conversion_rate": progress.conversion_rate,
        "drop_off_rate": progress.drop_off_rate,
        "incidence_rate": progress.incidence_rate,
        "median_length_of_interview_seconds": progress.median_length_of_interview_seconds,
        "study_type_code": "adhoc",
        "target_group_customer_reference_number": settings.reference,
        "created_at": write_timestamp(settings.created_at),
    }


def _ends(progress: Progress) -> list[dict[str, Any]]:
    counts = {
        "Complete": ("Returned as complete", progress.completes),
        "Terminate": ("Did not qualify", progress.entrants - progress.completes - progress.drop_offs),
        "In Survey": ("Has not come back", progress.drop_offs),
    }
    return [
        {"status": status, "label": label, "description": f"{label}.", "count": count}
        for status, (label, count) in counts.items()
    ]


_PAGE: Final = 50


@attrs.frozen
class _Entry:
    """A change and its id."""

    id: str
    change: Change


def list_changelog(context: RequestContext) -> HandlerResponse:
    """List the changes of a target group, newest first; an unknown change type matches nothing."""
    group = context.target_group()
    types = read_texts(context.recorded.query, "change_types", "[a-z_]{1,64}")
    entries = [_Entry(change_id(group.id, index), change) for index, change in enumerate(group.history)][::-1]

    def kept(entry: _Entry) -> list[ValueChange]:
        return [value for value in entry.change.values if types is None or value.object in types]

    page = read_page(
        context.recorded.query,
        entries,
        cursor_of=lambda entry: entry.id,
        keeps=lambda entry: bool(kept(entry)),
        default=_PAGE,
        largest=_PAGE,
        is_sorted=False,
    )
    return HandlerResponse(
        200,
        {
            "changelog": [
                {
                    "id": entry.id,
                    "occurred_at": entry.change.occurred_at,
                    "user": entry.change.user(context.state.user_id),
                    "changes": [value.json() for value in kept(entry)],
                }
                for entry in page.items
            ],
            "next_cursor": page.next_cursor or "",  # the contract has an empty string here, and only here
        },
    )
