"""The reference has an entry for every public name, and every environment variable."""

import ast
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from support.public_names import public_modules

import fieldingkit
from fieldingkit.commands import OpenEnum, OpenIntEnum
from fieldingkit.configuration import _VARIABLES, KEYS

ROOT = Path(__file__).parents[3]
AIRFLOW = "fieldingkit.airflow"
REFERENCE = ROOT / "docs" / "reference"
ENTRY = re.compile(r"^::: (\S+)$", re.MULTILINE)
VARIABLE = re.compile(r"`((?:CINT|FIELDINGKIT|OTEL)_[A-Z0-9_]+)`")


def entries() -> set[str]:
    """Return the modules and names that the pages of the reference show."""
    return {entry for page in REFERENCE.rglob("*.md") for entry in ENTRY.findall(page.read_text())}


def missing(module: ModuleType, shown: set[str]) -> Iterator[str]:
    """Yield the public names of a module that no page shows, below any of the paths to them."""
    for name in module.__all__:
        path = f"{module.__name__}.{name}"
        if not {module.__name__, path} & shown:
            value = getattr(module, name)
            homes = {value.__name__} if isinstance(value, ModuleType) else {getattr(value, "__module__", path)}
            if not homes & shown:
                yield path


def test_every_public_name_has_an_entry() -> None:
    """A name that is added to an ``__all__`` is added to a page in the same commit."""
    shown = entries()
    assert [name for module in public_modules().values() for name in missing(module, shown)] == []


def test_every_entry_exists() -> None:
    """No page names a module or an object that was renamed."""
    for entry in sorted(entries()):
        home, _, name = entry.rpartition(".")
        if not entry.startswith("fieldingkit.airflow"):
            assert find_spec(home) is not None
            assert hasattr(import_module(home), name) or find_spec(entry) is not None, entry


def undescribed(kind: type[Enum]) -> set[str]:
    """Return the members of an enumeration without a docstring below them."""
    (tree,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(tree, ast.ClassDef)
    described = {
        ast.unparse(node.targets[0])
        for node, after in pairwise(tree.body)
        if isinstance(node, ast.Assign) and isinstance(after, ast.Expr)
    }
    return {*kind.__members__} - described


def test_every_member_of_an_enumeration_is_described() -> None:
    """The kinds of changes and the codes of categories are the API's own words, which it describes no further."""
    names = [(module, name) for path, module in public_modules().items() if path != AIRFLOW for name in module.__all__]
    values = {getattr(module, name) for module, name in names if inspect.isclass(getattr(module, name))}
    kinds = {kind for kind in values if issubclass(kind, Enum)} - {OpenEnum, OpenIntEnum}
    missing = {kind.__name__: found for kind in kinds if (found := undescribed(kind))}
    assert missing.keys() == {"QuestionCategoryCode", "TargetGroupChangeType"}


def test_every_resource_has_a_page() -> None:
    """The page of a module of commands has its name."""
    resources = {name for name in fieldingkit.__all__ if find_spec(f"fieldingkit.resources.{name}")}
    assert {path.stem for path in (REFERENCE / "commands").glob("*.md")} == {*resources, "index", "shared"}


def names_in_code() -> set[str]:
    """Return the texts in the code as patterns: `OTEL_{name}_EXPORTER` is `OTEL_[A-Z0-9_]+_EXPORTER`."""
    found: set[str] = set()
    for path in (ROOT / "fieldingkit").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in nodes:
            if isinstance(node, ast.JoinedStr):
                texts = [part.value if isinstance(part, ast.Constant) else "[A-Z0-9_]+" for part in node.values]
                found.add("".join(map(str, texts)))
            elif isinstance(node, ast.Constant) and id(node) not in parts:
                found.add(str(node.value))
    return {name for name in found if re.fullmatch(r"(CINT|FIELDINGKIT|OTEL)_[]A-Z0-9_+[-]+", name)}


def test_the_page_of_settings_has_every_variable_and_no_other() -> None:
    """A variable that the code reads is in a table of the page, and each of the page is read."""
    page = (REFERENCE / "configuration.md").read_text()
    listed = {name for row in page.splitlines() if row.startswith("| ") for name in VARIABLE.findall(row)}
    patterns = names_in_code()
    assert {name for name in listed if not any(re.fullmatch(pattern, name) for pattern in patterns)} == set()
    assert {each for each in patterns if not any(re.fullmatch(each, name) for name in listed)} == set()


def test_the_page_of_settings_has_every_key() -> None:
    """Each row has the variable of its key, and all variables of connections are there."""
    rows = re.findall(
        r"^\| [^|]+ \| (`\w+`|none) \| (`[\w-]+`|none|refused) \|",
        (REFERENCE / "configuration.md").read_text(),
        re.MULTILINE,
    )
    pairs = {key.strip("`"): variable.strip("`") for variable, key in rows}
    assert {key for key in pairs if key not in {"none", "refused"}} == KEYS
    variables = {variable.strip("`") for variable, _ in rows} - {"none"}
    assert variables == {*_VARIABLES.values(), "CINT_CONNECTION"}
    assert all(_VARIABLES.get(key, "none") == variable for key, variable in pairs.items() if key in KEYS)
