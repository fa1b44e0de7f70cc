"""Write the pages of the docs that are made from the code: `PYTHONPATH=tests python -m support.generated_pages`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from support import command_line_page, llms_page, operations_table

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "reference/operations.md": operations_table.page,
    "reference/command-line.md": command_line_page.page,
    "llms.txt": llms_page.page,
}
"""The functions that return the texts of the pages, by their paths; the last one reads the others."""


def main() -> None:
    """Write all pages."""
    for path, page in PAGES.items():
        (DOCS / path).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
