"""Lists of ids that are uploaded as a file: how they are written, and the checks before anything is sent.

A list is UTF-8 text without a header: a UUID on each line, for some operations followed by a comma and a code. A byte
order mark, other line ends, quotes and white space around an id, and empty lines at the end are left out of the upload.
Anything else that is no id, and ids that occur twice, are refused with the numbers of their lines.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import Any, cast
from uuid import UUID

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.errors import InvalidCommandError
from fieldingkit.files import Upload

__all__ = ["coded_id_file", "id_file", "unique_coded_ids", "unique_ids"]

_ID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_CODED_ID = re.compile(_ID.pattern + r",[0-9A-Za-z_-]{1,64}")
_ID_LENGTH = 36
_UNNAMED = "ids.csv"  # that of Upload.ids, by default
_MOST_BYTES = 5_000_000
_MOST_ROWS = 100_000
_SHOWN = 3
_AROUND = '"\ufeff'
"""Quotes, and a byte order mark in the first line of a file that was opened as UTF-8."""

# The beginnings of files that are often taken for CSV.
_OTHER_FORMATS = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"PK\x03\x04": "an Excel workbook or another ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "compressed",
}


# Converters


def id_file(values: Upload | Iterable[str | UUID]) -> Upload:
    """Return ids as the file that is sent, one on a line; a file is returned without what is left out."""
    if isinstance(values, Upload):
        return _tidied(values)
    if isinstance(values, str):
        return _written([values])
    if not _is_list(values):
        return cast("Upload", values)  # refused by the validator, which knows the field's name
    return _written(map(str, values))


def coded_id_file(rows: Upload | Iterable[tuple[str | UUID, str | int]]) -> Upload:
    """Return pairs of an id and a code as the file that is sent; a file is returned without what is left out."""
    if isinstance(rows, Upload):
        return _tidied(rows)
    if not _is_list(rows):
        return cast("Upload", rows)
    # True and False count as integers in Python; the validator refuses the row without its code.
    return _written(f"{rid},{'' if isinstance(code, bool) else code}" for rid, code in rows)


def _is_list(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def _written(lines: Iterable[str], filename: str | None = None) -> Upload:
    text = "\n".join(map(_tidy, lines)).rstrip("\n")
    text = text and text + "\n"
    # The validator refuses a surrogate, which no encoding can write.
    # The contract lists the content type without a charset; that of text/csv is UTF-8 by default (RFC 7111).
    content = text.encode(errors="surrogatepass")
    if filename in {None, _UNNAMED}:
        # A name that follows from the contents is not the name of another list.
        filename = f"fieldingkit-{sha256(content).hexdigest()[:12]}.csv"
    return Upload(content, content_type="text/csv", filename=filename)


def _tidied(upload: Upload) -> Upload:
    if len(upload.content) >= _MOST_BYTES:
        return upload
    try:
        text = upload.content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return upload
    return _written(text.splitlines(), upload.filename)


def _tidy(line: str) -> str:
    if len(line) == _ID_LENGTH:  # nearly always an id and nothing else
        return line
    return ",".join(cell.strip().strip(_AROUND).strip() for cell in line.split(","))


# Validators


def unique_ids(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require a file with a UUID on each line, each of them once."""
    _check(command, attribute, value, _ID, "a UUID on each line")


def unique_coded_ids(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require a file with a UUID, a comma and a code on each line, each UUID once."""
    _check(command, attribute, value, _CODED_ID, "a UUID, a comma and a code on each line")


def _check(
    command: object, attribute: "attrs.Attribute[Any]", value: object, row: "re.Pattern[str]", form: str
) -> None:
    if problem := _problem(value, row, form):
        raise InvalidCommandError(f"{type(command).__name__}: {attribute.name} {problem}", field=attribute.name)


def _problem(value: object, row: "re.Pattern[str]", form: str) -> str | None:
    """Return the first problem of a file as the predicate of a sentence; None if there is none."""
    if not isinstance(value, Upload):
        return f"must be a list, or a file as Upload.from_path(path); got {brief_repr(value)}"
    content = value.content
    kind = next((kind for start, kind in _OTHER_FORMATS.items() if content.startswith(start)), None)
    if kind is not None:
        return f"must be UTF-8 text; got {kind}"
    if len(content) >= _MOST_BYTES:
        return f"must have less than {_MOST_BYTES:,} bytes; got {len(content):,}"
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        return f"must be UTF-8 text; line {line} is not"
    if not lines:
        return "must not be empty"
    if len(lines) > _MOST_ROWS:
        return f"must not have more than {_MOST_ROWS:,} lines; got {len(lines):,}"
    matches = row.fullmatch
    wrong = [number for number, line in enumerate(lines, 1) if not matches(line)]
    if wrong:
        if len(lines) == 1:
            advice = "; a file is passed as Upload.from_path(path)"
        else:
            advice = "; leave out the header" if wrong[0] == 1 and 2 not in wrong[1:2] else ""
        found = (f"line {number} is {brief_repr(lines[number - 1])}" for number in wrong)
        return f"must have {form}; {_some(found, len(wrong))}{advice}"
    return _repetitions([line[:_ID_LENGTH].casefold() for line in lines])


def _repetitions(ids: Sequence[str]) -> str | None:
    if len(set(ids)) == len(ids):
        return None
    counts = {rid: count for rid, count in Counter(ids).items() if count > 1}
    found = (f"{rid} {count} times, first on line {ids.index(rid) + 1}" for rid, count in counts.items())
    return f"must not have duplicates; got {_some(found, len(counts))}"


def _some(texts: Iterator[str], count: int) -> str:
    """Return the first texts, and the number of the others."""
    more = [f"and {count - _SHOWN} more"] if count > _SHOWN else []
    return ", ".join([*islice(texts, _SHOWN), *more])
