"""PlayReady objects: the key ids and the licence URL in a PlayReady header.

The object is a list of records, of which one is XML in UTF-16. Key ids are GUIDs there,
whose first three fields are little-endian: the same key id has other bytes in `tenc`.

Source: Microsoft, "PlayReady Header Specification" (versions 4.0 to 4.3) and "PlayReady
Object".
"""

from __future__ import annotations

import binascii
import struct
from base64 import b64decode
from dataclasses import dataclass
from uuid import UUID
from xml.parsers import expat

from drm.errors import InitDataError

__all__ = ["PlayReadyHeader", "read_playready_object"]

WHAT = "PlayReady object"
MAX_BYTES = 1 << 16
"""PlayReady itself reads 15 KB."""
HEADER_RECORD = 1


@dataclass(frozen=True, slots=True)
class PlayReadyHeader:
    """What a PlayReady header says.

    Attributes:
        kids: Key ids as `tenc` has them: 32 lower-case hexadecimal digits each.
        license_url: LA_URL; "" if unsaid.
    """

    kids: tuple[str, ...] = ()
    license_url: str = ""


def read_playready_object(data: bytes) -> PlayReadyHeader:
    """Return what a PlayReady object, or the bare header in one, says.

    Raises:
        InitDataError: It is broken, too large, or holds no header.
    """
    if len(data) > MAX_BYTES:
        raise InitDataError(WHAT, f"{len(data)} bytes; at most {MAX_BYTES} are read")
    return _read_header(data if data[:2] in (b"<\0", b"\xff\xfe") else _header_record(data))


def _header_record(data: bytes) -> bytes:
    try:
        size, count = struct.unpack_from("<IH", data)
        if size > len(data):
            raise InitDataError(WHAT, f"speaks of {size} bytes and has {len(data)}")
        at = 6
        for _ in range(count):
            kind, length = struct.unpack_from("<HH", data, at)
            at += 4
            if kind == HEADER_RECORD:
                return bytes(struct.unpack_from(f"{length}s", data, at)[0])
            at += length
    except struct.error:
        raise InitDataError(WHAT, f"cut short after {len(data)} bytes") from None
    raise InitDataError(WHAT, "without a header record")


def _read_header(data: bytes) -> PlayReadyHeader:
    try:
        text = data.decode("utf-16-le").removeprefix("\ufeff").rstrip("\0")
    except UnicodeDecodeError:
        raise InitDataError(WHAT, "its header is not UTF-16") from None
    reading = _Header()
    try:
        reading.read(text)
    except (expat.ExpatError, binascii.Error, ValueError) as error:
        raise InitDataError(WHAT, f"its header cannot be read: {error}") from None
    return PlayReadyHeader(tuple(dict.fromkeys(reading.kids)), reading.license_url)


class _Header:
    """Collects what is wanted while the XML goes by: no tree, so nothing nests."""

    def __init__(self) -> None:
        self.kids: list[str] = []
        self.license_url = ""
        self._text: list[str] | None = None

    def read(self, text: str) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype
        parser.Parse(text, True)

    def _doctype(self, *_declared: object) -> None:
        # Entities are declared there, and a header has no use for them.
        raise ValueError("a document type declaration")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._text = [] if name in ("KID", "LA_URL") else None
        if name == "KID" and "VALUE" in attributes:
            self._kid(attributes["VALUE"])

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, name: str) -> None:
        text = "".join(self._text or ()).strip()
        self._text = None
        if not text:
            return
        if name == "KID":
            self._kid(text)
        elif name == "LA_URL":
            self.license_url = text

    def _kid(self, text: str) -> None:
        guid = b64decode(text, validate=True)
        if len(guid) != 16:
            raise ValueError(f"a key id of {len(guid)} bytes")
        self.kids.append(UUID(bytes_le=guid).hex)
