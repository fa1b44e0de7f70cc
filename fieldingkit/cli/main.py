"""Run a command line; every exception becomes one or two lines on stderr and an exit code."""

import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import CycloptsError

from fieldingkit.cli.app import app
from fieldingkit.cli.errors import ExitCode, StoppedError, exit_code_for, format_error
from fieldingkit.errors import FieldingKitError
from fieldingkit.rendering.text import strip_control_chars

__all__ = ["run"]


def run(tokens: Sequence[str]) -> int:
    """Run a command line and return its exit code.

    Args:
        tokens: The words after the program's name.
    """
    try:
        code: object = app(tokens)
        sys.stdout.flush()
    except CycloptsError as exc:
        return _fail(f"{strip_control_chars(exc)}\nRun `{_help_command(tokens)}` for the usage.", ExitCode.USAGE)
    except StoppedError as exc:
        return _fail(str(exc), exc.code)
    except FieldingKitError as exc:
        return _fail(format_error(exc), exit_code_for(exc))
    except KeyboardInterrupt:
        return _fail("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Python flushes stdout once more at exit, and would report the broken pipe then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.BROKEN_PIPE
    except Exception as exc:  # noqa: BLE001  # the program shows no traceback unless asked to
        return _report_bug(exc)
    return code if isinstance(code, int) else ExitCode.DONE


def _fail(text: str, code: ExitCode) -> ExitCode:
    first, *rest = text.splitlines()
    sys.stderr.write("\n".join([f"fieldingkit: {first}", *(f"  {line}" for line in rest)]) + "\n")
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


def _help_command(tokens: Sequence[str]) -> str:
    words: list[str] = []
    for token in tokens:
        if token.startswith("-") or token not in (app[words[0]] if words else app):
            break
        words.append(token)
    return " ".join(["fieldingkit", *words, "--help"])
