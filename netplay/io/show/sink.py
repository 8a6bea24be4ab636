"""Where frames go: the app's side of playback.

A sink is handed each frame at its moment and decides nothing about time, with one
exception: a sink with a real audio device says which position is being heard, and then
pictures follow the sound. Sinks are called on the event loop and return within 2 ms, or
declare themselves threaded and are called, in the same order, from a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

from netplay.io.show.frames import AudioBlock, Cue, VideoFrame
from netplay.io.source import Stream

__all__ = ["CallbackSink", "NullSink", "Sink"]


class Sink(Protocol):
    """Shows pictures, plays sound and puts up subtitles when it is told to.

    Attributes:
        threaded: Call it from a worker thread, because it may take long. A few calls are
            queued for it, and then playback waits.
        audio_ahead_us: How long before its moment it wants sound.

    A sink that may be given protected pictures and sound says so by a third attribute,
    `protected = True`; without it a title that is encrypted fails with a LicenseError.
    """

    threaded: bool
    audio_ahead_us: int

    def video(self, frame: VideoFrame) -> None:
        """Show a picture now, until the next one."""
        ...

    def audio(self, block: AudioBlock) -> None:
        """Play some sound behind what was given before."""
        ...

    def text(self, cues: tuple[Cue, ...]) -> None:
        """Show exactly these cues from now on; () takes them away."""
        ...

    def move(self, rate: Fraction) -> None:
        """The playhead moves at this rate from now on; at 0 it rests, and so does sound."""
        ...

    def flush(self, stream: Stream, from_us: int | None) -> None:
        """Forget what was given of a stream and begins at a position or later; None: all."""
        ...

    def heard_us(self) -> int | None:
        """Return the position that is being heard; None without an audio device's clock.

        Called on the event loop, also for a threaded sink.
        """
        ...

    def close(self) -> None:
        """Nothing will be given any more."""
        ...


class NullSink:
    """Takes everything when it is due, and only counts."""

    threaded = False
    protected = True

    def __init__(self) -> None:
        self.audio_ahead_us = 0
        self.frames = 0
        self.shown_us: int | None = None
        self.blocks = 0
        self.samples = 0
        self.cues = 0
        self.closed = False

    def video(self, frame: VideoFrame) -> None:
        """Count a picture, and note its position in `shown_us`."""
        self.frames += 1
        self.shown_us = frame.position_us

    def audio(self, block: AudioBlock) -> None:
        """Count some sound."""
        self.blocks += 1
        self.samples += block.frame.samples

    def text(self, cues: tuple[Cue, ...]) -> None:
        """Count the cues that are up."""
        self.cues += len(cues)

    def move(self, rate: Fraction) -> None:
        """Nothing moves here."""

    def flush(self, stream: Stream, from_us: int | None) -> None:
        """Nothing is kept here."""

    def heard_us(self) -> int | None:
        """Return None: nobody listens."""
        return None

    def close(self) -> None:
        """Say so in `closed`."""
        self.closed = True


class CallbackSink:
    """Calls plain functions with what is shown; the simplest way to get at frames.

    Args:
        video: Called with each picture at its moment.
        audio: Called with each block of sound.
        text: Called with the cues that are up, whenever they change.
        threaded: The functions may take longer than 2 ms.
        audio_ahead_us: How long before its moment sound is wanted.
        protected: They may be given what was encrypted; it is the app's word that the
            licence allows it.
    """

    def __init__(
        self,
        video: Callable[[VideoFrame], None] | None = None,
        audio: Callable[[AudioBlock], None] | None = None,
        *,
        text: Callable[[tuple[Cue, ...]], None] | None = None,
        threaded: bool = False,
        audio_ahead_us: int = 0,
        protected: bool = False,
    ) -> None:
        self.threaded = threaded
        self.protected = protected
        self.audio_ahead_us = audio_ahead_us
        self._video = video
        self._audio = audio
        self._text = text

    def video(self, frame: VideoFrame) -> None:
        """Pass a picture on."""
        if self._video is not None:
            self._video(frame)

    def audio(self, block: AudioBlock) -> None:
        """Pass some sound on."""
        if self._audio is not None:
            self._audio(block)

    def text(self, cues: tuple[Cue, ...]) -> None:
        """Pass the cues on."""
        if self._text is not None:
            self._text(cues)

    def move(self, rate: Fraction) -> None:
        """Nothing moves here."""

    def flush(self, stream: Stream, from_us: int | None) -> None:
        """Nothing is kept here."""

    def heard_us(self) -> int | None:
        """Return None: nobody listens."""
        return None

    def close(self) -> None:
        """Nothing is to be closed."""
