"""Accounts that the credentials can reach, and their users."""

from typing import ClassVar, Literal

import attrs

from fieldingkit.commands import AccountCommand, Command, Endpoint, OpenEnum
from fieldingkit.results import Result, ResultList

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
    """The role of a user in an account."""

    PROJECT_MANAGER = "project_manager"


def _user_type(value: UserType | Literal["project_manager"] | None) -> UserType | None:
    return None if value is None else UserType(value)


@attrs.frozen(kw_only=True)
class Account(Result):
    """An account that the credentials can reach."""

    id: int
    """The account's number: the ``account_id`` of a client or a command."""
    name: str | None = None
    """The account's name."""


@attrs.frozen(kw_only=True, repr=False)
class AccountList(ResultList[Account]):
    """The accounts that the credentials can reach; possibly none."""

    accounts: tuple[Account, ...] = ()
    """The accounts."""


@attrs.frozen(kw_only=True)
class User(Result):
    """A user of an account."""

    id: str
    """The user's id, such as the ``project_manager_id`` of a project or a target group."""
    email: str | None = None
    """The user's email address."""
    name: str | None = None
    """The user's name."""


@attrs.frozen(kw_only=True, repr=False)
class UserList(ResultList[User]):
    """The users of an account."""

    users: tuple[User, ...] = ()
    """The users."""


@attrs.frozen(kw_only=True)
class ListAccounts(Command[AccountList]):
    """List the accounts that the credentials can reach: the cheapest way to check that they work."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", "/accounts", operation_id="get_user_accounts")


@attrs.frozen(kw_only=True)
class ListAccountUsers(AccountCommand[UserList]):
    """List the users of an account."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", "/accounts/{account_id}/users", operation_id="get_account_users")
    user_type: UserType | None = attrs.field(default=None, converter=_user_type)
    """Only users with this role; all users if left out."""
