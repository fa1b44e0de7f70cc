"""Handlers that read accounts and their users."""

from fieldingkit.sandbox.calls import Call, Reply
from fieldingkit.sandbox.queries import read_choices

__all__ = ["list_", "list_users"]


def list_(call: Call) -> Reply:
    """List the accounts that there are: any token reaches them all."""
    accounts = call.world.accounts.values()
    return Reply(200, {"accounts": [{"id": account.id, "name": account.name} for account in accounts]})


def list_users(call: Call) -> Reply:
    """List the people who work in an account."""
    account = call.world.accounts[call.account_id]
    wants_managers = read_choices(call.recorded.query, "user_type", {"project_manager"}) is not None
    users = account.project_managers if wants_managers else account.users
    return Reply(200, {"users": [{"id": user.id, "email": user.email, "name": user.name} for user in users]})
