"""Access tokens, their providers, and the one provider of a fixed token."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol, TypeAlias, cast, get_args

import attrs

from fieldingkit.errors import ConfigurationError
from fieldingkit.option_validators import number
from fieldingkit.secret import Secret
from fieldingkit.transport.http import Request, Response

__all__ = ["AccessToken", "BearerToken", "Fetch", "Scheme", "TokenProvider", "as_secret"]

Fetch = Callable[[Request], Awaitable[Response]]
"""Sends one request outside the API, such as a token request."""

Scheme: TypeAlias = Literal["Bearer", "Basic", ""]


def as_secret(value: "str | Secret") -> Secret:
    """Return the value as a ``Secret``."""
    return value if isinstance(value, Secret) else Secret(value)


def _header_safe(holder: object, attribute: "attrs.Attribute[Any]", value: Secret) -> None:
    if not _is_visible_ascii(value):
        raise ConfigurationError(f"{type(holder).__name__}.{attribute.name} must be visible ASCII without spaces")


def _scheme(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value not in get_args(Scheme):
        raise ConfigurationError(f"{attribute.name} must be one of {', '.join(map(repr, get_args(Scheme)))}")


def _is_visible_ascii(secret: Secret) -> bool:
    """Return whether a secret can be part of a header; no frame that raises holds it in clear."""
    text = cast("object", secret.reveal())
    return isinstance(text, str) and text.isascii() and text.isprintable() and bool(text) and " " not in text


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
