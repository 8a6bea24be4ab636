"""`netplay inspect`: what it says of a title is what the packager wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from netplay.cli import main
from netplay.edge.testbed import Testbed
from netplay.edge.title import Title

LIVE = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic"
  availabilityStartTime="1970-01-01T00:00:00Z" publishTime="1970-01-01T00:00:00Z"
  minimumUpdatePeriod="PT2S" timeShiftBufferDepth="PT10S" minBufferTime="PT2S">
  <Period id="p" start="PT0S"><AdaptationSet mimeType="video/mp4" codecs="avc1.64001e">
    <SegmentTemplate media="$Number$.m4s" initialization="i.mp4" duration="2" startNumber="0"/>
    <Representation id="v" bandwidth="100000" width="64" height="36"/>
  </AdaptationSet></Period>
</MPD>"""


def inspected(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    """Return what the command says as JSON."""
    code = main(["inspect", *map(str, arguments), "--json"])
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    told: dict[str, Any] = json.loads(said.out)
    return told


def by_kind(told: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the sets of one kind that are for normal play."""
    sets = [group for period in told["periods"] for group in period["sets"]]
    return [group for group in sets if group["kind"] == kind and not group["trick"]]


@pytest.mark.parametrize("manifest", ["manifest.mpd", "master.m3u8"])
def test_a_title_on_disk_is_told_down_to_its_segments(
    folder: Path, manifest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    title = Title.load(folder)

    told = inspected(capsys, folder / manifest)

    (video,) = by_kind(told, "video")
    assert told["duration_us"] == 2_000_000
    assert told["live"] is False
    assert [(rep["width"], rep["height"]) for rep in video["representations"]] == [
        (track.width, track.height) for track in title.of("video")
    ]
    assert [rep["codecs"][0] for rep in video["representations"]] == [
        track.codecs for track in title.of("video")
    ]
    assert [rep["segments"]["count"] for rep in video["representations"]] == [2, 2]
    assert video["representations"][0]["segments"]["longest_us"] == 1_000_000
    assert {group["language"] for group in by_kind(told, "audio")} == {"en", "sv"}
    assert {group["language"] for group in by_kind(told, "text")} == {"en", "sv"}


def test_byte_ranges_come_from_the_index_of_a_single_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    track = Title.load(folder).of("video")[0]
    first = track.init_bytes + track.index_bytes

    told = inspected(capsys, folder / "base.mpd", "--segments")

    (video,) = by_kind(told, "video")
    segments = video["representations"][0]["segments"]["list"]
    assert [segment["byte_range"] for segment in segments] == [
        {"first": first, "length": track.segments[0].size_bytes},
        {"first": first + track.segments[0].size_bytes, "length": track.segments[1].size_bytes},
    ]
    assert [segment["start_us"] for segment in segments] == [0, 1_000_000]
    assert [segment["duration_us"] for segment in segments] == [1_000_000, 1_000_000]


@pytest.mark.slow
def test_playlists_of_a_url_are_fetched(bed: Testbed, capsys: pytest.CaptureFixture[str]) -> None:
    told = inspected(capsys, bed.hls_url, "--segments")

    (video,) = by_kind(told, "video")
    segments = video["representations"][1]["segments"]["list"]
    assert told["hosts"] == ["oca-1", "oca-2"]
    assert [segment["url"].rpartition("/")[2] for segment in segments] == ["00001.m4s", "00002.m4s"]
    assert all(segment["url"].startswith(bed.url("")) for segment in segments)


def test_a_file_can_be_told_where_it_came_from(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = inspected(
        capsys, folder / "master.m3u8", "--base-url", "https://cdn.example/a/m.m3u8", "--segments"
    )

    (video,) = by_kind(told, "video")
    segments = video["representations"][0]["segments"]["list"]
    assert told["url"] == "https://cdn.example/a/m.m3u8"
    assert told["hosts"] == ["cdn.example"]
    assert segments[0]["url"].startswith("https://cdn.example/a/video-36p-60k/")


def test_a_playlist_that_is_not_beside_the_file_is_said_to_be_unresolved(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "master.m3u8"
    alone.write_bytes((folder / "master.m3u8").read_bytes())

    told = inspected(capsys, alone)

    (video,) = by_kind(told, "video")
    assert video["representations"][0]["segments"]["count"] is None
    assert "not resolved" in video["representations"][0]["segments"]["why"]


def test_no_file_outside_the_manifests_folder_is_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret.m3u8").write_bytes((folder / "video-36p-60k" / "media.m3u8").read_bytes())
    (tmp_path / "below").mkdir()
    master = tmp_path / "below" / "master.m3u8"
    master.write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\n../secret.m3u8\n")

    told = inspected(capsys, master)

    (video,) = by_kind(told, "video")
    assert video["representations"][0]["segments"]["count"] is None


def test_a_live_document_is_read_as_of_the_moment_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "live.mpd").write_text(LIVE)

    early = inspected(capsys, tmp_path / "live.mpd", "--utc-us", "100000000")
    late = inspected(capsys, tmp_path / "live.mpd", "--utc-us", "200000000")

    def window(told: dict[str, Any]) -> tuple[int, int]:
        index = by_kind(told, "video")[0]["representations"][0]["segments"]
        return index["start_us"], index["end_us"]

    assert early["live"] is True
    assert [
        late_us - early_us for early_us, late_us in zip(window(early), window(late), strict=True)
    ] == [
        100_000_000,
        100_000_000,
    ]


def test_the_words_name_every_representation_and_segment(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["inspect", str(folder / "manifest.mpd"), "--segments"])

    said = capsys.readouterr().out
    assert code == 0
    assert "DASH, on demand, 2.000 s" in said
    for track in Title.load(folder).tracks:
        assert track.id in said
    assert "2 segments of 1.000 s" in said
    assert said.count("/video-36p-60k/0000") == 2


def test_protection_and_warnings_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    playlist = tmp_path / "media.m3u8"
    playlist.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
        '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://k",KEYFORMAT="com.apple.streamingkeydelivery"\n'
        "#EXTINF:2,\na.ts\n#EXTINF:1,\nb.ts\n#EXT-X-ENDLIST\n"
    )

    told = inspected(capsys, playlist)
    main(["inspect", str(playlist)])

    (video,) = by_kind(told, "video")
    assert video["representations"][0]["protection"] == [
        {"system": "com.apple.streamingkeydelivery", "scheme": "sample-aes", "default_kid": ""}
    ]
    assert video["representations"][0]["segments"]["count"] == 2
    assert "FairPlay (sample-aes)" in capsys.readouterr().out
