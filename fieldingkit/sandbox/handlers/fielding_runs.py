"""Handlers of the operations on one fielding run."""

from typing import Any

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import Call, Handler, Reply
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


def list_fielding_runs(call: Call) -> Reply:
    """List the runs of a target group: none or one."""
    run = call.target_group().run
    return Reply(200, {"data": [] if run is None else [_item(run, call)], "has_more": False})


def get_fielding_run(call: Call) -> Reply:
    """Read a run and its entity tag."""
    run = call.fielding_run()
    return Reply(200, _item(run, call), {"ETag": run.etag})


def update_fielding_run(call: Call) -> Reply:
    """Give a run other dates.

    The start must not be in the past, unless it is the one that the run has: without that nobody could extend a live
    run. The documents do not say so, but leave no other way.
    """
    run = call.fielding_run()
    call.require_match(run.etag)
    start_at, end_at = read_timestamps(call.json_object(), "start_fielding_at", "end_fielding_at")
    if start_at < call.now and start_at != run.start_at:
        raise problems.bad_request("The dates are invalid.", start_fielding_at="It is in the past.")
    if end_at < start_at:
        raise problems.bad_request("The dates are invalid.", end_fielding_at="It is before the start.")
    try:
        run = call.target_group().move(start_at, end_at, at=call.now, request=call.recorded.index)
    except TransitionRefusedError as refusal:
        raise problems.invalid_state(str(refusal)) from None
    return Reply(202, {"id": run.id}, {"ETag": run.etag})


def launch_now(call: Call) -> Reply:
    """Launch a scheduled run at once, and answer its new dates."""
    run = _apply(LAUNCH_NOW, call)
    return Reply(200, _dates(run), {"ETag": run.etag})


def run_action(transition: Transition) -> Handler:
    """The handler that takes one action on a run, and answers its new entity tag alone.

    Args:
        transition: What it does to the run.
    """

    def handler(call: Call) -> Reply:
        return Reply(204, headers={"ETag": _apply(transition, call).etag})

    return handler


def _apply(transition: Transition, call: Call) -> FieldingRun:
    run = call.fielding_run()
    call.require_match(run.etag)
    try:
        return call.target_group().apply(transition, at=call.now, request=call.recorded.index)
    except TransitionRefusedError as refusal:
        raise problems.invalid_state(str(refusal)) from None


def _item(run: FieldingRun, call: Call) -> dict[str, object]:
    return {
        "id": run.id,
        "last_changed_at": write_timestamp(run.last_changed_at),
        "last_changed_by": call.world.user_id,
        **_dates(run),
        "status": run.status,
        "version": run.version,
    }


def _dates(run: FieldingRun) -> dict[str, object]:
    return {"start_fielding_at": write_timestamp(run.start_at), "end_fielding_at": write_timestamp(run.end_at)}


def get_assistant(call: Call) -> Reply:
    """Read the modules, null for each that is off, and their entity tag; 404 if there never were any."""
    group = call.target_group()
    if group.assistant is None:
        raise problems.not_found("fielding assistant assignment")
    return Reply(200, {**dict.fromkeys(MODULES), **group.assistant}, {"ETag": _etag(group)})


def put_assistant(call: Call) -> Reply:
    """Replace all modules: one that is left out is off from then on."""
    group = call.target_group()
    _require_tag(group, call)
    body: dict[str, Any] = call.json_object()
    check_modules(body, call.now)
    assigned = {name: module for name, module in body.items() if module is not None}
    changes = module_changes(group.assistant or {}, assigned)
    group.assign(assigned, changes, at=call.now, request=call.recorded.index)
    return Reply(204)


def _require_tag(group: TargetGroup, call: Call) -> None:
    """The first assignment is guarded by `If-None-Match: *`, every other one by `If-Match`."""
    if call.recorded.headers.get("If-None-Match", "").strip() == "*":
        if group.assistant is not None:
            raise problems.precondition_failed()
    elif group.assistant is None and "If-Match" in call.recorded.headers:
        raise problems.precondition_failed()
    else:
        call.require_match(_etag(group))


def _etag(group: TargetGroup) -> str:
    return f'W/"{group.assistant_version}"'
