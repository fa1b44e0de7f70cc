"""Job tokens: the facts that another process needs to resume a job, free of secrets."""

import base64
import json
import math
import re
import sys
from typing import Any, cast

import attrs

from fieldingkit.errors import ConfigurationError
from fieldingkit.transport.headers import trace_id_of
from fieldingkit.validators import idempotency_key, opaque_id

__all__ = ["JobToken"]

_VERSION = 1
_MAX_LENGTH = 1024
_text = attrs.validators.instance_of(str)


def _timestamp(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if type(value) not in (int, float) or not math.isfinite(cast("float", value)):
        raise TypeError(f"{attribute.name} must be a timestamp")


def _optional_count(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value is not None and (type(value) is not int or value < 0):
        raise TypeError(f"{attribute.name} must be a count")


def _optional_digest(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value is not None and not (isinstance(value, str) and re.fullmatch("[0-9a-f]{32}", value)):
        raise TypeError(f"{attribute.name} must be a digest")


def _valid_traceparent(value: str | None) -> str | None:
    """Drop text that is not a ``traceparent``: it comes from a response, and may be of any length."""
    # A token may hold a value of any type; the validator refuses those that are not text.
    return None if isinstance(value, str) and trace_id_of({"traceparent": value}) is None else value


def _shared(text: str) -> str:
    """Return the one copy of equal texts: the tokens of thousands of jobs name the same API, account and project."""
    # A token may hold a value of any type; the validators refuse those that are not text.
    return sys.intern(text) if type(text) is str else text


def _shared_path(path: dict[str, str]) -> dict[str, str]:
    """Return the path with shared names and ids; raise ``TypeError`` or ``ValueError`` for any other value."""
    return {_shared(name): _shared(text) for name, text in dict(path).items()}


@attrs.frozen(kw_only=True)
class JobToken:
    """The facts of a job that outlive its process. It holds ids, not URLs, so it can only lead to its own origin."""

    origin: str = attrs.field(converter=_shared, validator=_text)
    """Scheme, host and port of the API."""
    api_version: str = attrs.field(converter=_shared, validator=_text)
    """The API version that the job was created with."""
    operation_id: str = attrs.field(converter=_shared, validator=_text)
    """The operation that created the job."""
    path: dict[str, str] = attrs.field(converter=_shared_path, validator=attrs.validators.deep_mapping(_text, _text))
    """The ids in the path: account, project, and the target group of a draft job."""
    job_id: str = attrs.field(validator=opaque_id)
    """The API's id of the job."""
    idempotency_key: str | None = attrs.field(validator=idempotency_key)
    """The idempotency key that the job was created with."""
    created: float = attrs.field(validator=_timestamp)
    """The creation time, in seconds since 1970, UTC."""
    traceparent: str | None = attrs.field(converter=_valid_traceparent, validator=attrs.validators.optional(_text))
    """The trace context of the request that created the job; None if it is not known, or not valid."""
    asked: int | None = attrs.field(validator=_optional_count)
    """The number of target groups in the command."""
    digest: str | None = attrs.field(validator=_optional_digest)
    """The digest of their ids, which shows whether a result is about them; a token cannot hold thousands of ids."""

    def encode(self) -> str:
        """Return the token as text that is safe in a URL, of at most 1 KiB.

        If it would be longer, as with the longest keys and hosts, it leaves out the traceparent, and then the key.
        """
        fields = attrs.asdict(self)
        token = _encode(fields)
        for name in ("traceparent", "idempotency_key"):
            if len(token) > _MAX_LENGTH:
                token = _encode({**fields, "traceparent": None, name: None})
        return token

    @classmethod
    def decode(cls, text: str) -> "JobToken":
        """Read a token from text.

        Raises:
            ConfigurationError: if the text is not a valid job token, or a later release made it.
        """
        try:
            raw = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
            fields = cast("dict[str, Any]", json.loads(raw))
            version = fields["v"]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
            raise ConfigurationError("this is not a job token") from exc
        if version != _VERSION:
            raise ConfigurationError(f"this job token has version {version!r}; this release reads version {_VERSION}")
        try:
            return cls(**{name: fields[short] for name, short in _SHORT.items()})
        except KeyError as exc:
            raise ConfigurationError(f"this job token lacks {exc}") from exc
        except (TypeError, ValueError) as exc:
            raise ConfigurationError("this job token contains an invalid value") from exc


def _encode(fields: dict[str, Any]) -> str:
    text = json.dumps({"v": _VERSION, **{_SHORT[name]: fields[name] for name in _SHORT}}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


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
    "digest": "d",
}
"""The names of the fields inside a token, which every release keeps."""
