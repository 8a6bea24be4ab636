"""Describes a packaged title as MPDs: one document for each way DASH can address segments.

Written with `mpegdash`, which shares no code with netplay's own reader, so that the two
check each other.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Any, TypeVar

from mpegdash import nodes
from mpegdash.parser import MPEGDASHParser

from netplay.edge.encryption.elements import content_protections
from netplay.edge.steered import SteeredMPD, SteeringAt
from netplay.edge.title import Host, Title, Track

__all__ = ["mpd_documents"]

LIVE_PROFILE = "urn:mpeg:dash:profile:isoff-live:2011"
ON_DEMAND_PROFILE = "urn:mpeg:dash:profile:isoff-on-demand:2011"
FULL_PROFILE = "urn:mpeg:dash:profile:full:2011"
ROLE = "urn:mpeg:dash:role:2011"
CHANNELS = "urn:mpeg:mpegB:cicp:ChannelConfiguration"

NodeT = TypeVar("NodeT")
Span = range
"""Places of a period's segments in their track."""
Addressing = Callable[[Any, Track, Span, Fraction], None]
"""Writes into a Representation how the segments of a span are found."""


def mpd_documents(
    title: Title, hosts: Sequence[Host], steering: SteeringAt | None = None
) -> dict[str, str]:
    """Return every MPD of a title by its file name.

    `manifest.mpd` is `number.mpd`; `timeline.mpd`, `list.mpd` and `periods.mpd` address the
    same files otherwise, `base.mpd` the single file of each track. Those whose media the
    title was not packaged as are left out, and all of them where DASH has no such protection.
    """
    if title.protection is not None and not title.protection.in_dash:
        return {}
    whole = range(title.spec.segments)
    half = -(-title.spec.segments // 2)
    documents = {}
    if "segments" in title.spec.forms:
        documents = {
            "number.mpd": _mpd(title, hosts, steering, LIVE_PROFILE, _numbered, [whole]),
            "timeline.mpd": _mpd(title, hosts, steering, LIVE_PROFILE, _timed, [whole]),
            "list.mpd": _mpd(title, hosts, steering, FULL_PROFILE, _listed, [whole]),
        }
        documents["manifest.mpd"] = documents["number.mpd"]
        if half < title.spec.segments:
            halves = [whole[:half], whole[half:]]
            documents["periods.mpd"] = _mpd(title, hosts, steering, LIVE_PROFILE, _counted, halves)
    if "file" in title.spec.forms:
        documents["base.mpd"] = _mpd(title, hosts, steering, ON_DEMAND_PROFILE, _indexed, [whole])
    return documents


def _filled(node: NodeT, **fields: object) -> NodeT:
    """Set attributes that the node's class has; a misspelt one would be dropped silently."""
    for name, value in fields.items():
        assert hasattr(node, name), f"{type(node).__name__} has no {name}"
        setattr(node, name, value)
    return node


def _duration(duration_s: Fraction) -> str:
    return f"PT{float(duration_s):.6f}".rstrip("0").rstrip(".") + "S"


def _descriptor(scheme: str, value: str) -> object:
    return _filled(nodes.Descriptor(), scheme_id_uri=scheme, value=value)


def _base_url(url: str, name: str | None = None) -> object:
    return _filled(nodes.BaseURL(), base_url_value=url, service_location=name)


def _mpd(
    title: Title,
    hosts: Sequence[Host],
    steering: SteeringAt | None,
    profile: str,
    address: Addressing,
    spans: Sequence[Span],
) -> str:
    mpd = _filled(
        SteeredMPD(),
        steering=steering,
        xmlns="urn:mpeg:dash:schema:mpd:2011",
        cenc="urn:mpeg:cenc:2013" if title.protection else None,
        type="static",
        profiles=profile,
        media_presentation_duration=_duration(title.duration_s),
        min_buffer_time=_duration(title.spec.cut_s),
        base_urls=[_base_url(url, name) for name, url in hosts],
        periods=[_period(title, address, span, alone=len(spans) == 1) for span in spans],
    )
    text: str = MPEGDASHParser.toprettyxml(mpd)
    return text + "\n"


def _period(title: Title, address: Addressing, span: Span, *, alone: bool) -> object:
    starts_s = span.start * title.spec.cut_s
    ends_s = min(span.stop * title.spec.cut_s, title.duration_s)
    sets = []
    if title.of("video"):
        sets.append(_video_set(title, address, span))
    for number, track in enumerate(title.of("audio")):
        role = "main" if number == 0 else "dub"
        sets.append(_audio_set(title, track, address, span, role=role))
    if alone:
        # Times in a sidecar count from the start of its period, and titles carry one
        # sidecar a language, so only a single period can name it.
        sets += [_text_set(track) for track in title.of("text")]
    for number, adaptation_set in enumerate(sets, 1):
        adaptation_set.id = number
    return _filled(
        nodes.Period(),
        id=f"p{span.start}",
        start=_duration(starts_s),
        duration=_duration(ends_s - starts_s),
        adaptation_sets=sets,
    )


def _video_set(title: Title, address: Addressing, span: Span) -> Any:
    representations = []
    for track in title.of("video"):
        representation = _filled(
            nodes.Representation(),
            id=track.id,
            bandwidth=max(track.nominal_bps, track.average_bps),
            codecs=track.codecs,
            width=track.width,
            height=track.height,
            sar="1:1",
            frame_rate=str(title.spec.fps),
            # Here and not on the set, because rungs may have keys of their own.
            content_protections=content_protections(title.protection, track.id),
        )
        address(representation, track, span, title.spec.cut_s)
        representations.append(representation)
    return _filled(
        nodes.AdaptationSet(),
        content_type="video",
        mime_type="video/mp4",
        segment_alignment=True,
        start_with_sap=1,
        par="16:9",
        roles=[_descriptor(ROLE, "main")],
        representations=representations,
    )


def _audio_set(title: Title, track: Track, address: Addressing, span: Span, *, role: str) -> Any:
    representation = _filled(
        nodes.Representation(),
        id=track.id,
        bandwidth=max(track.nominal_bps, track.average_bps),
        codecs=track.codecs,
        audio_sampling_rate=str(track.sample_rate),
        audio_channel_configurations=[_descriptor(CHANNELS, "2")],
        content_protections=content_protections(title.protection, track.id),
    )
    address(representation, track, span, title.spec.cut_s)
    return _filled(
        nodes.AdaptationSet(),
        content_type="audio",
        mime_type="audio/mp4",
        lang=track.language,
        segment_alignment=True,
        start_with_sap=1,
        roles=[_descriptor(ROLE, role)],
        representations=[representation],
    )


def _text_set(track: Track) -> Any:
    representation = _filled(
        nodes.Representation(),
        id=track.id,
        bandwidth=max(track.nominal_bps, track.average_bps),
        base_urls=[_base_url(f"{track.id}/all.vtt")],
    )
    return _filled(
        nodes.AdaptationSet(),
        content_type="text",
        mime_type="text/vtt",
        lang=track.language,
        roles=[_descriptor(ROLE, "subtitle")],
        representations=[representation],
    )


def _ticks(track: Track, moment_s: Fraction) -> int:
    return round(moment_s * track.timescale)


def _offset(track: Track, span: Span, cut_s: Fraction) -> int | None:
    """Return where on the track's clock a period starts; None for the first."""
    return _ticks(track, span.start * cut_s) if span.start else None


def _timeline(track: Track, span: Span) -> list[Any]:
    """Return the S elements of a span, equal neighbours folded into one."""
    segments = track.segments[span.start : span.stop]
    entries: list[Any] = []
    start = segments[0].start
    for duration, run in groupby(segment.duration for segment in segments):
        count = len(list(run))
        first = None if entries else start
        entries.append(_filled(nodes.S(), t=first, d=duration, r=count - 1 or None))
    return [_filled(nodes.SegmentTimeline(), Ss=entries)]


def _numbered(representation: Any, track: Track, span: Span, cut_s: Fraction) -> None:
    """$Number$ and one duration: a segment is where arithmetic says."""
    template = _filled(
        nodes.SegmentTemplate(),
        timescale=track.timescale,
        duration=_ticks(track, cut_s),
        start_number=span.start + 1,
        presentation_time_offset=_offset(track, span, cut_s),
        initialization="$RepresentationID$/init.mp4",
        media="$RepresentationID$/$Number%05d$.m4s",
    )
    representation.segment_templates = [template]


def _counted(representation: Any, track: Track, span: Span, cut_s: Fraction) -> None:
    """$Number$ and a timeline: a segment is where its own line says."""
    _numbered(representation, track, span, cut_s)
    _filled(
        representation.segment_templates[0],
        duration=None,
        segment_timelines=_timeline(track, span),
    )


def _timed(representation: Any, track: Track, span: Span, cut_s: Fraction) -> None:
    """$Time$ and a timeline: the file is named after its start."""
    _counted(representation, track, span, cut_s)
    _filled(
        representation.segment_templates[0],
        start_number=None,
        media="$RepresentationID$/time/$Time$.m4s",
    )


def _listed(representation: Any, track: Track, span: Span, cut_s: Fraction) -> None:
    """One SegmentURL a segment."""
    urls = [_filled(nodes.SegmentURL(), media=f"{track.id}/{number + 1:05}.m4s") for number in span]
    init = _filled(nodes.URL(), source_url=f"{track.id}/init.mp4")
    listed = _filled(
        nodes.SegmentList(),
        timescale=track.timescale,
        duration=_ticks(track, cut_s),
        initializations=[init],
        segment_urls=urls,
    )
    representation.segment_lists = [listed]


def _indexed(representation: Any, track: Track, _span: Span, _cut_s: Fraction) -> None:
    """One file with a sidx behind its init segment."""
    index_ends = track.init_bytes + track.index_bytes - 1
    init = _filled(nodes.URL(), range=f"0-{track.init_bytes - 1}")
    base = _filled(
        nodes.SegmentBase(),
        timescale=track.timescale,
        index_range=f"{track.init_bytes}-{index_ends}",
        index_range_exact=True,
        initializations=[init],
    )
    representation.base_urls = [_base_url(f"{track.id}/all.mp4")]
    representation.segment_bases = [base]
