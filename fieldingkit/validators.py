"""Validators and converters of command fields. Converters are annotated, so that constructors show their types."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import attrs

from fieldingkit.errors import InvalidCommandError

__all__ = [
    "account_id",
    "check_period",
    "enum_tuple",
    "etag",
    "https_url",
    "idempotency_key",
    "non_empty",
    "opaque_id",
    "optional_str_tuple",
    "str_tuple",
    "timezone_aware",
    "ulid",
    "ulids",
]

E = TypeVar("E", bound=str)

_ULID = re.compile(r"[0-9A-Z]{26}")
_ACCOUNT = re.compile(r"[0-9]{1,19}")
_HEADER_TEXT = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
# Unreserved characters of RFC 3986 only: nothing that could end a path segment, start a query, or climb out with "..".
_OPAQUE_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]{1,128}")


# Converters


def str_tuple(values: Iterable[str]) -> tuple[str, ...]:
    """Return the values in order, without duplicates; a single text counts as a list of one."""
    if isinstance(values, str) or not isinstance(cast("object", values), Iterable):
        return (cast("str", values),)  # anything but text is rejected by the validator, which knows the field's name
    items = tuple(values)
    try:
        return tuple(dict.fromkeys(items))
    except TypeError:  # unhashable items are rejected by the validator too
        return items


def optional_str_tuple(values: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return ``str_tuple(values)``, or None for None."""
    return None if values is None else str_tuple(values)


def enum_tuple(kind: type[E], values: Iterable[str]) -> tuple[E, ...]:
    """Return the values as members of an enumeration, in order, without duplicates."""
    return tuple(map(kind, str_tuple(values)))


# Validators


def ulid(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require an id of 26 capital letters and digits."""
    if not (isinstance(value, str) and _ULID.fullmatch(value)):
        raise _invalid(command, attribute, value, "must be an id of 26 capital letters and digits")


def ulids(command: object, attribute: "attrs.Attribute[Any]", value: "tuple[object, ...] | None") -> None:
    """Require at least one ULID and nothing else; None means that the field is left out."""
    non_empty(command, attribute, value)
    for item in value or ():
        ulid(command, attribute, item)


def opaque_id(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require an id that stays within its path segment."""
    if not (isinstance(value, str) and _OPAQUE_ID.fullmatch(value)):
        raise _invalid(command, attribute, value, "must be an id of letters, digits and . _ ~ -")


def account_id(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require an account's number; None means the client's own account."""
    if value is not None and (isinstance(value, bool) or not _ACCOUNT.fullmatch(str(value))):
        raise _invalid(command, attribute, value, "must be the account's number")


def etag(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require an ETag that fits into a header; quotes and ``W/`` stay as they are."""
    if not value:
        raise _invalid(command, attribute, value, "is empty: read the resource first, its ETag guards this action")
    if not (isinstance(value, str) and _HEADER_TEXT.fullmatch(value)):
        raise _invalid(command, attribute, value, "must be the ETag as the API sent it")


def idempotency_key(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require 1 to 255 visible ASCII characters; None means that the client makes a key for the call."""
    if value is not None and not (isinstance(value, str) and _KEY.fullmatch(value)):
        raise _invalid(command, attribute, value, "must be 1 to 255 visible ASCII characters")


def timezone_aware(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require a time with a zone: without one it would mean another moment on another machine."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise _invalid(command, attribute, value, "must be a datetime with a time zone, such as datetime.now(UTC)")


def non_empty(command: object, attribute: "attrs.Attribute[Any]", value: "tuple[object, ...] | None") -> None:
    """Reject an empty list, which could be read as none or as all; None means that the field is left out."""
    if value is not None and not value:
        raise _invalid(command, attribute, value, "must not be empty: leave it out, or name at least one")


def https_url(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require an ``https://`` URL with a host; None means that the field is left out."""
    if value is None:
        return
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme != "https" or not parts.hostname:
        # The value is not shown: a URL may contain a token.
        raise InvalidCommandError(
            f"{type(command).__name__}: {attribute.name} must be an https:// URL", field=attribute.name
        )


def check_period(command: object, start: datetime, end: datetime) -> None:
    """Reject a fielding period that ends before it starts.

    Raises:
        InvalidCommandError: if it does.
    """
    if end.astimezone(UTC) < start.astimezone(UTC):
        raise InvalidCommandError(
            f"{type(command).__name__}: end_fielding_at ({end.isoformat()}) is before start_fielding_at "
            f"({start.isoformat()})",
            field="end_fielding_at",
        )


def _invalid(command: object, attribute: "attrs.Attribute[Any]", value: object, rule: str) -> InvalidCommandError:
    # Validators run while the command is being built, so only its name can safely be shown.
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:59]}…"
    return InvalidCommandError(f"{type(command).__name__}: {attribute.name} {rule}; got {shown}", field=attribute.name)
