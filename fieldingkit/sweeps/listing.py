"""The list of a project's target groups, decoded as far as a sweep needs it: ids, names and statuses.

Most of a list is statistics, and decoding them takes more time than everything else that a sweep does.
"""

from typing import Any, ClassVar, cast

import attrs

from fieldingkit._json import loads_with
from fieldingkit.paging import Page, PagedCommand
from fieldingkit.resources.target_groups import ListTargetGroups, TargetGroupStatus
from fieldingkit.results import Result
from fieldingkit.sweeps.state import FoundGroup

__all__ = ["ListedTargetGroup", "ListedTargetGroups", "statuses_only"]

_OPTIONAL_TEXT = {str, type(None)}


@attrs.frozen(kw_only=True)
class ListedTargetGroup(Result):
    """A target group as an entry of a list, without what a sweep does not need."""

    id: str
    """The target group's ULID."""
    name: str
    """The target group's name."""
    status: TargetGroupStatus
    """The target group's status."""
    human_readable_id: str | None = None
    """The short id that people see; unique within the account."""

    def found_in(self, project_id: str) -> FoundGroup:
        """Return the target group as part of a sweep."""
        return FoundGroup(self.id, project_id, self.status, name=self.name, short_id=self.human_readable_id)


def _read_groups(items: Any, _: Any) -> tuple[ListedTargetGroup, ...]:
    """Decode target groups as the converter would, in a third of the time: a sweep may list 100,000 of them."""
    if type(items) is not list:
        raise TypeError(f"expected a list, got {type(items).__name__}")
    return tuple(map(_read_group, cast("list[object]", items)))


def _read_group(item: Any) -> ListedTargetGroup:
    read = item.get
    id_, name, status, short_id = read("id"), read("name"), read("status"), read("human_readable_id")
    if not (type(id_) is type(name) is type(status) is str) or type(short_id) not in _OPTIONAL_TEXT:
        raise TypeError("expected text")
    return ListedTargetGroup(id=id_, name=name, status=TargetGroupStatus(status), human_readable_id=short_id)


@attrs.frozen(kw_only=True, repr=False)
class ListedTargetGroups(Page[ListedTargetGroup]):
    """One page of a project's target groups."""

    _loads: ClassVar[Any] = staticmethod(loads_with("target_groups", "id"))
    """Parses a page without the objects inside its target groups."""
    target_groups: tuple[ListedTargetGroup, ...] = attrs.field(metadata={"read": _read_groups})
    """The target groups of this page."""
    has_more: bool = False
    """True if there are pages before or after this one."""
    next_cursor: str | None = None
    """The ``start_after`` of the next page; None on the last one."""


@attrs.frozen(kw_only=True)
class ListTargetGroupStatuses(ListTargetGroups):
    """List the target groups of a project: the same request, with less of its response decoded."""

    @classmethod
    def result_type(cls) -> type[Any]:
        """Return the type of a page."""
        return ListedTargetGroups


def statuses_only(command: ListTargetGroups) -> PagedCommand[ListedTargetGroups]:
    """Return the command that makes the same request and decodes only ids, names and statuses."""
    same = ListTargetGroupStatuses(**attrs.asdict(command, recurse=False))
    return cast("PagedCommand[ListedTargetGroups]", same)  # the subclass has another type of page
