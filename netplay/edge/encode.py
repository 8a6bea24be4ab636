"""Encodes one track into a plain MP4 file, with keyframes exactly where segments will start.

A GOP is a segment: closed, of a fixed number of frames, with scene-cut detection off. The
plain file is only a means: `package` reads samples and sample description back from it, so
FFmpeg's muxer does the codec-specific work (length prefixes, avcC, esds) for every codec.
"""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import PictureType
from av.video.stream import VideoStream

from netplay.edge.picture import Picture
from netplay.edge.sound import SAMPLE_RATE, Tone
from netplay.edge.title import Rung, TitleSpec

__all__ = ["encode_audio", "encode_video"]

Advance = Callable[[int], None]
"""Called with how much was done since the last call; raises to stop the work."""

AAC_FRAME = 1024
THREADS = 2
"""Of one encoder. Fixed, because x264 and x265 write other bytes for other counts."""


def _x264(spec: TitleSpec, kbps: int) -> dict[str, str]:
    gop = spec.gop_frames
    said = (
        f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:bframes={spec.bframes}:b-adapt=0"
        f":vbv-maxrate={kbps * 6 // 5}:vbv-bufsize={kbps * 2}:threads={THREADS}"
    )
    return {"preset": spec.preset, "x264-params": said}


def _x265(spec: TitleSpec, kbps: int) -> dict[str, str]:
    gop = spec.gop_frames
    said = (
        f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:bframes={spec.bframes}:b-adapt=0"
        f":vbv-maxrate={kbps * 6 // 5}:vbv-bufsize={kbps * 2}:pools={THREADS}:log-level=none"
    )
    return {"preset": "ultrafast", "x265-params": said}


def _vp9(spec: TitleSpec, kbps: int) -> dict[str, str]:
    return {
        "deadline": "realtime",
        "cpu-used": "8",
        "auto-alt-ref": "0",
        "lag-in-frames": "0",
        "keyint_min": str(spec.gop_frames),
        "maxrate": f"{kbps * 6 // 5}k",
        "bufsize": f"{kbps * 2}k",
        "threads": str(THREADS),
    }


def _av1(spec: TitleSpec, _kbps: int) -> dict[str, str]:
    # SVT-AV1 greets on stderr unless the environment, its only switch, says errors only.
    os.environ.setdefault("SVT_LOG", "1")
    # pred-struct=1: low delay, so that constant-bitrate control (rc=2) holds. Presets faster
    # than 8 smear small pictures until their markers cannot be read.
    said = f"keyint={spec.gop_frames}:scd=0:irefresh-type=2:pred-struct=1:rc=2:lp={THREADS}"
    return {"preset": "8", "svtav1-params": said}


ENCODERS: dict[str, tuple[str, Callable[[TitleSpec, int], dict[str, str]]]] = {
    "h264": ("libx264", _x264),
    "hevc": ("libx265", _x265),
    "vp9": ("libvpx-vp9", _vp9),
    "av1": ("libsvtav1", _av1),
}


def encode_video(spec: TitleSpec, rung: Rung, path: Path, advance: Advance) -> None:
    """Write one rung of a title to an MP4 file."""
    number = spec.rungs.index(rung)
    picture = Picture(rung.width, rung.height, kbps=rung.kbps, rung=number, fps=float(spec.fps))
    encoder, options = ENCODERS[spec.family]
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream(encoder, rate=spec.fps)
        assert isinstance(stream, VideoStream), f"{encoder} encodes video"
        stream.width, stream.height, stream.pix_fmt = rung.width, rung.height, "yuv420p"
        stream.bit_rate = rung.kbps * 1000
        stream.gop_size = spec.gop_frames
        stream.time_base = stream.codec_context.time_base = 1 / spec.fps
        stream.options = {**options(spec, rung.kbps)}
        if spec.family == "hevc":
            stream.codec_tag = "hvc1"
        for index in range(spec.frames):
            frame = picture.draw(index)
            frame.pts, frame.time_base = index, 1 / spec.fps
            if index % spec.gop_frames == 0:
                frame.pict_type = PictureType.I
            container.mux(stream.encode(frame))
            advance(rung.width * rung.height)
        container.mux(stream.encode(None))


def encode_audio(spec: TitleSpec, language: str, path: Path, advance: Advance) -> None:
    """Write one language of a title to an MP4 file."""
    tone = Tone(spec.audio_languages.index(language))
    total = int(spec.exact_s * SAMPLE_RATE)
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        stream.bit_rate = spec.audio_kbps * 1000
        stream.time_base = Fraction(1, SAMPLE_RATE)
        for first in range(0, total, AAC_FRAME):
            count = min(AAC_FRAME, total - first)
            container.mux(stream.encode(tone.frame(first, count)))
            advance(count)
        container.mux(stream.encode(None))
