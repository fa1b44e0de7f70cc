"""Access tokens and their providers: a fixed bearer token, and OAuth 2.0 client credentials (RFC 6749)."""

import json
import math
import re
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol, TypeAlias, cast, get_args

import attrs

from fieldingkit.errors import ConfigurationError, TransportError, UnauthorizedError
from fieldingkit.idempotency import RetrySafety
from fieldingkit.option_validators import number, text
from fieldingkit.secret import Secret
from fieldingkit.transport.headers import trace_id_of
from fieldingkit.transport.http import Request, Response
from fieldingkit.transport.problem import error_from, is_transient, without_secrets
from fieldingkit.transport.urls import check_url

__all__ = ["AccessToken", "BearerToken", "ClientCredentials", "Fetch", "Scheme", "TokenProvider", "as_secret"]

Fetch = Callable[[Request], Awaitable[Response]]
"""Sends one request outside the API, such as a token request."""

Scheme: TypeAlias = Literal["Bearer", "Basic", ""]

_TOKEN = re.compile(r"[\x21-\x7e]+")
_ANY_TEXT = re.compile(r".+", re.DOTALL)


def as_secret(value: "str | Secret") -> Secret:
    """Return the value as a ``Secret``."""
    return value if isinstance(value, Secret) else Secret(value)


def _header_safe(holder: object, attribute: "attrs.Attribute[Any]", value: Secret) -> None:
    if not _matches(_TOKEN, value):
        raise ConfigurationError(f"{type(holder).__name__}.{attribute.name} must be visible ASCII without spaces")


def _secret_text(holder: object, attribute: "attrs.Attribute[Any]", value: Secret) -> None:
    if not _matches(_ANY_TEXT, value):
        raise ConfigurationError(f"{type(holder).__name__}.{attribute.name} must be a string")


def _scheme(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value not in get_args(Scheme):
        raise ConfigurationError(f"{attribute.name} must be one of {', '.join(map(repr, get_args(Scheme)))}")


def _matches(pattern: re.Pattern[str], secret: Secret) -> bool:
    """Return whether a secret is a matching text; no frame that raises holds it in clear."""
    value = cast("object", secret.reveal())
    return isinstance(value, str) and pattern.fullmatch(value) is not None


@attrs.frozen
class AccessToken:
    """A token and its lifetime."""

    value: Secret = attrs.field(converter=as_secret, validator=_header_safe)
    """The token; a plain string is wrapped in a ``Secret``."""
    lifetime: float | None = attrs.field(
        default=None, kw_only=True, validator=number(above=0, unit="seconds", none="an unknown lifetime")
    )
    """Seconds from now until the token expires; None if unknown."""
    scheme: Scheme = attrs.field(default="Bearer", kw_only=True, validator=_scheme)
    """The word before the token in the ``Authorization`` header; empty to send the token alone."""

    def header(self) -> Secret:
        """Return the ``Authorization`` header."""
        return Secret(f"{self.scheme} {self.value.reveal()}" if self.scheme else self.value.reveal())


class TokenProvider(Protocol):
    """A source of access tokens: any object with this method. The client caches the tokens."""

    async def fetch(self, http: Fetch) -> AccessToken:
        """Fetch a new token.

        The client cancels a fetch that takes longer than the calls that wait for it may take.

        Args:
            http: Sends a request over the client's connections; a provider need not use it.
        """
        ...


@attrs.frozen
class BearerToken:
    """A token that was obtained elsewhere. It is valid for 24 hours at most; services need ``ClientCredentials``."""

    token: Secret = attrs.field(converter=as_secret, validator=_header_safe)
    """The token, without the word Bearer."""

    async def fetch(self, http: Fetch) -> AccessToken:
        """Return the token."""
        del http
        return AccessToken(self.token)


@attrs.frozen(kw_only=True)
class ClientCredentials:
    """A provider that requests tokens by OAuth 2.0 client credentials, as the API documents."""

    client_id: str = attrs.field(validator=text)
    """The client id from the API starter kit."""
    client_secret: Secret = attrs.field(converter=as_secret, validator=_secret_text)
    """The client secret from the API starter kit."""
    token_url: str = attrs.field(default="https://auth.cint.com/oauth/token", validator=text)
    """The URL of the token endpoint; https, except on this machine."""
    audience: str = attrs.field(default="https://api.luc.id", validator=text)
    """The audience of the tokens."""
    scope: str = attrs.field(default="app:api", validator=text)
    """The requested scope."""
    scope_field: str = attrs.field(default="auth_scopes", validator=text)
    """The name of the scope's field; older token endpoints call it ``lucid_scopes``."""
    allow_insecure: bool = False
    """Allow a ``token_url`` with plain http to another machine."""

    def __attrs_post_init__(self) -> None:
        check_url(self.token_url, what="token_url", allow_insecure=self.allow_insecure)

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
            self.token_url,
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
