"""Handlers of the allocations of target groups, and of the templates of business units."""

from collections.abc import Mapping
from typing import Any

import attrs

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.handlers.allocation_templates import account_template, check_locale, global_template
from fieldingkit.sandbox.handlers.pricing import business_unit
from fieldingkit.sandbox.model.allocation_templates import SYSTEM_ENTRIES, AllocationTemplate, read_for_business_unit
from fieldingkit.sandbox.model.allocations import OPEN, check_allocations, count_suppliers, store_allocations
from fieldingkit.sandbox.model.target_groups import TargetGroup

__all__ = [
    "get_account_template",
    "get_allocations",
    "get_global_template",
    "get_system_template",
    "update_allocations",
]


def get_allocations(context: RequestContext) -> HandlerResponse:
    """Return the allocations of a target group, with the respondents of each supplier."""
    group = context.target_group()
    progress = group.progress_at(context.now)
    return HandlerResponse(200, count_suppliers(_stored(group, context), progress.ledger, group.goal))


def update_allocations(context: RequestContext) -> HandlerResponse:
    """Replace the allocations of a target group in any status. No entity tag guards this."""
    group, body = context.target_group(), context.json_object()
    if body.get("private_exchange_allocations") is None:
        raise problems.bad_request("The private exchange is missing.", private_exchange_allocations="Is required.")
    check_allocations({"allocations": body}, suppliers="supplier_ids")
    known = {one["group_id"] for one in _groups(_stored(group, context))}
    if any(one["group_id"] not in known for one in _groups(body) if one.get("group_id") is not None):
        raise problems.bad_request("A group does not exist.", group_id="Is not the id of a group.")
    stored = store_allocations(body, context.state.identifiers.ulid, suppliers="supplier_ids")
    group.replace_details(
        attrs.evolve(group.settings, allocations=stored),
        (),
        manager_id=group.manager_id,
        at=context.now,
        request=context.recorded.index,
    )
    group.ledger.set_suppliers(group.settings.supplier_ids)
    return HandlerResponse(204)


def _stored(group: TargetGroup, context: RequestContext) -> Mapping[str, Any]:
    allocations = group.settings.allocations
    return store_allocations(OPEN, context.state.identifiers.ulid) if allocations is None else allocations


def _groups(allocations: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        group
        for name in ("open_exchange_allocations", "private_exchange_allocations")
        for group in allocations[name].get("groups") or ()
    ]


def get_account_template(context: RequestContext) -> HandlerResponse:
    """Return a template of the account for a business unit and a locale."""
    return _for_business_unit(account_template(context), context)


def get_global_template(context: RequestContext) -> HandlerResponse:
    """Return a template of all accounts for a business unit and a locale."""
    return _for_business_unit(global_template(context), context)


def get_system_template(context: RequestContext) -> HandlerResponse:
    """Return the system's template for a business unit and a locale."""
    _check(context)
    body = read_for_business_unit(SYSTEM_ENTRIES)
    opened = {name: value for name, value in body["open_exchange_allocations"].items() if name.startswith("exchange")}
    return HandlerResponse(200, {**body, "template_name": "System", "open_exchange_allocations": opened})


def _for_business_unit(template: AllocationTemplate, context: RequestContext) -> HandlerResponse:
    _check(context)
    return HandlerResponse(
        200,
        {
            "template_id": template.id,
            "template_name": template.name,
            **read_for_business_unit(template.entries),
            "last_modified_at": write_timestamp(template.changed_at),
            "last_modified_by": template.changed_by,
        },
        {"ETag": template.etag},
    )


def _check(context: RequestContext) -> None:
    business_unit(context)
    check_locale(context, required=True)
