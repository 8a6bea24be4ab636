"""WebVTT is read as browsers read it: what can be understood is shown."""

import pytest
from boxmaker import box
from clips import VECTORS, needs_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from netplay.errors import MediaError
from netplay.media.cues import Cue
from netplay.media.fragments import FragmentReader
from netplay.media.init import read_init
from netplay.media.webvtt import TimestampMap, read_webvtt, read_wvtt_sample


def test_a_cue_has_its_times_its_text_its_name_and_its_settings() -> None:
    data = b"WEBVTT\n\nintro\n00:00:01.500 --> 01:00:02.000 line:10% align:start\nHello,\nworld\n"

    assert read_webvtt(data).cues == (
        Cue(
            1_500_000,
            3_602_000_000,
            "Hello,\nworld",
            "Hello,\nworld",
            "intro",
            "line:10% align:start",
        ),
    )


def test_markup_is_kept_beside_the_text_that_a_viewer_reads() -> None:
    data = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\n"
        "<v Ann><b>You &amp; I</b>,<00:01.500> <ruby>漢<rt>kan</rt></ruby> &lt;3\n"
    )

    cue = read_webvtt(data).cues[0]

    assert cue.text == "You & I, 漢 <3"
    assert cue.markup.startswith("<v Ann><b>You &amp; I</b>")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_newline_is_one(newline: str) -> None:
    lines = ["\ufeffWEBVTT - title", "", "00:01.000 --> 00:02.000", "a", "b", "", "x"]

    cues = read_webvtt(newline.join(lines).encode()).cues

    assert [it.text for it in cues] == ["a\nb"]


def test_notes_are_skipped_and_styles_and_regions_kept() -> None:
    data = (
        "WEBVTT\n\nNOTE 00:00 is\nnot a cue\n\nSTYLE\n::cue { color: red }\n\n"
        "REGION\nid:fred\nwidth:40%\n\n00:01.000 --> 00:02.000\na\n\nSTYLE\ntoo late\n"
    )

    found = read_webvtt(data)

    assert [it.text for it in found.cues] == ["a"]
    assert found.styles == ("::cue { color: red }",)
    assert found.regions == ("id:fred width:40%",)


@pytest.mark.parametrize(
    ("header", "offset_us"),
    [
        ("X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000", 10_000_000),
        ("X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:04.000", 6_000_000),
        ("X-TIMESTAMP-MAP=MPEGTS:900000, LOCAL:00:04.000", 6_000_000),
    ],
)
def test_a_timestamp_map_ties_cues_to_the_medias_clock(header: str, offset_us: int) -> None:
    found = read_webvtt(f"WEBVTT\n{header}\n\n00:01.000 --> 00:02.000\na")

    assert found.timestamp_map is not None
    assert found.timestamp_map.offset_us == offset_us
    assert len(found.cues) == 1


@pytest.mark.parametrize("value", ["", "LOCAL:00:00.000", "LOCAL:x,MPEGTS:1", "MPEGTS:-1,LOCAL:0"])
def test_a_broken_timestamp_map_is_none(value: str) -> None:
    assert read_webvtt(f"WEBVTT\nX-TIMESTAMP-MAP={value}\n\n").timestamp_map is None


@pytest.mark.parametrize(
    "line",
    [
        "00:01.000 -> 00:02.000",
        "00:01.000 --> later",
        "00:01.000 --> 00:02.0000",
        "0.0.0 --> 00:02.000",
        "00:61.000 --> 00:62.000",
        "00:61:00.000 --> 00:62:00.000",
        "00:03.000 --> 00:02.000",
        "-->",
    ],
)
def test_a_cue_that_cannot_be_timed_is_dropped_and_the_next_one_read(line: str) -> None:
    data = f"WEBVTT\n\n{line}\nbad\n\n00:03.000 --> 00:04.000\ngood"

    assert [it.text for it in read_webvtt(data).cues] == ["good"]


def test_a_missing_blank_line_does_not_lose_the_next_cue() -> None:
    data = "WEBVTT\n00:01.000 --> 00:02.000\na\n00:02.000 --> 00:03.000\nb"

    assert [(it.start_us, it.text) for it in read_webvtt(data).cues] == [
        (1_000_000, "a"),
        (2_000_000, "b"),
    ]


@pytest.mark.parametrize("data", [b"", b"<!DOCTYPE html>", b"WEBVTTX", b"1\n00:01,000 --> 2"])
def test_what_does_not_begin_as_webvtt_is_refused(data: bytes) -> None:
    with pytest.raises(MediaError, match="subs/1: not WebVTT"):
        read_webvtt(data, what="subs/1")


@pytest.mark.slow
def test_absurdly_much_is_refused() -> None:
    with pytest.raises(MediaError, match="bytes; "):
        read_webvtt(b"WEBVTT" + bytes(9 << 20))
    with pytest.raises(MediaError, match="cues"):
        read_webvtt("WEBVTT\n" + "\n0-->1\n" * 140_000)


def test_a_boxed_sample_holds_the_cues_that_show_during_it() -> None:
    sample = box(
        "vttc", box("iden", b"7"), box("sttg", b"line:1"), box("payl", "<i>Hé</i>".encode())
    ) + box("vttc", box("payl", b"two"))

    cues = read_wvtt_sample(sample, start_us=10, end_us=20)

    assert cues == (
        Cue(10, 20, "Hé", "<i>Hé</i>", "7", "line:1"),
        Cue(10, 20, "two", "two"),
    )
    assert read_wvtt_sample(box("vtte"), start_us=10, end_us=20) == ()


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(deadline=None)
def test_any_bytes_are_cues_or_a_media_error(data: bytes) -> None:
    found = read_webvtt(b"WEBVTT\n\n0-->1\n" + data)

    assert all(it.start_us <= it.end_us for it in found.cues)
    for tried in (data, box("vttc", data)):
        try:
            read_wvtt_sample(tried, start_us=0, end_us=1)
        except MediaError:
            continue


@given(st.text(alphabet="0123456789:.->\n WEBVTT<rt>/", max_size=300))
@settings(deadline=None)
def test_text_that_looks_like_cues_is_read_without_a_fuss(text: str) -> None:
    assert all(it.start_us <= it.end_us for it in read_webvtt("WEBVTT\n\n" + text).cues)


@needs_vectors
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("typical", 2),
        ("typical-with-bad-timestamps", 2),
        ("typical-with-identifiers", 2),
        ("with-bad-cue-header", 2),
        ("with-bom", 2),
        ("with-font-size", 6),
        ("with-positioning", 8),
        ("with-rubies", 4),
        ("with-wide-unicode-chars-and-cr-endings", 1),
    ],
)
def test_the_conformance_vectors_have_their_cues(name: str, count: int) -> None:
    cues = read_webvtt((VECTORS / "media3" / "webvtt" / name).read_bytes()).cues

    assert len(cues) == count


@needs_vectors
def test_the_cue_times_of_a_long_running_channel_are_mapped() -> None:
    found = read_webvtt((VECTORS / "media3/webvtt/with-x-timestamp-map-header").read_bytes())

    assert found.timestamp_map == TimestampMap(4_276_443_000, 384_879_885)
    assert [it.start_us for it in found.cues] == [958_715_679_000, 958_717_433_000]


@needs_vectors
def test_a_wvtt_track_is_read_through_its_fragments() -> None:
    data = (VECTORS / "media3" / "dash_webvtt-in-mp4" / "sample.text.mp4").read_bytes()
    samples = FragmentReader(read_init(data)).feed(data)

    cues = [
        cue
        for it in samples
        for cue in read_wvtt_sample(
            it.data, start_us=it.pts * 1000, end_us=(it.pts + it.duration) * 1000
        )
    ]

    assert [(it.start_us, it.end_us, it.text) for it in cues] == [
        (0, 234_000, "This is the first subtitle."),
        (345_000, 456_000, "This is the second subtitle."),
    ]
