"""The page of operations, made from the code: `python tests/support/operations_table.py > docs/operations.md`."""

import sys
from importlib import import_module
from pkgutil import iter_modules

from fieldingkit import resources
from fieldingkit.commands import Command

OF_THE_API = 158
"""How many operations the contract of 2025-12-18 has."""


def commands() -> dict[str, list[type[Command[object]]]]:
    """Every command by its module."""
    found: dict[str, list[type[Command[object]]]] = {}
    for info in iter_modules(resources.__path__):
        module = import_module(f"{resources.__name__}.{info.name}")
        kinds = [getattr(module, name) for name in module.__all__]
        named = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Command)]
        if named:
            found[info.name] = named
    return found


def page() -> str:
    """The page's text."""
    by_module = commands()
    total = sum(len(kinds) for kinds in by_module.values())
    lines = [
        "# Operations",
        "",
        f"{total} of the API's {OF_THE_API} operations have commands. The page is made from the code; a test compares.",
        "",
        "The others are reached by `client.request(method, path, params=..., json=..., headers=...)`, through the same",
        "pipeline: auth, retries as the method and its `Idempotency-Key` or `If-Match` allow, tracing, typed errors.",
    ]
    for module, kinds in by_module.items():
        lines += ["", f"## `{module}`", "", "| command | operation | |", "| --- | --- | --- |"]
        for kind in kinds:
            endpoint = kind.endpoint
            said = (kind.__doc__ or "").splitlines()[0]
            lines.append(f"| `{kind.__name__}` | `{endpoint.operation_id}` ({endpoint.method}) | {said} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
