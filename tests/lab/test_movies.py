"""Movies from Sabre's format and from manifests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import netplay
from abr.contract import Played
from netplay.errors import DatasetError
from netplay.lab.manifests import read_title
from netplay.lab.movies import make_movie, read_movie

SABRE = {
    "segment_duration_ms": 2000,
    "bitrates_kbps": [300, 1000],
    "segment_sizes_bits": [[600_000, 2_000_004], [500_000, 1_900_000]],
    "vmaf": [[40, 80], [42, 85.5]],
}

PLAYLIST = """#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=1000000,CODECS="avc1.64001f",RESOLUTION=1280x720
high.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=300000,CODECS="avc1.64001f",RESOLUTION=640x360
low.m3u8
"""

MEDIA = """#EXTM3U
#EXT-X-TARGETDURATION:4
#EXTINF:4,
{name}-0.ts
#EXTINF:3,
{name}-1.ts
#EXT-X-ENDLIST
"""

MPD = """<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
  mediaPresentationDuration="PT8S" minBufferTime="PT1S" profiles="urn:x">
 <Period><AdaptationSet contentType="video" mimeType="video/mp4" codecs="avc1.640028">
  <Representation id="a" bandwidth="400000"><SegmentList timescale="1" duration="4">
    <SegmentURL media="a.mp4" mediaRange="0-199999"/>
    <SegmentURL media="a.mp4" mediaRange="200000-299999"/>
  </SegmentList></Representation>
 </AdaptationSet></Period></MPD>
"""


def test_sabres_movie_has_its_sizes_rounded_up_to_bytes(tmp_path: Path) -> None:
    path = tmp_path / "bbb.json"
    path.write_text(json.dumps(SABRE))

    movie = read_movie(path)

    assert (movie.name, movie.segments, movie.segment_us) == ("bbb", 2, 2_000_000)
    assert movie.bitrates_bps == (300_000, 1_000_000)
    sizes = [segment.size_bytes for segment in movie.content.index("0/v1")]
    assert sizes == [250_001, 237_500]


def test_what_was_played_is_judged_by_its_own_segments_vmaf(tmp_path: Path) -> None:
    path = tmp_path / "bbb.json"
    path.write_text(json.dumps(SABRE))
    shown = [Played(1, 1_000_000, 2.0), Played(0, 300_000, 2.0)]

    judged = read_movie(path).judged(shown)

    assert [one.quality for one in judged] == [80, 42]


def test_a_movie_without_vmaf_leaves_what_was_played_as_it_is() -> None:
    movie = make_movie("m", segment_us=1_000_000, bitrates_bps=[1000], sizes_bytes=[[5]])
    shown = (Played(0, 1000, 1.0),)

    assert movie.judged(shown) == shown


def test_only_the_first_segments_are_played_where_so_many_are_asked_for() -> None:
    movie = make_movie(
        "m", segment_us=1_000_000, bitrates_bps=[1000], sizes_bytes=[[5], [6], [7]], segments=2
    )

    assert movie.segments == 2
    assert movie.content.presentation.duration_us == 2_000_000
    assert movie.content.index("0/v0").sizes_bytes(1_500_000, 2) == (6, 7)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bitrates_kbps": [1000, 300]}, "bitrates rise"),
        ({"segment_sizes_bits": [[1]]}, "segment 0 has 1 of 2 rungs"),
        ({"segment_sizes_bits": [5]}, "segment 0 is no list"),
        ({"segment_sizes_bits": []}, "segment_sizes_bits is no list"),
        ({"segment_duration_ms": 0}, "segments of some duration"),
        ({"segment_duration_ms": "long"}, "segment_duration_ms is no number"),
        ({"bitrates_kbps": [1, 1e14]}, "a bitrate is"),
        ({"bitrates_kbps": list(range(1, 100))}, "more than 64"),
        ({"vmaf": [[1, 2], [3]]}, "segment 1 has 1 of 2 rungs"),
    ],
)
def test_a_movie_that_is_none_says_why(
    tmp_path: Path, change: dict[str, object], says: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(SABRE | change))

    with pytest.raises(DatasetError, match=says):
        read_movie(path)


def test_json_that_is_no_object_is_no_movie(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text("[]")

    with pytest.raises(DatasetError, match="not a movie"):
        read_movie(path)


def test_an_mpd_tells_sizes_by_its_ranges(tmp_path: Path) -> None:
    path = tmp_path / "title.mpd"
    path.write_text(MPD)

    movie = read_movie(path)

    assert (movie.name, movie.segments, movie.segment_us) == ("title", 2, 4_000_000)
    index = movie.content.index(movie.content.presentation.periods[0].sets[0].representations[0].id)
    assert [segment.size_bytes for segment in index] == [200_000, 100_000]


def test_playlists_and_segments_beside_a_multivariant_playlist_are_read(tmp_path: Path) -> None:
    (tmp_path / "title.m3u8").write_text(PLAYLIST)
    for name in ("low", "high"):
        (tmp_path / f"{name}.m3u8").write_text(MEDIA.format(name=name))
    (tmp_path / "low-0.ts").write_bytes(bytes(1234))

    movie = read_movie(tmp_path / "title.m3u8")

    low = min(
        movie.content.presentation.periods[0].representations, key=lambda rep: rep.bandwidth_bps
    )
    first, second = movie.content.index(low.id)
    assert movie.bitrates_bps == (300_000, 1_000_000)
    assert movie.content.sizes(low, first) == 1234
    assert movie.content.sizes(low, second) == 300_000 * 3 // 8


def test_a_playlist_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "title.m3u8").write_text(PLAYLIST)

    with pytest.raises(DatasetError, match=r"not beside it: .*m3u8"):
        read_movie(tmp_path / "title.m3u8")


def test_a_live_title_cannot_be_simulated(tmp_path: Path) -> None:
    live = MPD.replace(
        'type="static"', 'type="dynamic" availabilityStartTime="2024-01-01T00:00:00Z"'
    )
    (tmp_path / "title.mpd").write_text(live)

    with pytest.raises(DatasetError, match="live"):
        read_movie(tmp_path / "title.mpd")


def test_a_title_without_a_picture_is_no_movie(tmp_path: Path) -> None:
    sound = MPD.replace('"video"', '"audio"').replace("video/mp4", "audio/mp4")
    (tmp_path / "title.mpd").write_text(sound.replace("avc1.640028", "mp4a.40.2"))

    with pytest.raises(DatasetError, match="no video"):
        read_movie(tmp_path / "title.mpd")


def test_vmaf_of_a_manifests_segments_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "title.mpd"
    path.write_text(MPD)
    (tmp_path / "title.vmaf.json").write_text('{"vmaf": [[55.5], [60]]}')
    shown = [Played(0, 400_000, 4.0), Played(0, 400_000, 4.0)]

    movie = read_movie(path)

    assert [one.quality for one in movie.judged(shown)] == [55.5, 60]
    assert read_movie(str(path)).vmaf == movie.vmaf


def test_vmaf_is_found_by_the_segments_own_durations(tmp_path: Path) -> None:
    (tmp_path / "title.m3u8").write_text(PLAYLIST)
    for name in ("low", "high"):
        (tmp_path / f"{name}.m3u8").write_text(
            MEDIA.format(name=name).replace("#EXTINF:4", "#EXTINF:1")
        )
    rated = tmp_path / "rated.json"
    rated.write_text('{"vmaf": [[10, 20], [30, 40]]}')
    shown = [Played(0, 300_000, 1.0), Played(1, 1_000_000, 3.0)]

    movie = read_movie(tmp_path / "title.m3u8", vmaf=rated)

    assert [one.quality for one in movie.judged(shown)] == [10, 40]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ('{"vmaf": [[1]]}', "line 1: it rates 1 of 2 segments"),
        ('{"vmaf":\n[[1],\n[1, 2]]}', "line 3: segment 1 has 2 of 1 rungs"),
        ('{\n"vmaf": [[1],\n[101]]}', "line 3: a VMAF is 101"),
        ("{}", "line 1: vmaf is no list"),
        ("[1]", "line 1: not a table of VMAF"),
    ],
)
def test_vmaf_that_is_none_names_its_line(tmp_path: Path, said: str, says: str) -> None:
    path = tmp_path / "title.mpd"
    path.write_text(MPD)
    (tmp_path / "title.vmaf.json").write_text(said)

    with pytest.raises(DatasetError) as raised:
        read_movie(path)

    assert says in str(raised.value)


def test_vmaf_of_several_periods_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "title.mpd"
    period = MPD[MPD.index("<Period>") : MPD.index("</MPD>")]
    two = period.replace("<Period>", '<Period duration="PT8S">') + period
    path.write_text(MPD.replace(period, two).replace("PT8S", "PT16S", 1))
    (tmp_path / "title.vmaf.json").write_text('{"vmaf": [[1], [2]]}')

    with pytest.raises(DatasetError, match="several periods"):
        read_movie(path)


def test_what_is_wrong_in_a_movie_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(
        '{"segment_duration_ms": 2000,\n"bitrates_kbps": [300, 1000],\n'
        '"segment_sizes_bits": [[1, 2],\n[3, 4],\n[5, -6]]}'
    )

    with pytest.raises(DatasetError, match="line 5: a size is -6"):
        read_movie(path)


@pytest.mark.parametrize("name", ["title.mpd", "master.m3u8"])
def test_a_protected_title_is_simulated_as_if_it_were_in_the_clear(
    tmp_path: Path, name: str
) -> None:
    protection = (
        '<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cenc"'
        ' xmlns:cenc="urn:mpeg:cenc:2013" cenc:default_KID="00000000-0000-0000-0000-000000000001"/>'
    )
    mpd = f"""<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT8S"
        profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static"><Period>
        <AdaptationSet contentType="video" mimeType="video/mp4" codecs="avc1.640028">{protection}
        <SegmentTemplate media="$RepresentationID$-$Number$.m4s" duration="2"/>
        <Representation id="v" bandwidth="500000" width="320" height="180"/>
        </AdaptationSet></Period></MPD>"""
    playlist = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n" + (
        '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://k",KEYFORMAT="com.apple.streamingkeydelivery"\n'
        '#EXT-X-MAP:URI="init.mp4"\n'
        + "".join(f"#EXTINF:2,\n{n}.m4s\n" for n in range(4))
        + "#EXT-X-ENDLIST\n"
    )
    (tmp_path / "media.m3u8").write_text(playlist)
    master = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=500000,CODECS="avc1.640028"\nmedia.m3u8\n'
    path = tmp_path / name
    path.write_text(mpd if name.endswith("mpd") else master)
    trace = tmp_path / "trace.csv"
    trace.write_text("seconds,kbps\n60,5000\n")

    study = netplay.simulate(path, trace, abr=["throughput"])

    (row,) = study.rows
    assert row["play_time_s"] == pytest.approx(8, abs=1)


def test_a_playlist_that_says_no_bitrate_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "media.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n1.m4s\n#EXT-X-ENDLIST\n")

    with pytest.raises(DatasetError, match="no bitrate"):
        read_title(path)
