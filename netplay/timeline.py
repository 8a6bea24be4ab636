"""What there is to play: a Presentation, its Periods, sets and Representations.

HLS and DASH are read into this one model; everything after the readers knows only
this. All of it is frozen. Moments and positions are integer microseconds on the
presentation's own timeline. That of video on demand begins at 0 where the first Period
begins; that of a live presentation keeps its origin (`Live.origin_utc_us`) when old Periods
fall away, so that a position means the same after every refresh. When the segments of a
Representation are, is in `netplay.segments`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from netplay.segments import ByteRange, Init, Protection, SegmentIndex

__all__ = [
    "AdaptationSet",
    "Descriptor",
    "Index",
    "Kind",
    "Known",
    "Live",
    "Location",
    "Period",
    "Presentation",
    "Representation",
    "Steering",
    "TimedEvent",
    "Unresolved",
]

Kind = Literal["video", "audio", "text", "image"]


@dataclass(frozen=True, slots=True)
class Location:
    """One place a Representation can be fetched from.

    Attributes:
        host: Which edge server: the serviceLocation or PATHWAY-ID where the manifest
            names one, else the URL's authority.
        url: What this Representation's relative references resolve against there. For
            HLS it is the URL of the media playlist.
        priority: dvb:priority or the order of the manifest; lower is asked first.
        weight: dvb:weight among equal priorities.
    """

    host: str
    url: str
    priority: int = 1
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A property, role or accessibility note: a scheme, a value and an id."""

    scheme: str
    value: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """The segments of a Representation, known."""

    index: SegmentIndex


@dataclass(frozen=True, slots=True)
class Unresolved:
    """The segments of a Representation are in a document that is still to be fetched.

    Attributes:
        form: "playlist" (an HLS media playlist) or "sidx" (an ISO segment index).
        uri: The document, relative to a Location's url ("" is that url itself).
        byte_range: The part of it to fetch; None is all of it.
        per_host: Each host has its own copy, which may name other segments (HLS);
            else what one host answers holds for all (sidx).
        period_start_us: Where the Period begins.
        period_end_us: Where it ends, if known.
        origin_ticks: Media time, in `timescale`, that is shown where the Period begins.
        timescale: Of origin_ticks.
        init: Of a sidx: where the init segment is. A playlist names its own.
        media_uri: Of a sidx: the file whose ranges it lists; None: the one it is in.
        variables: (name, value) of what the multivariant playlist defines, for the
            playlist's EXT-X-DEFINE:IMPORT.
    """

    form: Literal["playlist", "sidx"]
    uri: str = ""
    byte_range: ByteRange | None = None
    per_host: bool = False
    period_start_us: int = 0
    period_end_us: int | None = None
    origin_ticks: int = 0
    timescale: int = 1
    init: Init | None = None
    media_uri: str | None = None
    variables: tuple[tuple[str, str], ...] = ()


Index = Known | Unresolved


@dataclass(frozen=True, slots=True)
class Representation:
    """One encoding of one content: a rung of a ladder.

    Attributes:
        id: Unique in the Presentation: the Period's number, a slash, the manifest's name.
        name: As the manifest names it (Representation@id, or what HLS gives: its URI).
        kind: What it is for. A multiplex of audio and video is "video".
        carries: Every kind of content in it, itself included: ("video", "audio") is a multiplex.
        bandwidth_bps: Peak rate, as declared.
        average_bps: Average rate, where declared (HLS AVERAGE-BANDWIDTH).
        codecs: RFC 6381 strings; empty where the manifest says nothing.
        mime_type: As declared, or what HLS implies; "" if unknown.
        video_range: "sdr", "pq" or "hlg"; None where nothing says.
        quality: A figure of merit by which rungs of one set compare (VMAF, or SCORE, where
            given); None if unknown.
        locations: Where it can be fetched; in the manifest's order.
        index: Its segments, or how to get to know them.
        protections: How it is encrypted, one entry a key system; empty if in the clear or
            where only the segments say (HLS).
        hdcp_level: "NONE", "TYPE-0", "TYPE-1", or None.
        partners: (kind, group) of the sets that belong with it (HLS AUDIO, SUBTITLES);
            empty: any.
        depends_on: Ids of Representations it cannot be decoded without.
        inband_events: Schemes whose events (emsg) are in its segments (InbandEventStream).
    """

    id: str
    name: str
    kind: Kind
    carries: tuple[Kind, ...]
    bandwidth_bps: int
    locations: tuple[Location, ...]
    index: Index
    average_bps: int | None = None
    codecs: tuple[str, ...] = ()
    mime_type: str = ""
    width: int | None = None
    height: int | None = None
    frame_rate: Fraction | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    video_range: Literal["sdr", "pq", "hlg"] | None = None
    quality: float | None = None
    protections: tuple[Protection, ...] = ()
    hdcp_level: str | None = None
    partners: tuple[tuple[Kind, str], ...] = ()
    depends_on: tuple[str, ...] = ()
    essential: tuple[Descriptor, ...] = ()
    supplemental: tuple[Descriptor, ...] = ()
    inband_events: tuple[Descriptor, ...] = ()


@dataclass(frozen=True, slots=True)
class AdaptationSet:
    """Representations of the same content, between which a player may switch.

    Attributes:
        id: Unique in the Presentation.
        kind: What its Representations are for.
        representations: Ordered by rising bandwidth: index 0 is the lowest rung.
        language: A BCP 47 tag; "" where none is given.
        label: For people; "".
        roles: DASH Role values, or what HLS CHARACTERISTICS, DEFAULT and FORCED say in the
            same words ("main", "alternate", "caption", "description", "forced-subtitle", …).
        group: The HLS GROUP-ID it belongs to; "".
        default: Chosen when the viewer has said nothing (HLS DEFAULT=YES, DASH role main).
        autoselect: May be chosen without the viewer asking.
        trick: Only for fast motion (I-frames, images): never for normal play.
    """

    id: str
    kind: Kind
    representations: tuple[Representation, ...]
    language: str = ""
    label: str = ""
    roles: tuple[str, ...] = ()
    accessibility: tuple[Descriptor, ...] = ()
    group: str = ""
    default: bool = False
    autoselect: bool = True
    trick: bool = False
    essential: tuple[Descriptor, ...] = ()
    supplemental: tuple[Descriptor, ...] = ()


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """Something the manifest says happens at a time: EventStream, DATERANGE.

    Attributes:
        scheme: Who understands it (schemeIdUri, or CLASS).
        at_us: When, on the presentation's timeline; None if only its wall-clock is known.
        utc_us: When, in Unix time; None if only its position is known.
        duration_us: For how long; None if open or instantaneous.
        id: Its id, to tell a repetition.
        payload: What it carries, as text (DATERANGE attributes as a list, NAME=VALUE).
        value: What distinguishes it within its scheme (EventStream@value).
    """

    scheme: str
    at_us: int | None
    utc_us: int | None = None
    duration_us: int | None = None
    id: str = ""
    payload: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of the timeline with its own sets of Representations.

    Attributes:
        id: As the manifest names it, or its number.
        start_us: Where it begins.
        end_us: Where it ends; None if not known yet (live, or HLS before its playlist).
    """

    id: str
    start_us: int
    end_us: int | None
    sets: tuple[AdaptationSet, ...]
    events: tuple[TimedEvent, ...] = ()

    def of_kind(self, kind: Kind) -> Iterator[AdaptationSet]:
        """Yield the sets of one kind that are for normal play, in the manifest's order."""
        return (group for group in self.sets if group.kind == kind and not group.trick)

    @property
    def representations(self) -> Iterator[Representation]:
        """Every Representation of every set."""
        return (rep for group in self.sets for rep in group.representations)


@dataclass(frozen=True, slots=True)
class Steering:
    """Where to ask which host to prefer (HLS and DASH content steering)."""

    url: str
    default_host: str = ""
    query_before_start: bool = False


@dataclass(frozen=True, slots=True)
class Live:
    """How a presentation that still grows is to be followed.

    Attributes:
        origin_utc_us: Unix time that position 0 stands for (MPD@availabilityStartTime, or
            what EXT-X-PROGRAM-DATE-TIME implies); None if not said.
        refresh_us: Shortest time between two refreshes; None: never refresh.
        window_us: How far back segments stay (timeShiftBufferDepth); None: all.
        delay_us: How far behind the live edge to play, where said.
        time_sources: (scheme, value) of UTCTiming, in order of preference.
        patch_url: Where MPD patches are; "".
        blocking_reload: The server holds a playlist request until there is something new.
        refresh_urls: Where to ask for the next manifest (MPD Location); empty: where this
            one came from.
        min_latency_us: Closest to the live edge that playback should come, where said.
        max_latency_us: Farthest from the live edge that it should fall, where said.
        slowest_rate: Lowest rate to correct the latency with, where said.
        fastest_rate: Highest rate to correct the latency with, where said.
    """

    origin_utc_us: int | None = None
    refresh_us: int | None = None
    window_us: int | None = None
    delay_us: int | None = None
    target_latency_us: int | None = None
    time_sources: tuple[tuple[str, str], ...] = ()
    patch_url: str = ""
    blocking_reload: bool = False
    refresh_urls: tuple[str, ...] = ()
    min_latency_us: int | None = None
    max_latency_us: int | None = None
    slowest_rate: Fraction | None = None
    fastest_rate: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Presentation:
    """Everything one manifest offers to play.

    Attributes:
        url: Where the manifest came from, after redirects.
        format: "dash" or "hls".
        periods: In order; at least one.
        duration_us: Length; None if live, or not known until an index is resolved.
        live: How to follow it; None for video on demand.
        session_protections: Keys named for the whole presentation (EXT-X-SESSION-KEY).
        session_data: (name, value or URI) that the author gives the app.
        start_us: Where the author wants playback to begin (EXT-X-START; negative: from
            the end); None: at the beginning, or the live edge.
        min_buffer_us: MPD@minBufferTime; 0.
        title: As the manifest gives it (ProgramInformation); "".
        version: EXT-X-VERSION; None for DASH or where it is not said.
        warnings: What was left out or repaired while reading, a sentence each.
    """

    url: str
    format: Literal["dash", "hls"]
    periods: tuple[Period, ...]
    duration_us: int | None = None
    live: Live | None = None
    session_protections: tuple[Protection, ...] = ()
    session_data: tuple[tuple[str, str], ...] = ()
    steering: Steering | None = None
    start_us: int | None = None
    min_buffer_us: int = 0
    title: str = ""
    version: int | None = None
    profiles: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def period_at(self, position_us: int) -> int:
        """Return the number of the Period that holds a position; the nearest if none does."""
        found = 0
        for number, period in enumerate(self.periods):
            if period.start_us <= position_us:
                found = number
        return found

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host named anywhere, in the order of first mention."""
        seen: dict[str, None] = {}
        for period in self.periods:
            for rep in period.representations:
                seen.update((location.host, None) for location in rep.locations)
        return tuple(seen)
