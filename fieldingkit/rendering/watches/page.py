"""The page of a watch: one self-contained file, which a browser keeps fresh."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from fieldingkit.errors import ConfigurationError
from fieldingkit.rendering.files import replace_file
from fieldingkit.rendering.html import check_jinja, environment
from fieldingkit.rendering.watches.model import WatchDocument
from fieldingkit.rendering.watches.plot import make_plot

__all__ = ["check_page_path", "iter_page", "write_page"]

MAX_DETAILED: Final = 200
"""The largest number of target groups of one condition that a page shows with their plots and quota cells."""
MAX_LISTED: Final = 2000
"""The largest number of target groups of one condition that a page lists."""
_RELOAD: Final = 30.0
"""Seconds after which the page is loaded again."""
_GENERATOR: Final = '<meta name="generator" content="fieldingkit watch">'
"""The line near the beginning of each page, by which it is known."""
_BEGINNING: Final = 1024
"""The bytes of a page that contain this line."""


def check_page_path(path: Path) -> None:
    """Check, before the first read, that the page can be written and replaces nothing but an earlier page.

    Raises:
        ConfigurationError: if the name has another ending, Jinja2 is not installed, the folder cannot be written to, or
            there is another file of this name.
    """
    import os

    path = path.expanduser()
    check_jinja()
    if path.suffix.lower() != ".html":
        raise ConfigurationError(f"the name of the page {path} must end with .html")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK) or path.is_dir():
        raise ConfigurationError(f"the page {path} cannot be written to this folder")
    if not _is_free(path):
        raise ConfigurationError(
            f"{path} is not a page of fieldingkit watch and would be replaced; choose another name, or delete it"
        )


def _is_free(path: Path) -> bool:
    """Return True if there is no file, an empty one, or an earlier page."""
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
    except FileNotFoundError:
        return True
    except OSError:  # a file that cannot be read is not known to be a page
        return False
    return not beginning or _GENERATOR.encode() in beginning


def write_page(document: WatchDocument, path: Path) -> None:
    """Write the page to a file that replaces an earlier one as a whole, so that a browser never reads half of it.

    Raises:
        ConfigurationError: if Jinja2 is not installed.
        OSError: if the file cannot be written; an earlier file stays as it was.
    """
    replace_file(path, map(str.encode, iter_page(document)))


def iter_page(document: WatchDocument) -> Iterator[str]:
    """Yield the parts of the page. All text is escaped; the page loads nothing but itself.

    Its only script computes ages and loads the page again; the policy of the page names it by its hash.

    Raises:
        ConfigurationError: if Jinja2 is not installed.
    """
    check_jinja()
    script = environment().get_template("watch.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    variables: dict[str, Any] = {
        "document": document,
        "generator": _GENERATOR,
        "script": script,
        "script_hash": f"sha256-{digest}",
        "reload": None if document.every is None else round(min(_RELOAD, document.every)),
        "old_after": None if document.every is None else round(2 * document.every + 60),
        "interval": None if document.every is None else _interval(document.every),
        "make_plot": make_plot,
        "MAX_DETAILED": MAX_DETAILED,
        "MAX_LISTED": MAX_LISTED,
    }
    return environment().get_template("watch.html").generate(**variables)


def _interval(seconds: float) -> str:
    """Return a length of time in the largest unit that it is a multiple of."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
