"""The connection parameters that every command with API access shares."""

from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Group, Parameter
from cyclopts.validators import Number

from fieldingkit.cli.credentials import ResolvedCredentials, resolve_credentials
from fieldingkit.client import AsyncClient
from fieldingkit.options import API_VERSION, BASE_URL, Settings

__all__ = ["DEFAULT_CONNECTION", "Connection"]

_Seconds = Annotated[float | None, Parameter(validator=Number(gt=0))]


@Parameter(name="*", group=Group("Connection", sort_key=3))
@attrs.frozen(kw_only=True)
class Connection:
    """How to reach the API. Omitted values come from the environment, then from the configuration file."""

    account: Annotated[str | None, Parameter(env_var="CINT_ACCOUNT_ID")] = None
    """The account number."""
    token_file: Path | None = None
    """A file with a bearer token; or set CINT_TOKEN or CINT_TOKEN_FILE."""
    client_id: str | None = None
    """The id of OAuth client credentials; or set CINT_CLIENT_ID."""
    client_secret_file: Path | None = None
    """A file with their secret; or set CINT_CLIENT_SECRET or CINT_CLIENT_SECRET_FILE."""
    base_url: Annotated[str | None, Parameter(env_var="CINT_BASE_URL")] = None
    """The base URL of the API; https://api.cint.com/v1 by default."""
    token_url: str | None = None
    """The token endpoint for client credentials; or set CINT_TOKEN_URL."""
    api_version: Annotated[str | None, Parameter(env_var="CINT_API_VERSION")] = None
    """The API version; do not mix versions on one resource."""
    timeout: _Seconds = None
    """Seconds for one attempt of a call; 30 by default."""
    deadline: _Seconds = None
    """Seconds for a call with all its attempts; 120 by default."""
    proxy: Annotated[str | None, Parameter(env_var="CINT_PROXY")] = None
    """The URL of an HTTP proxy."""

    @property
    def url(self) -> str:
        """The base URL in use."""
        return (self.base_url or BASE_URL).rstrip("/")

    @property
    def version(self) -> str:
        """The API version in use."""
        return self.api_version or API_VERSION

    def credentials(self) -> ResolvedCredentials:
        """Return the credentials in use and their source.

        Raises:
            UsageError: There are none.
        """
        return resolve_credentials(
            token_file=self.token_file,
            client_id=self.client_id,
            client_secret_file=self.client_secret_file,
            token_url=self.token_url,
        )

    def open(self, *, rate: float | None = None) -> AsyncClient:
        """Return a client; close it, or use it in an ``async with``.

        Args:
            rate: Requests per second at most.

        Raises:
            UsageError: There are no credentials.
            ConfigurationError: A value is invalid.
        """
        options: Settings = {
            "account_id": self.account or None,
            "base_url": self.url,
            "api_version": self.version,
            "proxy": self.proxy or None,
            "user_agent": "fieldingkit-cli",
            "rate": rate,
        }
        if self.timeout is not None:
            options["timeout"] = self.timeout
        if self.deadline is not None:
            options["deadline"] = self.deadline
        return AsyncClient(auth=self.credentials().provider, **options)


DEFAULT_CONNECTION = Connection()
"""No flag of the connection was given."""
