"""Event messages of both versions say the same things in different order."""

import pytest
from boxmaker import full, u32, u64
from clips import VECTORS, needs_vectors

from netplay.errors import MediaError
from netplay.media.boxes import boxes
from netplay.media.emsg import EventMessage, read_emsg

SCHEME = b"urn:scte:scte35:2013:bin\0"


def read(data: bytes) -> EventMessage:
    return read_emsg(data, next(boxes(data)))


def test_version_0_counts_from_the_segment() -> None:
    data = full("emsg", SCHEME, b"1\0", u32(1000, 20, 30, 40), b"payload")

    event = read(data)

    assert event == EventMessage(
        "urn:scte:scte35:2013:bin", "1", 1000, 20, True, 30, 40, b"payload"
    )


def test_version_1_counts_from_the_representation() -> None:
    data = full("emsg", u32(1000), u64(2**40), u32(2**32 - 1, 7), SCHEME, b"\0", version=1)

    event = read(data)

    assert event == EventMessage("urn:scte:scte35:2013:bin", "", 1000, 2**40, False, None, 7, b"")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (full("emsg", SCHEME, b"1\0", u32(0, 0, 0, 0)), "timescale of 0"),
        (full("emsg", bytes(40), version=2), "version 2"),
        (full("emsg", SCHEME), "bytes wanted"),
    ],
)
def test_a_broken_event_is_an_error(data: bytes, complaint: str) -> None:
    with pytest.raises(MediaError, match=complaint):
        read(data)


@needs_vectors
def test_the_events_in_a_real_file_are_read() -> None:
    data = (VECTORS / "media3" / "dash_multi-segment-with-emsg1" / "video.mp4").read_bytes()

    events = [read_emsg(data, at) for at in boxes(data) if at.kind == "emsg"]

    assert [(it.ticks, it.event_id, it.payload) for it in events] == [
        (0, 1, b"Frag1_Data"),
        (15_000, 2, b"Frag2_Data"),
    ]
