"""What manifests say about a protected title: schemes, key ids, init data; never a key.

Kept with the title, so that manifests can be written anew for other hosts. HLS's tags are
text of our own, because `m3u8` writes one key a segment and no KEYID.

Source: draft-pantos-hls-rfc8216bis, clauses 4.4.4.4 and 4.4.6.5; DASH-IF's registry of
content protection systems for the identifiers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["KeyTags", "Signals", "SystemSignal", "for_key"]

METHODS: Final = {"cenc": "SAMPLE-AES-CTR", "cbcs": "SAMPLE-AES", "aes-128": "AES-128"}
"""HLS has no name for the other two schemes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSignal:
    """What is said to one key system.

    Attributes:
        system: Its UUID in lower case with dashes, "clearkey", or "identity" (HLS only).
        pssh: One pssh box in base64; "" leaves it to the init segment.
        license_url: Where to ask; "" leaves it to the app. "{kid}" in it becomes the key id,
            as keys of HLS's "identity" need it.
    """

    system: str
    pssh: str = ""
    license_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """How a title is protected, as far as its manifests may tell.

    Attributes:
        scheme: One of the four of Common Encryption, or "aes-128".
        kids: By track: the key ids that take turns, 32 hexadecimal digits each. Tracks that
            are not here are in the clear.
        rotate_every: Segments that a key lasts; 0: for ever.
        clear_lead: Segments at the start in the clear.
        systems: To whom it is said.
        iv: Of "aes-128", 32 hexadecimal digits; MPEG-TS leaves it to the sequence number.
        session_keys: Whether HLS's multivariant playlists name the keys too.
    """

    scheme: str
    kids: Mapping[str, tuple[str, ...]]
    rotate_every: int = 0
    clear_lead: int = 0
    systems: tuple[SystemSignal, ...] = ()
    iv: str = ""
    session_keys: bool = True

    @property
    def in_dash(self) -> bool:
        """Whether MPDs can describe it."""
        return self.scheme != "aes-128"

    @property
    def in_hls(self) -> bool:
        """Whether playlists can describe it."""
        return self.scheme in METHODS

    def kid(self, track: str, number: int) -> str:
        """Return the key id of a segment, counted from 0; "" where it is in the clear."""
        kids = self.kids.get(track, ())
        if not kids or number < self.clear_lead:
            return ""
        return kids[(number // self.rotate_every if self.rotate_every else 0) % len(kids)]

    def key(self, track: str, number: int, *, transport: bool = False) -> KeyTags | None:
        """Return the EXT-X-KEY tags of a segment; None where the track is in the clear."""
        if track not in self.kids:
            return None
        kid = self.kid(track, number)
        if not kid:
            return KeyTags(("#EXT-X-KEY:METHOD=NONE",))
        return KeyTags(
            tuple(f"#EXT-X-KEY:{it}" for it in self._attributes(kid, with_iv=not transport))
        )

    def session_tags(self) -> list[KeyTags]:
        """Return the EXT-X-SESSION-KEY tags of a multivariant playlist."""
        if not self.session_keys:
            return []
        kids = dict.fromkeys(kid for track in self.kids.values() for kid in track)
        lines = [
            f"#EXT-X-SESSION-KEY:{it}" for kid in kids for it in self._attributes(kid, with_iv=True)
        ]
        return [KeyTags(tuple(dict.fromkeys(lines)))] if lines else []

    def _attributes(self, kid: str, with_iv: bool) -> list[str]:
        return [self._attribute_list(it, kid, with_iv=with_iv) for it in self.systems]

    def _attribute_list(self, it: SystemSignal, kid: str, *, with_iv: bool) -> str:
        uri = f"data:text/plain;base64,{it.pssh}" if it.pssh else for_key(it.license_url, kid)
        said = f'METHOD={METHODS[self.scheme]},URI="{uri}"'
        if self.iv and with_iv:
            said += f",IV=0x{self.iv}"
        if it.system == "identity":
            return said
        said += f",KEYID=0x{kid}" if self.scheme != "aes-128" else ""
        name = "org.w3.clearkey" if it.system == "clearkey" else f"urn:uuid:{it.system}"
        return f'{said},KEYFORMAT="{name}",KEYFORMATVERSIONS="1"'

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Signals:
        """Return what a title's file says about them."""
        fields = dict(said)
        fields["kids"] = {track: tuple(kids) for track, kids in said["kids"].items()}
        fields["systems"] = tuple(SystemSignal(**it) for it in said["systems"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class KeyTags:
    """Key tags, as lines of a playlist; `m3u8` writes whatever compares and prints."""

    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)


def for_key(url: str, kid: str) -> str:
    """Return a licence URL for a key id."""
    return url.replace("{kid}", kid)
