"""Exclusion groups: target groups of any projects whose respondents exclude each other.

A respondent who completes one target group of a group is not admitted to any other. A change affects only respondents
who come after it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

import attrs

from fieldingkit.commands import AccountCommand, Endpoint
from fieldingkit.errors import InvalidCommandError
from fieldingkit.paging import Page, PagedCommand
from fieldingkit.results import Result
from fieldingkit.validators import each, length, ulid

__all__ = [
    "AddToExclusionGroup",
    "CreateExclusionGroup",
    "CreatedExclusionGroup",
    "DeleteExclusionGroup",
    "ExclusionGroup",
    "ExclusionGroupList",
    "ExclusionGroupTargetGroupList",
    "GetExclusionGroup",
    "ListExclusionGroupTargetGroups",
    "ListExclusionGroups",
    "ListTargetGroupExclusionGroups",
    "RemoveFromExclusionGroup",
    "UpdateExclusionGroup",
]

_GROUPS = "/demand/accounts/{account_id}/exclusion-groups"
_GROUP = _GROUPS + "/{exclusion_group_id}"
_MOST_MEMBERS = 100
_TAG = length(1, 128)
_DESCRIPTION = length(0, 500)


@attrs.frozen(kw_only=True)
class ExclusionGroup(Result):
    """An exclusion group, without its target groups."""

    exclusion_group_id: str
    """The group's ULID."""
    tag: str | None = None
    """Its name; several groups may have the same."""
    description: str | None = None
    """Its purpose."""
    create_date: datetime | None = None
    """The time it was created, UTC."""
    update_date: datetime | None = None
    """The time of its last change, UTC; None if there was none."""


@attrs.frozen(kw_only=True, repr=False)
class ExclusionGroupList(Page[ExclusionGroup]):
    """One page of exclusion groups, the oldest first."""

    exclusion_groups: tuple[ExclusionGroup, ...] = ()
    """The groups of this page."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Give the groups their name; the API calls them data."""
        return {**body, "exclusion_groups": cls._data_of(body)}


@attrs.frozen(kw_only=True)
class CreatedExclusionGroup(Result):
    """The id of a new exclusion group."""

    exclusion_group_id: str
    """The group's ULID."""


@attrs.frozen(kw_only=True, repr=False)
class ExclusionGroupTargetGroupList(Page[str]):
    """One page of the target groups of an exclusion group."""

    target_group_ids: tuple[str, ...] = ()
    """The ULIDs of the target groups of this page."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""

    @classmethod
    def _from_api(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Give the ids their name; the API calls them data."""
        return {**body, "target_group_ids": cls._data_of(body)}


@attrs.frozen(kw_only=True)
class ListExclusionGroups(PagedCommand[ExclusionGroupList]):
    """List the exclusion groups of an account, the oldest first, 1 to 1000 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _GROUPS, operation_id="get_exclusion_groups_by_account_id")
    max_page_size: ClassVar[int] = 1000


@attrs.frozen(kw_only=True)
class CreateExclusionGroup(AccountCommand[CreatedExclusionGroup]):
    """Create an exclusion group without target groups.

    A repetition creates a second one: after an ambiguous outcome, list the groups first.
    """

    endpoint: ClassVar[Endpoint] = Endpoint("POST", _GROUPS, operation_id="create_exclusion_group")
    tag: str = attrs.field(validator=_TAG)
    """Its name, 1 to 128 characters; several groups may have the same."""
    description: str = attrs.field(validator=_DESCRIPTION)
    """Its purpose, up to 500 characters."""


@attrs.frozen(kw_only=True)
class GetExclusionGroup(AccountCommand[ExclusionGroup]):
    """Read an exclusion group, without its target groups."""

    endpoint: ClassVar[Endpoint] = Endpoint("GET", _GROUP, operation_id="get_exclusion_group_by_id")
    exclusion_group_id: str = attrs.field(validator=ulid)
    """The group's ULID."""


@attrs.frozen(kw_only=True)
class UpdateExclusionGroup(AccountCommand[None]):
    """Change the tag or the description of an exclusion group; a field that is left out stays as it is."""

    endpoint: ClassVar[Endpoint] = Endpoint("PUT", _GROUP, operation_id="update_exclusion_group_by_id")
    exclusion_group_id: str = attrs.field(validator=ulid)
    """The group's ULID."""
    tag: str | None = attrs.field(default=None, validator=_TAG)
    """Its new name, 1 to 128 characters."""
    description: str | None = attrs.field(default=None, validator=_DESCRIPTION)
    """Its new purpose, up to 500 characters."""

    def __attrs_post_init__(self) -> None:
        if self.tag is None and self.description is None:
            raise InvalidCommandError("UpdateExclusionGroup: nothing to change: set tag or description", field="tag")


@attrs.frozen(kw_only=True)
class DeleteExclusionGroup(AccountCommand[None]):
    """Delete an exclusion group. One that still has target groups is a ``ConflictError``: remove them first."""

    endpoint: ClassVar[Endpoint] = Endpoint("DELETE", _GROUP, operation_id="delete_exclusion_group_by_id")
    exclusion_group_id: str = attrs.field(validator=ulid)
    """The group's ULID."""


@attrs.frozen(kw_only=True)
class ListExclusionGroupTargetGroups(PagedCommand[ExclusionGroupTargetGroupList]):
    """List the ids of the target groups of an exclusion group, 1 to 1000 on a page."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET", _GROUP + "/target-groups", operation_id="get_exclusion_group_target_group_exclusions"
    )
    max_page_size: ClassVar[int] = 1000
    exclusion_group_id: str = attrs.field(validator=ulid)
    """The group's ULID."""


def _target_group_ids(values: Iterable[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


@attrs.frozen(kw_only=True)
class _ChangeMembers(AccountCommand[None]):
    """Base class of commands that change the target groups of an exclusion group."""

    exclusion_group_id: str = attrs.field(validator=ulid)
    """The group's ULID."""
    target_group_ids: tuple[str, ...] = attrs.field(
        converter=_target_group_ids, validator=each(ulid, maximum=_MOST_MEMBERS), metadata={"name": "data"}
    )
    """The ULIDs of 1 to 100 target groups, of any projects of the account."""


@attrs.frozen(kw_only=True)
class AddToExclusionGroup(_ChangeMembers):
    """Add target groups to an exclusion group, which has 100 at most. Only future respondents are affected."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _GROUP + "/target-groups/add", operation_id="add_target_groups_to_exclusion_group"
    )


@attrs.frozen(kw_only=True)
class RemoveFromExclusionGroup(_ChangeMembers):
    """Remove target groups from an exclusion group. Only future respondents are affected."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "POST", _GROUP + "/target-groups/remove", operation_id="remove_target_groups_from_exclusion_group"
    )


@attrs.frozen(kw_only=True)
class ListTargetGroupExclusionGroups(PagedCommand[ExclusionGroupList]):
    """List the exclusion groups that a target group belongs to, the oldest first."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        "GET",
        "/demand/accounts/{account_id}/target-groups/{target_group_id}/exclusion-groups",
        operation_id="get_exclusion_groups_for_target_group",
    )
    target_group_id: str = attrs.field(validator=ulid)
    """The target group's ULID."""
