"""Accounts, and who works there."""

from collections.abc import Mapping
from typing import Final

import attrs

from fieldingkit.sandbox.identifiers import Identifiers

__all__ = ["Account", "User", "open_account"]

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
