"""Whether a delivery really comes from the API, and was not changed on its way."""

import hashlib
import hmac
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime

from fieldingkit.errors import ConfigurationError, InvalidEventError, InvalidSignatureError
from fieldingkit.events.models import Event, parse

__all__ = ["MAX_SIZE", "signing_key", "verify"]

MAX_SIZE = 1 << 20
"""How many bytes a delivery may have, once it is uncompressed."""

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
    """Verify a delivery, and read its event.

    Args:
        headers: The delivery's headers; their case does not matter.
        body: Its body, byte for byte; parsed and written again it would not fit its signature. It may be gzip.
        secret: The webhook's secret as the API gave it; its base64 text is the key, it is not to be decoded.
        tolerance: How many seconds ago, or ahead, it may have been signed. None to not look at that: the API does not
            say whether it signs again when it delivers again.
        now: What to reckon that from; the present time if left out.
        max_size: How many bytes the body may have, once it is uncompressed.

    Raises:
        InvalidSignatureError: if it was not signed with the secret, or not within the tolerance.
        InvalidEventError: if it is too large, or no event.
        ConfigurationError: if the secret cannot be one.
    """
    key = signing_key(secret)
    signed_at, signatures = _read(headers)
    content = _uncompressed(body, max_size)
    expected = hmac.new(key, signed_at.encode() + b"." + content, hashlib.sha256).hexdigest().encode()
    if not any(hmac.compare_digest(expected, signature) for signature in signatures):
        raise InvalidSignatureError("the delivery is not signed with this secret")
    if tolerance is not None:
        age = (now or datetime.now(UTC)).timestamp() - int(signed_at)
        if abs(age) > tolerance:
            when = f"{age:.0f} s ago" if age > 0 else f"{-age:.0f} s ahead"
            raise InvalidSignatureError(f"the delivery was signed {when}, the tolerance is {tolerance:g} s")
    return parse(content)


def signing_key(secret: str) -> bytes:
    """The key that a secret stands for: its text as it is.

    Raises:
        ConfigurationError: if the secret is empty, or no base64 text; an empty one would let everybody in.
    """
    if not _BASE64.fullmatch(secret):
        raise ConfigurationError("the webhook's secret is empty, or not the base64 text that the API gave")
    return secret.encode()


def _read(headers: Mapping[str, str]) -> tuple[str, list[bytes]]:
    """The time and the signatures of ``t=...,v1=...``; parts of other names are for other kinds of signature."""
    found = [value for name, value in headers.items() if name.lower() == _HEADER]
    if len(found) != 1:
        raise InvalidSignatureError(f"the delivery has {'more than one' if found else 'no'} Cint-Signature header")
    parts = [part.strip().partition("=") for part in found[0].split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value.encode(errors="replace") for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not _SECONDS.fullmatch(times[0]) or not signatures:
        raise InvalidSignatureError("the Cint-Signature header is not of the form t=...,v1=...")
    return times[0], signatures


def _uncompressed(body: bytes, max_size: int) -> bytes:
    """The JSON text itself, which is what the signature covers."""
    # Told by its first bytes: a server may have uncompressed it already and still show the header, and no JSON text
    # begins so.
    content = _gunzip(body, max_size) if body.startswith(_GZIP_MAGIC) else body
    if len(content) > max_size:
        raise InvalidEventError(f"the delivery has more than {max_size} bytes")
    return content


def _gunzip(body: bytes, max_size: int) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = stream.decompress(body, max_size + 1)
    except zlib.error as exc:
        raise InvalidEventError("the delivery is not gzip, although it begins so") from exc
    if len(content) <= max_size and (not stream.eof or stream.unused_data):
        raise InvalidEventError("the delivery is cut short, or has something after its end")
    return content
