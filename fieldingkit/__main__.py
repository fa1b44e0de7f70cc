"""``python -m fieldingkit``: the command line, for a Python whose scripts are not on the path."""

from fieldingkit.cli.__main__ import main

if __name__ == "__main__":
    main()
