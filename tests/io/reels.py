"""Small real media, presentations that name it, and a desk from which it is fetched."""

from __future__ import annotations

import io
import math
import time
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

import anyio
import av
import httpx
from anyio.abc import TaskGroup
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from netplay.core.messages import (
    Cancel,
    Connect,
    Event,
    Evict,
    Fetch,
    Fetched,
    FetchFailed,
    Progressed,
    Resolve,
    Resolved,
    ResolveFailed,
)
from netplay.io.fetch.fetcher import Fetcher
from netplay.io.net.network import Network
from netplay.io.source import Packet, Source
from netplay.media.boxes import boxes
from netplay.segments import Entry, Init, Listing, Run, SegmentIndex
from netplay.timeline import (
    AdaptationSet,
    Index,
    Known,
    Location,
    Period,
    Presentation,
    Representation,
)

CMAF = "frag_keyframe+delay_moov+default_base_moof+skip_trailer"
FRAMES = 50
RATE = 48_000


def _pictures() -> Iterator[av.VideoFrame]:
    for number in range(FRAMES):
        frame = av.VideoFrame(64, 48, "gray")
        row = bytes((x * 3 + number * 5) % 256 for x in range(frame.planes[0].line_size))
        frame.planes[0].update(row * 48)
        frame = frame.reformat(format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        yield frame


def _tones() -> Iterator[av.AudioFrame]:
    for start in range(0, RATE * 2, 960):
        frame = av.AudioFrame("s16", "mono", 960)
        wave = (int(8000 * math.sin((start + x) * 0.06)) for x in range(960))
        frame.planes[0].update(array("h", wave).tobytes())
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        yield frame


@cache
def reel(*codecs: str, container: str = "mp4", movflags: str = CMAF) -> bytes:
    """Return two seconds of media in a container, two groups of pictures long."""
    file = io.BytesIO()
    options = {"movflags": movflags} if container == "mp4" and movflags else {}
    with av.open(file, "w", format=container, options=options) as muxer:
        streams: list[VideoStream | AudioStream] = []
        for codec in codecs:
            if codec in ("libx264", "libvpx-vp9"):
                fast = {"preset": "ultrafast", "bf": "2", "x264-params": "scenecut=0:b-adapt=0"}
                video = muxer.add_stream(codec, rate=25, options=fast if "264" in codec else {})
                assert isinstance(video, VideoStream)
                video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
                video.codec_context.gop_size = 25
                streams.append(video)
            else:
                audio = muxer.add_stream(codec, rate=RATE)
                assert isinstance(audio, AudioStream)
                audio.layout = "mono"
                streams.append(audio)
        for stream in streams:
            if isinstance(stream, VideoStream):
                for picture in _pictures():
                    muxer.mux(stream.encode(picture))
            else:
                for tone in _tones():
                    muxer.mux(stream.encode(tone))
            muxer.mux(stream.encode(None))
    return file.getvalue()


def split(data: bytes) -> tuple[bytes, bytes]:
    """Return the init segment of a file, and everything behind it."""
    moov = next(box for box in boxes(data) if box.kind == "moov")
    return data[: moov.end], data[moov.end :]


def demuxed(data: bytes) -> dict[str, list[tuple[int, int, bool, bytes]]]:
    """Return what libav finds in a file: (pts, dts, keyframe, data) by kind of stream."""
    found: dict[str, list[tuple[int, int, bool, bytes]]] = {}
    with av.open(io.BytesIO(data), "r") as opened:
        for packet in opened.demux():
            if packet.size and packet.dts is not None:
                assert packet.pts is not None
                found.setdefault(packet.stream.type, []).append(
                    (packet.pts, packet.dts, packet.is_keyframe, bytes(packet))
                )
    return found


def listed(packets: list[Packet]) -> list[tuple[int, int, bool, bytes]]:
    """Return packets as `demuxed` gives them."""
    return [(it.pts, it.dts, it.keyframe, bytes(it.data)) for it in packets]


def listing(*entries: Entry) -> Known:
    """Return the index of segments of two seconds."""
    return Known(SegmentIndex(1, (Run(0, 2, len(entries)),), Listing(entries)))


SEGMENT = Entry("seg.m4s", init=Init("init.mp4"))


def title(
    index: Index | None = None,
    *,
    url: str = "https://edge.test/title/manifest.mpd",
    hosts: tuple[str, ...] = ("edge.test",),
    mime_type: str = "video/mp4",
) -> Presentation:
    """Return a presentation of one Representation, "0/v"."""
    base = url.rpartition("/")[0]
    locations = tuple(Location(host, f"{base}/" if "://" not in host else host) for host in hosts)
    rep = Representation(
        "0/v",
        "v",
        "video",
        ("video",),
        1_000_000,
        locations,
        index or listing(SEGMENT),
        mime_type=mime_type,
    )
    period = Period("0", 0, 2_000_000, (AdaptationSet("0/0", "video", (rep,)),))
    return Presentation(url, "dash", (period,), 2_000_000)


@dataclass
class Desk:
    """A Fetcher at work, and what it told."""

    events: list[Event] = field(default_factory=list)
    changed: anyio.Event = field(default_factory=anyio.Event)
    now_us: Callable[[], int] = lambda: time.monotonic_ns() // 1000

    def tell(self, event: Event) -> None:
        """Take an event."""
        self.events.append(event)
        self.changed.set()
        self.changed = anyio.Event()

    async def until(self, found: Callable[[Event], bool]) -> Event:
        """Return the first event that is what is waited for."""
        with anyio.fail_after(5):
            while True:
                for event in self.events:
                    if found(event):
                        return event
                await self.changed.wait()

    async def end(self, fetch_id: int) -> Fetched | FetchFailed:
        """Return how a fetch ended."""
        event = await self.until(
            lambda it: isinstance(it, Fetched | FetchFailed) and it.fetch_id == fetch_id
        )
        assert isinstance(event, Fetched | FetchFailed)
        return event

    async def resolved(self, resolve_id: int) -> Resolved | ResolveFailed:
        """Return how a resolve ended."""
        event = await self.until(
            lambda it: isinstance(it, Resolved | ResolveFailed) and it.resolve_id == resolve_id
        )
        assert isinstance(event, Resolved | ResolveFailed)
        return event

    def progress(self, fetch_id: int) -> list[Progressed]:
        """Return what was told of a fetch on its way."""
        return [it for it in self.events if isinstance(it, Progressed) and it.fetch_id == fetch_id]


class Bench(Desk):
    """A Desk with its Fetcher."""

    fetcher: Fetcher

    def perform(self, action: Fetch | Resolve | Cancel | Connect | Evict) -> None:
        """Have an action performed."""
        self.fetcher.perform(action)

    async def drain(self, fetch_id: int) -> dict[str, list[Packet]]:
        """Return every packet of a fetch, by stream."""
        source: Source = self.fetcher.source(fetch_id)
        taken: dict[str, list[Packet]] = {}
        for stream in await source.configs():
            packets: list[Packet] = []
            while fresh := await source.packets(stream, len(packets)):
                packets += fresh
            taken[stream] = packets
        return taken


@asynccontextmanager
async def bench(
    network: Network,
    presentation: Presentation,
    *,
    clock: Callable[[], int] | None = None,
) -> AsyncIterator[Bench]:
    """Run a Fetcher, and stop it and the network in the end."""
    desk = Bench()
    async with network, anyio.create_task_group() as tasks:
        desk.fetcher = fetcher_of(network, presentation, desk, tasks, clock or desk.now_us)
        yield desk
        await desk.fetcher.aclose()


def fetcher_of(
    network: Network,
    presentation: Presentation,
    desk: Desk,
    tasks: TaskGroup,
    clock: Callable[[], int],
) -> Fetcher:
    """Return a Fetcher that tells a desk."""
    return Fetcher(network, presentation, emit=desk.tell, clock=clock, task_group=tasks)


Answer = bytes | httpx.Response | Callable[[httpx.Request], httpx.Response]
Answers = dict[str, Answer]


def served(answers: Answers) -> httpx.MockTransport:
    """Return a server that knows some paths, and ranges of what they hold."""

    def answer(request: httpx.Request) -> httpx.Response:
        held = answers.get(request.url.path)
        if held is None:
            return httpx.Response(404)
        if callable(held):
            return held(request)
        if isinstance(held, httpx.Response):
            return held
        asked = request.headers.get("range")
        if asked is None:
            return httpx.Response(200, content=held)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        part = held[int(first) : int(last) + 1 if last else None]
        end = int(first) + len(part) - 1
        said = {"Content-Range": f"bytes {first}-{end}/{len(held)}"}
        return httpx.Response(206, content=part, headers=said)

    return httpx.MockTransport(answer)


def fetch(fetch_id: int, **said: object) -> Fetch:
    """Return a Fetch of the only Representation's first segment."""
    known: dict[str, object] = {
        "track": "video",
        "representation": "0/v",
        "number": 0,
        "host": "edge.test",
    }
    return Fetch(fetch_id, **(known | said))  # type: ignore[arg-type]
