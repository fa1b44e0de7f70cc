"""The public names of the package: those that its packages export."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import fieldingkit

__all__ = ["public_modules", "public_names"]


def public_modules() -> dict[str, ModuleType]:
    """Return the root, the packages below it that export names, and the modules among those names."""
    found: dict[str, ModuleType] = {"fieldingkit": fieldingkit}
    for info in iter_modules(fieldingkit.__path__, "fieldingkit."):
        if info.ispkg and hasattr(module := import_module(info.name), "__all__"):
            found[info.name] = module
    for package in list(found.values()):
        # The names of the provider can be loaded only where Airflow is installed; none of them is a module.
        for name in () if package.__name__ == "fieldingkit.airflow" else package.__all__:
            if isinstance(module := getattr(package, name), ModuleType):
                found[module.__name__] = module
    return found


def public_names() -> dict[str, str]:
    """Return the paths of all public names, apart from modules, and the paths at which they are defined."""
    found: dict[str, str] = {}
    for package, module in public_modules().items():
        for name in module.__all__:
            value = None if package == "fieldingkit.airflow" else getattr(module, name)
            if not isinstance(value, ModuleType):
                found[f"{package}.{name}"] = f"{getattr(value, '__module__', package)}.{name}"
    return found
