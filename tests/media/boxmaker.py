"""Boxes made by hand, for what no muxer at hand writes."""

import struct
from collections.abc import Sequence


def box(kind: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind.encode("latin-1")) + body


def full(kind: str, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, u32(version << 24 | flags), *parts)


def u8(*values: int) -> bytes:
    return bytes(values)


def u16(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


def u32(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def u64(*values: int) -> bytes:
    return struct.pack(f">{len(values)}Q", *values)


def track(
    track_id: int = 1,
    handler: bytes = b"vide",
    *,
    entries: Sequence[bytes] = (),
    timescale: int = 1000,
    edits: bytes = b"",
    groups: bytes = b"",
) -> bytes:
    """Return a `trak`; its sample entry is an empty avc1 unless others are given."""
    stsd = full("stsd", u32(len(entries) or 1), *(entries or (visual("avc1"),)))
    return box(
        "trak",
        full("tkhd", u32(0, 0, track_id)),
        edits,
        box(
            "mdia",
            full("mdhd", u32(0, 0, timescale, 0), u16(0x55C4, 0)),
            full("hdlr", u32(0), handler, bytes(13)),
            box("minf", box("stbl", stsd, groups)),
        ),
    )


def visual(kind: str, *inner: bytes, width: int = 160, height: int = 90) -> bytes:
    return box(kind, bytes(6), u16(1), bytes(16), u16(width, height), bytes(50), *inner)


def audio(kind: str, *inner: bytes, channels: int = 2, rate_hz: int = 48_000) -> bytes:
    return box(
        kind, bytes(6), u16(1), bytes(8), u16(channels, 16, 0, 0), u32(rate_hz << 16), *inner
    )


def movie(*tracks: bytes, trex: Sequence[bytes] = (), timescale: int = 1000) -> bytes:
    """Return an init segment; tracks without a `trex` of their own have all zeros."""
    mvhd = full("mvhd", u32(0, 0, timescale, 0), bytes(80))
    return box("ftyp", b"iso6", u32(0)) + box("moov", mvhd, *tracks, box("mvex", *trex))


def trex(track_id: int = 1, *, duration: int = 0, size: int = 0, flags: int = 0) -> bytes:
    return full("trex", u32(track_id, 1, duration, size, flags))


def trun(
    sizes: Sequence[int],
    *,
    offset: int | None = None,
    durations: Sequence[int] = (),
    composition: Sequence[int] = (),
    first_flags: int | None = None,
    version: int = 1,
) -> bytes:
    """Return a `trun` of sizes, and of the other columns that are given."""
    flags = 0x200 | bool(durations) << 8 | bool(composition) << 11
    head = b""
    if offset is not None:
        flags |= 1
        head += struct.pack(">i", offset)
    if first_flags is not None:
        flags |= 4
        head += u32(first_flags)
    rows = b""
    for index, size in enumerate(sizes):
        rows += u32(durations[index]) if durations else b""
        rows += u32(size)
        rows += struct.pack(">i", composition[index]) if composition else b""
    return full("trun", u32(len(sizes)), head, rows, version=version, flags=flags)


def tfhd(track_id: int = 1, *, duration: int | None = None, flags: int = 0x20000) -> bytes:
    stated = b"" if duration is None else u32(duration)
    return full("tfhd", u32(track_id), stated, flags=flags | (0 if duration is None else 8))


def tfdt(ticks: int) -> bytes:
    return full("tfdt", u64(ticks), version=1)


def fragment(*trafs: bytes, payload: bytes) -> bytes:
    """Return a moof and its mdat. Runs start at offset `len(moof) + 8`."""
    return box("moof", full("mfhd", u32(1)), *trafs) + box("mdat", payload)


def simple(
    sizes: Sequence[int] = (3, 2), *, ticks: int | None = 0, track_id: int = 1, extra: bytes = b""
) -> bytes:
    """Return a fragment of one run of samples, ten ticks each, of bytes 0, 1, 2 …"""

    def made(offset: int) -> bytes:
        stated = b"" if ticks is None else tfdt(ticks)
        run = trun(sizes, offset=offset)
        payload = bytes(number % 256 for number in range(sum(sizes)))
        traf = box("traf", tfhd(track_id, duration=10), stated, run, extra)
        return fragment(traf, payload=payload)

    length = len(made(0)) - sum(sizes)
    return made(length)
