"""MPDs to test with: the smallest sound one around whatever is tested."""

from __future__ import annotations

from netplay.manifest import parse_manifest, request_url
from netplay.segments import SegmentIndex
from netplay.timeline import Known, Presentation, Representation

URL = "https://cdn.example/film/manifest.mpd"
TEMPLATE = '<SegmentTemplate media="$Number$.m4s" initialization="init.mp4" duration="2"/>'


def mpd(periods: str, attributes: str = 'mediaPresentationDuration="PT10S"') -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
        f'xmlns:cenc="urn:mpeg:cenc:2013" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'xmlns:dvb="urn:dvb:dash:dash-extensions:2014-1" {attributes}>{periods}</MPD>'
    )


def one(
    segments: str,
    *,
    attributes: str = 'mediaPresentationDuration="PT10S"',
    rep: str = 'id="v" bandwidth="1000"',
    period: str = "",
    inside_set: str = "",
) -> str:
    """An MPD of one video Representation."""
    return mpd(
        f'<Period {period}><AdaptationSet mimeType="video/mp4">{inside_set}'
        f"<Representation {rep}>{segments}</Representation></AdaptationSet></Period>",
        attributes,
    )


def read(text: str, *, now_s: int | None = None) -> Presentation:
    return parse_manifest(text, URL, utc_us=None if now_s is None else now_s * 1_000_000)


def first(text: str, *, now_s: int | None = None) -> Representation:
    return next(read(text, now_s=now_s).periods[0].representations)


def known(rep: Representation) -> SegmentIndex:
    assert isinstance(rep.index, Known)
    return rep.index.index


def segments(text: str, *, now_s: int | None = None) -> SegmentIndex:
    return known(first(text, now_s=now_s))


def names(index: SegmentIndex) -> list[str]:
    return [segment.entry.uri for segment in index]


def spans_s(index: SegmentIndex) -> list[tuple[float, float]]:
    return [(segment.start_us / 1e6, segment.end_us / 1e6) for segment in index]


def urls(rep: Representation) -> list[str]:
    return [request_url(rep.locations[0], name) for name in names(known(rep))]
