"""What is printed where: results on stdout, for people or for machines; everything else on stderr."""

import json
import sys
from collections.abc import AsyncIterable, Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

import attrs
from rich.console import Console
from rich.table import Table

from fieldingkit.cli.errors import strip_control_chars

__all__ = ["Output", "as_json", "moment"]

T = TypeVar("T")


class Output:
    """The two streams of a command.

    Args:
        json: Whether results are for a machine: one JSON document a line.
    """

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        """Whether results are for a machine."""
        self.stdout: Console = Console(highlight=False, markup=False, soft_wrap=True)
        """Where results go."""
        self.stderr: Console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        """Where everything else goes."""

    def say(self, text: str) -> None:
        """Tell a result to people; a machine gets its own by ``document``."""
        if not self.json:
            self.stdout.print(text)

    def note(self, text: str) -> None:
        """Tell something that is no result."""
        self.stderr.print(text)

    def document(self, value: Any) -> None:
        """Give a result to a machine; people are told by ``say``."""
        if self.json:
            sys.stdout.write(json.dumps(as_json(value)) + "\n")

    def facts(self, facts: Mapping[str, object]) -> None:
        """Tell people some facts, a line each; those that are not known are left out."""
        known = {name: strip_control_chars(value) for name, value in facts.items() if value not in (None, "")}
        width = max(map(len, known), default=0)
        for name, value in known.items():
            self.say(f"{name:<{width}}  {value}")

    async def table(
        self,
        columns: Mapping[str, Callable[[T], object]],
        items: AsyncIterable[T],
        *,
        document: Callable[[T], object] = lambda item: item,
    ) -> int:
        """List items: a table on a terminal, a line with tabs each in a pipe, a JSON document each for a machine.

        Args:
            columns: How each column is read from an item, by its heading.
            items: What to list.
            document: What a machine is given of an item; the item itself if it is left out.

        Returns:
            How many there were.
        """
        count = 0
        rows: list[list[str]] = []
        on_terminal = self.stdout.is_terminal and not self.json
        async for item in items:
            count += 1
            cells = [_cell(read(item)) for read in columns.values()]
            if self.json:
                self.document(document(item))
            elif on_terminal:
                rows.append(cells)
            else:
                sys.stdout.write("\t".join(cells) + "\n")
        if rows:
            self.stdout.print(_table(list(columns), rows))
        return count


def _table(headings: list[str], rows: list[list[str]]) -> Table:
    """A table whose columns keep their width, since an id that is cut is no use; only the last one may give way."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    widths = [max(map(len, cells)) for cells in zip(headings, *rows, strict=True)]
    for heading, width in zip(headings, widths, strict=True):
        table.add_column(heading, no_wrap=True, min_width=None if heading == headings[-1] else width)
    for row in rows:
        table.add_row(*row)
    return table


def as_json(value: Any) -> Any:
    """A model as what JSON can hold; secrets, which no repr shows, are left out."""
    if attrs.has(value.__class__):
        fields = attrs.fields(value.__class__)
        return {field.name: as_json(getattr(value, field.name)) for field in fields if field.repr}
    if isinstance(value, Mapping):
        return {str(name): as_json(item) for name, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value if value is None or isinstance(value, str | int | float) else str(value)


def moment(at: datetime | None) -> str:
    """A time as people and programs both read it, to the second; empty if there is none."""
    return "" if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return moment(value) if isinstance(value, datetime) else strip_control_chars(value).strip()
