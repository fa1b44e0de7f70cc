"""Handlers that create, read and replace drafts, and change the details of launched target groups."""

from datetime import datetime
from typing import Any, Final, cast

import attrs

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.model.drafts import check_details, check_draft, price_of, store_draft
from fieldingkit.sandbox.model.fielding_runs import ValueChange
from fieldingkit.sandbox.model.profile_templates import ProfileTemplate
from fieldingkit.sandbox.model.settings import Settings
from fieldingkit.sandbox.model.target_groups import TargetGroup

__all__ = [
    "create_target_group",
    "get_target_group",
    "get_target_group_details",
    "update_target_group",
    "update_target_group_details",
]


def create_target_group(context: RequestContext) -> HandlerResponse:
    """Create a draft. There is no idempotency key: each request creates one."""
    project = context.project()
    settings, stored = _read_settings(context, len(context.state.groups) + 1, context.now)
    group = TargetGroup(
        context.state.identifiers.ulid(),
        project.id,
        hooks=context.state,
        settings=stored,
        run=None,
        archived=False,
        goal=settings["completes_goal"],
        price=price_of(settings),
        manager_id=settings["project_manager_id"].lower(),
        assistant=settings["fielding_assistant_assignment"],
    )
    context.state.add_groups(project, [group])
    project.last_activity_at = context.now
    return HandlerResponse(201, {"id": group.id})


def update_target_group(context: RequestContext) -> HandlerResponse:
    """Replace all settings of a draft; 404 for any other target group. No entity tag guards this."""
    group = context.target_group()
    if group.status_at(context.now) != "draft":
        raise problems.not_found("draft")
    settings, stored = _read_settings(context, group.settings.number, group.settings.created_at)
    group.replace_draft(
        stored,
        goal=settings["completes_goal"],
        price=price_of(settings),
        manager_id=settings["project_manager_id"].lower(),
        assistant=settings["fielding_assistant_assignment"],
        at=context.now,
        request=context.recorded.index,
    )
    return HandlerResponse(204)


def _read_settings(context: RequestContext, number: int, created_at: datetime) -> tuple[dict[str, Any], Settings]:
    """Return the settings in a request, and the form in which they are read."""
    body = context.json_object()
    template = _template(body.get("profiling"), context)
    if template is not None:
        given = {name: value for name, value in body["profiling"].items() if name != "template_id"}
        body = {**body, "profiling": {**given, "profiles": template.applied_to(given.get("profiles") or [])}}
    settings = check_draft(body, _managers(context), context.now)
    stored = store_draft(number, created_at, settings, context.state.identifiers.ulid)
    if template is not None:
        stored = attrs.evolve(stored, profiling={"template_id": template.id, **(stored.profiling or {})})
    return settings, stored


def _template(profiling: object, context: RequestContext) -> ProfileTemplate | None:
    """Return the template that the profiling of a request names; 400 if there is none, or the goals are numbers."""
    given = cast("dict[str, Any]", profiling if isinstance(profiling, dict) else {})
    template_id = given.get("template_id")
    if template_id is None:
        return None
    template = context.state.profile_templates.find(context.account_id, str(template_id))
    name = "profiling.template_id"
    if template is None:
        raise problems.bad_request("The template does not exist.", **{name: "Is unknown."})
    if given.get("profile_adjustment_type") != "percentage":
        raise problems.bad_request("The template does not fit.", **{name: "Allows percentages only."})
    return template


def _managers(context: RequestContext) -> set[str]:
    return {user.id for user in context.state.accounts[context.account_id].project_managers}


def get_target_group(context: RequestContext) -> HandlerResponse:
    """Return a draft; redirect to the details of any other target group."""
    group = context.target_group()
    if group.status_at(context.now) != "draft":
        return HandlerResponse(301, headers={"Location": f"{context.recorded.path.removeprefix('/v1')}/details"})
    members = group.settings.members
    copied = {
        name: members[name]
        for name in ("exclusion", "respondent_activity_exclusions", "re_entry_configuration")
        if name in members
    }
    pricing: dict[str, Any] = (group.assistant or {}).get("pricing") or {}
    by_card = pricing.get("type") == "rate_card"
    body = {
        **_settings(group),
        **copied,
        "business_unit_id": group.settings.business_unit_id,
        "pricing_model": "rate_card" if by_card else "dynamic",
        **({} if by_card else {"cost_per_interview": group.price.json()}),
        "fielding_specification": dict(
            zip(("start_at", "end_at"), map(write_timestamp, group.settings.planned_dates), strict=True)
        ),
        "links": _links(group),
    }
    if group.assistant is not None:
        body["fielding_assistant_assignment"] = group.assistant
    if group.settings.profiling is not None:
        body["profiling"] = group.settings.profiling
    if group.settings.allocations is not None:
        body["allocations"] = group.settings.allocations
    return HandlerResponse(200, body)


def get_target_group_details(context: RequestContext) -> HandlerResponse:
    """Return a launched target group; 404 for a draft."""
    return _details(context.launched_target_group(), context)


def _details(group: TargetGroup, context: RequestContext) -> HandlerResponse:
    return HandlerResponse(
        200,
        {
            **_settings(group),
            "id": group.id,
            "account_name": context.state.accounts[context.account_id].name,
            "business_unit_id": str(group.settings.business_unit_id),
            "links": {
                "test_screener": f"https://screener.example/{group.settings.human_readable_id}",
                **_links(group),
            },
        },
    )


_RECORDED: Final = {
    "name": "name_change",
    "live_url": "live_url_change",
    "test_url": "test_url_change",
    "industry_lockout_code": "industry_lockout_code_change",
    "expected_length_of_interview_minutes": "expected_length_of_interview_minutes_change",
    "expected_incidence_rate": "expected_incidence_rate_change",
    "target_group_customer_reference_number": "target_group_customer_reference_number_change",
}
"""The API's name of a change, by setting."""


def update_target_group_details(context: RequestContext) -> HandlerResponse:
    """Change the details of a launched target group; all of them are replaced. No entity tag guards this."""
    group = context.launched_target_group()
    changed = check_details(context.json_object(), _managers(context))
    before = group.settings.members
    after = {**before, **changed}
    changes = tuple(
        ValueChange(object=kind, old=before.get(name), new=after.get(name))
        for name, kind in _RECORDED.items()
        if before.get(name) != after.get(name)
    )
    group.replace_details(
        attrs.evolve(group.settings, given=after, is_seeded=group.settings.is_seeded or group.settings.given is None),
        changes,
        manager_id=changed["project_manager_id"].lower(),
        at=context.now,
        request=context.recorded.index,
    )
    return _details(group, context)


def _links(group: TargetGroup) -> dict[str, str]:
    members = group.settings.members
    return {"test_client_survey": members["test_url"]} if "test_url" in members else {}


def _settings(group: TargetGroup) -> dict[str, Any]:
    settings = group.settings
    note = settings.members.get("client_cost_per_interview_note")
    names = [
        "collects_pii",
        "study_type_code",
        "industry_code",
        "industry_lockout_code",
        "expected_length_of_interview_minutes",
        "expected_incidence_rate",
        "live_url",
        "test_url",
    ]
    return {
        "human_readable_id": settings.human_readable_id,
        "name": settings.name,
        "locale": settings.locale,
        **{name: settings.members[name] for name in names if name in settings.members},
        "client_id": settings.members.get("client_id"),
        "project_manager_id": group.manager_id,
        "completes_goal": group.goal,
        "created_at": write_timestamp(settings.created_at),
        **({} if settings.reference is None else {"target_group_customer_reference_number": settings.reference}),
        **({} if note is None else {"client_cost_per_interview_note": {**note, "currency_scale": 2}}),
    }
