"""Validators of client options, policies and waits. They raise ``ConfigurationError``, which names the option."""

import sys
from collections.abc import Callable
from typing import Any, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.errors import ConfigurationError

__all__ = ["Validator", "callback", "check_wait_timeout", "having", "instance", "number", "text"]

_MAX = sys.float_info.max  # an integer may be greater, which is not finite as a float

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def number(
    *, above: float | None = None, at_least: float | None = None, unit: str = "", whole: bool = False, none: str = ""
) -> Validator:
    """Return a validator of finite numbers.

    Args:
        above: The number must be greater than this.
        at_least: The number must not be less than this.
        unit: The unit, for the message.
        whole: True to require an integer.
        none: The meaning of None, for the message; None is invalid if it is empty.
    """
    kinds = int if whole else (int, float)
    bound = f"above {above:g}" if above is not None else f"at least {at_least:g}"
    rule = f"must be {bound}{' ' if unit else ''}{unit}{' and an integer' if whole else ''}"
    rule += f", or None for {none}" if none else ""

    def validate(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if value is None and none:
            return
        if isinstance(value, kinds) and not isinstance(value, bool) and abs(number := cast("float", value)) <= _MAX:
            if above is not None and number > above:
                return
            if at_least is not None and number >= at_least:
                return
        raise ConfigurationError(f"{attribute.name} {rule}; got {brief_repr(value)}")

    return validate


def instance(kind: type, *, optional: bool = False) -> Validator:
    """Return a validator of instances of a class."""

    def validate(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if not (isinstance(value, kind) or (optional and value is None)):
            found = "None" if value is None else f"an instance of {type(value).__name__}"
            raise ConfigurationError(f"{attribute.name} must be of type {kind.__name__}, not {found}")

    return validate


def having(*methods: str, optional: bool = False) -> Validator:
    """Return a validator of objects with certain methods."""

    def validate(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        missing = [name for name in methods if not callable(getattr(value, name, None))]
        if missing and not (optional and value is None):
            raise ConfigurationError(
                f"{attribute.name} must have a method {missing[0]}(); got an instance of {type(value).__name__}"
            )

    return validate


def text(holder: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require text. The value is not shown: it may be a credential."""
    if not isinstance(value, str):
        owner, kind = type(holder).__name__, type(value).__name__
        raise ConfigurationError(f"{owner}.{attribute.name} must be text, not an instance of {kind}")


def callback(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Require a function; None means that the option is not used."""
    if value is not None and not callable(value):
        raise ConfigurationError(f"{attribute.name} must be a function, not an instance of {type(value).__name__}")


def check_wait_timeout(timeout: object, *, name: str = "timeout", optional: bool = True) -> None:
    """Refuse a timeout of a wait that is neither a number of seconds, 0 or more, nor, if it is optional, None."""
    if not (optional and timeout is None) and not (isinstance(timeout, int | float) and _is_duration(timeout)):
        rule = "must be a number of seconds, 0 or more"
        raise ConfigurationError(f"{name} {rule}{', or None' if optional else ''}; got {brief_repr(timeout)}")


def _is_duration(value: float) -> bool:
    try:
        return float(value) >= 0.0  # not a number is not
    except OverflowError:  # an integer beyond all floats
        return False
