"""The segment index (`sidx`): where each segment of a single file is, and how long it lasts.

An index may refer to media or to further indexes, so a read gives one level; whoever
resolves it fetches the ranges of the indexes below and reads those in turn. Byte positions
are absolute in the file: the anchor of an index is the first byte behind its own box.

Source: ISO/IEC 14496-12:2022, clause 8.16.3.
"""

from dataclasses import dataclass
from typing import Literal

from netplay.errors import MediaError
from netplay.media.boxes import Box, Buffer, Reader, header

__all__ = ["Incomplete", "Reference", "Sidx", "read_sidx"]

MAX_SIDX_BYTES = 1 << 20
"""65,535 references, the most a 16-bit count allows, take 786,460 bytes."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One piece of the file.

    Attributes:
        kind: "media", or "index": another sidx, to be read before its media is known.
        first_byte: In the file.
        size_bytes: Of the piece.
        start_ticks: Earliest presentation time, in the index's timescale.
        duration_ticks: In the index's timescale.
        starts_with_sap: Whether it starts with a stream access point.
        sap_type: 1 to 6, 0 where unknown.
        sap_delta_ticks: From the earliest presentation time to the access point's.
    """

    kind: Literal["media", "index"]
    first_byte: int
    size_bytes: int
    start_ticks: int
    duration_ticks: int
    starts_with_sap: bool
    sap_type: int
    sap_delta_ticks: int

    @property
    def last_byte(self) -> int:
        """Inclusive, as HTTP ranges count."""
        return self.first_byte + self.size_bytes - 1


@dataclass(frozen=True, slots=True)
class Sidx:
    """One level of a segment index.

    Attributes:
        reference_id: The track it indexes, where the file is one of tracks.
        timescale: Ticks a second; positive.
        earliest_ticks: Earliest presentation time of the first piece.
        first_byte: Where the sidx box starts in the file.
        size_bytes: Of the sidx box.
        references: The pieces, one after another without a gap.
    """

    reference_id: int
    timescale: int
    earliest_ticks: int
    first_byte: int
    size_bytes: int
    references: tuple[Reference, ...]

    @property
    def is_hierarchical(self) -> bool:
        """Some pieces are further indexes."""
        return any(reference.kind == "index" for reference in self.references)


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The bytes end inside the index, or before it: fetch more and read again.

    Attributes:
        needed_bytes: How many bytes, counted from the first one given, are needed at least.
    """

    needed_bytes: int


def read_sidx(data: Buffer, *, first_byte: int, what: str = "segment index") -> Sidx | Incomplete:
    """Read the first sidx box, passing over the boxes before it.

    Args:
        data: Bytes of the file, starting with a box; they may go on behind the index.
        first_byte: Where in the file they start.
        what: Names them in errors.

    Returns:
        The index, or how many bytes it takes where these are too few.

    Raises:
        MediaError: There is no index before the media, or it is broken.
    """
    at = 0
    while True:
        head = header(data, at, len(data), what=what)
        if head is None:
            return Incomplete(max(at + 8, len(data) + 1))
        if head.kind == "sidx":
            break
        if head.size_bytes == 0 or head.kind in ("mdat", "moof"):
            raise MediaError(what, f"no sidx box before {head.kind!r} at byte {first_byte + at}")
        at += head.size_bytes
        if at > len(data) + MAX_SIDX_BYTES:
            raise MediaError(what, f"no sidx box within {at} bytes")
    if not 0 < head.size_bytes <= MAX_SIDX_BYTES:
        raise MediaError(what, f"a sidx box of {head.size_bytes} bytes")
    if at + head.size_bytes > len(data):
        return Incomplete(at + head.size_bytes)
    box = Box(head.kind, at, at + head.length_bytes, at + head.size_bytes)
    return _read(data, box, first_byte=first_byte, what=what)


def _read(data: Buffer, box: Box, *, first_byte: int, what: str) -> Sidx:
    reader = Reader.of(data, box, what=what)
    version, _ = reader.version_and_flags()
    reference_id, timescale = reader.u32(), reader.u32()
    if timescale == 0:
        raise MediaError(what, "sidx has a timescale of 0")
    earliest, offset = (reader.u64(), reader.u64()) if version else (reader.u32(), reader.u32())
    reader.skip(2)
    count = reader.u16()
    place, ticks = first_byte + box.end + offset, earliest
    references = []
    for _ in range(count):
        piece, duration, access = reader.u32(), reader.u32(), reader.u32()
        size = piece & 0x7FFF_FFFF
        references.append(
            Reference(
                kind="index" if piece >> 31 else "media",
                first_byte=place,
                size_bytes=size,
                start_ticks=ticks,
                duration_ticks=duration,
                starts_with_sap=access >> 31 == 1,
                sap_type=access >> 28 & 7,
                sap_delta_ticks=access & 0x0FFF_FFFF,
            )
        )
        place += size
        ticks += duration
    return Sidx(
        reference_id=reference_id,
        timescale=timescale,
        earliest_ticks=earliest,
        first_byte=first_byte + box.start,
        size_bytes=box.size_bytes,
        references=tuple(references),
    )
