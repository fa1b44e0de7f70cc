"""Bearer tokens, the token endpoint, and the key of the fulfillment API."""

from datetime import datetime, timedelta
from typing import Any, cast
from uuid import NAMESPACE_OID, uuid5

from fieldingkit.sandbox import problems
from fieldingkit.sandbox.formats import Identifiers
from fieldingkit.sandbox.model.clock import SandboxClock

__all__ = ["Tokens"]

_AUDIENCE = "https://api.luc.id"
_SCOPE = "app:api"


class Tokens:
    """The issued tokens of a sandbox, and the credentials that its token endpoint accepts.

    Args:
        clock: The clock for lifetimes.
        identifiers: The source of token texts.
        lifetime: The default lifetime in seconds.
    """

    def __init__(self, *, clock: SandboxClock, identifiers: Identifiers, lifetime: float) -> None:
        self.client_id: str = f"sandbox-client-{identifiers.hexadecimal(8)}"
        self.client_secret: str = f"sandbox-secret-{identifiers.hexadecimal(32)}"
        # Derived, so that a seed gives the same ids with and without it.
        self.fulfillment_key: str = f"sandbox-key-{uuid5(NAMESPACE_OID, self.client_secret).hex}"
        self._clock = clock
        self._identifiers = identifiers
        self._lifetime = lifetime
        self._expiries: dict[str, datetime] = {}
        self._current = self.issue()

    @property
    def current(self) -> str:
        """A currently valid token: the same one until it expires."""
        if self._expiries[self._current] <= self._clock.now():
            self._current = self.issue()
        return self._current

    def issue(self, lifetime: float | None = None) -> str:
        """Issue a new token.

        Args:
            lifetime: Its lifetime in seconds; the default lifetime if not given.
        """
        token = f"sandbox-token-{self._identifiers.hexadecimal(48)}"
        seconds = self._lifetime if lifetime is None else lifetime
        self._expiries[token] = self._clock.now() + timedelta(seconds=seconds)
        return token

    def expire(self) -> None:
        """Expire every issued token."""
        now = self._clock.now()
        for token in list(self._expiries):
            self._expiries[token] = now

    def check(self, authorization: str | None) -> None:
        """Check an `Authorization` header: 401 without a known token, 403 with an expired one."""
        scheme, _, token = (authorization or "").partition(" ")
        expiry = self._expiries.get(token.strip())
        if scheme.lower() != "bearer" or expiry is None:
            raise problems.unauthorized()
        if expiry <= self._clock.now():
            raise problems.forbidden()

    def check_key(self, authorization: str | None) -> None:
        """Check the `Authorization` header of the fulfillment API, which is the key alone; 401 for any other."""
        if authorization != self.fulfillment_key:
            raise problems.unauthorized()

    def grant(self, body: object) -> tuple[int, dict[str, Any]]:
        """Answer a request to the token endpoint with the client-credentials flow.

        Args:
            body: The decoded body of the request.

        Returns:
            The HTTP status and the body of the response.
        """
        expected = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "grant_type": "client_credentials",
            "audience": _AUDIENCE,
            "auth_scopes": _SCOPE,
        }
        # The documents say that the scope may be omitted and defaults to this.
        given = {"auth_scopes": _SCOPE, **cast("dict[str, object]", body)} if isinstance(body, dict) else {}
        if any(given.get(name) != value for name, value in expected.items()):
            return 401, {"error": "access_denied", "error_description": "Unauthorized"}
        return 200, {"access_token": self.issue(), "expires_in": int(self._lifetime), "token_type": "Bearer"}
