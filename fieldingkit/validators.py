"""fieldingkit.validators."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, cast

import attrs

from fieldingkit.errors import InvalidCommandError

__all__ = [
    "account",
    "aware",
    "ends_after",
    "etag",
    "idempotency_key",
    "ids",
    "opaque_id",
    "some",
    "some_ulids",
    "ulid",
]


_ULID = re.compile(r"[0-9A-Z]{26}")


_ACCOUNT = re.compile(r"[0-9]{1,19}")


_HEADER_TEXT = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def ulid(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Refuse what is not an id of 26 capital letters and digits."""
    if not (isinstance(value, str) and _ULID.fullmatch(value)):
        raise _refused(command, attribute, value, "must be an id of 26 capital letters and digits")


def opaque_id(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Refuse an id that would not stay within its path segment."""
    if not (isinstance(value, str) and _OPAQUE_ID.fullmatch(value)):
        raise _refused(command, attribute, value, "must be an id of letters, digits and . _ ~ -")


def account(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Refuse an account id that is not a number; None means the client's own account."""
    if value is not None and (isinstance(value, bool) or not _ACCOUNT.fullmatch(str(value))):
        raise _refused(command, attribute, value, "must be the account's number")


def etag(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Refuse a missing tag, and one that is no header text. Quotes and W/ stay as they are."""
    if not value:
        raise _refused(command, attribute, value, "is empty: read the resource first, its ETag guards this action")
    if not (isinstance(value, str) and _HEADER_TEXT.fullmatch(value)):
        raise _refused(command, attribute, value, "must be the ETag as the API sent it")


def idempotency_key(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Refuse a key that the API could not take; None means that the client makes one for the call."""
    if value is not None and not (isinstance(value, str) and _KEY.fullmatch(value)):
        raise _refused(command, attribute, value, "must be 1 to 255 visible ASCII characters")


def aware(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Refuse a time without a zone: it would mean another moment on another machine."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise _refused(command, attribute, value, "must be a datetime with a time zone, such as datetime.now(UTC)")


def ids(values: object) -> tuple[str, ...]:
    """A list of ids in their order, each once."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return (cast("str", values),)  # refused by the validator, which knows the field's name
    items = tuple(cast("Iterable[str]", values))
    try:
        return tuple(dict.fromkeys(items))
    except TypeError:  # not even hashable: refused by the validator too
        return items


def some(command: object, attribute: "attrs.Attribute[Any]", value: tuple[object, ...] | None) -> None:
    """Refuse an empty list, which could be read as none or as all; None means that it is left out."""
    if value is not None and not value:
        raise _refused(command, attribute, value, "is empty: leave it out if it is not meant to choose")


def some_ulids(command: object, attribute: "attrs.Attribute[Any]", value: tuple[object, ...]) -> None:
    """Refuse an empty list, and any entry that is not an id."""
    if not value:
        raise _refused(command, attribute, value, "is empty: there is nothing to do")
    for item in value:
        ulid(command, attribute, item)


def ends_after(start: datetime, end: datetime, command: object) -> None:
    """Refuse a period that ends before it starts."""
    if end.astimezone(UTC) < start.astimezone(UTC):
        raise InvalidCommandError(
            f"end_fielding_at ({end.isoformat()}) is before start_fielding_at ({start.isoformat()})",
            field="end_fielding_at",
            command=command,
        )


def _refused(command: object, attribute: "attrs.Attribute[Any]", value: object, rule: str) -> InvalidCommandError:
    # Validators run while the command is being built, so its name is all that can safely be shown of it.
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:59]}…"
    return InvalidCommandError(f"{type(command).__name__}.{attribute.name} {rule}; got {shown}", field=attribute.name)


# Unreserved characters of RFC 3986 only: nothing that could end a path segment, start a query, or climb out with "..".
_OPAQUE_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]{1,128}")
