"""Connection settings and credentials from the environment, the configuration file and the keyring.

``from_env()`` of both clients and the command line share them. Arguments override the environment, and the environment
overrides the file, which is TOML::

    account = "101"
    client-id = "..."
    client-secret-file = "~/.config/fieldingkit/secret"

    [connections.staging]
    base-url = "https://api.staging.example/v1"
    token-url = "https://auth.staging.example/oauth/token"
    account = "7"
    token-file = "~/.config/fieldingkit/staging-token"

The keys at the top are the default connection. A table is a connection of its own and inherits nothing from them; it is
selected by name, with ``CINT_CONNECTION`` or an argument. The table of an argument overrides the environment too.
"""

import os
import sys
import tomllib
from collections import ChainMap
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

import attrs

from fieldingkit._repr import brief_repr
from fieldingkit.errors import ConfigurationError
from fieldingkit.secret import Secret
from fieldingkit.version import API_VERSION

if TYPE_CHECKING:
    from fieldingkit.transport.credentials import TokenProvider

__all__ = [
    "KEYS",
    "Configuration",
    "ResolvedCredentials",
    "config_path",
    "create_client",
    "load",
    "read_file",
    "read_secret",
]


_VARIABLES: Final = {
    "account": "CINT_ACCOUNT_ID",
    "api-version": "CINT_API_VERSION",
    "base-url": "CINT_BASE_URL",
    "client-id": "CINT_CLIENT_ID",
    "client-secret": "CINT_CLIENT_SECRET",
    "client-secret-file": "CINT_CLIENT_SECRET_FILE",
    "proxy": "CINT_PROXY",
    "token": "CINT_TOKEN",
    "token-file": "CINT_TOKEN_FILE",
    "token-url": "CINT_TOKEN_URL",
}
_SECRETS: Final = frozenset({"token", "client-secret", "secret", "password"})
_NUMBERS: Final = frozenset({"deadline", "timeout"})
_CREDENTIALS: Final = frozenset({"token", "token-file", "client-id"})
_MAX_SECRET_SIZE: Final = 64 * 1024
_KEYRING_SERVICE: Final = "fieldingkit"

KEYS: Final = frozenset(_VARIABLES) - _SECRETS | _NUMBERS
"""The keys of a connection in the configuration file."""

_Values = Mapping[str, Any]
T = TypeVar("T")


class _Source(NamedTuple):
    """Values of one origin."""

    values: _Values
    """The values by their keys."""
    name: Callable[[str], str]
    """Returns the name of a value for messages: its variable, its key with the file, or its flag."""


class ResolvedCredentials(NamedTuple):
    """Credentials and their source."""

    provider: "TokenProvider"
    """The token provider for a client."""
    source: str
    """The source, for messages; it holds no secret."""
    file: Path | None = None
    """The file that they were read from; None for another source."""


@attrs.frozen(kw_only=True)
class Configuration:
    """The settings of one connection."""

    connection: str | None = None
    """The name of the connection; None for the default one."""
    account: str | None = None
    """The account number; None if there is none."""
    base_url: str
    """The base URL of the API."""
    api_version: str
    """The API version."""
    proxy: Secret | None = None
    """The URL of an HTTP proxy, which may hold a password; None to connect directly."""
    timeout: float | None = None
    """Seconds for one attempt of a call; None for the client's default."""
    deadline: float | None = None
    """Seconds for a call with all its attempts; None for the client's default."""
    credentials: ResolvedCredentials = attrs.field(repr=lambda credentials: repr(credentials.source))
    """The credentials and their source."""
    names: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    """The variables and the keys of the file that the settings come from, by the options of a client."""

    def options(self) -> dict[str, Any]:
        """Return the settings as keyword arguments of a client."""
        options = {
            "auth": self.credentials.provider,
            "account_id": self.account,
            "base_url": self.base_url,
            "api_version": self.api_version,
            "proxy": None if self.proxy is None else self.proxy.reveal(),
            "timeout": self.timeout,
            "deadline": self.deadline,
        }
        return {name: value for name, value in options.items() if value is not None}

    @contextmanager
    def naming_sources(self, overridden: Collection[str] = ()) -> Generator[None]:
        """Name the variable or the key, instead of the option, in an error about a setting.

        Args:
            overridden: The options that do not come from here.
        """
        with _naming({option: name for option, name in self.names.items() if option not in overridden}):
            yield


def config_path() -> Path:
    """Return the path of the configuration file: ``FIELDINGKIT_CONFIG``, or the system's default for it."""
    if path := os.environ.get("FIELDINGKIT_CONFIG"):
        return Path(path)
    from platformdirs import user_config_path

    return user_config_path("fieldingkit", appauthor=False) / "config.toml"


def read_file() -> dict[str, Any]:
    """Return the content of the configuration file; empty if the default file does not exist.

    Raises:
        ConfigurationError: The file is missing although ``FIELDINGKIT_CONFIG`` names it, or it is not TOML, or it has
            an unknown key or a secret.
    """
    path = config_path()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as exc:
        if os.environ.get("FIELDINGKIT_CONFIG"):
            raise ConfigurationError(f"FIELDINGKIT_CONFIG: {path} cannot be read: {exc.strerror}") from exc
        return {}
    except OSError as exc:
        raise ConfigurationError(f"{path} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigurationError(f"{path} is not valid TOML: {exc}") from exc
    _check_keys(path, {name: value for name, value in content.items() if not isinstance(value, dict)})
    for name, table in cast("dict[str, object]", content.get("connections", {})).items():
        if not isinstance(table, dict):
            raise ConfigurationError(f"{path}: connections.{name} must be a table: [connections.{name}]")
        _check_keys(path, cast("dict[str, Any]", table))
    return content


def load(connection: str | None = None, **given: Any) -> Configuration:
    """Load the settings of a connection.

    Args:
        connection: The name of a ``[connections.NAME]`` table; ``CINT_CONNECTION`` or the default one if omitted.
        given: Values for keys of the connection, such as ``base_url``; they override all others. None is not a value.

    Raises:
        ConfigurationError: There is no such connection, there are no credentials, or a value is invalid.
    """
    from fieldingkit.options import BASE_URL

    name = connection or os.environ.get("CINT_CONNECTION") or None
    given = {key.replace("_", "-"): value for key, value in given.items() if value is not None}
    arguments = _Source(_values(given), _flag)
    environment = _Source(_environment(), _VARIABLES.__getitem__)
    table = _Source(_table(name, given=bool(connection)), _key_in_file)
    sources = (arguments, table, environment) if connection else (arguments, environment, table)
    values: ChainMap[str, Any] = ChainMap(*(dict(source.values) for source in sources))
    found = [(key, source) for source in reversed(sources) for key in source.values]
    names = {_option(key): source.name(key) for key, source in found if key not in arguments.values}

    source = next((source for source in sources if _CREDENTIALS & source.values.keys()), arguments)
    if source is not environment and {"token-file", "client-id"} <= source.values.keys():
        raise ConfigurationError("two kinds of credentials: give either a token file or a client id")
    if "client-id" in source.values and not {"token", "token-file"} & source.values.keys():
        # A secret of the environment may belong to another connection than the one that an argument selected.
        secrets = (arguments, source) if connection and source is table else (arguments, source, environment)
        with _naming(names):
            credentials = _client_credentials(str(source.values["client-id"]), secrets, values.get("token-url"))
    else:
        credentials = _bearer_token(source, use_keyring=name is None)
    return Configuration(
        connection=name,
        account=values.get("account"),
        base_url=str(values.get("base-url", BASE_URL)).rstrip("/"),
        api_version=values.get("api-version", API_VERSION),
        proxy=values.get("proxy"),
        timeout=values.get("timeout"),
        deadline=values.get("deadline"),
        credentials=credentials,
        names=names,
    )


def create_client(kind: Callable[..., T], connection: str | None, options: Mapping[str, Any]) -> T:
    """Return a client with some options and the settings of a connection.

    Args:
        kind: The class of the client.
        connection: The name of a ``[connections.NAME]`` table; ``CINT_CONNECTION`` or the default one if omitted.
        options: Options of the client, which override the settings.

    Raises:
        ConfigurationError: As for ``load``, or an option is invalid.
    """
    loaded = load(connection, account=options.get("account_id"), base_url=options.get("base_url"))
    with loaded.naming_sources(overridden=options.keys()):
        return kind(**{**loaded.options(), **options})


def read_secret(path: Path, *, scheme: bool = False) -> Secret:
    """Return the secret in a file.

    Args:
        path: The path of the file.
        scheme: Whether a word such as ``Bearer`` may precede it.

    Raises:
        ConfigurationError: The file cannot be read, or holds more than the secret, or nothing.
    """
    try:
        secret = _only_secret(path.expanduser(), words=2 if scheme else 1)
    except OSError as exc:
        raise ConfigurationError(f"{path} cannot be read: {exc.strerror or type(exc).__name__}") from exc
    if secret is None:
        raise ConfigurationError(f"{path} must contain one secret and nothing else")
    return secret


def _only_secret(path: Path, *, words: int) -> Secret | None:
    # It raises nothing that quotes the content, and no frame that raises has the content among its locals.
    with path.open("rb") as file:
        found = file.read(_MAX_SECRET_SIZE).split()
    try:
        return Secret(b" ".join(found).decode()) if 0 < len(found) <= words else None
    except UnicodeDecodeError:
        return None


def _check_keys(path: Path, values: _Values) -> None:
    for key, value in values.items():
        if key in _SECRETS:
            raise ConfigurationError(f"{path} contains a secret, {key!r}; move it to its own file and name that file")
        if key not in KEYS:
            raise ConfigurationError(f"{path} has an unknown key {key!r}; the keys are {str(sorted(KEYS))[1:-1]}")
        kinds = (int, float) if key in _NUMBERS else (str, int) if key == "account" else (str,)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ConfigurationError(f"{path}: {key!r} must be {'a number' if key in _NUMBERS else 'text'}")
        if key in _NUMBERS and not 0 < cast("float", value) <= sys.float_info.max:
            raise ConfigurationError(f"{path}: {key!r} must be a number of seconds above 0; got {brief_repr(value)}")


def _option(key: str) -> str:
    """Return the client's option for a key of a connection."""
    return "account_id" if key == "account" else key.replace("-", "_")


def _flag(key: str) -> str:
    return f"--{key}"


def _key_in_file(key: str) -> str:
    return f"{config_path()}: {key!r}"


@contextmanager
def _naming(names: Mapping[str, str]) -> Generator[None]:
    """Name the source of a value, in an error whose message begins with the name of an option."""
    try:
        yield
    except ConfigurationError as exc:  # changed in place: a chained error could lead to a secret
        for option, name in names.items():
            if exc.message.startswith(f"{option} "):
                exc.message = name + exc.message.removeprefix(option)
                break
        raise


def _environment() -> dict[str, Any]:
    return _values({key: os.environ.get(name, "").strip() for key, name in _VARIABLES.items()})


def _table(name: str | None, *, given: bool) -> dict[str, Any]:
    content = read_file()
    if name is None:
        table = {key: value for key, value in content.items() if not isinstance(value, dict)}
    elif name in content.get("connections", {}):
        table = content["connections"][name]
    else:
        known = ", ".join(sorted(content.get("connections", {}))) or "none"
        variable = "" if given else "CINT_CONNECTION: "
        raise ConfigurationError(f"{variable}{config_path()} has no connection {name!r}; its connections are: {known}")
    return _values(table)


def _values(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as they are used: numbers or text, with secrets hidden; empty ones are left out."""
    hidden = _SECRETS | {"proxy"}
    values = {key: value if key in _NUMBERS else str(value) for key, value in raw.items() if value != ""}
    return {key: Secret(value) if key in hidden else value for key, value in values.items()}


def _bearer_token(source: _Source, *, use_keyring: bool) -> ResolvedCredentials:
    from fieldingkit.transport.credentials import BearerToken

    if "token" in source.values:
        with _naming({"BearerToken.token": source.name("token")}):
            return ResolvedCredentials(BearerToken(source.values["token"]), "CINT_TOKEN")
    if "token-file" in source.values:
        path = Path(source.values["token-file"])
        name = f"{source.name('token-file')}: {path}"
        with _naming({"BearerToken.token": name, str(path): name}):
            return ResolvedCredentials(BearerToken(read_secret(path)), f"the token file {path}", path)
    # The token of the keyring is for the default connection; another one must not get it.
    if use_keyring and (token := _from_keyring("token")):
        with _naming({"BearerToken.token": "the token of the keyring"}):
            return ResolvedCredentials(BearerToken(token), "the keyring")
    raise ConfigurationError(
        "no credentials found: set CINT_CLIENT_ID and CINT_CLIENT_SECRET, or CINT_TOKEN, or name a file with a token"
    )


def _client_credentials(client_id: str, secrets: Iterable[_Source], token_url: str | None) -> ResolvedCredentials:
    from fieldingkit.transport.client_credentials import ClientCredentials

    secret, origin, file = _client_secret(client_id, secrets)
    provider = ClientCredentials(client_id=client_id, client_secret=secret, token_url=token_url)
    return ResolvedCredentials(provider, f"the client id {client_id} with the secret of {origin}", file)


def _client_secret(client_id: str, secrets: Iterable[_Source]) -> tuple[Secret, str, Path | None]:
    for source in secrets:
        if "client-secret" in source.values:
            return source.values["client-secret"], "CINT_CLIENT_SECRET", None
        if "client-secret-file" in source.values:
            file = Path(source.values["client-secret-file"])
            with _naming({str(file): f"{source.name('client-secret-file')}: {file}"}):
                return read_secret(file), str(file), file
    if (secret := _from_keyring(client_id)) is not None:
        return secret, "the keyring", None
    raise ConfigurationError(
        f"no secret found for client id {client_id}: set CINT_CLIENT_SECRET, or name a file with the secret"
    )


def _from_keyring(entry: str) -> Secret | None:
    """Return a password of the system keyring; None if the package keyring is missing or the keyring is locked."""
    if find_spec("keyring") is None:
        return None
    try:
        password: str | None = import_module("keyring").get_password(_KEYRING_SERVICE, entry)
    except Exception:  # noqa: BLE001  # keyring backends raise all kinds of exceptions
        return None
    return Secret(password.strip()) if password else None
