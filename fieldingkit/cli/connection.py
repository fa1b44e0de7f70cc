"""Which account of which API, with whose credentials: what every command that talks to the API can be told."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Group, Parameter
from cyclopts.validators import Number

from fieldingkit.cli.credentials import ResolvedCredentials, resolve_credentials
from fieldingkit.client import AsyncClient
from fieldingkit.jobs.observer import PollEvent
from fieldingkit.options import API_VERSION, BASE_URL

__all__ = ["DEFAULT_CONNECTION", "Connection"]

_Seconds = Annotated[float | None, Parameter(validator=Number(gt=0))]


@Parameter(name="*", group=Group("Connection", sort_key=3))
@attrs.frozen(kw_only=True)
class Connection:
    """How to reach the API. What is not given comes from the environment, then from the configuration file."""

    account: Annotated[str | None, Parameter(env_var="CINT_ACCOUNT_ID")] = None
    """The account's number."""
    token_file: Path | None = None
    """A file that holds a bearer token; or set CINT_TOKEN or CINT_TOKEN_FILE."""
    client_id: str | None = None
    """The id of client credentials; or set CINT_CLIENT_ID."""
    client_secret_file: Path | None = None
    """A file that holds their secret; or set CINT_CLIENT_SECRET or CINT_CLIENT_SECRET_FILE."""
    base_url: Annotated[str | None, Parameter(env_var="CINT_BASE_URL")] = None
    """The API's base URL; https://api.cint.com/v1 by default."""
    token_url: str | None = None
    """Where client credentials get their tokens; or set CINT_TOKEN_URL."""
    api_version: Annotated[str | None, Parameter(env_var="CINT_API_VERSION")] = None
    """The API version; do not mix versions on one resource."""
    timeout: _Seconds = None
    """Seconds that one attempt of a call may take; 30 by default."""
    deadline: _Seconds = None
    """Seconds that one call may take with all its attempts; 120 by default."""
    proxy: Annotated[str | None, Parameter(env_var="CINT_PROXY")] = None
    """The URL of a proxy to go through."""

    @property
    def url(self) -> str:
        """The base URL in use."""
        return (self.base_url or BASE_URL).rstrip("/")

    @property
    def version(self) -> str:
        """The API version in use."""
        return self.api_version or API_VERSION

    def credentials(self) -> ResolvedCredentials:
        """The credentials in use, and where they were found.

        Raises:
            UsageError: if there are none.
        """
        return resolve_credentials(
            token_file=self.token_file,
            client_id=self.client_id,
            client_secret_file=self.client_secret_file,
            token_url=self.token_url,
        )

    def open(self, *, rate: float | None = None, on_poll: Callable[[PollEvent], object] | None = None) -> AsyncClient:
        """A client; close it, or use it in an ``async with``.

        Args:
            rate: Requests that may leave in a second.
            on_poll: Is called after each look at a job.

        Raises:
            UsageError: if there are no credentials.
            ConfigurationError: if something makes no sense.
        """
        return AsyncClient(
            auth=self.credentials().provider,
            account_id=self.account or None,
            base_url=self.url,
            api_version=self.version,
            timeout=self.timeout or 30.0,
            deadline=self.deadline or 120.0,
            proxy=self.proxy or None,
            user_agent="fieldingkit-cli",
            rate=rate,
            on_poll=on_poll,
        )


DEFAULT_CONNECTION = Connection()
"""Everything by the environment and the configuration file."""
