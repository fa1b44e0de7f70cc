"""Where the ``fieldingkit`` command begins."""

import sys
from importlib import import_module
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """Run the command line; without the extra that it needs, say how to get it."""
    if missing := [name for name in ("cyclopts", "rich") if find_spec(name) is None]:
        needed = " and ".join(missing)
        print(f'The command line needs {needed}: python -m pip install "fieldingkit[cli]"', file=sys.stderr)
        raise SystemExit(2)
    import_module("fieldingkit.cli.app").app()


if __name__ == "__main__":
    main()
