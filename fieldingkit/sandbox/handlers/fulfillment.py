"""Handlers of the fulfillment API: the status of one respondent's session, for survey hosts."""

from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import urlencode

from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.model.outcomes import Outcome
from fieldingkit.sandbox.model.settlements import settle

__all__ = ["get_respondent_status", "update_respondent_status"]

_CODES: Final[Mapping[Outcome, int]] = {
    "drop_off": 1,  # still in the survey
    "screenout": 2,
    "quota_full": 3,
    "quality_terminate": 4,
    "complete": 5,
}
_ENDS: Final[Mapping[int, Outcome]] = {code: outcome for outcome, code in _CODES.items() if outcome != "drop_off"}


def get_respondent_status(context: RequestContext) -> HandlerResponse:
    """Read the status of a session; 404 without a body if there is none."""
    rid = context.parameters["RID"]
    found = context.state.find_respondent(rid)
    if found is None:
        return HandlerResponse(404)
    group, number = found
    respondent = group.ledger.respondent(number)
    survey = group.settings.members.get("live_url")
    links = [{"href": f"{survey}?{urlencode({'rid': respondent.rid})}"}] if survey else []
    return HandlerResponse(200, {"id": respondent.rid, "status": _CODES[respondent.outcome], "links": links})


def update_respondent_status(context: RequestContext) -> HandlerResponse:
    """End a session that is in the survey; 422 with its status if it has ended, or the body is invalid."""
    body = cast("object", context.recorded.json)
    members = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    rid, code = members.get("id"), members.get("status")
    if not isinstance(rid, str):
        return HandlerResponse(422, {})
    found = context.state.find_respondent(rid)
    if found is None:
        return HandlerResponse(404)
    group, number = found
    respondent = group.ledger.respondent(number)
    outcome = _ENDS.get(code) if type(code) is int else None
    if outcome is None or respondent.outcome != "drop_off":
        return HandlerResponse(422, {"id": respondent.rid, "status": _CODES[respondent.outcome]})
    settle(group, {number: outcome}, at=context.now, origin="s2s")
    return HandlerResponse(200, {"id": respondent.rid, "status": code})
