"""The tags of a multivariant playlist, collected as they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from netplay.manifest.hls.header import start_offset_us
from netplay.manifest.hls.keys import read_key
from netplay.manifest.hls.reading import Attributes, Reading, integer
from netplay.segments import Protection

__all__ = ["TRICK_TAGS", "Rendition", "Tags", "Variant", "collect"]

TRICK_TAGS: dict[str, Literal["video", "image"]] = {
    "#EXT-X-I-FRAME-STREAM-INF": "video",
    "#EXT-X-IMAGE-STREAM-INF": "image",
}
"""Tags whose URI is an attribute: playlists for fast motion, and what is in them."""

_SEGMENT_TAGS = {"#EXTINF", "#EXT-X-BYTERANGE", "#EXT-X-DISCONTINUITY", "#EXT-X-PART"}


@dataclass(frozen=True, slots=True)
class Variant:
    """One EXT-X-STREAM-INF with its URI, or one of the tags for fast motion."""

    number: int
    tag: str
    uri: str
    given: Attributes

    @property
    def bandwidth_bps(self) -> int:
        """BANDWIDTH, which is checked when the tag is read."""
        return integer(self.given["BANDWIDTH"]) or 0


@dataclass(frozen=True, slots=True)
class Rendition:
    """One EXT-X-MEDIA."""

    number: int
    type: str
    group: str
    uri: str
    given: Attributes

    @property
    def name(self) -> str:
        """NAME, or what stands in for it where it is missing."""
        return self.given.get("NAME") or self.given.get("LANGUAGE", "")


@dataclass(slots=True)
class Tags:
    """Everything that a multivariant playlist says, in its order."""

    variants: list[Variant] = field(default_factory=list)
    tricks: list[Variant] = field(default_factory=list)
    renditions: list[Rendition] = field(default_factory=list)
    keys: list[Protection] = field(default_factory=list)
    data: list[tuple[str, str]] = field(default_factory=list)
    steering: Attributes | None = None
    start_us: int | None = None
    version: int | None = None

    @property
    def groups(self) -> dict[tuple[str, str], list[Rendition]]:
        """The renditions by TYPE and GROUP-ID."""
        found: dict[tuple[str, str], list[Rendition]] = {}
        for rendition in self.renditions:
            found.setdefault((rendition.type, rendition.group), []).append(rendition)
        return found


def collect(reading: Reading, lines: list[str]) -> Tags:
    """Return the tags of a multivariant playlist.

    Raises:
        ManifestError: An attribute is missing without which nothing can be played, or there
            are segments, which only a media playlist may have.
    """
    tags = Tags()
    pending: tuple[int, Attributes] | None = None
    for number, line in enumerate(lines, 1):
        if not line.startswith("#"):
            if pending is not None and line:
                uri = reading.filled(number, "URI", line)
                tags.variants.append(Variant(pending[0], "#EXT-X-STREAM-INF", uri, pending[1]))
                pending = None
            elif line:
                reading.warn(number, "URI", "left out: no #EXT-X-STREAM-INF before it")
        elif line.startswith("#EXT-X-STREAM-INF"):
            _without_uri(reading, pending)
            pending = (number, _stream_inf(reading, number, line))
        elif line.startswith("#EXT"):
            tag, _, value = line.partition(":")
            _read_tag(reading, tags, number, tag=tag, value=value)
    _without_uri(reading, pending)
    return tags


def _without_uri(reading: Reading, pending: tuple[int, Attributes] | None) -> None:
    if pending is not None:
        reading.warn(pending[0], "#EXT-X-STREAM-INF", "left out: no URI follows it")


def _stream_inf(reading: Reading, number: int, line: str) -> Attributes:
    tag, _, value = line.partition(":")
    given = reading.attributes(number, tag, value)
    if integer(reading.required(number, tag, given, "BANDWIDTH")) is None:
        raise reading.refusal(number, tag, "BANDWIDTH is no whole number")
    return given


def _read_tag(reading: Reading, tags: Tags, number: int, *, tag: str, value: str) -> None:
    if tag == "#EXT-X-MEDIA":
        tags.renditions.append(_rendition(reading, number, reading.attributes(number, tag, value)))
    elif tag in TRICK_TAGS:
        given = reading.attributes(number, tag, value)
        if given.get("URI") and integer(given.get("BANDWIDTH", "")) is not None:
            tags.tricks.append(Variant(number, tag, given["URI"], given))
        else:
            reading.warn(number, tag, "left out: URI or BANDWIDTH is missing")
    elif tag == "#EXT-X-DEFINE":
        reading.define(number, value)
    elif tag == "#EXT-X-SESSION-KEY":
        given = reading.attributes(number, tag, value)
        key = read_key(reading, number, tag, given=given)
        if key is not None:
            tags.keys.append(key)
    elif tag == "#EXT-X-SESSION-DATA":
        given = reading.attributes(number, tag, value)
        name = given.get("DATA-ID", "")
        tags.data.append((name, given.get("VALUE", given.get("URI", ""))))
    elif tag == "#EXT-X-CONTENT-STEERING":
        tags.steering = _steering(reading, number, reading.attributes(number, tag, value))
    elif tag == "#EXT-X-START":
        given = reading.attributes(number, tag, value)
        tags.start_us = start_offset_us(reading, number, given)
    elif tag == "#EXT-X-VERSION":
        tags.version = integer(value)
    elif tag in _SEGMENT_TAGS:
        detail = "it belongs in a media playlist, but there are variants"
        raise reading.refusal(number, tag, detail)


def _steering(reading: Reading, number: int, given: Attributes) -> Attributes | None:
    if given.get("SERVER-URI"):
        return given
    reading.warn(number, "#EXT-X-CONTENT-STEERING", "left out: SERVER-URI is missing")
    return None


def _rendition(reading: Reading, number: int, given: Attributes) -> Rendition:
    tag = "#EXT-X-MEDIA"
    kind = reading.required(number, tag, given, "TYPE")
    group = reading.required(number, tag, given, "GROUP-ID")
    uri = given.get("URI", "")
    if kind == "SUBTITLES" and not uri:
        raise reading.refusal(number, tag, "URI is missing")
    if not given.get("NAME"):
        reading.warn(number, tag, "NAME is missing")
    return Rendition(number, kind, group, uri, given)
