"""Boxes are found where they are, and hostile sizes are refused."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netplay.errors import MediaError
from netplay.media.boxes import Box, Header, Reader, boxes, find, find_all, header


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def test_a_level_is_walked_in_order_without_entering_the_boxes() -> None:
    data = box(b"ftyp", b"iso6") + box(b"moov", box(b"mvhd")) + box(b"free")

    assert list(boxes(data)) == [
        Box("ftyp", 0, 8, 12),
        Box("moov", 12, 20, 28),
        Box("free", 28, 36, 36),
    ]


def test_a_64_bit_size_is_read() -> None:
    data = struct.pack(">I4sQ", 1, b"mdat", 20) + b"abcd" + box(b"free")

    assert list(boxes(data)) == [Box("mdat", 0, 16, 20), Box("free", 20, 28, 28)]


def test_size_zero_reaches_to_the_end() -> None:
    data = box(b"free") + struct.pack(">I4s", 0, b"mdat") + b"abcdef"

    assert list(boxes(data))[1] == Box("mdat", 8, 16, 22)


def test_a_uuid_box_is_named_by_its_uuid() -> None:
    uuid = bytes(range(16))

    assert list(boxes(box(b"uuid", uuid + b"xy"))) == [Box(uuid.hex(), 0, 24, 26)]


def test_a_path_leads_to_every_box_it_names() -> None:
    traks = box(b"trak", box(b"tkhd", b"1")) + box(b"trak", box(b"tkhd", b"2"))
    data = box(b"ftyp") + box(b"moov", box(b"mvhd") + traks)

    found = [data[at.body : at.end] for at in find_all(data, "moov", "trak", "tkhd")]
    first = find(data, "moov", "trak", "tkhd")

    assert found == [b"1", b"2"]
    assert first is not None
    assert data[first.body : first.end] == b"1"
    assert find(data, "moov", "udta") is None


def test_up_to_seven_bytes_left_over_are_padding() -> None:
    assert [at.kind for at in boxes(box(b"free") + bytes(7))] == ["free"]


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I4s", 7, b"moov"),
        struct.pack(">I4s", 9, b"moov"),
        struct.pack(">I4sQ", 1, b"moov", 15),
        struct.pack(">I4sQ", 1, b"moov", 2**63),
        struct.pack(">I4s", 1, b"moov"),
        struct.pack(">I4s", 24, b"uuid") + bytes(8),
        struct.pack(">I4s", 20, b"uuid") + bytes(16),
    ],
)
def test_a_box_that_cannot_be_is_an_error_that_names_the_bytes(data: bytes) -> None:
    with pytest.raises(MediaError, match=r"video/3/1: .*byte 0"):
        list(boxes(data, what="video/3/1"))


def test_a_box_may_not_reach_out_of_its_parent() -> None:
    data = box(b"moov", struct.pack(">I4s", 16, b"trak")) + bytes(16)

    with pytest.raises(MediaError):
        find(data, "moov", "trak")


def test_a_header_waits_for_its_own_bytes_only() -> None:
    data = struct.pack(">I4sQ", 1, b"mdat", 1 << 40)

    assert header(data, 0, 15) is None
    assert header(data, 0, 16) == Header("mdat", 16, 1 << 40)


def test_a_reader_reads_fields_and_stops_at_its_end() -> None:
    reader = Reader(bytes.fromhex("01fffe000102000000030000000000000004") + b"abc\0rest")

    assert (reader.u8(), reader.i16(), reader.u24()) == (1, -2, 0x000102)
    assert (reader.u32(), reader.u64()) == (3, 4)
    assert (reader.text(), reader.rest()) == ("abc", b"rest")
    with pytest.raises(MediaError):
        reader.u8()


def test_a_reader_never_steps_backwards() -> None:
    with pytest.raises(MediaError):
        Reader(b"abcd", 2).skip(-1)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_boxes_or_a_media_error(data: bytes) -> None:
    try:
        found = list(boxes(data))
    except MediaError:
        return

    assert all(0 <= at.start < at.body <= at.end <= len(data) for at in found)
    assert all(a.end == b.start for a, b in pairwise(found))
