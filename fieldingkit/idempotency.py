"""What protects a call from being applied twice."""

import enum

__all__ = ["RetrySafety"]


class RetrySafety(enum.Enum):
    """What protects a call from being applied twice; it decides what a retry may do."""

    READ = "read"
    """It changes nothing (GET)."""
    IDEMPOTENCY_KEY = "key"
    """An ``Idempotency-Key``: the API answers a repetition with the first answer."""
    IF_MATCH = "tag"
    """An ``If-Match``: the API refuses a repetition, since the first one changed the tag."""
    NONE = "none"
    """Nothing does."""
