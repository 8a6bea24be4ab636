"""Init data from wherever it is stated: pssh boxes, default_KID, HLS key tags.

All of it becomes `InitData`, with the key ids that can be read from it, so that a key
system sees the same thing whether a manifest or an init segment brought it.

Source: ISO/IEC 23001-7 clause 8.1 and 11; RFC 8216bis clauses 4.4.4.4 and 4.4.5.4;
DASH-IF's list of content protection systems.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import unquote, unquote_to_bytes, urljoin
from uuid import UUID

from drm.contract import InitData
from drm.errors import InitDataError
from drm.playready import read_playready_object
from drm.pssh import COMMON, PLAYREADY, WIDEVINE, Pssh, read_pssh, read_widevine_pssh, write_pssh

__all__ = [
    "CLEARKEY",
    "CLEARKEY_DASH",
    "FAIRPLAY_HLS",
    "IDENTITY",
    "from_default_kid",
    "from_hls_key",
    "from_pssh",
    "read_kid",
    "system_named",
    "uri_kid",
    "with_what_pssh_says",
]

CLEARKEY: Final = "clearkey"
CLEARKEY_DASH: Final = "e2719d58-a985-b3c9-781a-b030af78d30e"
IDENTITY: Final = "identity"
FAIRPLAY_HLS: Final = "com.apple.streamingkeydelivery"

_SYSTEMS = {
    COMMON: CLEARKEY,
    CLEARKEY_DASH: CLEARKEY,
    "org.w3.clearkey": CLEARKEY,
    "com.widevine": WIDEVINE,
    "com.widevine.alpha": WIDEVINE,
    "com.microsoft.playready": PLAYREADY,
}
"""Other names of the same key systems."""

_HEX_KID = re.compile(r"[0-9a-f]{32}", re.ASCII)
MAX_URI_CHARACTERS = 1 << 20


def system_named(text: str) -> str:
    """Return the one name of a key system that has several, as `InitData.system` has it."""
    name = text.lower().removeprefix("urn:uuid:")
    return _SYSTEMS.get(name, name)


def read_kid(text: str) -> str:
    """Return a key id as 32 lower-case digits from how manifests write it.

    Raises:
        InitDataError: It is no key id.
    """
    kid = text.strip().lower().removeprefix("0x").strip("{}").replace("-", "")
    if not _HEX_KID.fullmatch(kid):
        raise InitDataError("key id", f"{text[:60]!r} is not 32 hexadecimal digits")
    return kid


def uri_kid(key_uri: str) -> str:
    """Return the id under which an HLS key without an id of its own is held.

    HLS knows such a key by its URI alone; the same URI always gives the same id.
    """
    return hashlib.sha256(key_uri.encode()).hexdigest()[:32]


def from_default_kid(text: str, *, system: str = "") -> InitData:
    """Return init data that names one key, as `cenc:default_KID` or `tenc` states it.

    Raises:
        InitDataError: It is no key id.
    """
    return InitData(system_named(system), (read_kid(text),))


def from_pssh(data: bytes) -> tuple[InitData, ...]:
    """Return what pssh boxes say, one InitData for each key system, in their order.

    Raises:
        InitDataError: A box is broken.
    """
    systems: dict[str, bytes] = {}
    for box in read_pssh(data):
        system = system_named(box.system)
        systems[system] = systems.get(system, b"") + box.box
    return tuple(
        with_what_pssh_says(InitData(system, pssh=boxes)) for system, boxes in systems.items()
    )


def with_what_pssh_says(init: InitData) -> InitData:
    """Return init data completed with what the boxes in it say to its key system.

    Init data for any key system ("") is completed with what all of them say.

    Key ids, content id and licence URL that were stated already stay.

    Raises:
        InitDataError: A box is broken.
    """
    kids = dict.fromkeys(init.kids)
    wanted = system_named(init.system)
    for box in read_pssh(init.pssh):
        if wanted in ("", system_named(box.system)):
            kids.update(dict.fromkeys(box.kids))
            said = _said(box)
            kids.update(dict.fromkeys(said.kids))
            init = replace(
                init,
                license_url=init.license_url or said.license_url,
                content_id=init.content_id or said.content_id,
            )
    return replace(init, kids=tuple(kids))


def _said(box: Pssh) -> InitData:
    """Return what a box says in its system's own words, where they are understood.

    Where they are not, the box is passed on as it is: a service may agree on other contents
    with its licence server, and one system's broken box is no reason not to use another's.
    """
    try:
        if box.system == PLAYREADY:
            header = read_playready_object(box.data)
            return InitData(PLAYREADY, header.kids, license_url=header.license_url)
        if box.system == WIDEVINE:
            said = read_widevine_pssh(box.data)
            return InitData(WIDEVINE, said.kids, content_id=said.content_id)
    except InitDataError:
        pass
    return InitData(box.system)


def from_hls_key(attributes: Mapping[str, str], *, base_url: str = "") -> InitData | None:
    """Return what an EXT-X-KEY or EXT-X-SESSION-KEY tag says; None for METHOD=NONE.

    Args:
        attributes: The tag's attributes, without quotation marks.
        base_url: What a relative URI is relative to.

    Raises:
        InitDataError: METHOD or URI is missing, or the init data in the URI is broken.
    """
    if attributes.get("METHOD", "") == "NONE":
        return None
    uri = attributes.get("URI", "")
    if not uri or not attributes.get("METHOD"):
        raise InitDataError("HLS key", "without METHOD or URI")
    if len(uri) > MAX_URI_CHARACTERS:
        raise InitDataError("HLS key", f"a URI of {len(uri)} characters")
    system = system_named(attributes.get("KEYFORMAT") or IDENTITY)
    kid = attributes.get("KEYID", "")
    init = InitData(system, (read_kid(kid),) if kid else ())
    if system == IDENTITY:
        return replace(init, key_uri=_absolute(base_url, uri))
    if uri.startswith("data:"):
        return with_what_pssh_says(replace(init, pssh=_boxed(_data_uri(uri), system)))
    if system == FAIRPLAY_HLS:
        content = unquote(uri.partition("://")[2] or uri.partition(":")[2])
        return replace(init, key_uri=uri, content_id=content.encode())
    return replace(init, key_uri=_absolute(base_url, uri))


def _absolute(base_url: str, uri: str) -> str:
    try:
        return urljoin(base_url, uri)
    except ValueError:
        raise InitDataError("HLS key", "its URI cannot be read") from None


def _data_uri(uri: str) -> bytes:
    head, _, body = uri.partition(",")
    data = unquote_to_bytes(body)
    if not head.endswith(";base64"):
        return data
    try:
        return b64decode(data + b"=" * (-len(data) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InitDataError("HLS key", "its data: URI is not base64") from None


def _boxed(data: bytes, system: str) -> bytes:
    """Return a data: URI's contents as a pssh box, which they may be already."""
    if data[4:8] == b"pssh" or not data:
        return data
    try:
        return write_pssh(str(UUID(system)), data)
    except ValueError:
        raise InitDataError("HLS key", f"init data for {system[:60]!r} is not understood") from None
