"""Nothing is lost and nothing comes from nowhere: every bit and every microsecond of a session.

What the link carried while somebody listened is what its streams got, those left half way
included; and the time that passed is start-up, playback, stalls and pauses, to the
microsecond.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import SECOND, Recorder

import netplay.sim.network
from abr import controller
from netplay.core.messages import Event, Fetched, Finish, Hold, Paused, Play, Resumed
from netplay.core.rules import SessionRules
from netplay.sim import (
    Link,
    Simulated,
    SlowStart,
    Trace,
    make_title,
    simulate_session,
    varied_bytes,
)
from netplay.sim.sharing import Sharing, Window
from netplay.telemetry import Message

PARTS = 720_720
BYTE = 8_000_000 * PARTS


class Counted(Sharing):
    """A link that keeps books: what it carried while there were streams, and who got it."""

    books: list[Counted] = []  # noqa: RUF012  # emptied by each test

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace)
        self.trace = trace
        self.carried = 0
        self.got: dict[Hashable, int] = {}
        self.clock_us = 0
        self.books.append(self)

    def advance(self, to_us: int) -> None:
        if self._streams and to_us > self.clock_us:
            self.carried += (self.trace.total(to_us) - self.trace.total(self.clock_us)) * PARTS
        self.clock_us = max(self.clock_us, to_us)
        super().advance(to_us)

    def leave(self, stream: Hashable) -> None:
        one = self._streams[stream]
        self.got[stream] = one.pool.service - one.joined_at
        super().leave(stream)

    def everything(self) -> int:
        """Return what all streams got, those still there included."""
        flowing = (one.pool.service - one.joined_at for one in self._streams.values())
        return sum(self.got.values()) + sum(flowing)


@pytest.fixture(autouse=True)
def _books(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netplay.sim.network, "Sharing", Counted)


traces = st.lists(
    st.tuples(
        st.integers(150_000, 6 * SECOND),
        st.sampled_from([0, 0, 250_000, 900_000, 3_333_333, 9_000_000]),
    ),
    min_size=0,
    max_size=6,
).map(lambda pieces: Trace([*pieces, (2 * SECOND, 1_500_000)]))

links = st.builds(
    Link,
    trace=traces,
    rtt_us=st.sampled_from([0, 1, 20_000, 130_000]),
    connect_rtts=st.integers(0, 2),
    header_bytes=st.sampled_from([0, 300]),
    loss=st.sampled_from([0.0, 0.0, 0.05]),
)

PATIENT = SessionRules(patience_us=1 << 60)
"""Waits for a dead link however long it takes, so that every session is played to its end."""


def played(
    link: Link, seed: int, script: list[tuple[int, Event]] | None = None
) -> tuple[Simulated, Recorder, Counted]:
    Counted.books.clear()
    recorder = Recorder()
    result = simulate_session(
        make_title(duration_us=30 * SECOND, sizes=varied_bytes(seed, 0.5)),
        controller("throughput"),
        link,
        rules=PATIENT,
        script=script or [],
        taps=(recorder,),
        max_steps=20_000,
    )
    (book,) = Counted.books
    return result, recorder, book


@pytest.mark.slow
@settings(deadline=None, max_examples=80)
@given(link=links, seed=st.integers(0, 99))
def test_the_link_gives_its_streams_all_that_it_carries_and_nothing_else(
    link: Link, seed: int
) -> None:
    result, recorder, book = played(link, seed)

    assert result.ending == "finished"
    if link.window(link.rtt_at("", 0)) is None:
        # It never rests while somebody listens, and to the last part of a bit it adds up.
        assert book.everything() == book.carried
    else:
        assert book.everything() <= book.carried
    fastest = max(rate for _, rate in link.trace.pieces) * PARTS
    for one in recorder.all(Fetched):
        assert isinstance(one, Fetched)
        # What is complete has its bytes, and of the microsecond in which it was at most the rest.
        surplus = book.got["fetch", one.fetch_id] - (one.bytes + link.header_bytes) * BYTE
        assert 0 <= surplus <= fastest
    payload = sum(max(0, parts // BYTE - link.header_bytes) for parts in book.got.values())
    assert result.summary.bytes <= payload


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    trace=traces,
    seed=st.integers(0, 99),
    initial_bytes=st.sampled_from([1_460, 14_600, 10**9]),
    rtt_us=st.sampled_from([5_000, 80_000]),
)
def test_connections_that_start_slowly_get_no_more_than_the_link_and_lose_nothing(
    trace: Trace, seed: int, initial_bytes: int, rtt_us: int
) -> None:
    slow = SlowStart(initial_bytes=initial_bytes)

    result, _, book = played(Link(trace=trace, rtt_us=rtt_us, slow_start=slow), seed)

    assert result.ending == "finished"
    assert book.everything() <= book.carried
    if initial_bytes == 10**9:  # never too small
        assert book.everything() == book.carried
    payload = sum(parts // BYTE for parts in book.got.values())
    assert result.summary.bytes <= payload


def test_a_window_that_is_too_large_to_matter_moves_no_byte() -> None:
    plain, windowed = Sharing(Trace.constant(8_000_000)), Sharing(Trace.constant(8_000_000))
    plain.join("a", "h", None, until_bytes=500_000)
    windowed.join("a", "h", None, until_bytes=500_000, window=Window(10**9, 1_000))

    assert plain.next_us() == windowed.next_us()


pauses = st.lists(st.integers(0, 60 * SECOND), max_size=6).map(
    lambda moments: [
        (moment, Paused() if place % 2 == 0 else Resumed())
        for place, moment in enumerate([*sorted(moments), 3_000 * SECOND][: len(moments) // 2 * 2])
    ]
)


@pytest.mark.slow
@settings(deadline=None, max_examples=80)
@given(link=links, seed=st.integers(0, 99), script=pauses)
def test_all_time_is_start_up_playback_stalls_and_pauses(
    link: Link, seed: int, script: list[tuple[int, Event]]
) -> None:
    result, recorder, _ = played(link, seed, script)

    spent = times(recorder.stream)
    summary = result.summary
    assert result.ending == "finished"
    finished_us = next(now_us for now_us, one in recorder.stream if isinstance(one, Finish))
    assert sum(spent.values()) == finished_us
    # The title has 30 s, and at the rate of one it is played in as much time.
    assert spent["playing"] == summary.played_us == summary.shown_us == 30 * SECOND
    assert spent["stalled"] == summary.stalled_us
    if not any(isinstance(one, Paused) for _, one in script):
        assert summary.startup is not None
        assert spent["starting"] == summary.startup.wait_us
        assert finished_us == result.now_us
        assert result.now_us == summary.startup.wait_us + summary.played_us + summary.stalled_us


def times(stream: list[tuple[int, Message]]) -> Counter[str]:
    """Return how long a session started, played, stalled and paused, by its actions alone."""
    spent: Counter[str] = Counter()
    state, since_us = "starting", 0
    for now_us, message in stream:
        match message:
            case Play():
                new = "playing"
            case Hold(why="stall"):
                new = "stalled"
            case Hold(why="pause"):
                new = "paused"
            case Hold(why="end"):
                new = "over"
            case _:
                continue
        spent[state] += now_us - since_us
        state, since_us = new, now_us
    assert state == "over"
    return spent
