"""Reads the bits of parameter sets and slice headers.

Source: ISO/IEC 14496-10, clauses 7.2, 7.3.1 and 9.1.
"""

import re
from typing import Final

__all__ = ["Bits", "escaped_bytes", "unescaped"]

_ESCAPE: Final = re.compile(rb"\x00\x00\x03")
LONGEST_HEADER: Final = 1024
"""Bytes of a slice header that are looked at; a guess with much room."""


def unescaped(unit: bytes) -> bytes:
    """Return the start of a NAL unit without the bytes that keep start codes out of it."""
    return _ESCAPE.sub(b"\0\0", unit[:LONGEST_HEADER])


def escaped_bytes(unit: bytes, size: int) -> int:
    """Return how many bytes of a NAL unit hold so many of it unescaped."""
    at = 0
    for escape in _ESCAPE.finditer(unit[:LONGEST_HEADER]):
        if escape.start() + 2 - at >= size:
            break
        at += 1
    return size + at


class Bits:
    """Reads from the front of a few bytes; past the end is an IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def take(self, count: int) -> int:
        """Return so many bits as a number."""
        value = 0
        for _ in range(count):
            byte = self._data[self.position >> 3]
            value = value << 1 | byte >> (7 - (self.position & 7)) & 1
            self.position += 1
        return value

    def flag(self) -> bool:
        """Return one bit."""
        return self.take(1) == 1

    def ue(self) -> int:
        """Return an Exp-Golomb number."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def se(self) -> int:
        """Return a signed Exp-Golomb number."""
        value = self.ue()
        return (value + 1) // 2 if value & 1 else -(value // 2)

    @property
    def whole_bytes(self) -> int:
        """Bytes that what was read takes, the last one begun included."""
        return -(-self.position // 8)
