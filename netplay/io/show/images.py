"""Pictures as files, for people who want to look at every frame later."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Literal

import av

from netplay.io.show.frames import AudioBlock, Cue, VideoFrame
from netplay.io.source import Stream

__all__ = ["ImageSink"]

ImageFormat = Literal["png", "jpeg", "ppm"]

_ENCODERS: dict[ImageFormat, tuple[str, str]] = {
    "png": ("png", "rgb24"),
    "jpeg": ("mjpeg", "yuvj420p"),
    "ppm": ("ppm", "rgb24"),
}


class ImageSink:
    """Writes each picture shown to a file named by its position in microseconds.

    Args:
        folder: Made if it is not there; files of the same name are replaced.
        image: What kind of file.
        protected: Pictures that were encrypted may be written too; it is the app's word
            that the licence allows it.
    """

    threaded = True
    """Compressing a 1080p PNG takes some 50 ms."""

    def __init__(
        self, folder: Path, *, image: ImageFormat = "png", protected: bool = False
    ) -> None:
        self.audio_ahead_us = 0
        self.protected = protected
        self._folder = folder
        self._image: ImageFormat = image
        self._encoder: av.VideoCodecContext | None = None
        self._folder.mkdir(parents=True, exist_ok=True)

    def video(self, frame: VideoFrame) -> None:
        """Write a picture."""
        name, pixels = _ENCODERS[self._image]
        picture = frame.frame.reformat(format=pixels)
        encoder = self._encoder
        if encoder is None or (encoder.width, encoder.height) != (frame.width, frame.height):
            encoder = self._encoder = _encoder(name, pixels, frame)
        picture.pts, picture.time_base = frame.position_us, Fraction(1, 1_000_000)
        data = b"".join(bytes(packet) for packet in encoder.encode(picture))
        path = self._folder / f"{frame.position_us:012}.{self._image}"
        path.write_bytes(data)

    def audio(self, block: AudioBlock) -> None:
        """Sound leaves no picture."""

    def text(self, cues: tuple[Cue, ...]) -> None:
        """Subtitles are not drawn."""

    def move(self, rate: Fraction) -> None:
        """Nothing moves here."""

    def flush(self, stream: Stream, from_us: int | None) -> None:
        """What is written stays."""

    def heard_us(self) -> int | None:
        """Return None: nobody listens."""
        return None

    def close(self) -> None:
        """Every file is complete already."""


def _encoder(name: str, pixels: str, frame: VideoFrame) -> av.VideoCodecContext:
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, pixels
    encoder.time_base = Fraction(1, 1_000_000)
    encoder.framerate = Fraction(25)
    return encoder
