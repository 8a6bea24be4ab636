"""Reads an encoder's plain MP4 back as samples, and says where segments cut them.

Cuts are by count: a video segment is a number of frames, and an audio segment starts with
the AAC frame that sounds when its video starts, so it covers the whole of its video
whatever the ratio of the two clocks.
"""

from pathlib import Path

import av

from netplay.edge.encode import AAC_FRAME
from netplay.edge.fmp4 import Sample
from netplay.edge.sound import SAMPLE_RATE
from netplay.edge.title import TitleSpec
from netplay.media.boxes import find

__all__ = ["audio_cuts", "read_samples", "sample_description", "video_cuts"]


def video_cuts(spec: TitleSpec) -> list[int]:
    """Return which frame each segment starts with."""
    return list(range(0, spec.frames, spec.gop_frames))


def audio_cuts(spec: TitleSpec) -> list[int]:
    """Return which AAC frame each segment starts with; frame 0 is the encoder's priming."""
    starts = [int(n * spec.cut_s * SAMPLE_RATE) // AAC_FRAME + 1 for n in range(spec.segments)]
    return [0, *starts[1:]]


def read_samples(source: Path) -> tuple[list[Sample], int, int]:
    """Return a one-track MP4 file's samples, its timescale, and what an edit list skips.

    Decoding times count from zero, so presentation is late by as much as decoding runs
    ahead: by the reordering of video frames, or by the priming of an audio encoder.
    """
    with av.open(source) as container:
        stream = container.streams[0]
        base = stream.time_base
        assert base is not None
        assert base.numerator == 1, "FFmpeg writes a timescale, so ticks are one over it"
        packets = [packet for packet in container.demux(stream) if packet.size]
        first = _known(packets[0].dts)
        samples = []
        for packet in packets:
            dts = _known(packet.dts)
            offset = _known(packet.pts) - dts
            duration = _known(packet.duration)
            samples.append(Sample(bytes(packet), dts - first, offset, duration, packet.is_keyframe))
    return samples, base.denominator, -first


def _known(ticks: int | None) -> int:
    assert ticks is not None, "our own encoders stamp every packet"
    return ticks


def sample_description(source: Path) -> bytes:
    """Return the whole stsd box of a one-track MP4 file."""
    data = source.read_bytes()
    found = find(data, "moov", "trak", "mdia", "minf", "stbl", "stsd")
    assert found is not None, "FFmpeg describes what it muxes"
    return data[found.start : found.end]
