"""Handlers of profile templates."""

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.model.profile_templates import ProfileTemplate, check_template
from fieldingkit.sandbox.parameters import read_page, read_text

__all__ = ["create_template", "delete_template", "get_template", "list_templates", "update_template"]


def list_templates(context: RequestContext) -> HandlerResponse:
    """List the templates that an account can use, newest first unless another order is asked for."""
    query = context.recorded.query
    scope, locales = read_text(query, "scope", "global|account"), _locales(context)
    templates = context.state.profile_templates.all(context.account_id)
    page = read_page(
        query,
        templates if read_text(query, "order", "asc|desc") == "asc" else templates[::-1],
        cursor_of=lambda template: template.id,
        keeps=lambda template: template.is_for(locales) and scope in {None, template.scope},
        is_sorted=False,
    )
    return HandlerResponse(
        200,
        {
            "templates": [template.json(with_profiles=False) for template in page.items],
            "next_cursor": page.next_cursor,
        },
    )


def create_template(context: RequestContext) -> HandlerResponse:
    """Create a template of the account. There is no idempotency key: each request creates one."""
    settings = check_template(context.json_object())
    return HandlerResponse(201, context.state.profile_templates.create(context.account_id, settings).json())


def get_template(context: RequestContext) -> HandlerResponse:
    """Return a template; 404 if it is for none of the locales that are asked for."""
    template = _template(context)
    if not template.is_for(_locales(context)):
        raise problems.not_found("template")
    return HandlerResponse(200, template.json())


def update_template(context: RequestContext) -> HandlerResponse:
    """Replace a template of the account. No entity tag guards this."""
    template = _own_template(context)
    template.settings = check_template(context.json_object())
    return HandlerResponse(200, template.json())


def delete_template(context: RequestContext) -> HandlerResponse:
    """Delete a template of the account."""
    context.state.profile_templates.delete(context.account_id, _own_template(context).id)
    return HandlerResponse(204)


def _template(context: RequestContext) -> ProfileTemplate:
    template = context.state.profile_templates.find(context.account_id, context.parameters["profile_template_id"])
    if template is None:
        raise problems.not_found("template")
    return template


def _own_template(context: RequestContext) -> ProfileTemplate:
    """Return the template in the path; 403 if it is one of all accounts."""
    template = _template(context)
    if template.scope == "global":
        raise problems.forbidden()
    return template


def _locales(context: RequestContext) -> list[str] | None:
    locales = read_text(context.recorded.query, "locales", "[a-z]{3}_[a-z]{2}(,[a-z]{3}_[a-z]{2})*")
    return None if locales is None else locales.split(",")
