"""The report of a dry run: what a sweep would do to each target group, as a page, a table or JSON."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Final

import attrs

from fieldingkit.rendering.csv import csv_line
from fieldingkit.rendering.files import BYTE_ORDER_MARK, check_report_path, replace_file
from fieldingkit.rendering.html import environment
from fieldingkit.rendering.page import MAX_ROWS

__all__ = ["PreviewDocument", "PreviewRow", "is_preview", "write_preview"]


_KIND: Final = "fieldingkit dry run"
_HEAD: Final = 4096
"""The number of bytes at the start of a file that show its kind."""


@attrs.frozen(kw_only=True)
class PreviewRow:
    """One target group of a preview."""

    project_id: str
    """The project's ULID."""
    target_group_id: str
    """The target group's ULID."""
    project_name: str | None = None
    """The project's name; None if it was not read."""
    short_id: str | None = None
    """The short id that people see; None if it was not read."""
    name: str | None = None
    """The target group's name; None if it was not read."""
    status: str | None = None
    """The status; None if it was not read."""
    would: str
    """The action if it would be sent, otherwise its outcome, such as ``unchanged`` or ``skipped``."""
    reason: str | None = None
    """The reason why it would not be sent."""


_COLUMNS: Final = tuple(field.name for field in attrs.fields(PreviewRow))
"""The columns of the table. The two ids come first, so that the file is also a list of target groups."""


@attrs.frozen(kw_only=True)
class PreviewDocument:
    """A preview as its renderers need it."""

    action: str
    """The action, such as ``pause``."""
    base_url: str
    """The API's base URL."""
    account_id: str | None = None
    """The account's number."""
    created_at: datetime
    """When it was made, UTC."""
    groups: tuple[PreviewRow, ...]
    """The target groups, in the order in which they would be sent."""
    unlisted: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """The projects that could not be listed, by id, with the reason."""

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """The number of target groups for each of the values of ``would``."""
        return Counter(group.would for group in self.groups)


def write_preview(document: PreviewDocument, path: Path) -> None:
    """Write the report of a dry run to a file that replaces an earlier one as a whole.

    Raises:
        ConfigurationError: if the file extension names no format, or Jinja2 is not installed for a page.
        OSError: if the file cannot be written; an earlier file stays as it was.
    """
    check_report_path(path)
    write = {".html": _iter_html, ".csv": _iter_csv, ".json": _iter_json}[path.suffix.lower()]
    replace_file(path, map(str.encode, write(document)))


def is_preview(path: Path) -> bool:
    """Return whether a file is the report of a dry run, which any other report may replace.

    Raises:
        OSError: if the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return _KIND.encode() in head or head.startswith(f"{BYTE_ORDER_MARK}{csv_line(_COLUMNS)}".encode())


def _iter_json(document: PreviewDocument) -> Iterator[str]:
    content: dict[str, Any] = {"kind": _KIND, "counts": document.counts, **attrs.asdict(document)}
    yield json.dumps({**content, "created_at": document.created_at.isoformat()})


def _iter_csv(document: PreviewDocument) -> Iterator[str]:
    rows = (csv_line(getattr(group, column) for column in _COLUMNS) for group in document.groups)
    return chain([BYTE_ORDER_MARK, csv_line(_COLUMNS)], rows)


def _iter_html(document: PreviewDocument) -> Iterator[str]:
    return (
        environment()
        .get_template("preview.html")
        .generate(document=document, kind=_KIND, listed=document.groups[:MAX_ROWS])
    )
