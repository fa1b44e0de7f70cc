"""Handlers that read projects, accounts and users."""

from collections.abc import Sequence
from statistics import fmean, median
from typing import Any, Final

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.context import HandlerResponse, RequestContext
from fieldingkit.sandbox.formats import write_timestamp
from fieldingkit.sandbox.model.definitions import BUSINESS_UNITS
from fieldingkit.sandbox.model.projects import Account, Project, User
from fieldingkit.sandbox.model.statistics import Progress
from fieldingkit.sandbox.parameters import UUID, read_choices, read_page, read_string, read_text

__all__ = [
    "create_project",
    "get_project",
    "get_project_overview",
    "get_user_business_unit",
    "list_accounts",
    "list_projects",
    "list_service_clients",
    "list_users",
    "update_project",
]

_REFERENCE: Final = "[a-zA-Z0-9_ -]{3,128}"


def list_projects(context: RequestContext) -> HandlerResponse:
    """List the projects of an account, oldest first."""
    query = context.recorded.query
    manager_id = read_text(query, "project_manager_id", UUID.pattern)
    statuses = read_choices(query, "status", {"active", "inactive"})
    search = (read_text(query, "search_string", ".{5,128}") or read_text(query, "name") or "").casefold()

    def keeps(project: Project) -> bool:
        return (
            (manager_id is None or project.manager_id == manager_id.lower())
            and (statuses is None or _status(project, context) in statuses)
            and (not search or project.matches(search) or bool(project.readable_ids_matching(search)))
        )

    page = read_page(
        query, context.state.projects_of.get(context.account_id, []), cursor_of=lambda project: project.id, keeps=keeps
    )
    return HandlerResponse(
        200,
        {
            # Without /v1 and /demand, as in the contract's example.
            "url": f"/accounts/{context.account_id}/projects",
            "has_more": page.next_cursor is not None,
            "next_cursor": page.next_cursor,
            "projects": [_item(project, context, search) for project in page.items],
        },
    )


def get_project(context: RequestContext) -> HandlerResponse:
    """Return a project and its entity tag."""
    project = context.project()
    return HandlerResponse(
        200,
        {
            "id": project.id,
            "human_readable_id": project.human_readable_id,
            "name": project.name,
            "project_manager_id": project.manager_id,
            "account_id": project.account_id,
            **_reference(project),
        },
        {"ETag": project.etag},
    )


def create_project(context: RequestContext) -> HandlerResponse:
    """Create a project, which can be read a moment later."""
    body, account = context.json_object(), context.state.accounts[context.account_id]
    name, manager_id, reference = _writable(body, account)

    def create() -> HandlerResponse:
        project = Project(
            context.state.identifiers.ulid(),
            context.account_id,
            number=context.state.next_project_number(),
            manager_id=manager_id,
            created_at=context.now,
            name=name,
            reference=reference,
        )
        context.state.create_project(project)
        return HandlerResponse(202, {"id": project.id}, {"ETag": project.etag})

    return context.once(create)


def update_project(context: RequestContext) -> HandlerResponse:
    """Replace the name, the manager and the reference of a project; a reference that is left out is deleted."""
    project, body = context.project(), context.json_object()
    name, manager_id, reference = _writable(body, context.state.accounts[context.account_id])

    def update() -> HandlerResponse:
        context.require_match(project.etag)
        project.update(name=name, manager_id=manager_id, reference=reference)
        project.last_activity_at = context.now
        return HandlerResponse(
            200,
            {"id": project.id, "human_readable_id": project.human_readable_id},
            {"Idempotency-Key": context.recorded.headers["Idempotency-Key"]},
        )

    return context.once(update)


def _writable(body: dict[str, Any], account: Account) -> tuple[str, str, str | None]:
    """Return the name, the manager and the reference in a body."""
    name = read_string(body, "name", r"(?s)\s*\S.{3,126}\S\s*").strip()
    manager_id = read_string(body, "project_manager_id", UUID.pattern).lower()
    if manager_id not in {user.id for user in account.project_managers}:
        raise problems.bad_request("The user is unknown.", project_manager_id="Is not a project manager here.")
    name_of_reference = "project_customer_reference_number"
    reference = None if body.get(name_of_reference) is None else read_string(body, name_of_reference, _REFERENCE)
    return name, manager_id, reference


def _reference(project: Project) -> dict[str, str]:
    return {} if project.reference is None else {"project_customer_reference_number": project.reference}


def get_project_overview(context: RequestContext) -> HandlerResponse:
    """Return a project and the statistics of its target groups."""
    project = context.project()
    return HandlerResponse(
        200,
        {
            "id": project.id,
            "human_readable_id": project.human_readable_id,
            "name": project.name,
            **_reference(project),
            "account_id": project.account_id,
            "status": _status(project, context),
            "statistics": _statistics(project, context),
            "project_manager_id": project.manager_id,
            "created_at": write_timestamp(project.created_at),
        },
    )


def _item(project: Project, context: RequestContext, search: str) -> dict[str, Any]:
    found = project.readable_ids_matching(search) if search else []
    return {
        "id": project.id,
        "human_readable_id": project.human_readable_id,
        "account_id": project.account_id,
        "name": project.name,
        **_reference(project),
        "target_group_count": len(project.groups),
        "status": _status(project, context),
        "last_activity_at": write_timestamp(project.last_activity_at),
        "statistics": _statistics(project, context),
        **({"target_group_human_readable_ids": found} if found else {}),
    }


def _status(project: Project, context: RequestContext) -> str:
    return "active" if project.is_active_at(context.now) else "inactive"


def _statistics(project: Project, context: RequestContext) -> dict[str, Any]:
    figures = [group.progress_at(context.now) for group in project.groups]
    return {
        "filling_goal": sum(figure.goal for figure in figures),
        "current_completes": sum(figure.completes for figure in figures),
        "current_prescreens": sum(figure.prescreens for figure in figures),
        **_rates([figure for figure in figures if figure.completes]),
    }


def _rates(figures: Sequence[Progress]) -> dict[str, Any]:
    """Return medians and means over the target groups that have any completes."""
    if not figures:
        return dict.fromkeys(
            (
                "incidence_rate_median",
                "length_of_interview_median_seconds",
                "conversion_rate_average",
                "drop_off_rate_average",
            ),
            0,
        )
    return {
        "incidence_rate_median": median(figure.incidence_rate for figure in figures),
        "length_of_interview_median_seconds": int(
            median(figure.median_length_of_interview_seconds for figure in figures)
        ),
        "conversion_rate_average": round(fmean(figure.conversion_rate for figure in figures), 4),
        "drop_off_rate_average": round(fmean(figure.drop_off_rate for figure in figures), 4),
    }


def list_accounts(context: RequestContext) -> HandlerResponse:
    """List all accounts; every token gives access to them."""
    accounts = context.state.accounts.values()
    return HandlerResponse(200, {"accounts": [{"id": account.id, "name": account.name} for account in accounts]})


def list_users(context: RequestContext) -> HandlerResponse:
    """List the users of an account."""
    account = context.state.accounts[context.account_id]
    return HandlerResponse(200, {"users": _users(context, account.users)})


def list_service_clients(context: RequestContext) -> HandlerResponse:
    """List the service clients of an account."""
    account = context.state.accounts[context.account_id]
    return HandlerResponse(200, {"users": _users(context, (account.service_client,))})


def _users(context: RequestContext, users: Sequence[User]) -> list[dict[str, Any]]:
    wants_managers = read_choices(context.recorded.query, "user_type", {"project_manager"}) is not None
    return [
        {"id": user.id, "email": user.email, "name": user.name}
        for user in users
        if user.is_project_manager or not wants_managers
    ]


def get_user_business_unit(context: RequestContext) -> HandlerResponse:
    """Return the default business unit of a user, which is the first one for each of them."""
    account = context.state.accounts[context.account_id]
    if context.parameters["user_id"].lower() not in {user.id for user in account.users}:
        raise problems.not_found("user")
    return HandlerResponse(200, {"business_unit_id": next(iter(BUSINESS_UNITS))})
