"""Accounts, their users and their projects."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import attrs

from fieldingkit.sandbox.formats import Identifiers, readable_id
from fieldingkit.sandbox.model.fielding_runs import GroupStatus
from fieldingkit.sandbox.model.target_groups import TargetGroup

__all__ = ["Account", "Project", "User", "open_account"]


_PEOPLE: Final[Mapping[str, bool]] = {
    "Ada Sandbox": True,
    "Ben Sandbox": True,
    "Cleo Sandbox": True,
    "Dan Sandbox": False,
}


@attrs.frozen(kw_only=True)
class User:
    """A user of an account."""

    id: str
    """The UUID."""
    name: str
    """The name."""
    is_project_manager: bool
    """True if target groups can be assigned to the user."""

    @property
    def email(self) -> str:
        """The email address."""
        return f"{self.name.split()[0].lower()}@example.com"


@attrs.frozen(kw_only=True)
class Account:
    """An account of a sandbox."""

    id: int
    """The account id."""
    name: str
    """The name."""
    users: tuple[User, ...]
    """The users; every request is made on behalf of the first."""
    service_client: User
    """The user that programs act as."""

    @property
    def project_managers(self) -> tuple[User, ...]:
        """The users to whom target groups can be assigned."""
        return tuple(user for user in self.users if user.is_project_manager)


def open_account(account_id: int, user_id: str, identifiers: Identifiers) -> Account:
    """Create an account with a few users.

    Args:
        account_id: The account id.
        user_id: The id of the first user.
        identifiers: The source of the other users' ids.
    """
    users = tuple(
        User(id=identifiers.uuid() if index else user_id, name=name, is_project_manager=manages)
        for index, (name, manages) in enumerate(_PEOPLE.items())
    )
    robot = User(id=f"00000000-0000-4000-8000-{account_id:012}", name="Robot Sandbox", is_project_manager=False)
    return Account(id=account_id, name=f"Account {account_id}", users=users, service_client=robot)


class Project:
    """A project of a sandbox, with its target groups.

    Args:
        project_id: The ULID.
        account_id: The account that owns the project.
        number: The sequence number of the project in the sandbox.
        manager_id: The id of the project manager.
        created_at: The creation date.
        name: The name; one with the number if not given.
        reference: The customer reference number.
    """

    def __init__(
        self,
        project_id: str,
        account_id: int,
        *,
        number: int,
        manager_id: str,
        created_at: datetime,
        name: str | None = None,
        reference: str | None = None,
    ) -> None:
        self.id = project_id
        """The ULID."""
        self.account_id = account_id
        """The account that owns the project."""
        self.name: str = name or f"Project {number}"
        """The name."""
        self.reference: str | None = reference
        """The customer reference number."""
        self.version: int = 1
        """The version; each update increments it."""
        self.human_readable_id: str = readable_id(number, 6)
        """The short id that people use."""
        self.manager_id: str = manager_id
        """The id of the project manager."""
        self.created_at = created_at
        """The creation date."""
        self.last_activity_at = created_at
        """The date of the last change in the project."""
        self.groups: tuple[TargetGroup, ...] = ()
        """The target groups, in the order they were seeded."""

    def __repr__(self) -> str:
        return f"<Project {self.id} with {len(self.groups)} target groups>"

    @property
    def etag(self) -> str:
        """The weak entity tag of this version, as the API sends it."""
        return f'W/"{self.version}"'

    def update(self, *, name: str, manager_id: str, reference: str | None) -> None:
        """Replace the name, the project manager and the reference."""
        self.name = name
        self.manager_id = manager_id
        self.reference = reference
        self.version += 1

    def ids(self, status: GroupStatus | None = None) -> list[str]:
        """Return the ids of the target groups.

        Args:
            status: Only target groups with this current status, such as `live`; None for all.
        """
        return [group.id for group in self.groups if status is None or group.status == status]

    def is_active_at(self, at: datetime) -> bool:
        """Return True if any target group is neither completed nor archived; the documents do not define "active"."""
        return any(group.status_at(at) not in {"completed", "archived"} for group in self.groups)

    def matches(self, search: str) -> bool:
        """Return True if the name or the short id contains a text.

        Args:
            search: The text in lower case.
        """
        return search in self.name.casefold() or search in self.human_readable_id.casefold()

    def readable_ids_matching(self, search: str) -> list[str]:
        """Return the short ids of the target groups that contain a text.

        Args:
            search: The text in lower case.
        """
        ids = (group.settings.human_readable_id for group in self.groups)
        return [id_ for id_ in ids if search in id_.casefold()]
