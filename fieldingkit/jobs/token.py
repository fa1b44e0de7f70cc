"""Job tokens: what another process needs to go on following a job, and nothing that is secret."""

import base64
import json
import math
from typing import Any, cast

import attrs

from fieldingkit.errors import ConfigurationError
from fieldingkit.validators import idempotency_key, opaque_id

__all__ = ["JobToken"]

_VERSION = 1
_text = attrs.validators.instance_of(str)


def _moment(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if type(value) not in (int, float) or not math.isfinite(cast("float", value)):
        raise TypeError(f"{attribute.name} is no time")


def _count(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value is not None and (type(value) is not int or value < 0):
        raise TypeError(f"{attribute.name} is no number")


@attrs.frozen(kw_only=True)
class JobToken:
    """The facts of a job that outlive its process. Holds ids, not URLs: it can only lead to its own origin."""

    origin: str = attrs.field(validator=_text)
    """Scheme, host and port of the API."""
    api_version: str = attrs.field(validator=_text)
    """The API version that the job was created with."""
    operation_id: str = attrs.field(validator=_text)
    """The operation that created it."""
    path: dict[str, str] = attrs.field(validator=attrs.validators.deep_mapping(_text, _text))
    """The ids of the path: account, project, and the target group of a draft job."""
    job_id: str = attrs.field(validator=opaque_id)
    """The API's id of the job."""
    idempotency_key: str | None = attrs.field(validator=idempotency_key)
    """The key that it was created with."""
    created: float = attrs.field(validator=_moment)
    """When it was created: seconds since 1970, UTC."""
    traceparent: str | None = attrs.field(validator=attrs.validators.optional(_text))
    """The trace context of the request that created it."""
    asked: int | None = attrs.field(validator=_count)
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
            ConfigurationError: if it is none, was made by a later release, or holds what no job has.
        """
        try:
            raw = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
            fields = cast("dict[str, Any]", json.loads(raw))
            version = fields["v"]
        except (ValueError, TypeError, KeyError, RecursionError) as exc:
            raise ConfigurationError("this is not a job token") from exc
        if version != _VERSION:
            raise ConfigurationError(f"this job token has version {version!r}; this release reads {_VERSION}")
        try:
            return cls(**{name: fields[short] for name, short in _SHORT.items()})
        except KeyError as exc:
            raise ConfigurationError(f"this job token lacks {exc}") from exc
        except (TypeError, ValueError) as exc:
            raise ConfigurationError("this job token holds what no job has") from exc


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
