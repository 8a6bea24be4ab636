"""EXT-X-KEY and EXT-X-SESSION-KEY become Protections.

A KEYFORMAT names a key system in one of several ways; after this module only the
system's UUID does. Where the key's URI holds init data, it becomes a whole pssh box, so
that a key system sees the same thing as from DASH.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from urllib.parse import unquote_to_bytes
from uuid import UUID

from netplay.manifest.hls.reading import Attributes, Reading
from netplay.segments import Protection

__all__ = ["read_key"]

_SYSTEMS = {
    "com.microsoft.playready": "9a04f079-9840-4286-ab92-e65be0885f95",
    "com.widevine": "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed",
    "com.widevine.alpha": "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed",
    "org.w3.clearkey": "clearkey",
}
"""KEYFORMATs that name a system otherwise than by its UUID (DASH-IF's list of systems)."""

_SCHEMES = {"SAMPLE-AES-CTR": "cenc"}
"""METHODs whose scheme has another name; SAMPLE-AES is cbcs in fMP4 only, so it stays."""

_HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,32})\Z")


def read_key(reading: Reading, number: int, tag: str, *, given: Attributes) -> Protection | None:
    """Return what a key tag says; None for METHOD=NONE.

    Raises:
        ManifestError: METHOD or URI is missing: what is behind it cannot be decrypted.
    """
    method = reading.required(number, tag, given, "METHOD")
    if method == "NONE":
        return None
    uri = reading.required(number, tag, given, "URI")
    key_format = given.get("KEYFORMAT") or "identity"
    system = key_format.lower().removeprefix("urn:uuid:")
    system = _SYSTEMS.get(system, system)
    return Protection(
        system=system,
        scheme=_SCHEMES.get(method, method.lower()),
        default_kid=_kid(given.get("KEYID", "")),
        pssh=_pssh(uri, system),
        key_uri=uri,
        iv=_iv(reading, number, tag, text=given.get("IV", "")),
        key_format_versions=given.get("KEYFORMATVERSIONS", ""),
    )


def _iv(reading: Reading, number: int, tag: str, *, text: str) -> bytes | None:
    if not text:
        return None
    match = _HEX.match(text.strip('"'))
    if match is None:
        # CBC goes wrong in the first 16 bytes only, which is better than nothing.
        reading.warn(number, tag, f"IV {text[:40]!r} left out: it is not a hexadecimal number")
        return None
    return bytes.fromhex(match[1].zfill(32))


def _kid(text: str) -> str:
    match = _HEX.match(text.replace("-", ""))
    return match[1].lower() if match and len(match[1]) == 32 else ""


def _pssh(uri: str, system: str) -> bytes:
    """Return the init data that a data: URI holds as a pssh box; b"" if it holds none."""
    if not uri.startswith("data:"):
        return b""
    head, _, body = uri.partition(",")
    data = unquote_to_bytes(body)
    if head.endswith(";base64"):
        try:
            data = base64.b64decode(data)
        except (binascii.Error, ValueError):
            return b""
    if data[4:8] == b"pssh" or not data:
        return data
    try:
        identity = UUID(system).bytes
    except ValueError:
        return b""  # such as "identity", whose data: URI is the key itself
    size = 4 + 4 + 4 + 16 + 4 + len(data)
    return struct.pack(">I4sI16sI", size, b"pssh", 0, identity, len(data)) + data
