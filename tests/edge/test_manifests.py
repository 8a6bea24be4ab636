"""The manifests say what the folder holds: independent readers find every segment."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import av
import m3u8
import pytest
from mpegdash.parser import MPEGDASHParser

from netplay.edge.manifests import documents
from netplay.edge.title import TINY, Title, Track
from netplay.media.boxes import Reader, find

HOSTS = [("oca-1", "http://one:1/t/"), ("oca-2", "http://two:2/t/")]


def mpd(title: Title, name: str, hosts: list[tuple[str, str]] | None = None) -> Any:
    return MPEGDASHParser.parse(documents(title, hosts or [])[name])


def representations(period: Any) -> dict[str, Any]:
    return {
        representation.id: representation
        for adaptation_set in period.adaptation_sets
        for representation in adaptation_set.representations
    }


def media_tracks(title: Title) -> tuple[Track, ...]:
    return title.of("video") + title.of("audio")


def expanded(timeline: Any) -> list[tuple[int, int]]:
    """Return (start, duration) of every segment of a SegmentTimeline."""
    segments: list[tuple[int, int]] = []
    at = 0
    for entry in timeline.Ss:
        at = entry.t if entry.t is not None else at
        for _ in range((entry.r or 0) + 1):
            segments.append((at, entry.d))
            at += entry.d
    return segments


def test_an_mpd_describes_every_track(title: Title) -> None:
    document = mpd(title, "manifest.mpd")
    (period,) = document.periods
    found = representations(period)

    assert set(found) == {track.id for track in title.tracks}
    assert document.media_presentation_duration == "PT6S"
    for track in title.of("video"):
        said = found[track.id]
        assert (said.width, said.height) == (track.width, track.height)
        assert said.codecs == track.codecs
        assert said.bandwidth >= track.nominal_bps
    languages = [s.lang for s in period.adaptation_sets if s.content_type != "video"]
    assert languages == ["en", "sv", "en", "sv"]


def test_numbered_segments_are_the_files(folder: Path, title: Title) -> None:
    found = representations(mpd(title, "number.mpd").periods[0])

    for track in media_tracks(title):
        template = found[track.id].segment_templates[0]
        assert Fraction(template.duration, template.timescale) == TINY.cut_s
        home = template.media.replace("$RepresentationID$", track.id)
        for number in range(template.start_number, template.start_number + TINY.segments):
            assert (folder / home.replace("$Number%05d$", f"{number:05}")).is_file()


def test_timed_segments_are_the_files_and_their_own_decode_times(
    folder: Path, title: Title
) -> None:
    found = representations(mpd(title, "timeline.mpd").periods[0])

    for track in media_tracks(title):
        template = found[track.id].segment_templates[0]
        entries = expanded(template.segment_timelines[0])
        assert entries == [(s.start, s.duration) for s in track.segments]
        for start, _ in entries:
            name = template.media.replace("$RepresentationID$", track.id)
            data = (folder / name.replace("$Time$", str(start))).read_bytes()
            decode_time = find(data, "moof", "traf", "tfdt")
            assert decode_time is not None
            reader = Reader.of(data, decode_time)
            reader.version_and_flags()
            # AAC decodes its 1,024 samples of priming before anything is presented.
            priming = 1024 if track.kind == "audio" and start else 0
            assert reader.u64() == start + priming


def test_listed_segments_are_the_files(folder: Path, title: Title) -> None:
    found = representations(mpd(title, "list.mpd").periods[0])

    for track in media_tracks(title):
        listed = found[track.id].segment_lists[0]
        sizes = [(folder / url.media).stat().st_size for url in listed.segment_urls]
        assert sizes == [segment.size_bytes for segment in track.segments]
        assert (folder / listed.initializations[0].source_url).is_file()


def test_the_index_range_is_exactly_the_sidx(folder: Path, title: Title) -> None:
    found = representations(mpd(title, "base.mpd").periods[0])

    for track in media_tracks(title):
        base = found[track.id].segment_bases[0]
        data = (folder / found[track.id].base_urls[0].base_url_value).read_bytes()
        first, last = map(int, base.index_range.split("-"))
        index = find(data, "sidx")
        assert index is not None
        assert (index.start, index.end) == (first, last + 1)
        assert base.initializations[0].range == f"0-{first - 1}"


def test_two_periods_cut_the_same_media_without_a_gap(title: Title) -> None:
    first, second = mpd(title, "periods.mpd").periods

    assert (first.start, first.duration) == ("PT0S", "PT3S")
    assert (second.start, second.duration) == ("PT3S", "PT3S")
    for track in media_tracks(title):
        before, after = (representations(p)[track.id].segment_templates[0] for p in (first, second))
        entries = [expanded(t.segment_timelines[0]) for t in (before, after)]
        assert after.start_number == len(entries[0]) + 1
        assert after.presentation_time_offset == 3 * track.timescale
        assert sum(entries[0][-1]) == entries[1][0][0] <= after.presentation_time_offset


def test_an_mpd_names_its_hosts_in_order(title: Title) -> None:
    document = mpd(title, "manifest.mpd", HOSTS)

    said = [(url.service_location, url.base_url_value) for url in document.base_urls]

    assert said == HOSTS


def playlist(title: Title, path: str, hosts: list[tuple[str, str]] | None = None) -> Any:
    return m3u8.loads(documents(title, hosts or [])[path])


def resolved(path: str, uri: str) -> str:
    return urljoin(f"x/{path}", uri).removeprefix("x/")


def byte_range(said: str) -> tuple[int, int]:
    size, _, offset = said.partition("@")
    return int(size), int(offset)


@pytest.mark.parametrize("name", ["master.m3u8", "range.m3u8", "ts.m3u8", "swapped.m3u8"])
def test_every_uri_leads_to_a_file_and_every_range_lies_within(
    folder: Path, title: Title, name: str
) -> None:
    master = playlist(title, name)
    paths = [p.uri for p in master.playlists] + [m.uri for m in master.media if m.uri]
    paths += [p.uri for p in master.iframe_playlists]

    assert len(master.playlists) == len(TINY.rungs)
    for path in paths:
        media = playlist(title, path)
        assert len(media.segments) == TINY.segments
        assert sum(segment.duration for segment in media.segments) == pytest.approx(6)
        assert media.is_endlist
        for segment in media.segments:
            size = (folder / resolved(path, segment.uri)).stat().st_size
            if segment.byterange:
                length, offset = byte_range(segment.byterange)
                assert offset + length <= size


def test_variants_say_their_codecs_size_rate_and_groups(title: Title) -> None:
    master = playlist(title, "master.m3u8")

    for variant, track in zip(master.playlists, title.of("video"), strict=True):
        info = variant.stream_info
        assert info.codecs == f"{track.codecs},mp4a.40.2"
        assert info.resolution == (track.width, track.height)
        assert info.frame_rate == 24
        assert (info.audio, info.subtitles) == ("audio", "text")
        assert info.bandwidth >= info.average_bandwidth > track.average_bps
    renditions = [(m.type, m.group_id, m.language, m.default) for m in master.media]
    assert renditions == [
        ("AUDIO", "audio", "en", "YES"),
        ("AUDIO", "audio", "sv", "NO"),
        ("SUBTITLES", "text", "en", "NO"),
        ("SUBTITLES", "text", "sv", "NO"),
    ]


def test_byte_ranges_tile_the_single_file(folder: Path, title: Title) -> None:
    for track in media_tracks(title):
        media = playlist(title, f"{track.id}/range.m3u8")

        parts = [byte_range(segment.byterange) for segment in media.segments]

        assert parts[0][1] == track.init_bytes + track.index_bytes
        assert all(offset + size == after for (size, offset), (_, after) in pairwise(parts))
        assert sum(parts[-1]) == (folder / track.id / "all.mp4").stat().st_size
        init = media.segments[0].init_section
        assert byte_range(init.byterange) == (track.init_bytes, 0)


def test_the_first_language_is_muxed_into_transport_streams(title: Title) -> None:
    master = playlist(title, "ts.m3u8")

    uris = {media.language: media.uri for media in master.media if media.type == "AUDIO"}

    assert uris == {"en": None, "sv": "ts/audio-sv/media.m3u8"}


def test_the_swapped_playlist_starts_in_the_middle_and_marks_the_jump(title: Title) -> None:
    media = playlist(title, f"{title.of('video')[0].id}/swapped.m3u8")

    numbers = [int(segment.uri[:5]) for segment in media.segments]
    jumps = [segment.discontinuity for segment in media.segments]

    assert numbers == [4, 5, 6, 1, 2, 3]
    assert jumps == [False, False, False, True, False, False]


def test_redundant_variants_name_every_host_and_its_own_groups(title: Title) -> None:
    master = playlist(title, "master.m3u8", HOSTS)

    for name, base in HOSTS:
        mine = [p for p in master.playlists if p.stream_info.pathway_id == name]
        assert [p.uri for p in mine] == [
            f"{base}{track.id}/media.m3u8" for track in title.of("video")
        ]
        assert {p.stream_info.audio for p in mine} == {f"audio-{name}"}
        group = [m.uri for m in master.media if m.group_id == f"audio-{name}"]
        assert group == [f"{base}{track.id}/media.m3u8" for track in title.of("audio")]


@pytest.mark.parametrize(
    ("name", "starts_s"), [("master.m3u8", 0), ("range.m3u8", 0), ("ts.m3u8", 10)]
)
def test_libav_plays_the_playlists_frame_by_frame(folder: Path, name: str, starts_s: int) -> None:
    options = {"allowed_extensions": "ALL", "extension_picky": "0"}
    with av.open(str(folder / name), options=options) as container:
        stream = container.streams.video[-1]
        shown_s = [
            frame.pts * frame.time_base
            for frame in container.decode(stream)
            if frame.pts is not None and frame.time_base is not None
        ]

    assert shown_s == [starts_s + n / TINY.fps for n in range(TINY.frames)]
