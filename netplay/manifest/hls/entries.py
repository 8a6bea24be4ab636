"""The segments of a media playlist, from the tags between their URIs.

Some tags speak of the next segment, some of every segment from there on. There is a field
for each, and when a segment's URI comes they become an Entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate

from netplay.manifest.hls.header import Header
from netplay.manifest.hls.keys import read_key
from netplay.manifest.hls.placing import durations_between, entries_between
from netplay.manifest.hls.reading import Reading, integer, nanoseconds, unix_us
from netplay.segments import ByteRange, Entry, Init, Part, Protection, SegmentIndex

__all__ = ["SEGMENT_TAGS", "Entries"]


class Entries:
    """The segments read so far, and what is known of the next one.

    Args:
        reading: Where warnings go.
        header: What the playlist says of itself; a delta update needs its media sequence.
        previous: An earlier reading of the same playlist, if there is one.
    """

    def __init__(self, reading: Reading, header: Header, *, previous: SegmentIndex | None) -> None:
        self.reading = reading
        self.header = header
        self.previous = previous
        # What came of it.
        self.entries: list[Entry] = []
        self.durations: list[int] = []
        self.end = 0  # of the last segment, in ticks, the first beginning at 0
        self.longest_ns = 0
        self.skipped = 0
        self.discontinuity_sequence: int | None = None
        # Of the next segment.
        self.parts: list[Part] = []
        self._duration: int | None = None
        self._title = ""
        self._byte_range = ""
        self._gap = False
        # Of every segment from here on.
        self._keys: dict[str, Protection] = {}
        self._key_list: tuple[Protection, ...] = ()
        self._init: Init | None = None
        self._continuity = 0
        self._bitrate_bps: int | None = None
        self._clock: tuple[int, int] | None = None  # a Unix time, and the tick it belongs to
        # How far the last byte range of a file went: its uri, and the byte behind it.
        self._next_byte = ("", 0)
        self._next_part_byte = ("", 0)
        self._ticks: dict[str, int] = {}  # durations repeat; reading one costs more than this

    def on_extinf(self, number: int, value: str) -> None:
        """Read EXTINF: the duration and title of the next segment."""
        length, _, self._title = value.partition(",")
        known = self._ticks.get(length)
        if known is None:
            known = self._ticks[length] = self._length(number, length)
        self._duration = known

    def _length(self, number: int, text: str) -> int:
        length = nanoseconds(text)
        if length is None:
            if self.header.target_ns is None:
                raise self.reading.refusal(number, "#EXTINF", f"{text[:40]!r} is no duration")
            self.reading.warn(number, "#EXTINF", f"{text[:40]!r} read as the target duration")
            return self.header.target_ns
        if length < 0:
            raise self.reading.refusal(number, "#EXTINF", f"{text[:40]!r} is negative")
        self.longest_ns = max(self.longest_ns, length)
        return length

    def on_uri(self, number: int, line: str) -> None:
        """Read the URI of a segment, and make its entry of all that came before."""
        duration = self._duration if self._duration is not None else self._guess(number)
        if duration is None:
            return
        uri = self.reading.filled(number, "URI", line) if "{$" in line else line
        cut = None
        if self._byte_range:
            held = self._next_byte
            cut = self._cut(number, "#EXT-X-BYTERANGE", self._byte_range, held=held, uri=uri)
            self._next_byte = _behind(uri, cut)
            self._byte_range = ""
        if not self.entries:
            self._number_discontinuities()
        clock = self._clock
        self.entries.append(
            Entry(
                uri,
                cut,
                self._init,
                self._key_list,
                self._continuity,
                self._gap,
                None if clock is None else clock[0] + (self.end - clock[1]) // 1000,
                None if cut is not None else self._bitrate_bps,
                self._title,
                tuple(self.parts) if self.parts else (),
            )
        )
        self.durations.append(duration)
        self.end += duration
        self._duration, self._gap = None, False
        if self.parts:
            self.parts = []

    def _guess(self, number: int) -> int | None:
        """Return how long a segment without EXTINF may be; None if nothing tells.

        Leaving it out would give every later segment another number.
        """
        guess = self.header.target_ns
        if guess is None and self.entries:
            guess = self.longest_ns
        done = "left out" if guess is None else "a usual length is assumed"
        self.reading.warn(number, "URI", f"no #EXTINF before it: {done}")
        return guess

    def _number_discontinuities(self) -> None:
        """Go on as before where a sliding playlist has no EXT-X-DISCONTINUITY-SEQUENCE."""
        if self.previous is not None and self.discontinuity_sequence is None:
            known = self.previous.numbered(self.header.sequence + self.skipped)
            if known is not None:
                self._continuity = known.entry.continuity

    def _cut(
        self, number: int, tag: str, text: str, *, held: tuple[str, int], uri: str
    ) -> ByteRange:
        """Return a BYTERANGE n[@o]; without o it follows the last range of the same file."""
        length_text, _, first_text = text.strip('" ').partition("@")
        length, first = integer(length_text), integer(first_text)
        if length is None or (first is None and first_text):
            raise self.reading.refusal(number, tag, f"{text[:40]!r} is no byte range")
        if first is None:
            first = held[1] if held[0] == uri else 0
        return ByteRange(first, length)

    def on_byterange(self, number: int, value: str) -> None:
        """Read EXT-X-BYTERANGE; what it means depends on the URI that is still to come."""
        del number
        self._byte_range = value or "(empty)"

    def on_gap(self, number: int, value: str) -> None:
        """Read EXT-X-GAP."""
        del number, value
        self._gap = True

    def on_part(self, number: int, value: str) -> None:
        """Read EXT-X-PART: a piece of the next segment, or of one that is still made."""
        tag = "#EXT-X-PART"
        given = self.reading.attributes(number, tag, value)
        uri = self.reading.required(number, tag, given, "URI")
        duration = nanoseconds(self.reading.required(number, tag, given, "DURATION"))
        if duration is None or duration < 0:
            raise self.reading.refusal(number, tag, "DURATION is no duration")
        cut = None
        if "BYTERANGE" in given:
            held = self._next_part_byte
            cut = self._cut(number, tag, given["BYTERANGE"], held=held, uri=uri)
            self._next_part_byte = _behind(uri, cut)
        independent, gap = given.get("INDEPENDENT") == "YES", given.get("GAP") == "YES"
        self.parts.append(Part(uri, duration, independent, cut, gap))

    def on_discontinuity(self, number: int, value: str) -> None:
        """Read EXT-X-DISCONTINUITY."""
        del number, value
        self._continuity += 1

    def on_discontinuity_sequence(self, number: int, value: str) -> None:
        """Read EXT-X-DISCONTINUITY-SEQUENCE: what the first segment's continuity is."""
        sequence = integer(value)
        tag = "#EXT-X-DISCONTINUITY-SEQUENCE"
        if sequence is None:
            self.reading.warn(number, tag, "left out: it is no whole number")
        elif self.entries:
            self.reading.warn(number, tag, "left out: it comes after the first segment")
        else:
            self._continuity += sequence - (self.discontinuity_sequence or 0)
            self.discontinuity_sequence = sequence

    def on_key(self, number: int, value: str) -> None:
        """Read EXT-X-KEY: it replaces the key of the same key system; NONE removes all."""
        given = self.reading.attributes(number, "#EXT-X-KEY", value)
        key = read_key(self.reading, number, "#EXT-X-KEY", given=given)
        if key is None:
            self._keys.clear()
        else:
            self._keys[key.system] = key
        self._key_list = tuple(self._keys.values())

    def on_map(self, number: int, value: str) -> None:
        """Read EXT-X-MAP: the init segment."""
        tag = "#EXT-X-MAP"
        given = self.reading.attributes(number, tag, value)
        uri = given.get("URI", "")
        if not uri:
            self.reading.warn(number, tag, "left out: URI is missing")
            return
        cut = None
        if "BYTERANGE" in given:
            cut = self._cut(number, tag, given["BYTERANGE"], held=("", 0), uri=uri)
        self._init = Init(uri, cut)

    def on_bitrate(self, number: int, value: str) -> None:
        """Read EXT-X-BITRATE, which is in kilobits."""
        rate = integer(value)
        if rate is None:
            self.reading.warn(number, "#EXT-X-BITRATE", "left out: it is no whole number")
        self._bitrate_bps = None if rate is None else rate * 1000

    def on_program_date_time(self, number: int, value: str) -> None:
        """Read EXT-X-PROGRAM-DATE-TIME; the first one also dates what came before it."""
        utc_us = unix_us(value)
        if utc_us is None:
            detail = f"{value[:40]!r} left out: it is no date"
            self.reading.warn(number, "#EXT-X-PROGRAM-DATE-TIME", detail)
            return
        first = self._clock is None
        self._clock = (utc_us, self.end)
        if first:
            ticks = accumulate(self.durations, initial=0)
            self.entries = [
                replace(entry, utc_us=utc_us + (tick - self.end) // 1000)
                for entry, tick in zip(self.entries, ticks, strict=False)
            ]

    def on_skip(self, number: int, value: str) -> None:
        """Read EXT-X-SKIP: take over from the previous reading what a delta leaves out."""
        tag = "#EXT-X-SKIP"
        given = self.reading.attributes(number, tag, value)
        skipped = integer(given.get("SKIPPED-SEGMENTS", ""))
        if skipped is None:
            raise self.reading.refusal(number, tag, "SKIPPED-SEGMENTS is no whole number")
        if self.entries or self.skipped:
            self.reading.warn(number, tag, "left out: it comes after the first segment")
        elif self.previous is None or not skipped:
            self.skipped = skipped
        else:
            self._take_over(number, self.previous, skipped)

    def _take_over(self, number: int, previous: SegmentIndex, skipped: int) -> None:
        first, end = self.header.sequence, self.header.sequence + skipped
        known_end = previous.first_number + len(previous)
        if first < previous.first_number or end > known_end:
            detail = f"segments {first} to {end - 1} are left out, but were never read"
            raise self.reading.refusal(number, "#EXT-X-SKIP", detail)
        self.entries = entries_between(previous, first, end)
        self.durations = durations_between(previous, first, end)
        self.end = sum(self.durations)
        last = self.entries[-1]
        self._keys = {key.system: key for key in last.keys}
        self._key_list, self._init, self._continuity = last.keys, last.init, last.continuity
        self._bitrate_bps = last.bitrate_bps
        if last.byte_range is not None:
            self._next_byte = _behind(last.uri, last.byte_range)
        if last.utc_us is not None:
            self._clock = (last.utc_us, self.end - self.durations[-1])

    def finish(self, number: int) -> None:
        """Note what is left over at the end of the playlist."""
        if self._duration is not None:
            self.reading.warn(number, "#EXTINF", "left out: no URI follows it")


def _behind(uri: str, cut: ByteRange) -> tuple[str, int]:
    return uri, cut.first + (cut.length or 0)


SEGMENT_TAGS: dict[str, Callable[[Entries, int, str], None]] = {
    "#EXTINF": Entries.on_extinf,
    "#EXT-X-BYTERANGE": Entries.on_byterange,
    "#EXT-X-GAP": Entries.on_gap,
    "#EXT-X-PART": Entries.on_part,
    "#EXT-X-DISCONTINUITY": Entries.on_discontinuity,
    "#EXT-X-DISCONTINUITY-SEQUENCE": Entries.on_discontinuity_sequence,
    "#EXT-X-KEY": Entries.on_key,
    "#EXT-X-MAP": Entries.on_map,
    "#EXT-X-BITRATE": Entries.on_bitrate,
    "#EXT-X-PROGRAM-DATE-TIME": Entries.on_program_date_time,
    "#EXT-X-SKIP": Entries.on_skip,
}
"""Which method reads which tag."""
