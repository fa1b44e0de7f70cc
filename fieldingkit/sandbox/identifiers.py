"""Identifiers as the API makes them, the same ones again for the same seed."""

import random
import re
import uuid
from typing import Final

__all__ = ["ULID", "Identifiers", "readable_id"]

ULID: Final = re.compile(r"[0-9A-Z]{26}")
"""What the contract accepts as a ULID."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TWO_DIGITS = [high + low for high in _CROCKFORD for low in _CROCKFORD]
_SCRAMBLER = 0x2545F4914F6CDD1D
_FIRST_MILLISECOND = 1_766_016_000_000  # 2025-12-18, the day of the API version


class Identifiers:
    """A source of ids that no two calls get alike.

    Args:
        seed: Two sources with the same seed give the same ids in the same order.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._made = 0

    def ulid(self) -> str:
        """A ULID: 26 characters that sort in the order in which they were made."""
        self._made += 1
        number = (_FIRST_MILLISECOND + self._made) << 80 | self._random.getrandbits(80)
        return "".join([_TWO_DIGITS[number >> shift & 1023] for shift in range(120, -1, -10)])

    def uuid(self) -> str:
        """A version 4 UUID."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def hexadecimal(self, digits: int) -> str:
        """So many lower-case hexadecimal digits, not all of them zero."""
        return f"{self._random.randrange(1, 16**digits):0{digits}x}"


def readable_id(number: int, digits: int) -> str:
    """An id for people to read: no two numbers below 32 to the power of `digits` have the same.

    Args:
        number: What it stands for.
        digits: How long it is.
    """
    scrambled = number * (_SCRAMBLER >> digits | 1) % 32**digits  # an odd factor maps these numbers one to one
    return "".join([_CROCKFORD[scrambled >> 5 * digit & 31] for digit in range(digits)])
