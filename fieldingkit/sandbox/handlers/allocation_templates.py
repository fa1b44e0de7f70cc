"""Handlers of allocation templates, and of the default template of an account."""

from typing import Any

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import ULID
from fieldingkit.sandbox.model.allocation_templates import (
    GLOBAL_TEMPLATES,
    SYSTEM_ENTRIES,
    AllocationTemplate,
    check_entries,
    read_entries,
)
from fieldingkit.sandbox.model.definitions import LOCALES
from fieldingkit.sandbox.parameters import Page, read_page, read_string, read_text

__all__ = [
    "account_template",
    "check_locale",
    "create_template",
    "delete_template",
    "get_association",
    "get_global_template",
    "get_system_template",
    "get_template",
    "global_template",
    "list_global_templates",
    "list_templates",
    "set_association",
    "update_template",
]


def get_association(context: RequestContext) -> HandlerResponse:
    """Return the default template of an account and its entity tag."""
    association = context.state.allocation_templates.default(context.account_id)
    return HandlerResponse(200, {"template_id": association.template_id}, {"ETag": association.etag})


def set_association(context: RequestContext) -> HandlerResponse:
    """Change the default template of an account."""
    registry, account_id = context.state.allocation_templates, context.account_id
    context.require_match(registry.default(account_id).etag)
    template_id = read_string(context.json_object(), "template_id", ULID.pattern)
    if template_id not in GLOBAL_TEMPLATES and registry.find(account_id, template_id) is None:
        raise problems.not_found("template")
    registry.set_default(account_id, template_id)
    return HandlerResponse(204)


def list_templates(context: RequestContext) -> HandlerResponse:
    """List the templates of an account, oldest first."""
    return _listed(context, context.state.allocation_templates.all(context.account_id))


def list_global_templates(context: RequestContext) -> HandlerResponse:
    """List the templates of all accounts."""
    return _listed(context, [*GLOBAL_TEMPLATES.values()])


def _listed(context: RequestContext, templates: list[AllocationTemplate]) -> HandlerResponse:
    page: Page[AllocationTemplate] = read_page(
        context.recorded.query, templates, cursor_of=lambda template: template.id, is_sorted=False
    )
    return HandlerResponse(
        200,
        {
            "templates": [template.json() for template in page.items],
            "has_more": page.next_cursor is not None,
            "next_cursor": page.next_cursor or "",
        },
    )


def create_template(context: RequestContext) -> HandlerResponse:
    """Create a template, once per idempotency key, which must be a ULID; the response names it in a header only."""
    if not ULID.fullmatch(context.recorded.headers.get("Idempotency-Key", "")):
        raise problems.bad_request(
            "The idempotency key is missing or malformed.", **{"Idempotency-Key": "Must be a ULID."}
        )
    return context.once(lambda: _create(context))


def _create(context: RequestContext) -> HandlerResponse:
    name, entries = check_entries(context.json_object())
    template = context.state.allocation_templates.create(
        context.account_id, name, entries, at=context.now, by=context.state.user_id
    )
    path = context.recorded.path.removeprefix("/v1")
    return HandlerResponse(201, headers={"Location": f"{path}/{template.id}"})


def get_template(context: RequestContext) -> HandlerResponse:
    """Return a template of an account and its entity tag."""
    return _template(account_template(context), context)


def get_global_template(context: RequestContext) -> HandlerResponse:
    """Return a template of all accounts and its entity tag."""
    template = _template(global_template(context), context)
    body: Any = template.json
    kept = {name: body[name] for name in ("template_id", "name", "supply_allocations")}
    return HandlerResponse(200, kept, template.headers)


def _template(template: AllocationTemplate, context: RequestContext) -> HandlerResponse:
    check_locale(context)
    body = {**template.json(), "supply_allocations": read_entries(template.entries)}
    return HandlerResponse(200, body, {"ETag": template.etag})


def get_system_template(context: RequestContext) -> HandlerResponse:
    """Return the system's template; all suppliers are in every market."""
    check_locale(context, required=True)
    return HandlerResponse(200, {"name": "System", "supply_allocations": read_entries(SYSTEM_ENTRIES)})


def update_template(context: RequestContext) -> HandlerResponse:
    """Replace the name and the allocations of a template."""
    template = account_template(context)
    context.require_match(template.etag)
    name, entries = check_entries(context.json_object())
    template.change(name, entries, at=context.now, by=context.state.user_id)
    return HandlerResponse(204)


def delete_template(context: RequestContext) -> HandlerResponse:
    """Delete a template. No entity tag guards this."""
    context.state.allocation_templates.delete(context.account_id, account_template(context).id)
    return HandlerResponse(204)


def account_template(context: RequestContext) -> AllocationTemplate:
    """Return the template of the account in the path; 404 if there is none."""
    template = context.state.allocation_templates.find(context.account_id, context.parameters["template_id"])
    if template is None:
        raise problems.not_found("template")
    return template


def global_template(context: RequestContext) -> AllocationTemplate:
    """Return the template of all accounts in the path; 404 if there is none."""
    template = GLOBAL_TEMPLATES.get(context.parameters["template_id"])
    if template is None:
        raise problems.not_found("template")
    return template


def check_locale(context: RequestContext, *, required: bool = False) -> None:
    """Check the locale in the query; 400 if it is unknown, or missing where it is required."""
    locale = read_text(context.recorded.query, "locale")
    if (locale is None and required) or (locale is not None and locale not in LOCALES):
        raise problems.bad_request("The locale is missing or unknown.", locale="Is unknown.")
