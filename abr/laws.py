"""The laws of a controller, as a contract suite for anybody who writes one.

`check_controller(make)` plays sessions in worlds drawn from a seed: ladders of 1 to 20
rungs, segments of 0.2 to 10 s, buffers of 2 to 240 s, links that go dead for a while,
seeks, rungs that vanish. The worlds are hard on a controller rather than true to a
player. A broken law is an `AssertionError` that names the law and the seed, and
`check_session(make, seed)` plays that one session again.

The laws: it never raises; it never answers a rung outside the ladder; its waits end before
the buffer does; it asks to be asked again only later; it fetches no segment twice at one
rung; and the same questions in the same order get the same answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

from abr.contract import (
    Abandonment,
    Choice,
    Controller,
    Device,
    NetworkType,
    Progress,
    Rung,
    Sample,
    Switch,
    View,
)

__all__ = ["check_controller", "check_session"]

Answer = Choice | Abandonment

_SESSIONS: Final = 100
_SEGMENTS: Final = 30
_MOMENT_S: Final = 1e-3
"""Less than any controller needs: answers that keep coming faster never end."""
_HEIGHTS: Final = (144, 240, 360, 480, 576, 720, 900, 1080, 1440, 2160)
_NETWORKS: Final[tuple[NetworkType, ...]] = ("unknown", "wired", "wifi", "cellular")


def check_controller(
    make: Callable[[], Controller], *, sessions: int = _SESSIONS, seed: int = 0
) -> None:
    """Hold a controller to the laws.

    Args:
        make: Returns a new controller, independent of those before it.
        sessions: How many worlds to play in.
        seed: Of the first world; the others count up from it.

    Raises:
        AssertionError: A law was broken; the message names it and the seed.
    """
    for session in range(sessions):
        check_session(make, seed + session)


def check_session(make: Callable[[], Controller], seed: int) -> None:
    """Hold a controller to the laws in one world.

    Raises:
        AssertionError: A law was broken; the message names it and the seed.
    """
    world = _draw(Random(seed))
    first = _Session(make(), world, seed).play()
    second = _Session(make(), world, seed).play()
    same = first == second
    _law("the same questions get the same answers", seed, holds=same, seen="two runs that differ")


def _law(law: str, seed: int, *, holds: bool, seen: object) -> None:
    if not holds:
        raise AssertionError(f"law broken in session {seed}: {law}; seen: {seen}")


@contextmanager
def _named(seed: int) -> Iterator[None]:
    """Add the session to whatever a controller raises, since it is the session to play again."""
    try:
        yield
    except Exception as error:
        error.add_note(f"law broken in session {seed}: a controller never raises")
        raise


@dataclass(frozen=True, slots=True)
class _World:
    """Everything a session meets, fixed before it starts."""

    rungs: tuple[Rung, ...]
    sizes_bytes: tuple[tuple[float, ...], ...]
    announced: bool
    segment_s: float
    target_s: float
    max_buffer_s: float
    stretches: tuple[tuple[int, float], ...]  # µs, bit/s; over and over
    ttfb_us: int
    rate: float
    devices: tuple[Device, Device]  # before and after the moment of `change_before`
    live_latency_s: float | None
    asks_anew: bool  # what to fetch instead of a download that was left, as Sabre does
    seek_before: int
    change_before: int


def _draw(rng: Random) -> _World:
    rungs = _draw_ladder(rng)
    segment_s = rng.choice((0.2, 1.0, 2.0, 4.0, 6.0, 10.0, rng.uniform(0.2, 10)))
    target_s = rng.choice((2.0, 240.0, rng.uniform(2, 240)))
    low_bps, high_bps = rungs[0].bitrate_bps / 5, rungs[-1].bitrate_bps * 3
    stretches = [
        (
            rng.randint(200_000, 20_000_000),
            0.0 if rng.random() < 0.2 else low_bps * (high_bps / low_bps) ** rng.random(),
        )
        for _ in range(rng.randint(1, 20))
    ]
    # However dead the rest, every round of the link brings something.
    stretches.append((2_000_000, rungs[0].bitrate_bps * 1.5))
    return _World(
        rungs=rungs,
        sizes_bytes=tuple(
            tuple(r.bitrate_bps * segment_s / 8 * rng.uniform(0.3, 2) for r in rungs)
            for _ in range(_SEGMENTS)
        ),
        announced=rng.random() < 0.5,
        segment_s=segment_s,
        target_s=target_s,
        max_buffer_s=target_s * rng.choice((1, 1.5, 2)),
        stretches=tuple(stretches),
        ttfb_us=rng.choice((0, 20_000, rng.randint(0, 1_000_000))),
        rate=rng.choice((1.0, 1.0, 0.5, 2.0)),
        devices=(_draw_device(rng), _draw_device(rng)),
        live_latency_s=rng.choice((None, None, target_s)),
        asks_anew=rng.random() < 0.3,
        seek_before=rng.randrange(_SEGMENTS * 2),
        change_before=rng.randrange(_SEGMENTS * 2),
    )


def _draw_ladder(rng: Random) -> tuple[Rung, ...]:
    bitrates_bps = sorted(round(50_000 * 800 ** rng.random()) for _ in range(rng.randint(1, 20)))
    heights = rng.random() < 0.7
    qualities = rng.random() < 0.5
    return tuple(
        Rung(
            bitrate_bps,
            height=_HEIGHTS[i * len(_HEIGHTS) // len(bitrates_bps)] if heights else None,
            quality=100 * (i + 1) / len(bitrates_bps) if qualities else None,
            resolve_requests=rng.choice((0, 0, 1, 2)),
        )
        for i, bitrate_bps in enumerate(bitrates_bps)
    )


def _draw_device(rng: Random) -> Device:
    return Device(
        memory_bytes=rng.choice((None, rng.randint(0, 1 << 30))),
        cpu_headroom=rng.choice((None, rng.random())),
        battery=rng.choice((None, rng.random())),
        network=rng.choice(_NETWORKS),
    )


class _Session:
    """A rough player: one download at a time, a buffer, a playhead and a list of answers."""

    def __init__(self, controller: Controller, world: _World, seed: int) -> None:
        self._controller = controller
        self._world = world
        self._seed = seed
        self._answers: list[Answer] = []
        self._now_us = 0
        self._rungs = world.rungs
        self._device = world.devices[0]
        self._rung: int | None = None
        self._buffered_s = 0.0
        self._position_s = 0.0
        self._playing = False
        self._started = False
        self._rebuffers = 0
        self._fetched = 0
        self._waited_s = 0.0
        self._stretch = 0
        self._stretch_left_us = world.stretches[0][0]

    def play(self) -> list[Answer]:
        """Return every answer the controller gave, in order."""
        for segment in range(_SEGMENTS):
            if segment == self._world.seek_before:
                self._buffered_s, self._rung, self._fetched = 0.0, None, 0
                self._playing = self._started = False
            if segment == self._world.change_before:
                self._change()
            self._wait_for_room()
            self._rung = self._fetch(segment, self._choose(segment))
            self._buffered_s += self._world.segment_s
            self._fetched += 1
            self._playing = self._started = True
        return self._answers

    def _change(self) -> None:
        """Lose the upper half of the ladder, and move to another network."""
        self._rungs = self._rungs[: (len(self._rungs) + 1) // 2]
        self._rung = None if self._rung is None else min(self._rung, len(self._rungs) - 1)
        self._device = self._world.devices[1]

    def _wait_for_room(self) -> None:
        wait_s = max(0.0, self._buffered_s - self._world.target_s) / self._world.rate
        self._pass(math.ceil(wait_s * 1e6))
        self._waited_s = wait_s

    def _choose(self, segment: int) -> int:
        waits, waited_s, room_s = 0, 0.0, self._buffered_s / self._world.rate + _MOMENT_S
        while True:
            with _named(self._seed):
                choice = self._controller.choose(self._view(segment))
            self._answers.append(choice)
            self._check_choice(choice)
            if choice.wait_s == 0:
                return choice.rung
            waits += 1
            waited_s += choice.wait_s
            self._law("it waits not without end", choice, holds=waits <= 100 + waited_s / _MOMENT_S)
            self._law("waits end before the buffer does", choice, holds=waited_s <= room_s)
            self._pass(math.ceil(choice.wait_s * 1e6))

    def _fetch(self, segment: int, rung: int) -> int:
        """Download a segment, following the controller down; return the rung it came at."""
        tried = {rung}
        anew = self._world.asks_anew
        while True:
            verdict = self._download(segment, rung)
            self._waited_s = 0.0
            if verdict is None:
                return rung
            self._law(
                "rungs are of the ladder", verdict, holds=verdict.rung in range(len(self._rungs))
            )
            self._law(
                "no segment comes twice at one rung", verdict, holds=verdict.rung not in tried
            )
            rung = verdict.rung
            if anew:
                rung, tried, anew = self._choose(segment), set(), False
            tried.add(rung)

    def _download(self, segment: int, rung: int) -> Switch | None:
        """Move a segment over the link; return the answer that ended it early, if one did."""
        size = self._world.sizes_bytes[segment][rung]
        asked_us = self._now_us
        self._pass(self._world.ttfb_us * (1 + self._rungs[rung].resolve_requests))
        began_us = self._now_us
        ttfb_s = (began_us - asked_us) / 1e6
        expected = self._view(segment).size_bytes(rung)
        got, questions = 0.0, 0
        ask_us: int | None = self._now_us
        verdict: Switch | None = None
        while got < size:
            if ask_us is not None and self._now_us >= ask_us:
                elapsed_s = (self._now_us - asked_us) / 1e6
                progress = Progress(
                    rung, int(got), expected, elapsed_s, ttfb_s, self._world.segment_s
                )
                answer = self._abandon(segment, progress)
                questions += 1
                self._law(
                    "it asks not without end",
                    answer,
                    holds=questions <= 100 + elapsed_s / _MOMENT_S,
                )
                if isinstance(answer, Switch):
                    verdict = answer
                    break
                ask_us = answer.ask_again_us
            got += self._receive(size - got, ask_us)
        sample = Sample(
            bytes=int(min(got, size)),
            busy_s=(self._now_us - began_us) / 1e6,
            ttfb_s=ttfb_s,
            rung=rung,
            duration_s=self._world.segment_s,
        )
        # Beside video comes audio: little of it, in no time at all, or from a cache.
        audio = Sample(bytes=segment * 1000, busy_s=0.0, cached=segment % 3 == 0)
        with _named(self._seed):
            self._controller.observe(sample)
            self._controller.observe(audio)
        return verdict

    def _abandon(self, segment: int, progress: Progress) -> Abandonment:
        with _named(self._seed):
            answer = self._controller.abandon(self._view(segment), progress)
        self._answers.append(answer)
        later = isinstance(answer, Switch) or (
            answer.ask_again_us is None or answer.ask_again_us > self._now_us
        )
        self._law("it asks to be asked again only later", answer, holds=later)
        return answer

    def _receive(self, left_bytes: float, until_us: int | None) -> float:
        """Let the link run up to a moment, the end of its stretch or of what is left."""
        rate_bps = self._world.stretches[self._stretch][1]
        steps_us = [self._stretch_left_us]
        if until_us is not None:
            steps_us.append(until_us - self._now_us)
        if rate_bps:
            steps_us.append(math.ceil(left_bytes * 8e6 / rate_bps))
        step_us = min(steps_us)
        self._pass(step_us)
        return rate_bps * step_us / 8e6

    def _pass(self, step_us: int) -> None:
        """Let time pass, on the link and for the viewer."""
        self._now_us += step_us
        if self._playing:
            played_s = min(step_us / 1e6 * self._world.rate, self._buffered_s)
            self._buffered_s -= played_s
            self._position_s += played_s
            if self._buffered_s <= 0:
                self._playing = False
                self._rebuffers += 1
        while step_us >= self._stretch_left_us:
            step_us -= self._stretch_left_us
            self._stretch = (self._stretch + 1) % len(self._world.stretches)
            self._stretch_left_us = self._world.stretches[self._stretch][0]
        self._stretch_left_us -= step_us

    def _view(self, segment: int) -> View:
        world = self._world
        sizes = world.sizes_bytes[segment : segment + 5]
        count = len(self._rungs)
        unknown = (None,) * count
        live = world.live_latency_s is not None
        return View(
            now_us=self._now_us,
            rungs=self._rungs,
            rung=self._rung,
            segment_s=world.segment_s,
            sizes_bytes=tuple(row[:count] if world.announced else unknown for row in sizes),
            buffered_s=self._buffered_s,
            target_s=world.target_s,
            max_buffer_s=world.max_buffer_s,
            playing=self._playing,
            started=self._started,
            rebuffers=self._rebuffers,
            rate=world.rate,
            position_s=self._position_s,
            remaining_segments=None if live else _SEGMENTS - segment,
            live_latency_s=world.live_latency_s,
            device=self._device,
            fetched_segments=self._fetched,
            waited_s=self._waited_s,
        )

    def _check_choice(self, choice: Choice) -> None:
        count = len(self._rungs)
        self._law("rungs are of the ladder", choice, holds=choice.rung in range(count))
        self._law("a wait is finite", choice, holds=0 <= choice.wait_s < math.inf)
        self._law("scores are none or one a rung", choice, holds=len(choice.scores) in (0, count))
        estimate_bps = choice.estimate_bps
        known = estimate_bps is None or 0 <= estimate_bps < math.inf
        self._law("an estimate is a rate", choice, holds=known)

    def _law(self, law: str, seen: Answer, *, holds: bool) -> None:
        _law(law, self._seed, holds=holds, seen=seen)
