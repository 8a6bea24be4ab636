"""Small encoded media for tests of the decoding side, and a Renderer to put it through."""

from __future__ import annotations

import hashlib
import io
import math
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from typing import Any, TypeVar

import anyio
import av
from av.container import InputContainer

from netplay.core.messages import (
    Decoded,
    DecodeFailed,
    DecodeLagged,
    Event,
    Feed,
    Hold,
    Play,
    Rendered,
    Track,
)
from netplay.io.clock import SteppedClock
from netplay.io.show.frames import AudioBlock, Cue, VideoFrame
from netplay.io.show.ready import Ready
from netplay.io.show.render import Renderer, RenderSettings
from netplay.io.source import Config, Packet, Source, Stream

ToldT = TypeVar("ToldT", Decoded, DecodeFailed, DecodeLagged, Rendered)

WIDTH, HEIGHT = 96, 64
FRAME_US = 40_000


@dataclass(frozen=True, slots=True)
class Clip:
    """Encoded media of one stream."""

    config: Config
    packets: tuple[Packet, ...]

    def between(self, first: int, last: int) -> Clip:
        """Return some of the packets, by their place in decoding order."""
        return replace(self, packets=self.packets[first:last])

    def source(self, name: str = "segment", *, finished: bool = True) -> Source:
        """Return a Source that holds all of it."""
        source = Source(name)
        source.start((self.config,))
        source.add(self.config.stream, list(self.packets))
        if finished:
            source.finish()
        return source


def _demuxed(data: bytes, stream: Stream) -> Clip:
    with av.open(io.BytesIO(data)) as container:
        assert isinstance(container, InputContainer)
        (track,) = container.streams
        context = track.codec_context
        assert isinstance(context, av.VideoCodecContext | av.AudioCodecContext)
        base = track.time_base
        assert base is not None
        assert base.numerator == 1
        packets = []
        for packet in container.demux(track):
            if not packet.size:
                continue
            assert packet.pts is not None
            assert packet.dts is not None
            trims = (0, 0)
            if packet.has_sidedata("skip_samples"):
                trims = struct.unpack_from("<II", bytes(packet.get_sidedata("skip_samples")))
            packets.append(
                Packet(
                    packet.pts,
                    packet.dts,
                    packet.duration or 0,
                    packet.is_keyframe,
                    bytes(packet),
                    *trims,
                )
            )
        config = Config(
            stream,
            {"libdav1d": "av1"}.get(context.codec.name, context.codec.name),
            base.denominator,
            context.extradata or b"",
            identity=hashlib.sha256(data[:4096]).hexdigest()[:8],
        )
        if isinstance(context, av.VideoCodecContext):
            config = replace(config, width=context.width, height=context.height)
        else:
            config = replace(
                config, sample_rate_hz=context.sample_rate, channels=context.layout.nb_channels
            )
        return Clip(config, tuple(packets))


@cache
def _video_file(
    frames: int, gop: int, bframes: int, width: int, height: int, encoder: str, shade: int
) -> bytes:
    held = io.BytesIO()
    options: dict[str, str] = {
        "libx264": {
            "preset": "ultrafast",
            "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={bframes}:b-adapt=0",
        },
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "g": str(gop)},
        "libsvtav1": {"preset": "12", "g": str(gop), "svtav1-params": "lp=1"},
    }[encoder]
    with av.open(held, "w", format="mp4") as container:
        stream = container.add_stream(encoder, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {**options}
        for number in range(frames):
            frame = av.VideoFrame(width, height, "yuv420p")
            luma = frame.planes[0]
            luma.update(bytes((shade + number * 3) % 200 for _ in range(luma.buffer_size)))
            for plane in frame.planes[1:]:
                plane.update(bytes([128 - number % 8]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return held.getvalue()


def video_clip(
    frames: int = 50,
    *,
    gop: int = 25,
    bframes: int = 2,
    width: int = WIDTH,
    height: int = HEIGHT,
    encoder: str = "libx264",
    shade: int = 0,
) -> Clip:
    """Return pictures at 25 a second, each of another brightness, from position 0."""
    return _demuxed(_video_file(frames, gop, bframes, width, height, encoder, shade), "video")


@cache
def _audio_file(seconds: float) -> bytes:
    held = io.BytesIO()
    with av.open(held, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000, layout="stereo")
        samples = int(seconds * 48_000)
        frame = av.AudioFrame("fltp", "stereo", samples)
        frame.sample_rate = 48_000
        wave = struct.pack(
            f"<{samples}f",
            *(0.5 * math.sin(2 * math.pi * 440 * n / 48_000) for n in range(samples)),
        )
        for plane in frame.planes:
            plane.update(wave)
        frame.pts, frame.time_base = 0, Fraction(1, 48_000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return held.getvalue()


def audio_clip(seconds: float = 1.0) -> Clip:
    """Return a tone, with the priming and padding that AAC has."""
    return _demuxed(_audio_file(seconds), "audio")


def plain_audio(seconds: float = 1.0) -> bytes:
    """Return the samples of `audio_clip`'s left channel as FFmpeg's own demuxer gives them."""
    with av.open(io.BytesIO(_audio_file(seconds))) as container:
        assert isinstance(container, InputContainer)
        return b"".join(
            bytes(frame.planes[0])[: frame.samples * 4] for frame in container.decode(audio=0)
        )


def multiplex(video: Clip, audio: Clip) -> Source:
    """Return a Source with both."""
    source = Source("multiplex")
    source.start((video.config, audio.config))
    source.add("video", list(video.packets))
    source.add("audio", list(audio.packets))
    source.finish()
    return source


def webvtt(text: str) -> Clip:
    """Return a WebVTT document."""
    packet = Packet(0, 0, 0, keyframe=True, data=f"WEBVTT\n\n{text}".encode())
    return Clip(Config("text", "webvtt", 1_000_000), (packet,))


def digest(frame: av.VideoFrame) -> str:
    """Return a hash of a picture's pixels, without padding."""
    seen = hashlib.sha256()
    for number in range(len(frame.planes)):
        for row in VideoFrame(0, 0, frame).rows(number):
            seen.update(row)
    return seen.hexdigest()[:16]


def plainly_decoded(clip: Clip) -> list[tuple[int, str]]:
    """Return (position, hash) of each frame, as a bare PyAV loop decodes it."""
    context = av.CodecContext.create(
        "libdav1d" if clip.config.codec == "av1" else clip.config.codec, "r"
    )
    assert isinstance(context, av.VideoCodecContext)
    if clip.config.extradata:
        context.extradata = clip.config.extradata
    frames: list[av.VideoFrame] = []
    for packet in clip.packets:
        held = av.Packet(bytes(packet.data))
        held.pts, held.dts = packet.pts, packet.dts
        frames += context.decode(held)
    frames += context.decode(None)
    return [
        ((frame.pts or 0) * 1_000_000 // clip.config.timescale, digest(frame)) for frame in frames
    ]


@dataclass
class RecordingSink:
    """Keeps what it is given."""

    threaded: bool = False
    audio_ahead_us: int = 0
    frames: list[VideoFrame] = field(default_factory=list)
    blocks: list[AudioBlock] = field(default_factory=list)
    texts: list[tuple[str, ...]] = field(default_factory=list)
    orders: list[tuple[object, ...]] = field(default_factory=list)
    hears_us: Callable[[], int | None] = lambda: None
    closed: bool = False

    def video(self, frame: VideoFrame) -> None:
        self.frames.append(frame)

    def audio(self, block: AudioBlock) -> None:
        self.blocks.append(block)

    def text(self, cues: tuple[Cue, ...]) -> None:
        self.texts.append(tuple(cue.text for cue in cues))

    def move(self, rate: Fraction) -> None:
        self.orders.append(("move", rate))

    def flush(self, stream: Stream, from_us: int | None) -> None:
        self.orders.append(("flush", stream, from_us))

    def heard_us(self) -> int | None:
        return self.hears_us()

    def close(self) -> None:
        self.closed = True

    @property
    def positions(self) -> list[int]:
        return [frame.position_us for frame in self.frames]

    @property
    def pictures(self) -> list[tuple[int, str]]:
        return [(frame.position_us, digest(frame.frame)) for frame in self.frames]


class WatchedClock:
    """A SteppedClock that tells whenever somebody goes to sleep on it."""

    def __init__(self, told: Callable[[], None]) -> None:
        self.stepped = SteppedClock(1_000_000)
        self.changed = anyio.Event()
        self.sleeps = False
        self._told = told

    def now_us(self) -> int:
        return self.stepped.now_us()

    async def wait(self, changed: anyio.Event, until_us: int | None) -> None:
        self.changed = changed
        self.sleeps = True
        self._told()
        await self.stepped.wait(changed, until_us)
        self.sleeps = False


class Rig:
    """A Renderer on a clock that is moved by hand."""

    def __init__(self) -> None:
        self._told = anyio.Event()
        self.clock = WatchedClock(self._tell)
        self.sink = RecordingSink()
        self.events: list[Event] = []
        self.sources: dict[int, Source] = {}
        self.renderer: Renderer

    def _tell(self) -> None:
        self._told.set()
        self._told = anyio.Event()

    def emit(self, event: Event) -> None:
        self.events.append(event)
        self._tell()

    def of(self, kind: type[ToldT], track: Track = "video") -> list[ToldT]:
        """Return the events of one kind about one track."""
        return [it for it in self.events if isinstance(it, kind) and it.track == track]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let everything run until something holds; time stands still meanwhile."""
        with anyio.fail_after(10):
            while not holds():
                await self._told.wait()
            # What came of it may take a turn more to be told.
            await anyio.lowlevel.checkpoint()

    async def settle(self) -> None:
        """Let the presenter act on what was changed and go to sleep again."""
        with anyio.fail_after(10):
            await anyio.lowlevel.checkpoint()
            while self.clock.changed.is_set() or not self.clock.sleeps:
                await anyio.lowlevel.checkpoint()

    def step(self, by_us: int) -> None:
        """Let time pass, all at once."""
        due_us = self.clock.stepped.next_us()
        self.clock.stepped.step_to(self.clock.now_us() + by_us)
        if due_us is not None and due_us <= self.clock.now_us():
            self.clock.sleeps = False

    def feed(self, fetch_id: int, media: Clip | Source, **given: object) -> None:
        """Feed a segment."""
        source = media if isinstance(media, Source) else media.source(f"segment {fetch_id}")
        self.sources[fetch_id] = source
        values: dict[str, object] = {
            "track": "video",
            "generation": 0,
            "offset_us": 0,
            "from_us": 0,
        }
        self.renderer.perform(Feed(fetch_id=fetch_id, **(values | given)))  # type: ignore[arg-type]

    def hold(self, position_us: int = 0) -> None:
        """Keep the playhead there."""
        self.renderer.perform(Hold(position_us, "start"))

    def play(self, position_us: int = 0, rate: Fraction | int = 1) -> None:
        """Let the playhead go from there, now."""
        self.renderer.perform(Play(position_us, self.clock.now_us(), Fraction(rate)))

    async def run_to_end(self, track: Track = "video") -> None:
        """Move time from one due moment to the next until the lane's last frame is shown."""
        with anyio.fail_after(20):
            while not self.is_through(track):
                due_us = self.clock.stepped.next_us()
                if due_us is None or self.starves or self.clock.changed.is_set():
                    await self._told.wait()
                else:
                    self.clock.stepped.step_to(due_us)
                    await self._told.wait()

    def lane(self, track: Track) -> Ready[Any]:
        """Return what is ready of a track."""
        renderer = self.renderer
        lanes: dict[Track, Ready[Any]] = {
            "video": renderer._video,
            "audio": renderer._audio,
            "text": renderer._text,
        }
        return lanes[track]

    @property
    def starves(self) -> bool:
        """A lane has yet to decode what the next moment may show."""
        return not self.renderer._presenter._nothing_is_missing()

    def is_through(self, track: Track) -> bool:
        lane = self.lane(track)
        return lane.finished and not len(lane)


@asynccontextmanager
async def rig(
    settings: RenderSettings | None = None, sink: RecordingSink | None = None
) -> AsyncIterator[Rig]:
    """Run a Renderer; it is closed at the end."""
    held = Rig()
    held.sink = sink or held.sink
    async with anyio.create_task_group() as tasks:
        held.renderer = Renderer(
            held.sink,
            held.emit,
            clock=held.clock,
            task_group=tasks,
            source=lambda fetch_id: held.sources[fetch_id],
            settings=settings or RenderSettings(hwaccel="none"),
        )
        yield held
        await held.renderer.aclose()
