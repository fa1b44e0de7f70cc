"""Reads of ``doctor --deep``: one or more of each main resource, compared with the contract."""

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Final

from fieldingkit.cli.checks import Check, Severity
from fieldingkit.commands import Command
from fieldingkit.errors import ApiError, DecodeError, FieldingKitError, ForbiddenError, NotFoundError
from fieldingkit.rendering.text import pluralize
from fieldingkit.resources.accounts import ListAccountUsers
from fieldingkit.resources.allocation_templates import ListAllocationTemplates
from fieldingkit.resources.allocations import GetAllocationSpecification
from fieldingkit.resources.definitions import ListBusinessUnits, ListCountries, ListLocales, ListSuppliers
from fieldingkit.resources.exclusion_groups import ListExclusionGroups
from fieldingkit.resources.fielding_runs import GetFieldingRun, ListFieldingRuns
from fieldingkit.resources.profile_templates import ListProfileTemplates
from fieldingkit.resources.profiles import ListProfiles
from fieldingkit.resources.profiling_library import ListQuestions
from fieldingkit.resources.projects import GetProjectOverview, ListProjects
from fieldingkit.resources.reconciliations import ListReasonCodes, ListReconciliations
from fieldingkit.resources.reports import ListReports
from fieldingkit.resources.target_group_changelog import GetTargetGroupChangelog
from fieldingkit.resources.target_group_details import GetTargetGroupDetails
from fieldingkit.resources.target_group_progress import GetTargetGroupOverview
from fieldingkit.resources.target_groups import ListTargetGroups
from fieldingkit.resources.webhooks import ListWebhookEventTypes, ListWebhooks

if TYPE_CHECKING:
    from fieldingkit.client import AsyncClient

__all__ = ["deep_checks"]

_LAUNCHED: Final = ("live", "paused", "completed")
_PROJECTS: Final = 10
"""The number of projects in which a launched target group is searched."""
_REPORT: Final = "Please report the operation and these names; they hold nothing of your data."
_NOT_TRIED: Final = "everything that changes something, jobs, uploads, downloads, feasibility, prices and deliveries"


async def deep_checks(client: "AsyncClient") -> AsyncIterator[Check]:
    """Read one or more of each main resource of the account, one after another. Nothing is changed.

    Args:
        client: A client with an account.
    """
    account: dict[str, tuple[Command[Any], ...]] = {
        "Users": (ListAccountUsers(),),
        "Definitions": (ListBusinessUnits(), ListLocales(), ListCountries(), ListSuppliers()),
        "Questions": (ListQuestions(locale="eng_us", page_size=1),),
        "Templates": (ListProfileTemplates(page_size=1), ListAllocationTemplates(page_size=1)),
        "Exclusions": (ListExclusionGroups(page_size=1),),
        "Reports": (ListReports(page_size=1),),
        "Reconciling": (ListReconciliations(page_size=1), ListReasonCodes()),
        "Webhooks": (ListWebhooks(page_size=1), ListWebhookEventTypes()),
    }
    for subject, commands in account.items():
        for check in (await _read(client, subject, commands))[0]:
            yield check
    checks, ids = await _find_launched(client)
    for check in checks:
        yield check
    if ids is not None:
        async for check in _read_launched(client, ids):
            yield check
    yield Check("Not tried", Severity.SKIPPED, _NOT_TRIED)


async def _find_launched(client: "AsyncClient") -> tuple[list[Check], dict[str, str] | None]:
    """Search a launched target group, and return its ids; None if there is none."""
    checks, (projects,) = await _read(client, "Projects", [ListProjects(page_size=_PROJECTS)])
    for project in projects or ():
        listing = ListTargetGroups(project_id=project.id, status=_LAUNCHED, page_size=1)
        read, (_, groups) = await _read(client, "Target groups", (GetProjectOverview(project_id=project.id), listing))
        if groups or any(check.severity is not Severity.OK for check in read):
            ids = {"project_id": project.id, "target_group_id": groups[0].id} if groups else None
            return checks + read, ids
    message = f"none is launched in the first {_PROJECTS} projects; the resources of target groups were not read"
    return [*checks, Check("Target groups", Severity.SKIPPED, message)], None


async def _read_launched(client: "AsyncClient", ids: dict[str, str]) -> AsyncIterator[Check]:
    """Read the resources of a launched target group."""
    about: dict[str, tuple[Command[Any], ...]] = {
        "Progress": (GetTargetGroupOverview(**ids), GetTargetGroupDetails(**ids)),
        "Changelog": (GetTargetGroupChangelog(**ids, page_size=1),),
        "Profiles": (ListProfiles(**ids),),
        "Allocations": (GetAllocationSpecification(**ids),),
        "Fielding runs": (ListFieldingRuns(**ids),),
    }
    results: list[Any] = []
    for subject, commands in about.items():
        checks, results = await _read(client, subject, commands)
        for check in checks:
            yield check
    for found in results[-1] or ():  # of the fielding runs: a target group has one
        checks, (run,) = await _read(client, "Fielding runs", [GetFieldingRun(**ids, fielding_run_id=found.id)])
        for check in checks:
            yield check
        if run is not None and not run.etag:
            yield Check("Fielding runs", Severity.ERROR, "a run has no ETag, so that actions on runs fail", _REPORT)


async def _read(client: "AsyncClient", subject: str, commands: Iterable[Command[Any]]) -> tuple[list[Check], list[Any]]:
    """Send commands that read, and return the checks with the results; None is the result of a failed one."""
    checks: list[Check] = []
    results: list[Any] = []
    answered: list[str] = []
    for command in commands:
        name = command.endpoint.operation_id
        try:
            result = await client.send(command)
        except FieldingKitError as exc:
            results.append(None)
            checks.append(_failure(subject, name, exc))
            continue
        results.append(result)
        if names := getattr(result, "undecoded", ()):
            message = f"{name}: {pluralize(len(names), 'field')} unlike the contract: {', '.join(names[:5])}"
            checks.append(Check(subject, Severity.WARNING, message, f"They are None in results. {_REPORT}"))
        else:
            answered.append(name)
    if answered:
        checks.insert(0, Check(subject, Severity.OK, f"as documented: {', '.join(answered)}"))
    return checks, results


def _failure(subject: str, name: str, error: FieldingKitError) -> Check:
    """Explain why a read failed: a permission and a missing resource are no defect."""
    if isinstance(error, ForbiddenError):
        return Check(subject, Severity.WARNING, f"{name}: no permission", "Ask Cint for it if you need this.")
    if isinstance(error, NotFoundError):
        return Check(subject, Severity.WARNING, f"{name}: the API knows no such resource", "Report it if it exists.")
    advice = _REPORT if isinstance(error, DecodeError | ApiError) else "Try again; the other reads do not depend on it."
    return Check(subject, Severity.ERROR, f"{name}: {error.message}", advice)
