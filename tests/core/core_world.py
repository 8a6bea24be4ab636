"""A world for one Session: hosts that answer or fail, a shared link, decoders and a clock.

Everything happens in virtual time and in a fixed order, so a run is a function of what it
was made with. Whatever the Session does is watched (`core_watch`) on the way.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeVar

from core_titles import Movie
from core_watch import Watch

import abr
from abr.contract import Controller
from netplay.core.device import Device, Preferences
from netplay.core.messages import (
    Action,
    Cancel,
    Decoded,
    DecodeFailed,
    Event,
    Fail,
    Failure,
    Feed,
    Fetch,
    Fetched,
    FetchFailed,
    Finish,
    Flush,
    Hold,
    KeysFailed,
    KeysReady,
    Opened,
    OpenKeys,
    Play,
    Progressed,
    Rendered,
    RenewKeys,
    Resolve,
    Resolved,
    ResolveFailed,
    Tick,
    Track,
)
from netplay.core.rules import SessionRules
from netplay.core.session import Session

__all__ = ["GONE", "MISSING", "REFUSED", "SILENT", "Fault", "World", "faulty"]

A = TypeVar("A")

INIT_BYTES = 800
INDEX_BYTES = 2_000
CHUNKS = 4
FRAME_US = 40_000
DECODE_US = 5_000
# Decoded media ahead of the playhead, as the driver's back-pressure has it.
AHEAD_US = 250_000
STEP_US = 100_000
MOST_STEPS = 100_000
MOST_AT_ONCE = 300


@dataclass(frozen=True)
class Fault:
    """What a host answers instead of what it was asked for."""

    failure: Failure | None
    status: int | None = None
    retry_after_us: int | None = None
    after_bytes: int = 0


REFUSED = Fault("refused")
MISSING = Fault("status", status=404)
GONE = Fault("status", status=410)
SILENT = Fault(None)

Service = Callable[["OpenKeys | RenewKeys", int], tuple[int, KeysReady | KeysFailed] | None]
"""Answers a licence request after so many microseconds; None: never."""

Faults = Callable[[Fetch | Resolve, int], Fault | None]
Deed = Event | Callable[["World"], Event | None]


def flawless(request: Fetch | Resolve, now_us: int) -> Fault | None:
    return None


def faulty(fault: Fault, *, host: str = "", from_s: float = 0, until_s: float = 1e9) -> Faults:
    """Answer so, from one host or from all, for a time."""

    def answer(request: Fetch | Resolve, now_us: int) -> Fault | None:
        here = host in ("", request.host) and from_s * 1e6 <= now_us < until_s * 1e6
        return fault if here else None

    return answer


@dataclass
class Download:
    """One request on its way."""

    request: Fetch | Resolve
    size: int
    begins_us: int
    fault: Fault | None
    media_us: tuple[int, int] | None = None
    got: float = 0.0
    came_us: int = 0
    told: int = -1

    @property
    def limit(self) -> int:
        return self.size if self.fault is None else min(self.fault.after_bytes, self.size)

    def moves(self, at_us: int) -> bool:
        return self.begins_us <= at_us and self.got < self.limit - 1e-6

    def over(self, at_us: int) -> bool:
        silent = self.fault is not None and self.fault.failure is None
        return self.begins_us <= at_us and self.got >= self.limit - 1e-6 and not silent

    def next_chunk(self) -> int:
        """Return at how many bytes there is more to tell."""
        if not isinstance(self.request, Fetch) or self.request.init:
            return self.limit
        marks = (self.size * part // CHUNKS for part in range(1, CHUNKS + 1))
        return min(self.limit, next((m for m in marks if m > self.got + 1e-6), self.limit))

    def media_until_us(self) -> int | None:
        if self.media_us is None or self.got < 1:
            return None
        start_us, end_us = self.media_us
        return start_us + int((end_us - start_us) * self.got / self.size)


@dataclass
class Decoder:
    """One lane: what it was fed, and the stretches of the timeline it has frames for."""

    generation: int = 0
    queue: deque[Feed] = field(default_factory=deque)
    job: Feed | None = None
    job_until_us: int | None = None
    reached_us: int = 0
    began: bool = False
    ready: list[tuple[int, int]] = field(default_factory=list)

    def flush(self, flush: Flush) -> None:
        """Do as the Flush says."""
        self.generation = flush.generation
        self.queue = deque(
            replace(feed, until_us=min(flush.from_us or 0, feed.until_us or flush.from_us or 0))
            for feed in self.queue
            if feed.fetch_id in flush.keeps
        )
        self.began = False
        if flush.from_us is None:
            self.job, self.ready = None, []
            return
        cut_us = flush.from_us
        self.ready = [(a, min(b, cut_us)) for a, b in self.ready if a < cut_us]
        if self.job is not None and self.job.fetch_id not in flush.keeps:
            self.job = None
        elif self.job is not None:
            self.job_until_us = cut_us

    def covers(self, from_us: int, until_us: int) -> int:
        """Return how much of a stretch there are frames for."""
        return sum(max(0, min(b, until_us) - max(a, from_us)) for a, b in joined(self.ready))


def joined(stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for a, b in sorted(stretches):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], b))
        else:
            out.append((a, b))
    return out


class World:
    """Performs what a Session decides.

    Attributes:
        log: (now, event, actions) of everything the Session was told.
        missed_us: Per lane, how long the playhead moved with no frame to show.
    """

    def __init__(
        self,
        movie: Movie,
        *,
        rate_bps: float = 5e6,
        rtt_us: int = 40_000,
        fault: Faults = flawless,
        script: Sequence[tuple[float, Deed]] = (),
        controller: Controller | None = None,
        rules: SessionRules | None = None,
        seed: int = 0,
        device: Device | None = None,
        wants: Preferences | None = None,
        start_us: int | None = None,
        paused: bool = False,
        renders: bool = True,
        drift_us: int = 0,
        checked: bool = True,
        undecodable: Callable[[Fetch], str | None] = lambda _: None,
        media_to_blame: bool = True,
        service: Service = lambda _, __: None,
    ) -> None:
        self.movie = movie
        self.session = Session(
            abr.controller("hybrid") if controller is None else controller, rules=rules, seed=seed
        )
        self.now_us = 0
        self.log: list[tuple[int, Event, tuple[Action, ...]]] = []
        self.watch = Watch(movie)
        self.missed_us: dict[str, int] = {}
        self.failed: Fail | None = None
        self.finished = False
        self._rate_bps = rate_bps
        self._rtt_us = rtt_us
        self._fault = fault
        self._queue: list[tuple[int, int, Deed]] = []
        self._queued = 0
        self._live: dict[int, Download] = {}
        self._media: dict[int, Download] = {}
        self._inits: set[tuple[str, str]] = set()
        self._decoders: dict[Track, Decoder] = {}
        self._position_us = 0
        self._since_us: int | None = None
        self._rate = Fraction(1)
        self._rendered_us = 0
        self._renders = renders
        self._drift_us = drift_us
        self._checked = checked
        self._undecodable = undecodable
        self._media_to_blame = media_to_blame
        self._service = service
        self.kids: set[str] = set()
        opened = Opened(
            movie.presentation,
            device or Device(),
            wants or Preferences(),
            asked_us=0,
            start_us=start_us,
            paused=paused,
        )
        self._push(0, opened)
        for at_s, deed in script:
            self._push(round(at_s * 1e6), deed)

    def __repr__(self) -> str:
        """Show what was told last, for a counterexample."""
        told = [f"{at_us / 1e6:.6f} {event}" for at_us, event, _ in self.log[:1] + self.log[-12:]]
        return "World after\n" + "\n".join(told)

    # What came of it.

    def of(self, kind: type[A]) -> list[A]:
        """Return every action of a kind, in order."""
        return [
            action for _, _, actions in self.log for action in actions if isinstance(action, kind)
        ]

    def timed(self, kind: type[A]) -> list[tuple[float, A]]:
        """Return (seconds, action) of every action of a kind."""
        return [(t / 1e6, a) for t, _, actions in self.log for a in actions if isinstance(a, kind)]

    def segments(self, track: Track = "video") -> list[tuple[str, int]]:
        """Return (Representation, number) of every media segment asked for."""
        return [
            (fetch.representation, fetch.number)
            for fetch in self.of(Fetch)
            if fetch.track == track and not fetch.init
        ]

    def stalls(self) -> list[float]:
        """Return the moments at which it stalled."""
        return [at_s for at_s, hold in self.timed(Hold) if hold.why == "stall"]

    # Running.

    def run(self, until_s: float = 3_600.0, *, beyond_end: bool = False) -> World:
        """Go on until nothing more happens, or a moment; return self."""
        until_us = round(until_s * 1e6)
        last_us, at_once = -1, 0
        for _ in range(MOST_STEPS):
            next_us = self._next_us()
            if next_us is None or next_us > until_us or self.failed is not None:
                return self
            if self.finished and not self._queue and not beyond_end:
                return self
            at_once = at_once + 1 if next_us == last_us else 0
            assert at_once < MOST_AT_ONCE, f"time stands still at {next_us}"
            last_us = next_us
            self._advance(next_us)
            self._step()
        raise AssertionError(f"no end after {MOST_STEPS} steps, at {self.now_us / 1e6} s")

    def tell(self, event: Event) -> list[Action]:
        """Tell the Session something now, and perform what it answers."""
        if isinstance(event, KeysReady):
            self.kids |= set(event.kids)
        actions = self.session.handle(event, self.now_us)
        self.log.append((self.now_us, event, tuple(actions)))
        self.watch.saw(event, actions)
        for action in actions:
            self._perform(action)
        if self._checked:
            self._check_complete(event, actions)
        return actions

    def _check_complete(self, event: Event, actions: Sequence[Action]) -> None:
        due_us = self.session.next_wakeup_us
        if due_us is None or due_us > self.now_us:
            assert self.session.handle(Tick(), self.now_us) == [], "there was something to drain"
            assert self.session.next_wakeup_us == due_us
        elif isinstance(event, Tick):
            assert actions, "a Tick that was due neither acted nor moved the next one forward"

    def _push(self, at_us: int, deed: Deed) -> None:
        self._queued += 1
        heapq.heappush(self._queue, (at_us, self._queued, deed))

    def _next_us(self) -> int | None:
        moments: list[float] = [self._queue[0][0]] if self._queue else []
        if self.session.next_wakeup_us is not None:
            moments.append(self.session.next_wakeup_us)
        busy = [d for d in self._live.values() if d.moves(self.now_us)]
        for download in self._live.values():
            if download.begins_us > self.now_us:
                moments.append(download.begins_us)
            elif download in busy:
                left = download.next_chunk() - download.got
                # At least a microsecond, and one to be past it.
                moments.append(self.now_us + 1 + left * 8e6 * len(busy) / self._rate_bps)
        if self._since_us is not None:
            moments.append(self.now_us + STEP_US)
        return max(self.now_us, int(min(moments))) if moments else None

    def _advance(self, to_us: int) -> None:
        busy = [d for d in self._live.values() if d.moves(self.now_us)]
        for download in busy:
            share = (to_us - self.now_us) * self._rate_bps / 8e6 / len(busy)
            download.got = min(download.limit, download.got + share)
            download.came_us = to_us
        self._show(self.now_us, to_us)
        self.now_us = to_us

    def _step(self) -> None:
        for download in tuple(self._live.values()):
            self._tell_of(download)
        while self._queue and self._queue[0][0] <= self.now_us:
            deed = heapq.heappop(self._queue)[2]
            event = deed(self) if callable(deed) else deed
            if event is not None:
                self.tell(event)
        self._render()
        if self.session.next_wakeup_us is not None and self.session.next_wakeup_us <= self.now_us:
            for download in tuple(self._live.values()):
                if download.begins_us <= self.now_us and isinstance(download.request, Fetch):
                    self.tell(self._progress(download))
            self.tell(Tick())
        self._decode()

    # The link.

    def _tell_of(self, download: Download) -> None:
        request = download.request
        if download.begins_us > self.now_us or id_of(request) not in self._live:
            return
        if download.over(self.now_us):
            del self._live[id_of(request)]
            self.tell(self._ending(download))
            return
        if not isinstance(request, Fetch) or (download.fault and not download.fault.after_bytes):
            return
        chunk = int(download.got * CHUNKS / download.size + 1e-6)
        if chunk > download.told:
            download.told = chunk
            self.tell(self._progress(download))

    def _ending(self, download: Download) -> Event:
        request, fault = download.request, download.fault
        if isinstance(request, Resolve):
            if fault is not None:
                assert fault.failure is not None
                return ResolveFailed(
                    request.resolve_id, fault.failure, "", fault.status, fault.retry_after_us
                )
            index = self.movie.index(request.representation, request.host)
            return Resolved(request.resolve_id, index, download.size, download.begins_us)
        if fault is not None:
            assert fault.failure is not None
            return FetchFailed(
                request.fetch_id,
                fault.failure,
                "",
                int(download.got),
                fault.status,
                fault.retry_after_us,
            )
        if request.init:
            self._inits.add((request.representation, self._init_of(request)))
        begin_us, end_us = download.media_us or (None, None)
        return Fetched(
            request.fetch_id, download.size, self.now_us, download.begins_us, begin_us, end_us
        )

    def _init_of(self, request: Fetch) -> str:
        segment = self.movie.segment(request.representation, request.host, request.number)
        return segment.entry.init.uri if segment.entry.init is not None else ""

    def _progress(self, download: Download) -> Progressed:
        request = download.request
        assert isinstance(request, Fetch)
        until_us = download.media_until_us()
        return Progressed(
            request.fetch_id,
            int(download.got),
            max(download.came_us, download.begins_us),
            download.size,
            download.begins_us,
            download.media_us[0] if download.media_us and until_us is not None else None,
            until_us,
        )

    def _begin(self, request: Fetch | Resolve) -> None:
        size, media_us = INDEX_BYTES, None
        if isinstance(request, Fetch):
            segment = self.movie.segment(request.representation, request.host, request.number)
            rep = self.movie.representation(request.representation)
            size = INIT_BYTES
            if not request.init:
                size = segment.size_bytes or max(
                    1, rep.bandwidth_bps * segment.duration_us // 8_000_000
                )
                # Media that the index does not place has an origin of its own.
                offset_us = segment.offset_us
                if offset_us is None:
                    offset_us = -7_000_000 * (segment.entry.continuity + 1)
                media_us = (segment.start_us - offset_us, segment.end_us - offset_us)
        fault = self._fault(request, self.now_us)
        download = Download(request, size, self.now_us + self._rtt_us, fault, media_us)
        self._live[id_of(request)] = download
        if isinstance(request, Fetch) and not request.init:
            self._media[request.fetch_id] = download

    # The decoders and the screen.

    def _perform(self, action: Action) -> None:
        match action:
            case Fetch() | Resolve():
                self._begin(action)
            case Cancel():
                gone = action.fetch_id if action.fetch_id is not None else action.resolve_id
                assert gone is not None
                del self._live[gone]
            case OpenKeys() | RenewKeys():
                answer = self._service(action, self.now_us)
                if answer is not None:
                    self._push(self.now_us + answer[0], answer[1])
            case Feed():
                self._decoder(action.track).queue.append(action)
            case Flush():
                self._decoder(action.track).flush(action)
            case Play():
                self._show(self.now_us, self.now_us)
                self._position_us, self._since_us = action.position_us, action.at_us
                self._rate = action.rate
            case Hold():
                self._position_us, self._since_us = action.position_us, None
                if action.why == "end":
                    self._push(self.now_us + FRAME_US, World._last_frame)
            case Fail():
                self.failed = action
            case Finish():
                self.finished = True
            case _:
                pass

    def position_us(self, at_us: int) -> int:
        if self._since_us is None:
            return self._position_us
        return self._position_us + int((at_us - self._since_us) * self._rate)

    def _decoder(self, track: Track) -> Decoder:
        return self._decoders.setdefault(track, Decoder())

    def _last_frame(self) -> Event | None:
        return self._rendering() if self._renders else None

    def _show(self, from_us: int, to_us: int) -> None:
        if self._since_us is None:
            return
        a, b = self.position_us(from_us), self.position_us(to_us)
        for track, decoder in self._decoders.items():
            missed_us = b - a - decoder.covers(a, b)
            self.missed_us[track] = self.missed_us.get(track, 0) + missed_us
            decoder.ready = [stretch for stretch in joined(decoder.ready) if stretch[1] > a]

    def _decode(self) -> None:
        for track, decoder in self._decoders.items():
            for event in self._frames(track, decoder):
                self._push(self.now_us + DECODE_US, event)

    def _frames(self, track: Track, decoder: Decoder) -> Iterator[Decoded | DecodeFailed]:
        position_us = self.position_us(self.now_us)
        while True:
            if decoder.job is None:
                if not decoder.queue:
                    return
                decoder.job = decoder.queue.popleft()
                decoder.job_until_us = decoder.job.until_us
                decoder.reached_us = 0
            feed = decoder.job
            download = self._media[feed.fetch_id]
            request = download.request
            assert isinstance(request, Fetch)
            reached_us = download.media_until_us()
            init = self._init_of(request)
            if reached_us is None or (init and (request.representation, init) not in self._inits):
                return
            rep = self.movie.representation(request.representation)
            if {way.default_kid for way in rep.protections if way.default_kid} - self.kids:
                return
            why = self._undecodable(request)
            if why is not None:
                decoder.queue.clear()
                decoder.job = None
                yield DecodeFailed(
                    track, decoder.generation, feed.fetch_id, why, self._media_to_blame
                )
                return
            assert download.media_us is not None
            begin_us = max(download.media_us[0] + feed.offset_us, feed.from_us, decoder.reached_us)
            end_us = download.media_us[1] + feed.offset_us
            if decoder.job_until_us is not None:
                end_us = min(end_us, decoder.job_until_us)
            ahead_us = max(position_us + AHEAD_US, begin_us + FRAME_US if not decoder.began else 0)
            until_us = min(reached_us + feed.offset_us, end_us, ahead_us)
            over = until_us >= end_us
            if until_us > begin_us:
                decoder.ready.append((begin_us, until_us))
                decoder.reached_us = until_us
            if (until_us > begin_us and not decoder.began) or over:
                decoder.began = True
                yield Decoded(track, decoder.generation, begin_us, until_us, over and feed.last)
            if not over:
                return
            decoder.job = None

    def _render(self) -> None:
        if not self._renders or self._since_us is None:
            return
        if self.now_us - self._rendered_us >= 250_000:
            self._rendered_us = self.now_us
            self.tell(self._rendering())

    def _rendering(self) -> Rendered:
        position_us = self.position_us(self.now_us) + self._drift_us
        track: Track = "video" if "video" in self._decoders else "audio"
        generation = self._decoder(track).generation
        return Rendered(track, generation, position_us, self.now_us, position_us)


def id_of(request: Fetch | Resolve) -> int:
    return request.fetch_id if isinstance(request, Fetch) else request.resolve_id
