"""Load the public names of a package when they are first used."""

import sys

# Importing `typing` would take longer than the root package; type checkers know this name.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["lazy_names"]


def lazy_names(
    package: str, homes: "Mapping[str, str]"
) -> "tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]":
    """Return the ``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Args:
        package: The package's ``__name__``.
        homes: The modules that define the names: ``{"fieldingkit.client": "AsyncClient"}``, with spaces between
            several names. A name that a module does not define is a submodule of it.
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def load(name: str) -> "Any":
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module

        home = home_of[name]
        module = import_module(home)
        found = vars(module)[name] if name in vars(module) else import_module(f"{home}.{name}")
        setattr(sys.modules[package], name, found)
        return found

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home_of})

    return load, names, sorted(home_of)
