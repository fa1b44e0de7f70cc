"""TOML files whose tables are rules or receivers, by name."""

import tomllib
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from fieldingkit._repr import brief_repr
from fieldingkit.errors import ConfigurationError
from fieldingkit.studies.values import unknown_key

__all__ = ["check_flags", "check_keys", "read_tables"]


def read_tables(path: str | Path) -> dict[str, dict[str, Any]]:
    """Return the tables of a TOML file by their names.

    Raises:
        ConfigurationError: The file cannot be read, is not TOML, or has a key outside of its tables.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigurationError(f"{path} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:  # also text that is not UTF-8
        raise ConfigurationError(f"{path} is not valid TOML: {exc}") from exc
    except RecursionError as exc:
        raise ConfigurationError(f"{path} is nested too deeply") from exc
    for name, table in content.items():
        if not isinstance(table, dict):
            raise ConfigurationError(f"{path}: {name} must be a table: [{name}]")
    return cast("dict[str, dict[str, Any]]", content)


def check_keys(place: str, keys: Iterable[str], known: Iterable[str]) -> None:
    """Check that the keys of a table are known.

    Raises:
        ConfigurationError: One is not; the message has the place, the key, and the one that was probably meant.
    """
    names = [*known]
    for key in keys:
        if key not in names:
            raise ConfigurationError(f"{place} {brief_repr(key)} {unknown_key(key, names)}")


def check_flags(place: str, table: Mapping[str, Any], flags: Container[str] = ()) -> None:
    """Check that the keys of a table that are true or false are those that must be.

    Raises:
        ConfigurationError: One is not; the message has the value as TOML has it.
    """
    for key, value in table.items():
        if key in flags and not isinstance(value, bool):
            raise ConfigurationError(f"{place} {key} must be true or false; got {brief_repr(value)}")
        if key not in flags and isinstance(value, bool):
            raise ConfigurationError(f"{place} {key} must not be true or false; got {str(value).lower()}")
