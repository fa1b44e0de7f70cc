"""Handlers that read and replace the fielding assistant's modules of a target group."""

from typing import Any

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.assistant_modules import MODULES, check_modules, module_changes
from fieldingkit.sandbox.calls import Call, Reply
from fieldingkit.sandbox.target_groups import TargetGroup

__all__ = ["get", "put"]


def get(call: Call) -> Reply:
    """Read the modules, null for each that is off, and their entity tag; 404 if there never were any."""
    group = call.target_group()
    if group.assistant is None:
        raise problems.not_found("fielding assistant assignment")
    return Reply(200, {**dict.fromkeys(MODULES), **group.assistant}, {"ETag": _etag(group)})


def put(call: Call) -> Reply:
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
