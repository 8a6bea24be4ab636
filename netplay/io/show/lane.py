"""One stream's way from segments to frames: Feeds in order, through one decoder at a time.

Packets are decoded as the Source gets them, in a worker thread that is never abandoned:
a Flush waits for the packets in hand, some milliseconds' worth. One decoder lasts as
long as Configs stay equal; between Feeds that continue each other it is not touched, so
that frames which wait for the next segment's packets come out where they belong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, Literal, TypeVar

import anyio

from netplay.core.messages import Decoded, DecodeFailed, Event, Feed, Flush
from netplay.errors import DecodeError, LicenseError, MediaError
from netplay.io.keys.locks import Locks
from netplay.io.keys.store import KeyStore
from netplay.io.show.decode import Decoder
from netplay.io.show.frames import Entry
from netplay.io.show.job import Job, Visit, cut, stays
from netplay.io.show.ready import Ready
from netplay.io.source import Config, Packet, Source, SourceLost, Stream

__all__ = ["Lane", "Opener"]

ResultT = TypeVar("ResultT")

Opener = Callable[[Config, str], Decoder]
"""Opens a decoder in the hardware named, "" for software; raises DecodeError or MediaError."""

_MOST_PACKETS = 256
"""More than any visit gets through."""


class Lane:
    """Decodes what one lane is fed, opening what is encrypted; keeps no more than has room.

    A multiplex in the video lane has two of these, one for each stream; both are fed the
    same Feeds, and the one that leads reports.

    Args:
        stream: Which of a Source's streams.
        ready: Takes what was decoded.
        source: Gives the Source of a fetch id.
        emit: Hears Decoded and DecodeFailed.
        hardware: Names the hardware to try for a Config, "" for none.
        keys: Open what is encrypted.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        ready: Ready[Any],
        source: Callable[[int], Source],
        emit: Callable[[Event], None],
        opener: Opener,
        hardware: Callable[[Config], str],
        keys: KeyStore | None = None,
    ) -> None:
        self._track = ready.track
        self._stream = stream
        self._ready = ready
        self._source = source
        self._emit = emit
        self._opener = opener
        self._hardware = hardware
        self._feeds: deque[Feed] = deque()
        self._fed = anyio.Event()
        self._job: Job | None = None
        self._jobs: dict[int, Job] = {}
        self._failed = False
        self._inside: Literal["nothing", "flowing", "unwanted"] = "nothing"
        self._decoder: Decoder | None = None
        self._config: Config | None = None
        self._last: Packet | None = None
        self._kept: list[tuple[Packet, int]] = []
        self._newest_keyframe = 0
        # Entries that came and wait for room; they outlive the Feed that brought them out.
        self._coming: deque[Entry] = deque()
        self._came_until_us: int | None = None
        self._again_until_us: int | None = None
        self._refused: set[str] = set()
        self._from_us: int | None = None
        self._until_us = 0
        # One at a time, whatever the loop's own limit of threads is.
        self._limiter = anyio.CapacityLimiter(1)
        self._locks = Locks(keys if keys is not None else KeyStore(), self._on_thread)

    def feed(self, feed: Feed) -> None:
        """Decode a segment behind those fed before; a Feed of an older generation is void."""
        if feed.generation < self._ready.generation or self._failed:
            return
        self._ready.generation = feed.generation
        self._ready.feeding = True
        self._feeds.append(feed)
        self._fed.set()

    def flush(self, flush: Flush) -> None:
        """Drop what begins at `from_us` or later, and what is not begun unless it is kept."""
        self._ready.generation = flush.generation
        self._feeds = deque(cut(feed, flush) for feed in self._feeds if stays(feed, flush))
        self._failed = False
        self._from_us = None
        self._ready.cut_from(flush.from_us)
        job = self._job
        if flush.from_us is None:
            self._ready.feeding = False
            self._jobs.clear()
            self._coming.clear()
            self._came_until_us = None
            if job is not None:
                job.scope.cancel()
            return
        for held in self._jobs.values():
            if held.until_us is None or held.until_us > flush.from_us:
                held.until_us = flush.from_us
        if job is None:
            return
        begun = bool(job.taken) or stays(job.feed, flush)
        if not begun or (self._came_until_us or 0) >= flush.from_us:
            job.scope.cancel()
        job.feed = replace(job.feed, last=False)

    async def run(self) -> None:
        """Decode whatever is fed, until cancelled."""
        while True:
            while not self._feeds:
                self._fed = anyio.Event()
                await self._fed.wait()
            feed = self._feeds.popleft()
            job = self._job = Job(feed, feed.until_us)
            # Frames of the Feed before may still come out, hence not only this one.
            self._jobs = dict([*self._jobs.items()][-1:]) | {feed.fetch_id: job}
            with job.scope:
                await self._perform(job)
            if job.scope.cancelled_caught:
                self._leave(job)
            self._job = None

    async def aclose(self) -> None:
        """Give the decoder back. Only after run() has ended."""
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            await self._on_thread(decoder.close)

    # ── One Feed ─────────────────────────────────────────────────────────────────────

    async def _perform(self, job: Job) -> None:
        try:
            await self._decode(job)
        except SourceLost:
            # Whoever cancelled the fetch knows, and says what is next.
            self._jobs.pop(job.feed.fetch_id, None)
        except (MediaError, DecodeError, LicenseError) as error:
            self._failed = True
            self._feeds.clear()
            await self._rescue(job)
            self._emit(
                DecodeFailed(
                    self._track,
                    self._ready.generation,
                    job.feed.fetch_id,
                    str(error),
                    media=isinstance(error, MediaError),
                    locked=isinstance(error, LicenseError),
                )
            )

    def _leave(self, job: Job) -> None:
        """Forget a Feed that was cancelled; frames of the one before stay where they are."""
        self._jobs.pop(job.feed.fetch_id, None)
        if job.taken:
            self._inside = "unwanted"

    async def _rescue(self, job: Job) -> None:
        """Get what the decoder still holds of the Feed before one that failed."""
        flowing, self._inside = self._inside == "flowing", "unwanted"
        self._jobs.pop(job.feed.fetch_id, None)
        if self._decoder is None or not flowing or not self._jobs:
            return
        try:
            await self._drain(self._decoder)
        except (MediaError, DecodeError):
            return  # what was in it went with the segment that failed
        finally:
            self._inside = "unwanted"

    async def _decode(self, job: Job) -> None:
        feed = job.feed
        source = self._source(feed.fetch_id)
        configs = await source.configs()
        config = configs.get(self._stream)
        self._ready.leads = self._stream == self._track or self._track not in configs
        if config is None:
            if self._stream == self._track and not (self._track == "video" and configs):
                raise MediaError(source.name, f"it holds no {self._track}")
            # A picture without sound beside it: nothing of ours is to be waited for.
            self._ready.feeding = False
            return
        self._ready.feeding = True
        while packets := await source.packets(self._stream, job.taken):
            await self._locks.ready(config, packets)
            if not job.taken:
                await self._begin(job, config, packets[0])
            job.taken += len(packets)
            await self._decode_all(job, packets)
            if job.passed:
                # The rest is beyond what is wanted, and so is what the decoder holds back.
                self._inside = "unwanted"
                break
        if job.taken and self._inside == "flowing":
            await self._complete(job, source.name)
        self._report(job, finished=feed.last)
        if feed.last:
            self._ready.finish()

    async def _begin(self, job: Job, config: Config, first: Packet) -> None:
        """Make the decoder ready for a Feed's first packet."""
        last, decoder = self._last, self._decoder
        if decoder is not None and self._inside == "flowing":
            same = config == self._config and decoder.offset_us == job.feed.offset_us
            if same and last is not None and first.dts > last.dts:
                return
            await self._drain(decoder)
        if decoder is None or config != self._config:
            decoder = await self._open(config)
        else:
            await self._on_thread(decoder.reset)
        decoder.offset_us = job.feed.offset_us
        self._inside = "flowing"
        self._came_until_us = None
        self._again_until_us = None
        self._forget()

    async def _complete(self, job: Job, name: str) -> None:
        """Get the last frames where nothing follows, and see that there were any."""
        decoder = self._decoder
        assert decoder is not None
        if job.feed.last or not decoder.gave:
            await self._drain(decoder)
            if not decoder.gave:
                raise MediaError(name, f"no frame came of {job.taken} packets")

    async def _open(self, config: Config, *, in_hardware: bool = True) -> Decoder:
        """Open a decoder in place of the one before, in hardware if that may be."""
        former, self._decoder = self._decoder, None
        self._inside = "nothing"
        if former is not None:
            await self._on_thread(former.close)
        may = in_hardware and config.codec not in self._refused
        hardware = self._hardware(config) if may else ""
        try:
            decoder = await self._on_thread(lambda: self._opener(config, hardware))
        except DecodeError:
            if not hardware:
                raise
            # Silent by design: Decoded says who decodes.
            self._refused.add(config.codec)
            decoder = await self._on_thread(lambda: self._opener(config, ""))
        self._decoder, self._config = decoder, config
        return decoder

    # ── Packets ──────────────────────────────────────────────────────────────────────

    async def _decode_all(self, job: Job, packets: Sequence[Packet]) -> None:
        """Decode packets; while some are decoded, what came of those before is given on.

        So the worker thread waits only for the loop to wake up, not for what the loop does
        with the frames.
        """
        todo = deque((packet, job.feed.fetch_id) for packet in packets)
        came: list[Entry] = []
        while todo and not job.passed:
            places = await self._ready.place() - len(came)
            if places <= 0:
                await self._deliver(came)
                came = []
                continue
            decoder, config = self._decoder, self._config
            assert decoder is not None
            assert config is not None
            # Half of what there is room for, so that the other half can be decoded next.
            enough = places if came else 1 if self._from_us is None else (places + 1) // 2
            soon = list(islice(todo, _MOST_PACKETS))
            visit = Visit(decoder, soon, job, enough, partial(self._locks.open, config))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._on_thread, visit.make)
                await self._deliver(came)
            came = visit.entries
            for _ in range(visit.taken):
                self._remember(*todo.popleft(), keep=bool(decoder.hardware))
            if visit.error is not None:
                await self._deliver(came)
                came = []
                if not decoder.hardware or isinstance(visit.error, LicenseError):
                    raise visit.error
                await self._fall_back(decoder)
                todo = deque(self._kept) + todo
                self._forget()
        await self._deliver(came)

    async def _fall_back(self, decoder: Decoder) -> None:
        """Go on in software, from a keyframe before, without showing anything twice."""
        assert self._config is not None
        offset_us, came_us = decoder.offset_us, self._came_until_us
        self._refused.add(self._config.codec)
        successor = await self._open(self._config, in_hardware=False)
        successor.offset_us = offset_us
        self._inside = "flowing"
        self._again_until_us = came_us

    def _remember(self, packet: Packet, fetch_id: int, *, keep: bool) -> None:
        self._last = packet
        if keep:
            if packet.keyframe:
                # One keyframe back, because frames before the newest may still be inside.
                del self._kept[: self._newest_keyframe]
                self._newest_keyframe = len(self._kept)
            self._kept.append((packet, fetch_id))

    def _forget(self) -> None:
        self._kept.clear()
        self._newest_keyframe = 0

    async def _drain(self, decoder: Decoder) -> None:
        entries = await self._on_thread(decoder.drain)
        self._inside = "nothing"
        await self._deliver(entries)

    async def _on_thread(self, work: Callable[[], ResultT]) -> ResultT:
        # Not abandoned on cancellation: two threads in one decoder would crash.
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)

    # ── Entries ──────────────────────────────────────────────────────────────────────

    async def _deliver(self, entries: Iterable[Entry]) -> None:
        self._coming.extend(entries)
        while self._coming:
            entry, again_us = self._coming[0], self._again_until_us
            if again_us is None or entry.position_us >= again_us:
                await self._place(entry)
                if not self._coming:
                    return  # a Flush emptied the lane while it waited
                # Only now: a Flush that comes while it waits must not think it is there.
                self._came_until_us = max(self._came_until_us or entry.until_us, entry.until_us)
            self._coming.popleft()

    async def _place(self, entry: Entry) -> None:
        """Add what is wanted of an entry, once there is room."""
        job = self._jobs.get(entry.fetch_id)
        if job is None:
            return
        if self._stream != "text" and job.ends_before(entry):
            job.passed = True
            return
        part = job.wanted(entry)
        if part is None:
            return
        await self._ready.room_for(part)
        # A Flush may have brought the end nearer meanwhile.
        part = job.wanted(entry) if self._jobs.get(entry.fetch_id) is job else None
        if part is not None:
            self._give(part, job)

    def _give(self, entry: Entry, job: Job) -> None:
        self._ready.add(entry)
        first = self._from_us is None
        if first:
            self._from_us, self._until_us = entry.position_us, entry.until_us
            self._report(job)
        self._until_us = max(self._until_us, entry.until_us)

    def _report(self, job: Job, *, finished: bool = False) -> None:
        if not self._ready.leads:
            return
        nothing = self._from_us is None
        self._emit(
            Decoded(
                self._track,
                self._ready.generation,
                job.feed.from_us if self._from_us is None else self._from_us,
                job.feed.from_us if nothing else self._until_us,
                finished=finished,
                hardware=self._decoder.hardware if self._decoder is not None else "",
            )
        )
