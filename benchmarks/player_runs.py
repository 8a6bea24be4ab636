"""One real playback on a shaped link, recorded; and the simulator's on the same trace.

The player is the product's: httpx, PyAV and a sink that shows nothing, against edge servers
behind a relay, in processes of their own. Its clock begins with the link's trace, so what
the record says of time is said of the trace too.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import anyio
import httpx
from figures import median

import abr
import netplay
from netplay.core.messages import DecodeLagged, Opened
from netplay.core.rules import SessionRules
from netplay.core.session import Session
from netplay.edge.link import PACKET_BYTES, LinkSpec
from netplay.edge.testbed import Testbed
from netplay.edge.title import Title
from netplay.lab.agreement import Step, alone, steps
from netplay.media.fragments import FragmentReader
from netplay.media.init import read_init
from netplay.segments import Segment
from netplay.sim import Content, Decoding, Host, Link, Trace
from netplay.sim.content import Pieces
from netplay.telemetry import Message, Summary
from netplay.timeline import Representation

__all__ = ["Playing", "Run", "compare", "measured", "play", "play_alone"]

SEED = 1

ASKED = 20
"""Requests that the time to a first byte is the median of."""

DECODE_US = 10_000
"""To the first frame of these small pictures, where a 1080p one takes 20 ms."""

PIECE_US = 80_000
"""Media a piece at least; the player tells of what became decodable ten times a second."""

HELD_US = 125_000
"""Three frames at 24 a second: two B-frames wait for the one they refer to."""


@dataclass(frozen=True, kw_only=True)
class Playing:
    """What both play, and how.

    Attributes:
        folder: A packaged title.
        header_bytes: Of an answer, as the title's servers write it.
        think_us: To a first byte beyond the round trip: the server's time and the client's.
    """

    folder: Path
    controller: str
    rules: SessionRules
    header_bytes: int = 0
    think_us: int = 0

    def session(self) -> Session:
        """Return a Session like the player's."""
        return Session(abr.controller(self.controller), rules=self.rules, seed=SEED)


@dataclass(frozen=True)
class Run:
    """One playback.

    Attributes:
        messages: The record, on a clock that begins with the trace.
        late_ms: How late the player's own event loop woke, the worst of 100 wakings.
        load: Runnable processes while it played, on average.
    """

    messages: tuple[tuple[int, Message], ...]
    summary: Summary
    late_ms: float
    load: float

    @property
    def opened(self) -> Opened:
        """What the session began with."""
        return next(one for _, one in self.messages if isinstance(one, Opened))

    @property
    def lags(self) -> int:
        """How often the decoder was found to be behind."""
        return sum(isinstance(one, DecodeLagged) for _, one in self.messages)


class TraceClock:
    """The real clock, counted from when the trace began to be felt."""

    def __init__(self, origin_us: int) -> None:
        self._clock = netplay.MonotonicClock()
        self._origin_us = origin_us

    def now_us(self) -> int:
        return self._clock.now_us() - self._origin_us

    async def wait(self, changed: anyio.Event, until_us: int | None) -> None:
        await self._clock.wait(changed, None if until_us is None else until_us + self._origin_us)


async def measured(playing: Playing) -> Playing:
    """Return it with what an answer costs beside its body, everything being warm."""
    link = LinkSpec.constant(100_000)
    async with Testbed(playing.folder, oca_count=3, link=link) as bed:
        async with netplay.Player(hwaccel="none") as player:
            # Imports and first calls are not measured.
            await player.open(bed.mpd_url)
            await player.play()
        header_bytes, thinks_s = 0, []
        async with httpx.AsyncClient(base_url=bed.hosts[0][1]) as client:
            for _ in range(ASKED):
                asked_s = anyio.current_time()
                async with client.stream("GET", "title.json") as answer:
                    thinks_s.append(anyio.current_time() - asked_s - link.rtt_s)
                    header_bytes = _header_bytes(answer)
                    await answer.aread()
    return replace(playing, header_bytes=header_bytes, think_us=round(median(thinks_s) * 1e6))


def _header_bytes(answer: httpx.Response) -> int:
    """Return how much came before a body: "HTTP/1.1 200 OK", the fields and an empty line."""
    fields = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
    return 9 + 3 + 1 + len(answer.reason_phrase) + 2 + fields + 2


async def play(playing: Playing, link: LinkSpec) -> Run:
    """Play a title to its end over a link, in real time."""
    messages: list[tuple[int, Message]] = []
    late_ms: list[float] = []
    async with (
        Testbed(playing.folder, oca_count=3, link=LinkSpec.constant(100_000)) as bed,
        _lateness(late_ms),
    ):
        before_us = netplay.MonotonicClock().now_us()
        await bed.shape(link)
        # The relay's trace began somewhere between the two, a millisecond at most; and what
        # crosses the link then is with the viewer half a round trip later.
        began_us = (before_us + netplay.MonotonicClock().now_us()) // 2
        await anyio.sleep(link.rtt_s / 2)
        clock = TraceClock(began_us + round(link.rtt_s / 2 * 1e6))
        async with netplay.Player(
            controller=playing.controller,
            rules=playing.rules,
            seed=SEED,
            hwaccel="none",
            clock=clock,
            taps=[lambda now_us, message: messages.append((now_us, message))],
        ) as player:
            await player.open(bed.mpd_url)
            await player.resume()
            await player.wait_finished()
            summary = player.summary()
    worst_ms = sorted(late_ms)[len(late_ms) * 99 // 100]
    return Run(tuple(messages), summary, worst_ms, os.getloadavg()[0])


@asynccontextmanager
async def _lateness(late_ms: list[float]) -> AsyncIterator[None]:
    """Note, twenty times a second, how late this event loop wakes."""

    async def look() -> None:
        while True:
            due_s = anyio.current_time() + 0.05
            await anyio.sleep_until(due_s)
            late_ms.append((anyio.current_time() - due_s) * 1e3)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(look)
        yield
        tasks.cancel_scope.cancel()


# The simulator's side.


def _link(playing: Playing, run: Run, link: LinkSpec) -> Link:
    hosts = run.opened.presentation.hosts
    return Link(
        trace=Trace((round(span_s * 1e6), round(kbps * 1e3)) for span_s, kbps in link.trace),
        rtt_us=round(link.rtt_s * 1e6),
        hosts={name: Host(think_us=playing.think_us) for name in hosts},
        # The player opens four ahead of need, while the manifest is on its way.
        connect_rtts=0,
        header_bytes=playing.header_bytes,
        packet_bytes=PACKET_BYTES,
    )


def _content(playing: Playing, run: Run) -> Content:
    """Return the title as the player read it, with the sizes it has on disk."""
    tracks = {track.id: track for track in Title.load(playing.folder).tracks}

    def size_bytes(rep: Representation, segment: Segment) -> int:
        return tracks[rep.name].segments[segment.number - 1].size_bytes

    @cache
    def pieces(name: str, number: int) -> Pieces:
        return _pieces(playing.folder / name, tracks[name].timescale, number)

    init_bytes = [track.init_bytes for track in tracks.values() if track.init_bytes]
    return Content(
        run.opened.presentation,
        sizes=size_bytes,
        init_bytes=sum(init_bytes) // len(init_bytes),
        pieces=lambda rep, segment: pieces(rep.name, segment.number),
    )


def _pieces(folder: Path, timescale: int, number: int) -> Pieces:
    """Return how much of a segment's media is there with how many of its bytes."""
    segment = sorted(folder.glob("*.m4s"))[number - 1].read_bytes()
    movie = read_init((folder / "init.mp4").read_bytes(), what="init")
    (track,) = movie.tracks
    sizes_bytes = [
        len(sample.data) for sample in FragmentReader(movie, what="segment").feed(segment)
    ]
    reader = FragmentReader(movie, what="segment")
    told, until_us = [], -PIECE_US
    start, end = 0, len(segment) - sum(sizes_bytes)
    for size_bytes in sizes_bytes:
        end += size_bytes
        reader.feed(segment[start:end])
        start, span = end, reader.span(track.track_id)
        assert span is not None
        held_us = (span.until - span.start) * 1_000_000 // timescale
        if held_us - until_us >= PIECE_US or end == len(segment):
            until_us = held_us
            told.append((end, held_us))
    return tuple(told)


DECODING = Decoding(first_frame_us=DECODE_US, held_us=HELD_US)


def compare(playing: Playing, run: Run, link: LinkSpec) -> list[Step]:
    """Return every decision of a playback beside the simulator's."""
    content, simulated = _content(playing, run), _link(playing, run, link)
    return list(steps(run.messages, playing.session, content, simulated, decoding=DECODING))


def play_alone(playing: Playing, run: Run, link: LinkSpec) -> Summary:
    """Return how the simulator plays the same by itself."""
    content, simulated = _content(playing, run), _link(playing, run, link)
    return alone(run.messages, playing.session, content, simulated, decoding=DECODING)
