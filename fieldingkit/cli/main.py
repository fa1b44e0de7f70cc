"""Run a command line; every exception becomes one or two lines on stderr and an exit code."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final

from cyclopts import CycloptsError

from fieldingkit.cli.app import app
from fieldingkit.cli.errors import ExitCode, StoppedError, exit_code_for, format_error
from fieldingkit.cli.signals import Received, interrupt_on_signals
from fieldingkit.cli.streams import SurvivingStream, discard, wrap
from fieldingkit.cli.telemetry import export_telemetry
from fieldingkit.errors import FieldingKitError
from fieldingkit.rendering.text import strip_control_chars

__all__ = ["INTERRUPTED", "run"]

_INTERRUPTIONS: Final = {
    "SIGINT": ("interrupted", ExitCode.INTERRUPTED),
    "SIGTERM": ("terminated by SIGTERM", ExitCode.TERMINATED),
    "SIGHUP": ("terminated by SIGHUP", ExitCode.HUNG_UP),
}
INTERRUPTED: Final = frozenset(code for _, code in _INTERRUPTIONS.values())
"""The exit codes of a program that a signal ended."""


def run(tokens: Sequence[str]) -> int:
    """Run a command line and return its exit code.

    Args:
        tokens: The words after the program's name.
    """
    with interrupt_on_signals() as received, export_telemetry(_command(tokens)) as record:
        code = _run(tokens, received)
        record(code)
        return code


def _run(tokens: Sequence[str], received: Received) -> int:
    try:
        code: object = app(tokens)
    except CycloptsError as exc:
        return _fail(f"{strip_control_chars(exc)}\nRun `{_command(tokens)} --help` for the usage.", ExitCode.USAGE)
    except StoppedError as exc:
        return _fail(str(exc), exc.code)
    except FieldingKitError as exc:
        return _fail(format_error(exc), exit_code_for(exc))
    except KeyboardInterrupt:
        return _fail(*_INTERRUPTIONS[received.signal.name])
    except BrokenPipeError:
        discard(sys.stdout)
        return ExitCode.BROKEN_PIPE
    except Exception as exc:  # noqa: BLE001  # the program shows no traceback unless asked to
        return _report_bug(exc)
    return _flush(code if isinstance(code, int) else ExitCode.DONE)


def _flush(code: int) -> int:
    """Write what stdout still buffers; return the exit code."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
        return code or ExitCode.BROKEN_PIPE
    except OSError as exc:
        discard(sys.stdout)
        return _fail(f"the output could not be written: {exc.strerror}", ExitCode(code or ExitCode.FAILED))
    return code


def _fail(text: str, code: ExitCode) -> ExitCode:
    first, *rest = text.splitlines()
    stderr = SurvivingStream(sys.stderr)
    message = "\n".join([f"fieldingkit: {first}", *(f"  {line}" for line in rest)])
    stderr.write(f"{wrap(message, '  ') if stderr.isatty() else message}\n")
    stderr.flush()
    return code


def _report_bug(exc: Exception) -> ExitCode:
    if os.environ.get("FIELDINGKIT_DEBUG"):
        traceback.print_exception(exc)
    # The message of an unknown exception may quote a secret, so only its type is shown.
    return _fail(
        f"internal error: {type(exc).__name__}. This is a bug in fieldingkit; please report it.\n"
        "Set FIELDINGKIT_DEBUG=1 for a traceback; check it for secrets before you share it.",
        ExitCode.INTERNAL_ERROR,
    )


def _command(tokens: Sequence[str]) -> str:
    """Return the words of the command, without its arguments."""
    words: list[str] = []
    for token in tokens:
        if token.startswith("-") or token not in (app[words[0]] if words else app):
            break
        words.append(token)
    return " ".join(["fieldingkit", *words])
