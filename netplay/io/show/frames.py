"""What comes out of a decoder: pictures, sound and cues, each with its place in the title.

Positions are on the presentation's timeline, in integer microseconds. A frame ends exactly
where the next one begins, because both edges are floored from the same integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av

__all__ = ["AudioBlock", "Cue", "Entry", "VideoFrame", "clipped", "cut", "position_us"]


def position_us(ticks: int, timescale: int) -> int:
    """Return the microsecond in which a timestamp falls."""
    return ticks * 1_000_000 // timescale


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One picture.

    Attributes:
        position_us: When it appears, on the presentation's timeline.
        duration_us: How long it is shown.
        frame: The picture itself, as PyAV holds it.
        fetch_id: The fetch whose segment it came with (its last packets may have been
            decoded a segment later).
        hardware: Who decoded it: a hardware name, or "" for software.
    """

    position_us: int
    duration_us: int
    frame: av.VideoFrame
    fetch_id: int = 0
    hardware: str = ""

    @property
    def until_us(self) -> int:
        """When the next one is due."""
        return self.position_us + self.duration_us

    @property
    def width(self) -> int:
        """In pixels, as coded."""
        return self.frame.width

    @property
    def height(self) -> int:
        """In pixels, as coded."""
        return self.frame.height

    @property
    def bytes(self) -> int:
        """How much memory the picture takes."""
        return sum(plane.buffer_size for plane in self.frame.planes)

    def rows(self, plane: int) -> Iterator[memoryview]:
        """Yield one plane's rows, top to bottom, without copying and without padding.

        Args:
            plane: 0 is luma in the planar formats that decoders give ("yuv420p", "nv12").
        """
        held = self.frame.planes[plane]
        component = self.frame.format.components[plane]
        pixel_bytes = (component.bits + 7) // 8
        if len(self.frame.planes) == 2 and plane == 1:
            pixel_bytes *= 2  # In nv12, p010 and their like, Cb and Cr lie side by side.
        row_bytes = component.width * pixel_bytes
        whole = memoryview(held)
        for row in range(component.height):
            yield whole[row * held.line_size : row * held.line_size + row_bytes]


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Some sound, a few hundred to a few thousand samples.

    Attributes:
        position_us: When its first sample is heard, on the presentation's timeline.
        duration_us: How much of the title it covers; at another rate than 1 that is not
            how long it sounds.
        frame: The samples, as PyAV holds them.
        fetch_id: The fetch whose segment it came with.
    """

    position_us: int
    duration_us: int
    frame: av.AudioFrame
    fetch_id: int = 0

    @property
    def until_us(self) -> int:
        """Where the next one begins."""
        return self.position_us + self.duration_us

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second, in each channel."""
        return self.frame.sample_rate

    @property
    def channels(self) -> int:
        """How many there are."""
        return self.frame.layout.nb_channels

    @property
    def bytes(self) -> int:
        """How much memory the samples take."""
        return sum(plane.buffer_size for plane in self.frame.planes)


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle.

    Attributes:
        position_us: When it appears, on the presentation's timeline.
        duration_us: How long it is shown.
        text: What it says, lines parted by a line feed, without markup.
        settings: Where and how to show it, as the document wrote it; may be empty.
        fetch_id: The fetch whose segment it came with.
    """

    position_us: int
    duration_us: int
    text: str
    settings: str = ""
    fetch_id: int = 0

    @property
    def until_us(self) -> int:
        """When it goes."""
        return self.position_us + self.duration_us

    @property
    def bytes(self) -> int:
        """Roughly how much memory it takes."""
        return 200 + 2 * len(self.text)


Entry = VideoFrame | AudioBlock | Cue


def cut(frame: av.AudioFrame, first: int, samples: int) -> av.AudioFrame:
    """Return some of a block's samples as a block of their own.

    Args:
        frame: Left as it is.
        first: The first sample wanted, counted in each channel.
        samples: How many; at least one, and no more than there are.
    """
    assert first >= 0, first
    assert 0 < samples <= frame.samples - first, (first, samples, frame.samples)
    part = av.AudioFrame(frame.format.name, frame.layout.name, samples)
    part.sample_rate = frame.sample_rate
    width = frame.format.bytes * (1 if frame.format.is_planar else frame.layout.nb_channels)
    for ours, theirs in zip(part.planes, frame.planes, strict=True):
        ours.update(bytes(memoryview(theirs)[first * width : (first + samples) * width]))
    return part


def clipped(block: AudioBlock, from_us: int, until_us: int | None) -> AudioBlock | None:
    """Return the samples of a block that are heard between two positions; None for none.

    A sample belongs to where it begins; so sound that is cut in two anywhere, and joined
    again, is what it was.
    """
    samples, rate = block.frame.samples, block.frame.sample_rate
    first = max(0, -(-(from_us - block.position_us) * rate // 1_000_000))
    last = samples
    if until_us is not None:
        last = min(samples, -(-(until_us - block.position_us) * rate // 1_000_000))
    if first >= last:
        return None
    if (first, last) == (0, samples):
        return block
    begin_us = block.position_us + position_us(first, rate)
    end_us = block.until_us if last == samples else block.position_us + position_us(last, rate)
    part = cut(block.frame, first, last - first)
    return AudioBlock(begin_us, end_us - begin_us, part, block.fetch_id)
