"""Writes CMAF: an init segment, fragments and the index over them, box by box.

Only the sample description (`stsd`) comes from elsewhere: FFmpeg's muxer writes it for every
codec, and the rest of a fragmented file is the same whatever it carries. Writing the rest
here, rather than asking a muxer for fragments, puts the cuts exactly where they are wanted
and knows every byte offset without looking.

Source: ISO/IEC 14496-12:2022 (boxes), ISO/IEC 23000-19:2024 (CMAF brands and constraints).
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["MediaHeader", "Sample", "fragment", "init_segment", "segment_index", "segment_type"]

SYNC_FLAGS = 0x0200_0000
"""sample_depends_on = 2: depends on no other."""
OTHER_FLAGS = 0x0101_0000
"""sample_depends_on = 1, sample_is_non_sync_sample."""

UNITY_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000)


@dataclass(frozen=True, slots=True)
class Sample:
    """One coded frame.

    Attributes:
        data: As an MP4 file stores it (length-prefixed NAL units, bare AAC frames).
        dts: Decoding time in ticks, from zero.
        offset: Presentation minus decoding time before any edit, in ticks; not negative.
        duration: In ticks.
        sync: Decoding may start here.
    """

    data: bytes
    dts: int
    offset: int
    duration: int
    sync: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaHeader:
    """What an init segment says about its one track.

    Attributes:
        stsd: The whole sample description box.
        handler: "vide" or "soun".
        language: Two- or three-letter code; "und" where empty.
        skipped: Ticks between media time and presentation time (an edit list).
    """

    stsd: bytes
    handler: str
    timescale: int
    width: int = 0
    height: int = 0
    language: str = ""
    skipped: int = 0


def box(kind: str, *parts: bytes) -> bytes:
    """Return a box around its parts."""
    size = 8 + sum(map(len, parts))
    return struct.pack(">I4s", size, kind.encode("ascii")) + b"".join(parts)


def full_box(kind: str, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    """Return a box with a version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def _packed_language(language: str) -> int:
    """Return mdhd's three five-bit letters; two-letter codes have no place there, so "und".

    The manifest and `elng` carry the real tag.
    """
    letters = language if len(language) == 3 else "und"
    a, b, c = (ord(letter) - 0x60 for letter in letters)
    return a << 10 | b << 5 | c


def init_segment(header: MediaHeader) -> bytes:
    """Return ftyp and moov: everything a decoder needs before the first fragment."""
    visual = header.handler == "vide"
    movie = full_box(
        "mvhd",
        struct.pack(">4I", 0, 0, header.timescale, 0),
        struct.pack(">IHHII", 0x10000, 0x100, 0, 0, 0),
        UNITY_MATRIX,
        bytes(24),
        struct.pack(">I", 2),
    )
    track = full_box(
        "tkhd",
        struct.pack(">5I", 0, 0, 1, 0, 0),
        struct.pack(">IIhhHH", 0, 0, 0, 0, 0 if visual else 0x100, 0),
        UNITY_MATRIX,
        struct.pack(">II", header.width << 16, header.height << 16),
        flags=3,
    )
    edits = b""
    if header.skipped:
        # A duration of zero in a fragmented file: the edit lasts as long as the media does.
        entry = struct.pack(">IIihh", 1, 0, header.skipped, 1, 0)
        edits = box("edts", full_box("elst", entry))
    language = struct.pack(">HH", _packed_language(header.language), 0)
    media = [
        full_box("mdhd", struct.pack(">4I", 0, 0, header.timescale, 0), language),
        full_box("hdlr", bytes(4), header.handler.encode("ascii"), bytes(12), b"netplay\0"),
    ]
    if header.language:
        media.append(full_box("elng", header.language.encode("ascii"), b"\0"))
    kind_header = full_box("vmhd", bytes(8), flags=1) if visual else full_box("smhd", bytes(4))
    data_here = full_box("dref", struct.pack(">I", 1), full_box("url ", flags=1))
    tables = (
        full_box("stts", bytes(4)),
        full_box("stsc", bytes(4)),
        full_box("stsz", bytes(8)),
        full_box("stco", bytes(4)),
    )
    media.append(
        box("minf", kind_header, box("dinf", data_here), box("stbl", header.stsd, *tables))
    )
    extends = box("mvex", full_box("trex", struct.pack(">5I", 1, 1, 0, 0, 0)))
    brands = b"iso6" + struct.pack(">I", 0) + b"iso6cmfcmp41"
    return box("ftyp", brands) + box(
        "moov", movie, box("trak", track, edits, box("mdia", *media)), extends
    )


def segment_type() -> bytes:
    """Return the styp that opens a media segment."""
    return box("styp", b"msdh" + struct.pack(">I", 0) + b"msdhmsixcmfscmfc")


def fragment(samples: Sequence[Sample], sequence: int) -> bytes:
    """Return one moof and mdat: a CMAF chunk.

    Args:
        samples: At least one, in decoding order and without gaps.
        sequence: mfhd's number, one more than that of the chunk before.
    """
    rows = b"".join(
        struct.pack(
            ">4I",
            sample.duration,
            len(sample.data),
            SYNC_FLAGS if sample.sync else OTHER_FLAGS,
            sample.offset,
        )
        for sample in samples
    )
    # tfhd 0x020000: offsets count from the moof, so a fragment means the same anywhere.
    # trun 0x000f01: data offset, then duration, size, flags and offset of every sample.
    # Offsets are unsigned and the edit list brings presentation back to zero: signed ones
    # without an edit list say the same, but libav then shows the first frame late.
    track = full_box("tfhd", struct.pack(">I", 1), flags=0x020000)
    time = full_box("tfdt", struct.pack(">Q", samples[0].dts), version=1)
    number = full_box("mfhd", struct.pack(">I", sequence))
    trun_bytes = 20 + len(rows)
    moof_bytes = 8 + len(number) + 8 + len(track) + len(time) + trun_bytes
    trun = full_box("trun", struct.pack(">Ii", len(samples), moof_bytes + 8), rows, flags=0xF01)
    moof = box("moof", number, box("traf", track, time, trun))
    assert len(moof) == moof_bytes, "the data offset was computed for another moof"
    return moof + box("mdat", *(sample.data for sample in samples))


def segment_index(timescale: int, start: int, entries: Iterable[tuple[int, int]]) -> bytes:
    """Return the sidx of segments that follow it at once.

    Args:
        timescale: Ticks a second.
        start: Presentation time of the first segment, in ticks; not negative.
        entries: (bytes, ticks) of each segment; each starts with a sync sample.
    """
    rows = b"".join(struct.pack(">III", size, ticks, 0x9000_0000) for size, ticks in entries)
    return full_box(
        "sidx",
        struct.pack(">IIQQHH", 1, timescale, start, 0, 0, len(rows) // 12),
        rows,
        version=1,
    )
