"""Projects, and the handle that a seed gives on one."""

from datetime import datetime

from fieldingkit.sandbox.identifiers import readable_id
from fieldingkit.sandbox.target_groups import TargetGroup
from fieldingkit.sandbox.transitions import GroupStatus

__all__ = ["Project"]


class Project:
    """A project of a sandbox, and a handle on its target groups.

    Args:
        project_id: Its ULID.
        account_id: The account it belongs to.
        number: Counts the projects of the sandbox.
        manager_id: The user who manages it.
        created_at: When it was made.
    """

    def __init__(self, project_id: str, account_id: int, *, number: int, manager_id: str, created_at: datetime) -> None:
        self.id = project_id
        """Its ULID."""
        self.account_id = account_id
        """The account it belongs to."""
        self.name: str = f"Project {number}"
        """What it is called."""
        self.human_readable_id: str = readable_id(number, 6)
        """The short id that people see."""
        self.manager_id = manager_id
        """The user who manages it."""
        self.created_at = created_at
        """When it was made."""
        self.last_activity_at = created_at
        """When something last happened in it."""
        self.groups: tuple[TargetGroup, ...] = ()
        """Its target groups, in the order in which they were seeded."""

    def __repr__(self) -> str:
        return f"<Project {self.id} with {len(self.groups)} target groups>"

    def ids(self, status: GroupStatus | None = None) -> list[str]:
        """The ids of its target groups, or of those that have a status now.

        Args:
            status: Such as `live`; None for all.
        """
        return [group.id for group in self.groups if status is None or group.status == status]

    def is_active_at(self, at: datetime) -> bool:
        """Whether any of its target groups is yet to field, or can again; the documents do not say what is active."""
        return any(group.status_at(at) not in {"completed", "archived"} for group in self.groups)

    def is_called(self, search: str) -> bool:
        """Whether its name or its short id has a text in it.

        Args:
            search: In small letters.
        """
        return search in self.name.casefold() or search in self.human_readable_id.casefold()

    def ids_like(self, search: str) -> list[str]:
        """The short ids of its target groups that have a text in them.

        Args:
            search: In small letters.
        """
        ids = (group.settings.human_readable_id for group in self.groups)
        return [id_ for id_ in ids if search in id_.casefold()]
