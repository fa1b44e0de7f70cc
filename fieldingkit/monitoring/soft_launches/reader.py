"""The reader of a soft launch: the state of a target group at the API, from which the next step follows."""

from contextlib import aclosing
from functools import partial
from typing import Any, Final

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ApiError, NotFoundError, RedirectError, WorkflowError
from fieldingkit.monitoring.soft_launches.gate import Reading
from fieldingkit.monitoring.soft_launches.history import CHANGE_TYPES
from fieldingkit.paging import iter_pages
from fieldingkit.resources.fielding_assistant import FieldingAssistantAssignment, GetFieldingAssistantAssignment
from fieldingkit.resources.fielding_runs import FieldingRun, GetFieldingRun, ListFieldingRuns
from fieldingkit.resources.target_group_changelog import ChangelogEntry, GetTargetGroupChangelog
from fieldingkit.resources.target_group_drafts import GetTargetGroup
from fieldingkit.resources.target_group_progress import GetTargetGroupOverview
from fieldingkit.workflows.optimistic import read_run
from fieldingkit.workflows.reading import send_read

__all__ = ["UNAVAILABLE", "ids_of", "read_state"]


UNAVAILABLE: Final = (403, 404, 405)
"""The answers of an API without the fielding assistant, or to credentials that may not use it."""


async def read_state(client: AsyncClient, group: GetTargetGroup, *, needs_assistant: bool = True) -> Reading:
    """Return the state of a target group: the run first, so that its ETag guards all conclusions from the rest.

    Args:
        client: The client to use.
        group: The command that reads the draft.
        needs_assistant: False if the fielding assistant may be unavailable.

    Raises:
        WorkflowError: if a part of the state cannot be read.
        FieldingKitError: if the API does not answer.
    """
    run = await _run(client, group)
    assignment = await _assignment(client, group, needs_assistant)
    if run is None:
        try:
            draft = await send_read(client, group)
        except RedirectError as exc:
            run = await _run(client, group)
            if run is None or not exc.left_draft:
                raise
        else:
            if draft.completes_goal is None:
                raise WorkflowError("the draft has no readable goal; nothing was launched", command=group)
            return Reading(draft.completes_goal, assignment)
        assignment = await _assignment(client, group, needs_assistant)
    overview = await send_read(client, GetTargetGroupOverview(**ids_of(group)))
    return Reading(overview.progress.filling_goal, assignment, run, overview, await _changelog(client, group))


def ids_of(group: GetTargetGroup) -> dict[str, Any]:
    """Return the ids of a target group, as the commands take them."""
    return {name: getattr(group, name) for name in ("account_id", "project_id", "target_group_id")}


async def _run(client: AsyncClient, group: GetTargetGroup) -> FieldingRun | None:
    runs = await send_read(client, ListFieldingRuns(**ids_of(group)))
    if not runs:
        return None
    return await read_run(client, GetFieldingRun(**ids_of(group), fielding_run_id=runs[-1].id))


async def _assignment(
    client: AsyncClient, group: GetTargetGroup, needs_assistant: bool
) -> FieldingAssistantAssignment | None:
    try:
        read = await send_read(client, GetFieldingAssistantAssignment(**ids_of(group)))
    except ApiError as exc:
        if isinstance(exc, NotFoundError) or (not needs_assistant and exc.status in UNAVAILABLE):
            return None
        raise
    if read.undecoded:  # sent back, they would be lost; and an unreadable soft launch is not one that is off
        raise WorkflowError(
            f"the fielding assistant assignment cannot be read: {', '.join(read.undecoded)}", command=group
        )
    return read


async def _changelog(client: AsyncClient, group: GetTargetGroup) -> tuple[ChangelogEntry, ...]:
    command = GetTargetGroupChangelog(**ids_of(group), change_types=CHANGE_TYPES, page_size=50)
    async with aclosing(iter_pages(partial(send_read, client), command)) as pages:
        return tuple([entry async for page in pages for entry in page])
