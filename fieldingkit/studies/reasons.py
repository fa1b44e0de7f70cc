"""The reason for an outcome or a problem, from the error that caused it."""

import re

from fieldingkit.errors import FieldingKitError, InvalidCommandError

__all__ = ["reason_of"]

_CLASS_NAME = re.compile(r"[A-Z][A-Za-z]+: ")


def reason_of(error: FieldingKitError) -> str:
    """Return what happened, with the trace id for the API's support, but without the name of a command."""
    if isinstance(error, InvalidCommandError):
        return _CLASS_NAME.sub("", error.message, count=1) if _CLASS_NAME.match(error.message) else error.message
    return f"{error.message} (trace {error.trace_id})" if error.trace_id else error.message
