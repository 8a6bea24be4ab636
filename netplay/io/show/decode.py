"""Packets become frames with their place in the title: one decoder for one kind of stream.

A decoder blocks, so it runs in a worker thread, one call at a time; `netplay.io.show.lane`
sees to that. It knows nothing of segments: it is told the offset of what comes next,
and keeps its state for as long as the packets go on where they left off.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Literal, Protocol

import av
from av.error import FFmpegError

from netplay.errors import DecodeError, MediaError
from netplay.io.show.frames import AudioBlock, Entry, VideoFrame, cut, position_us
from netplay.io.show.hardware import hardware_decoder
from netplay.io.source import Config, Packet

__all__ = ["Decoder", "MediaDecoder", "Threads"]

Threads = Literal["auto", "slice", "frame"]

_Context = av.VideoCodecContext | av.AudioCodecContext

_FRAME_THREADS_ABOVE = 1088
"""Height above which frames are decoded side by side.

Streams usually have one slice a frame, and then only frame threads use a second core.
They hold back one frame more for each thread. Measured on two cores, 4.3 Mb/s H.264: at
1080p a frame takes 5.5 ms with slice threads and 3.5 ms with frame threads, the first
frame out after 3 packets and after 5; at 2160p 45 ms, too slow for 30 frames a second,
and 23 to 39 ms. So the start counts up to 1080p, and keeping up counts above it.
"""

_MOST_FRAME_THREADS = 8
"""A guess: each holds a frame (12 MB at 2160p) and delays the first one."""

_MOST_PIXELS = 8192 * 8192
"""Of a picture; some bytes of a hostile header would else claim gigabytes."""

_TRUSTED_BAD_PACKETS = 3
"""Broken packets in a row that are passed over once a frame came out; more are a failure.

A guess that separates a damaged packet, which costs a visible flaw, from a segment that
is something else altogether.
"""

_UNKNOWN_DURATION_US = 40_000
"""How long a frame lasts when neither its packet nor the frames before tell: 25 a second."""

_MOST_HELD_BACK = 64
"""Packets whose frames have not come out yet; codecs reorder at most 16, threads add some."""


class Decoder(Protocol):
    """Turns the packets of one Config into entries. Blocks; one call at a time."""

    hardware: str
    """Who decodes: a hardware name, or "" for software."""

    offset_us: int
    """What to add to media time to get a position; change it only when nothing is held back."""

    gave: bool
    """A frame came out since the decoder was as new."""

    def decode(self, packet: Packet, fetch_id: int) -> list[Entry]:
        """Return what became ready with this packet, in order of position.

        Args:
            packet: The next one in decoding order.
            fetch_id: Whose packet it is; the entry that comes of it carries it.

        Raises:
            MediaError: The bytes are broken.
            DecodeError: This device cannot decode them.
        """
        ...

    def drain(self) -> list[Entry]:
        """Return what was held back; packets may then come from anywhere."""
        ...

    def reset(self) -> None:
        """Forget what was held back, and that anything ever came; the decoder is as new."""
        ...

    def close(self) -> None:
        """Free the decoder and end its threads."""
        ...


def _software_name(codec: str) -> str:
    # FFmpeg's own "av1" decoder works in hardware only.
    return "libdav1d" if codec == "av1" and "libdav1d" in av.codecs_available else codec


def _hard(config: Config, hardware: str) -> _Context:
    """Return a hardware decoder, not opened yet."""
    try:
        return hardware_decoder(config.codec, hardware)
    except (FFmpegError, OSError, ValueError, NotImplementedError) as error:
        raise DecodeError(_what(config), f"{hardware}: {error}") from error


def _soft(config: Config, threads: Threads) -> _Context:
    """Return a software decoder, not opened yet."""
    try:
        context = av.CodecContext.create(_software_name(config.codec), "r")
    except (FFmpegError, ValueError) as error:
        raise DecodeError(_what(config), f"no such decoder: {error}") from error
    if context.type != config.stream or not isinstance(context, _Context):
        raise DecodeError(_what(config), f"{config.codec} is no {config.stream} codec")
    tall = (config.height or 0) > _FRAME_THREADS_ABOVE
    if context.name == "libdav1d":
        # Else it waits for several frames before it gives the first (67 ms against 3 ms).
        context.options["max_frame_delay"] = "1"
    elif threads == "frame" or (threads == "auto" and tall):
        context.thread_type = "AUTO"
        context.thread_count = min(os.cpu_count() or 1, _MOST_FRAME_THREADS)
    return context


def _opened(config: Config, hardware: str, threads: Threads) -> _Context:
    """Return a decoder that takes packets."""
    context = _hard(config, hardware) if hardware else _soft(config, threads)
    if config.extradata:
        context.extradata = config.extradata
    if isinstance(context, av.VideoCodecContext):
        context.options["max_pixels"] = str(_MOST_PIXELS)
    elif config.sample_rate_hz:
        context.sample_rate = config.sample_rate_hz
    try:
        context.open()
    except (FFmpegError, OSError, ValueError) as error:
        detail = f"the decoder refuses the init segment: {error}"
        raise MediaError(_what(config), detail) from error
    return context


def _what(config: Config) -> str:
    return f"{config.stream} {config.codec}"


class MediaDecoder:
    """Pictures or sound, through one FFmpeg codec context."""

    def __init__(self, config: Config, *, hardware: str = "", threads: Threads = "auto") -> None:
        """Open the decoder.

        Raises:
            DecodeError: This device has no such decoder.
            MediaError: The init segment is broken.
        """
        self.hardware = hardware
        self._config = config
        self._context = _opened(config, hardware, threads)
        self.offset_us = 0
        self.gave = False
        self._fetch_id = 0
        self._owners: dict[int, int] = {}
        self._trims: dict[int, Packet] = {}
        self._bad = 0
        self._begin_us = 0
        self._until_us = 0
        self._sounded = 0
        self._usual_us = _UNKNOWN_DURATION_US

    def decode(self, packet: Packet, fetch_id: int) -> list[Entry]:
        """Return what became ready with this packet, in order of position."""
        self._fetch_id = fetch_id
        self._owners[packet.pts] = fetch_id
        if len(self._owners) > _MOST_HELD_BACK:
            # Packets that gave no frame: the oldest will give none any more.
            del self._owners[next(iter(self._owners))]
        if packet.trim_start or packet.trim_end:
            self._trims[packet.pts] = packet
        # A copy, because FFmpeg reads up to 64 bytes past the end and wants them allocated.
        held = av.Packet(len(packet.data))
        held.update(bytes(packet.data))
        held.pts, held.dts, held.duration = packet.pts, packet.dts, packet.duration
        held.is_keyframe = packet.keyframe
        try:
            frames = self._context.decode(held)
        except (FFmpegError, OSError, ValueError) as error:
            self._trims.pop(packet.pts, None)
            self._bad += 1
            if self.hardware or not self.gave or self._bad > _TRUSTED_BAD_PACKETS:
                raise self._refused(error) from error
            return []
        self._bad = 0
        return self._entries(frames)

    def drain(self) -> list[Entry]:
        """Return what was held back; packets may then come from anywhere."""
        try:
            frames = self._context.decode(None)
        except (FFmpegError, OSError, ValueError) as error:
            raise self._refused(error) from error
        entries = self._entries(frames)
        self._refresh()
        return entries

    def reset(self) -> None:
        """Forget what was held back, and that anything ever came; the decoder is as new."""
        self._refresh()
        self.gave = False

    def close(self) -> None:
        """Free the decoder and end its threads."""
        # FFmpeg frees a context, and joins its threads, when nobody refers to it.
        del self._context

    def _refresh(self) -> None:
        self._context.flush_buffers()
        self._trims.clear()
        self._owners.clear()
        self._bad = 0

    def _refused(self, error: Exception) -> MediaError | DecodeError:
        what = _what(self._config)
        if self.hardware:
            return DecodeError(what, f"{self.hardware}: {error}")
        return MediaError(what, str(error))

    def _entries(self, frames: Iterable[object]) -> list[Entry]:
        entries: list[Entry] = []
        for frame in frames:
            if isinstance(frame, av.VideoFrame):
                entries.append(self._picture(frame))
            elif isinstance(frame, av.AudioFrame):
                block = self._sound(frame)
                if block is not None:
                    entries.append(block)
        self.gave = self.gave or bool(entries)
        return entries

    def _picture(self, frame: av.VideoFrame) -> VideoFrame:
        # The frame's own time base is not asked: frames that come at the end have none.
        scale = self._config.timescale
        if frame.pts is None:
            begin_us, end_us = self._until_us, 0
        else:
            begin_us = position_us(frame.pts, scale) + self.offset_us
            end_us = position_us(frame.pts + frame.duration, scale) + self.offset_us
        if 0 < begin_us - self._begin_us < 1_000_000:
            self._usual_us = begin_us - self._begin_us
        duration_us = end_us - begin_us if end_us > begin_us else self._usual_us
        self._begin_us, self._until_us = begin_us, begin_us + duration_us
        return VideoFrame(begin_us, duration_us, frame, self._owner(frame), self.hardware)

    def _sound(self, frame: av.AudioFrame) -> AudioBlock | None:
        rate = frame.sample_rate
        fetch_id = self._owner(frame)
        packet = None if frame.pts is None else self._trims.pop(frame.pts, None)
        first, samples = 0, frame.samples
        if packet is not None:
            first = min(packet.trim_start, frame.samples)
            samples = max(0, frame.samples - first - packet.trim_end)
        if not samples or not rate:
            return None
        # In units of 1 / (scale x rate) seconds, where ticks and samples are both whole, and
        # floored once: a block ends in the very microsecond in which the next begins.
        scale = self._config.timescale
        begin = self._sounded if frame.pts is None else frame.pts * rate + first * scale
        end = self._sounded = begin + samples * scale
        begin_us, end_us = position_us(begin, scale * rate), position_us(end, scale * rate)
        if samples < frame.samples:
            frame = cut(frame, first, samples)
        return AudioBlock(begin_us + self.offset_us, end_us - begin_us, frame, fetch_id)

    def _owner(self, frame: av.VideoFrame | av.AudioFrame) -> int:
        """Return the fetch that a frame's packet came with."""
        if frame.pts is None:
            return self._fetch_id
        return self._owners.pop(frame.pts, self._fetch_id)
