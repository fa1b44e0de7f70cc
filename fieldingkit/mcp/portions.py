"""A portion of the target groups of some projects: read in full, while the others are counted and named as left out."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, NamedTuple, TypeAlias

import attrs
from pydantic import Field

from fieldingkit.client import AsyncClient
from fieldingkit.errors import InvalidCommandError
from fieldingkit.mcp.outputs import ApiText, Output, api_text, cut_note
from fieldingkit.monitoring.snapshot_reader import Reader, read_details, snapshot
from fieldingkit.monitoring.snapshots import Detail, Snapshot
from fieldingkit.resources.target_groups import StatusName, TargetGroupStatus
from fieldingkit.sweeps.plan import TargetGroupQuery

__all__ = ["After", "GroupIds", "Limit", "Portion", "PortionInfo", "ProjectIds", "Statuses", "read_portion"]

ProjectIds: TypeAlias = Annotated[
    list[str], Field(min_length=1, max_length=20, description="The ids of 1 to 20 projects; see list_projects.")
]
GroupIds: TypeAlias = Annotated[
    list[str] | None, Field(max_length=100, description="Only these target groups, by id; all if left out.")
]
Statuses: TypeAlias = Annotated[
    list[StatusName] | None, Field(description="Only target groups with one of these; live and paused if left out.")
]
After: TypeAlias = Annotated[
    str | None, Field(description="The next_after of the portion before; leave it out for the first portion.")
]
Limit: TypeAlias = Annotated[
    int, Field(ge=1, le=50, description="The number of target groups; each takes up to eight requests.")
]

_ID: Final = re.compile(r"[0-9A-Z]{26}")


class UnlistedProject(Output):
    """A project whose target groups could not be listed."""

    project_id: str
    """Its id."""
    reason: ApiText | None
    """The reason."""


class PortionInfo(Output):
    """The extent of a portion of target groups; they are in the order of their ids."""

    read_at: datetime
    """The time at which the lists were read, by the API's clock, UTC."""
    matching: int
    """The number of target groups that match, whether they are shown or not."""
    next_after: str | None
    """The after of the next portion; null on the last one."""
    cut: str | None
    """The entries that are not shown, and how to read them; null if nothing is left out."""
    unlisted: list[UnlistedProject]
    """The projects that could not be listed; none of their target groups is counted or shown."""


class Portion(NamedTuple):
    """A portion of the target groups."""

    snapshot: Snapshot
    """Their state; the other target groups are not in it."""
    matching: int
    """The number of target groups that match."""
    further: int
    """The number of target groups after these."""

    def info(self) -> PortionInfo:
        """Return the extent of the portion."""
        groups, unlisted = self.snapshot.groups, self.snapshot.unlisted
        return PortionInfo(
            read_at=self.snapshot.at,
            matching=self.matching,
            next_after=groups[-1].target_group_id if self.further else None,
            cut=cut_note(self.further, "target group", "For the next portion, pass next_after as after."),
            unlisted=[UnlistedProject(project_id=one.project_id, reason=api_text(one.reason)) for one in unlisted],
        )


async def read_portion(
    client: AsyncClient,
    project_ids: list[str],
    *,
    target_group_ids: list[str] | None,
    status: list[StatusName] | None,
    after: str | None,
    limit: int,
    details: Iterable[Detail],
) -> Portion:
    """Read the state of a portion of the target groups of some projects.

    All are listed, one request for each 100, and the details of the portion are read.

    Raises:
        InvalidCommandError: if a given target group is not in the projects with one of the statuses, or after is no id.
        FieldingKitError: if none of the projects can be read.
    """
    if after and not _ID.fullmatch(after):
        raise InvalidCommandError(f"after must be the next_after of a portion; got {after!r:.40}", field="after")
    statuses = tuple(map(TargetGroupStatus, status or ("live", "paused")))
    query = TargetGroupQuery(project_ids=tuple(dict.fromkeys(project_ids)), status=statuses)
    listed = await snapshot(client, query, details=())
    found = sorted(listed.groups, key=lambda group: group.target_group_id)
    if target_group_ids:
        ids = {group.target_group_id for group in found}
        if not listed.unlisted and (missing := [id_ for id_ in target_group_ids if id_ not in ids]):
            raise InvalidCommandError(
                f"there is no {missing[0]:.40} in these projects that is {' or '.join(statuses)}",
                field="target_group_ids",
            )
        found = [group for group in found if group.target_group_id in target_group_ids]
    rest = [group for group in found if not after or group.target_group_id > after]
    wanted = tuple(dict.fromkeys(details))
    groups = await read_details(Reader(client, None), rest[:limit], wanted)
    return Portion(attrs.evolve(listed, groups=groups, details=wanted), len(found), len(rest) - len(groups))
