"""Describes a packaged title as HLS playlists: multivariant ones, and media playlists they name.

Written with `m3u8`, which shares no code with netplay's own reader, so that the two check
each other. Only multivariant playlists name hosts; a media playlist speaks of the files
beside it, so it is the same on every host.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

import m3u8
from m3u8.model import IFramePlaylist, Media, Playlist, Segment

from netplay.edge.encryption.signals import KeyTags
from netplay.edge.steered import SteeringAt, steering_tag
from netplay.edge.title import Host, Title, Track

__all__ = ["playlist_documents"]

NAMES = {"de": "Deutsch", "en": "English", "es": "Español", "fr": "Français", "sv": "Svenska"}

ONE_FOLDER: tuple[Host, ...] = (("", ""),)
"""Without hosts there is one nameless one, where the multivariant playlist lies."""

Keys = Callable[[int], KeyTags | None]
"""Says how a segment, counted from 0, is encrypted."""


def playlist_documents(
    title: Title, hosts: Sequence[Host], steering: SteeringAt | None = None
) -> dict[str, str]:
    """Return every playlist of a title by its path in the title's folder.

    `master.m3u8` names the segment files, `range.m3u8` byte ranges of the single files,
    `ts.m3u8` MPEG-TS with packed audio, and `swapped.m3u8` plays the second half first, so
    that media time jumps at a discontinuity. Those whose media the title was not packaged
    as are left out.
    """
    documents: dict[str, str] = {}
    forms = title.spec.forms
    if title.protection is not None and not title.protection.in_hls:
        return {}
    if "segments" in forms:
        documents["master.m3u8"] = _multivariant(title, hosts, steering, "media.m3u8", iframes=True)
    if "segments" in forms and title.spec.segments > 1:
        documents["swapped.m3u8"] = _multivariant(title, hosts, steering, "swapped.m3u8")
    if "file" in forms:
        documents["range.m3u8"] = _multivariant(title, hosts, steering, "range.m3u8")
    if "ts" in forms:
        documents["ts.m3u8"] = _multivariant_ts(title, hosts, steering)
    for track in title.tracks:
        documents |= _media_playlists(title, track)
    return documents


def _media_playlists(title: Title, track: Track) -> dict[str, str]:
    forms, documents = title.spec.forms, {}
    keys = _keys(title, track)
    if track.kind == "text" or "segments" in forms:
        documents["media.m3u8"] = _files(track, keys)
        half = -(-len(track.segments) // 2)
        if half < len(track.segments):
            documents["swapped.m3u8"] = _swapped(track, half, keys)
    if track.kind == "text":
        documents["range.m3u8"] = documents["media.m3u8"]
    elif "file" in forms:
        documents["range.m3u8"] = _ranges(track, keys)
    if track.kind == "video" and "segments" in forms and _in_pieces(title):
        documents["iframes.m3u8"] = _iframes(track, keys)
    named = {f"{track.id}/{name}": text for name, text in documents.items()}
    if "ts" in forms:
        keys = _keys(title, track, transport=True)
        named[f"ts/{track.id}/media.m3u8"] = _files(track, keys, transport=True)
    return named


def _keys(title: Title, track: Track, *, transport: bool = False) -> Keys:
    stated = title.protection
    if stated is None:
        return lambda _: None
    return lambda number: stated.key(track.id, number, transport=transport)


def _in_pieces(title: Title) -> bool:
    """Return whether a piece of a segment can be played alone: not if it is encrypted whole."""
    return title.protection is None or title.protection.in_dash


def _keyed(segment: Segment, tags: KeyTags | None) -> Segment:
    segment.key = tags
    return segment


def _playlist(segments: Sequence[Segment], *, version: int) -> m3u8.M3U8:
    playlist = m3u8.M3U8()
    playlist.version = version
    playlist.target_duration = max(1, *(round(segment.duration) for segment in segments))
    playlist.playlist_type = "vod"
    playlist.media_sequence = 0
    playlist.is_independent_segments = True
    playlist.is_endlist = True
    for segment in segments:
        playlist.add_segment(segment)
    return playlist


def _text_of(playlist: m3u8.M3U8) -> str:
    text: str = playlist.dumps(infspec="microseconds")
    return text


def _init(track: Track) -> dict[str, str] | None:
    return None if track.kind == "text" else {"uri": "init.mp4"}


def _files(track: Track, keys: Keys, *, transport: bool = False) -> str:
    ending = "vtt" if track.kind == "text" else "m4s"
    if transport and track.kind != "text":
        ending = "aac" if track.kind == "audio" else "ts"
    listed = [
        _keyed(
            Segment(
                uri=f"{number + 1:05}.{ending}",
                duration=segment.duration / track.timescale,
                init_section=None if transport else _init(track),
                base_uri="",
            ),
            keys(number),
        )
        for number, segment in enumerate(track.segments)
    ]
    return _text_of(_playlist(listed, version=4 if transport else 7))


def _swapped(track: Track, half: int, keys: Keys) -> str:
    """List the second half, a discontinuity, and the first half."""
    count = len(track.segments)
    listed = [
        _keyed(
            Segment(
                uri=f"{place + 1:05}.{'vtt' if track.kind == 'text' else 'm4s'}",
                duration=track.segments[place].duration / track.timescale,
                init_section=_init(track),
                discontinuity=place == 0,
                base_uri="",
            ),
            keys(place),
        )
        for place in [*range(half, count), *range(half)]
    ]
    return _text_of(_playlist(listed, version=7))


def _offsets(track: Track) -> Iterator[int]:
    """Yield where each segment starts in the single file."""
    sizes = [segment.size_bytes for segment in track.segments]
    return accumulate(sizes[:-1], initial=track.init_bytes + track.index_bytes)


def _ranges(track: Track, keys: Keys) -> str:
    init = {"uri": "all.mp4", "byterange": f"{track.init_bytes}@0"}
    listed = [
        _keyed(
            Segment(
                uri="all.mp4",
                duration=segment.duration / track.timescale,
                byterange=f"{segment.size_bytes}@{offset}",
                init_section=init,
                base_uri="",
            ),
            keys(number),
        )
        for number, (segment, offset) in enumerate(
            zip(track.segments, _offsets(track), strict=True)
        )
    ]
    return _text_of(_playlist(listed, version=7))


def _iframes(track: Track, keys: Keys) -> str:
    """List the one keyframe of each segment, as the bytes up to its end."""
    listed = [
        _keyed(
            Segment(
                uri=f"{number + 1:05}.m4s",
                duration=segment.duration / track.timescale,
                byterange=f"{segment.key_bytes}@0",
                init_section=_init(track),
                base_uri="",
            ),
            keys(number),
        )
        for number, segment in enumerate(track.segments)
    ]
    playlist = _playlist(listed, version=7)
    playlist.is_i_frames_only = True
    return _text_of(playlist)


def _rendition(track: Track, *, group: str, uri: str | None, first: bool) -> Media:
    return Media(
        uri=uri,
        type="AUDIO" if track.kind == "audio" else "SUBTITLES",
        group_id=group,
        language=track.language,
        name=NAMES.get(track.language, track.language),
        default="YES" if first and track.kind == "audio" else "NO",
        autoselect="YES",
        channels="2" if track.kind == "audio" else None,
        forced=None if track.kind == "audio" else "NO",
        base_uri="",
    )


def _group(kind: str, name: str) -> str:
    return f"{kind}-{name}" if name else kind


def _stream(title: Title, track: Track, name: str, *, peak: int, average: int) -> dict[str, object]:
    """Return the attributes of a variant, the audio it is heard with included."""
    audio = title.of("audio")
    codecs = [track.codecs, *({audio[0].codecs} if audio else ())]
    return {
        "bandwidth": peak,
        "average_bandwidth": average,
        "codecs": ",".join(dict.fromkeys(codecs)),
        "resolution": f"{track.width}x{track.height}" if track.width else None,
        "frame_rate": float(title.spec.fps) if track.width else None,
        "audio": _group("audio", name) if audio else None,
        "subtitles": _group("text", name) if title.of("text") else None,
        "closed_captions": "NONE",
        "pathway_id": name or None,
    }


def _multivariant(
    title: Title,
    hosts: Sequence[Host],
    steering: SteeringAt | None,
    playlist_name: str,
    *,
    iframes: bool = False,
) -> str:
    master = m3u8.M3U8()
    master.content_steering = steering_tag(steering)
    master.version = 7
    master.is_independent_segments = True
    master.session_keys = _session_keys(title)
    audio, text = title.of("audio"), title.of("text")
    for name, base in hosts or ONE_FOLDER:
        for track in (*audio, *text):
            group = _group(track.kind, name)
            uri = f"{base}{track.id}/{playlist_name}"
            first = track in (audio[:1] + text[:1])
            master.add_media(_rendition(track, group=group, uri=uri, first=first))
    heard_peak = max((track.peak_bps for track in audio), default=0)
    heard = max((track.average_bps for track in audio), default=0)
    # A title without video is a variant of its first language alone.
    shown = title.of("video") or audio[:1]
    for name, base in hosts or ONE_FOLDER:
        for track in shown:
            with_sound = track.kind == "video"
            peak = track.peak_bps + heard_peak * with_sound
            average = track.average_bps + heard * with_sound
            info = _stream(title, track, name, peak=peak, average=average)
            master.add_playlist(
                Playlist(f"{base}{track.id}/{playlist_name}", info, list(master.media), "")
            )
    for name, base in (hosts or ONE_FOLDER) if iframes and _in_pieces(title) else ():
        for track in title.of("video"):
            master.add_iframe_playlist(_trick(track, f"{base}{track.id}/iframes.m3u8", name))
    return _text_of(master)


def _session_keys(title: Title) -> list[KeyTags]:
    return title.protection.session_tags() if title.protection else []


def _trick(track: Track, uri: str, name: str) -> IFramePlaylist:
    rates = [s.key_bytes * 8 * track.timescale // s.duration + 1 for s in track.segments]
    info = {
        "bandwidth": max(rates),
        "codecs": track.codecs,
        "resolution": f"{track.width}x{track.height}",
        "pathway_id": name or None,
    }
    return IFramePlaylist("", uri, info)


def _multivariant_ts(title: Title, hosts: Sequence[Host], steering: SteeringAt | None) -> str:
    """Name TS variants with the first language muxed in; the others are packed audio."""
    master = m3u8.M3U8()
    master.content_steering = steering_tag(steering)
    master.version = 4
    master.is_independent_segments = True
    master.session_keys = _session_keys(title)
    audio, text = title.of("audio"), title.of("text")
    shown = title.of("video") or audio[:1]
    for name, base in hosts or ONE_FOLDER:
        for track in (*audio, *text):
            muxed = track in audio[:1] and shown[0].kind == "video"
            uri = None if muxed else f"{base}ts/{track.id}/media.m3u8"
            first = track in (audio[:1] + text[:1])
            group = _group(track.kind, name)
            master.add_media(_rendition(track, group=group, uri=uri, first=first))
    for name, base in hosts or ONE_FOLDER:
        for track in shown:
            rates = [
                -(-size * 8 * track.timescale // segment.duration)
                for size, segment in zip(track.ts_bytes, track.segments, strict=True)
            ]
            average = -int(-sum(track.ts_bytes) * 8 // track.duration_s)
            info = _stream(title, track, name, peak=max(rates), average=average)
            master.add_playlist(
                Playlist(f"{base}ts/{track.id}/media.m3u8", info, list(master.media), "")
            )
    return _text_of(master)
