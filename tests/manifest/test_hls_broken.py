"""Broken HLS media playlists: what is refused, and what is repaired with a warning."""

from __future__ import annotations

import pytest
from hls_playlists import URL, read, segments

from netplay.errors import ManifestError
from netplay.manifest.hls import read_hls, read_media


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        (["#EXTINF:-1,", "a.ts"], "line 3: #EXTINF"),
        (["#EXTINF:6,", "#EXT-X-BYTERANGE:x", "a.ts"], "line 5: #EXT-X-BYTERANGE"),
        (["#EXTINF:6,", "#EXT-X-BYTERANGE:", "a.ts"], "line 5: #EXT-X-BYTERANGE"),
        (['#EXT-X-KEY:URI="k"'], "line 3: #EXT-X-KEY: METHOD is missing"),
        (["#EXT-X-KEY:METHOD=AES-128"], "line 3: #EXT-X-KEY: URI is missing"),
        (["#EXT-X-PART:DURATION=1"], "line 3: #EXT-X-PART: URI is missing"),
        (['#EXT-X-PART:DURATION=-1,URI="a"'], "line 3: #EXT-X-PART: DURATION"),
        (["#EXT-X-SKIP:SKIPPED-SEGMENTS=x"], "line 3: #EXT-X-SKIP"),
        (["#EXTINF:6,", "{$undefined}.ts"], "line 4: URI: variable undefined"),
        (['#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a"', *segments(1)], "#EXT-X-MEDIA belongs"),
        (["#EXT-X-STREAM-INF:BANDWIDTH=1", *segments(1)], "#EXT-X-STREAM-INF belongs"),
    ],
)
def test_what_cannot_be_played_is_refused_with_its_line_and_tag(
    lines: list[str], where: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        read(*lines)

    assert where in caught.value.detail
    assert caught.value.url == URL


def test_a_duration_that_is_no_number_is_refused_where_no_target_can_stand_in() -> None:
    with pytest.raises(ManifestError, match="line 2: #EXTINF: 'abc' is no duration"):
        read_media("#EXTM3U\n#EXTINF:abc,\na.ts\n", URL)


@pytest.mark.parametrize("text", ["", "\n", "<html>", "# comment", "hello\n#EXTM3U\n"])
def test_what_is_no_playlist_is_refused(text: str) -> None:
    with pytest.raises(ManifestError):
        read_hls(text, URL)


def test_without_a_target_duration_the_longest_segment_stands_in_for_it() -> None:
    document = read_media("#EXTM3U\n#EXTINF:3.2,\na.ts\n#EXTINF:5.1,\nb.ts\n", URL)

    assert document.playlist.target_duration_us == 6_000_000
    assert "#EXT-X-TARGETDURATION: missing" in document.warnings[0]


def test_a_uri_without_duration_keeps_the_numbers_of_all_behind_it() -> None:
    document = read(*segments(1, seconds="2"), "1.m4s", *segments(1, first=2, seconds="2"))

    assert [segment.entry.uri for segment in document.index] == ["0.m4s", "1.m4s", "2.m4s"]
    assert [segment.duration_us for segment in document.index] == [2_000_000, 6_000_000, 2_000_000]
    assert "no #EXTINF" in document.warnings[0]


@pytest.mark.parametrize(
    "line",
    [
        "#EXT-X-TARGETDURATION:soon",
        "#EXT-X-MEDIA-SEQUENCE:-",
        "#EXT-X-DISCONTINUITY-SEQUENCE:x",
        "#EXT-X-PLAYLIST-TYPE:LOOP",
        "#EXT-X-BITRATE:fast",
        "#EXT-X-PROGRAM-DATE-TIME:yesterday",
        "#EXT-X-START:PRECISE=YES",
        "#EXT-X-MAP:",
        '#EXT-X-KEY:METHOD=AES-128,URI="k",IV=[IV]',
        '#EXT-X-DATERANGE:ID="x"',
        '#EXT-X-DEFINE:IMPORT="x"',
        '#EXT-X-DEFINE:QUERYPARAM="x"',
    ],
)
def test_what_can_be_done_without_is_left_out_with_a_warning(line: str) -> None:
    document = read(line, *segments(1))

    assert len(document.index) == 1
    assert len(document.warnings) == 1
    assert line.partition(":")[0] in document.warnings[0]


def test_warnings_are_bounded() -> None:
    assert len(read(*["#EXT-X-BITRATE:x"] * 1000).warnings) == 50
