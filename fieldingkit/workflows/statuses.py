"""Reading where target groups stand, with as few requests as will do."""

from collections.abc import Mapping, Sequence

from fieldingkit.client import AsyncClient
from fieldingkit.errors import ApiError, DecodeError, FieldingKitError, NotFoundError, TransportError
from fieldingkit.resources.fielding_runs import ListFieldingRuns
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupStatus
from fieldingkit.workflows.side_by_side import my_turn

__all__ = ["read_statuses"]

_FEW = 2
_PAGE = 100


async def read_statuses(
    client: AsyncClient, account_id: str | int | None, project_id: str, ids: Sequence[str]
) -> Mapping[str, TargetGroupStatus]:
    """The status of target groups of one project; those that cannot be read are left out.

    A project's list shows a hundred at once, but may be long; so after as many pages as there are target groups left,
    the rest are read one by one. That is never more than twice the requests of the better way.

    Args:
        client: The client to use.
        account_id: The account; None for the client's own.
        project_id: The project's ULID.
        ids: The target groups' ULIDs.

    Raises:
        ApiError: if the API does not let us read, whatever the target group.
    """
    wanted = set(ids)
    found: dict[str, TargetGroupStatus] = {}
    command: ListTargetGroups | None = None
    if len(wanted) > _FEW:
        command = ListTargetGroups(account_id=account_id, project_id=project_id, page_size=_PAGE)
    pages = 0
    while command is not None and pages < len(wanted) - len(found):
        await my_turn(client)
        try:
            page = await client.send(command)
        except FieldingKitError as exc:
            if isinstance(exc, NotFoundError):
                return found  # there is no such project, or nothing in it that this account may see
            _raise_unless_passing(exc)
            break
        pages += 1
        found.update((summary.id, summary.status) for summary in page.target_groups if summary.id in wanted)
        command = command.after(page)
        if command is None:
            return found  # the whole list was seen: what is not in it, is not in the project
    for target_group_id in ids:
        if target_group_id not in found:
            status = await _read_one(client, account_id, project_id, target_group_id)
            if status is not None:
                found[target_group_id] = status
    return found


async def _read_one(
    client: AsyncClient, account_id: str | int | None, project_id: str, target_group_id: str
) -> TargetGroupStatus | None:
    """The status of one target group, by its run: a draft has none. It answers for drafts and launched ones alike."""
    await my_turn(client)
    try:
        runs = await client.send(
            ListFieldingRuns(account_id=account_id, project_id=project_id, target_group_id=target_group_id)
        )
    except NotFoundError:
        return None
    except FieldingKitError as exc:
        _raise_unless_passing(exc)
        return None
    return TargetGroupStatus(runs.data[0].status) if runs.data else TargetGroupStatus.DRAFT


def _raise_unless_passing(exc: FieldingKitError) -> None:
    """Let an error through that would meet every other request as well."""
    if not (isinstance(exc, TransportError | DecodeError) or (isinstance(exc, ApiError) and exc.retryable)):
        raise exc
