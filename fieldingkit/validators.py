"""Validators and converters of command fields. Converters are annotated, so that constructors show their types."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import cache, partial
from math import inf
from types import UnionType
from typing import Any, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin
from urllib.parse import urlsplit

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.errors import InvalidCommandError
from fieldingkit.idempotency import is_etag

__all__ = [
    "account_id",
    "check_period",
    "country",
    "duration",
    "each",
    "enum_tuple",
    "etag",
    "https_url",
    "idempotency_key",
    "instance_of",
    "integer",
    "is_account",
    "language",
    "length",
    "locale",
    "matching",
    "misfit_finder",
    "misfit_finders",
    "non_empty",
    "number",
    "opaque_id",
    "optional_str_tuple",
    "reference",
    "str_tuple",
    "timezone_aware",
    "ulid",
    "ulids",
    "uuid",
]

Validator: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]

E = TypeVar("E", bound=str)

_ULID = re.compile(r"[0-9A-Z]{26}")
_ACCOUNT = re.compile(r"[0-9]{1,10}")
_LARGEST_ACCOUNT = 2**31 - 1
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
# Unreserved characters of RFC 3986 only: nothing that could end a path segment, start a query, or climb out with "..".
_OPAQUE_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]{1,128}")


def is_account(value: object) -> bool:
    """Return whether a value is the number of an account, as an integer or as text."""
    if type(value) is str and _ACCOUNT.fullmatch(value):
        value = int(value)
    return type(value) is int and 0 <= value <= _LARGEST_ACCOUNT


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
    if value is not None and not is_account(value):
        raise _invalid(command, attribute, value, "must be the account's number")


def etag(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require exactly one ETag; quotes and ``W/`` stay as they are."""
    if is_etag(value):
        return
    if not value:
        raise _invalid(command, attribute, value, "is empty: read the resource first, its ETag guards this action")
    if value == "*":
        raise _invalid(command, attribute, value, "guards nothing: send the ETag of the resource as it was read")
    raise _invalid(command, attribute, value, "must be one ETag as the API sent it")


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
    """Require an ``https://`` URL with a host; an optional field may be None."""
    if value is None and attribute.default is None:
        return
    if not _is_https_url(value):
        # The value is not shown: a URL may contain a token.
        raise InvalidCommandError(
            f"{type(command).__name__}: {attribute.name} must be an https:// URL", field=attribute.name
        )


def _is_https_url(value: object) -> bool:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
    except ValueError:  # such as a bracket that is not closed
        return False
    return parts is not None and parts.scheme == "https" and bool(parts.hostname)


def integer(minimum: int, maximum: int | None = None) -> Validator:
    """Return a validator of whole numbers; an optional field may be None."""
    limits = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

    def check(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if value is None and attribute.default is None:
            return
        if type(value) is not int or value < minimum or (maximum is not None and value > maximum):
            raise _invalid(command, attribute, value, f"must be a whole number, {limits}")

    return check


def number(minimum: float, maximum: float = inf, *, decimals: int | None = None, exclusive: bool = False) -> Validator:
    """Return a validator of finite numbers, whole or not; an optional field may be None.

    Args:
        minimum: The smallest number.
        maximum: The largest number; any if left out.
        decimals: The number of decimal digits, such as 2 for steps of 0.01; any if left out.
        exclusive: True if the smallest number itself is refused.
    """
    least = f"above {minimum:g}" if exclusive else f"at least {minimum:g}" if maximum == inf else f"from {minimum:g}"
    most = "" if maximum == inf else f" to {maximum:g}" if not exclusive else f" and up to {maximum:g}"
    limits = least + most + (f" with {decimals} decimal digits" if decimals is not None else "")

    def check(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if value is None and attribute.default is None:
            return
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            raise _invalid(command, attribute, value, f"must be a number {limits}")
        if value == inf or (exclusive and value == minimum):
            raise _invalid(command, attribute, value, f"must be a number {limits}")
        if decimals is not None and round(value, decimals) != value:
            raise _invalid(command, attribute, value, f"must be a number {limits}")

    return check


def length(minimum: int, maximum: int) -> Validator:
    """Return a validator of texts by their number of characters; an optional field may be None."""

    def check(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if value is None and attribute.default is None:
            return
        if not (isinstance(value, str) and minimum <= len(value) <= maximum):
            raise _invalid(command, attribute, value, f"must have {minimum} to {maximum} characters")

    return check


def matching(pattern: str, rule: str) -> Validator:
    """Return a validator of texts that match a regular expression as a whole; an optional field may be None.

    Args:
        pattern: The regular expression.
        rule: The continuation of "must be" in the error message.
    """

    def check(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if value is None and attribute.default is None:
            return
        if not (isinstance(value, str) and re.fullmatch(pattern, value)):  # compiled when first used
            raise _invalid(command, attribute, value, f"must be {rule}")

    return check


def each(check_item: Validator, *, maximum: int | None = None) -> Validator:
    """Return a validator of lists: not empty, without duplicates, every item valid; None means that it is left out."""

    def check(command: object, attribute: "attrs.Attribute[Any]", value: "tuple[Any, ...] | None") -> None:
        if value is None:
            return
        non_empty(command, attribute, value)
        if maximum is not None and len(value) > maximum:
            raise _invalid(command, attribute, value, f"must not have more than {maximum} items")
        for item in value:
            check_item(command, attribute, item)
        if len(set(value)) < len(value):
            raise _invalid(command, attribute, value, "must not have duplicates")

    return check


def instance_of(kind: type) -> Validator:
    """Return a validator of objects of one class."""

    def check(command: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if not isinstance(value, kind):
            raise _invalid(command, attribute, value, f"must be a {kind.__name__}")

    return check


uuid: Validator = matching(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UUID")
country: Validator = matching(r"[a-z]{2}", "a country of two small letters, such as 'us'")
language: Validator = matching(r"[a-z]{3}", "a language of three small letters, such as 'eng'")
reference: Validator = matching(r"[a-zA-Z0-9\-_ ]{3,128}", "a reference of 3 to 128 letters, digits, spaces, - and _")
locale: Validator = matching(r"[a-z]{3}_[a-z]{2}", "a language and a country, such as 'eng_us'")
duration: Validator = matching(
    r"P(?!$)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?", "an ISO 8601 duration, such as 'PT12H'"
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


# Kinds

Finder: TypeAlias = Callable[[Any, str], "str | None"]
"""Returns the path of the first part of a value that is not of its annotated kind; takes the value and its path."""


@cache
def misfit_finders(kind: Any) -> "tuple[tuple[str, Finder], ...]":
    """Return a finder for each field of a class that has no validator; validators check the kind themselves."""
    fields = attrs.fields(attrs.resolve_types(kind))
    return tuple((field.name, misfit_finder(field.type)) for field in fields if field.validator is None)


@cache
def misfit_finder(hint: Any) -> Finder:
    """Return the finder for an annotation."""
    origin, kinds = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda _value, _path: None
    if origin is Literal:
        return lambda value, path: None if value in kinds else path
    if origin is tuple:
        return partial(_misfit_in_list, misfit_finder(kinds[0]))
    if attrs.has(hint):
        return partial(_misfit_in_model, hint)
    choices = kinds if origin in {Union, UnionType} else (origin or hint,)
    if any(get_origin(choice) in {tuple, Literal} or attrs.has(choice) for choice in choices):
        return partial(_misfit_of_all, [misfit_finder(choice) for choice in choices])
    classes = tuple(get_origin(choice) or choice for choice in choices)
    classes = (*classes, int) if float in classes else classes
    # A bool is an int, but no number; a datetime is a date, but is written with its time.
    others = tuple(kind for base, kind in ((int, bool), (date, datetime)) if base in classes and kind not in classes)
    return lambda value, path: None if isinstance(value, classes) and not isinstance(value, others) else path


def _misfit_in_list(find: Finder, value: object, path: str) -> str | None:
    if not isinstance(value, tuple):
        return path
    items = cast("tuple[object, ...]", value)
    return next(filter(None, (find(item, f"{path}[{index}]") for index, item in enumerate(items))), None)


def _misfit_in_model(kind: Any, value: object, path: str) -> str | None:
    if not isinstance(value, kind):
        return path
    finders = misfit_finders(kind)
    return next(filter(None, (find(getattr(value, name), f"{path}.{name}") for name, find in finders)), None)


def _misfit_of_all(finders: Sequence[Finder], value: object, path: str) -> str | None:
    misfits = [find(value, path) for find in finders]
    # The longest path is that of the kind which fits best.
    return None if None in misfits else max(filter(None, misfits), key=len)


def _invalid(command: object, attribute: "attrs.Attribute[Any]", value: object, rule: str) -> InvalidCommandError:
    # Validators run while the command is being built, so only its name can safely be shown.
    return InvalidCommandError(
        f"{type(command).__name__}: {attribute.name} {rule}; got {brief_repr(value)}", field=attribute.name
    )
