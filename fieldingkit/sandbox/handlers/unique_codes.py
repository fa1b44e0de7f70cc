"""Handlers of unique codes."""

from functools import partial
from typing import Final, Literal, TypeAlias

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import Handler, HandlerResponse, RequestContext
from fieldingkit.sandbox.model.fielding_runs import PAUSE
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.parameters import check_texts, read_list

__all__ = ["delete_unconsumed_codes", "get_code_statistics", "upload_codes"]

CodeKind: TypeAlias = Literal["live", "test"]

_MAX_CODES: Final = 20_000
_NAME: Final = "respondent_unique_codes"


def upload_codes(kind: CodeKind) -> Handler:
    """Return the handler that adds codes of one kind."""
    return partial(_upload, kind=kind)


def get_code_statistics(kind: CodeKind) -> Handler:
    """Return the handler that counts the codes of one kind."""
    return partial(_statistics, kind=kind)


def delete_unconsumed_codes(kind: CodeKind) -> Handler:
    """Return the handler that deletes the codes of one kind that respondents have not taken."""
    return partial(_delete, kind=kind)


def _upload(context: RequestContext, *, kind: CodeKind) -> HandlerResponse:
    """Add codes and count the new ones; 400 if there are none, too many, or malformed ones."""
    group, known = _codes(context, kind)
    values = read_list(context.json_object(), _NAME)
    codes = [value.strip() for value in values if isinstance(value, str)]
    if not 1 <= len(codes) <= _MAX_CODES or len(codes) < len(values):
        raise problems.bad_request("The codes are malformed.", **{_NAME: f"Must be 1 to {_MAX_CODES} texts."})
    check_texts(codes, _NAME, "[A-Za-z0-9_-]{1,128}")
    new = [code for code in dict.fromkeys(codes) if code not in known]
    known.update(dict.fromkeys(new))
    if kind == "live":
        group.ledger.add_codes(new)
    return HandlerResponse(200, {"uploaded_count": len(new)})


def _statistics(context: RequestContext, *, kind: CodeKind) -> HandlerResponse:
    """Return the number of codes, and of those that respondents have not taken."""
    group, known = _codes(context, kind)
    unconsumed = len(known) - _consumed(group, kind)
    return HandlerResponse(200, {"total_count": len(known), "unconsumed_count": unconsumed})


def _delete(context: RequestContext, *, kind: CodeKind) -> HandlerResponse:
    """Delete the codes that respondents have not taken; a live target group, which has no live codes then, pauses."""
    group, known = _codes(context, kind)
    unconsumed = [*known][_consumed(group, kind) :]
    for code in unconsumed:
        del known[code]
    if kind == "live":
        group.ledger.remove_unused_codes()
        if unconsumed and group.status_at(context.now) == "live":
            group.apply(PAUSE, at=context.now)
    return HandlerResponse(204)


def _codes(context: RequestContext, kind: CodeKind) -> tuple[TargetGroup, dict[str, None]]:
    """Return the target group in the path and its codes; 404 if the account has no such target group."""
    group = context.state.groups.get(context.parameters["target_group_id"])
    if group is None or context.state.projects[group.project_id].account_id != context.account_id:
        raise problems.not_found("target group")
    group.run_at(context.now)
    return group, context.state.codes[group.id, kind]


def _consumed(group: TargetGroup, kind: CodeKind) -> int:
    """Return the number of codes that respondents have taken, in the order of the uploads."""
    return group.ledger.codes - group.ledger.unused_codes if kind == "live" else 0
