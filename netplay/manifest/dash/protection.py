"""ContentProtection becomes one Protection a key system (§5.8.4.1, ISO/IEC 23001-7 §11).

What mp4protection says (scheme and default key id) holds for every key system beside it.
Prefixes and letter case vary between packagers, so names are compared without either.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from struct import pack

from netplay.errors import UnsupportedManifest
from netplay.manifest.dash.document import Node
from netplay.segments import Protection

__all__ = ["read_protections"]

MP4_PROTECTION = "urn:mpeg:dash:mp4protection:2011"
PLAYREADY = "9a04f07998404286ab92e65be0885f95"
CLEARKEY = ("e2719d58a985b3c9781ab030af78d30e", "1077efecc0b24d02ace33c1e52e2fb4b")
"""The DASH-IF's id of ClearKey, and the W3C's for its common initialization data."""

_UUID = re.compile(r"urn:uuid:([0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12})", re.ASCII)
_KID = re.compile(r"[0-9a-f]{32}", re.ASCII)
MAX_PSSH_BYTES = 1 << 20


def read_protections(levels: tuple[Node, ...]) -> tuple[Protection, ...]:
    """Return how a Representation is encrypted; empty if it is in the clear.

    Args:
        levels: The Representation and its AdaptationSet, then everything above.

    Raises:
        UnsupportedManifest: A default_KID names more than one key.
    """
    stated = [_referred(node, levels[-1]) for level in levels for node in _own(level)]
    if not stated:
        return ()
    scheme = next((node.get("value").lower() for node in stated if _is_common(node)), "")
    common_kid = next((kid for node in stated if _is_common(node) and (kid := _kid(node))), "")
    found: dict[str, Protection] = {}
    for node in stated:
        system = _system(node)
        if not system:
            continue
        made = Protection(
            system=system,
            scheme=scheme,
            default_kid=_kid(node) or common_kid,
            pssh=_pssh(node, system),
            license_url=_license_url(node),
        )
        found[system] = _joined(found[system], made) if system in found else made
    if not found:
        # Encrypted, and nothing said about by whom: any key system that has the key.
        return (Protection(system="", scheme=scheme, default_kid=common_kid),)
    return tuple(found.values())


def _own(level: Node) -> list[Node]:
    """Return what an element states for itself; refId at the top is only there to be named."""
    stated = level.children("ContentProtection")
    return [node for node in stated if level.name != "MPD" or not node.has("refId")]


def _referred(node: Node, top: Node) -> Node:
    """Return the ContentProtection that @ref points at (5th edition), else the node itself."""
    wanted = node.get("ref")
    if not wanted:
        return node
    for element in top.element.iter(f"{top.document.namespace}ContentProtection"):
        if element.get("refId") == wanted:
            return Node(element, top.document)
    node.warn(f"ref={wanted[:60]!r} points at nothing")
    return node


def _is_common(node: Node) -> bool:
    return node.get("schemeIdUri").lower() == MP4_PROTECTION


def _system(node: Node) -> str:
    """Return the key system's UUID with dashes, "clearkey", or "" for what is no key system."""
    match = _UUID.fullmatch(node.get("schemeIdUri").lower())
    if match is None:
        if not _is_common(node):
            node.warn(f"key system {node.get('schemeIdUri')[:80]!r} was left out: not a UUID")
        return ""
    digits = match[1].replace("-", "")
    if digits in CLEARKEY:
        return "clearkey"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _kid(node: Node) -> str:
    text = node.foreign_attribute("default_kid")
    if len(text.split()) > 1:
        raise node.error("default_KID names more than one key", UnsupportedManifest)
    kid = text.replace("-", "").strip("{}").lower()
    if kid and not _KID.fullmatch(kid):
        node.warn(f"default_KID={text[:60]!r} was ignored: it is not a key id")
        return ""
    return kid


def _pssh(node: Node, system: str) -> bytes:
    boxes = b"".join(_decoded(node, name="pssh"))
    if boxes or system.replace("-", "") != PLAYREADY:
        return boxes
    objects = b"".join(_decoded(node, name="pro"))
    return _pssh_box(bytes.fromhex(PLAYREADY), objects) if objects else b""


def _decoded(node: Node, *, name: str) -> Iterator[bytes]:
    for child in node.foreign(name):
        text = "".join(child.text.split())
        try:
            if len(text) > MAX_PSSH_BYTES:
                raise ValueError("too long")
            # Packagers forget the padding.
            yield base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (ValueError, binascii.Error):
            child.warn("was ignored: it is not base64")


def _pssh_box(system: bytes, data: bytes) -> bytes:
    """Return a version 0 pssh box (ISO/IEC 23001-7 §8.1)."""
    body = pack(">I", 0) + system + pack(">I", len(data)) + data
    return pack(">I4s", 8 + len(body), b"pssh") + body


def _license_url(node: Node) -> str:
    for child in node.foreign("laurl"):
        url = child.foreign_attribute("licenseurl") or child.text
        if url:
            return url
    return ""


def _joined(first: Protection, second: Protection) -> Protection:
    """Return what two levels say of one key system; the deeper one first."""
    pssh = first.pssh if second.pssh in first.pssh else first.pssh + second.pssh
    return Protection(
        system=first.system,
        scheme=first.scheme,
        default_kid=first.default_kid or second.default_kid,
        pssh=pssh,
        license_url=first.license_url or second.license_url,
    )
