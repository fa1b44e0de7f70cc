"""The fielding assistants of target groups: the caps of their prices, and their soft launches."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from fieldingkit.client import AsyncClient
from fieldingkit.errors import FieldingKitError, NotFoundError
from fieldingkit.monitoring.findings import UnknownFigure
from fieldingkit.monitoring.rules import RuleName
from fieldingkit.monitoring.snapshot_reader import is_local
from fieldingkit.monitoring.snapshots import GroupSnapshot
from fieldingkit.resources.fielding_assistant import FieldingAssistantAssignment, GetFieldingAssistantAssignment
from fieldingkit.sweeps.concurrency import run_limited, wait_for_capacity
from fieldingkit.workflows.reading import send_read

__all__ = ["Assistants", "read_assistants"]

_AT_ONCE: Final = 16


class Assistants(NamedTuple):
    """The fielding assistants of target groups."""

    found: dict[str, FieldingAssistantAssignment]
    """The assignments by the id of the target group; those without one are missing."""
    unknown: list[UnknownFigure]
    """Those that could not be read."""


async def read_assistants(client: AsyncClient, groups: Iterable[GroupSnapshot]) -> Assistants:
    """Read the fielding assistants of target groups, one request for each.

    Raises:
        FieldingKitError: if every other read would fail, too.
    """
    read = Assistants({}, [])

    async def read_one(group: GroupSnapshot) -> None:
        command = GetFieldingAssistantAssignment(project_id=group.project_id, target_group_id=group.target_group_id)
        await wait_for_capacity(client)
        try:
            read.found[group.target_group_id] = await send_read(client, command)
        except NotFoundError:
            return
        except FieldingKitError as exc:
            if not is_local(exc):
                raise
            unread = UnknownFigure(
                rule=RuleName.SOFT_LAUNCH_REACHED,
                project_id=group.project_id,
                target_group_id=group.target_group_id,
                reason=f"its soft launch and the cap of its price: {exc.message}",
            )
            read.unknown.append(unread)

    await run_limited([*groups], read_one, limit=_AT_ONCE)
    return read
