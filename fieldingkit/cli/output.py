"""Output of a command: results on stdout, as text or JSON; everything else on stderr."""

import json
import sys
from collections.abc import AsyncIterable, Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

from fieldingkit.cli.errors import NotPossibleError
from fieldingkit.cli.streams import SurvivingStream, wrap
from fieldingkit.rendering.text import format_time, strip_control_chars

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Output", "format_fields"]

T = TypeVar("T")

_GAP = "  "
"""The space between columns, and before those that continue below the others."""


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

    def print_row(self, *cells: str) -> None:
        """Print a result as tab-separated text; nothing with ``json``. The cells have no control characters."""
        if not self.json:
            self._stdout.write("\t".join(cells) + "\n")
            self._printed()

    def print_hanging(self, text: str, *, indent: int, before: int = 0) -> None:
        """Print a result as text; on a terminal in lines that fit it, with their beginnings below each other.

        Args:
            text: The text.
            indent: Columns before each further line.
            before: Columns of the first line that are taken already.
        """
        lines = wrap(f"{'':<{before}}{text}", " " * indent) if self.stdout.is_terminal else f"{'':<{before}}{text}"
        self.print_text(lines[before:])

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

    def print_outcome(self, document: Any, text: str) -> None:
        """Print what an action did: with ``json`` the document, otherwise the text.

        The command does not end if stdout cannot be written; the text is on stderr then.
        """
        self._survive = True
        self.print_json(document)
        self.print_text(text)
        if self.lost is not None:
            self.note(f"The result could not be printed: {self.lost}.\n{text}")

    def flush(self) -> None:
        """Write what is buffered, for a reader that follows it; the command ends if that reader has ended."""
        self._stdout.flush()
        self._printed()

    def print_fields(self, fields: Mapping[str, object]) -> None:
        """Print named values as text, one a line; unknown values are omitted."""
        self.print_text(format_fields(fields))

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
                self.print_row(*cells)
        if rows:
            for line in _table([list(columns), *rows], self.stdout.width):
                self.stdout.print(line)
        return count

    def _printed(self) -> None:
        """End the command if stdout was lost, unless it continues then."""
        if self._survive or self._stdout.error is None:
            return
        if isinstance(self._stdout.error, BrokenPipeError):
            raise BrokenPipeError  # its reader has ended
        raise NotPossibleError(f"the output could not be written: {self.lost}")


def format_fields(fields: Mapping[str, object]) -> str:
    """Return named values as text, one a line; unknown values are omitted."""
    known = {name: strip_control_chars(value) for name, value in fields.items() if value not in (None, "")}
    width = max(map(len, known), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in known.items())


def _console(file: SurvivingStream) -> "Console":
    from rich.console import Console

    return Console(file=cast("TextIO", file), highlight=False, markup=False, soft_wrap=True)


def _table(rows: list[list[str]], width: int) -> Iterator[str]:
    """Yield the lines of a table. Columns that do not fit beside the others continue below them; nothing is cut."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    lines: list[list[int]] = [[]]
    for column in range(len(widths)):
        taken = sum(widths[other] + len(_GAP) for other in lines[-1]) + len(_GAP) * (len(lines) > 1)
        if lines[-1] and taken + widths[column] > width:
            lines.append([])
        lines[-1].append(column)
    for row in rows:
        for number, columns in enumerate(lines):
            cells = (row[column] + " " * (widths[column] - cell_len(row[column])) for column in columns)
            yield f"{_GAP if number else ''}{_GAP.join(cells)}".rstrip()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return format_time(value) if isinstance(value, datetime) else strip_control_chars(value).strip()
