"""The configuration file: TOML with the keys of the connection at its top, and a table of defaults for each command.

::

    account = "101"
    client-id = "..."
    client-secret-file = "~/.config/fieldingkit/secret"

    [pause]
    rate = 5

Flags and environment variables override it.
"""

import os
from pathlib import Path
from typing import Any, Final

from cyclopts import App, ArgumentCollection, CycloptsError
from cyclopts.config import Dict, Toml
from platformdirs import user_config_path

__all__ = ["CONNECTION_KEYS", "ConfigFile", "config_path", "credentials_in_environment"]


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
"""The keys at the top of the file; each is the name of a connection flag."""

_CREDENTIALS: Final = frozenset({"client-id", "client-secret-file", "token-file"})
_SECRETS: Final = frozenset({"token", "client-secret", "secret", "password"})


def config_path() -> Path:
    """Return the path of the configuration file: ``FIELDINGKIT_CONFIG``, or the system's default folder."""
    path = os.environ.get("FIELDINGKIT_CONFIG")
    return Path(path) if path else user_config_path("fieldingkit", appauthor=False) / "config.toml"


def credentials_in_environment() -> bool:
    """Return True if the environment has credentials; they override those of the file."""
    return any(os.environ.get(name) for name in ("CINT_TOKEN", "CINT_TOKEN_FILE", "CINT_CLIENT_ID"))


class ConfigFile:
    """Supply arguments from the configuration file that neither flags nor the environment have.

    Args:
        root: The whole command line; its commands are the valid tables.
    """

    def __init__(self, root: App) -> None:
        self._root = root

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Fill in the arguments of a command.

        Raises:
            CycloptsError: The file is invalid.
        """
        content = self.read()
        source = str(config_path())
        tables: dict[str, Any] = {name: value for name, value in content.items() if isinstance(value, dict)}
        shared = {name: value for name, value in content.items() if name not in tables}
        if credentials_in_environment():
            shared = {name: value for name, value in shared.items() if name not in _CREDENTIALS}
        Dict(tables, source=source)(app, commands, arguments)
        Dict(shared, source=source, use_commands_as_keys=False, allow_unknown=True)(app, commands, arguments)

    def read(self) -> dict[str, Any]:
        """Return the content of the file; empty if no file was named and the default one does not exist.

        Raises:
            CycloptsError: The named file is missing, or the file is not TOML, or has an unknown key or a secret.
        """
        path = config_path()
        try:
            content = Toml(path, must_exist="FIELDINGKIT_CONFIG" in os.environ).config
        except (CycloptsError, OSError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else str(exc)
            raise CycloptsError(msg=f"{path} cannot be read: {reason}") from exc
        for name, value in content.items():
            if name in _SECRETS:
                raise CycloptsError(
                    msg=f"{path} contains a secret, {name!r}; move it to a file of its own and name that file"
                )
            if isinstance(value, dict) and name not in self._root:
                raise CycloptsError(msg=f"{path} has an unknown table [{name}]; tables are named after commands")
            if not isinstance(value, dict) and name not in CONNECTION_KEYS:
                known = ", ".join(sorted(CONNECTION_KEYS))
                raise CycloptsError(msg=f"{path} has an unknown key {name!r}; the keys are: {known}")
        return content
