"""Handlers of the operations on one fielding run."""

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.bodies import read_timestamps
from fieldingkit.sandbox.calls import Call, Handler, Reply
from fieldingkit.sandbox.fielding import FieldingRun
from fieldingkit.sandbox.timestamps import write_timestamp
from fieldingkit.sandbox.transitions import LAUNCH_NOW, Transition, TransitionRefusedError

__all__ = ["action", "get", "launch_now", "list_", "update"]


def list_(call: Call) -> Reply:
    """List the runs of a target group: none or one."""
    run = call.target_group().run
    return Reply(200, {"data": [] if run is None else [_item(run, call)], "has_more": False})


def get(call: Call) -> Reply:
    """Read a run and its entity tag."""
    run = call.fielding_run()
    return Reply(200, _item(run, call), {"ETag": run.etag})


def update(call: Call) -> Reply:
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


def action(transition: Transition) -> Handler:
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
