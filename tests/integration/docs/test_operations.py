"""The page of operations is what the code says."""

from pathlib import Path

from support.operations_table import OF_THE_API, commands, page

ROOT = Path(__file__).parents[3]


def test_the_page_is_made_from_the_code() -> None:
    """`docs/operations.md` is what `python tests/support/operations_table.py` prints."""
    assert (ROOT / "docs" / "operations.md").read_text() == page()


def test_the_readme_counts_right() -> None:
    """The README's number of operations is the number of commands."""
    total = sum(len(kinds) for kinds in commands().values())
    assert f"{total} of the API's {OF_THE_API} operations have commands" in " ".join(
        (ROOT / "README.md").read_text().split()
    )
