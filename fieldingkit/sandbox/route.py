"""One route of the sandbox, and the paths that most routes begin with."""

from typing import Final, NamedTuple

from fieldingkit.sandbox.context import Handler

__all__ = ["ACCOUNT", "GROUP", "GROUPS", "PROJECT", "PROJECTS", "Route"]

ACCOUNT: Final = "/demand/accounts/{account_id}"
PROJECTS: Final = ACCOUNT + "/projects"
PROJECT: Final = PROJECTS + "/{project_id}"
GROUPS: Final = PROJECT + "/target-groups"
GROUP: Final = GROUPS + "/{target_group_id}"


class Route(NamedTuple):
    """One operation of the API."""

    method: str
    """The HTTP method."""
    path: str
    """The path template, without `/v1`."""
    operation_id: str
    """The operation id in the contract."""
    handler: Handler
    """The function that handles the operation."""
