"""Whether decrypted media is media: asked once, of the first samples under each key.

A wrong key gives random bytes, and decoders make pictures of random bytes without complaint:
arithmetic decoders by design, and FFmpeg's slice threads even where it could tell. So the
first keyframe is decoded apart, on one thread and with every error fatal. That settles
H.264 and most sound. Where it does not (HEVC, VP9, AV1), what holds for every right picture
is asked: its data ends where the picture ends. Bytes behind the end must change nothing, and
other bytes at the end must change something; random data ends somewhere else.

A codec of which nothing here is known is only decoded, and a key that is wrong for it may
pass.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import av
from av.error import FFmpegError

from netplay.errors import MediaError
from netplay.io.source import Config, Packet
from netplay.media.opus import opus_samples
from netplay.media.protection import SampleEncryption
from netplay.media.tails import with_tail

__all__ = ["PROBED_SOUNDS", "is_telling", "misfit"]

PROBED_SOUNDS = 8
"""Packets of sound that settle it. A random first byte of Opus fits a stream's packet
duration one time in five; of eight in a row, one time in 400,000."""

_BLOCK = 16
_TAIL_BYTES = 16
"""What is changed at the end: the last decisions of an arithmetic coder and no more."""
_TURNS = 4
"""Other ends that are tried before a picture counts as finished without them: a black one
may be the same for most of them."""
_BEHIND = bytes(8)
"""Coders look, and AV1's may even count, up to four bytes past their end, as zeros."""
_OPUS_HZ = 48_000

_Frames = list[tuple[bytes, ...]]


def is_telling(encryption: SampleEncryption, scheme: str, size: int) -> bool:
    """Return whether anything of a sample is encrypted, so that a wrong key would show.

    Short samples are not, in the schemes that encrypt whole blocks: AAC's silence is.

    Args:
        encryption: How the sample is encrypted.
        scheme: "cenc", "cens", "cbc1" or "cbcs".
        size: Of the sample, in bytes.
    """
    ranges = [protected for _, protected in encryption.subsamples] or [size]
    crypt, skip = encryption.pattern or (1, 0)
    least = 1 if scheme == "cenc" else _BLOCK * (crypt if skip else 1)
    return any(protected >= least for protected in ranges)


def misfit(config: Config, packets: Sequence[Packet]) -> str | None:
    """Return why packets cannot be what was encrypted, or None where they can.

    Blocks for as long as decoding a few pictures takes; reads nothing but its arguments.

    Args:
        config: Their stream.
        packets: Decrypted under one key, each of them telling: one keyframe of video, or
            up to `PROBED_SOUNDS` packets of sound from the first.
    """
    if _software_name(config.codec) not in av.codecs_available:
        return None  # This device cannot play it either, and whoever tries says so.
    if config.codec == "opus" and (wrong := _opus_misfit(config, packets)):
        return wrong
    frames = _decoded(config, [bytes(packet.data) for packet in packets])
    if isinstance(frames, str):
        return frames
    if config.stream != "video":
        return None
    if not frames:
        return "a keyframe gives no picture"
    if config.codec in ("hevc", "vp9", "av1"):
        return _tail_misfit(config, bytes(packets[0].data), frames)
    return None


def _opus_misfit(config: Config, packets: Sequence[Packet]) -> str | None:
    """Return why packets of Opus are not as long as their container says."""
    for number, packet in enumerate(packets, 1):
        samples = opus_samples(packet.data)
        if samples is None:
            return "a packet without Opus's structure"
        stated = packet.duration * _OPUS_HZ / config.timescale
        # Only the last packet of a stream holds more than is to be heard.
        if samples < stated or (samples > stated and number < len(packets)):
            return f"a packet of {samples} samples where {stated:.0f} were announced"
    return None


def _tail_misfit(config: Config, data: bytes, frames: _Frames) -> str | None:
    """Return why a picture's data does not end where the picture does."""

    def longer(tail: bytes) -> bytes:
        return tail + (b"" if config.codec == "hevc" else _BEHIND) + _noise(4 * _TAIL_BYTES, 0)

    try:
        if _decoded(config, [with_tail(config.codec, data, config.extradata, longer)]) != frames:
            return "a picture goes on behind the end of its data"
        for turn in range(_TURNS):
            changed = with_tail(
                config.codec, data, config.extradata, lambda tail, turn=turn: _other(tail, turn)
            )
            if _decoded(config, [changed]) != frames:
                return None
    except MediaError as error:
        return str(error)
    return "a picture ends before its data does"


def _noise(count: int, turn: int) -> bytes:
    """Return bytes without a zero, so that they hold no start code and no escape."""
    chance = random.Random(turn)
    # The last is no marker of a superframe (0b110…).
    return bytes(chance.randint(1, 255) for _ in range(count - 1)) + b"\x55"


def _other(tail: bytes, turn: int) -> bytes:
    """Return picture data with another end: its complement first, then noise."""
    size = min(_TAIL_BYTES, len(tail))
    if turn:
        return tail[:-size] + _noise(size, turn)
    return tail[:-size] + bytes((byte ^ 0xFF) or 1 for byte in tail[-size:-1]) + b"\x55"


def _decoded(config: Config, packets: Sequence[bytes]) -> _Frames | str:
    """Return what packets decode to as planes of bytes, or what is wrong with them."""
    frames: _Frames = []
    try:
        context = _strict(config)
        context.open()
        for number, data in enumerate(packets):
            packet = av.Packet(len(data))
            packet.update(data)
            packet.pts = packet.dts = number
            packet.is_keyframe = True
            frames += _planes(context.decode(packet))
        frames += _planes(context.decode(None))
    except (FFmpegError, OSError, ValueError) as error:
        return f"{config.codec}: {error}"
    return frames


def _software_name(codec: str) -> str:
    # FFmpeg's own "av1" decoder works in hardware only.
    return "libdav1d" if codec == "av1" and "libdav1d" in av.codecs_available else codec


def _strict(config: Config) -> av.VideoCodecContext | av.AudioCodecContext:
    """Return a software decoder on one thread to which every error is fatal."""
    name = _software_name(config.codec)
    context = av.CodecContext.create(name, "r")
    assert isinstance(context, av.VideoCodecContext | av.AudioCodecContext)
    if config.extradata:
        context.extradata = config.extradata
    context.thread_count = 1
    context.options = {"err_detect": "explode"}
    if isinstance(context, av.VideoCodecContext):
        context.options["max_pixels"] = str(8192 * 8192)
        if name == "libdav1d":
            context.options["max_frame_delay"] = "1"
    elif config.sample_rate_hz:
        context.sample_rate = config.sample_rate_hz
    return context


def _planes(frames: Sequence[object]) -> _Frames:
    return [
        tuple(_visible(plane, deep=frame.format.components[0].bits > 8) for plane in frame.planes)
        if isinstance(frame, av.VideoFrame)
        else ()
        for frame in frames
    ]


def _visible(plane: av.video.plane.VideoPlane, *, deep: bool) -> bytes:
    """Return the picture in a plane, without what lies beside it: decoders leave that as it was."""
    view, stride = memoryview(plane), plane.line_size
    row = plane.width * (2 if deep else 1)
    return b"".join(view[at : at + row] for at in range(0, stride * plane.height, stride))
