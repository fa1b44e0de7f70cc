"""The entry point of the ``fieldingkit`` command."""

import io
import sys

from fieldingkit.version import __version__

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    if sys.argv[1:] == ["--version"]:
        print(__version__)
        return
    from fieldingkit.cli.main import INTERRUPTED, run
    from fieldingkit.cli.signals import ignore_signals
    from fieldingkit.cli.streams import open_missing_streams

    open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an encoding without our characters must not fail the command
    code = run(sys.argv[1:])
    if code in INTERRUPTED:
        ignore_signals()
    raise SystemExit(code)


if __name__ == "__main__":
    main()
