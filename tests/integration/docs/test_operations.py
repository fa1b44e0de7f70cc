"""The page of operations is what the code says."""

import re
from pathlib import Path

from support.operations_table import OF_THE_API, commands, count, page

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "operations.md"


def test_the_page_is_made_from_the_code() -> None:
    """`docs/reference/operations.md` is what `python tests/support/operations_table.py` prints."""
    assert PAGE.read_text() == page()


def test_every_operation_has_a_command() -> None:
    """The heading counts the commands, and all operations of the contract have one."""
    assert count() == f"{OF_THE_API} of {OF_THE_API}"
    assert PAGE.read_text().startswith(f"# Operations: {count()}\n")


def test_a_row_says_what_a_command_needs() -> None:
    """Each command has a row with its result and what protects a repetition; the verb is named where it is not send."""
    rows = re.findall(r"^\| `(\w+)`<br>[^|]+ \| ([^|]+) \| (read|key|tag|none) \|$", PAGE.read_text(), re.MULTILINE)
    assert [name for name, _, _ in rows] == [kind.__name__ for kinds in commands().values() for kind in kinds]
    found = {name: (result, safety) for name, result, safety in rows}
    assert found["ListProjects"] == ("`ProjectList`, pages", "read")
    assert found["PauseTargetGroups"] == ("`BatchResult`, job", "key")
    assert found["DownloadReport"] == ("file", "read")
    assert found["UpdateAllocationTemplate"] == ("nothing", "tag")
    assert found["CreateTargetGroup"][1] == "none"


def test_the_readme_counts_right() -> None:
    """The README says that all operations have commands."""
    assert f"All {OF_THE_API} operations have commands" in " ".join((ROOT / "README.md").read_text().split())
