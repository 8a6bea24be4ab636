"""The end of a sample's picture data can be changed, and nothing else changes with it."""

import pytest
from clips import clip, split
from hypothesis import given
from hypothesis import strategies as st

from netplay.errors import MediaError
from netplay.media.fragments import FragmentReader
from netplay.media.init import read_init
from netplay.media.tails import vp9_frames, with_tail

ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1"}
AVCC = bytes([1, 100, 0, 40, 0xFF])


@pytest.mark.slow
@pytest.mark.parametrize("codec", ENCODERS)
def test_only_the_end_changes(codec: str) -> None:
    init, media = split(clip(ENCODERS[codec]))
    read = read_init(init)

    for sample in FragmentReader(read).feed(media):
        data = bytes(sample.data)
        same = with_tail(codec, data, read.tracks[0].extradata, lambda tail: tail)
        longer = with_tail(codec, data, read.tracks[0].extradata, lambda tail: tail + b"\x01" * 99)
        assert same.rstrip(b"\0") == data.rstrip(b"\0")
        assert longer.count(b"\x01" * 99) == 1
        assert 99 <= len(longer) - len(same) <= 101


def unit(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def test_the_last_slice_is_changed_without_what_fills_it() -> None:
    sei, first, last = b"\x06abc", b"\x65first", b"\x61last"
    data = unit(sei) + unit(first) + unit(last + b"\0\0\3\0\0\3") + unit(sei)
    tails: list[bytes] = []

    def edit(tail: bytes) -> bytes:
        tails.append(tail)
        return tail + b"!"

    assert with_tail("h264", data, AVCC, edit) == (
        unit(sei) + unit(first) + unit(last + b"!") + unit(sei)
    )
    assert tails == [last]


def test_a_superframes_index_is_written_anew() -> None:
    marker = 0b110_00_001
    data = b"frame-one" + b"two" + bytes([marker, 9, 3, marker])

    changed = with_tail("vp9", data, b"", lambda tail: tail + b"!" * 300)

    assert vp9_frames(data) == [9, 3]
    assert vp9_frames(changed) == [9, 303]
    assert changed.startswith(b"frame-one" + b"two!")


def test_an_obus_size_is_written_anew() -> None:
    delimiter, frame = bytes([2 << 3 | 2, 0]), bytes([6 << 3 | 2, 4]) + b"tile"

    changed = with_tail("av1", delimiter + frame, b"", lambda tail: tail + b"!" * 200)

    assert changed == delimiter + bytes([6 << 3 | 2, 204 & 0x7F | 0x80, 1]) + b"tile" + b"!" * 200


@pytest.mark.parametrize(
    ("codec", "data", "complaint"),
    [
        ("h264", unit(b"\x06abc"), "no slice"),
        ("h264", unit(b"\x65abc")[:-1], "a NAL unit of 4 bytes, 3 are there"),
        ("h264", bytes(4), "a NAL unit of 0 bytes"),
        ("av1", bytes([2 << 3 | 2, 0]), "no tiles"),
        ("av1", bytes([6 << 3 | 2, 9]), "an OBU of 9 bytes, 0 are there"),
        ("av1", bytes([6 << 3 | 2]), "ends inside a header"),
        ("vp9", bytes([0b110_00_000, 9, 0b110_00_000]), "a superframe of 9 bytes in 3"),
    ],
)
def test_what_has_no_such_structure_is_an_error(codec: str, data: bytes, complaint: str) -> None:
    with pytest.raises(MediaError, match=complaint):
        with_tail(codec, data, AVCC, lambda tail: tail)


def test_other_codecs_are_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="the tail of aac"):
        with_tail("aac", b"abc", b"", lambda tail: tail)


@given(st.sampled_from(["h264", "hevc", "vp9", "av1"]), st.binary(max_size=60))
def test_any_bytes_give_a_sample_or_an_error(codec: str, data: bytes) -> None:
    try:
        found = with_tail(codec, data, AVCC.ljust(23, b"\xff"), lambda tail: tail)
    except MediaError:
        return
    assert len(found) <= len(data) + 64
