"""Print the results of a run as Markdown, or write them into a page between its two marks.

Run: ``python -m benchmarks.table FILE [--write docs/explanation/performance.md]``
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import Results

BEGIN, END = "<!-- begin of the benchmarks' table -->\n", "<!-- end of the benchmarks' table -->\n"


def main(words: Sequence[str]) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the file that `python -m benchmarks --json FILE` wrote")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="replace the table of this page")
    arguments = parser.parse_args(words)
    table = Results.load(arguments.file).markdown()
    if arguments.write is None:
        print(table, end="")
        return
    between = re.compile(f"(?<={re.escape(BEGIN)}).*(?={re.escape(END)})", re.DOTALL)
    page, count = between.subn(lambda _: table, arguments.write.read_text())
    if count != 1:
        parser.error(f"{arguments.write} does not have the two marks: {BEGIN}{END}")
    arguments.write.write_text(page)


if __name__ == "__main__":
    main(sys.argv[1:])
