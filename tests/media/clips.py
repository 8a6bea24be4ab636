"""Small real media, made once a run: what the readers' answers are checked against.

Everything is encoded and muxed in memory by PyAV, so the tests need no files and the
demuxer that they are compared with is the one that FFmpeg's own muxer was written for.
"""

import io
import json
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from netplay.media.boxes import boxes

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "data" / "vectors" / "dev" / "media"
needs_vectors = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="the conformance vectors are not in ../shared/data"
)

Facts = dict[str, Any]
"""What is known about one vector, as its JSON has it."""


def vectors() -> Iterator[tuple[Path, Facts]]:
    """Yield each media vector with what is known about it."""
    expected = json.loads((VECTORS.parents[1] / "dev_expect.json").read_text())
    for name, entry in expected.items():
        path = VECTORS.parents[1] / entry["path"]
        if not name.startswith("media/"):
            continue
        if "facts" in entry:
            yield path, entry
        for inner, known in entry.get("files", {}).items():
            yield path / inner, known


CMAF = "cmaf+delay_moov+frag_keyframe+skip_trailer"
"""One fragment a group of pictures, edit lists included."""

VIDEO_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "ultrafast", "bf": "2", "x264-params": "scenecut=0:b-adapt=0"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:bframes=2:scenecut=0"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "12", "svtav1-params": "pred-struct=1"},
}


def _pictures(frames: int) -> Iterator[av.VideoFrame]:
    """Yield moving noise: large enough samples to differ, small enough to be quick."""
    noise = np.random.default_rng(7).integers(0, 255, (90, 160 + frames, 3), dtype=np.uint8)
    for number in range(frames):
        picture = np.ascontiguousarray(noise[:, number : number + 160] // 4)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        frame.time_base = Fraction(1, 25)
        yield frame


def _tone(rate: int, seconds: int) -> Iterator[av.AudioFrame]:
    """Yield a stereo tone in frames of 960 samples."""
    for start in range(0, rate * seconds, 960):
        wave = np.sin(np.arange(start, start + 960) * (2 * np.pi * 440 / rate))
        planes = np.stack([wave, wave]).astype(np.float32) * 0.2
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout="stereo")
        frame.sample_rate = rate
        frame.pts = start
        frame.time_base = Fraction(1, rate)
        yield frame


@cache
def clip(*codecs: str, seconds: int = 2, movflags: str = CMAF, audio_rate: int = 48_000) -> bytes:
    """Return a fragmented MP4 with a track for each encoder named, groups of 25 pictures."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"movflags": movflags}) as container:
        streams: list[VideoStream | AudioStream] = []
        for codec in codecs:
            if codec in VIDEO_OPTIONS:
                video = container.add_stream(codec, rate=25, options=VIDEO_OPTIONS[codec])
                assert isinstance(video, VideoStream)
                video.width, video.height, video.pix_fmt = 160, 90, "yuv420p"
                video.codec_context.gop_size = 25
                streams.append(video)
            else:
                audio = container.add_stream(codec, rate=audio_rate)
                assert isinstance(audio, AudioStream)
                audio.layout = "stereo"
                streams.append(audio)
        for stream in streams:
            if isinstance(stream, VideoStream):
                for picture in _pictures(25 * seconds):
                    container.mux(stream.encode(picture))
            else:
                for sound in _tone(audio_rate, seconds):
                    container.mux(stream.encode(sound))
            container.mux(stream.encode(None))
    return file.getvalue()


KID = bytes.fromhex("ab" * 16)


@cache
def encrypted(*codecs: str) -> bytes:
    """Return a clip as FFmpeg's muxer encrypts it: cenc, one fragment a group of pictures."""
    options = {
        "movflags": CMAF,
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "01" * 16,
        "encryption_kid": KID.hex(),
    }
    source, file = io.BytesIO(clip(*codecs)), io.BytesIO()
    with (
        av.open(source, "r") as reading,
        av.open(file, "w", format="mp4", options=options) as writing,
    ):
        streams = [writing.add_stream_from_template(it) for it in reading.streams]
        for packet in reading.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                writing.mux(packet)
    return file.getvalue()


def split(data: bytes) -> tuple[bytes, bytes]:
    """Return the init segment of a file, and everything behind it."""
    moov = next(box for box in boxes(data) if box.kind == "moov")
    return data[: moov.end], data[moov.end :]


Packet = tuple[int, int, bool, bytes]
"""dts, pts, keyframe and data, as a demuxer hands them out."""


def demuxed(data: bytes) -> dict[int, list[Packet]]:
    """Return the packets that libav finds in a file, by track id."""
    found: dict[int, list[Packet]] = {}
    with av.open(io.BytesIO(data), "r") as container:
        for packet in container.demux():
            if packet.size:
                assert packet.dts is not None
                assert packet.pts is not None
                packets = found.setdefault(packet.stream.id, [])
                packets.append((packet.dts, packet.pts, packet.is_keyframe, bytes(packet)))
    return found
