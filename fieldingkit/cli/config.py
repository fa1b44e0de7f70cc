"""Defaults of commands from the configuration file: one table per command, such as ``[pause]`` or ``[runs.show]``."""

from pathlib import Path
from typing import Any, cast

from cyclopts import App, ArgumentCollection
from cyclopts.config import Dict

from fieldingkit.cli.catalog import names_below
from fieldingkit.configuration import config_path, read_file
from fieldingkit.errors import ConfigurationError

__all__ = ["read_tables", "supply_defaults"]


def read_tables() -> dict[str, Any]:
    """Return the tables of the configuration file that hold defaults of commands.

    Raises:
        ConfigurationError: The file is invalid, or has a table that is no command.
    """
    tables: dict[str, Any] = {name: value for name, value in read_file().items() if isinstance(value, dict)}
    tables.pop("connections", None)
    path = config_path()
    for name, table in tables.items():
        if name not in names_below(""):
            raise ConfigurationError(f"{path} has an unknown table [{name}]; tables are named after commands")
        _refuse_yes(table, name, path)
    return tables


def supply_defaults(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Supply arguments of a command from its table in the configuration file; flags override it.

    Args:
        app: The application of the command.
        commands: The words of the command.
        arguments: The arguments to fill in.

    Raises:
        ConfigurationError: As for ``read_tables``, except that the doctor reports it itself.
    """
    try:
        tables = read_tables()
    except ConfigurationError:
        if commands != ("doctor",):
            raise
        return
    Dict(tables, source=str(config_path()))(app, commands, arguments)


def _refuse_yes(table: dict[str, Any], name: str, path: Path) -> None:
    """Refuse a file that confirms in advance what was not seen."""
    for key, value in table.items():
        if key == "yes":
            raise ConfigurationError(
                f"{path} sets yes in [{name}]; a configuration file cannot confirm, only the flag --yes can"
            )
        if isinstance(value, dict):
            _refuse_yes(cast("dict[str, Any]", value), f"{name}.{key}", path)
