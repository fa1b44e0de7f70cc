"""Where the ``fieldingkit`` command begins."""

import io
import sys
from importlib import import_module
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """Run the command line; without the extra that it needs, say how to get it."""
    if missing := [name for name in ("cyclopts", "platformdirs", "rich") if find_spec(name) is None]:
        needed = " and ".join(missing)
        print(f'The command line needs {needed}: python -m pip install "fieldingkit[cli]"', file=sys.stderr)
        raise SystemExit(2)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old terminal's encoding is no reason to fail
    raise SystemExit(import_module("fieldingkit.cli.main").run(sys.argv[1:]))


if __name__ == "__main__":
    main()
