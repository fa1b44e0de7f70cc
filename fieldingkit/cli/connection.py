"""The connection flags that every command with API access shares."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
from cyclopts import Group, Parameter
from cyclopts.validators import Number

if TYPE_CHECKING:
    from fieldingkit.client import AsyncClient
    from fieldingkit.configuration import Configuration

__all__ = ["DEFAULT_CONNECTION", "Connection"]

_Seconds = Annotated[float | None, Parameter(validator=Number(gt=0))]


@Parameter(name="*", group=Group("Connection"))
@attrs.frozen(kw_only=True)
class Connection:
    """How to reach the API. Omitted values come from the environment, then from the configuration file."""

    connection: str | None = None
    """A [connections.NAME] table of the configuration file; or set CINT_CONNECTION."""
    account: str | None = None
    """The account number; or set CINT_ACCOUNT_ID."""
    token_file: Path | None = None
    """A file with a bearer token; or set CINT_TOKEN or CINT_TOKEN_FILE."""
    client_id: str | None = None
    """The id of OAuth client credentials; or set CINT_CLIENT_ID."""
    client_secret_file: Path | None = None
    """A file with their secret; or set CINT_CLIENT_SECRET or CINT_CLIENT_SECRET_FILE."""
    base_url: str | None = None
    """The base URL of the API, https://api.cint.com/v1 by default; or set CINT_BASE_URL."""
    token_url: str | None = None
    """The token endpoint for client credentials; or set CINT_TOKEN_URL."""
    api_version: str | None = None
    """The API version; or set CINT_API_VERSION. Do not mix versions on one resource."""
    timeout: _Seconds = None
    """Seconds for one attempt of a call; 30 by default."""
    deadline: _Seconds = None
    """Seconds for a call with all its attempts; 120 by default."""
    proxy: str | None = None
    """The URL of an HTTP proxy; or set CINT_PROXY."""
    verbose: Annotated[int, Parameter(name=["--verbose", "-v"], count=True)] = 0
    """Log retries on stderr, with -vv every attempt; or set FIELDINGKIT_LOG to info or debug."""

    def load(self) -> "Configuration":
        """Return the settings of the connection.

        Raises:
            ConfigurationError: There are no credentials, or a value is invalid.
        """
        from fieldingkit.configuration import load

        return load(**attrs.asdict(self, filter=lambda field, _: field.name != "verbose"))

    def words(self, configuration: "Configuration") -> list[str]:
        """Return the options that reach the same account in another command, for a line that is shown.

        ``--proxy`` is left out, since its URL may hold a password, and so are timeouts.
        """
        given = {**attrs.asdict(self), "connection": configuration.connection}
        left_out = ("verbose", "timeout", "deadline", "proxy")
        shown = {name: value for name, value in given.items() if value is not None and name not in left_out}
        return [word for name, value in shown.items() for word in (f"--{name.replace('_', '-')}", str(value))]

    def open(self, configuration: "Configuration | None" = None, *, rate: float | None = None) -> "AsyncClient":
        """Return a client; close it, or use it in an ``async with``.

        Args:
            configuration: The settings of the connection, if they were loaded before.
            rate: Requests per second at most.

        Raises:
            ConfigurationError: There are no credentials, or a value is invalid.
        """
        import logging

        from fieldingkit.cli.retry_notices import show_retries
        from fieldingkit.client import AsyncClient
        from fieldingkit.transport.telemetry.logs import enable_logs

        configuration = configuration or self.load()
        options = configuration.options()
        if self.verbose:
            enable_logs(logging.INFO if self.verbose == 1 else logging.DEBUG)
        else:
            options["on_poll"] = show_retries().polled
        with configuration.naming_sources():
            return AsyncClient(**options, user_agent="fieldingkit-cli", rate=rate)


DEFAULT_CONNECTION = Connection()
"""No flag of the connection was given."""
