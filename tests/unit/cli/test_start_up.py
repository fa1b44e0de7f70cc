"""A command loads what it needs, and nothing else: the modules are counted, not the milliseconds."""

import subprocess
import sys
from typing import Final

import pytest

from fieldingkit.cli.catalog import COMMANDS

PROGRAM: Final = """
import sys
sys.argv[:1] = ["fieldingkit"]
before = {*sys.modules}
from fieldingkit.cli.__main__ import main
try:
    main()
except SystemExit:
    pass
print("loaded:", *sorted({*sys.modules} - before))
"""

HEAVY: Final = {"aiohttp", "asyncio", "cattrs", "jinja2", "opentelemetry", "platformdirs", "rich", "sqlite3", "yarl"}
"""Packages that no help needs."""
OVERVIEW: Final = {
    "fieldingkit",
    *(f"fieldingkit.{name}" for name in ("_lazy", "errors", "rendering", "rendering.text", "secret", "version")),
    *(f"fieldingkit.cli{name}" for name in ("", ".__main__", ".catalog", ".errors", ".help", ".main")),
    *(f"fieldingkit.cli.{name}" for name in ("signals", "streams")),
}
"""All modules of this package that the overview needs."""
COMMAND: Final = {"app", "commands", "connection", "selection", "sweep_options"}
"""The modules of the command line that a command's help needs in addition, beside the command's own."""


def loaded(*tokens: str) -> set[str]:
    """Return the modules that a command line loads in a new process."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *tokens], capture_output=True, text=True, timeout=240, check=True
    )
    return set(ended.stdout.splitlines()[-1].split()[1:])


def own(modules: set[str]) -> set[str]:
    """Return those of this package."""
    return {name for name in modules if name.partition(".")[0] == "fieldingkit"}


def test_version_loads_nothing_but_itself() -> None:
    """--version loads the entry point and the version, and no other module, of the standard library either."""
    entry = {"fieldingkit", "fieldingkit._lazy", "fieldingkit.cli", "fieldingkit.cli.__main__", "fieldingkit.version"}
    assert loaded("--version") == entry


@pytest.mark.parametrize("tokens", [("--help",), ("sweeps",), ("pauze",)], ids=" ".join)
def test_overview_and_unknown_commands_load_no_command(tokens: tuple[str, ...]) -> None:
    """The help of a group, and a mistyped command, load neither a command nor the parser of arguments."""
    modules = loaded(*tokens)
    assert own(modules) <= OVERVIEW
    assert not modules & {*HEAVY, "attrs", "cyclopts"}


def test_help_of_a_sweep_loads_only_its_parameters() -> None:
    """--help of a sweep command loads its parameters, and neither the client nor the engine."""
    modules = loaded("pause", "--help")
    assert own(modules) - OVERVIEW <= {f"fieldingkit.cli.{name}" for name in (*COMMAND, "commands.sweep")}
    assert not modules & HEAVY


def test_no_signature_of_a_command_loads_client_engine_or_sandbox() -> None:
    """The completion script needs all commands, but what they work with is loaded when they are called."""
    modules = loaded("completion", "bash")
    targets = {f"fieldingkit.cli.commands.{command.target.partition(':')[0]}" for command in COMMANDS.values()}
    assert targets <= modules
    assert not modules & (HEAVY - {"platformdirs"})  # it locates the configuration file
    assert not own(modules) & {f"fieldingkit.{name}" for name in ("client", "sandbox", "sweeps", "transport")}


def test_a_command_loads_no_sandbox(tmp_path: object) -> None:
    """A command that reaches the API, here without credentials, loads no sandbox."""
    modules = loaded("projects", "list", "--connection", "none")
    assert "fieldingkit.cli.commands.projects" in modules
    assert "fieldingkit.sandbox" not in modules
