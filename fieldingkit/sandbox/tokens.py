"""Bearer tokens, and the token endpoint's client-credentials flow."""

from datetime import datetime, timedelta
from typing import Any, cast

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.formats import Identifiers
from fieldingkit.sandbox.model.clock import SandboxClock

__all__ = ["Tokens"]

_AUDIENCE = "https://api.luc.id"
_SCOPE = "app:api"


class Tokens:
    """The tokens that a sandbox has issued, and the credentials that it issues them for.

    Args:
        clock: What their lifetime goes by.
        identifiers: Where their text comes from.
        lifetime: How long each is valid, in seconds.
    """

    def __init__(self, *, clock: SandboxClock, identifiers: Identifiers, lifetime: float) -> None:
        self.client_id: str = f"sandbox-client-{identifiers.hexadecimal(8)}"
        self.client_secret: str = f"sandbox-secret-{identifiers.hexadecimal(32)}"
        self._clock = clock
        self._identifiers = identifiers
        self._lifetime = lifetime
        self._expiries: dict[str, datetime] = {}
        self._current = self.issue()

    @property
    def current(self) -> str:
        """A token that is valid now: the last one asked for here, or a new one once that has expired."""
        if self._expiries[self._current] <= self._clock.now():
            self._current = self.issue()
        return self._current

    def issue(self, lifetime: float | None = None) -> str:
        """Make a new token.

        Args:
            lifetime: How long it is valid, in seconds; the sandbox's usual time if not given.
        """
        token = f"sandbox-token-{self._identifiers.hexadecimal(48)}"
        seconds = self._lifetime if lifetime is None else lifetime
        self._expiries[token] = self._clock.now() + timedelta(seconds=seconds)
        return token

    def expire(self) -> None:
        """Let every token expire that was issued so far."""
        now = self._clock.now()
        for token in list(self._expiries):
            self._expiries[token] = now

    def check(self, authorization: str | None) -> None:
        """Check an `Authorization` header: 401 without a token of ours, 403 with one that has expired."""
        scheme, _, token = (authorization or "").partition(" ")
        expiry = self._expiries.get(token.strip())
        if scheme.lower() != "bearer" or expiry is None:
            raise problems.unauthorized()
        if expiry <= self._clock.now():
            raise problems.forbidden()

    def grant(self, body: object) -> tuple[int, dict[str, Any]]:
        """Answer a request to the token endpoint.

        Args:
            body: The decoded body of the request.

        Returns:
            The HTTP status and the body of the answer.
        """
        expected = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "grant_type": "client_credentials",
            "audience": _AUDIENCE,
            "auth_scopes": _SCOPE,
        }
        # The scope alone may be left out: the documents say that it defaults to this.
        given = {"auth_scopes": _SCOPE, **cast("dict[str, object]", body)} if isinstance(body, dict) else {}
        if any(given.get(name) != value for name, value in expected.items()):
            return 401, {"error": "access_denied", "error_description": "Unauthorized"}
        return 200, {"access_token": self.issue(), "expires_in": int(self._lifetime), "token_type": "Bearer"}
