"""The provider that requests access tokens by OAuth 2.0 client credentials (RFC 6749)."""

import json
import math
from typing import Any, cast

import attrs

from fieldingkit.errors import ConfigurationError, TransportError, UnauthorizedError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.option_validators import text
from fieldingkit.secret import Secret
from fieldingkit.transport.credentials import AccessToken, Fetch, as_secret
from fieldingkit.transport.headers import trace_id_of
from fieldingkit.transport.http import Request
from fieldingkit.transport.problem import error_from, is_transient, without_secrets
from fieldingkit.transport.urls import check_url

__all__ = ["ClientCredentials"]

_TOKEN_URL = "https://auth.cint.com/oauth/token"


def _non_empty(holder: object, attribute: "attrs.Attribute[Any]", secret: Secret) -> None:
    if not (isinstance(cast("object", secret.reveal()), str) and secret):
        raise ConfigurationError(f"{type(holder).__name__}.{attribute.name} must be a string")


def _token_url(credentials: "ClientCredentials", attribute: "attrs.Attribute[Any]", url: str | None) -> None:
    if url is not None:
        text(credentials, attribute, url)
        check_url(url, what=attribute.name, allow_insecure=credentials.allow_insecure)


@attrs.frozen(kw_only=True)
class ClientCredentials:
    """A provider that requests tokens by OAuth 2.0 client credentials, as the API documents."""

    client_id: str = attrs.field(validator=text)
    """The client id from the API starter kit."""
    client_secret: Secret = attrs.field(converter=as_secret, validator=_non_empty)
    """The client secret from the API starter kit."""
    token_url: str | None = attrs.field(default=None, validator=_token_url)
    """The URL of the token endpoint; https, except on this machine. None for that of the API at its own address."""
    audience: str = attrs.field(default="https://api.luc.id", validator=text)
    """The audience of the tokens."""
    scope: str = attrs.field(default="app:api", validator=text)
    """The requested scope."""
    scope_field: str = attrs.field(default="auth_scopes", validator=text)
    """The name of the scope's field; older token endpoints call it ``lucid_scopes``."""
    allow_insecure: bool = False
    """Allow a ``token_url`` with plain http to another machine."""

    async def fetch(self, http: Fetch) -> AccessToken:
        """Request a new token.

        Raises:
            UnauthorizedError: if the token endpoint refuses the request, with any status.
            TransportError: if it cannot be reached, fails, or sends no token.
        """
        response = await http(self._request())
        if response.status != 200:
            response = without_secrets(response, self.client_secret)
            details: dict[str, Any] = {"operation_id": "token", "trace_id": trace_id_of(response.headers)}
            if is_transient(response.status):
                error = error_from(response, **details)
                reason = f"the token endpoint failed: {error.message}"
                raise TransportError(reason, sent=False, retry_after=error.retry_after) from error
            # Callers act on the class: a BadRequestError would blame the command, a NotFoundError its resource.
            refusal = error_from(response, kind=UnauthorizedError, **details)
            refusal.message = f"no access token: the token endpoint answered {refusal.message}"
            raise refusal
        token = _read_token(response.body)
        if token is None:
            raise TransportError("the token endpoint's response holds no token", sent=False)
        return token

    # The next two are functions of their own so that no frame of a traceback has the secret or the token as a local.

    def _request(self) -> Request:
        body = {
            "client_id": self.client_id,
            "client_secret": self.client_secret.reveal(),
            "grant_type": "client_credentials",
            "audience": self.audience,
            self.scope_field: self.scope,
        }
        return Request(
            "POST",
            self.token_url or _TOKEN_URL,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            body=json.dumps(body).encode(),
            operation_id="token",
            template="",
            retry_safety=RetrySafety.READ,
        )


def _read_token(body: bytes) -> AccessToken | None:
    """Return the token of a response; None if it has no valid one."""
    try:
        fields = cast("dict[str, Any]", json.loads(body))
        lifetime = math.inf if (seconds := fields.get("expires_in")) is None else float(seconds)
        return AccessToken(fields["access_token"], lifetime=lifetime if 0 < lifetime < math.inf else None)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
