"""The same samples as MPEG-TS segments and as packed audio, for HLS the old way.

FFmpeg's muxer writes a transport stream a segment; continuity counters are then renumbered
so that the segments are one stream, which is what HLS demands of segments without a
discontinuity between them. The clock starts at ten seconds: a player that takes transport
time for presentation time fails here, as it would in the field.

Source: RFC 8216, sections 3.2 (MPEG-2 Transport Streams) and 3.4 (Packed Audio);
ISO/IEC 13818-1 (continuity_counter); ISO/IEC 13818-7 (ADTS); ID3v2.4.0 (PRIV).
"""

import io
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from netplay.edge.samples import audio_cuts, read_samples, video_cuts
from netplay.edge.title import TitleSpec

__all__ = ["START_90KHZ", "write_packed_audio", "write_transport_stream"]

START_90KHZ = 900_000
"""What the transport clock shows at title time zero."""
CLOCK_HZ = 90_000

PACKET_BYTES = 188
ADTS_BYTES = 7

Source = tuple[Path, Sequence[int]]
"""A plain MP4 file, and which of its samples each segment starts with."""


def write_transport_stream(
    spec: TitleSpec, video: Path, audio: Path | None, home: Path
) -> tuple[int, ...]:
    """Write a rung, with one language muxed in, as numbered .ts files; return their sizes."""
    sources: list[Source] = [(video, video_cuts(spec))]
    if audio is not None:
        sources.append((audio, audio_cuts(spec)))
    sizes = []
    counters: dict[int, int] = {}
    for number, body in enumerate(_muxed(sources), 1):
        data = renumbered(body, counters)
        (home / f"{number:05}.ts").write_bytes(data)
        sizes.append(len(data))
    return tuple(sizes)


def _muxed(sources: Sequence[Source]) -> Iterator[bytes]:
    """Yield a transport stream for each segment of its sources."""
    with ExitStack() as stack:
        tracks = []
        for path, cuts in sources:
            container = stack.enter_context(av.open(path))
            stream = container.streams[0]
            packets = [packet for packet in container.demux(stream) if packet.size]
            tracks.append((stream, packets, [*cuts, len(packets)]))
        for number in range(len(sources[0][1])):
            sink = io.BytesIO()
            options = {"mpegts_copyts": "1", "mpegts_flags": "+resend_headers"}
            with av.open(sink, "w", format="mpegts", container_options=options) as out:
                due = []
                for stream, packets, edges in tracks:
                    copy = out.add_stream_from_template(stream)
                    for packet in packets[edges[number] : edges[number + 1]]:
                        base, pts, dts = packet.time_base, packet.pts, packet.dts
                        assert pts is not None
                        assert dts is not None
                        moved = int(START_90KHZ / base / CLOCK_HZ)
                        packet.pts, packet.dts = pts + moved, dts + moved
                        due.append((packet.dts * base, packet, copy))
                for _, packet, copy in sorted(due, key=lambda item: item[0]):
                    packet.stream = copy
                    out.mux_one(packet)
            yield sink.getvalue()


def renumbered(stream: bytes, counters: dict[int, int]) -> bytes:
    """Return a transport stream whose continuity counters go on from an earlier one.

    Args:
        stream: Whole packets; counters within it are already continuous.
        counters: Last counter of each PID so far; brought up to date.
    """
    packets = np.frombuffer(stream, np.uint8).reshape(-1, PACKET_BYTES).copy()
    pids = (packets[:, 1].astype(int) & 0x1F) << 8 | packets[:, 2]
    own = packets[:, 3] & 0xF
    for pid in np.unique(pids):
        at = np.flatnonzero(pids == pid)
        # A packet without payload repeats the counter; FFmpeg opens a PID with one that
        # carries payload, so the first one here counts on.
        shift = (counters.get(int(pid), -1) + 1 - int(own[at[0]])) & 0xF
        moved = (own[at] + shift) & 0xF
        packets[at, 3] = packets[at, 3] & 0xF0 | moved
        counters[int(pid)] = int(moved[-1])
    return packets.tobytes()


def write_packed_audio(spec: TitleSpec, audio: Path, home: Path) -> tuple[int, ...]:
    """Write a language as numbered .aac files of ADTS frames; return their sizes."""
    samples, timescale, skipped = read_samples(audio)
    sizes = []
    for number, (start, end) in enumerate(pairwise([*audio_cuts(spec), len(samples)]), 1):
        ticks = samples[start].dts - skipped
        clock = START_90KHZ + ticks * CLOCK_HZ // timescale
        frames = [_adts(len(sample.data)) + sample.data for sample in samples[start:end]]
        data = _clock_tag(clock) + b"".join(frames)
        (home / f"{number:05}.aac").write_bytes(data)
        sizes.append(len(data))
    return tuple(sizes)


def _adts(payload_bytes: int) -> bytes:
    """Return the header of one AAC-LC frame, stereo at 48 kHz, without a checksum."""
    profile, rate_index, channels = 1, 3, 2
    size = ADTS_BYTES + payload_bytes
    word = 0xFFF << 44 | 1 << 40 | profile << 38 | rate_index << 34 | channels << 30
    word |= size << 13 | 0x7FF << 2
    return word.to_bytes(ADTS_BYTES, "big")


def _clock_tag(clock: int) -> bytes:
    """Return the ID3 tag that says what the transport clock shows at the first sample."""
    owner = b"com.apple.streaming.transportStreamTimestamp\0"
    said = owner + struct.pack(">Q", clock % 2**33)
    frame = b"PRIV" + _synchsafe(len(said)) + bytes(2) + said
    return b"ID3\x04\x00\x00" + _synchsafe(len(frame)) + frame


def _synchsafe(size: int) -> bytes:
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
