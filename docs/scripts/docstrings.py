"""A griffe extension for the house style: literal blocks after ``::``, and packages that load their names lazily."""

import re
from typing import Any

from griffe import Extension, Module, Object

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
    """Fences the literal blocks of each docstring, and finds the names of packages that load them lazily."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Replace the text of an object's docstring before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)

    def on_module_members(self, *, mod: Module, **_: Any) -> None:
        """Export what the branch for type checkers imports, since ``__all__`` is made at run time."""
        if "lazy_names" in mod.imports:
            mod.exports = [name for name, path in mod.imports.items() if path.startswith("fieldingkit.")]
            mod.exports.remove("lazy_names")
