"""A sweep report as one HTML page, and as a part of a notebook: Jinja2 templates, filled row by row."""

import base64
import shlex
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fieldingkit.errors import ConfigurationError
from fieldingkit.rendering.charts import make_timeline, share_parts
from fieldingkit.rendering.json import iter_json
from fieldingkit.rendering.model import SweepDocument
from fieldingkit.rendering.page import MAX_PRINTED, MAX_PROJECTS, MAX_ROWS, list_causes, project_counts
from fieldingkit.rendering.text import format_duration, format_moment, pluralize, strip_control_chars
from fieldingkit.rendering.wording import (
    PROBLEMS,
    advice_for,
    headline,
    outcome_label,
    report_badge,
    report_facts,
    report_notes,
    stragglers_by_reason,
)

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["DATA_TAG", "check_jinja", "environment", "iter_html", "to_fragment"]


DATA_TAG: Final = '<script type="application/gzip" id="fieldingkit-sweep">'
"""The start of the element that holds the report as data: its JSON, compressed with gzip, in base64."""

_LONGEST_NAME: Final = 120
"""The largest number of characters of a name on the page of a watch."""
_BASE64_LINE: Final = 57
"""The number of bytes in a line of base64."""
_NOTEBOOK_ROWS: Final = 50
"""The largest number of target groups in a notebook."""


def check_jinja() -> None:
    """Check that pages can be rendered.

    Raises:
        ConfigurationError: if Jinja2 is not installed.
    """
    try:
        import_module("jinja2")
    except ImportError as exc:
        raise ConfigurationError(
            "HTML reports need Jinja2, which is not installed; reports as .json and .csv work without it. Install it "
            'with: pip install "fieldingkit[cli]"'
        ) from exc


def iter_html(document: SweepDocument, *, path: Path | None = None, table: Path | None = None) -> Iterator[str]:
    """Yield the parts of the page. All text is escaped; the page runs no script and loads nothing.

    Args:
        document: The report.
        path: The file that the page is written to, which the command that undoes the sweep names.
        table: The file beside the page that lists all target groups, if the page does not.

    Raises:
        ConfigurationError: if Jinja2 is not installed.
    """
    check_jinja()
    command = f"fieldingkit undo {shlex.quote(path.name)}" if path is not None and document.undoable else None
    return (
        environment()
        .get_template("page.html")
        .generate(
            **_context(document),
            undo_command=command,
            table=table.name if table is not None else None,
            data_tag=DATA_TAG,
            data=_compress(iter_json(document)),
        )
    )


def to_fragment(document: SweepDocument) -> str:
    """Return the summary of the page as a part of another one, such as a notebook.

    Raises:
        ConfigurationError: if Jinja2 is not installed.
    """
    check_jinja()
    return environment().get_template("fragment.html").render(**_context(document, _NOTEBOOK_ROWS), table=None)


def _context(document: SweepDocument, rows: int = MAX_ROWS) -> dict[str, Any]:
    """Return the variables of the templates."""
    causes = list_causes(document, rows)
    return {
        "document": document,
        "headline": headline(document),
        "badge": report_badge(document),
        "notes": report_notes(document),
        "facts": report_facts(document),
        "labels": {outcome: outcome_label(document, outcome) for outcome in document.counts},
        "urgent": causes.get("unknown", ()),
        "problems": (*causes.get("not_sent", ()), *causes.get("failed", ())),
        "skipped": causes.get("skipped", ()),
        "reached": (*causes.get("updated", ()), *causes.get("unchanged", ())),
        "stragglers": stragglers_by_reason(document),
        "projects": project_counts(document)[: min(rows, MAX_PROJECTS)],
        "project_total": len(document.by_project),
        "timeline": make_timeline(document),
    }


@cache
def environment() -> "Environment":
    """Return the environment of the templates, which escapes all text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("fieldingkit.rendering"),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names: dict[str, Any] = {
        "PROBLEMS": PROBLEMS,
        "MAX_PRINTED": MAX_PRINTED,
        "MAX_PROJECTS": MAX_PROJECTS,
        "MAX_ROWS": MAX_ROWS,
        "version": version("fieldingkit"),
        "advice_for": advice_for,
        "share_parts": share_parts,
        "pluralize": pluralize,
    }
    environment.globals.update(names)
    environment.filters.update(moment=format_moment, duration=format_duration, brief=_shorten)
    return environment


def _shorten(name: str) -> str:
    """Return the beginning of a long name, which other people chose."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _printable(value: object) -> object:
    """Return a value as the templates print it: text without control characters, and nothing for None."""
    if value is None:
        return ""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return strip_control_chars(value)
    return value


def _compress(chunks: Iterable[str]) -> Iterator[str]:
    """Yield text as lines of base64 of its gzip compression."""
    squeeze = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    pending = b""
    for chunk in chunks:
        pending += squeeze.compress(chunk.encode())
        whole = len(pending) // _BASE64_LINE * _BASE64_LINE
        if whole:
            yield base64.encodebytes(pending[:whole]).decode()
            pending = pending[whole:]
    yield base64.encodebytes(pending + squeeze.flush()).decode()
