"""A segment index leads to the fragments that are really there."""

from itertools import pairwise
from pathlib import Path

import av
import pytest
from boxmaker import box, full, u16, u32, u64
from clips import VECTORS, clip, needs_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from netplay.errors import MediaError
from netplay.media.boxes import boxes
from netplay.media.fragments import FragmentReader
from netplay.media.init import read_init
from netplay.media.sidx import Incomplete, Reference, Sidx, read_sidx


def index(*rows: tuple[int, int, int], version: int = 1, offset: int = 0) -> bytes:
    times = u64(9000, offset) if version else u32(9000, offset)
    cells = b"".join(u32(*row) for row in rows)
    return full("sidx", u32(1, 90_000), times, u16(0, len(rows)), cells, version=version)


TWO = index((1000, 180_000, 0x9000_0000), (1 << 31 | 44, 90_000, 5))


@pytest.mark.parametrize("version", [0, 1])
def test_pieces_lie_one_after_another_behind_the_index(version: int) -> None:
    data = index(
        (1000, 180_000, 0x9000_0000), (1 << 31 | 44, 90_000, 5), version=version, offset=10
    )

    sidx = read_sidx(data + b"more", first_byte=500)

    start = 500 + len(data) + 10
    assert sidx == Sidx(
        reference_id=1,
        timescale=90_000,
        earliest_ticks=9000,
        first_byte=500,
        size_bytes=len(data),
        references=(
            Reference("media", start, 1000, 9000, 180_000, True, 1, 0),
            Reference("index", start + 1000, 44, 189_000, 90_000, False, 0, 5),
        ),
    )
    assert sidx.is_hierarchical
    assert sidx.references[0].last_byte == start + 999


def test_boxes_before_the_index_are_passed_over() -> None:
    data = box("ftyp", b"iso6") + box("free", bytes(50)) + TWO

    sidx = read_sidx(data, first_byte=0)

    assert isinstance(sidx, Sidx)
    assert sidx.references[0].first_byte == len(data)


def test_too_few_bytes_say_how_many_are_needed_and_never_too_many() -> None:
    data = box("ftyp", b"iso6") + box("moov", bytes(50)) + TWO

    for length in range(len(data)):
        sidx = read_sidx(data[:length], first_byte=0)

        assert isinstance(sidx, Incomplete)
        assert length < sidx.needed_bytes <= len(data)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (box("ftyp") + box("moof") + TWO, "no sidx box before 'moof' at byte 8"),
        (u32(2**31) + b"free", "no sidx box within"),
        (u32(2**31) + b"sidx", "a sidx box of 2147483648 bytes"),
        (full("sidx", u32(1, 0, 0, 0), u16(0, 0)), "timescale of 0"),
        (full("sidx", u32(1, 1, 0, 0), u16(0, 9)), "bytes wanted"),
    ],
)
def test_what_is_no_index_is_an_error(data: bytes, complaint: str) -> None:
    with pytest.raises(MediaError, match=f"v3: .*{complaint}"):
        read_sidx(data, first_byte=0, what="v3")


@given(st.binary(max_size=80), st.integers(0, 99))
@settings(deadline=None)
def test_any_bytes_are_an_index_or_refused(data: bytes, first_byte: int) -> None:
    for tried in (data, full("sidx", data)):
        try:
            sidx = read_sidx(tried, first_byte=first_byte)
        except MediaError:
            continue
        match sidx:
            case Sidx():
                assert sidx.timescale > 0
            case Incomplete():
                assert sidx.needed_bytes > len(tried)


@pytest.mark.slow
def test_libavs_own_index_leads_to_each_fragment_and_its_time(tmp_path: Path) -> None:
    # libav goes back to write a global index, so this file cannot be made in memory.
    path = tmp_path / "indexed.mp4"
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof+dash+global_sidx"}
    source = tmp_path / "source.mp4"
    source.write_bytes(clip("libx264"))
    with av.open(source, "r") as reading, av.open(path, "w", options=options) as writing:
        stream = writing.add_stream_from_template(reading.streams.video[0])
        for packet in reading.demux():
            if packet.dts is not None:
                packet.stream = stream
                writing.mux(packet)
    data = path.read_bytes()

    sidx = read_sidx(data, first_byte=0)

    assert isinstance(sidx, Sidx)
    init = read_init(data)
    moofs = [at.start for at in boxes(data) if at.kind == "moof"]
    assert [it.first_byte for it in sidx.references] == moofs
    assert len(moofs) == 2
    for one, other in pairwise(sidx.references):
        assert one.start_ticks + one.duration_ticks == other.start_ticks
    for piece in sidx.references:
        reader = FragmentReader(init, first_byte=piece.first_byte)
        samples = reader.feed(data[piece.first_byte : piece.last_byte + 1])
        reader.finish()
        assert min(it.pts for it in samples) == piece.start_ticks
        assert samples[0].keyframe
        assert piece.starts_with_sap


@needs_vectors
def test_the_index_of_a_single_file_covers_it() -> None:
    data = (VECTORS / "mp4ff" / "bbb5s_aac_sidx.mp4").read_bytes()

    sidx = read_sidx(data, first_byte=0)

    assert isinstance(sidx, Sidx)
    moofs = {at.start for at in boxes(data) if at.kind == "moof"}
    assert {it.first_byte for it in sidx.references} <= moofs
    assert sidx.references[-1].last_byte == len(data) - 1
