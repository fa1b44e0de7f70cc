"""The names that the pages mention exist: errors, and members of the package's modules."""

import builtins
import re
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import pytest
from support.pages import pages, read

import fieldingkit
from fieldingkit import errors

ERROR = re.compile(r"`([A-Z]\w+(?:Error|Exception))`")
MEMBER = re.compile(r"`(?:fieldingkit\.)?(\w+)\.([A-Za-z]\w+)\b(?!\.)")
OTHERS = {"CancelledError"}
"""Errors of the standard library that are no builtins."""


def module(name: str) -> ModuleType | None:
    """Return a module of the package by its name, if that is what it is."""
    if name in fieldingkit.__all__ and isinstance(found := getattr(fieldingkit, name), ModuleType):
        return found
    public = name in {"events", "monitoring", "sandbox", "studies", "sweeps", "workflows"}
    return import_module(f"fieldingkit.{name}") if public and find_spec(f"fieldingkit.{name}") else None


@pytest.mark.parametrize("page", pages())
def test_the_errors_of_a_page_exist(page: str) -> None:
    """An error that is renamed is renamed on the pages."""
    named = set(ERROR.findall(read(page)))
    assert {name for name in named if name not in errors.__all__ and not hasattr(builtins, name)} <= OTHERS


@pytest.mark.parametrize("page", pages())
def test_the_members_of_a_page_exist(page: str) -> None:
    """`module.Name` in a text is a name that the module has; files such as `sweeps.md` are no members."""
    for name, member in MEMBER.findall(read(page)):
        home = module(name)
        if home is not None and member not in {"db", "md", "py", "html"}:
            variables = name == "sandbox" and member[0].islower()  # of a Sandbox
            submodule = hasattr(home, "__path__") and find_spec(f"{home.__name__}.{member}")
            assert variables or submodule or hasattr(home, member), f"{name}.{member}"
