"""Handlers of the operations on exclusion groups."""

from collections.abc import Sequence
from typing import Any, Final

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.model.exclusions import ExclusionGroup
from fieldingkit.sandbox.parameters import read_page, read_string, read_target_group_ids

__all__ = [
    "add_target_groups",
    "create_exclusion_group",
    "delete_exclusion_group",
    "get_exclusion_group",
    "list_exclusion_groups",
    "list_target_group_exclusion_groups",
    "list_target_groups",
    "remove_target_groups",
    "update_exclusion_group",
]

_MOST_MEMBERS: Final = 100
_TAG: Final = r"(?s).{1,128}"
_DESCRIPTION: Final = r"(?s).{0,500}"


def list_exclusion_groups(context: RequestContext) -> HandlerResponse:
    """List the exclusion groups of an account, the oldest first."""
    owned = [group for group in context.state.exclusions.groups.values() if group.account_id == context.account_id]
    return _groups_page(context, owned, default=1000, largest=1000)


def create_exclusion_group(context: RequestContext) -> HandlerResponse:
    """Create an exclusion group; several may have the same tag."""
    body = context.json_object()
    group = ExclusionGroup(
        id=context.state.identifiers.ulid(),
        account_id=context.account_id,
        tag=read_string(body, "tag", _TAG),
        description=read_string(body, "description", _DESCRIPTION),
        created_at=context.now,
    )
    context.state.exclusions.groups[group.id] = group
    return HandlerResponse(201, {"exclusion_group_id": group.id})


def get_exclusion_group(context: RequestContext) -> HandlerResponse:
    """Return an exclusion group."""
    return HandlerResponse(200, _item(_group(context)))


def update_exclusion_group(context: RequestContext) -> HandlerResponse:
    """Change the tag or the description of an exclusion group; omitted fields stay."""
    group, body = _group(context), context.json_object()
    tag = read_string(body, "tag", _TAG) if "tag" in body else group.tag
    description = read_string(body, "description", _DESCRIPTION) if "description" in body else group.description
    group.tag, group.description, group.updated_at = tag, description, context.now
    return HandlerResponse(204)


def delete_exclusion_group(context: RequestContext) -> HandlerResponse:
    """Delete an exclusion group; 409 while it has target groups."""
    group = _group(context)
    if group.members:
        raise problems.conflict("The exclusion group still has target groups.")
    del context.state.exclusions.groups[group.id]
    return HandlerResponse(204)


def list_target_groups(context: RequestContext) -> HandlerResponse:
    """List the target groups of an exclusion group."""
    group = _group(context)
    page = read_page(
        context.recorded.query,
        list(group.members),
        cursor_of=lambda target_group_id: target_group_id,
        default=1000,
        largest=1000,
        is_sorted=False,
    )
    return _page(page.items, page.next_cursor, f"{_url(context)}/{group.id}/exclusions/target-groups")


def add_target_groups(context: RequestContext) -> HandlerResponse:
    """Add target groups of the account to an exclusion group; those that it has already do no harm."""
    group, ids = _group(context), read_target_group_ids(context.json_object(), "data")
    for target_group_id in ids:
        target_group = context.state.groups.get(target_group_id)
        if target_group is None or context.state.projects[target_group.project_id].account_id != context.account_id:
            raise problems.not_found("target group")
    members = {**group.members, **dict.fromkeys(ids)}
    if len(members) > _MOST_MEMBERS:
        raise problems.bad_request("The exclusion group is full.", data=f"A group can have {_MOST_MEMBERS}.")
    group.members, group.updated_at = members, context.now
    return HandlerResponse(204)


def remove_target_groups(context: RequestContext) -> HandlerResponse:
    """Remove target groups from an exclusion group; those that it does not have do no harm."""
    group, ids = _group(context), read_target_group_ids(context.json_object(), "data")
    group.members = {member: None for member in group.members if member not in ids}
    group.updated_at = context.now
    return HandlerResponse(204)


def list_target_group_exclusion_groups(context: RequestContext) -> HandlerResponse:
    """List the exclusion groups of a target group; an unknown target group has none."""
    target_group_id = context.parameters["target_group_id"]
    groups = context.state.exclusions.groups_of(target_group_id)
    owned = [group for group in groups if group.account_id == context.account_id]
    return _groups_page(context, owned, default=10, largest=100)


def _group(context: RequestContext) -> ExclusionGroup:
    group = context.state.exclusions.groups.get(context.parameters["exclusion_group_id"])
    if group is None or group.account_id != context.account_id:
        raise problems.not_found("exclusion group")
    return group


def _groups_page(
    context: RequestContext, groups: Sequence[ExclusionGroup], *, default: int, largest: int
) -> HandlerResponse:
    page = read_page(context.recorded.query, groups, cursor_of=lambda group: group.id, default=default, largest=largest)
    return _page([_item(group) for group in page.items], page.next_cursor, _url(context))


def _page(items: Sequence[object], next_cursor: str | None, url: str) -> HandlerResponse:
    cursor = {} if next_cursor is None else {"next_cursor": next_cursor}
    return HandlerResponse(200, {"data": [*items], **cursor, "url": url})


def _url(context: RequestContext) -> str:
    return f"accounts/{context.account_id}/exclusion-groups"


def _item(group: ExclusionGroup) -> dict[str, Any]:
    # The contract's examples have this null, although its schema does not allow it.
    updated_at = None if group.updated_at is None else write_timestamp(group.updated_at)
    return {
        "exclusion_group_id": group.id,
        "tag": group.tag,
        "description": group.description,
        "create_date": write_timestamp(group.created_at),
        "update_date": updated_at,
    }
