"""Two players that controllers were published with, small enough to read in one go.

Only what decides is here: when a segment is asked for, how the link moves it, what the
controller is shown. Times are milliseconds and sizes bits, as in Sabre.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from abr import Controller, Played, Progress, Rung, Sample, Switch, View

Stretch = tuple[float, float, float]
"""Milliseconds, kbit/s, latency in milliseconds."""

LOOK_BITS, LOOK_MS = 12_000, 50.0
"""Sabre looks at a download when at least so much came and at least so long has passed."""


@dataclass
class Movie:
    segment_ms: float
    kbps: Sequence[int]
    bits: Sequence[Sequence[int]]

    def __post_init__(self) -> None:
        self.rungs = tuple(Rung(kbps * 1000) for kbps in self.kbps)
        self.bytes = [tuple(size / 8 for size in row) for row in self.bits]


class LoopedLink:
    """Stretches, over and over, and how much of this one is left."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._stretches = stretches
        self._place = 0
        self._left_ms = stretches[0][0]

    def _next(self) -> None:
        self._place = (self._place + 1) % len(self._stretches)
        self._left_ms = self._stretches[self._place][0]

    def wait(self, wait_ms: float) -> None:
        while wait_ms > self._left_ms:
            wait_ms -= self._left_ms
            self._next()
        self._left_ms -= wait_ms

    def latency_ms(self) -> float:
        """Wait for a first byte, of whose latency each stretch counts its share."""
        share, total_ms = 1.0, 0.0
        while True:
            latency_ms = self._stretches[self._place][2]
            if share * latency_ms <= self._left_ms:
                self._left_ms -= share * latency_ms
                return total_ms + share * latency_ms
            total_ms += self._left_ms
            share -= self._left_ms / latency_ms
            self._next()

    def receive(self, bits: float, *, least_bits: float, least_ms: float) -> tuple[float, float]:
        """Receive so much, or stop once both least amounts are reached; return bits and time."""
        got, took_ms = 0.0, 0.0
        while bits > 0 and (least_bits > 0 or least_ms > 0):
            kbps = self._stretches[self._place][1]
            wanted = min(bits, max(least_bits, least_ms * kbps))
            if kbps > 0 and wanted <= self._left_ms * kbps:
                self._left_ms -= wanted / kbps
                return got + wanted, took_ms + wanted / kbps
            if kbps == 0 and least_bits <= 0 and least_ms <= self._left_ms:
                self._left_ms -= least_ms
                return got, took_ms + least_ms
            step_ms, step = self._left_ms, self._left_ms * kbps
            self._next()
            got, bits, least_bits = got + step, bits - step, least_bits - step
            took_ms, least_ms = took_ms + step_ms, least_ms - step_ms
        return got, took_ms


@dataclass
class SabrePlayer:
    """Sabre's loop; after leaving a download it asks anew, as Sabre does by mistake."""

    movie: Movie
    link: LoopedLink
    controller: Controller
    leaves: bool
    full_ms: float = 25_000.0
    now_ms: float = 0.0
    stalled_ms: float = 0.0
    played: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    into_ms: float = 0.0
    last: int = 0

    def level_ms(self) -> float:
        return self.movie.segment_ms * len(self.held) - self.into_ms

    def play(self) -> tuple[float, float, float, float]:
        """Return Sabre's bitrate (kbit/s), utility, play time and rebuffering (s)."""
        self._first()
        segment = 1
        while segment < len(self.movie.bits):
            waited_ms = max(0.0, self.level_ms() + self.movie.segment_ms - self.full_ms)
            self._pass(waited_ms)
            rung = self._choose(segment, waited_ms)
            if self._fetch(segment, rung):
                segment += 1
        self._pass(self.level_ms())
        total = self.now_ms / self.movie.segment_ms
        utility = sum(math.log(self.movie.kbps[rung] / self.movie.kbps[0]) for rung in self.played)
        kbps = sum(self.movie.kbps[rung] for rung in self.played)
        return kbps / total, utility / total, self.now_ms / 1000, self.stalled_ms / 1000

    def _first(self) -> None:
        bits = self.movie.bits[0][0]
        latency_ms = self.link.latency_ms()
        _, took_ms = self.link.receive(bits, least_bits=bits, least_ms=0.0)
        self.now_ms = latency_ms + took_ms
        self._came(bits, took_ms, latency_ms, 0)

    def _came(self, bits: int, took_ms: float, latency_ms: float, rung: int) -> None:
        self.held.append(rung)
        self.last = rung
        segment_s = self.movie.segment_ms / 1000
        self.controller.observe(
            Sample(bits // 8, took_ms / 1000, latency_ms / 1000, rung=rung, duration_s=segment_s)
        )

    def _choose(self, segment: int, waited_ms: float) -> int:
        while True:
            view = self._view(segment, self.level_ms(), self.now_ms, waited_ms)
            choice = self.controller.choose(view)
            if choice.wait_s == 0:
                return choice.rung
            self._pass(choice.wait_s * 1000)

    def _fetch(self, segment: int, rung: int) -> bool:
        bits, level_ms = self.movie.bits[segment][rung], self.level_ms()
        latency_ms = self.link.latency_ms()
        took_ms, got, left = latency_ms, 0.0, False
        ask_us: int | None = 0
        while got < bits and not left:
            least_ms = LOOK_MS - (took_ms if got == 0 else 0.0)
            least_bits = LOOK_BITS if self.leaves else bits
            more, step_ms = self.link.receive(bits - got, least_bits=least_bits, least_ms=least_ms)
            got, took_ms = got + more, took_ms + step_ms
            now_ms = self.now_ms + took_ms
            if self.leaves and got < bits and ask_us is not None and now_ms * 1000 >= ask_us:
                answer = self.controller.abandon(
                    self._view(segment, max(0.0, level_ms - took_ms), now_ms, 0.0),
                    self._progress(segment, rung, got, took_ms, latency_ms),
                )
                left = isinstance(answer, Switch)
                ask_us = None if isinstance(answer, Switch) else answer.ask_again_us
        self._deplete(took_ms)
        if not left:
            self._came(bits, took_ms - latency_ms, latency_ms, rung)
        return not left

    def _progress(
        self, segment: int, rung: int, bits: float, took_ms: float, latency_ms: float
    ) -> Progress:
        return Progress(
            rung,
            int(bits / 8),
            self.movie.bytes[segment][rung],
            took_ms / 1000,
            latency_ms / 1000,
            self.movie.segment_ms / 1000,
        )

    def _pass(self, time_ms: float) -> None:
        self._deplete(time_ms)
        self.link.wait(time_ms)

    def _deplete(self, time_ms: float) -> None:
        """Play for so long; a segment counts from its first moment on."""
        self.now_ms += time_ms
        if self.into_ms > 0:
            if time_ms + self.into_ms < self.movie.segment_ms:
                self.into_ms += time_ms
                return
            time_ms -= self.movie.segment_ms - self.into_ms
            self.held.pop(0)
            self.into_ms = 0.0
        while time_ms > 0 and self.held:
            self.played.append(self.held[0])
            if time_ms < self.movie.segment_ms:
                self.into_ms = time_ms
                return
            self.held.pop(0)
            time_ms -= self.movie.segment_ms
        self.stalled_ms += time_ms

    def _view(self, segment: int, level_ms: float, now_ms: float, waited_ms: float) -> View:
        return View(
            now_us=round(now_ms * 1000),
            rungs=self.movie.rungs,
            rung=self.last,
            segment_s=self.movie.segment_ms / 1000,
            sizes_bytes=tuple(self.movie.bytes[segment : segment + 5]),
            buffered_s=level_ms / 1000,
            target_s=self.full_ms / 1000,
            max_buffer_s=self.full_ms / 1000,
            playing=True,
            started=True,
            remaining_segments=len(self.movie.bits) - segment,
            fetched_segments=segment,
            waited_s=waited_ms / 1000,
        )


PAYLOAD, RTT_MS, FULL_MS, STEP_MS = 0.95, 80.0, 60_000.0, 500.0
"""Pensieve's environment. The link's clock stands still during the round trip."""

SEGMENTS = 48
"""Of 49; a look-up one segment too far finds the last."""


def pensieve_session(
    movie: Movie, stretches: Sequence[Stretch], controller: Controller
) -> list[Played]:
    """Return what Pensieve's environment plays; the first segment is at rung 1."""
    link = LoopedLink([(ms, kbps * PAYLOAD, 0.0) for ms, kbps, _ in stretches])
    level_ms = now_ms = waited_ms = 0.0
    rung: int | None = None
    played: list[Played] = []
    for segment in range(SEGMENTS):
        choice = controller.choose(
            View(
                now_us=round(now_ms * 1000),
                rungs=movie.rungs,
                rung=rung,
                segment_s=movie.segment_ms / 1000,
                sizes_bytes=tuple(movie.bytes[segment : segment + 6]),
                buffered_s=level_ms / 1000,
                target_s=FULL_MS / 1000,
                max_buffer_s=FULL_MS / 1000,
                playing=segment > 0,
                started=segment > 0,
                remaining_segments=SEGMENTS - segment,
                fetched_segments=segment,
                waited_s=waited_ms / 1000,
            )
        )
        rung = choice.rung if segment else 1
        bits = movie.bits[segment][rung]
        _, busy_ms = link.receive(bits, least_bits=bits, least_ms=0.0)
        took_ms = busy_ms + RTT_MS
        stall_s = max(took_ms - level_ms, 0.0) / 1000
        level_ms = max(level_ms - took_ms, 0.0) + movie.segment_ms
        waited_ms = math.ceil(max(level_ms - FULL_MS, 0.0) / STEP_MS) * STEP_MS
        level_ms -= waited_ms
        link.wait(waited_ms)
        now_ms += took_ms + waited_ms
        segment_s = movie.segment_ms / 1000
        played.append(Played(rung, movie.kbps[rung] * 1000, segment_s, stall_s))
        controller.observe(
            Sample(bits // 8, busy_ms / 1000, RTT_MS / 1000, rung=rung, duration_s=segment_s)
        )
    return played
