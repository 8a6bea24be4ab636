"""Containers that are read whole, by libav: MPEG-TS, packed audio, WebM and plain MP4.

libav's demuxers want a file; a segment is one once it is complete. Everything here blocks,
and belongs into a worker thread. A fresh demuxer for every segment: one that lives on
would read a second init segment as if it were the first.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import pairwise
from typing import Any

import av
from av.error import FFmpegError

from netplay.errors import MediaError
from netplay.io.source import Config, Packet, Stream
from netplay.media.container import Container, read_id3

__all__ = ["Demuxed", "demux"]

_FORMATS: dict[Container, str] = {
    "fmp4": "mov",
    "mpegts": "mpegts",
    "aac": "aac",
    "mp3": "mp3",
    "ac3": "ac3",
    "eac3": "eac3",
    "webm": "matroska",
}
_PACKED: tuple[Container, ...] = ("aac", "mp3", "ac3", "eac3")
_TIMESTAMP_HZ = 90_000


@dataclass(frozen=True, slots=True)
class Demuxed:
    """One stream of a segment, in decoding order."""

    config: Config
    packets: list[Packet]

    @property
    def from_us(self) -> int:
        """The earliest presentation time, rounded down."""
        first = min(packet.pts for packet in self.packets)
        return first * 1_000_000 // self.config.timescale

    @property
    def until_us(self) -> int:
        """Where the last frame ends, rounded down."""
        end = max(packet.pts + packet.duration for packet in self.packets)
        return end * 1_000_000 // self.config.timescale


def demux(data: bytes, container: Container, *, what: str) -> tuple[Demuxed, ...]:
    """Return the first video and the first audio stream of a complete segment.

    Args:
        data: The segment, an init segment it needs in front of it.
        container: What it is in, as `netplay.media.container.sniff` says.
        what: Names it in errors.

    Raises:
        MediaError: It cannot be read, or holds neither video nor audio.
    """
    start = 0
    if container in _PACKED:
        data, start = _behind_tags(data)
    try:
        with av.open(BytesIO(data), format=_FORMATS[container]) as opened:
            found = _read(opened, what=what)
    except (FFmpegError, ValueError) as error:
        reason = error.strerror if isinstance(error, FFmpegError) else str(error)
        raise MediaError(what, f"{container}: {reason}") from error
    if not found:
        raise MediaError(what, f"{container}: neither video nor audio in it")
    return tuple(_shifted(it, start) for it in found) if start else found


def _behind_tags(data: bytes) -> tuple[bytes, int]:
    """Return packed audio without its ID3 tags, and the time they give its first sample."""
    at, start = 0, 0
    while (tag := read_id3(memoryview(data)[at : at + (1 << 17)])) is not None:
        start = tag.timestamp_90khz or start
        at += tag.size_bytes
    return data[at:], start


def _shifted(demuxed: Demuxed, start_90khz: int) -> Demuxed:
    ticks = start_90khz * demuxed.config.timescale // _TIMESTAMP_HZ
    packets = [replace(it, pts=it.pts + ticks, dts=it.dts + ticks) for it in demuxed.packets]
    return Demuxed(demuxed.config, packets)


def _read(opened: Any, *, what: str) -> tuple[Demuxed, ...]:
    chosen: list[Any] = [*opened.streams.video[:1], *opened.streams.audio[:1]]
    if not chosen:
        return ()
    raw: dict[int, list[Any]] = {stream.index: [] for stream in chosen}
    for packet in opened.demux(chosen):
        if packet.size and packet.dts is not None:
            raw[packet.stream_index].append(packet)
    return tuple(
        Demuxed(_config(stream), _packets(raw[stream.index], stream, what=what))
        for stream in chosen
        if raw[stream.index]
    )


def _config(stream: Any) -> Config:
    context = stream.codec_context
    kind: Stream = "video" if stream.type == "video" else "audio"
    return Config(
        stream=kind,
        codec=context.codec.canonical_name,
        timescale=stream.time_base.denominator,
        extradata=bytes(context.extradata or b""),
        width=context.width or None if kind == "video" else None,
        height=context.height or None if kind == "video" else None,
        sample_rate_hz=context.sample_rate or None if kind == "audio" else None,
        channels=context.channels or None if kind == "audio" else None,
    )


def _packets(raw: list[Any], stream: Any, *, what: str) -> list[Packet]:
    step = stream.time_base.numerator
    usual = _usual_duration(raw, stream)
    made = []
    for packet in raw:
        pts = packet.dts if packet.pts is None else packet.pts
        trim_start, trim_end = _trims(packet)
        made.append(
            Packet(
                pts=pts * step,
                dts=packet.dts * step,
                duration=(packet.duration or usual) * step,
                keyframe=packet.is_keyframe,
                data=bytes(packet),
                trim_start=trim_start,
                trim_end=trim_end,
            )
        )
    if stream.type == "video" and not any(packet.keyframe for packet in made):
        raise MediaError(what, "no keyframe in it")
    return made


def _usual_duration(raw: list[Any], stream: Any) -> int:
    """Return how long a frame lasts whose packet does not say."""
    said = [packet.duration for packet in raw if packet.duration]
    if said:
        return int(min(said))
    times = sorted(packet.dts for packet in raw)
    gaps = [after - before for before, after in pairwise(times)]
    if any(gap > 0 for gap in gaps):
        return int(min(gap for gap in gaps if gap > 0))
    rate = stream.guessed_rate if stream.type == "video" else None
    return round(1 / (rate * stream.time_base)) if rate else 0


def _trims(packet: Any) -> tuple[int, int]:
    """Return how many samples libav wants dropped from the start and the end."""
    for side in packet.iter_sidedata():
        if side.data_type == "skip_samples":
            start, end = struct.unpack_from("<II", bytes(side))
            return start, end
    return 0, 0
