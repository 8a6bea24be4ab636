"""A playlist of either kind becomes a Presentation."""

from __future__ import annotations

from netplay.manifest.hls.codecs import mime_type_of
from netplay.manifest.hls.ladder import Maker, ladders, trick_sets
from netplay.manifest.hls.media import MediaDocument, read_media
from netplay.manifest.hls.reading import Reading, is_multivariant, playlist_lines
from netplay.manifest.hls.redundancy import GROUP_ATTRIBUTES, Places, authority, public_name
from netplay.manifest.hls.renditions import rendition_sets, with_multiplexed, without_repeats
from netplay.manifest.hls.variants import Tags, collect
from netplay.manifest.urls import resolve_url
from netplay.segments import SegmentIndex
from netplay.timeline import (
    AdaptationSet,
    Kind,
    Known,
    Live,
    Location,
    Period,
    Presentation,
    Representation,
    Steering,
)

__all__ = ["live_of", "read_hls"]


def read_hls(text: str, url: str, *, utc_us: int | None = None) -> Presentation:
    """Return what an HLS playlist offers to play.

    A multivariant playlist gives Representations that are still to be resolved; a media
    playlist alone gives one Representation, whose segments are known.

    Args:
        text: The playlist.
        url: Where it came from, after redirects.
        utc_us: The time; no HLS playlist depends on it.

    Raises:
        ManifestError: It is not a playlist, or RFC 8216bis says to refuse it.
    """
    del utc_us
    lines, wrong = playlist_lines(text, url)
    if is_multivariant(lines):
        return _multivariant(lines, Reading(url, warnings=wrong))
    return _media(read_media(text, url), url)


def _multivariant(lines: list[str], reading: Reading) -> Presentation:
    url = reading.url
    tags = collect(reading, lines)
    maker = Maker(tags, Places(tags, url), url=url, variables=tuple(reading.variables.items()))
    renditions = rendition_sets(tags.renditions, tags.variants, maker)
    sets = without_repeats(ladders(tags.variants, maker), renditions)
    sets += trick_sets(tags.tricks, maker)
    if not sets:
        raise reading.refusal(len(lines), "#EXT-X-STREAM-INF", "there is nothing to play")
    _check_groups(reading, tags)
    sets = with_multiplexed(sets, tags.renditions, tags.variants)
    return Presentation(
        url=url,
        format="hls",
        periods=(Period("0", 0, None, tuple(sets)),),
        session_protections=tuple(tags.keys),
        session_data=tuple(tags.data),
        steering=_steering(tags, url),
        start_us=tags.start_us,
        version=tags.version,
        warnings=tuple(reading.warnings),
    )


def _check_groups(reading: Reading, tags: Tags) -> None:
    known = set(tags.groups)
    for variant in tags.variants:
        for attribute in GROUP_ATTRIBUTES:
            name = variant.given.get(attribute, "NONE")
            if name != "NONE" and (attribute, name) not in known:
                detail = f"{attribute} names group {name[:40]!r}, which has no rendition"
                reading.warn(variant.number, variant.tag, detail)


def _steering(tags: Tags, url: str) -> Steering | None:
    if tags.steering is None:
        return None
    server = resolve_url(url, tags.steering["SERVER-URI"])
    return Steering(url=server, default_host=tags.steering.get("PATHWAY-ID", "."))


def _media(document: MediaDocument, url: str) -> Presentation:
    index = document.index
    entries = [index[position].entry for position in range(min(len(index), 1))]
    first = entries[0] if entries else None
    mime_type = mime_type_of(first.uri) if first else ""
    if first and first.init and not mime_type:
        mime_type = mime_type_of(first.init.uri)
    kind: Kind = "audio" if mime_type.startswith("audio/") else "video"
    if mime_type in ("text/vtt", "application/ttml+xml"):
        kind = "text"
    trick = document.playlist.i_frames_only
    rep = Representation(
        id=f"0/{public_name(url)}",
        name=public_name(url),
        kind=kind,
        carries=("video", "audio") if kind == "video" and not trick else (kind,),
        bandwidth_bps=0,
        locations=(Location(authority(url), url),),
        index=Known(index),
        mime_type=mime_type,
    )
    group = AdaptationSet(f"0/{kind}", kind, (rep,), default=True, trick=trick)
    end_us = index.end_us if index.ended else None
    return Presentation(
        url=url,
        format="hls",
        periods=(Period("0", 0, end_us, (group,), document.events),),
        duration_us=end_us,
        live=live_of(index),
        start_us=document.start_us,
        version=document.playlist.version,
        warnings=document.warnings,
    )


def live_of(index: SegmentIndex) -> Live | None:
    """Return how a playlist that still grows is to be followed; None if it has ended."""
    playlist = index.playlist
    if index.ended or playlist is None:
        return None
    utc_us = None
    if len(index):
        first = index[0]
        utc_us = first.entry.utc_us
        if utc_us is not None:
            utc_us -= first.start_us
    return Live(
        origin_utc_us=utc_us,
        # RFC 8216bis §6.3.4: not sooner than the target duration after a change.
        refresh_us=playlist.target_duration_us or None,
        window_us=None if playlist.type == "EVENT" else index.end_us - index.start_us,
        delay_us=playlist.hold_back_us,
        target_latency_us=playlist.part_hold_back_us,
        blocking_reload=playlist.can_block_reload,
    )
