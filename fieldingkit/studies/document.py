"""The document of a study: its tables as they were written, and the places of problems in it."""

import tomllib
from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.errors import InvalidStudyError
from fieldingkit.rendering.text import pluralize
from fieldingkit.studies.values import Path, unknown_key

__all__ = ["SCHEMA", "Document", "Problems"]

SCHEMA: Final = 1
"""The version of the format of study files."""
_KEYS: Final = ("schema", "project", "defaults", "target_groups")


@attrs.define
class Problems:
    """The problems of a document, each once, with its place."""

    name: str
    """The name of the document, for the error."""
    found: dict[str, None] = attrs.field(factory=dict[str, None], init=False)
    """The problems, in order."""

    def add(self, place: str, path: Path, problem: str) -> None:
        """Add the problem of a part.

        Args:
            place: The table in brackets; empty for the top of the document.
            path: The path of the part below it.
            problem: The problem; the name of the part comes before it.
        """
        self.found[" ".join(filter(None, (place, _format(path), problem)))] = None

    def error(self, *others: str) -> InvalidStudyError:
        """Return the error of all problems that were added, and of others."""
        problems = [*self.found, *others]
        more = f"; and {pluralize(len(problems) - 1, 'more problem')}" if len(problems) > 1 else ""
        return InvalidStudyError(f"{self.name}: {problems[0]}{more}", problems=problems)


def _format(path: Path) -> str:
    """Return a path as people read it, such as ``profiles.Age, target 2: range``."""
    text = ""
    for key, before, after in zip(path, ("", *path), (*path[1:], ""), strict=False):
        part = key if isinstance(key, int) or (key.strip() and key.isprintable()) else brief_repr(key)
        if isinstance(part, int):
            text += f" {part + 1}"
        elif isinstance(after, int):
            text += f"{', ' if text else ''}{part.removesuffix('s')}"
        else:
            text += f"{'' if not text else ': ' if isinstance(before, int) else '.'}{part}"
    return text


@attrs.frozen
class Document:
    """The tables of a study file."""

    project: Mapping[str, Any]
    """The table ``[project]``."""
    defaults: Mapping[str, Any]
    """The table ``[defaults]``."""
    target_groups: Mapping[str, Mapping[str, Any]]
    """The tables ``[target_groups.REFERENCE]``, by reference."""

    @classmethod
    def parse(cls, text: str, problems: Problems) -> "Document":
        """Return the tables in a text.

        Args:
            text: The content of the file.
            problems: The problems to add to.

        Raises:
            InvalidStudyError: The text is not TOML, or its schema is of another release.
        """
        try:
            content = tomllib.loads(text)
        except ValueError as exc:  # also a number with thousands of digits
            raise problems.error(f"it is not valid TOML: {exc}") from exc
        except RecursionError as exc:
            raise problems.error("it is nested too deeply") from exc
        if (schema := content.get("schema")) != SCHEMA or type(schema) is not int:
            got = "it has none" if schema is None else f"got {brief_repr(schema)}"
            raise problems.error(f"this release reads files with schema = {SCHEMA}; {got}")
        for key in content.keys() - {*_KEYS}:
            problems.add("at the top,", (key,), unknown_key(key, _KEYS))
        groups = _table(content, "target_groups", problems)
        if not groups:
            problems.add("", (), "it has no target groups; each is a table, such as [target_groups.TRACKER-US]")
        return cls(
            _table(content, "project", problems),
            _table(content, "defaults", problems, required=False),
            {name: _table(groups, name, problems, within="target_groups.") for name in groups},
        )

    def settings(self, reference: str) -> dict[str, Any]:
        """Return the table of a target group with what it does not say taken from [defaults]; tables are merged."""
        inherited = {name: self.project[name] for name in ("project_manager_id",) if name in self.project}
        return _merge({**inherited, **self.defaults}, self.target_groups[reference])

    def place(self, reference: str, path: Path) -> str:
        """Return the table that a part of a target group's settings was written in, in brackets."""
        if _has(self.target_groups[reference], path):
            return f"[target_groups.{reference}]"
        return "[defaults]" if _has(self.defaults, path) else "[project]"


def _table(
    content: Mapping[str, Any], name: str, problems: Problems, *, within: str = "", required: bool = True
) -> dict[str, Any]:
    value = content.get(name)
    if value is None and required:
        problems.add("", (), f"it has no table [{within}{name}]")
    elif value is not None and not isinstance(value, dict):
        problems.add("", (), f"{within}{name} must be a table; got {brief_repr(value)}")
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _merge(defaults: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**defaults, **table}
    for name in defaults.keys() & table.keys():
        if isinstance(defaults[name], dict) and isinstance(table[name], dict):
            merged[name] = _merge(defaults[name], table[name])
    return merged


def _has(table: Any, path: Path) -> bool:
    """Return whether a table itself says what stands at a path; a list stands for all in it."""
    for part in path:
        if not isinstance(table, dict):
            return True
        if part not in table:
            return False
        table = cast("dict[str | int, Any]", table)[part]
    return True
