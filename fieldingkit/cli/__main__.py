"""The entry point of the ``fieldingkit`` command."""

import io
import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """Run the command line, or print how to install it where the extra ``cli`` is missing."""
    if missing := [name for name in ("cyclopts", "rich") if find_spec(name) is None]:
        names = " and ".join(missing)
        print(f'The command line requires {names}: python -m pip install "fieldingkit[cli]"', file=sys.stderr)
        raise SystemExit(2)
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
