"""Whatever the link, the hosts and the viewer do, a simulated session keeps its laws."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import SECOND, Recorder, play

from netplay.core.device import Preferences
from netplay.core.messages import (
    Cancel,
    Event,
    Fetch,
    Fetched,
    FetchFailed,
    Paused,
    RateSet,
    Resolve,
    Resolved,
    ResolveFailed,
    Resumed,
    Sought,
    TracksChosen,
)
from netplay.sim import Fault, Host, Link, Trace, make_title
from netplay.telemetry import Message

moments = st.integers(0, 60 * SECOND)
faults = st.builds(
    Fault,
    kind=st.sampled_from(["down", "refuse", "reset", "hang", "status", "slow"]),
    from_us=moments,
    until_us=st.none() | st.integers(60 * SECOND, 90 * SECOND),
    match=st.sampled_from(["*", "*/init", "*/index", "0/v*", "*/3"]),
    times=st.sampled_from([None, 1, 4]),
    after_bytes=st.sampled_from([0, 1_000, 100_000]),
    status=st.sampled_from([404, 410, 500, 503]),
    rate_bps=st.sampled_from([0, 50_000, 500_000]),
)
hosts = st.builds(
    Host,
    trace=st.sampled_from([None, None, Trace.constant(1_500_000)]),
    faults=st.lists(faults, max_size=2).map(tuple),
)
traces = st.lists(
    st.tuples(
        st.integers(200_000, 8 * SECOND), st.sampled_from([0, 300_000, 2_000_000, 9_000_000])
    ),
    min_size=1,
    max_size=6,
).map(Trace)
links = st.builds(
    Link,
    trace=traces,
    rtt_us=st.sampled_from([1_000, 30_000, 200_000]),
    hosts=st.fixed_dictionaries({"a": hosts, "b": hosts}),
    connections=st.sampled_from([1, 6]),
)
deeds: st.SearchStrategy[Event] = st.one_of(
    st.builds(Sought, moments, keyframe=st.booleans()),
    st.builds(Paused),
    st.builds(Resumed),
    st.builds(RateSet, st.sampled_from([Fraction(1), Fraction(2), Fraction(1, 2)])),
    st.builds(TracksChosen, st.sampled_from([Preferences(audio_languages=("de",)), Preferences()])),
)
scripts = st.lists(st.tuples(moments, deeds), max_size=3).map(
    lambda deeds: sorted(deeds, key=lambda deed: deed[0])
)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    link=links,
    script=scripts,
    form=st.sampled_from(["dash", "hls", "sidx"]),
    chunk_us=st.sampled_from([None, 400_000]),
)
def test_whatever_happens_a_session_ends_and_every_request_ends_once(
    link: Link,
    script: list[tuple[int, Event]],
    form: Literal["dash", "hls", "sidx"],
    chunk_us: int | None,
) -> None:
    content = make_title(
        duration_us=40 * SECOND, hosts=("a", "b"), form=form, audio=("en", "de"), text=("en",)
    )
    recorder = Recorder()

    result = play(content, link, script=script, chunk_us=chunk_us, taps=(recorder,))

    assert result.ending in ("finished", "failed", "waiting", "until")
    assert result.summary.bytes * 8_000_000 <= link.trace.total(result.now_us)
    assert result.summary.played_us + result.summary.stalled_us <= result.now_us
    begun, ended = _requests(recorder.stream)
    assert max(ended.values(), default=0) <= 1
    assert ended.keys() <= begun


def _requests(stream: list[tuple[int, Message]]) -> tuple[set[object], Counter[object]]:
    begun: set[object] = set()
    ended: Counter[object] = Counter()
    for _, message in stream:
        match message:
            case Fetch(fetch_id=number):
                begun.add(("fetch", number))
            case Resolve(resolve_id=number):
                begun.add(("index", number))
            case Fetched(fetch_id=number) | FetchFailed(fetch_id=number):
                ended["fetch", number] += 1
            case Resolved(resolve_id=number) | ResolveFailed(resolve_id=number):
                ended["index", number] += 1
            case Cancel(fetch_id=int(number)):
                ended["fetch", number] += 1
            case Cancel(resolve_id=int(number)):
                ended["index", number] += 1
    return begun, ended
