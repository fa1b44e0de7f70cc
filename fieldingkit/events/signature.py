"""Verification of webhook deliveries: signature, age, size and compression."""

import hashlib
import hmac
import math
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

from fieldingkit._repr import brief_repr
from fieldingkit.errors import ConfigurationError, InvalidEventError, InvalidSignatureError
from fieldingkit.events.models import Event, parse

__all__ = ["MAX_SIZE", "check_tolerance", "signing_key", "verify"]

MAX_SIZE = 1 << 20
"""Largest body of a delivery in bytes, uncompressed."""

_HEADER = "cint-signature"
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_GZIP_MAGIC = b"\x1f\x8b"


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secret: str,
    *,
    tolerance: float | None = None,
    now: datetime | None = None,
    max_size: int = MAX_SIZE,
) -> Event:
    """Verify a delivery and return its event.

    Args:
        headers: The delivery's headers, in any case.
        body: The raw body; JSON that was parsed and serialized again does not match its signature. It may be gzip.
        secret: The webhook's secret as the API returned it. The base64 text itself is the key; do not decode it.
        tolerance: Largest difference between the time of signing and now: a finite number of seconds, 0 or more. None
            skips this check: the API does not document whether a repeated delivery is signed again.
        now: The time to compare with; the present time by default.
        max_size: Largest body in bytes, uncompressed.

    Raises:
        InvalidSignatureError: if the delivery was not signed with the secret, or not within the tolerance.
        InvalidEventError: if the delivery is too large or not an event.
        ConfigurationError: if the secret or the tolerance is not valid, or ``headers`` or ``body`` is of another type.
    """
    check_tolerance(tolerance)
    if not isinstance(cast("object", headers), Mapping):
        raise ConfigurationError(f"headers must be a mapping of names to values; got {type(headers).__name__}")
    if not isinstance(cast("object", body), bytes | bytearray):
        raise ConfigurationError(f"body must be the raw bytes; got {type(body).__name__}")
    key = signing_key(secret)
    signed_at, signatures = _parse_header(headers)
    content = _decompress(body, max_size)
    expected = hmac.new(key, signed_at.encode() + b"." + content, hashlib.sha256).hexdigest().encode()
    if not any(hmac.compare_digest(expected, signature) for signature in signatures):
        raise InvalidSignatureError("the delivery is not signed with this secret")
    if tolerance is not None:
        age = (now or datetime.now(UTC)).timestamp() - int(signed_at)
        if abs(age) > tolerance:
            when = f"{age:.0f} s ago" if age > 0 else f"{-age:.0f} s ahead"
            raise InvalidSignatureError(f"the delivery was signed {when}, the tolerance is {tolerance:g} s")
    return parse(content)


def check_tolerance(tolerance: object) -> None:
    """Refuse a tolerance that would accept a delivery of any age, as a NaN would, or none at all.

    Raises:
        ConfigurationError: if it is neither None nor a finite number of at least 0.
    """
    valid = type(tolerance) is int or (type(tolerance) is float and math.isfinite(tolerance))
    if tolerance is not None and not (valid and cast("float", tolerance) >= 0):
        raise ConfigurationError(
            f"tolerance must be a finite number of seconds, 0 or more, or None; got {brief_repr(tolerance)}"
        )


def signing_key(secret: str) -> bytes:
    """Return the signing key of a secret: its text, as bytes.

    Raises:
        ConfigurationError: if the secret is empty or not base64. An empty key would verify forged deliveries.
    """
    if not (isinstance(cast("object", secret), str) and _BASE64.fullmatch(secret)):
        raise ConfigurationError("the webhook's secret is empty or not base64: use it as the API returned it")
    return secret.encode()


def _parse_header(headers: Mapping[str, str]) -> tuple[str, list[bytes]]:
    """Return the time and the signatures of ``t=...,v1=...``; other names belong to other kinds of signature."""
    found = [value for name, value in headers.items() if name.lower() == _HEADER]
    if len(found) != 1:
        raise InvalidSignatureError(f"the delivery has {'more than one' if found else 'no'} Cint-Signature header")
    parts = [part.strip().partition("=") for part in found[0].split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value.encode(errors="replace") for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not _SECONDS.fullmatch(times[0]) or not signatures:
        raise InvalidSignatureError("the Cint-Signature header is not of the form t=...,v1=...")
    return times[0], signatures


def _decompress(body: bytes, max_size: int) -> bytes:
    """Return the JSON text, which is what the signature covers."""
    # The first bytes decide, not the Content-Encoding header: some servers decompress the body and keep the header.
    content = _gunzip(body, max_size) if body.startswith(_GZIP_MAGIC) else body
    if len(content) > max_size:
        raise InvalidEventError(f"the delivery has more than {max_size} bytes")
    return content


def _gunzip(body: bytes, max_size: int) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = stream.decompress(body, max_size + 1)
    except zlib.error as exc:
        raise InvalidEventError("the delivery is not valid gzip") from exc
    if len(content) <= max_size and (not stream.eof or stream.unused_data):
        raise InvalidEventError("the delivery is truncated, or has data after its end")
    return content
