"""Report files: write a document in the format that the file extension names, and read its data again."""

import base64
import json
import os
import tempfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final, cast

from fieldingkit.errors import ConfigurationError
from fieldingkit.rendering.csv import iter_csv
from fieldingkit.rendering.html import DATA_TAG, check_jinja, iter_html
from fieldingkit.rendering.json import KIND, VERSION, iter_json
from fieldingkit.rendering.model import SweepDocument
from fieldingkit.rendering.page import is_large
from fieldingkit.rendering.text import strip_control_chars

__all__ = [
    "BYTE_ORDER_MARK",
    "check_report_path",
    "describe_damage",
    "read_data",
    "replace_file",
    "table_beside",
    "write_document",
]


_EXTENSIONS: Final = (".json", ".csv", ".html")
BYTE_ORDER_MARK: Final = "\ufeff"
"""Without it, spreadsheets read a table in the legacy encoding of the machine."""
_MAX_BYTES: Final = 512 * 1024 * 1024


def check_report_path(path: Path) -> None:
    """Check, before a sweep starts, that its report can be written.

    Raises:
        ConfigurationError: if the file extension names no format, Jinja2 is not installed for a page, or the folder
            cannot be written to.
    """
    if _extension(path) == ".html":
        check_jinja()
    folder = _resolve(path).parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or path.expanduser().is_dir():
        raise ConfigurationError(f"the report {path} cannot be written to this folder")


def write_document(document: SweepDocument, path: Path) -> None:
    """Write a document to a file that replaces an earlier one as a whole, row by row.

    A page lists at most 5,000 target groups. If the document has more, a table with all of them is written beside the
    page, and the page names it. Its own name contains the run id, so that it replaces nothing but itself.

    Raises:
        ConfigurationError: if the file extension names no format, or Jinja2 is not installed for a page.
        OSError: if the file cannot be written; an earlier file stays as it was.
    """
    extension, path = _extension(path), path.expanduser()
    if extension == ".json":
        replace_file(path, map(str.encode, iter_json(document)))
    elif extension == ".csv":
        _write_table(document, path)
    else:
        check_jinja()
        table = table_beside(document, path)
        if table is not None:
            _write_table(document, table)
        replace_file(path, map(str.encode, iter_html(document, path=path, table=table)))


def table_beside(document: SweepDocument, path: Path) -> Path | None:
    """Return the path of the table that is written beside a page; None if the page lists all target groups."""
    if path.suffix.lower() != ".html" or not is_large(document):
        return None
    return path.with_name(f"{path.stem}-{document.run_id.replace(':', '-')}.csv")


def _write_table(document: SweepDocument, path: Path) -> None:
    replace_file(path, map(str.encode, chain([BYTE_ORDER_MARK], iter_csv(document))))


def replace_file(path: Path, content: Iterable[bytes]) -> None:
    """Write a file that replaces an earlier one as a whole; a symbolic link is followed.

    Raises:
        OSError: if the file cannot be written; an earlier file stays as it was.
    """
    path = _resolve(path)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(content)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def read_data(path: Path) -> dict[str, Any]:
    """Return the data of a report file: the JSON file itself, or the JSON inside the HTML page.

    Raises:
        ConfigurationError: if the file is not a report, or a later release wrote it.
        OSError: if the file cannot be read.
    """
    if path.suffix.lower() == ".csv":
        raise ConfigurationError(f"{path} does not contain the plan of the sweep; use the .json or .html report")
    with path.expanduser().open("rb") as file:
        content = file.read(_MAX_BYTES)
    try:
        data = cast("dict[str, Any]", json.loads(_embedded(content) or content))
        kind, version = data["kind"], data["version"]
    except (ValueError, TypeError, KeyError, zlib.error):
        raise ConfigurationError(f"{path} is not a sweep report") from None
    if kind != KIND:
        raise ConfigurationError(f"{path} is not a sweep report")
    if version != VERSION:
        raise ConfigurationError(f"the report {path} has version {version!r}; this release reads version {VERSION}")
    return data


def _resolve(path: Path) -> Path:
    """Return the absolute path that a path leads to, past symbolic links."""
    return Path(os.path.realpath(path.expanduser()))


def describe_damage(exc: Exception) -> str:
    """Return the reason why the data of a file could not be decoded: the value that is wrong or missing."""
    return f"{exc} is missing" if isinstance(exc, KeyError) else strip_control_chars(exc)


def _embedded(page: bytes) -> bytes | None:
    """Return the JSON inside a page; None if the content is not a page."""
    _, tag, rest = page.partition(DATA_TAG.encode())
    if not tag:
        return None
    return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(base64.b64decode(rest.partition(b"<")[0]), _MAX_BYTES)


def _extension(path: Path) -> str:
    """Return the extension of a file in lower case, if it names a format."""
    extension = path.suffix.lower()
    if extension not in _EXTENSIONS:
        raise ConfigurationError(f"the name of the report {path} must end with {', '.join(_EXTENSIONS)}")
    return extension
