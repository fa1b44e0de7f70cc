"""The clients of the fulfillment API, by which survey hosts read and report the status of single respondents.

It has another host than the Demand API, and a key in place of access tokens. The rest is the same pipeline: retries,
limits, deadlines, tracing and typed errors.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, Unpack, cast

import attrs

from fieldingkit.apis import Api
from fieldingkit.base_client import AsyncBaseClient
from fieldingkit.blocking import BaseClient, Reopenable
from fieldingkit.configuration import read_secret
from fieldingkit.errors import ConfigurationError
from fieldingkit.options import (
    PipelineCallOptions,
    PipelineSettings,
    base_url_field,
    hide_credentials,
    with_parameters_of,
)
from fieldingkit.secret import Secret
from fieldingkit.transport.credentials import AccessToken, Fetch, Scheme, as_secret

__all__ = ["AsyncFulfillmentClient", "FulfillmentClient"]

_KEY = re.compile(r"(?:(?:Bearer|Basic) )?[\x21-\x7e]+")


def _is_key(value: Secret) -> bool:
    """Return whether a key can be sent; no frame that raises holds it in clear."""
    text = cast("object", value.reveal())
    return isinstance(text, str) and _KEY.fullmatch(text) is not None


def _check_key(_: object, attribute: "attrs.Attribute[Any]", value: Secret) -> None:
    if not _is_key(value):
        raise ConfigurationError(f"{attribute.name} must be visible ASCII without spaces")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _Settings(PipelineSettings):
    """The options of a fulfillment client, except for its key."""

    base_url: str = base_url_field("https://s2s.cint.com", {"api.cint.com": "AsyncClient or Client"})
    """The base URL of the API. It must be https, except on this machine."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _Options(_Settings):
    """The options of a fulfillment client."""

    key: Secret = attrs.field(converter=as_secret, validator=_check_key)
    """The key, which is sent as it is given."""

    async def fetch(self, http: Fetch) -> AccessToken:
        """Return the key as the access token of every request."""
        del http
        return _as_token(self.key)


def _as_token(key: Secret) -> AccessToken:
    scheme, _, value = key.reveal().rpartition(" ")
    return AccessToken(value, scheme=cast("Scheme", scheme))


class AsyncFulfillmentClient(AsyncBaseClient[_Options]):
    """A client of the fulfillment API for use in an event loop.

    ::

        async with AsyncFulfillmentClient.from_env() as client:
            respondent = await client.send(fulfillment.GetRespondentStatus(rid=rid))

    Only ``key`` is required. The constructor opens no connection. Close the client with ``await client.aclose()``, or
    use it in an ``async with`` statement.

    Raises:
        ConfigurationError: if an option is invalid.
    """

    _api: ClassVar[Api] = Api.FULFILLMENT

    @with_parameters_of(_Options)
    def __init__(self, **options: Any) -> None:
        hide_credentials(options)
        given = _Options(**options)
        super().__init__(given, given)

    @classmethod
    @with_parameters_of(_Settings)
    def from_env(cls, **settings: Any) -> Self:
        """Create a client from the environment.

        Reads ``CINT_S2S_KEY``, or the file that ``CINT_S2S_KEY_FILE`` names; and ``CINT_S2S_BASE_URL`` and
        ``CINT_PROXY``. The variables and files of the Demand API are not read.

        Args:
            settings: Options of the client, which override the environment.

        Raises:
            ConfigurationError: if there is no key, or a value is invalid.
        """
        return cls(**_with_environment(settings))

    def with_options(self, **changes: Unpack[PipelineCallOptions]) -> Self:
        """Return a view of this client with other options: ``client.with_options(timeout=5).send(command)``.

        A view is cheap, and shares connections, key and rate limiter with its client; see ``AsyncClient.with_options``.

        Raises:
            ConfigurationError: if an option is invalid, or belongs to the whole client.
        """
        return self._view(changes)

    def __repr__(self) -> str:
        if not hasattr(self, "_options"):  # in the traceback of a refused option
            return "<AsyncFulfillmentClient>"
        return f"<AsyncFulfillmentClient at {self._options.base_url}>"


class FulfillmentClient(BaseClient[AsyncFulfillmentClient]):
    """A blocking client of the fulfillment API, for scripts, notebooks and threads.

    ::

        with FulfillmentClient.from_env() as client:
            respondent = client.send(fulfillment.GetRespondentStatus(rid=rid))

    The client has the options and verbs of ``AsyncFulfillmentClient``, and may be shared by any number of threads.

    Raises:
        ConfigurationError: if an option is invalid.
    """

    @with_parameters_of(_Options)
    def __init__(self, **options: Any) -> None:
        hide_credentials(options)
        client = _LoopFulfillmentClient(**options)
        super().__init__(client, client)

    @classmethod
    @with_parameters_of(_Settings)
    def from_env(cls, **settings: Any) -> Self:
        """Create a client from the environment; see ``AsyncFulfillmentClient.from_env``.

        Raises:
            ConfigurationError: if there is no key, or a value is invalid.
        """
        return cls(**_with_environment(settings))

    def with_options(self, **changes: Unpack[PipelineCallOptions]) -> Self:
        """Return a view of this client with other options; see ``AsyncFulfillmentClient.with_options``.

        Raises:
            ConfigurationError: if an option is invalid, or belongs to the whole client.
        """
        return self._view(self._client.with_options(**changes))


class _LoopFulfillmentClient(AsyncFulfillmentClient, Reopenable):
    """The async client of a blocking one, as a resource of its event loop."""


def _with_environment(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a client, completed by the environment."""
    found = {"base_url": _variable("CINT_S2S_BASE_URL"), "proxy": Secret(_variable("CINT_PROXY"))}
    return {**{name: value for name, value in found.items() if value}, "key": _key(), **options}


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _key() -> Secret:
    if key := Secret(_variable("CINT_S2S_KEY")):
        return key
    if path := _variable("CINT_S2S_KEY_FILE"):
        return read_secret(Path(path), scheme=True)
    raise ConfigurationError("no key found: set CINT_S2S_KEY, or name a file with the key in CINT_S2S_KEY_FILE")
