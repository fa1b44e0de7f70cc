"""The handler that tells what happened to a target group."""

from typing import Final

import attrs

from fieldingkit.sandbox.calls import Call, Reply
from fieldingkit.sandbox.changes import Change, ValueChange, change_id
from fieldingkit.sandbox.paging import read_page
from fieldingkit.sandbox.queries import read_texts

__all__ = ["list_"]

_PAGE: Final = 50


@attrs.frozen
class _Entry:
    """A change and its id."""

    id: str
    change: Change


def list_(call: Call) -> Reply:
    """List what changed in a target group, newest first; a type of change that nobody knows matches nothing."""
    group = call.target_group()
    types = read_texts(call.recorded.query, "change_types", "[a-z_]{1,64}")
    entries = [_Entry(change_id(group.id, index), change) for index, change in enumerate(group.history)][::-1]

    def kept(entry: _Entry) -> list[ValueChange]:
        return [value for value in entry.change.values if types is None or value.object in types]

    page = read_page(
        call.recorded.query,
        entries,
        cursor_of=lambda entry: entry.id,
        keeps=lambda entry: bool(kept(entry)),
        default=_PAGE,
        largest=_PAGE,
        is_sorted=False,
    )
    return Reply(
        200,
        {
            "changelog": [
                {
                    "id": entry.id,
                    "occurred_at": entry.change.written_at,
                    "user": entry.change.user(call.world.user_id),
                    "changes": [value.json() for value in kept(entry)],
                }
                for entry in page.items
            ],
            "next_cursor": page.next_cursor or "",  # as the contract has it here, and only here
        },
    )
