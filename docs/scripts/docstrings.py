"""A griffe extension for the house style: literal blocks after ``::``, and packages that load their names lazily."""

import re
from typing import Any

from griffe import (
    Attribute,
    Class,
    DocstringSectionParameters,
    DocstringSectionText,
    Extension,
    Module,
    Object,
)

_BLOCK = re.compile(r"^(?P<text>.*?)::\n\n(?P<code>(?: {4}.*(?:\n|$)|\n(?= {4}))+)", re.MULTILINE)
_TREE = re.compile(r"[├└│·─]|^\s*\$ ", re.MULTILINE)


def fenced(text: str) -> str:
    """Return a docstring with its literal blocks fenced; those with a tree or a shell command are plain text."""

    def fence(match: re.Match[str]) -> str:
        code = re.sub(r"^ {4}", "", match["code"].rstrip(), flags=re.MULTILINE)
        language = "text" if _TREE.search(code) else "python"
        before = f"{match['text']}:\n\n" if match["text"] else ""
        return f"{before}```{language}\n{code}\n```\n"

    return _BLOCK.sub(fence, text)


class HouseStyle(Extension):
    """Fences the literal blocks of docstrings, and shows members of enumerations and names that are loaded lazily."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Replace the text of an object's docstring before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)

    def on_module_members(self, *, mod: Module, **_: Any) -> None:
        """Export what the branch for type checkers imports, since ``__all__`` is made at run time."""
        if "lazy_names" in mod.imports:
            mod.exports = [name for name, path in mod.imports.items() if path.startswith("fieldingkit.")]
            mod.exports.remove("lazy_names")

    def on_class(self, *, cls: Class, **_: Any) -> None:
        """Show a class with its public bases, its fields as such, and the members of an enumeration in one table."""
        while private := next((base for base in cls.bases if str(base).startswith("_")), None):
            index, base = cls.bases.index(private), cls.module.members.get(str(private).partition("[")[0])
            cls.bases[index : index + 1] = base.bases if isinstance(base, Class) else []
        if cls.docstring is None:
            return
        for section in cls.docstring.parsed:
            if isinstance(section, DocstringSectionParameters):
                section.title = "Fields:"
        if any("Enum" in str(base) for base in cls.bases):
            members = [each for each in cls.attributes.values() if each.name.isupper()]
            rows = [f"| `{each.name}` | `{each.value}` | {_text(each)} |" for each in members]
            if rows:
                table = "\n".join(["| member | value | meaning |", "| --- | --- | --- |", *rows])
                cls.docstring.parsed.append(DocstringSectionText(table))
            for each in members:
                del cls.members[each.name]


def _text(member: Attribute) -> str:
    return " ".join(member.docstring.value.split()).replace("|", r"\|") if member.docstring else ""
