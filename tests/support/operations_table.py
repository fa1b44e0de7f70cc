"""Generate the page of operations: `python tests/support/operations_table.py > docs/operations.md`."""

import sys
from importlib import import_module
from inspect import getdoc
from pkgutil import iter_modules

from fieldingkit import resources
from fieldingkit.commands import Command

OF_THE_API = 158
"""The number of operations in the contract of 2025-12-18."""


def commands() -> dict[str, list[type[Command[object]]]]:
    """Return the commands by module."""
    found: dict[str, list[type[Command[object]]]] = {}
    for info in iter_modules(resources.__path__):
        module = import_module(f"{resources.__name__}.{info.name}")
        kinds = [getattr(module, name) for name in module.__all__]
        named = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Command)]
        if named:
            found[info.name] = named
    return found


def _notes(kind: type[Command[object]]) -> str:
    """Return the paragraphs of a command's docstring after the summary, on one line, without examples."""
    paragraphs = (getdoc(kind) or "").split("\n\n")[1:]
    texts = [" ".join(text.split()).replace("``", "`") for text in paragraphs if not text.startswith(" ")]
    return " ".join(text for text in texts if not text.endswith("::"))


def page() -> str:
    """Return the text of the page."""
    by_module = commands()
    total = sum(len(kinds) for kinds in by_module.values())
    lines = [
        "# Operations",
        "",
        f"{total} of the API's {OF_THE_API} operations have commands. This page is generated from the code.",
        "",
        "Call the others with `client.request(method, path, params=..., json=..., headers=...)`. It uses the same",
        "pipeline: auth, retries as its method, `Idempotency-Key` and `If-Match` allow, tracing, typed errors.",
    ]
    for module, kinds in by_module.items():
        lines += ["", f"## `{module}`", "", "| command | operation | |", "| --- | --- | --- |"]
        for kind in kinds:
            endpoint = kind.endpoint
            summary = (kind.__doc__ or "").splitlines()[0].replace("``", "`")
            lines.append(f"| `{kind.__name__}` | `{endpoint.operation_id}` ({endpoint.method}) | {summary} |")
        notes = [(kind.__name__, _notes(kind)) for kind in kinds]
        lines += (
            ["", *(f"- `{name}`: {text}" for name, text in notes if text)] if any(text for _, text in notes) else []
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
