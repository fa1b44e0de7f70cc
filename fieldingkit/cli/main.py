"""Running a command: whatever goes wrong becomes one or two lines and an exit code, never a traceback."""

import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import CycloptsError

from fieldingkit.cli.app import app
from fieldingkit.cli.errors import ExitCode, StoppedError, exit_code_for, format_error, strip_control_chars
from fieldingkit.errors import FieldingKitError

__all__ = ["run"]


def run(tokens: Sequence[str]) -> int:
    """Run a command line and give its exit code.

    Args:
        tokens: The words after the program's name.
    """
    try:
        code: object = app(tokens)
        sys.stdout.flush()
    except CycloptsError as exc:
        return _fail(f"{strip_control_chars(exc)}\n{_help_of(tokens)} shows how it is called.", ExitCode.USAGE)
    except StoppedError as exc:
        return _fail(str(exc), exc.code)
    except FieldingKitError as exc:
        return _fail(format_error(exc), exit_code_for(exc))
    except KeyboardInterrupt:
        return _fail("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Who read our output has gone; Python's own flush at the end would complain of it once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.CLOSED_PIPE
    except Exception as exc:  # noqa: BLE001  # the last resort of a program that never shows a traceback unasked
        return _report_bug(exc)
    return code if isinstance(code, int) else ExitCode.DONE


def _fail(text: str, code: ExitCode) -> ExitCode:
    first, *rest = text.splitlines()
    sys.stderr.write("\n".join([f"fieldingkit: {first}", *(f"  {line}" for line in rest)]) + "\n")
    return code


def _report_bug(exc: Exception) -> ExitCode:
    if os.environ.get("FIELDINGKIT_DEBUG"):
        traceback.print_exception(exc)
    # Only its kind: what a foreign exception says may quote anything.
    return _fail(
        f"a defect of fieldingkit: {type(exc).__name__}\n"
        "Please report it; FIELDINGKIT_DEBUG=1 shows where it was (look through that before you send it on).",
        ExitCode.DEFECT,
    )


def _help_of(tokens: Sequence[str]) -> str:
    words: list[str] = []
    for token in tokens:
        if token.startswith("-") or token not in (app[words[0]] if words else app):
            break
        words.append(token)
    return " ".join(["fieldingkit", *words, "--help"])
