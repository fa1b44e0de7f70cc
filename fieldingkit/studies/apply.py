"""The execution of a plan: create and change the project and its drafts, and report each outcome."""

import asyncio
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import (
    DecodeError,
    FieldingKitError,
    ForbiddenError,
    PreconditionFailedError,
    RedirectError,
    TransportError,
    UnauthorizedError,
)
from fieldingkit.resources.projects import GetProject, UpdateProject
from fieldingkit.resources.target_group_drafts import GetTargetGroup, UpdateTargetGroup
from fieldingkit.resources.target_groups import TargetGroupStatus, TargetGroupSummary
from fieldingkit.results import Result
from fieldingkit.studies.plan import (
    Action,
    PlannedProject,
    PlannedTargetGroup,
    StudyPlan,
    draft_differences,
    plan_project,
)
from fieldingkit.studies.reasons import reason_of
from fieldingkit.studies.study import StudyProject
from fieldingkit.workflows.allocation_changes import with_group_ids
from fieldingkit.workflows.differences import Difference
from fieldingkit.workflows.drafts import ensure_target_group
from fieldingkit.workflows.optimistic import keep_outcome
from fieldingkit.workflows.projects import ensure_project
from fieldingkit.workflows.reading import send_read

__all__ = ["AppliedPart", "Outcome", "StudyReport", "apply_study"]


_APPEARED: Final = "it was created after the comparison; run the command again"
_BLOCKED: Final = "the project is not as the file says"
_LAUNCHED: Final = "it was launched after the comparison; nothing was sent for it"
_MOVED: Final = "it was changed after the comparison; run the command again"


class Outcome(StrEnum):
    """The outcome for a project or target group of a study."""

    CREATED = "created"
    """It was created."""
    CHANGED = "changed"
    """It was changed."""
    EQUAL = "equal"
    """It was as the file says when it was read last, and nothing was sent."""
    LAUNCHED = "launched"
    """It has left draft. What was compared is equal, ``not_compared`` names the rest, and nothing was sent."""
    REFUSED = "refused"
    """It differs, but cannot be changed in this way; nothing was sent."""
    FAILED = "failed"
    """It was not created or changed, for the reason in ``reason``."""
    NOT_SENT = "not sent"
    """Nothing was sent, because of an earlier failure or an interruption."""
    UNKNOWN = "unknown"
    """It was sent, and no response arrived: it may have been created or changed."""


_DONE: Final = frozenset({Outcome.CREATED, Outcome.CHANGED, Outcome.EQUAL, Outcome.LAUNCHED})


@attrs.frozen(kw_only=True)
class AppliedPart(Result):
    """The outcome for the project or for one target group."""

    reference: str | None
    """The account's own reference."""
    outcome: Outcome
    """The outcome."""
    id: str | None = None
    """The ULID, if it is known."""
    status: TargetGroupStatus | None = None
    """The status of a target group, as it was compared; None if there was none."""
    differences: tuple[Difference, ...] = ()
    """The values that were to be changed."""
    not_compared: tuple[str, ...] = ()
    """The keys that were not compared, because other resources have these settings after the launch."""
    reason: str | None = None
    """The reason for an outcome other than the wanted one."""


@attrs.frozen(kw_only=True)
class StudyReport(Result):
    """The outcomes of a study."""

    project: AppliedPart
    """The project."""
    target_groups: tuple[AppliedPart, ...]
    """The target groups of the file, in its order."""
    others: tuple[TargetGroupSummary, ...] = ()
    """The target groups of the project that are not in the file; they were left as they are."""

    def count(self, outcome: Outcome) -> int:
        """Return the number of target groups with an outcome."""
        return sum(part.outcome is outcome for part in self.target_groups)

    @property
    def ok(self) -> bool:
        """True if the project and all its target groups are as the file says, as far as they were compared."""
        return all(part.outcome in _DONE for part in (self.project, *self.target_groups))


OnPart = Callable[[AppliedPart], None]


async def apply_study(client: AsyncClient, plan: StudyPlan, *, on_part: OnPart | None = None) -> StudyReport:
    """Create and change what a plan says, one after another.

    The project and each draft are read again first: one that was changed, created or launched after the comparison is
    reported as failed, and nothing is sent for it. After an interruption, compare and apply again: target groups are
    found by their references, so that no second draft is created.

    Args:
        client: The client; with a blocking one, ``client.call(apply_study, plan)``.
        plan: The plan that ``plan_study`` returned.
        on_part: Called with each outcome as soon as it is known; the first one is that of the project. A cancellation
            is raised after it was called for all parts.

    Returns:
        The outcomes. An error of one target group is its outcome; it is not raised.
    """
    parts: list[AppliedPart] = []

    def add(part: AppliedPart) -> None:
        parts.append(part)
        if on_part is not None:
            on_part(part)

    try:
        add(await _apply_project(client, plan.project))
        project_id = parts[0].id or ""
        stop = None if parts[0].outcome in _DONE else _BLOCKED if project_id else "the project was not created"
        for planned in plan.target_groups:
            if (part := _without_request(planned)) is None:
                if stop is not None:
                    part = _part(planned, Outcome.NOT_SENT, stop)
                else:
                    part, stop = await _apply_group(client, project_id, planned)
            add(part)
    except asyncio.CancelledError as exc:
        for part in [*_interrupted(plan, len(parts), may_be_applied=bool(getattr(exc, "__notes__", ())))]:
            add(part)
        raise
    return StudyReport(project=parts[0], target_groups=tuple(parts[1:]), others=plan.others)


def _interrupted(plan: StudyPlan, count: int, *, may_be_applied: bool) -> Iterator[AppliedPart]:
    """Yield the outcomes after those that were known at an interruption; the request of the first was under way."""
    every: tuple[PlannedProject | PlannedTargetGroup, ...] = (plan.project, *plan.target_groups)
    for number, planned in enumerate(every):
        if number == count and may_be_applied:
            what = "created" if planned.action is Action.CREATE else "changed"
            yield _part(planned, Outcome.UNKNOWN, f"interrupted: it may have been {what}")
        elif number >= count:
            yield _part(planned, Outcome.NOT_SENT, "interrupted")


# The project


async def _apply_project(client: AsyncClient, planned: PlannedProject) -> AppliedPart:
    wanted = planned.wanted
    outcome, found, reason = Outcome.EQUAL, planned.id, None
    try:
        if planned.present is None:
            outcome, found, reason = await _create_project(client, wanted)
        elif planned.action is Action.EQUAL:
            now = await send_read(client, GetProject(project_id=planned.present.id))
            if plan_project(wanted, now).action is not Action.EQUAL:
                outcome, reason = Outcome.FAILED, _MOVED
        else:
            outcome = Outcome.CHANGED
            await client.send(
                UpdateProject(
                    project_id=planned.present.id,
                    name=wanted.name,
                    project_manager_id=wanted.project_manager_id,
                    project_customer_reference_number=wanted.reference
                    or planned.present.project_customer_reference_number,
                    if_match=planned.present.etag,
                )
            )
    except PreconditionFailedError:
        outcome, reason = Outcome.FAILED, _MOVED
    except FieldingKitError as exc:
        outcome, reason = _outcome_of(exc), reason_of(exc)
    return _part(planned, outcome, reason, found)


async def _create_project(client: AsyncClient, wanted: StudyProject) -> tuple[Outcome, str | None, str | None]:
    """Return the outcome, the id and the reason; the same file sends the same key again, also after a crash."""
    ensured = await ensure_project(
        client, name=wanted.name, project_manager_id=wanted.project_manager_id, reference=wanted.reference or ""
    )
    if not ensured.created:
        return Outcome.FAILED, None, _APPEARED
    return Outcome.CREATED, ensured.project.id, None


# Target groups


def _without_request(planned: PlannedTargetGroup) -> AppliedPart | None:
    """Return the outcome of a target group for which nothing is to be sent; None for others."""
    if planned.action is Action.REFUSE:
        return _part(planned, Outcome.REFUSED, planned.reason)
    is_launched = planned.present is None and planned.action in {Action.EQUAL, Action.LAUNCHED}
    return _part(planned, Outcome(planned.action)) if is_launched else None


def _part(
    planned: PlannedProject | PlannedTargetGroup,
    outcome: Outcome,
    reason: str | None = None,
    found: str | None = None,
) -> AppliedPart:
    part = AppliedPart(
        reference=planned.wanted.reference,
        outcome=outcome,
        id=found or planned.id,
        differences=planned.differences,
        reason=reason,
    )
    if isinstance(planned, PlannedProject):
        return part
    return attrs.evolve(part, status=planned.status, not_compared=planned.not_compared)


async def _apply_group(
    client: AsyncClient, project_id: str, planned: PlannedTargetGroup
) -> tuple[AppliedPart, str | None]:
    """Return the outcome of a target group, and the reason not to send the others, if there is one."""
    try:
        if planned.present is None:
            return await _create(client, project_id, planned), None
        return await _update(client, planned, planned.present), None
    except FieldingKitError as exc:
        if isinstance(exc, RedirectError) and exc.left_draft:
            return _part(planned, Outcome.FAILED, _LAUNCHED), None
        is_for_all = isinstance(exc, TransportError | UnauthorizedError | ForbiddenError)
        return _part(planned, _outcome_of(exc), reason_of(exc)), "an earlier request failed" if is_for_all else None


async def _create(client: AsyncClient, project_id: str, planned: PlannedTargetGroup) -> AppliedPart:
    ensured = await ensure_target_group(client, attrs.evolve(planned.wanted.command, project_id=project_id))
    if ensured.created:
        return _part(planned, Outcome.CREATED, found=ensured.target_group_id)
    if ensured.conflicts:  # after an unclear outcome one was found that another user may have created
        return _part(planned, Outcome.UNKNOWN, reason_of(ensured.conflicts[0]), found=ensured.target_group_id)
    return _part(planned, Outcome.FAILED, _APPEARED, found=ensured.target_group_id)


async def _update(client: AsyncClient, planned: PlannedTargetGroup, present: UpdateTargetGroup) -> AppliedPart:
    read = GetTargetGroup(project_id=present.project_id, target_group_id=present.target_group_id)
    now = await _read(client, read)
    if planned.action is Action.EQUAL:
        moved = draft_differences(planned.wanted, now)
        return _part(planned, Outcome.FAILED, _MOVED) if moved else _part(planned, Outcome.EQUAL)
    if now != present:
        return _part(planned, Outcome.FAILED, _MOVED)
    try:
        await client.send(_changed(planned, present))
    except FieldingKitError as exc:
        if _outcome_of(exc) is not Outcome.UNKNOWN:
            raise
        if await _is_as_wanted(client, read, planned):
            return _part(planned, Outcome.CHANGED)
        return _part(planned, Outcome.UNKNOWN, reason_of(exc))
    return _part(planned, Outcome.CHANGED)


async def _read(client: AsyncClient, read: GetTargetGroup) -> UpdateTargetGroup:
    ids = {"project_id": read.project_id, "target_group_id": read.target_group_id}
    return UpdateTargetGroup.of(await send_read(client, read), **ids)


async def _is_as_wanted(client: AsyncClient, read: GetTargetGroup, planned: PlannedTargetGroup) -> bool:
    try:
        return not draft_differences(planned.wanted, await _read(client, read))
    except (FieldingKitError, ValueError):
        return False
    except asyncio.CancelledError as exc:
        keep_outcome(exc, "the draft may have been changed")
        raise


def _changed(planned: PlannedTargetGroup, present: UpdateTargetGroup) -> UpdateTargetGroup:
    """Return the command that writes a draft with the settings that differ; the others are sent as they were read."""
    wanted = planned.wanted.command
    fields = [field for field in planned.wanted.given if draft_differences(planned.wanted, present, {field})]
    changes = {field: getattr(wanted, field) for field in fields}
    if "allocations" in changes:
        changes["allocations"] = with_group_ids(wanted.allocations, present.allocations)
    return attrs.evolve(present, target_group_customer_reference_number=planned.reference, **changes)


def _outcome_of(exc: FieldingKitError) -> Outcome:
    """Return the outcome of a write that raised an error; an unreadable response means that it was applied."""
    is_write = exc.command is not None and not exc.command.endpoint.only_reads
    return Outcome.UNKNOWN if exc.maybe_applied or (is_write and isinstance(exc, DecodeError)) else Outcome.FAILED
