"""The hook: clients for an Airflow connection. A client is loaded only when one is created."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

if TYPE_CHECKING:
    from fieldingkit.blocking import Client
    from fieldingkit.client import AsyncClient

__all__ = ["FieldingHook"]


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

    def client(self, **settings: Any) -> "Client":
        """Return a blocking client. Close it, or use it in a ``with`` statement.

        Args:
            settings: Options of ``AsyncClient`` that override those of the connection.

        Raises:
            ConfigurationError: if the connection has no credentials, or one of its fields is invalid.
        """
        from fieldingkit.airflow.connections import client_options
        from fieldingkit.blocking import Client

        connection = self.get_connection(self.fielding_conn_id)
        return Client(**{**client_options(connection), **settings})

    async def async_client(self, **settings: Any) -> "AsyncClient":
        """Return an async client, for triggers and async tasks. Close it, or use it in an ``async with`` statement.

        Args:
            settings: Options of ``AsyncClient`` that override those of the connection.

        Raises:
            ConfigurationError: if the connection has no credentials, or one of its fields is invalid.
        """
        from fieldingkit.airflow.connections import client_options
        from fieldingkit.client import AsyncClient

        connection = await self.aget_connection(self.fielding_conn_id)
        return AsyncClient(**{**client_options(connection), **settings})

    def get_conn(self) -> "Client":
        """Return a blocking client; the same as ``client()``."""
        return self.client()

    def test_connection(self) -> tuple[bool, str]:
        """Test the credentials by listing the account's projects, for the test button of Airflow's form."""
        from fieldingkit.errors import FieldingKitError
        from fieldingkit.resources.projects import ListProjects

        try:
            with self.client(deadline=20.0) as client:
                client.send(ListProjects(page_size=1))
                return True, f"The API accepted the credentials of {client!r}."
        except FieldingKitError as exc:
            return False, str(exc)
