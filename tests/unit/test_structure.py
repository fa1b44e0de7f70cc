"""The structure that docs/explanation/architecture.md describes is the structure of the files."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "fieldingkit"
MAP = re.compile(r"^```text\n(fieldingkit/\n.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST = 450


def mapped_modules() -> set[str]:
    """Return the modules that the map names, as paths below the package."""
    page = MAP.search((ROOT / "docs" / "explanation" / "architecture.md").read_text())
    assert page is not None
    modules: set[str] = set()
    folders: list[str] = []
    for line in page[1].splitlines()[1:]:
        indent = (len(line) - len(line.lstrip())) // 2
        name, *rest = line.split()
        if name.endswith("/"):
            folders[indent - 1 :] = [name]
            modules |= {f"{''.join(folders)}{module}.py" for module in rest}
        else:
            modules.add(name)
    return modules


def test_the_map_of_the_design_page_names_every_module() -> None:
    """A module that is added, moved or removed changes the map in the same commit."""
    files = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")}
    modules = {path for path in files if not path.endswith("__init__.py")} | {"__init__.py"}
    assert mapped_modules() == modules


def test_no_module_is_longer_than_one_sitting_can_read() -> None:
    """Only the tree of errors may be longer, because it is read as a list."""
    lengths = {path: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {path.name for path, length in lengths.items() if length > LONGEST} <= {"errors.py"}
