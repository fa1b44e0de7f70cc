"""Make sure that there is a target group, or a copy of one: ``ensure_target_group`` and ``copy_target_group``.

``CreateTargetGroup`` has no idempotency key, so that a blind repetition makes a second draft. These workflows find
the target group by its customer reference before they create it, and after an unclear outcome.
"""

from collections.abc import Mapping
from typing import Any

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.commands import check_kind
from fieldingkit.errors import FieldingKitError, InvalidCommandError, RedirectError
from fieldingkit.option_validators import check_wait_timeout
from fieldingkit.resources.target_group_details import GetTargetGroupDetails, TargetGroupDetails
from fieldingkit.resources.target_group_drafts import CreateTargetGroup, GetTargetGroup, TargetGroupDraft
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupStatus
from fieldingkit.results import Serializable
from fieldingkit.workflows.creation import check_client, find_or_create
from fieldingkit.workflows.differences import Difference, compare_settings
from fieldingkit.workflows.optimistic import keep_outcome
from fieldingkit.workflows.reading import list_all, send_read

__all__ = ["EnsuredTargetGroup", "copy_target_group", "ensure_target_group"]

_PAGE_SIZE = 100


@attrs.frozen(kw_only=True)
class EnsuredTargetGroup(Serializable):
    """The result of ``ensure_target_group``: exactly one target group of the project has the reference."""

    project_id: str
    """The project's ULID."""
    target_group_id: str
    """The target group's ULID."""
    created: bool
    """True if this workflow created it. After an unclear outcome, another user may have created an equal one."""
    status: TargetGroupStatus
    """The status, as it was listed; ``draft`` if it was created."""
    settings: TargetGroupDraft | TargetGroupDetails | None = None
    """The target group as it was read; None if it was created and not read."""
    differences: tuple[Difference, ...] = ()
    """The settings that differ from those of the command; the workflow changes nothing."""
    not_compared: tuple[str, ...] = ()
    """The names of the settings that could not be read, such as the profiles of a launched target group."""
    conflicts: tuple[FieldingKitError, ...] = ()
    """The errors that were handled: an unclear outcome, or a search for a second target group that failed."""


async def ensure_target_group(
    client: AsyncClient, command: CreateTargetGroup, *, timeout: float = 30.0
) -> EnsuredTargetGroup:
    """Return the target group of a project with a customer reference; create a draft if there is none.

    A target group that exists is not changed; ``differences`` shows how it differs from the command. The workflow can
    be repeated after a crash or an unclear outcome: the command is sent only if no target group has its reference, and
    never twice in one run.

    Args:
        client: The client to use; with a blocking one, ``client.call(ensure_target_group, command)``.
        command: The command that creates it; its ``target_group_customer_reference_number`` is the reference.
        timeout: Seconds to search for the target group after an unclear outcome.

    Raises:
        InvalidCommandError: if the command has no reference; nothing was sent.
        DuplicateReferenceError: if several target groups have the reference; all are named. This also happens if
            another user creates one at the same time.
        WorkflowError: if the outcome of the creation stays unclear.
        FieldingKitError: if the target groups cannot be listed, or the API refuses the creation.
    """
    check_client(client)
    check_kind(command, CreateTargetGroup)
    check_wait_timeout(timeout, optional=False)
    reference = command.target_group_customer_reference_number
    if reference is None:
        raise InvalidCommandError(
            "the command needs a target_group_customer_reference_number: the target group is found by it",
            field="target_group_customer_reference_number",
            command=command,
        )

    async def find() -> Mapping[str, TargetGroupStatus]:
        listed = await list_all(
            client,
            ListTargetGroups(
                account_id=command.account_id,
                project_id=command.project_id,
                target_group_customer_reference_numbers=[reference],
                page_size=_PAGE_SIZE,
            ),
        )
        return {item.id: item.status for item in listed if item.target_group_customer_reference_number == reference}

    found = await find_or_create(client, command, find, what="target group", reference=reference, timeout=timeout)
    result = EnsuredTargetGroup(
        project_id=command.project_id,
        target_group_id=found.id,
        created=bool(found.is_created),
        status=TargetGroupStatus.DRAFT,
        conflicts=found.conflicts,
    )
    if found.is_created:
        return result
    try:
        settings = await _read(client, command, found.id)
    except BaseException as exc:
        if found.conflicts:
            keep_outcome(exc, f"the target group {found.id} may have been created now: read it", command)
        raise
    differences, not_compared = compare_settings(command, settings)
    return attrs.evolve(
        result,
        created=found.is_created is None and not differences,
        status=TargetGroupStatus(found.description),
        settings=settings,
        differences=differences,
        not_compared=not_compared,
    )


async def _read(
    client: AsyncClient, command: CreateTargetGroup, target_group_id: str
) -> TargetGroupDraft | TargetGroupDetails:
    read = GetTargetGroup(account_id=command.account_id, project_id=command.project_id, target_group_id=target_group_id)
    try:
        return await send_read(client, read)
    except RedirectError as exc:
        if not exc.left_draft:
            raise
        return await send_read(client, GetTargetGroupDetails(**attrs.asdict(read)))


async def copy_target_group(
    client: AsyncClient,
    source: GetTargetGroup,
    *,
    reference: str,
    project_id: str | None = None,
    timeout: float = 30.0,
    **changes: Any,
) -> EnsuredTargetGroup:
    """Create a copy of a draft, such as for another locale, project or wave; return the copy that exists already.

    The copy is found by its own reference, as ``ensure_target_group`` does. For example::

        await copy_target_group(client, source, reference="TRACKER-7-DE", locale="ger_de", name="Tracker 7, Germany")

    Only a draft can be copied: of a launched target group, the API shows neither allocations nor exclusions. Keep a
    draft as the template of a tracker.

    Args:
        client: The client to use; with a blocking one, ``client.call(copy_target_group, source, reference=...)``.
        source: The command that reads the draft.
        reference: The customer reference of the copy: 3 to 128 letters, digits, spaces, ``-`` and ``_``.
        project_id: The ULID of the project of the copy; that of the source by default.
        timeout: Seconds to search for the copy after an unclear outcome.
        changes: The settings of the copy that differ, by name.

    Raises:
        InvalidCommandError: if a setting is invalid, or a required one could not be read.
        RedirectError: if the source has left draft; nothing was created.
        DuplicateReferenceError: if several target groups have the reference; all are named.
        WorkflowError: if the outcome of the creation stays unclear.
        FieldingKitError: if the source cannot be read, or the API refuses the creation.
    """
    check_client(client)
    check_kind(source, GetTargetGroup)
    check_wait_timeout(timeout, optional=False)
    command = CreateTargetGroup.of(
        await send_read(client, source),
        account_id=source.account_id,
        project_id=source.project_id if project_id is None else project_id,
        target_group_customer_reference_number=reference,
        **changes,
    )
    return await ensure_target_group(client, command, timeout=timeout)
