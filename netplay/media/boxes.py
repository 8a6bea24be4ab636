"""The box tree of ISO base media files, as offsets into bytes somebody else holds.

A box is four numbers and no copy: where it starts, where its body starts, where it ends,
and what it is called. Walking a level touches only the headers, so finding one box in a
segment of megabytes costs microseconds, and hostile sizes are refused before anything is
read through them.

Source: ISO/IEC 14496-12:2022, clause 4.2 (box structure), clause 4.2.2 (full boxes).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from netplay.errors import MediaError

__all__ = ["Box", "Buffer", "Header", "Reader", "boxes", "find", "find_all", "header"]

Buffer = bytes | bytearray | memoryview
"""Anything this room reads from; a memoryview must be of bytes (format "B")."""

SHORTEST_HEADER = 8

_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")
_I16 = struct.Struct(">h")
_I32 = struct.Struct(">i")
_I64 = struct.Struct(">q")
_SIZE_AND_KIND = struct.Struct(">I4s")


class Header(NamedTuple):
    """The start of a box, read before the rest of it has arrived.

    Attributes:
        kind: Four characters, or the 32 hexadecimal digits of a `uuid` box.
        length_bytes: Of the header itself.
        size_bytes: Of the whole box with its header; 0 means "to the end of the file".
    """

    kind: str
    length_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Box:
    """One box, as offsets into the buffer that was given.

    Attributes:
        kind: Four characters, or the 32 hexadecimal digits of a `uuid` box.
        start: Where its header starts.
        body: Where its header ends.
        end: One past its last byte.
    """

    kind: str
    start: int
    body: int
    end: int

    @property
    def size_bytes(self) -> int:
        """Of the whole box, header included."""
        return self.end - self.start


def header(data: Buffer, at: int, end: int, *, what: str = "media") -> Header | None:
    """Read the box header at an offset, or return None while bytes of it are missing.

    Raises:
        MediaError: The size is smaller than the header that states it.
    """
    available = end - at
    if available < SHORTEST_HEADER:
        return None
    size, code = _SIZE_AND_KIND.unpack_from(data, at)
    length = SHORTEST_HEADER
    if size == 1:
        length = 16
        if available < length:
            return None
        size = _U64.unpack_from(data, at + 8)[0]
        if size < length:
            raise MediaError(what, f"a box at byte {at} claims {size} bytes, less than its header")
    kind = code.decode("latin-1")
    if code == b"uuid":
        if available < length + 16:
            return None
        kind = bytes(data[at + length : at + length + 16]).hex()
        length += 16
    if size != 0 and size < length:
        raise MediaError(what, f"a box at byte {at} claims {size} bytes, less than its header")
    return Header(kind, length, size)


def boxes(
    data: Buffer, start: int = 0, end: int | None = None, *, what: str = "media"
) -> Iterator[Box]:
    """Yield the boxes of one level, in order.

    Fewer than eight bytes left over at the end are taken for padding, as players do: old
    muxers close a list with four zero bytes.

    Args:
        data: Holds the level; nothing of it is copied.
        start: Where the level starts.
        end: One past its last byte; None is the end of data.
        what: Names the bytes in an error.

    Raises:
        MediaError: A box is shorter than its header or reaches past the level.
    """
    limit = len(data) if end is None else min(end, len(data))
    at = start
    while limit - at >= SHORTEST_HEADER:
        head = header(data, at, limit, what=what)
        if head is None:
            raise MediaError(what, f"the header of a box at byte {at} is cut short")
        kind, length, size = head
        stop = at + size if size else limit
        if stop > limit:
            raise MediaError(
                what, f"box {kind!r} at byte {at} needs {size} bytes, {limit - at} are there"
            )
        yield Box(kind, at, at + length, stop)
        at = stop


def find_all(
    data: Buffer, *path: str, start: int = 0, end: int | None = None, what: str = "media"
) -> Iterator[Box]:
    """Yield every box that a path of kinds leads to: `find_all(data, "moov", "trak")`."""
    kind, rest = path[0], path[1:]
    for box in boxes(data, start, end, what=what):
        if box.kind != kind:
            continue
        if rest:
            yield from find_all(data, *rest, start=box.body, end=box.end, what=what)
        else:
            yield box


def find(
    data: Buffer, *path: str, start: int = 0, end: int | None = None, what: str = "media"
) -> Box | None:
    """Return the first box that a path of kinds leads to, or None."""
    return next(find_all(data, *path, start=start, end=end, what=what), None)


class Reader:
    """Reads big-endian fields one after another, and never past the end it was given.

    Attributes:
        position: Where the next field starts.
        end: One past the last byte that may be read.
    """

    __slots__ = ("_data", "_what", "end", "position")

    def __init__(
        self, data: Buffer, start: int = 0, end: int | None = None, *, what: str = "media"
    ) -> None:
        self._data = data
        self._what = what
        self.position = start
        self.end = len(data) if end is None else min(end, len(data))

    @classmethod
    def of(cls, data: Buffer, box: Box, *, what: str = "media") -> "Reader":
        """Read the body of a box."""
        return cls(data, box.body, box.end, what=what)

    @property
    def left_bytes(self) -> int:
        """How much has not been read yet."""
        return self.end - self.position

    def skip(self, count: int) -> int:
        """Step over bytes and return where they started."""
        at = self.position
        if count < 0 or at + count > self.end:
            raise MediaError(
                self._what, f"{count} bytes wanted at byte {at}, {self.end - at} are there"
            )
        self.position = at + count
        return at

    def u8(self) -> int:
        """Read an unsigned byte."""
        return self._data[self.skip(1)]

    def u16(self) -> int:
        """Read an unsigned 16-bit number."""
        return int(_U16.unpack_from(self._data, self.skip(2))[0])

    def u24(self) -> int:
        """Read an unsigned 24-bit number."""
        at = self.skip(3)
        return self._data[at] << 16 | self._data[at + 1] << 8 | self._data[at + 2]

    def u32(self) -> int:
        """Read an unsigned 32-bit number."""
        return int(_U32.unpack_from(self._data, self.skip(4))[0])

    def u64(self) -> int:
        """Read an unsigned 64-bit number."""
        return int(_U64.unpack_from(self._data, self.skip(8))[0])

    def i16(self) -> int:
        """Read a signed 16-bit number."""
        return int(_I16.unpack_from(self._data, self.skip(2))[0])

    def i32(self) -> int:
        """Read a signed 32-bit number."""
        return int(_I32.unpack_from(self._data, self.skip(4))[0])

    def i64(self) -> int:
        """Read a signed 64-bit number."""
        return int(_I64.unpack_from(self._data, self.skip(8))[0])

    def take(self, count: int) -> bytes:
        """Copy out the next bytes."""
        at = self.skip(count)
        return bytes(self._data[at : at + count])

    def rest(self) -> bytes:
        """Copy out everything that is left."""
        return self.take(self.left_bytes)

    def fourcc(self) -> str:
        """Read four characters."""
        return self.take(4).decode("latin-1")

    def text(self) -> str:
        """Read UTF-8 up to a zero byte, or to the end where there is none."""
        left = bytes(self._data[self.position : self.end])
        raw, zero, _ = left.partition(b"\0")
        self.position += len(raw) + len(zero)
        return raw.decode("utf-8", "replace")

    def version_and_flags(self) -> tuple[int, int]:
        """Read what every full box starts with."""
        word = self.u32()
        return word >> 24, word & 0xFFFFFF
