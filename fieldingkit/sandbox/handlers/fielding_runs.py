"""Handlers of the operations on one fielding run and on its fielding assistant."""

from typing import Any

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import Handler, HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.model.assistant import MODULES, check_modules, module_changes
from fieldingkit.sandbox.model.fielding_runs import LAUNCH_NOW, FieldingRun, Transition, TransitionRefusedError
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.parameters import read_timestamps

__all__ = [
    "get_assistant",
    "get_fielding_run",
    "launch_now",
    "list_fielding_runs",
    "put_assistant",
    "run_action",
    "update_fielding_run",
]


def list_fielding_runs(context: RequestContext) -> HandlerResponse:
    """List the runs of a target group: none or one."""
    run = context.target_group().run
    return HandlerResponse(200, {"data": [] if run is None else [_item(run, context)], "has_more": False})


def get_fielding_run(context: RequestContext) -> HandlerResponse:
    """Return a run and its entity tag."""
    run = context.fielding_run()
    return HandlerResponse(200, _item(run, context), {"ETag": run.etag})


def update_fielding_run(context: RequestContext) -> HandlerResponse:
    """Change the dates of a run.

    The start must not be in the past unless it is the run's own start; otherwise no live run could be extended. The
    documents do not say so, but leave no other way.
    """
    run = context.fielding_run()
    context.require_match(run.etag)
    start_at, end_at = read_timestamps(context.json_object(), "start_fielding_at", "end_fielding_at")
    if start_at < context.now and start_at != run.start_at:
        raise problems.bad_request("The dates are invalid.", start_fielding_at="Is in the past.")
    if end_at < start_at:
        raise problems.bad_request("The dates are invalid.", end_fielding_at="Is before the start.")
    try:
        run = context.target_group().reschedule(start_at, end_at, at=context.now, request=context.recorded.index)
    except TransitionRefusedError as refusal:
        raise problems.invalid_state(str(refusal)) from None
    return HandlerResponse(202, {"id": run.id}, {"ETag": run.etag})


def launch_now(context: RequestContext) -> HandlerResponse:
    """Launch a scheduled run immediately and return its new dates."""
    run = _apply(LAUNCH_NOW, context)
    return HandlerResponse(200, _dates(run), {"ETag": run.etag})


def run_action(transition: Transition) -> Handler:
    """Return the handler of one action; it answers with the new entity tag only.

    Args:
        transition: The action.
    """

    def handler(context: RequestContext) -> HandlerResponse:
        return HandlerResponse(204, headers={"ETag": _apply(transition, context).etag})

    return handler


def _apply(transition: Transition, context: RequestContext) -> FieldingRun:
    run = context.fielding_run()
    context.require_match(run.etag)
    try:
        return context.target_group().apply(transition, at=context.now, request=context.recorded.index)
    except TransitionRefusedError as refusal:
        raise problems.invalid_state(str(refusal)) from None


def _item(run: FieldingRun, context: RequestContext) -> dict[str, object]:
    return {
        "id": run.id,
        "last_changed_at": write_timestamp(run.last_changed_at),
        "last_changed_by": context.state.user_id,
        **_dates(run),
        "status": run.status,
        "version": run.version,
    }


def _dates(run: FieldingRun) -> dict[str, object]:
    return {"start_fielding_at": write_timestamp(run.start_at), "end_fielding_at": write_timestamp(run.end_at)}


def get_assistant(context: RequestContext) -> HandlerResponse:
    """Return the modules, null for each that is off, and their entity tag; 404 if none were ever assigned."""
    group = context.target_group()
    if group.assistant is None:
        raise problems.not_found("fielding assistant assignment")
    return HandlerResponse(200, {**dict.fromkeys(MODULES), **group.assistant}, {"ETag": _etag(group)})


def put_assistant(context: RequestContext) -> HandlerResponse:
    """Replace all modules; an omitted module is switched off."""
    group = context.target_group()
    _require_tag(group, context)
    body: dict[str, Any] = context.json_object()
    check_modules(body, context.now)
    assigned = {name: module for name, module in body.items() if module is not None}
    changes = module_changes(group.assistant or {}, assigned)
    group.set_assistant(assigned, changes, at=context.now, request=context.recorded.index)
    return HandlerResponse(204)


def _require_tag(group: TargetGroup, context: RequestContext) -> None:
    """Check the guard of a write: `If-None-Match: *` for the first assignment, `If-Match` for every other."""
    if context.recorded.headers.get("If-None-Match", "").strip() == "*":
        if group.assistant is not None:
            raise problems.precondition_failed()
    elif group.assistant is None and "If-Match" in context.recorded.headers:
        raise problems.precondition_failed()
    else:
        context.require_match(_etag(group))


def _etag(group: TargetGroup) -> str:
    return f'W/"{group.assistant_version}"'
