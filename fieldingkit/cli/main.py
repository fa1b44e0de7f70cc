"""Run a command line; every exception becomes one or two lines on stderr and an exit code."""

import os
import sys
from collections.abc import Sequence
from typing import Final

from fieldingkit.cli.catalog import GROUPS, find, names_below
from fieldingkit.cli.errors import ExitCode, StoppedError, UsageError, exit_code_for, format_error
from fieldingkit.cli.help import asks_for_help, group_help
from fieldingkit.cli.signals import Received, interrupt_on_signals
from fieldingkit.cli.streams import SurvivingStream, discard, wrap
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
_EXTRA: Final = frozenset({"cyclopts", "jinja2", "rich", "tomlkit"})
"""The packages of the extra ``cli``."""


def run(tokens: Sequence[str]) -> int:
    """Run a command line and return its exit code.

    Args:
        tokens: The words after the program's name.
    """
    code: int | None = None
    with interrupt_on_signals() as received:
        try:
            if tokens and tokens[0] in {"help", "--help", "-h"}:
                tokens = (*tokens[1:], "--help")
            words = find(tokens)
            rest = tokens[len(words.split()) :]
            if words in GROUPS or asks_for_help(rest):
                return _run(words, rest, received)
            from fieldingkit.cli.telemetry import export_telemetry

            with export_telemetry(f"fieldingkit {words}") as record:
                code = _run(words, rest, received)
                record(code)
        except KeyboardInterrupt:  # before the command began, or while its telemetry is exported
            return _fail(*_INTERRUPTIONS[received.signal.name]) if code is None else code
    return code


def _run(words: str, rest: Sequence[str], received: Received) -> int:
    try:
        code = _describe(words, rest) if words in GROUPS else _call(words, rest)
    except StoppedError as exc:
        return _fail(str(exc), exc.code)
    except FieldingKitError as exc:
        return _fail(format_error(exc), exit_code_for(exc))
    except KeyboardInterrupt as exc:
        from fieldingkit.cli.interruptions import describe_outcome

        text, ending = _INTERRUPTIONS[received.signal.name]
        return _fail("\n".join([text, *describe_outcome(exc)]), ending)
    except BrokenPipeError:
        discard(sys.stdout)
        return ExitCode.BROKEN_PIPE
    except Exception as exc:  # noqa: BLE001  # the program shows no traceback unless asked to
        return _report_bug(exc)
    return _flush(code)


def _describe(group: str, rest: Sequence[str]) -> int:
    """Print the help of a group of commands.

    Raises:
        UsageError: Something else was asked for.
    """
    if rest and not asks_for_help(rest[:1]):
        from difflib import get_close_matches

        word = strip_control_chars(rest[0])
        similar = get_close_matches(word, (*names_below(group), "--version"), n=1)
        problem = (
            f"unknown command {word}"
            if not word.startswith("-")
            else f"unknown option {word}; options follow a command"
        )
        advice = f"Did you mean {similar[0]}? " if similar else ""
        raise UsageError(f"{problem}\n{advice}Run `{f'fieldingkit {group}'.rstrip()} --help` for the commands.")
    print(group_help(group))
    return ExitCode.DONE


def _call(words: str, rest: Sequence[str]) -> int:
    """Run a command.

    Raises:
        UsageError: An argument is wrong, or a package of the extra ``cli`` is missing.
    """
    try:
        from fieldingkit.cli.app import call

        return call(words, rest)
    except ModuleNotFoundError as exc:
        if exc.name not in _EXTRA:
            raise
        raise UsageError(
            f'the command line requires {exc.name}\nRun: python -m pip install "fieldingkit[cli]"'
        ) from exc


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
        import traceback

        traceback.print_exception(exc)
    # The message of an unknown exception may quote a secret, so only its type is shown.
    return _fail(
        f"internal error: {type(exc).__name__}. This is a bug in fieldingkit; please report it.\n"
        "Set FIELDINGKIT_DEBUG=1 for a traceback; check it for secrets before you share it.",
        ExitCode.INTERNAL_ERROR,
    )
