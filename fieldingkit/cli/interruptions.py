"""The outcome of an interrupted command, from the notes on the exceptions that ended it."""

import re
from collections.abc import Iterator
from typing import Final

from fieldingkit.cli.errors import advice_on_job, advice_on_outcome, to_words
from fieldingkit.errors import ConfigurationError
from fieldingkit.rendering.text import strip_control_chars

__all__ = ["describe_outcome"]

_UNCLEAR: Final = re.compile(r"([a-z0-9_]+) may have been applied(?:.* idempotency_key='([^']+)')?")
_CONTINUES: Final = re.compile(r"job (\S+) continues; get its handle with client\.job\('(\S+)'\)")


def describe_outcome(exc: BaseException) -> list[str]:
    """Return lines that say what may have been applied, and how to find out; none if nothing was.

    Args:
        exc: The interruption. It ends the event loop with a new exception; the notes are on the cancellation before it.
    """
    return list(dict.fromkeys(_line(strip_control_chars(note).strip()) for note in _notes(exc)))


def _notes(exc: BaseException | None) -> Iterator[str]:
    while exc is not None and not isinstance(exc, Exception):  # an error before it was handled
        yield from getattr(exc, "__notes__", ())
        exc = exc.__context__


def _line(note: str) -> str:
    if (unclear := _UNCLEAR.match(note)) is not None:
        operation_id, key = unclear.groups()
        sentences = [
            f"{to_words(operation_id).capitalize()}: it may have been applied.",
            advice_on_outcome(operation_id),
        ]
        return " ".join(filter(None, [*sentences, f"Idempotency key {key}." if key else ""]))
    if (continues := _CONTINUES.fullmatch(note)) is not None:
        job_id, token = continues.groups()
        return f"Job {job_id} continues. {advice_on_job(_operation_of(token), job_id, token)}"
    return note if note.endswith(".") else f"{note[0].upper()}{note[1:]}."


def _operation_of(token: str) -> str | None:
    from fieldingkit.jobs.token import JobToken

    try:
        return JobToken.decode(token).operation_id
    except ConfigurationError:
        return None
