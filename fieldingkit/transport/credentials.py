"""Tokens by OAuth 2.0 client credentials. Loaded by those who have such: https://www.rfc-editor.org/rfc/rfc6749."""

import json
from typing import Any, cast

import attrs

from fieldingkit.errors import TransportError
from fieldingkit.guard import Guard
from fieldingkit.secret import Secret
from fieldingkit.transport.auth import AccessToken, Fetch, as_secret
from fieldingkit.transport.http import Request
from fieldingkit.transport.origin import check_url
from fieldingkit.transport.problem import error_from, trace_id_of

__all__ = ["ClientCredentials"]


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
                guard=Guard.READ,
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
