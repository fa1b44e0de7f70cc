"""Handlers of the operations on exclusions within a project, by activity, and of uploaded respondents."""

from datetime import datetime
from functools import partial
from typing import Any, Final, cast

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import Handler, HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import ULID, write_timestamp
from fieldingkit.sandbox.handlers.file_jobs import read_entity_type, read_file, read_file_job, start_file_job
from fieldingkit.sandbox.model.drafts import check_exclusions, store_exclusion
from fieldingkit.sandbox.model.exclusions import ENTITY_TYPES, EntityType, completed_by
from fieldingkit.sandbox.model.file_jobs import IdFile, add_ids, read_ids
from fieldingkit.sandbox.model.state import SandboxState
from fieldingkit.sandbox.model.target_groups import TargetGroup
from fieldingkit.sandbox.parameters import read_page

__all__ = [
    "get_activity_exclusions",
    "get_overview",
    "get_policy",
    "get_project_exclusions",
    "get_removal_job",
    "get_upload_job",
    "list_excluded",
    "remove_all",
    "set_activity_exclusions",
    "update_project_exclusions",
    "upload",
]

_ACTIVITY: Final = "respondent_activity_exclusions"
_UPLOAD: Final = "upload-exclusions"
_REMOVAL: Final = "remove-all-exclusions"
_FAMILY: Final = "exclusions"


def get_project_exclusions(context: RequestContext) -> HandlerResponse:
    """List the target groups of a project, and whether they take part in the exclusion within it; an array."""
    return HandlerResponse(
        200,
        [
            {"target_group_id": group.id, "project_exclusion_enabled": group.settings.excludes}
            for group in context.project().groups
        ],
    )


def update_project_exclusions(context: RequestContext) -> HandlerResponse:
    """Change which target groups take part; the body is an array, and all others stay as they are."""
    known = {group.id: group for group in context.project().groups}
    changes: dict[str, bool] = {}
    for entry in context.json_list():
        fields = cast("dict[str, Any]", entry if isinstance(entry, dict) else {})
        target_group_id, enabled = fields.get("target_group_id"), fields.get("project_exclusion_enabled")
        if not isinstance(enabled, bool) or not isinstance(target_group_id, str):
            raise problems.bad_request("A member is missing or malformed.", project_exclusion_enabled="Is required.")
        if not ULID.fullmatch(target_group_id):
            raise problems.bad_request("An id is malformed.", target_group_id="Must be a ULID.")
        if target_group_id not in known:
            raise problems.not_found("target group")
        changes[target_group_id] = enabled
    for target_group_id, enabled in changes.items():
        group = known[target_group_id]
        group.settings = group.settings.with_member("exclusion", {"enabled": enabled})
        context.state.exclusions.policies[target_group_id] = context.now
    return HandlerResponse(204)


def get_policy(context: RequestContext) -> HandlerResponse:
    """Return whether a target group takes part in the exclusion within its project."""
    group = context.target_group()
    updated_at = context.state.exclusions.policies.get(group.id)
    updated = {} if updated_at is None else {"update_date": write_timestamp(updated_at)}
    return HandlerResponse(
        200,
        {
            "project_exclusion_enabled": group.settings.excludes,
            "create_date": write_timestamp(group.settings.created_at),
            "updated_by": context.state.user_id,
            **updated,
        },
    )


def get_activity_exclusions(context: RequestContext) -> HandlerResponse:
    """Return the exclusions by activity."""
    return HandlerResponse(200, {_ACTIVITY: context.target_group().settings.members.get(_ACTIVITY, [])})


def set_activity_exclusions(context: RequestContext) -> HandlerResponse:
    """Replace the exclusions by activity."""
    group, body = context.target_group(), context.json_object()
    default = {"duration": body["duration"]} if "duration" in body else {}
    if _ACTIVITY not in body:
        raise problems.bad_request("The list is missing.", **{_ACTIVITY: "Is required."})
    check_exclusions({_ACTIVITY: [{"type": "project", "id": group.project_id, **default}]})
    check_exclusions(body)
    exclusions = [store_exclusion({**default, **entry}) for entry in body[_ACTIVITY]]
    if any(entry["id"] in {group.id, group.project_id} for entry in exclusions):
        raise problems.bad_request("A target group cannot exclude itself.", **{_ACTIVITY: "Has the target group."})
    group.settings = group.settings.with_member(_ACTIVITY, exclusions)
    return HandlerResponse(204)


def get_overview(context: RequestContext) -> HandlerResponse:
    """Return the number of uploaded ids."""
    group, exclusions = context.target_group(), context.state.exclusions
    return HandlerResponse(
        200,
        {
            "saved_respondent_ids_count": len(exclusions.uploaded(group.id, "RSID")),
            "saved_access_respondent_guids_count": len(exclusions.uploaded(group.id, "ACCESS_RESPONDENT_GUID")),
        },
    )


def list_excluded(entity_type: EntityType, path: str) -> Handler:
    """Return the handler that lists excluded respondents by one kind of id: uploaded ones, and those of other groups.

    Args:
        entity_type: The kind of id.
        path: The end of the path.
    """

    def handler(context: RequestContext) -> HandlerResponse:
        group, state = context.target_group(), context.state
        ids = set(state.exclusions.uploaded(group.id, entity_type))
        for other in state.exclusions.related(group, context.project().groups):
            ids.update(completed_by(state.groups[other], entity_type))
        page = read_page(context.recorded.query, sorted(ids), cursor_of=lambda one: one, default=1000, largest=1000)
        cursor = {} if page.next_cursor is None else {"next_cursor": page.next_cursor}
        url = f"accounts/{context.account_id}/projects/{group.project_id}/target-groups/{group.id}/exclusions/{path}"
        return HandlerResponse(200, {"data": [*page.items], **cursor, "url": url})

    return handler


def upload(context: RequestContext) -> HandlerResponse:
    """Create a job that adds the ids of a file."""
    entity_type, file = _entity_type(context), read_file(context)
    ids = read_ids(file.content)
    return start_file_job(
        context,
        kind=_UPLOAD,
        family=_FAMILY,
        success="Success",
        rows=ids.rows,
        act=partial(_add, context.state, entity_type, ids),
    )


def remove_all(context: RequestContext) -> HandlerResponse:
    """Create a job that removes all uploaded ids of one kind, at its end."""
    entity_type = _entity_type(context)
    return start_file_job(
        context,
        kind=_REMOVAL,
        family=_FAMILY,
        success="Success",
        rows=len(context.state.exclusions.uploaded(context.target_group().id, entity_type)),
        act=partial(_remove, context.state, entity_type),
    )


def get_upload_job(context: RequestContext) -> HandlerResponse:
    """Return an upload."""
    return read_file_job(context, _UPLOAD)


def get_removal_job(context: RequestContext) -> HandlerResponse:
    """Return a removal."""
    return read_file_job(context, _REMOVAL)


def _entity_type(context: RequestContext) -> EntityType:
    chosen = read_entity_type(context, *ENTITY_TYPES)
    return next(one for one in ENTITY_TYPES if one == chosen)


def _add(state: SandboxState, entity_type: EntityType, file: IdFile, group: TargetGroup, at: datetime) -> str | None:
    note = add_ids(state.exclusions.uploaded(group.id, entity_type), file.ids, file.invalid)
    state.update_admission(group, at)
    return note


def _remove(state: SandboxState, entity_type: EntityType, group: TargetGroup, at: datetime) -> None:
    state.exclusions.uploaded(group.id, entity_type).clear()
    state.update_admission(group, at)
