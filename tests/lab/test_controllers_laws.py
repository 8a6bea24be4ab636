"""Whatever the ladder, the segments, the buffer and the link: no controller goes astray.

Whole sessions of the Session that plays, by its own rules and by Sabre's, in which each
controller is asked as it is asked in a player. Whatever it answers is held to the contract on
the spot, and the session must come to its end in a bounded number of steps.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab_world import SECOND

import abr
from abr.contract import Abandonment, Choice, Controller, Keep, Progress, Sample, View
from netplay.lab.movies import Movie, make_movie
from netplay.sim import Link, Trace, simulate_session
from netplay.sim.profiles import Profile, profile

NAMES = abr.names()


class Held:
    """A controller, held to its contract."""

    def __init__(self, inner: Controller) -> None:
        self._inner = inner
        self.answers = 0

    def choose(self, view: View) -> Choice:
        choice = self._inner.choose(view)
        self.answers += 1
        assert 0 <= choice.rung < len(view.rungs)
        assert 0 <= choice.wait_s < math.inf
        assert len(choice.scores) in (0, len(view.rungs))
        if choice.wait_s:
            # Whoever waits without media waits for ever.
            assert view.buffered_s > 0
        return choice

    def observe(self, sample: Sample) -> None:
        self._inner.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        verdict = self._inner.abandon(view, progress)
        if isinstance(verdict, Keep):
            assert verdict.ask_again_us is None or verdict.ask_again_us > view.now_us
        else:
            assert 0 <= verdict.rung < len(view.rungs)
            assert verdict.rung != progress.rung
        return verdict


@st.composite
def movies(draw: st.DrawFn) -> Movie:
    rungs = draw(st.integers(1, 20))
    lowest_bps = draw(st.integers(50_000, 1_000_000))
    steps = draw(st.lists(st.floats(1.0, 2.0), min_size=rungs - 1, max_size=rungs - 1))
    ladder = [lowest_bps]
    for step in steps:
        ladder.append(min(60_000_000, math.ceil(ladder[-1] * step)))
    segment_us = draw(st.integers(200_000, 10 * SECOND))
    weights = draw(st.lists(st.floats(0.3, 2.0), min_size=1, max_size=12))
    sizes = [[max(1, int(bps * segment_us / 8e6 * w)) for bps in ladder] for w in weights]
    return make_movie("m", segment_us=segment_us, bitrates_bps=ladder, sizes_bytes=sizes)


@st.composite
def links(draw: st.DrawFn) -> Link:
    pieces = draw(
        st.lists(
            st.tuples(
                st.integers(100_000, 20 * SECOND),
                st.just(0) | st.integers(30_000, 80_000_000),
            ),
            max_size=6,
        )
    )
    # However dead the rest, every round of the link brings something.
    alive = (2 * SECOND, draw(st.integers(300_000, 5_000_000)))
    return Link(trace=Trace([*pieces, alive]), rtt_us=draw(st.sampled_from([0, 20_000, 400_000])))


def players(buffer_s: float, name: str) -> Profile:
    """Return a player with a buffer that waits for a dead link until it is alive again."""
    made = profile(name).buffering(round(buffer_s * SECOND))
    return replace(made, rules=replace(made.rules, patience_us=1 << 60))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=60)
@given(
    movie=movies(),
    link=links(),
    buffer_s=st.floats(2, 240),
    player=st.sampled_from(["netplay", "sabre", "pensieve"]),
)
def test_no_controller_leaves_the_ladder_waits_for_ever_or_raises(
    name: str, movie: Movie, link: Link, buffer_s: float, player: str
) -> None:
    as_played = players(buffer_s, player)
    held = Held(abr.controller(name))

    result = simulate_session(
        movie.content,
        as_played.controller(held, link),
        link,
        rules=as_played.rules,
        decoding=as_played.decoding,
        max_steps=50_000,
    )

    assert (result.ending, result.summary.errors) == ("finished", ())
    assert result.summary.shown_us == movie.segments * movie.segment_us
    assert held.answers >= movie.segments
