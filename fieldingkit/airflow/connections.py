"""The options of a client, read from an Airflow connection. No I/O."""

import json
from typing import Any, Protocol, cast

from fieldingkit.errors import ConfigurationError
from fieldingkit.transport.client_credentials import ClientCredentials
from fieldingkit.transport.credentials import BearerToken, TokenProvider

__all__ = ["StoredConnection", "client_options", "triggerer_options"]


_TEXT_FIELDS = ("account_id", "api_version", "proxy")
_NUMBER_FIELDS = ("rate", "triggerer_rate", "timeout", "deadline")
_FIELDS = frozenset({*_TEXT_FIELDS, *_NUMBER_FIELDS, "token_url"})


class StoredConnection(Protocol):
    """The attributes of an Airflow connection that the hook reads."""

    conn_id: str
    """The connection's id."""
    host: str | None
    """The API's base URL."""
    login: str | None
    """The client id."""
    password: str | None
    """The client secret; a bearer token if there is no client id."""
    extra: str | None
    """The other fields of the form, as JSON."""


def client_options(connection: StoredConnection) -> dict[str, Any]:
    """Return the options of a task's client.

    Raises:
        ConfigurationError: if the connection has no credentials, or one of its fields is invalid.
    """
    options = _options(connection)
    options.pop("triggerer_rate", None)
    return options


def triggerer_options(connection: StoredConnection) -> dict[str, Any]:
    """Return the options of a triggerer's client.

    Raises:
        ConfigurationError: if the connection has no credentials, or one of its fields is invalid.
    """
    options = _options(connection)
    if (rate := options.pop("triggerer_rate", None)) is not None:
        options["rate"] = rate
    return options


def _options(connection: StoredConnection) -> dict[str, Any]:
    extra = _extra(connection)
    options: dict[str, Any] = {"auth": _auth(connection, extra), "user_agent": "fieldingkit-airflow"}
    # A connection that was given as a URI has empty strings instead of None.
    if connection.host:
        options["base_url"] = connection.host
    options.update((name, str(extra[name])) for name in _TEXT_FIELDS if extra.get(name))
    for name in _NUMBER_FIELDS:
        if extra.get(name) not in (None, ""):
            options[name] = _number(connection, name, extra[name])
    return options


def _extra(connection: StoredConnection) -> dict[str, Any]:
    # Not read with extra_dejson, which blocks the event loop: it asks the supervisor to mask every value.
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise ConfigurationError(f"connection {connection.conn_id!r}: extra must be a JSON object")
    fields = cast("dict[str, Any]", extra)
    if unknown := sorted(fields.keys() - _FIELDS):
        raise ConfigurationError(
            f"connection {connection.conn_id!r}: extra has unknown fields {', '.join(unknown)}; the fields are "
            f"{', '.join(sorted(_FIELDS))}"
        )
    return fields


def _auth(connection: StoredConnection, extra: dict[str, Any]) -> TokenProvider:
    if not connection.password:
        raise ConfigurationError(
            f"connection {connection.conn_id!r} has no credentials: set login to the client id and password to "
            "the client secret, or only password to a bearer token"
        )
    if not connection.login:
        return BearerToken(connection.password)
    url = extra.get("token_url")
    return ClientCredentials(
        client_id=connection.login, client_secret=connection.password, token_url=str(url) if url else None
    )


def _number(connection: StoredConnection, name: str, value: object) -> float:
    try:
        return float(cast("str | float", value))
    except (ValueError, TypeError):
        raise ConfigurationError(
            f"connection {connection.conn_id!r}: {name} must be a number; got {str(value)[:40]!r}"
        ) from None
