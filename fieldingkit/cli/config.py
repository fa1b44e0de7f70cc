"""The configuration file: TOML, the connection's keys at its top, and a table for each command that has defaults.

::

    account = "101"
    client-id = "..."
    client-secret-file = "~/.config/fieldingkit/secret"

    [pause]
    rate = 5

It gives way to flags and to the environment.
"""

import os
from pathlib import Path
from typing import Any, Final

from cyclopts import App, ArgumentCollection, CycloptsError
from cyclopts.config import Dict, Toml
from platformdirs import user_config_path

__all__ = ["CONNECTION_KEYS", "ConfigFile", "config_path", "in_environment"]


CONNECTION_KEYS: Final = frozenset(
    {
        "account",
        "api-version",
        "base-url",
        "client-id",
        "client-secret-file",
        "deadline",
        "proxy",
        "timeout",
        "token-file",
        "token-url",
    }
)
"""What may stand at the top of the file; the flags of the same names say what they mean."""

_CREDENTIALS: Final = frozenset({"client-id", "client-secret-file", "token-file"})
_SECRETS: Final = frozenset({"token", "client-secret", "secret", "password"})


def config_path() -> Path:
    """Where the configuration file is, or would be: ``FIELDINGKIT_CONFIG``, or the place that the system has for it."""
    named = os.environ.get("FIELDINGKIT_CONFIG")
    return Path(named) if named else user_config_path("fieldingkit", appauthor=False) / "config.toml"


def in_environment() -> bool:
    """Whether the environment has credentials; they go before those of the file."""
    return any(os.environ.get(name) for name in ("CINT_TOKEN", "CINT_TOKEN_FILE", "CINT_CLIENT_ID"))


class ConfigFile:
    """Gives a command what neither its flags nor the environment say.

    Args:
        root: The whole command line, to know which tables there may be.
    """

    def __init__(self, root: App) -> None:
        self._root = root

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Fill in a command's arguments.

        Raises:
            CycloptsError: if the file is not what it should be.
        """
        content = self.read()
        source = str(config_path())
        tables: dict[str, Any] = {name: value for name, value in content.items() if isinstance(value, dict)}
        shared = {name: value for name, value in content.items() if name not in tables}
        if in_environment():
            shared = {name: value for name, value in shared.items() if name not in _CREDENTIALS}
        Dict(tables, source=source)(app, commands, arguments)
        Dict(shared, source=source, use_commands_as_keys=False, allow_unknown=True)(app, commands, arguments)

    def read(self) -> dict[str, Any]:
        """The file's content; nothing if there is no file and none was named.

        Raises:
            CycloptsError: if it is missing although it was named, is not TOML, or says what nothing understands.
        """
        path = config_path()
        try:
            content = Toml(path, must_exist="FIELDINGKIT_CONFIG" in os.environ).config
        except (CycloptsError, OSError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else str(exc)
            raise CycloptsError(msg=f"{path} cannot be read: {why}") from exc
        for name, value in content.items():
            if name in _SECRETS:
                raise CycloptsError(msg=f"{path} holds {name!r}: put it into a file of its own and name that file here")
            if isinstance(value, dict) and name not in self._root:
                raise CycloptsError(msg=f"{path} has a table [{name}], and there is no such command")
            if not isinstance(value, dict) and name not in CONNECTION_KEYS:
                known = ", ".join(sorted(CONNECTION_KEYS))
                raise CycloptsError(msg=f"{path} has a key {name!r}; at its top may stand: {known}")
        return content
