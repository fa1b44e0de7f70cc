"""The plan of a study: what would be created, what would be changed, and what is equal. Planning only reads."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Final

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import DuplicateReferenceError, InvalidCommandError, NotFoundError, RedirectError
from fieldingkit.resources.projects import GetProject, ListProjects, Project
from fieldingkit.resources.target_group_details import GetTargetGroupDetails, TargetGroupDetails
from fieldingkit.resources.target_group_drafts import GetTargetGroup, TargetGroupDraft, UpdateTargetGroup
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupStatus, TargetGroupSummary
from fieldingkit.results import Result
from fieldingkit.studies.differences import find_differences
from fieldingkit.studies.reasons import reason_of
from fieldingkit.studies.settings_table import settings_table
from fieldingkit.studies.study import Study, StudyProject, StudyTargetGroup, field_of, kinds_of_settings
from fieldingkit.studies.values import to_table
from fieldingkit.workflows.differences import Difference
from fieldingkit.workflows.reading import list_all, send_read

__all__ = [
    "Action",
    "PlannedProject",
    "PlannedTargetGroup",
    "StudyPlan",
    "draft_differences",
    "plan_project",
    "plan_study",
]

_PAGE_SIZE: Final = 100

_AFTER_LAUNCH: Final = {
    "UpdateTargetGroupDetails": frozenset(
        {
            "name",
            "project_manager_id",
            "expected_length_of_interview_minutes",
            "expected_incidence_rate",
            "industry_lockout_code",
            "live_url",
            "test_url",
            "client_cost_per_interview_note",
        }
    ),
    "UpdateProfileFillingGoal": frozenset({"completes_goal"}),
}
"""The commands that change details of a launched target group, and the details that each of them changes."""


class Action(StrEnum):
    """The action on a project or target group that a file describes."""

    CREATE = "create"
    """It does not exist yet."""
    CHANGE = "change"
    """It differs from the file."""
    EQUAL = "equal"
    """Nothing is to be done."""
    LAUNCHED = "launched"
    """It has left draft. What was compared is equal, ``not_compared`` names the rest, and nothing is to be done."""
    REFUSE = "refuse"
    """It differs, but cannot be changed in this way."""


@attrs.frozen(kw_only=True)
class PlannedProject(Result):
    """The project of a study, and what is to be done with it."""

    action: Action
    """The action."""
    id: str | None = None
    """The ULID; None if it is to be created."""
    name: str
    """The name in the file."""
    differences: tuple[Difference, ...] = ()
    """The values to change."""
    wanted: StudyProject = attrs.field(repr=False)
    """The project in the file."""
    present: Project | None = attrs.field(default=None, repr=False)
    """The project as it was read."""


@attrs.frozen(kw_only=True)
class PlannedTargetGroup(Result):
    """A target group of a study, and what is to be done with it."""

    reference: str
    """The account's own reference."""
    action: Action
    """The action."""
    id: str | None = None
    """The ULID; None if it is to be created."""
    status: TargetGroupStatus | None = None
    """The status; None if it is to be created."""
    differences: tuple[Difference, ...] = ()
    """The values that the file has otherwise."""
    reason: str | None = None
    """The reason why it is refused, and what to use instead; None for another action."""
    not_compared: tuple[str, ...] = ()
    """The keys that were not compared, because other resources have these settings after the launch."""
    wanted: StudyTargetGroup = attrs.field(repr=False)
    """The target group in the file."""
    present: UpdateTargetGroup | None = attrs.field(default=None, repr=False)
    """The command that writes the draft back as it was read; None if there is no draft."""


@attrs.frozen(kw_only=True)
class StudyPlan(Result):
    """The comparison of a study with what exists."""

    project: PlannedProject
    """The project."""
    target_groups: tuple[PlannedTargetGroup, ...]
    """The target groups of the file."""
    others: tuple[TargetGroupSummary, ...] = ()
    """The target groups of the project that are not in the file; they are left as they are."""

    @property
    def has_changes(self) -> bool:
        """True if something is to be created or changed."""
        actions = {self.project.action, *(planned.action for planned in self.target_groups)}
        return not actions.isdisjoint({Action.CREATE, Action.CHANGE})


async def plan_study(client: AsyncClient, study: Study) -> StudyPlan:
    """Compare a study with what exists; nothing is changed.

    Args:
        client: The client; with a blocking one, ``client.call(plan_study, study)``.
        study: The study.

    Raises:
        DuplicateReferenceError: if several projects have the reference; all are named.
        NotFoundError: if there is no project with the id in the file.
        FieldingKitError: if something cannot be read.
    """
    present = await _find_project(client, study.project)
    project = plan_project(study.project, present)
    if present is None:
        created = [
            PlannedTargetGroup(reference=wanted.reference, action=Action.CREATE, wanted=wanted)
            for wanted in study.target_groups
        ]
        return StudyPlan(project=project, target_groups=tuple(created))
    existing = await list_all(client, ListTargetGroups(project_id=present.id, page_size=_PAGE_SIZE))
    found = [_matching(wanted, existing) for wanted in study.target_groups]
    matches = Counter(summary.id for summaries in found for summary in summaries)
    planned: list[PlannedTargetGroup] = []
    for wanted, summaries in zip(study.target_groups, found, strict=True):
        if any(matches[summary.id] > 1 for summary in summaries):
            reason = f"another table of the file is for the same target group, {summaries[0].id}"
            planned.append(
                PlannedTargetGroup(reference=wanted.reference, action=Action.REFUSE, wanted=wanted, reason=reason)
            )
        else:
            planned.append(await _plan_group(client, present.id, wanted, summaries))
    others = tuple(summary for summary in existing if summary.id not in matches)
    return StudyPlan(project=project, target_groups=tuple(planned), others=others)


async def _find_project(client: AsyncClient, wanted: StudyProject) -> Project | None:
    if wanted.id is not None:
        return await send_read(client, GetProject(project_id=wanted.id))
    listed = await list_all(client, ListProjects(page_size=_PAGE_SIZE))
    found = [item.id for item in listed if item.project_customer_reference_number == wanted.reference]
    if len(found) > 1:
        raise DuplicateReferenceError(
            f"{len(found)} projects have the reference {wanted.reference!r}: {', '.join(found)}. "
            "Write the id of the right one into [project]",
            ids=found,
        )
    return await send_read(client, GetProject(project_id=found[0])) if found else None


def plan_project(wanted: StudyProject, present: Project | None) -> PlannedProject:
    """Return what is to be done with the project, as far as it was read."""
    if present is None:
        return PlannedProject(action=Action.CREATE, name=wanted.name, wanted=wanted)
    differences = find_differences(
        {
            "name": present.name,
            "project_manager_id": present.project_manager_id.lower(),
            "reference": present.project_customer_reference_number,
        },
        {
            "name": wanted.name.strip(),  # as the API stores it
            "project_manager_id": wanted.project_manager_id.lower(),
            "reference": wanted.reference or present.project_customer_reference_number,
        },
    )
    action = Action.CHANGE if differences else Action.EQUAL
    return PlannedProject(
        action=action, id=present.id, name=wanted.name, differences=differences, wanted=wanted, present=present
    )


def _matching(wanted: StudyTargetGroup, existing: Sequence[TargetGroupSummary]) -> list[TargetGroupSummary]:
    if wanted.id is not None:
        return [summary for summary in existing if summary.id == wanted.id]
    return [summary for summary in existing if summary.target_group_customer_reference_number == wanted.reference]


async def _plan_group(
    client: AsyncClient, project_id: str, wanted: StudyTargetGroup, found: Sequence[TargetGroupSummary]
) -> PlannedTargetGroup:
    if not found:
        missing = "there is no target group with the id in the file" if wanted.id is not None else None
        action = Action.CREATE if missing is None else Action.REFUSE
        return PlannedTargetGroup(reference=wanted.reference, action=action, wanted=wanted, reason=missing)
    summary, *more = found
    if more:
        named = ", ".join(one.id for one in found)
        reason = (
            f"{len(found)} target groups have this reference: {named}; write the id of the right one into its table"
        )
        return PlannedTargetGroup(reference=wanted.reference, action=Action.REFUSE, wanted=wanted, reason=reason)
    ids = {"project_id": project_id, "target_group_id": summary.id}
    if summary.status is TargetGroupStatus.DRAFT:
        try:
            draft = await send_read(client, GetTargetGroup(**ids))
        except RedirectError as exc:
            if not exc.left_draft:
                raise
        else:
            return _plan_draft(wanted, summary, draft, ids)
    return await _plan_launched(client, wanted, summary, ids)


def _plan_draft(
    wanted: StudyTargetGroup, summary: TargetGroupSummary, draft: TargetGroupDraft, ids: Mapping[str, str]
) -> PlannedTargetGroup:
    reason, present = None, None
    differences: tuple[Difference, ...] = ()
    try:
        present = UpdateTargetGroup.of(draft, **ids)
        differences = draft_differences(wanted, present)
    except InvalidCommandError as exc:
        reason = f"the draft cannot be written back: {reason_of(exc)}"
    except ValueError as exc:  # of profiles that no file can have
        reason = f"the draft cannot be compared: {exc}"
    return PlannedTargetGroup(
        reference=wanted.reference,
        action=Action.REFUSE if reason else Action.CHANGE if differences else Action.EQUAL,
        id=summary.id,
        status=TargetGroupStatus.DRAFT,
        differences=differences,
        reason=reason,
        wanted=wanted,
        present=present,
    )


def draft_differences(
    wanted: StudyTargetGroup, present: UpdateTargetGroup, fields: Collection[str] | None = None
) -> tuple[Difference, ...]:
    """Return the values of a draft that a file has otherwise.

    Args:
        wanted: The target group in the file.
        present: The command that writes the draft back as it was read.
        fields: The fields to compare; by default those that the file gives, and the reference.

    Raises:
        ValueError: The draft has profiles that no file can have.
    """
    compared = wanted.given if fields is None else fields
    before, after = (settings_table(settings, fields=compared) for settings in (present, wanted.command))
    if "profile_template_id" in after and "profiles" not in after:
        before.pop("profiles", None)  # those of the template
    if fields is None:
        before, after = (
            {"reference": present.target_group_customer_reference_number, **before},
            {"reference": wanted.reference, **after},
        )
    return find_differences(before, after)


async def _plan_launched(
    client: AsyncClient, wanted: StudyTargetGroup, summary: TargetGroupSummary, ids: Mapping[str, str]
) -> PlannedTargetGroup:
    """Compare the details of a launched target group; other settings of it have resources of their own."""
    # It may have been launched after it was listed.
    status = TargetGroupStatus("launched") if summary.status is TargetGroupStatus.DRAFT else summary.status
    compared = wanted.given & {field.name for field in attrs.fields(TargetGroupDetails)}
    differences: tuple[Difference, ...] = ()
    reason: str | None = None
    try:
        details = await send_read(client, GetTargetGroupDetails(**ids))
    except NotFoundError:
        compared, reason = frozenset[str](), f"it is {status}, and its details cannot be read"
    else:
        found = to_table({name: getattr(details, name) for name in compared})
        differences = find_differences(found, settings_table(wanted.command, fields=compared))
        if differences:
            reason = _refusal(status, {difference.path for difference in differences})
    not_compared = tuple(key for key in kinds_of_settings() if field_of(key) in wanted.given - compared)
    return PlannedTargetGroup(
        reference=wanted.reference,
        action=Action.REFUSE if reason else Action.LAUNCHED if not_compared else Action.EQUAL,
        id=summary.id,
        status=status,
        differences=differences,
        reason=reason,
        not_compared=not_compared,
        wanted=wanted,
    )


def _refusal(status: TargetGroupStatus, names: Collection[str]) -> str:
    """Return the reason why a launched target group is not changed, and the commands that can do it."""
    ways = [command for command, fields in _AFTER_LAUNCH.items() if fields.intersection(names)]
    fixed = sorted({*names}.difference(*_AFTER_LAUNCH.values()))
    advice = [f"use {' and '.join(ways)} from Python"] if ways else []
    advice += [f"{', '.join(fixed)} cannot be changed after the launch"] if fixed else []
    return f"it is {status}, and only drafts can be changed in this way; {'; '.join(advice)}"
