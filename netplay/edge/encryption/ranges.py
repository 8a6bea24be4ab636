"""Which bytes of a sample are protected: what a parser needs stays in the clear.

Whoever reads a stream without its keys, and a decoder's hardware, wants lengths, types and
headers; so of video only the coded picture data is encrypted. Audio is encrypted whole.

Source: ISO/IEC 23001-7:2023, clause 9.5.2 (NAL structured video) and 10; "VP Codec ISO Media
File Format Binding" and "AV1 Codec ISO Media File Format Binding", their sections on Common
Encryption.
"""

from collections.abc import Callable, Iterator
from typing import Final

from netplay.edge.encryption.cipher import Ranges, Scheme
from netplay.edge.encryption.h264 import h264_slice_header_bytes
from netplay.edge.encryption.hevc import hevc_slice_header_bytes
from netplay.edge.encryption.vp9 import vp9_frames, vp9_header_bytes
from netplay.media.init import TrackInit

__all__ = ["Protector", "protector"]

Protector = Callable[[bytes], Ranges]
"""Says what of a sample is protected."""

Cut = tuple[int, int]
"""Bytes in the clear, and bytes behind them that may be encrypted."""

BLOCK: Final = 16
LONGEST_CLEAR: Final = 0xFFFF
"""BytesOfClearData has two bytes."""

OBU_TILE_GROUP, OBU_FRAME = 4, 6
AV1_HEADER_BYTES = 128
"""Of an OBU that holds a frame header and tiles in one. A guess that is never too small: the
headers of encoders at hand take 10 to 40 bytes. Reading one exactly needs the state of all
frames before."""


def protector(track: TrackInit, scheme: Scheme) -> Protector:
    """Return what decides for the samples of a track.

    Raises:
        ValueError: The codec is none of H.264, HEVC, VP9, AV1 and the audio ones.
    """
    if track.kind == "audio":
        return lambda _: ()
    cut = _cutter(track)
    # CTR without a pattern may end inside a block; but then the next range starts inside
    # one, so the standard asks for whole blocks. In cbcs what is left over stays clear.
    whole = scheme != "cbcs"
    return lambda data: _ranges(cut(data), whole_blocks=whole)


def _cutter(track: TrackInit) -> Callable[[bytes], Iterator[Cut]]:
    entry, setup = track.fourcc, track.extradata
    if entry in ("avc1", "avc3"):
        header = h264_slice_header_bytes(setup)
        return lambda data: _nal_cuts(data, (setup[4] & 3) + 1, header)
    if entry in ("hvc1", "hev1"):
        header = hevc_slice_header_bytes(setup)
        return lambda data: _nal_cuts(data, (setup[21] & 3) + 1, header)
    if entry == "vp09":
        return lambda data: _vp9_cuts(data, track.width)
    if entry == "av01":
        return _av1_cuts
    raise ValueError(f"no rules for the encryption of {entry!r}")


def _ranges(cuts: Iterator[Cut], *, whole_blocks: bool) -> Ranges:
    """Join cuts that need no range of their own, and fit the rest into the fields."""
    found: list[tuple[int, int]] = []
    clear = 0
    for head, rest in cuts:
        left_over = rest % BLOCK if whole_blocks else 0
        protected = rest - left_over if rest >= BLOCK else 0
        clear += head + rest - protected
        if protected:
            found += _fitted(clear, protected)
            clear = 0
    return tuple(found + _fitted(clear, 0)) if clear or not found else tuple(found)


def _fitted(clear: int, protected: int) -> list[tuple[int, int]]:
    full, rest = divmod(clear, LONGEST_CLEAR)
    return [(LONGEST_CLEAR, 0)] * full + [(rest, protected)]


def _nal_cuts(
    data: bytes, length_bytes: int, header_bytes: Callable[[bytes], int]
) -> Iterator[Cut]:
    """Cut NAL units behind their slice header; others stay clear."""
    at = 0
    while at + length_bytes <= len(data):
        size = int.from_bytes(data[at : at + length_bytes], "big")
        at += length_bytes
        unit = data[at : at + size]
        clear = min(header_bytes(unit), len(unit))
        yield length_bytes + clear, len(unit) - clear
        at += size


def _vp9_cuts(data: bytes, width: int) -> Iterator[Cut]:
    """Cut each frame of a superframe behind its uncompressed header; the index stays clear."""
    done = 0
    for size in vp9_frames(data):
        clear = min(vp9_header_bytes(data[done : done + size], width), size)
        yield clear, size - clear
        done += size
    yield len(data) - done, 0


def _av1_cuts(data: bytes) -> Iterator[Cut]:
    """Cut OBUs that hold tiles behind their headers."""
    at = 0
    while at < len(data):
        kind, has_extension = data[at] >> 3 & 15, data[at] >> 2 & 1
        head = at + 1 + has_extension
        size, length_bytes = _leb128(data, head) if data[at] & 2 else (len(data) - head, 0)
        body = head + length_bytes
        end = min(body + size, len(data))
        clear = end - body
        if kind == OBU_FRAME:
            clear = min(clear, AV1_HEADER_BYTES)
        elif kind == OBU_TILE_GROUP:
            clear = min(clear, 2)  # tile_start_and_end_present_flag and at most twelve bits
        yield body - at + clear, end - body - clear
        at = end


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and how many bytes it takes."""
    value = 0
    for place in range(8):
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, place + 1
    raise ValueError("a length of more than eight bytes")
