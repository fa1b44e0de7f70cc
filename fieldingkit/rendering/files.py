"""Report files: write a document in the format that the file extension names, and read its data again."""

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

from fieldingkit.errors import ConfigurationError
from fieldingkit.rendering.csv import to_csv
from fieldingkit.rendering.html import DATA_ID, to_html
from fieldingkit.rendering.json import KIND, VERSION, to_json
from fieldingkit.rendering.model import SweepDocument

__all__ = ["check_report_path", "read_data", "replace_file", "write_document"]


_FORMATS: Final[Mapping[str, tuple[Callable[[SweepDocument], str], str]]] = {
    ".json": (to_json, "utf-8"),
    # Without the byte order mark, spreadsheets read the file in the legacy encoding of the machine.
    ".csv": (to_csv, "utf-8-sig"),
    ".html": (to_html, "utf-8"),
}
_DATA: Final = re.compile(f'<script type="application/json" id="{DATA_ID}">(.*?)</script>', re.DOTALL)
_MAX_BYTES: Final = 512 * 1024 * 1024


def check_report_path(path: Path) -> None:
    """Check, before a sweep starts, that its report can be written.

    Raises:
        ConfigurationError: if the file extension names no format, or the folder cannot be written to.
    """
    _format(path)
    folder = path.expanduser().absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or path.expanduser().is_dir():
        raise ConfigurationError(f"the report {path} cannot be written to this folder")


def write_document(document: SweepDocument, path: Path) -> None:
    """Write a document to a file that replaces an earlier one as a whole.

    Raises:
        ConfigurationError: if the file extension names no format.
        OSError: if the file cannot be written; an earlier file stays as it was.
    """
    render, encoding = _format(path)
    replace_file(path, [render(document).encode(encoding)])


def replace_file(path: Path, content: Iterable[bytes]) -> None:
    """Write a file that replaces an earlier one as a whole.

    Raises:
        OSError: if the file cannot be written; an earlier file stays as it was.
    """
    path = path.expanduser()
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
        text = content.decode()
        page = _DATA.search(text)
        data = cast("dict[str, Any]", json.loads(page[1] if page else text))
        kind, version = data["kind"], data["version"]
    except (ValueError, TypeError, KeyError):
        raise ConfigurationError(f"{path} is not a sweep report") from None
    if kind != KIND:
        raise ConfigurationError(f"{path} is not a sweep report")
    if version != VERSION:
        raise ConfigurationError(f"the report {path} has version {version!r}; this release reads version {VERSION}")
    return data


def _format(path: Path) -> tuple[Callable[[SweepDocument], str], str]:
    """Return the renderer and the encoding for a file extension."""
    try:
        return _FORMATS[path.suffix.lower()]
    except KeyError:
        raise ConfigurationError(f"the name of the report {path} must end with {', '.join(_FORMATS)}") from None
