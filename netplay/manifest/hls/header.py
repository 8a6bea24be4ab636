"""What a media playlist says of itself as a whole, tag by tag."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from netplay.manifest.hls.reading import NS_PER_S, Attributes, Reading, integer, nanoseconds
from netplay.segments import Part, Playlist

__all__ = ["HEADER_TAGS", "Header", "start_offset_us"]

_LONGER_NS = 500_000_000
"""RFC 8216bis §4.4.3.1: a segment, rounded to whole seconds, is no longer than the target."""

_TYPES: dict[str, Literal["VOD", "EVENT"]] = {"VOD": "VOD", "EVENT": "EVENT"}


class Header:
    """The tags that apply to the playlist as a whole, as far as they have been read."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.target_ns: int | None = None
        self.sequence = 0
        self.type: Literal["VOD", "EVENT", ""] = ""
        self.version: int | None = None
        self.endlist = False
        self.start_us: int | None = None
        self._independent = False
        self._i_frames_only = False
        self._part_target_us: int | None = None
        self._control: Attributes = {}

    def on_target_duration(self, number: int, value: str) -> None:
        """Read EXT-X-TARGETDURATION; a fraction is cut off."""
        seconds = integer(value)
        if seconds is None:
            detail = f"{value[:40]!r} left out: it is no whole number"
            self.reading.warn(number, "#EXT-X-TARGETDURATION", detail)
        else:
            self.target_ns = seconds * NS_PER_S

    def on_media_sequence(self, number: int, value: str) -> None:
        """Read EXT-X-MEDIA-SEQUENCE: the first segment's number."""
        sequence = integer(value)
        if sequence is None:
            self.reading.warn(number, "#EXT-X-MEDIA-SEQUENCE", "left out: it is no whole number")
        else:
            self.sequence = sequence

    def on_playlist_type(self, number: int, value: str) -> None:
        """Read EXT-X-PLAYLIST-TYPE."""
        if value in _TYPES:
            self.type = _TYPES[value]
        elif value:
            self.reading.warn(number, "#EXT-X-PLAYLIST-TYPE", f"{value[:40]!r} is unknown")

    def on_version(self, number: int, value: str) -> None:
        """Read EXT-X-VERSION; nothing here depends on it."""
        del number
        self.version = integer(value)

    def on_endlist(self, number: int, value: str) -> None:
        """Read EXT-X-ENDLIST."""
        del number, value
        self.endlist = True

    def on_start(self, number: int, value: str) -> None:
        """Read EXT-X-START."""
        given = self.reading.attributes(number, "#EXT-X-START", value)
        self.start_us = start_offset_us(self.reading, number, given)

    def on_independent_segments(self, number: int, value: str) -> None:
        """Read EXT-X-INDEPENDENT-SEGMENTS."""
        del number, value
        self._independent = True

    def on_i_frames_only(self, number: int, value: str) -> None:
        """Read EXT-X-I-FRAMES-ONLY."""
        del number, value
        self._i_frames_only = True

    def on_part_inf(self, number: int, value: str) -> None:
        """Read EXT-X-PART-INF."""
        given = self.reading.attributes(number, "#EXT-X-PART-INF", value)
        self._part_target_us = _seconds_us(given, "PART-TARGET")

    def on_server_control(self, number: int, value: str) -> None:
        """Read EXT-X-SERVER-CONTROL."""
        self._control = self.reading.attributes(number, "#EXT-X-SERVER-CONTROL", value)

    def on_define(self, number: int, value: str) -> None:
        """Read EXT-X-DEFINE."""
        self.reading.define(number, value)

    @property
    def ended(self) -> bool:
        """No segment will be added: EXT-X-ENDLIST says so.

        The type VOD alone does not: a playlist of that type without its end was cut off.
        """
        return self.endlist

    def playlist(
        self,
        *,
        longest_ns: int,
        skipped: int,
        discontinuity_sequence: int,
        trailing_parts: tuple[Part, ...],
    ) -> Playlist:
        """Return it all, with what only the segments can tell."""
        if self.type == "VOD" and not self.endlist:
            self.reading.warn(1, "#EXT-X-ENDLIST", "missing: of type VOD, it was cut off")
        return Playlist(
            target_duration_us=self._target_ns(longest_ns) // 1000,
            media_sequence=self.sequence,
            discontinuity_sequence=discontinuity_sequence,
            type=self.type,
            version=self.version,
            part_target_us=self._part_target_us,
            independent_segments=self._independent,
            i_frames_only=self._i_frames_only,
            skipped=skipped,
            hold_back_us=_seconds_us(self._control, "HOLD-BACK"),
            part_hold_back_us=_seconds_us(self._control, "PART-HOLD-BACK"),
            can_block_reload=self._control.get("CAN-BLOCK-RELOAD") == "YES",
            can_skip_until_us=_seconds_us(self._control, "CAN-SKIP-UNTIL"),
            trailing_parts=trailing_parts,
        )

    def _target_ns(self, longest_ns: int) -> int:
        tag = "#EXT-X-TARGETDURATION"
        if self.target_ns is None:
            self.reading.warn(1, tag, "missing; the longest segment stands in for it")
            return -(-longest_ns // NS_PER_S) * NS_PER_S
        if longest_ns >= self.target_ns + _LONGER_NS:
            self.reading.warn(1, tag, "a segment is longer than the target duration")
        return self.target_ns


HEADER_TAGS: dict[str, Callable[[Header, int, str], None]] = {
    "#EXT-X-TARGETDURATION": Header.on_target_duration,
    "#EXT-X-MEDIA-SEQUENCE": Header.on_media_sequence,
    "#EXT-X-PLAYLIST-TYPE": Header.on_playlist_type,
    "#EXT-X-VERSION": Header.on_version,
    "#EXT-X-ENDLIST": Header.on_endlist,
    "#EXT-X-START": Header.on_start,
    "#EXT-X-INDEPENDENT-SEGMENTS": Header.on_independent_segments,
    "#EXT-X-I-FRAMES-ONLY": Header.on_i_frames_only,
    "#EXT-X-PART-INF": Header.on_part_inf,
    "#EXT-X-SERVER-CONTROL": Header.on_server_control,
    "#EXT-X-DEFINE": Header.on_define,
}
"""Which method reads which tag."""


def start_offset_us(reading: Reading, number: int, given: Attributes) -> int | None:
    """Return TIME-OFFSET of an EXT-X-START; None, with a warning, where it is no number."""
    offset = nanoseconds(given.get("TIME-OFFSET", ""))
    if offset is None:
        reading.warn(number, "#EXT-X-START", "left out: TIME-OFFSET is no number")
        return None
    return offset // 1000 if offset >= 0 else -(-offset // 1000)


def _seconds_us(given: Attributes, name: str) -> int | None:
    length = nanoseconds(given.get(name, ""))
    return None if length is None or length < 0 else length // 1000
