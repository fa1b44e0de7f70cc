"""Tokens by OAuth 2.0 client credentials. Loaded by those who have such: https://www.rfc-editor.org/rfc/rfc6749."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

import attrs

from fieldingkit.errors import ConfigurationError, TransportError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.secret import Secret
from fieldingkit.transport.headers import trace_id_of
from fieldingkit.transport.http import Request, Response
from fieldingkit.transport.problem import error_from
from fieldingkit.transport.urls import check_url

__all__ = ["AccessToken", "BearerToken", "ClientCredentials", "Fetch", "TokenProvider", "as_secret"]


Fetch = Callable[[Request], Awaitable[Response]]


_TOKEN = re.compile(r"[\x21-\x7e]+")


def as_secret(value: "str | Secret") -> Secret:
    """Hide a plain string."""
    return value if isinstance(value, Secret) else Secret(value)


def _header_safe(holder: object, attribute: "attrs.Attribute[Any]", value: Secret) -> None:
    if not _TOKEN.fullmatch(value.reveal()):
        raise ConfigurationError(f"{type(holder).__name__}.{attribute.name} must be visible ASCII without spaces")


@attrs.frozen
class AccessToken:
    """A bearer token and how long it is good for."""

    value: Secret = attrs.field(converter=as_secret, validator=_header_safe)
    """The token; a plain string is taken too, and hidden."""
    lifetime: float | None = attrs.field(default=None, kw_only=True)
    """Seconds from now until it expires; None if that is not known."""


class TokenProvider(Protocol):
    """Where tokens come from. Any object with this method will do; the client caches what it gives."""

    async def fetch(self, http: Fetch) -> AccessToken:
        """Get a new token.

        Args:
            http: Sends a request by the client's own connection settings; a provider need not use it.
        """
        ...


@attrs.frozen
class BearerToken:
    """A token that was made elsewhere. It is good for 24 hours at most; prefer ``ClientCredentials`` in a service."""

    token: Secret = attrs.field(converter=as_secret, validator=_header_safe)
    """The token, without the word Bearer."""

    async def fetch(self, http: Fetch) -> AccessToken:
        """The same token, always."""
        del http
        return AccessToken(self.token)


@attrs.frozen(kw_only=True)
class ClientCredentials:
    """Tokens by OAuth 2.0 client credentials, as the API documents them; renewed before they expire."""

    client_id: str
    """The client id from the API starter kit."""
    client_secret: Secret = attrs.field(converter=as_secret)
    """The client secret from the API starter kit."""
    token_url: str = "https://auth.cint.com/oauth/token"
    """Where tokens are made; https, unless it is on this machine."""
    audience: str = "https://api.luc.id"
    """The audience that the API's tokens are made for."""
    scope: str = "app:api"
    """The scope to ask for."""
    scope_field: str = "auth_scopes"
    """The name of the scope's field; it was ``lucid_scopes`` with older token endpoints."""
    allow_insecure: bool = False
    """Whether ``token_url`` may be plain http to another machine."""

    def __attrs_post_init__(self) -> None:
        check_url(self.token_url, what="token_url", allow_insecure=self.allow_insecure)

    async def fetch(self, http: Fetch) -> AccessToken:
        """Ask the token endpoint for a new token.

        Raises:
            ApiError: if it refuses the credentials.
            TransportError: if it cannot be reached or is out of order; nothing was sent to the API then.
        """
        body = {
            "client_id": self.client_id,
            "client_secret": self.client_secret.reveal(),
            "grant_type": "client_credentials",
            "audience": self.audience,
            self.scope_field: self.scope,
        }
        response = await http(
            Request(
                "POST",
                self.token_url,
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                body=json.dumps(body).encode(),
                operation_id="token",
                template="",
                retry_safety=RetrySafety.READ,
            )
        )
        if response.status != 200:
            facts = {"operation_id": "token", "trace_id": trace_id_of(response.headers)}
            error = error_from(response, **facts)
            if error.retryable:
                reason = f"the token endpoint is out of order: {error.message}"
                raise TransportError(reason, sent=False, retry_after=error.retry_after) from error
            raise error
        try:
            fields = cast("dict[str, Any]", json.loads(response.body))
            lifetime = fields.get("expires_in")
            return AccessToken(fields["access_token"], lifetime=None if lifetime is None else float(lifetime))
        except (ValueError, TypeError, KeyError, AttributeError):
            # Not chained: the cause could quote the body, and the body holds a token.
            raise TransportError("the token endpoint's answer holds no token", sent=False) from None
