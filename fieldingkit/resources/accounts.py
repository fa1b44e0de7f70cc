"""Accounts that the credentials can reach, and their users."""

from typing import Any, ClassVar, Literal

import attrs

from fieldingkit.commands import AccountCommand, Command, Endpoint, OpenEnum
from fieldingkit.results import Result, ResultList, number_as_text
from fieldingkit.validators import uuid

__all__ = [
    "Account",
    "AccountList",
    "GetUserBusinessUnit",
    "ListAccountUsers",
    "ListAccounts",
    "ListServiceClients",
    "User",
    "UserBusinessUnit",
    "UserList",
    "UserType",
]


class UserType(OpenEnum):
    """The role of a user in an account."""

    PROJECT_MANAGER = "project_manager"
    """A user who can manage projects."""


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
class UserBusinessUnit(Result):
    """The default business unit of a user."""

    business_unit_id: str | None = None
    """The unit's number as text; None if the user has none."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        return number_as_text(body, "business_unit_id")


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


@attrs.frozen(kw_only=True)
class ListServiceClients(AccountCommand[UserList]):
    """List the service clients of an account: the users that programs act as."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", "/accounts/{account_id}/service-clients", operation_id="get_account_service_clients"
    )
    user_type: UserType | None = attrs.field(default=None, converter=_user_type)
    """Only service clients with this role; all if left out."""


@attrs.frozen(kw_only=True)
class GetUserBusinessUnit(AccountCommand[UserBusinessUnit]):
    """Read the default business unit of a user; ``definitions.ListBusinessUnits`` lists all units of the account."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", "/accounts/{account_id}/users/{user_id}/business-units", operation_id="get_user_account_business_unit_id"
    )
    user_id: str = attrs.field(validator=uuid)
    """The user's id, a UUID."""
