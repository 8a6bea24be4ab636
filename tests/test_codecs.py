"""Codec strings name a decoder and what a display needs to know."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netplay.codecs import Codec, Family, Kind, family, kind_of, split_codecs, understand


@pytest.mark.parametrize(
    ("codec", "decoder", "sort"),
    [
        ("avc1.640028", "h264", "video"),
        ("avc3.4D401F", "h264", "video"),
        ("avc1.77.30", "h264", "video"),
        ("hvc1.2.4.L153.B0", "hevc", "video"),
        ("hev1.1.6.L93.B0", "hevc", "video"),
        ("dvh1.05.06", "hevc", "video"),
        ("vp09.02.10.10.01.09.16.09.01", "vp9", "video"),
        ("vp9", "vp9", "video"),
        ("av01.0.04M.08", "av1", "video"),
        ("mp4a.40.2", "aac", "audio"),
        ("mp4a.40.34", "mp3", "audio"),
        ("mp4a.6B", "mp3", "audio"),
        ("mp4a.a5", "ac3", "audio"),
        ("ac-3", "ac3", "audio"),
        ("ec-3", "eac3", "audio"),
        ("Opus", "opus", "audio"),
        ("opus", "opus", "audio"),
        ("fLaC", "flac", "audio"),
        ("wvtt", "webvtt", "text"),
        ("stpp.ttml.im1t", "ttml", "text"),
        ("stpp", "ttml", "text"),
        ("theora", None, "video"),
        ("mp4a.99", None, "audio"),
        ("", None, None),
        (".", None, None),
    ],
)
def test_a_string_names_its_decoder(codec: str, decoder: Family | None, sort: Kind | None) -> None:
    assert family(codec) == decoder
    assert kind_of(codec) == sort


@pytest.mark.parametrize(
    ("codec", "told"),
    [
        ("avc1.640028", Codec("", "h264", "video", "64", 40, 8)),
        ("avc1.6E0033", Codec("", "h264", "video", "6e", 51, 10)),
        ("avc1.77.30", Codec("", "h264", "video", "4d", 30, 8)),
        ("avc1.zzzzzz", Codec("", "h264", "video")),
        ("hvc1.2.4.L153.B0", Codec("", "hevc", "video", "2", 153, 10)),
        ("hvc1.A4.10.H93", Codec("", "hevc", "video", "A4", 93)),
        ("vp09.02.10.10.01.09.16.09.01", Codec("", "vp9", "video", "02", 10, 10, "pq")),
        ("vp09.00.10.08", Codec("", "vp9", "video", "00", 10, 8)),
        ("av01.0.13M.10.0.110.09.18.09.0", Codec("", "av1", "video", "0", 13, 10, "hlg")),
        ("av01.0.04M.08.0.110.01.01.01.0", Codec("", "av1", "video", "0", 4, 8, "sdr")),
        ("dvh1.05.06", Codec("", "hevc", "video", "05", 6, 10, "pq", 5)),
        ("dvav.09.05", Codec("", "h264", "video", "09", 5, 8, "sdr", 9)),
        ("mp4a.40.29", Codec("", "aac", "audio", "29")),
        ("ec-3", Codec("", "eac3", "audio")),
    ],
)
def test_a_string_tells_what_it_tells_and_no_more(codec: str, told: Codec) -> None:
    found = understand(codec)

    assert found.codec == codec
    assert Codec("", *[getattr(found, name) for name in Codec.__slots__[1:]]) == told


def test_an_attribute_is_split_at_its_commas() -> None:
    assert split_codecs(' "avc1.640028, mp4a.40.2",,wvtt ') == ("avc1.640028", "mp4a.40.2", "wvtt")
    assert split_codecs("") == ()


@given(st.text(alphabet="avchp1.90246LMB-x", max_size=20) | st.text(max_size=20))
@settings(deadline=None)
def test_any_string_is_understood_or_unknown(codec: str) -> None:
    found = understand(codec)

    assert found.family == family(codec)
    assert found.kind == kind_of(codec)
    assert found.family is None or found.kind is not None
