"""How long packets of Opus say they are."""

import pytest
from clips import clip, split

from netplay.media.fragments import FragmentReader
from netplay.media.init import read_init
from netplay.media.opus import opus_samples

TWENTY_MS = bytes([19 << 3])
"""CELT, wide band, 20 ms, one frame."""


def toc(configuration: int, code: int) -> bytes:
    return bytes([configuration << 3 | code])


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (TWENTY_MS + bytes(9), 960),
        (TWENTY_MS, 960),
        (toc(0, 0) + bytes(9), 480),
        (toc(3, 0) + bytes(9), 2880),
        (toc(13, 0) + bytes(9), 960),
        (toc(16, 1) + bytes(8), 240),
        (toc(19, 2) + bytes([3]) + bytes(8), 1920),
        (toc(19, 2) + bytes([252, 1]) + bytes(300), 1920),
        (toc(19, 3) + bytes([3]) + bytes(9), 2880),
        (toc(19, 3) + bytes([0x80 | 2, 5]) + bytes(9), 1920),
        (toc(19, 3) + bytes([0x40 | 1, 255, 1]) + bytes(3 + 255), 960),
        (toc(16, 3) + bytes([48]) + bytes(48), 5760),
    ],
)
def test_a_packet_says_how_long_it_is(packet: bytes, samples: int) -> None:
    assert opus_samples(packet) == samples


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        TWENTY_MS + bytes(1276),
        toc(19, 1) + bytes(7),
        toc(19, 2),
        toc(19, 2) + bytes([200]) + bytes(9),
        toc(19, 2) + bytes([252]),
        toc(19, 3),
        toc(19, 3) + bytes([0]),
        toc(19, 3) + bytes([2]) + bytes(9),
        toc(19, 3) + bytes([7]) + bytes(7),
        toc(19, 3) + bytes([0x80 | 2, 99]) + bytes(9),
        toc(19, 3) + bytes([0x40 | 1, 255]),
        toc(19, 3) + bytes([0x40 | 1, 9]) + bytes(3),
    ],
)
def test_what_breaks_the_rules_is_no_packet(packet: bytes) -> None:
    assert opus_samples(packet) is None


@pytest.mark.slow
def test_real_packets_are_as_long_as_their_samples() -> None:
    init, media = split(clip("libopus"))
    track = read_init(init).tracks[0]

    samples = FragmentReader(read_init(init)).feed(media)

    assert track.timescale == 48_000
    assert len(samples) > 90
    assert {opus_samples(it.data) for it in samples} == {960}
    assert {it.duration for it in samples[:-1]} == {960}
