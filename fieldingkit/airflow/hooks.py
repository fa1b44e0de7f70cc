"""The hook: clients for an Airflow connection."""

import json
from typing import Any, Protocol, cast

from airflow.sdk import BaseHook

from fieldingkit.blocking import Client
from fieldingkit.client import AsyncClient
from fieldingkit.errors import ConfigurationError, FieldingKitError
from fieldingkit.options import Settings, with_parameters_of
from fieldingkit.resources.projects import ListProjects
from fieldingkit.transport.credentials import BearerToken, ClientCredentials, TokenProvider

__all__ = ["FieldingHook", "StoredConnection", "client_options", "triggerer_options"]


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
    if url := extra.get("token_url"):
        return ClientCredentials(client_id=connection.login, client_secret=connection.password, token_url=str(url))
    return ClientCredentials(client_id=connection.login, client_secret=connection.password)


def _number(connection: StoredConnection, name: str, value: object) -> float:
    try:
        return float(cast("str | float", value))
    except (ValueError, TypeError):
        raise ConfigurationError(
            f"connection {connection.conn_id!r}: {name} must be a number; got {str(value)[:40]!r}"
        ) from None


class FieldingHook(BaseHook):
    """Creates clients for a connection of type ``fieldingkit``.

    ::

        with FieldingHook().client() as client:
            live = [project.id for project in client.iter_items(projects.ListProjects(status="active"))]

    The connection's login and password are the client id and the client secret; without a login, the password is a
    bearer token. The host is the API's base URL. The form has further fields for account, rate and timeouts.

    Args:
        fielding_conn_id: The connection's id.
    """

    conn_name_attr = "fielding_conn_id"
    default_conn_name = "fieldingkit_default"
    conn_type = "fieldingkit"
    hook_name = "Cint fielding"

    def __init__(self, fielding_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.fielding_conn_id = fielding_conn_id

    @with_parameters_of(Settings)
    def client(self, **settings: Any) -> Client:
        """Return a blocking client. Close it, or use it in a ``with`` statement.

        Args:
            settings: Options of ``AsyncClient`` that override those of the connection.

        Raises:
            ConfigurationError: if the connection has no credentials, or one of its fields is invalid.
        """
        connection = self.get_connection(self.fielding_conn_id)
        return Client(**{**client_options(connection), **settings})

    @with_parameters_of(Settings)
    async def async_client(self, **settings: Any) -> AsyncClient:
        """Return an async client, for triggers and async tasks. Close it, or use it in an ``async with`` statement.

        Args:
            settings: Options of ``AsyncClient`` that override those of the connection.

        Raises:
            ConfigurationError: if the connection has no credentials, or one of its fields is invalid.
        """
        connection = await self.aget_connection(self.fielding_conn_id)
        return AsyncClient(**{**client_options(connection), **settings})

    def get_conn(self) -> Client:
        """Return a blocking client; the same as ``client()``."""
        return self.client()

    def test_connection(self) -> tuple[bool, str]:
        """Test the credentials by listing the account's projects, for the test button of Airflow's form."""
        try:
            with self.client(deadline=20.0) as client:
                client.send(ListProjects(page_size=1))
                return True, f"The API accepted the credentials of {client!r}."
        except FieldingKitError as exc:
            return False, str(exc)
