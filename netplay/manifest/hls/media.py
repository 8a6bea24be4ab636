"""A media playlist becomes a SegmentIndex, in one pass over its lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netplay.manifest.hls.dateranges import DateRanges
from netplay.manifest.hls.entries import SEGMENT_TAGS, Entries
from netplay.manifest.hls.header import HEADER_TAGS, Header
from netplay.manifest.hls.placing import first_tick, runs_of
from netplay.manifest.hls.reading import NS_PER_S, Reading, playlist_lines
from netplay.segments import Listing, Playlist, SegmentIndex
from netplay.timeline import TimedEvent, Unresolved

__all__ = ["MediaDocument", "read_media", "read_media_playlist"]

_MULTIVARIANT_TAGS = {
    "#EXT-X-MEDIA",
    "#EXT-X-STREAM-INF",
    "#EXT-X-I-FRAME-STREAM-INF",
}


@dataclass(frozen=True, slots=True)
class MediaDocument:
    """All that one media playlist says.

    Attributes:
        index: Its segments.
        playlist: What it says of itself (index.playlist, which may be None elsewhere).
        events: EXT-X-DATERANGE, in the order of time.
        start_us: EXT-X-START: where to begin; negative: from the end.
        warnings: What was left out or repaired.
    """

    index: SegmentIndex
    playlist: Playlist
    events: tuple[TimedEvent, ...] = ()
    start_us: int | None = None
    warnings: tuple[str, ...] = ()


def read_media_playlist(
    text: str,
    url: str,
    *,
    variables: Mapping[str, str] | None = None,
    unresolved: Unresolved | None = None,
    previous: SegmentIndex | None = None,
    origin_utc_us: int | None = None,
) -> SegmentIndex:
    """Return the segments of a media playlist; `read_media` also returns its events."""
    return read_media(
        text,
        url,
        variables=variables,
        unresolved=unresolved,
        previous=previous,
        origin_utc_us=origin_utc_us,
    ).index


def read_media(
    text: str,
    url: str,
    *,
    variables: Mapping[str, str] | None = None,
    unresolved: Unresolved | None = None,
    previous: SegmentIndex | None = None,
    origin_utc_us: int | None = None,
) -> MediaDocument:
    """Return all that a media playlist says.

    Args:
        text: The playlist.
        url: Where it came from, after redirects.
        variables: What its multivariant playlist defines; None: what `unresolved` holds,
            or, without that, nothing is known of it.
        unresolved: What stood in the Representation for it: where the Period lies.
        previous: An earlier reading of the same playlist: segments keep their place, and
            a delta update (EXT-X-SKIP) is completed from it.
        origin_utc_us: Unix time of position 0, to place the first reading of one of
            several live playlists.

    Raises:
        ManifestError: It is not a media playlist, or RFC 8216bis says to refuse it.
    """
    if variables is None and unresolved is not None:
        variables = dict(unresolved.variables)
    unresolved = unresolved or Unresolved("playlist")
    lines, wrong = playlist_lines(text, url)
    reading = Reading(url, variables, wrong)
    header, dateranges = Header(reading), DateRanges()
    entries = Entries(reading, header, previous=previous)
    _read_lines(lines, header=header, entries=entries, dateranges=dateranges)
    playlist = header.playlist(
        longest_ns=entries.longest_ns,
        skipped=entries.skipped,
        discontinuity_sequence=entries.discontinuity_sequence or 0,
        trailing_parts=tuple(entries.parts),
    )
    if not entries.entries:
        reading.warn(len(lines), "#EXTINF", "there are no segments")
    number = header.sequence + entries.skipped
    tick = first_tick(
        number,
        durations=entries.durations,
        utc_us=entries.entries[0].utc_us if entries.entries else None,
        target_us=playlist.target_duration_us,
        previous=previous,
        origin_utc_us=origin_utc_us,
    )
    index = SegmentIndex(
        timescale=NS_PER_S,
        runs=runs_of(entries.durations, tick),
        naming=Listing(tuple(entries.entries)),
        first_number=number,
        period_start_us=unresolved.period_start_us,
        clip_end_us=unresolved.period_end_us,
        timed=False,
        ended=header.ended,
        playlist=playlist,
    )
    events = dateranges.events(reading, index)
    return MediaDocument(index, playlist, events, header.start_us, tuple(reading.warnings))


def _read_lines(
    lines: list[str], *, header: Header, entries: Entries, dateranges: DateRanges
) -> None:
    """Hand every line to what reads it."""
    misplaced = ""
    on_extinf, on_uri = entries.on_extinf, entries.on_uri
    for number, line in enumerate(lines, 1):
        if line.startswith("#EXTINF:"):  # these two are nearly all the lines there are
            on_extinf(number, line[8:])
        elif line and line[0] != "#":
            on_uri(number, line)
        elif line.startswith("#EXT"):
            tag, _, value = line.partition(":")
            if tag in SEGMENT_TAGS:
                SEGMENT_TAGS[tag](entries, number, value)
            elif tag in HEADER_TAGS:
                HEADER_TAGS[tag](header, number, value)
            elif tag == "#EXT-X-DATERANGE":
                dateranges.add(header.reading, number, value)
            elif tag in _MULTIVARIANT_TAGS:
                misplaced = tag
    entries.finish(len(lines))
    if misplaced and entries.entries:
        detail = f"{misplaced} belongs in a multivariant playlist, but there are segments"
        raise header.reading.refusal(len(lines), "#EXTINF", detail)
