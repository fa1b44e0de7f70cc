"""What protects a call from being applied twice."""

import enum

__all__ = ["Guard"]


class Guard(enum.Enum):
    """What protects a call from being applied twice; it decides what a retry may do."""

    READ = "read"
    """It changes nothing (GET)."""
    KEY = "key"
    """An ``Idempotency-Key``: the API answers a repetition with the first answer."""
    TAG = "tag"
    """An ``If-Match``: the API refuses a repetition, since the first one changed the tag."""
    NONE = "none"
    """Nothing does."""
