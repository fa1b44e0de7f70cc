"""The hook: a client with the credentials of an Airflow connection."""

from typing import Unpack

from airflow.sdk import BaseHook

from fieldingkit.airflow.connection import client_options
from fieldingkit.blocking import Client
from fieldingkit.client import AsyncClient
from fieldingkit.errors import FieldingKitError
from fieldingkit.options import ClientOptions, Settings
from fieldingkit.resources.projects import ListProjects

__all__ = ["FieldingHook"]


class FieldingHook(BaseHook):
    """Gives clients for a connection of type ``fieldingkit``.

    ::

        with FieldingHook().client() as client:
            live = [project.id for project in client.pages(projects.ListProjects(status="active"))]

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
