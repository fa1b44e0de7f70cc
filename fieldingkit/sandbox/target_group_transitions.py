"""The handler that tells what may be done with a set of target groups."""

from typing import Any, Final, cast

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.bodies import read_target_group_ids
from fieldingkit.sandbox.calls import Call, Reply
from fieldingkit.sandbox.queries import checked_texts
from fieldingkit.sandbox.target_group_filters import COUNTRY, LANGUAGE, STATUSES, TargetGroupFilters
from fieldingkit.sandbox.transitions import BATCH

__all__ = ["compute"]

_ANSWERS: Final = {
    "is_launch_allowed": "launch",
    "is_pause_allowed": "pause",
    "is_resume_allowed": "resume",
    "is_relaunch_allowed": "relaunch",
    "is_finish_allowed": "complete",
}


def compute(call: Call) -> Reply:
    """Tell which actions every one of the matching target groups allows; none if nothing matches."""
    project, body = call.project(), call.json_object()
    filters = _filters(body)
    included = _ids(body, "included_target_group_ids")
    excluded = _ids(body, "excluded_target_group_ids") or ()
    groups = [
        group
        for group in project.groups
        if (included is None or group.id in included) and group.id not in excluded and filters.keeps(group, call.now)
    ]
    answers = {
        name: bool(groups) and all(group.refusal_of(BATCH[kind], call.now) is None for group in groups)
        for name, kind in _ANSWERS.items()
    }
    # The contract knows no empty list of target groups.
    return Reply(200, {"target_groups": [group.id for group in groups], **answers} if groups else answers)


def _filters(body: dict[str, Any]) -> TargetGroupFilters:
    given: object = body.get("filters") or {}
    search = body.get("search_string")
    if not isinstance(given, dict) or not isinstance(search, str | None):
        raise problems.bad_request("The filters are malformed.", filters="They have to be an object.")
    filters = cast("dict[str, object]", given)
    return TargetGroupFilters(
        statuses=_texts(filters, "status", "|".join(STATUSES)),
        countries=_texts(filters, "country", COUNTRY),
        languages=_texts(filters, "language", LANGUAGE),
        search=search,
    )


def _texts(filters: dict[str, object], name: str, form: str) -> frozenset[str] | None:
    values: object = filters.get(name) or []
    if not isinstance(values, list):
        raise problems.bad_request("The filters are malformed.", **{name: "It has to be a list."})
    return checked_texts(map(str, cast("list[object]", values)), name, form)


def _ids(body: dict[str, Any], name: str) -> frozenset[str] | None:
    return frozenset(read_target_group_ids(body, name)) if name in body else None
