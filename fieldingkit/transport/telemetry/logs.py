"""Log output for people: a handler on the logger ``fieldingkit`` that prints the facts of each record."""

import contextlib
import logging
import os
import sys
from datetime import UTC, datetime

from fieldingkit.errors import ConfigurationError

__all__ = ["VARIABLE", "enable_logs", "enable_logs_from_env"]

VARIABLE = "FIELDINGKIT_LOG"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO}
_FIELDS = (
    "operation_id",
    "method",
    "attempt",
    "status",
    "error",
    "reason",
    "delay",
    "duration",
    "lifetime",
    "job_id",
    "polls",
    "event",
    "trace_id",
)
"""The fields of records that are printed; none of them holds a credential, a header or a body."""


class _Formatter(logging.Formatter):
    """Formats a record as one line: time, level, logger, message and fields."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  # the name is logging's
        """Return the time in UTC."""
        del datefmt
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name is logging's
        """Return the line of a record."""
        fields = ((name, vars(record).get(name)) for name in _FIELDS)
        return " ".join([super().formatMessage(record), *(f"{name}={_text(v)}" for name, v in fields if v is not None)])


class _Handler(logging.Handler):
    """Writes to the present ``sys.stderr``, which a progress bar may have replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record; a closed stream loses it."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(f"{self.format(record)}\n")


def enable_logs(level: int) -> None:
    """Print the records of fieldingkit to stderr, from a level on. Calling it again only changes the level.

    Other loggers and their handlers are not changed.

    Args:
        level: The level, such as ``logging.DEBUG``.
    """
    logger = logging.getLogger("fieldingkit")
    logger.setLevel(level)
    if not any(isinstance(handler, _Handler) for handler in logger.handlers):
        logger.addHandler(_Handler())


def enable_logs_from_env() -> None:
    """Print the records of fieldingkit if the environment variable ``FIELDINGKIT_LOG`` is ``debug`` or ``info``.

    Raises:
        ConfigurationError: if it has another value.
    """
    value = os.environ.get(VARIABLE, "").strip().lower()
    if not value:
        return
    if value not in _LEVELS:
        raise ConfigurationError(f"{VARIABLE} must be 'debug' or 'info'; got {value[:80]!r}")
    enable_logs(_LEVELS[value])


def _text(value: object) -> str:
    """Return a field's value on one line: numbers shortened, and text quoted where it is more than a word."""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)
