"""Idempotency keys, and the retry safety of a call: what keeps a retry from applying it twice."""

import enum
import uuid

__all__ = ["RetrySafety", "new_idempotency_key"]


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
