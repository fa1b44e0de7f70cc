"""Idempotency keys, and the retry safety of a call: what keeps a retry from applying it twice."""

import enum
import os
import re
import time
import uuid

__all__ = ["RetrySafety", "is_etag", "new_idempotency_key", "new_ulid"]

# Wider than RFC 9110, section 8.8.3, because a tag goes back as it came: servers leave out the quotes, or use spaces.
_ETAG = re.compile(r'(?:[Ww]/)?"[\x20\x21\x23-\x7e]*"|[\x21\x23-\x29\x2b\x2d-\x7e]+')

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class RetrySafety(enum.Enum):
    """The protection of a call against being applied twice; it decides which failures are retried."""

    READ = "read"
    """The call changes nothing (GET)."""
    IDEMPOTENCY_KEY = "key"
    """The call has an ``Idempotency-Key``: the API answers a repetition with the first response."""
    IF_MATCH = "tag"
    """The call has an ``If-Match``: the API refuses a repetition, because the first send changed the tag."""
    NONE = "none"
    """The call has no protection."""


def new_idempotency_key() -> str:
    """Return a new idempotency key: a random UUID, as the API recommends."""
    return str(uuid.uuid4())


def new_ulid() -> str:
    """Return a new ULID, for the operations that take no other key: 48 bits of time, 80 random bits."""
    number = int(time.time() * 1000) << 80 | int.from_bytes(os.urandom(10))
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def is_etag(value: object) -> bool:
    """Return whether a value is exactly one ETag: ``*`` or a list of tags could match again after the first send."""
    return isinstance(value, str) and _ETAG.fullmatch(value) is not None
