"""What ISO media says about its own encryption: schemes, key ids, IVs and patterns.

Plain values for whoever decrypts; no key and no cipher is here. A track states one
default (`tenc`), a group of samples may override it (`seig`: key rotation, clear samples
in between), and a sample brings its own IV and subsamples (`senc`, or `saiz` and `saio`).

Source: ISO/IEC 23001-7:2023 (Common Encryption), clauses 6, 7.2 and 8; Microsoft's PIFF
1.3 for the `uuid` forms that came before.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from netplay.errors import MediaError
from netplay.media.boxes import Box, Buffer, Reader, boxes, find

__all__ = [
    "Pattern",
    "Protection",
    "SampleEncryption",
    "Subsamples",
    "read_aux",
    "read_seig",
    "read_senc",
    "read_sinf",
]

PIFF_TENC = "8974dbce7be74c5184f97148f9882554"
PIFF_SENC = "a2394f525a9b4f14a2446c427c648df4"

Subsamples = tuple[tuple[int, int], ...]
"""(clear bytes, protected bytes) one after another; empty: the whole sample is protected."""


class Pattern(NamedTuple):
    """Of every crypt + skip blocks of sixteen bytes, only the first are encrypted."""

    crypt_blocks: int
    skip_blocks: int


@dataclass(frozen=True, slots=True)
class Protection:
    """How samples are encrypted unless they say otherwise.

    Attributes:
        scheme: "cenc", "cens", "cbc1" or "cbcs"; another four characters as written.
        protected: Whether samples are encrypted at all.
        kid: The key id, sixteen bytes.
        iv_bytes: Size of each sample's IV: 0 (a constant one), 8 or 16.
        constant_iv: The IV of every sample where iv_bytes is 0, else None.
        pattern: None: every block is encrypted.
    """

    scheme: str
    protected: bool
    kid: bytes
    iv_bytes: int
    constant_iv: bytes | None
    pattern: Pattern | None


class SampleEncryption(NamedTuple):
    """How one sample is encrypted. A tuple, because one is made for each sample.

    Attributes:
        kid: The key id, sixteen bytes.
        iv: Eight or sixteen bytes.
        subsamples: Empty: the whole sample is protected.
        pattern: None: every block of the protected ranges is encrypted.
    """

    kid: bytes
    iv: bytes
    subsamples: Subsamples
    pattern: Pattern | None


def _key_fields(reader: Reader, scheme: str, *, patterned: bool, what: str) -> Protection:
    """Read what `tenc` and `seig` have in common."""
    reader.u8()
    blocks = reader.u8()
    protected = reader.u8() != 0
    iv_bytes = reader.u8()
    kid = reader.take(16)
    if iv_bytes not in (0, 8, 16):
        raise MediaError(what, f"an IV of {iv_bytes} bytes; 0, 8 and 16 exist")
    constant_iv = None
    if protected and iv_bytes == 0:
        size = reader.u8()
        if size not in (8, 16):
            raise MediaError(what, f"a constant IV of {size} bytes; 8 and 16 exist")
        constant_iv = reader.take(size)
    pattern = Pattern(blocks >> 4, blocks & 15)
    # 0:0 is how version 0, and cbcs audio, say that there is no pattern.
    stated = pattern if patterned and pattern != (0, 0) else None
    return Protection(scheme, protected, kid, iv_bytes, constant_iv, stated)


def read_sinf(data: Buffer, sinf: Box, *, what: str) -> tuple[str | None, Protection | None]:
    """Return the original format and the protection that a `sinf` box states.

    Raises:
        MediaError: The box is broken, or names a scheme and no key.
    """
    original, scheme = None, None
    for box in boxes(data, sinf.body, sinf.end, what=what):
        if box.kind == "frma":
            original = Reader.of(data, box, what=what).fourcc()
        elif box.kind == "schm":
            reader = Reader.of(data, box, what=what)
            reader.version_and_flags()
            scheme = reader.fourcc()
    schi = find(data, "schi", start=sinf.body, end=sinf.end, what=what)
    if scheme is None or schi is None:
        return original, None
    for box in boxes(data, schi.body, schi.end, what=what):
        if box.kind in ("tenc", PIFF_TENC):
            reader = Reader.of(data, box, what=what)
            version, _ = reader.version_and_flags()
            patterned = version > 0 and box.kind == "tenc"
            return original, _key_fields(reader, scheme, patterned=patterned, what=what)
    raise MediaError(what, f"encryption scheme {scheme!r} without a tenc box")


def read_seig(data: Buffer, sgpd: Box, scheme: str, *, what: str) -> tuple[Protection, ...] | None:
    """Return the key groups of an `sgpd` box, or None where it describes something else."""
    reader = Reader.of(data, sgpd, what=what)
    version, _ = reader.version_and_flags()
    if reader.fourcc() != "seig":
        return None
    length = reader.u32() if version >= 1 else 0
    if version >= 2:
        reader.u32()  # default_group_description_index
    groups = []
    # Each entry takes at least twenty bytes, so the box bounds the count.
    for _ in range(reader.u32()):
        size = length or (reader.u32() if version >= 1 else reader.left_bytes)
        at = reader.skip(size) if version >= 1 else reader.position
        entry = Reader(data, at, at + size, what=what)
        groups.append(_key_fields(entry, scheme, patterned=True, what=what))
        if version == 0:
            reader.position = entry.position
    return tuple(groups)


def _sample(
    reader: Reader, data: Buffer, use: Protection, *, subsampled: bool
) -> SampleEncryption | None:
    """Read one sample's IV and subsamples, and return None for one in the clear."""
    at = reader.skip(use.iv_bytes + (2 if subsampled else 0))
    iv = bytes(data[at : at + use.iv_bytes])
    pairs: Subsamples = ()
    if subsampled:
        count = data[reader.position - 2] << 8 | data[reader.position - 1]
        # Done for every sample of a film, so all its pairs are unpacked in one call.
        cells = struct.unpack_from(">" + "HI" * count, data, reader.skip(6 * count))
        pairs = tuple(zip(cells[::2], cells[1::2], strict=True))
    if not use.protected:
        return None
    return SampleEncryption(use.kid, use.constant_iv or iv, pairs, use.pattern)


def read_senc(
    data: Buffer, senc: Box, uses: Sequence[Protection], *, what: str
) -> list[SampleEncryption | None]:
    """Return the encryption of each sample of a fragment from its `senc` box.

    Args:
        data: Holds the box.
        senc: The box, `senc` or its PIFF ancestor.
        uses: What applies to each sample of the fragment, in order.
        what: Names the bytes in an error.

    Raises:
        MediaError: The box is cut short, or speaks of another number of samples.
    """
    reader = Reader.of(data, senc, what=what)
    version, flags = reader.version_and_flags()
    if version != 0:
        raise MediaError(what, f"senc of version {version}; 0 is understood")
    if senc.kind == PIFF_SENC and flags & 1:
        reader.skip(20)  # algorithm, IV size and key id; `tenc` says the same
    count = reader.u32()
    if count == 0 or not uses:
        return [None] * len(uses)
    subsampled = flags & 2 != 0
    shortest = uses[0].iv_bytes + (2 if subsampled else 0)
    stale = count - len(uses)
    # FFmpeg's muxer forgets to empty the list of tracks without subsamples between
    # fragments, so the entries of all fragments before stand in front of this one's.
    if stale < 0 or (stale and count * max(shortest, 1) > reader.left_bytes):
        raise MediaError(what, f"senc speaks of {count} samples, the fragment has {len(uses)}")
    for _ in range(stale):
        _sample(reader, data, uses[0], subsampled=subsampled)
    return [_sample(reader, data, use, subsampled=subsampled) for use in uses]


def read_aux(
    data: Buffer, at: int, end: int, *, sizes: Sequence[int], uses: Sequence[Protection], what: str
) -> list[SampleEncryption | None]:
    """Return the encryption of each sample from where `saio` says, in `saiz`'s sizes."""
    found: list[SampleEncryption | None] = []
    for size, use in zip(sizes, uses, strict=True):
        if at < 0 or at + size > end:
            raise MediaError(what, f"saio points at byte {at}, outside the moof")
        if size or use.constant_iv is not None:
            reader = Reader(data, at, at + size, what=what)
            found.append(_sample(reader, data, use, subsampled=size > use.iv_bytes))
        else:
            found.append(None)
        at += size
    return found
