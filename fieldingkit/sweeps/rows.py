"""Rows of a journal: any text of the API comes back as it was written.

JSON can spell half a surrogate pair, such as half of an emoji, which is no UTF-8. SQLite takes such a text as bytes.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

__all__ = ["decode_row", "encode_row"]


def encode_row(row: Sequence[Any]) -> Sequence[Any]:
    """Return a row as SQLite takes it: text that is no UTF-8 becomes bytes."""
    return [value if not isinstance(value, str) or value.isascii() else _encode(value) for value in row]


def decode_row(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row as it was written; the ``row_factory`` of a connection."""
    del cursor
    return tuple([_decode(value) if isinstance(value, bytes) else value for value in row])


def _encode(text: str) -> str | bytes:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")
    return text


def _decode(value: bytes) -> str | bytes:
    """Return bytes as the text that they stand for; as they are if the file is damaged, for the reader to refuse."""
    with suppress(UnicodeDecodeError):
        return value.decode(errors="surrogatepass")
    return value
