"""The reason for an outcome, from the error that caused it."""

from fieldingkit.errors import FieldingKitError, InvalidCommandError

__all__ = ["reason_of"]


def reason_of(error: FieldingKitError) -> str:
    """Return what happened, with the trace id for the API's support; the outcome says the rest."""
    if isinstance(error, InvalidCommandError):  # the name of its command is not that of a table
        return error.message.partition(": ")[2] or error.message
    return f"{error.message} (trace {error.trace_id})" if error.trace_id else error.message
