"""Output of a command: results on stdout, as text or JSON; everything else on stderr."""

import json
import sys
from collections.abc import AsyncIterable, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

from fieldingkit.cli.errors import NotPossibleError
from fieldingkit.cli.streams import SurvivingStream, wrap
from fieldingkit.rendering.text import format_time, strip_control_chars

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["Output"]

T = TypeVar("T")


class Output:
    """The output streams of a command.

    Args:
        json: Print results as JSON, one document a line, instead of text.
        survive: Continue when stdout is closed or full; otherwise that ends the command.
    """

    def __init__(self, *, json: bool = False, survive: bool = False) -> None:
        self.json = json
        """True if results are printed as JSON."""
        self._survive = survive
        self._stdout = SurvivingStream(sys.stdout)
        self.stdout: Console = _console(self._stdout)
        """The stream for results."""
        self.stderr: Console = _console(SurvivingStream(sys.stderr))
        """The stream for everything else; it may be closed or full."""

    @property
    def lost(self) -> str | None:
        """The reason why results are not printed any more; None if they are."""
        return self._stdout.reason

    def print_text(self, text: str) -> None:
        """Print a result as text; nothing with ``json``, see ``print_json``."""
        if not self.json:
            self.stdout.print(text)
            self._printed()

    def note(self, text: str) -> None:
        """Print a message on stderr."""
        self.stderr.print(wrap(text) if self.stderr.is_terminal else text)

    def print_json(self, value: Any) -> None:
        """Print a result as a JSON document; nothing without ``json``, see ``print_text``."""
        if self.json:
            from fieldingkit.results import to_plain

            self._stdout.write(json.dumps(to_plain(value)) + "\n")
            if self._survive:
                self._stdout.flush()  # another program follows the events of a sweep
            self._printed()

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
                self._stdout.write("\t".join(cells) + "\n")
                self._printed()
        if rows:
            self.stdout.print(_table(list(columns), rows))
        return count

    def _printed(self) -> None:
        """End the command if stdout was lost, unless it continues then."""
        if self._survive or self._stdout.error is None:
            return
        if isinstance(self._stdout.error, BrokenPipeError):
            raise BrokenPipeError  # its reader has ended
        raise NotPossibleError(f"the output could not be written: {self.lost}")


def _console(file: SurvivingStream) -> "Console":
    from rich.console import Console

    return Console(file=cast("TextIO", file), highlight=False, markup=False, soft_wrap=True)


def _table(headings: list[str], rows: list[list[str]]) -> "Table":
    """Return a table in which only the last column may be truncated; a truncated id would be useless."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    widths = [max(map(len, cells)) for cells in zip(headings, *rows, strict=True)]
    for heading, width in zip(headings, widths, strict=True):
        table.add_column(heading, no_wrap=True, min_width=None if heading == headings[-1] else width)
    for row in rows:
        table.add_row(*row)
    return table


def _cell(value: object) -> str:
    if value is None:
        return ""
    return format_time(value) if isinstance(value, datetime) else strip_control_chars(value).strip()
