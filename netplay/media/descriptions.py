"""How the samples of a track are coded: sample entries become codec strings and set-up bytes.

A sample entry holds a few fixed fields, and the decoder's set-up in a box of its own for
each codec. Encrypted entries (`encv`, `enca`, `enct`) are read as what they were before
encryption, so whoever decodes never meets them.

Sources: ISO/IEC 14496-12:2022 clauses 8.5.2 and 12; the QuickTime File Format for the
longer audio entries; 14496-30 (timed text).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from netplay.errors import MediaError
from netplay.media.boxes import Box, Buffer, Reader, boxes
from netplay.media.protection import Protection, read_sinf
from netplay.media.setups import (
    CUT_SHORT,
    DOLBY_VISION_BOXES,
    SETUP_BOXES,
    Setup,
    read_dolby_vision,
)

__all__ = ["SampleDescription", "read_stsd"]

MAX_ENTRIES = 64
"""Of one `stsd`. A guess with room: real tracks have one or two (clear lead, then encrypted)."""


@dataclass(frozen=True, slots=True)
class SampleDescription:
    """One way in which samples of a track are coded.

    Attributes:
        fourcc: The sample entry, e.g. "avc1"; the original one where encrypted.
        codec: As RFC 6381 writes it, e.g. "avc1.640028"; the fourcc where nothing tells more.
        extradata: What FFmpeg's decoder of the codec wants to be set up with; may be empty.
        width: In pixels, 0 unless video.
        height: In pixels, 0 unless video.
        sample_rate_hz: 0 unless audio.
        channels: 0 unless audio.
        priming_samples: Audio samples to drop from the start of the stream (Opus pre-skip).
        protection: None: in the clear.
    """

    fourcc: str
    codec: str
    extradata: bytes = b""
    width: int = 0
    height: int = 0
    sample_rate_hz: int = 0
    channels: int = 0
    priming_samples: int = 0
    protection: Protection | None = None


_DOLBY_VISION_ENTRIES = ("dvh1", "dvhe", "dvav", "dva1", "dav1")
_BY_ENTRY = {"fLaC": "fLaC", "Opus": "Opus", ".mp3": "mp4a.6b", "mp3 ": "mp4a.6b"}


def _audio_head(reader: Reader, *, quicktime: bool) -> tuple[int, int]:
    """Read the fixed fields of an audio entry, and step over QuickTime's longer ones."""
    version = reader.u16()
    reader.skip(6)
    channels = reader.u16()
    reader.skip(6)
    rate = reader.u32() >> 16
    if quicktime and version == 1:
        reader.skip(16)
    elif quicktime and version == 2:
        reader.skip(4)
        rate = int(struct.unpack(">d", reader.take(8))[0])
        channels = reader.u32()
        reader.skip(20)
    return channels, rate


def _inner_boxes(
    data: Buffer, reader: Reader, entry: str, kind: str, *, what: str
) -> Iterator[Box]:
    """Yield the boxes behind an entry's fixed fields, where its layout is known."""
    if entry in ("stpp", "sbtt", "stxt"):
        for _ in range(3 if entry == "stpp" else 2):
            reader.text()
    elif kind not in ("video", "audio") and entry not in ("wvtt", "enct"):
        return  # QuickTime text, captions and metadata: fields, not boxes
    yield from boxes(data, reader.position, reader.end, what=what)


def _read_entry(
    data: Buffer, entry: Box, kind: str, *, quicktime: bool, what: str
) -> SampleDescription:
    """Read one sample entry of a track of a kind."""
    reader = Reader.of(data, entry, what=what)
    reader.skip(8)
    width = height = channels = rate = 0
    if kind == "video":
        reader.skip(16)
        width, height = reader.u16(), reader.u16()
        reader.skip(50)
    elif kind == "audio":
        channels, rate = _audio_head(reader, quicktime=quicktime)
    inner = list(_inner_boxes(data, reader, entry.kind, kind, what=what))
    fourcc, protection = entry.kind, None
    for box in inner:
        if box.kind == "sinf":
            original, protection = read_sinf(data, box, what=what)
            fourcc = original or fourcc
    setup = _setup(data, fourcc, inner, what=what)
    return SampleDescription(
        fourcc=fourcc,
        codec=setup.codec or _BY_ENTRY.get(fourcc, fourcc),
        extradata=setup.extradata,
        width=width,
        height=height,
        sample_rate_hz=rate if setup.sample_rate_hz is None else setup.sample_rate_hz,
        channels=channels if setup.channels is None else setup.channels,
        priming_samples=setup.priming_samples,
        protection=protection,
    )


def _setup(data: Buffer, fourcc: str, inner: list[Box], *, what: str) -> Setup:
    """Read the first box that sets up a decoder, and Dolby Vision's beside it."""
    setup = Setup()
    dolby = None
    for box in inner:
        read = SETUP_BOXES.get(box.kind)
        try:
            if read is not None and setup == Setup():
                setup = read(fourcc, bytes(data[box.body : box.end]))
            elif box.kind in DOLBY_VISION_BOXES and fourcc in _DOLBY_VISION_ENTRIES:
                dolby = read_dolby_vision(fourcc, bytes(data[box.body : box.end]))
        except CUT_SHORT as error:
            raise MediaError(
                what, f"{box.kind} of {fourcc!r} at byte {box.start} is cut short"
            ) from error
        if box.kind == "wave" and setup == Setup():  # QuickTime hides esds in here
            inside = [at for at in boxes(data, box.body, box.end, what=what) if at.kind == "esds"]
            setup = _setup(data, fourcc, inside, what=what)
    if dolby is None:
        return setup
    return Setup(dolby, setup.extradata)


def read_stsd(data: Buffer, stsd: Box, kind: str, *, what: str) -> tuple[SampleDescription, ...]:
    """Return the sample descriptions of a track, in the order fragments number them.

    Args:
        data: Holds the box.
        stsd: The box.
        kind: "video", "audio", "text" or "other".
        what: Names the bytes in an error.

    Raises:
        MediaError: An entry is broken, or there are absurdly many.
    """
    reader = Reader.of(data, stsd, what=what)
    version, _ = reader.version_and_flags()
    count = reader.u32()
    if count > MAX_ENTRIES:
        raise MediaError(what, f"{count} sample descriptions; {MAX_ENTRIES} are the most")
    entries = list(boxes(data, reader.position, reader.end, what=what))[:count]
    return tuple(
        # As libav decides it: only a version 0 list may hold QuickTime's longer audio entries.
        _read_entry(data, entry, kind, quicktime=version == 0, what=what)
        for entry in entries
    )
