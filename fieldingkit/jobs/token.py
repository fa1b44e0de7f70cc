"""Job tokens: what another process needs to go on following a job, and nothing that is secret."""

import base64
import binascii
import json
from typing import Any, cast

import attrs

from fieldingkit.errors import ConfigurationError

__all__ = ["JobToken"]

_VERSION = 1


@attrs.frozen(kw_only=True)
class JobToken:
    """The facts of a job that outlive its process. Holds ids, not URLs: it can only lead to its own origin."""

    origin: str
    """Scheme, host and port of the API."""
    api_version: str
    """The API version that the job was created with."""
    operation_id: str
    """The operation that created it."""
    path: dict[str, str]
    """The ids of the path: account, project, and the target group of a draft job."""
    job_id: str
    """The API's id of the job."""
    idempotency_key: str | None
    """The key that it was created with."""
    created: float
    """When it was created: seconds since 1970, UTC."""
    traceparent: str | None
    """The trace context of the request that created it."""
    asked: int | None
    """How many target groups were asked for."""

    def encode(self) -> str:
        """The token as text that is safe in a URL."""
        fields = attrs.asdict(self)
        text = json.dumps({"v": _VERSION, **{_SHORT[name]: fields[name] for name in _SHORT}}, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str) -> "JobToken":
        """Read a token.

        Raises:
            ConfigurationError: if it is none, or was made by a later release.
        """
        try:
            raw = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
            fields = cast("dict[str, Any]", json.loads(raw))
            version = fields["v"]
        except (ValueError, TypeError, KeyError, binascii.Error) as exc:
            raise ConfigurationError("this is not a job token") from exc
        if version != _VERSION:
            raise ConfigurationError(f"this job token has version {version!r}; this release reads {_VERSION}")
        try:
            token = cls(**{name: fields[short] for name, short in _SHORT.items()})
        except KeyError as exc:
            raise ConfigurationError(f"this job token lacks {exc}") from exc
        path = cast("object", token.path)
        texts = [token.origin, token.api_version, token.operation_id, token.job_id]
        if not isinstance(path, dict) or not all(
            isinstance(value, str) for value in cast("list[object]", [*texts, *token.path, *token.path.values()])
        ):
            raise ConfigurationError("this job token holds something else than ids")
        return token


_SHORT = {
    "origin": "o",
    "api_version": "a",
    "operation_id": "op",
    "path": "p",
    "job_id": "j",
    "idempotency_key": "k",
    "created": "t",
    "traceparent": "tp",
    "asked": "n",
}
