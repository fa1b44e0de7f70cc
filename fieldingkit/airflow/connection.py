"""From an Airflow connection to the options of a client."""

import json
from typing import Any, Protocol, cast

from fieldingkit.errors import ConfigurationError
from fieldingkit.options import ClientOptions
from fieldingkit.transport.auth import BearerToken, TokenProvider
from fieldingkit.transport.credentials import ClientCredentials

__all__ = ["StoredConnection", "client_options", "triggerer_options"]

_TEXTS = ("account_id", "api_version", "proxy")
_NUMBERS = ("rate", "triggerer_rate", "timeout", "deadline")
_KNOWN = frozenset({*_TEXTS, *_NUMBERS, "token_url"})


class StoredConnection(Protocol):
    """What is needed of an Airflow connection, wherever it is kept."""

    conn_id: str
    """Its id."""
    host: str | None
    """The API's base URL."""
    login: str | None
    """The client id."""
    password: str | None
    """The client secret; without a client id, a bearer token."""
    extra: str | None
    """The other fields of the form, as JSON."""


def client_options(connection: StoredConnection) -> ClientOptions:
    """The options of a task's client for a connection.

    Raises:
        ConfigurationError: if it lacks credentials, or one of its fields makes no sense.
    """
    options = _options(connection)
    options.pop("triggerer_rate", None)
    return cast("ClientOptions", options)


def triggerer_options(connection: StoredConnection) -> ClientOptions:
    """The options of a triggerer's client for a connection.

    Raises:
        ConfigurationError: if it lacks credentials, or one of its fields makes no sense.
    """
    options = _options(connection)
    if (rate := options.pop("triggerer_rate", None)) is not None:
        options["rate"] = rate
    return cast("ClientOptions", options)


def _options(connection: StoredConnection) -> dict[str, Any]:
    extra = _extra(connection)
    options: dict[str, Any] = {"auth": _auth(connection, extra), "user_agent": "fieldingkit-airflow"}
    # A connection that is given as a URI has empty texts where there is nothing.
    if connection.host:
        options["base_url"] = connection.host
    options.update((name, str(extra[name])) for name in _TEXTS if extra.get(name))
    for name in _NUMBERS:
        if extra.get(name) not in (None, ""):
            options[name] = _number(connection, name, extra[name])
    return options


def _extra(connection: StoredConnection) -> dict[str, Any]:
    # Read here and not with extra_dejson: that asks the supervisor to mask it all, which blocks an event loop.
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise ConfigurationError(f"the connection {connection.conn_id!r}: its extra is no JSON object")
    fields = cast("dict[str, Any]", extra)
    if unknown := sorted(fields.keys() - _KNOWN):
        raise ConfigurationError(
            f"the connection {connection.conn_id!r}: its extra has {', '.join(unknown)}; it can have "
            f"{', '.join(sorted(_KNOWN))}"
        )
    return fields


def _auth(connection: StoredConnection, extra: dict[str, Any]) -> TokenProvider:
    if not connection.password:
        raise ConfigurationError(
            f"the connection {connection.conn_id!r} has no credentials: set its login to the client id and its "
            "password to the client secret, or its password alone to a bearer token"
        )
    if not connection.login:
        return BearerToken(connection.password)
    if url := extra.get("token_url"):
        return ClientCredentials(client_id=connection.login, client_secret=connection.password, token_url=str(url))
    return ClientCredentials(client_id=connection.login, client_secret=connection.password)


def _number(connection: StoredConnection, name: str, value: object) -> float:
    try:
        return float(cast("str | float", value))
    except (ValueError, TypeError):
        raise ConfigurationError(
            f"the connection {connection.conn_id!r}: {name} must be a number; got {str(value)[:40]!r}"
        ) from None
