"""Writing a sweep's report as the ending of its file's name says, and reading it again."""

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from fieldingkit.cli.errors import UsageError
from fieldingkit.rendering.csv import as_csv
from fieldingkit.rendering.html import DATA_ID, as_html
from fieldingkit.rendering.model import SweepRecord

__all__ = ["check_report_path", "read_report", "write_report"]


_WAYS: Final[Mapping[str, tuple[Callable[[SweepRecord], str], str]]] = {
    ".json": (SweepRecord.encode, "utf-8"),
    # Spreadsheets take a file without this mark for one in the machine's own old encoding.
    ".csv": (as_csv, "utf-8-sig"),
    ".html": (as_html, "utf-8"),
}
_DATA: Final = re.compile(f'<script type="application/json" id="{DATA_ID}">(.*?)</script>', re.DOTALL)
_LARGEST: Final = 512 * 1024 * 1024


def check_report_path(path: Path) -> None:
    """See beforehand that a report can be written.

    Raises:
        UsageError: if it cannot, or its name does not say how.
    """
    if path.suffix.lower() not in _WAYS:
        raise UsageError(f"the report {path} should end with {', '.join(_WAYS)}\nNothing was sent.")
    folder = path.expanduser().absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or path.expanduser().is_dir():
        raise UsageError(f"the report {path} cannot be written there\nNothing was sent.")


def write_report(record: SweepRecord, path: Path) -> None:
    """Write a report, whole or not at all; what was there before is replaced.

    Raises:
        OSError: if it cannot be written.
    """
    make, encoding = _WAYS[path.suffix.lower()]
    content = make(record).encode(encoding)
    path = path.expanduser()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def read_report(path: Path) -> SweepRecord:
    """Read a report, from JSON or from the page that holds it.

    Raises:
        UsageError: if it cannot be read, or is none.
    """
    try:
        with path.expanduser().open("rb") as file:
            text = file.read(_LARGEST).decode()
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise UsageError(f"{path} is not a report of a sweep") from exc
    if path.suffix.lower() == ".csv":
        raise UsageError(f"{path} is for spreadsheets and lacks the plan\nGive the .json or .html report.")
    page = _DATA.search(text)
    return SweepRecord.decode(page[1] if page else text)
