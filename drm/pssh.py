"""pssh boxes, and what Widevine's say.

A pssh box brings one key system what it needs to know. Version 1 lists the key ids where
everybody can read them; version 0 hides them in the system's own data.

Source: ISO/IEC 23001-7:2023 clause 8.1; WidevinePsshData, the protobuf message in
Widevine's boxes; the W3C's "cenc" Initialization Data Format.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from drm.errors import InitDataError
from drm.protobuf import Malformed, length_delimited, read_message

__all__ = [
    "COMMON",
    "FAIRPLAY",
    "PLAYREADY",
    "WIDEVINE",
    "Pssh",
    "WidevinePssh",
    "read_pssh",
    "read_widevine_pssh",
    "write_pssh",
    "write_widevine_pssh",
]

WIDEVINE = "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"
PLAYREADY = "9a04f079-9840-4286-ab92-e65be0885f95"
FAIRPLAY = "94ce86fb-07ff-4f43-adb8-93d2fa968ca2"
COMMON = "1077efec-c0b2-4d02-ace3-3c1e52e2fb4b"
"""The W3C's common system: key ids and nothing else, which ClearKey uses."""

MAX_BYTES = 1 << 20
MAX_BOXES = 64
MAX_KIDS = 4096
"""Guesses, far above anything seen: bounds on the work, not on the content."""


@dataclass(frozen=True, slots=True)
class Pssh:
    """One pssh box.

    Attributes:
        system: UUID of the key system, in lower case with dashes.
        data: The system's own init data.
        kids: Key ids, 32 hexadecimal digits each; empty in version 0.
        box: The whole box as it was read.
    """

    system: str
    data: bytes
    kids: tuple[str, ...] = ()
    box: bytes = b""


@dataclass(frozen=True, slots=True)
class WidevinePssh:
    """What a Widevine pssh box's data says.

    Attributes:
        kids: Key ids of sixteen bytes, as hexadecimal digits; others are left out.
        content_id: The service's name for the content; b"" if unsaid.
        provider: Who packaged it; "" if unsaid.
        scheme: "cenc", "cens", "cbc1", "cbcs", or "" if unsaid.
        crypto_period: Which key of a rotation; None if unsaid.
    """

    kids: tuple[str, ...] = ()
    content_id: bytes = b""
    provider: str = ""
    scheme: str = ""
    crypto_period: int | None = None


def read_pssh(data: bytes) -> tuple[Pssh, ...]:
    """Return the pssh boxes that follow one another in bytes.

    Raises:
        InitDataError: A box is broken, is no pssh, or there are too many or too much.
    """
    if len(data) > MAX_BYTES:
        raise InitDataError("pssh", f"{len(data)} bytes; at most {MAX_BYTES} are read")
    found: list[Pssh] = []
    at = 0
    while at < len(data):
        if len(found) == MAX_BOXES:
            raise InitDataError("pssh", f"more than {MAX_BOXES} boxes")
        size, body = _box_header(data, at)
        found.append(_read_box(data[at : at + size], body))
        at += size
    return tuple(found)


def _box_header(data: bytes, at: int) -> tuple[int, int]:
    """Return a box's size and where in it the body starts."""
    left = len(data) - at
    if left < 8:
        raise InitDataError("pssh", f"{left} bytes where a box should start, at byte {at}")
    size, kind = struct.unpack_from(">I4s", data, at)
    body = 8
    if kind != b"pssh":
        raise InitDataError("pssh", f"a box of type {kind!r} at byte {at}")
    if size == 1 and left >= 16:
        (size,) = struct.unpack_from(">Q", data, at + 8)
        body = 16
    elif size == 0:
        size = left
    if not body < size <= left:
        raise InitDataError("pssh", f"a box of {size} bytes at byte {at} of {len(data)}")
    return size, body


def _read_box(box: bytes, at: int) -> Pssh:
    try:
        version_flags, system = struct.unpack_from(">I16s", box, at)
        at += 20
        kids: tuple[str, ...] = ()
        if version_flags >> 24 > 0:
            (count,) = struct.unpack_from(">I", box, at)
            at += 4
            if count > MAX_KIDS:
                raise InitDataError("pssh", f"{count} key ids; at most {MAX_KIDS} are read")
            packed = struct.unpack_from(f"{16 * count}s", box, at)[0]
            kids = tuple(packed[i : i + 16].hex() for i in range(0, 16 * count, 16))
            at += 16 * count
        (size,) = struct.unpack_from(">I", box, at)
    except struct.error:
        raise InitDataError("pssh", f"cut short after {len(box)} bytes") from None
    at += 4
    if size > len(box) - at:
        raise InitDataError("pssh", f"{size} bytes of data in a box with {len(box) - at} left")
    return Pssh(str(UUID(bytes=system)), box[at : at + size], kids, box)


def write_pssh(system: str, data: bytes = b"", *, kids: Sequence[str] = ()) -> bytes:
    """Return a pssh box: of version 1 where key ids are given, else of version 0.

    Raises:
        ValueError: The system is no UUID, or a key id is not 32 hexadecimal digits.
    """
    listed = b""
    if kids:
        packed = [bytes.fromhex(kid) for kid in kids]
        if any(len(kid) != 16 for kid in packed):
            raise ValueError("a key id is sixteen bytes")
        listed = struct.pack(">I", len(packed)) + b"".join(packed)
    body = struct.pack(">I16s", 1 << 24 if kids else 0, UUID(system).bytes)
    body += listed + struct.pack(">I", len(data)) + data
    return struct.pack(">I4s", 8 + len(body), b"pssh") + body


def read_widevine_pssh(data: bytes) -> WidevinePssh:
    """Return what the data of a Widevine pssh box says.

    Raises:
        InitDataError: It is no protobuf message. (Services may put what they like there:
            whoever only passes it on need not read it.)
    """
    try:
        message = read_message(data)
    except Malformed as error:
        raise InitDataError("Widevine pssh data", str(error)) from None
    code = message.number(9)
    periods = message.numbers(7)
    return WidevinePssh(
        kids=tuple(kid.hex() for kid in message.blobs(2) if len(kid) == 16),
        content_id=message.blob(4),
        provider=message.text(3),
        scheme=_four_characters(code),
        crypto_period=periods[-1] if periods else None,
    )


def write_widevine_pssh(kids: Sequence[str], *, content_id: bytes = b"") -> bytes:
    """Return the data of a Widevine pssh box that names keys, content, or both."""
    data = b"".join(length_delimited(2, bytes.fromhex(kid)) for kid in kids)
    return data + (length_delimited(4, content_id) if content_id else b"")


def _four_characters(code: int) -> str:
    if not 0 < code < 1 << 32:
        return ""
    text = code.to_bytes(4, "big").decode("ascii", "replace")
    return text if text in ("cenc", "cens", "cbc1", "cbcs") else ""
