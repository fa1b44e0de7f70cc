"""From an Airflow connection to the options of a client."""

import json
from typing import Any, Protocol, Unpack, cast

from airflow.sdk import BaseHook

from fieldingkit.blocking import Client
from fieldingkit.client import AsyncClient
from fieldingkit.errors import ConfigurationError, FieldingKitError
from fieldingkit.options import ClientOptions, Settings
from fieldingkit.resources.projects import ListProjects
from fieldingkit.transport.credentials import BearerToken, ClientCredentials, TokenProvider

__all__ = ["FieldingHook", "StoredConnection", "client_options", "triggerer_options"]


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


class FieldingHook(BaseHook):
    """Gives clients for a connection of type ``fieldingkit``.

    ::

        with FieldingHook().client() as client:
            live = [project.id for project in client.iter_items(projects.ListProjects(status="active"))]

    The connection's login and password are the client id and the client secret; without a login, the password is a
    bearer token. Its host is the API's base URL; account, rate and time limits are further fields of its form.

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

    def client(self, **settings: Unpack[Settings]) -> Client:
        """A blocking client, to be closed or used in a ``with`` statement. Its workflows run by ``client.call``.

        Args:
            settings: What goes before the connection's own; ``AsyncClient`` says what each means.

        Raises:
            ConfigurationError: if the connection lacks credentials, or one of its fields makes no sense.
        """
        connection = self.get_connection(self.fielding_conn_id)
        options: ClientOptions = {**client_options(connection), **settings}
        return Client(**options)

    async def async_client(self, **settings: Unpack[Settings]) -> AsyncClient:
        """An async client, to be closed or used in an ``async with`` statement: for triggers and async tasks.

        Args:
            settings: What goes before the connection's own; ``AsyncClient`` says what each means.

        Raises:
            ConfigurationError: if the connection lacks credentials, or one of its fields makes no sense.
        """
        connection = await self.aget_connection(self.fielding_conn_id)
        options: ClientOptions = {**client_options(connection), **settings}
        return AsyncClient(**options)

    def get_conn(self) -> Client:
        """A blocking client; see ``client``."""
        return self.client()

    def test_connection(self) -> tuple[bool, str]:
        """Whether the API takes the credentials and shows the account's projects: the button of Airflow's form."""
        try:
            with self.client(deadline=20.0) as client:
                client.send(ListProjects(page_size=1))
                return True, f"The API lets {client!r} in."
        except FieldingKitError as exc:
            return False, str(exc)
