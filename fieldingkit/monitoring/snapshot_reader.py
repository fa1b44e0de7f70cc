"""``snapshot``: read the state of any number of target groups, a hundred on a page and their details one by one."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, cast

import attrs

from fieldingkit.client import AsyncClient
from fieldingkit.errors import (
    ApiError,
    DecodeError,
    FieldingKitError,
    InvalidCommandError,
    TransportError,
    UnauthorizedError,
)
from fieldingkit.monitoring.snapshots import (
    Detail,
    DetailName,
    GroupSnapshot,
    Snapshot,
    UnreadDetail,
    cells_of,
    completes_per_hour,
    last_status_change,
)
from fieldingkit.paging import iter_pages
from fieldingkit.resources.fielding_runs import ListFieldingRuns
from fieldingkit.resources.profiles import ListProfiles
from fieldingkit.resources.target_group_changelog import GetTargetGroupChangelog, TargetGroupChangeType
from fieldingkit.resources.target_group_details import GetTargetGroupDetails
from fieldingkit.resources.target_group_progress import (
    GetTargetGroupCompletes,
    GetTargetGroupOverview,
    GetTargetGroupPerformance,
)
from fieldingkit.resources.target_groups import TargetGroupList, TargetGroupStatus, TargetGroupSummary
from fieldingkit.sweeps.concurrency import run_limited, wait_for_capacity
from fieldingkit.sweeps.plan import TargetGroupQuery
from fieldingkit.sweeps.report import UnlistedProject
from fieldingkit.workflows.creation import check_client
from fieldingkit.workflows.due_reconciliations import now_of
from fieldingkit.workflows.reading import list_all, send_read

__all__ = [
    "Reader",
    "is_local",
    "read_detail",
    "read_details",
    "read_lists",
    "read_projects",
    "selection_of",
    "snapshot",
]

_AT_ONCE = 16
_STOPPED = {TargetGroupStatus.PAUSED, TargetGroupStatus.COMPLETED}


class Reader(NamedTuple):
    """The client and the account of a snapshot."""

    client: AsyncClient
    """The client."""
    account_id: str | int | None
    """The account's number; None for the client's account."""


async def snapshot(
    client: AsyncClient,
    query: TargetGroupQuery,
    *,
    details: Iterable[Detail | DetailName] = tuple(Detail),
    account_id: str | int | None = None,
) -> Snapshot:
    """Return the state of the target groups of a query.

    Requests of N target groups in P projects: one for each 100 projects of the account (none if the query names its
    projects), one for each 100 matching target groups of a project and at least one a project, and one for each detail
    of each target group. Drafts have no details, and only paused and completed target groups have a ``reason``, whose
    changelog takes one request for each 50 status changes. With all details, that is about 6 N + P; with
    ``details=()``, N / 100 + P.

    Requests wait for the client's rate limit. A project or a detail that cannot be read is named in the result with the
    reason, and the others are kept.

    Args:
        client: The client to use; with a blocking one, ``client.call(snapshot, query)``.
        query: The filters of the target groups. Filter by status to save requests.
        details: The details to read of each target group, besides what the lists have; all by default.
        account_id: The account's number; the client's account by default.

    Raises:
        InvalidCommandError: if a detail does not exist.
        FieldingKitError: if the projects cannot be listed, or none of them can be read.
    """
    check_client(client)
    wanted = _details(details)
    reader = Reader(client, account_id)
    names = await read_projects(reader, query)
    groups, failures = await read_lists(reader, query, names)
    at = now_of(client)  # the responses have shown the API's clock; before, it is behind if the machine slept
    if failures and len(failures) == len(names):
        raise next(iter(failures.values()))
    found = [group for project_id in names for group in groups.get(project_id, ())]
    return Snapshot(
        at=at,
        groups=await read_details(reader, found, wanted),
        details=wanted,
        unlisted=tuple(UnlistedProject(id_, failures[id_].message) for id_ in names if id_ in failures),
        selection=selection_of(reader, query),
    )


def _details(details: Iterable[Detail | DetailName]) -> tuple[Detail, ...]:
    given = {details} if isinstance(details, str) else set(details)
    unknown = ", ".join(map(repr, sorted(given - set(Detail))))
    if unknown or isinstance(details, str):
        raise InvalidCommandError(
            f"details must be a list of some of {', '.join(Detail)}; got {unknown or repr(details)}", field="details"
        )
    return tuple(detail for detail in Detail if detail in given)


def selection_of(reader: Reader, query: TargetGroupQuery) -> str:
    """Return the account and the filters of a query in words, the same for the same target groups."""
    account_id = reader.client.account_id if reader.account_id is None else reader.account_id
    parts = [f"account {account_id}"]
    for field in attrs.fields(TargetGroupQuery):
        value: object = getattr(query, field.name)
        if value is not None:
            values = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
            texts = sorted(map(str, values))
            parts.append(f"{field.name.replace('_', ' ')} {', '.join(texts)}")
    return "; ".join(parts)


async def read_projects(reader: Reader, query: TargetGroupQuery) -> Mapping[str, str | None]:
    """Return the names of the query's projects by id; None if the query names the project, which is not read then."""
    excluded = query.exclude_project_ids or ()
    if query.project_ids is not None:
        return {id_: None for id_ in query.project_ids if id_ not in excluded}
    listed = await list_all(reader.client, query.list_projects(reader.account_id))
    return {one.id: one.name for one in listed if one.target_group_count != 0 and one.id not in excluded}


async def read_lists(
    reader: Reader, query: TargetGroupQuery, names: Mapping[str, str | None]
) -> tuple[Mapping[str, Sequence[GroupSnapshot]], Mapping[str, FieldingKitError]]:
    """Return the target groups of projects by project, without details, and the errors of those that cannot be listed.

    Args:
        reader: The client and the account.
        query: The filters of the target groups.
        names: The projects by id, with their names.

    Raises:
        FieldingKitError: if a read fails in a way that every other read would, too.
    """
    groups: dict[str, Sequence[GroupSnapshot]] = {}
    failures: dict[str, FieldingKitError] = {}

    async def read_list(project_id: str) -> None:
        try:
            groups[project_id] = await _list(reader, query, project_id, names[project_id])
        except FieldingKitError as exc:
            if not is_local(exc):
                raise
            failures[project_id] = exc

    await run_limited([*names], read_list, limit=_AT_ONCE)
    return groups, failures


async def _list(
    reader: Reader, query: TargetGroupQuery, project_id: str, project_name: str | None
) -> list[GroupSnapshot]:
    """Return the target groups of a project; one that moves to a later page meanwhile is listed twice, and read once.

    An entry of the list that is not readable in whole is kept, and named.
    """
    await wait_for_capacity(reader.client)
    read_at: datetime | None = None
    command = query.list_target_groups(reader.account_id, project_id)
    groups: dict[str, GroupSnapshot] = {}
    async with aclosing(iter_pages(partial(send_read, reader.client), command)) as pages:
        async for page in pages:
            read_at = read_at or now_of(reader.client)
            for index, listed in enumerate(page):
                group = _listed(listed, read_at, project_id, project_name)
                groups[listed.id] = attrs.evolve(group, unread=_unread_of_entry(page, index))
    return [*groups.values()]


def _listed(listed: TargetGroupSummary, read_at: datetime, project_id: str, project_name: str | None) -> GroupSnapshot:
    statistics, progress = listed.statistics, listed.statistics.progress
    return GroupSnapshot(
        read_at=read_at,
        project_id=project_id,
        target_group_id=listed.id,
        human_readable_id=listed.human_readable_id,
        name=listed.name,
        project_name=project_name,
        status=listed.status,
        completes=progress.current_completes,
        prescreens=progress.current_prescreens,
        goal=progress.filling_goal,
        filling_strategy=progress.filling_strategy,
        last_complete_at=statistics.last_complete_date,
        conversion_rate=statistics.conversion_rate,
        drop_off_rate=statistics.drop_off_rate,
        incidence_rate=statistics.incidence_rate,
        median_length_of_interview_seconds=statistics.median_length_of_interview_seconds,
        average_price=statistics.average_cost_per_interview,
    )


def _unread_of_entry(page: TargetGroupList, index: int) -> tuple[UnreadDetail, ...]:
    start = f"$.target_groups[{index}]."
    return _unread("list", [path.removeprefix(start) for path in page.undecoded if path.startswith(start)])


def _unread(detail: str, paths: Iterable[str]) -> tuple[UnreadDetail, ...]:
    named = ", ".join(paths)
    return (UnreadDetail(detail=detail, reason=f"the API sent no readable {named}"),) if named else ()


async def read_details(
    reader: Reader, groups: Iterable[GroupSnapshot], details: Iterable[Detail]
) -> tuple[GroupSnapshot, ...]:
    """Return target groups with details, one request for each detail of each target group.

    Drafts have none, and only paused and completed target groups have a ``reason``. What cannot be read is named.

    Args:
        reader: The client and the account.
        groups: The target groups as they were listed.
        details: The details.

    Raises:
        FieldingKitError: if a read fails in a way that every other read would, too.
    """
    known = {group.target_group_id: group for group in groups}

    async def read(item: tuple[str, Detail]) -> None:
        id_, detail = item
        changes, unread = await read_detail(reader, known[id_], detail)
        group = known[id_]  # as it is now: other details of it are read at the same time
        known[id_] = attrs.evolve(group, **changes, unread=(*group.unread, *unread))

    wanted = tuple(details)
    items = [
        (id_, detail)
        for id_, group in known.items()
        if group.status != TargetGroupStatus.DRAFT
        for detail in wanted
        if detail is not Detail.REASON or group.status in _STOPPED
    ]
    await run_limited(items, read, limit=_AT_ONCE)
    return tuple(known.values())


async def read_detail(
    reader: Reader, group: GroupSnapshot, detail: Detail
) -> tuple[dict[str, Any], tuple[UnreadDetail, ...]]:
    """Return the fields of a detail of a target group, and what could not be read of it.

    Args:
        reader: The client and the account.
        group: The target group.
        detail: The detail.

    Raises:
        FieldingKitError: if the read fails in a way that every other read would, too.
    """
    await wait_for_capacity(reader.client)
    try:
        changes, paths = await _READS[detail](reader, group)
    except FieldingKitError as exc:
        if not is_local(exc):
            raise
        return {}, (UnreadDetail(detail=detail, reason=exc.message),)
    return changes, _unread(detail, paths)


def is_local(exc: FieldingKitError) -> bool:
    """Return False for an error that every other read would meet, too."""
    return isinstance(exc, ApiError | TransportError | DecodeError) and not isinstance(exc, UnauthorizedError)


def _ids(reader: Reader, group: GroupSnapshot) -> dict[str, Any]:
    return {
        "account_id": reader.account_id,
        "project_id": group.project_id,
        "target_group_id": group.target_group_id,
    }


_Read = tuple[dict[str, Any], Iterable[str]]
"""Fields of a ``GroupSnapshot``, and what could not be read of them."""


async def _price(reader: Reader, group: GroupSnapshot) -> _Read:
    read = await send_read(reader.client, GetTargetGroupOverview(**_ids(reader, group)))
    changes = {"price": read.current_cost_per_interview, "cost": read.current_cost, "project_name": read.project_name}
    return changes, read.undecoded


async def _period(reader: Reader, group: GroupSnapshot) -> _Read:
    read = await send_read(reader.client, ListFieldingRuns(**_ids(reader, group)))
    if not read:
        return {}, ["fielding run"]
    return {"starts_at": read[0].start_fielding_at, "ends_at": read[0].end_fielding_at}, read.undecoded


async def _cells(reader: Reader, group: GroupSnapshot) -> _Read:
    read = await send_read(reader.client, ListProfiles(**_ids(reader, group)))
    cells = cells_of(read)
    partly = [f"{one.profile}: {one.name}" for one in cells if one.completes is None or one.goal is None]
    return {"cells": cells}, (*read.undecoded, *partly)


async def _bid(reader: Reader, group: GroupSnapshot) -> _Read:
    read = await send_read(reader.client, GetTargetGroupDetails(**_ids(reader, group)))
    return {
        "bid_incidence_rate": read.expected_incidence_rate,
        "bid_length_of_interview_minutes": read.expected_length_of_interview_minutes,
    }, read.undecoded


async def _completes(reader: Reader, group: GroupSnapshot) -> _Read:
    command = GetTargetGroupCompletes(**_ids(reader, group), aggregation_interval="PT1H")
    read = await send_read(reader.client, command)
    intervals = tuple(sorted(read, key=lambda one: one.timestamp))
    rate = completes_per_hour(intervals, now_of(reader.client))
    return {"intervals": intervals, "completes_per_hour": rate}, read.undecoded


async def _entrants(reader: Reader, group: GroupSnapshot) -> _Read:
    read = await send_read(reader.client, GetTargetGroupPerformance(**_ids(reader, group)))
    return {"entrants": read.entrants}, read.undecoded


async def _reason(reader: Reader, group: GroupSnapshot) -> _Read:
    types = (TargetGroupChangeType.STATUS_CHANGE,)
    command = GetTargetGroupChangelog(**_ids(reader, group), change_types=types, page_size=50)
    async with aclosing(iter_pages(partial(send_read, reader.client), command)) as found:
        pages = [page async for page in found]
    reason, at = last_status_change([entry for page in pages for entry in page])
    return {"reason_code": reason, "status_changed_at": at}, [path for page in pages for path in page.undecoded]


_READS: Mapping[Detail, Callable[[Reader, GroupSnapshot], Awaitable[_Read]]] = {
    Detail.PRICE: _price,
    Detail.PERIOD: _period,
    Detail.CELLS: _cells,
    Detail.BID: _bid,
    Detail.COMPLETES: _completes,
    Detail.ENTRANTS: _entrants,
    Detail.REASON: _reason,
}
