"""Films, links and sessions played one by one, for tests of sessions in step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from abr import controller
from abr.lockstep import twin
from netplay.core.messages import Fetch, Fetched
from netplay.lab.movies import Movie, make_movie
from netplay.sim import Simulated, Trace, simulate_session
from netplay.sim.batch import Batch, Links, Traces, play_in_step
from netplay.sim.profiles import Profile, profile
from netplay.telemetry import Message

SECOND = 1_000_000

Path = tuple[Trace, Trace]
"""Bandwidth and round trip."""


@dataclass(frozen=True)
class Alone:
    """A session played by itself."""

    result: Simulated
    asked_us: list[int]
    done_us: list[int]

    @property
    def rungs(self) -> list[int]:
        return [one.rung for one in self.result.played]

    @property
    def stalls_us(self) -> list[int]:
        return [round(one.stall_s * 1e6) for one in self.result.played]


def as_player(name: str, buffer_s: float | None = None) -> Profile:
    chosen = profile(name).keeping_downloads()
    return chosen if buffer_s is None else chosen.buffering(round(buffer_s * SECOND))


def film(
    *, segments: int = 12, segment_us: int = 2 * SECOND, kbps: Sequence[int] = (300, 800, 2_000)
) -> Movie:
    """Return a movie whose scenes are as uneven as an encoder makes them."""
    dice = np.random.default_rng(7)
    scenes = dice.uniform(0.6, 1.5, segments)
    sizes = [[max(1, round(rate * segment_us / 8e3 * scene)) for rate in kbps] for scene in scenes]
    return make_movie(
        "film", segment_us=segment_us, bitrates_bps=[r * 1000 for r in kbps], sizes_bytes=sizes
    )


def walk(seed: int, *, kbps: float = 1_500, pieces: int = 40, rtt_us: int = 50_000) -> Path:
    """Return a random walk of bandwidth, and a round trip."""
    dice = np.random.default_rng(seed)
    rates = kbps * np.exp(np.cumsum(dice.normal(0, 0.3, pieces)))
    steps = dice.integers(200_000, 3 * SECOND, pieces)
    row = [(int(us), int(rate * 1000)) for us, rate in zip(steps, rates, strict=True)]
    return Trace(row), Trace.constant(rtt_us)


def in_step(
    movie: Movie, paths: Sequence[Path], name: str, like: Profile, **settings: object
) -> Batch:
    bandwidths, rtts = zip(*paths, strict=True)
    links = Links(Traces.of(bandwidths), Traces.of(rtts))
    return play_in_step(movie.content, twin(name, **settings), links, like)


def alone(movie: Movie, path: Path, name: str, like: Profile, **settings: object) -> Alone:
    asked_us: list[int] = []
    done_us: list[int] = []

    def tap(now_us: int, message: Message) -> None:
        if isinstance(message, Fetch):
            asked_us.append(now_us)
        elif isinstance(message, Fetched):
            done_us.append(now_us)

    link = like.link(*path)
    chosen = like.controller(controller(name, **settings), link)
    result = simulate_session(
        movie.content, chosen, link, rules=like.rules, decoding=like.decoding, taps=(tap,)
    )
    return Alone(result, asked_us, done_us)


def assert_same(batch: Batch, place: int, one: Alone) -> None:
    """Check that a session in step is the one that was played alone, to the microsecond."""
    startup = one.result.summary.startup
    assert startup is not None
    assert batch.rungs[place].tolist() == one.rungs
    assert batch.asked_us[place].tolist() == one.asked_us
    assert batch.done_us[place].tolist() == one.done_us
    assert batch.stall_us[place].tolist() == one.stalls_us
    assert batch.startup_us[place] == startup.first_frame_us


rates = st.sampled_from([0, 0, 7, 60_000, 300_000, 900_000, 2_500_000, 12_000_000, 900_000_000])

traces = st.lists(st.tuples(st.integers(1, 5 * SECOND), rates), min_size=1, max_size=8).filter(
    lambda pieces: sum(us * bps for us, bps in pieces) > 20_000 * SECOND
)

rtts = st.lists(
    st.tuples(st.integers(1, 5 * SECOND), st.integers(0, 400_000)), min_size=1, max_size=3
)

paths = st.tuples(traces.map(Trace), rtts.map(Trace))
