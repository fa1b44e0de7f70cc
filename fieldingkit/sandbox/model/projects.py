"""Accounts, and who works there."""

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
    """A person who works in an account."""

    id: str
    """A UUID."""
    name: str
    """What they are called."""
    is_project_manager: bool
    """Whether target groups can be given to them."""

    @property
    def email(self) -> str:
        """Their mail address."""
        return f"{self.name.split()[0].lower()}@example.com"


@attrs.frozen(kw_only=True)
class Account:
    """An account of a sandbox."""

    id: int
    """Its number."""
    name: str
    """What it is called."""
    users: tuple[User, ...]
    """Who works there; the first is the one in whose name everything is done."""

    @property
    def project_managers(self) -> tuple[User, ...]:
        """Those whom target groups can be given to."""
        return tuple(user for user in self.users if user.is_project_manager)


def open_account(account_id: int, user_id: str, identifiers: Identifiers) -> Account:
    """A new account with a few people in it.

    Args:
        account_id: Its number.
        user_id: The user in whose name everything is done.
        identifiers: Where the ids of the others come from.
    """
    users = tuple(
        User(id=identifiers.uuid() if index else user_id, name=name, is_project_manager=manages)
        for index, (name, manages) in enumerate(_PEOPLE.items())
    )
    return Account(id=account_id, name=f"Account {account_id}", users=users)


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

    def matches(self, search: str) -> bool:
        """Whether its name or its short id has a text in it.

        Args:
            search: In small letters.
        """
        return search in self.name.casefold() or search in self.human_readable_id.casefold()

    def readable_ids_matching(self, search: str) -> list[str]:
        """The short ids of its target groups that have a text in them.

        Args:
            search: In small letters.
        """
        ids = (group.settings.human_readable_id for group in self.groups)
        return [id_ for id_ in ids if search in id_.casefold()]
