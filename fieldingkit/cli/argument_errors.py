"""The errors of the parser of arguments in the words of this command line."""

from datetime import datetime
from difflib import get_close_matches
from typing import Final, get_args

from cyclopts import (
    Argument,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    Token,
    UnknownOptionError,
    UnusedCliTokensError,
    ValidationError,
)

__all__ = ["describe"]

_KINDS: Final[dict[object, str]] = {
    int: "a whole number",
    float: "a number",
    datetime: "a time such as 2036-01-31T18:00",
    bool: "true or false, or be given without a value",
}
"""The kinds of values, by their types."""
_COMPARISONS: Final = {">": "above", ">=": "at least", "<": "below", "<=": "at most"}


def describe(error: CycloptsError) -> str:
    """Return the message for an error: the flag, what it must be, and the given value."""
    match error:
        case UnknownOptionError():
            name = error.token.keyword or error.token.value
            known = [name for argument in error.argument_collection for name in argument.names]
            begun = [flag for flag in known if flag.startswith(name) and name.strip("-")]
            similar = begun or get_close_matches(name, known, n=1)
            return f"unknown option {name}{_origin(error.token)}{f'; did you mean {similar[0]}?' if similar else ''}"
        case MissingArgumentError(keyword=str() as keyword):
            return f"{keyword} needs a value"
        case MissingArgumentError(argument=Argument() as argument):
            similar = get_close_matches(argument.name, error.unused_tokens or (), n=1)
            return f"{_name(argument)} is missing{f'; is that {similar[0]}?' if similar else ''}"
        case UnusedCliTokensError(unused_tokens=[first, *_]):
            return f"unexpected argument {first!r}"
        case RepeatArgumentError():
            return f"{error.token.keyword} was given more than once"
        case CoercionError(token=Token() as token) | ValidationError(argument=Argument(tokens=[token, *_])):
            if (rule := _rule(error)) is not None:
                name = token.keyword or (_name(error.argument) if error.argument else "a value")
                return f"{name} must be {rule}; got {token.value!r}{_origin(token)}"
        case _:
            pass
    return str(error)


def _name(argument: Argument) -> str:
    return argument.name if argument.index is None else argument.name.lstrip("-").upper()


def _rule(error: CoercionError | ValidationError) -> str | None:
    """Return what a value must be; None if it is not known."""
    if isinstance(error, ValidationError):
        words = error.exception_message.removeprefix("Must be ").rstrip(".").split()
        return " ".join(_COMPARISONS.get(word, word) for word in words)
    if error.msg is not None:
        return str(error.msg)  # of a converter of ours
    if choices := ", ".join(map(str, get_args(error.target_type))):
        return f"one of {choices}"
    return _KINDS.get(error.target_type)


def _origin(token: Token) -> str:
    return "" if token.source in ("", "cli") else f" in {token.source}"
