"""Output of a command: results on stdout, as text or JSON; everything else on stderr."""

import json
import sys
from collections.abc import AsyncIterable, Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

import attrs
from rich.console import Console
from rich.table import Table

from fieldingkit.rendering.text import format_time, strip_control_chars

__all__ = ["Output", "as_json"]

T = TypeVar("T")


class Output:
    """The output streams of a command.

    Args:
        json: Print results as JSON, one document a line, instead of text.
    """

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        """True if results are printed as JSON."""
        self.stdout: Console = Console(highlight=False, markup=False, soft_wrap=True)
        """The stream for results."""
        self.stderr: Console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        """The stream for everything else."""

    def print_text(self, text: str) -> None:
        """Print a result as text; nothing with ``json``, see ``print_json``."""
        if not self.json:
            self.stdout.print(text)

    def note(self, text: str) -> None:
        """Print a message on stderr."""
        self.stderr.print(text)

    def print_json(self, value: Any) -> None:
        """Print a result as a JSON document; nothing without ``json``, see ``print_text``."""
        if self.json:
            sys.stdout.write(json.dumps(as_json(value)) + "\n")

    def print_fields(self, fields: Mapping[str, object]) -> None:
        """Print named values as text, one a line; unknown values are omitted."""
        known = {name: strip_control_chars(value) for name, value in fields.items() if value not in (None, "")}
        width = max(map(len, known), default=0)
        for name, value in known.items():
            self.print_text(f"{name:<{width}}  {value}")

    async def print_items(
        self,
        columns: Mapping[str, Callable[[T], object]],
        items: AsyncIterable[T],
        *,
        document: Callable[[T], object] = lambda item: item,
    ) -> int:
        """Print items: as a table on a terminal, as tab-separated lines in a pipe, as JSON documents with ``json``.

        Args:
            columns: A function for each heading that reads the column's value from an item.
            items: The items to print.
            document: Returns the JSON document of an item; by default the item itself.

        Returns:
            The number of items.
        """
        count = 0
        rows: list[list[str]] = []
        on_terminal = self.stdout.is_terminal and not self.json
        async for item in items:
            count += 1
            cells = [_cell(read(item)) for read in columns.values()]
            if self.json:
                self.print_json(document(item))
            elif on_terminal:
                rows.append(cells)
            else:
                sys.stdout.write("\t".join(cells) + "\n")
        if rows:
            self.stdout.print(_table(list(columns), rows))
        return count


def _table(headings: list[str], rows: list[list[str]]) -> Table:
    """Return a table in which only the last column may be truncated; a truncated id would be useless."""
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


def _cell(value: object) -> str:
    if value is None:
        return ""
    return format_time(value) if isinstance(value, datetime) else strip_control_chars(value).strip()
