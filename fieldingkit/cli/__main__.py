"""The entry point of the ``fieldingkit`` command."""

import io
import os
import sys

from fieldingkit.version import __version__

# Importing `typing` would take longer than the rest of this module; type checkers know this name.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    if sys.argv[1:] == ["--version"]:
        print(__version__)
        return
    try:
        from fieldingkit.cli.main import INTERRUPTED, run
        from fieldingkit.cli.signals import ignore_signals
        from fieldingkit.cli.streams import open_missing_streams

        open_missing_streams()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # an encoding without our characters must not fail the command
    except KeyboardInterrupt:
        _end_early()
    code = run(sys.argv[1:])
    if code in INTERRUPTED:
        ignore_signals()
    raise SystemExit(code)


def _end_early() -> "NoReturn":
    """End as after Ctrl-C in a command, with what is loaded so far."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        os.write(2, b"fieldingkit: interrupted; nothing was sent\n")
    finally:
        os._exit(130)


if __name__ == "__main__":
    main()
