"""Handlers that tell how one launched target group is doing."""

from typing import Any

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.calls import Call, Reply
from fieldingkit.sandbox.progress import PRICE_IN_CENTS, Progress, money
from fieldingkit.sandbox.target_groups import TargetGroup
from fieldingkit.sandbox.timestamps import parse_duration, write_timestamp

__all__ = ["completes", "overview", "overview_by_id", "performance"]

_MOST_INTERVALS = 10_000


def overview(call: Call) -> Reply:
    """Read where a target group stands; 404 for a draft."""
    return Reply(200, _overview(call.launched_target_group(), call))


def overview_by_id(call: Call) -> Reply:
    """The same for a target group whose account and project the caller does not know."""
    group = call.world.groups.get(call.parameters["target_group_id"])
    if group is None or group.status_at(call.now) == "draft":
        raise problems.not_found("target group")
    project = call.world.projects[group.project_id]
    return Reply(200, {"account_id": project.account_id, "project_id": project.id, **_overview(group, call)})


def performance(call: Call) -> Reply:
    """Read how respondents fare in a target group; 404 for a draft."""
    progress = call.launched_target_group().progress_at(call.now)
    dates = {
        name: write_timestamp(moment)
        for name, moment in (("first_complete", progress.began_at), ("last_complete", progress.latest_at))
        if moment is not None
    }
    return Reply(
        200,
        {
            "entrants": progress.entrants,
            "prescreens": progress.prescreens,
            "completes": progress.completes,
            "completes_cost": money(progress.cost_in_cents),
            **dates,
            "incidence_rate": progress.incidence_rate,
            "drop_off_rate": progress.drop_off_rate,
            "conversion_rate": progress.conversion_rate,
            "respondent_analysis": {"live": _ends(progress), "test": []},
        },
    )


def completes(call: Call) -> Reply:
    """Read how the completes of a target group came in, interval by interval; 404 for a draft.

    There is an interval for every part of the fielding period that has begun.
    """
    group = call.launched_target_group()
    text = call.recorded.query.get("aggregation_interval", "P1D")
    interval = parse_duration(text)
    if interval is None or not interval:
        raise problems.bad_request(
            "A query parameter is malformed.", aggregation_interval="It has to be a duration such as PT6H."
        )
    run, progress = group.run_at(call.now), group.progress_at(call.now)
    intervals: list[dict[str, Any]] = []
    if run is not None:
        stop = min(run.end_at, call.now)
        if (stop - run.start_at) / interval > _MOST_INTERVALS:
            raise problems.bad_request("There would be too many intervals.", aggregation_interval="It is too short.")
        moment = run.start_at
        while moment < stop:
            moment = min(moment + interval, run.end_at)
            intervals.append({"timestamp": write_timestamp(moment), "count": progress.completes_at(moment)})
    return Reply(200, {"aggregated_completes_intervals": intervals})


def _overview(group: TargetGroup, call: Call) -> dict[str, Any]:
    settings, progress = group.settings, group.progress_at(call.now)
    average = {"average_cost_per_interview": money(PRICE_IN_CENTS)} if progress.completes else {}
    return {
        "project_name": call.world.projects[group.project_id].name,
        "target_group_name": settings.name,
        "human_readable_id": settings.human_readable_id,
        "project_manager_id": group.manager_id,
        "progress": progress.json(),
        "pricing_model": "dynamic",
        "is_pricing_restricted": bool(group.assistant and group.assistant.get("pricing")),
        "current_cost_per_interview": money(PRICE_IN_CENTS),
        **average,
        "current_cost": money(progress.cost_in_cents),
        "status": group.status_at(call.now),
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
        "Terminate": ("Did not qualify", progress.entrants - progress.prescreens),
        "In Survey": ("Has not come back", progress.prescreens - progress.completes),
    }
    return [
        {"status": status, "label": label, "description": f"{label}.", "count": count}
        for status, (label, count) in counts.items()
    ]
