"""Accounts: what the credentials can reach, and who works there."""

from typing import ClassVar

import attrs

from fieldingkit.commands import Command, Endpoint, OpenEnum
from fieldingkit.validators import account

__all__ = [
    "Account",
    "AccountList",
    "ListAccountUsers",
    "ListAccounts",
    "User",
    "UserList",
    "UserType",
]


class UserType(OpenEnum):
    """What a user does in an account."""

    PROJECT_MANAGER = "project_manager"


@attrs.frozen(kw_only=True)
class Account:
    """An account that the credentials can reach."""

    id: int
    """The account's number: the ``account_id`` of a client or a command."""
    name: str | None = None
    """What it is called."""


@attrs.frozen(kw_only=True)
class AccountList:
    """The accounts that the credentials can reach; there may be none."""

    accounts: tuple[Account, ...] = ()
    """The accounts."""


@attrs.frozen(kw_only=True)
class User:
    """A person who works in an account."""

    id: str
    """The user's id, such as the ``project_manager_id`` of a project or a target group."""
    email: str | None = None
    """Their mail address."""
    name: str | None = None
    """Their name."""


@attrs.frozen(kw_only=True)
class UserList:
    """The people who work in an account."""

    users: tuple[User, ...] = ()
    """The users."""


@attrs.frozen(kw_only=True)
class ListAccounts(Command[AccountList]):
    """List the accounts that the credentials can reach: the cheapest way to see whether they work."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", "/accounts", operation_id="get_user_accounts")


@attrs.frozen(kw_only=True)
class ListAccountUsers(Command[UserList]):
    """List the people who work in an account."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", "/accounts/{account_id}/users", operation_id="get_account_users")
    account_id: str | int | None = attrs.field(default=None, validator=account)
    """The account's number; the client's own if left out."""
    user_type: UserType | None = None
    """Only those who do this; everyone if left out."""
