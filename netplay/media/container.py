"""Which container some bytes are in, told from their first few hundred.

Manifests do not say and servers say it wrong, so a player looks. Packed audio, which has
no timestamps of its own, carries the time of its first sample in an ID3 tag in front; that
is read here too, because the tag has to be stepped over to see what is behind it.

Sources: RFC 8216 clauses 3.1 to 3.5; ID3v2.4 structure and frames; ISO/IEC 13818-1 and
13818-7; ETSI TS 102 366; RFC 8794 (EBML).
"""

from dataclasses import dataclass
from typing import Literal

from netplay.media.boxes import Buffer

__all__ = ["Container", "Id3", "read_id3", "sniff"]

Container = Literal["fmp4", "mpegts", "aac", "mp3", "ac3", "eac3", "webm", "webvtt", "ttml"]

TS_PACKET_BYTES = 188
BOX_KINDS = frozenset(
    (b"ftyp", b"styp", b"moov", b"moof", b"sidx", b"emsg", b"prft", b"free", b"skip", b"mdat")
)
TIMESTAMP_OWNER = b"com.apple.streaming.transportStreamTimestamp"


@dataclass(frozen=True, slots=True)
class Id3:
    """An ID3v2 tag in front of packed audio.

    Attributes:
        size_bytes: Of the whole tag; the audio, or another tag, starts behind it.
        timestamp_90khz: Time of the first sample, in 90 kHz ticks modulo 2**33; None
            where the tag does not say.
    """

    size_bytes: int
    timestamp_90khz: int | None


def sniff(data: Buffer) -> Container | None:
    """Return what container bytes are in, or None where it cannot be told.

    Args:
        data: The start of a file or segment; 400 bytes are plenty, an ID3 tag in front
            must be there whole.
    """
    head = bytes(data[:1024])
    tag = read_id3(data)
    while tag is not None:
        data = bytes(data[tag.size_bytes : tag.size_bytes + 65_536])
        head = data[:1024]
        tag = read_id3(data)
    if head[4:8] in BOX_KINDS:
        return "fmp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "webm"
    if _is_mpegts(head):
        return "mpegts"
    return _text(head) or _packed_audio(head)


def read_id3(data: Buffer) -> Id3 | None:
    """Return the ID3v2 tag that bytes start with, or None."""
    head = bytes(data[:10])
    if len(head) < 10 or head[:3] != b"ID3" or head[3] > 4 or any(it & 0x80 for it in head[6:]):
        return None
    body_bytes = _syncsafe(head[6:10])
    size = 10 + body_bytes + (10 if head[3] == 4 and head[5] & 0x10 else 0)
    body = bytes(data[10 : 10 + min(body_bytes, 65_536)])
    return Id3(size, _timestamp(body, version=head[3], extended=head[5] & 0x40 != 0))


def _syncsafe(data: bytes) -> int:
    """Read seven bits of each byte, which is how ID3 keeps clear of MPEG sync words."""
    return (data[0] & 127) << 21 | (data[1] & 127) << 14 | (data[2] & 127) << 7 | data[3] & 127


def _timestamp(body: bytes, *, version: int, extended: bool) -> int | None:
    """Find Apple's PRIV frame among the frames of a tag."""
    if version < 3:  # PRIV came with version 2.3
        return None
    at = 0
    if extended and len(body) >= 4:
        at = _syncsafe(body[:4]) if version == 4 else int.from_bytes(body[:4], "big") + 4
    while at + 10 <= len(body) and body[at] != 0:
        raw = body[at + 4 : at + 8]
        size = _syncsafe(raw) if version == 4 else int.from_bytes(raw, "big")
        frame = body[at + 10 : at + 10 + size]
        owner, zero, value = frame.partition(b"\0")
        if body[at : at + 4] == b"PRIV" and zero and owner == TIMESTAMP_OWNER and len(value) == 8:
            return int.from_bytes(value, "big") & (1 << 33) - 1
        at += 10 + size
    return None


def _is_mpegts(head: bytes) -> bool:
    """Every packet starts with 0x47; M2TS puts four bytes of time before each."""
    for start, step in ((0, TS_PACKET_BYTES), (4, TS_PACKET_BYTES + 4)):
        marks = head[start::step]
        if len(head) >= step and all(mark == 0x47 for mark in marks):
            return True
    return False


def _text(head: bytes) -> Container | None:
    text = head.removeprefix(b"\xef\xbb\xbf")
    if text[:6] == b"WEBVTT" and text[6:7] in (b"", b" ", b"\t", b"\r", b"\n"):
        return "webvtt"
    text = text.lstrip()
    if text[:1] == b"<" and (b"<tt" in text or b":tt" in text) and b"ttml" in text:
        return "ttml"
    return None


def _packed_audio(head: bytes) -> Container | None:
    """Tell elementary streams apart by their sync words."""
    if len(head) < 6:
        return None
    if head[0] == 0x0B and head[1] == 0x77:
        # bsid: up to 10 is AC-3, 11 to 16 is Enhanced AC-3.
        return "ac3" if head[5] >> 3 <= 10 else "eac3"
    if head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        layer = head[1] >> 1 & 3
        if layer == 0:
            return "aac" if head[1] & 0xF0 == 0xF0 else None
        rate, sampling = head[2] >> 4, head[2] >> 2 & 3
        return "mp3" if head[1] >> 3 & 3 != 1 and rate != 15 and sampling != 3 else None
    return None
