"""Senders that begin with a small window, links that lose packets: what that costs."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import SECOND, play

from netplay.sim import Host, Link, Simulated, SlowStart, Trace
from netplay.sim.network import Network
from netplay.sim.sharing import Sharing, Window

RTT_US = 50_000
FAST = Trace.constant(800_000_000)  # 100 bytes a microsecond: 5 MB a round trip


def finish(network: Network) -> dict[object, int]:
    """Let everything end; return when each request did."""
    ended: dict[object, int] = {}
    for _ in range(10_000):
        next_us = network.next_us()
        if next_us is None:
            return ended
        for answer in network.advance(next_us):
            if answer.kind == "complete":
                ended[answer.request] = next_us
    raise AssertionError("it does not end")


def mean_bps(result: Simulated) -> float:
    return sum(one.bitrate_bps * one.duration_s for one in result.played)


def link(**changes: object) -> Link:
    given: dict[str, object] = {
        "trace": FAST,
        "rtt_us": RTT_US,
        "connect_rtts": 0,
        "header_bytes": 0,
        "slow_start": SlowStart(),
    }
    return Link(**(given | changes))  # type: ignore[arg-type]


def one_after_another(link: Link, sizes: list[int], *, rest_us: int = 0) -> list[int]:
    """Return how long each request took, each sent a while after the one before ended."""
    network, now_us = Network(link), 0
    took: list[int] = []
    for name, size_bytes in enumerate(sizes):
        network.advance(now_us)
        network.request(name, "a", "0/v0/1", size_bytes=size_bytes)
        end_us = finish(network)[name]
        took.append(end_us - now_us)
        now_us = end_us + rest_us
    return took


@pytest.mark.parametrize(("windows", "trips"), [(1, 1), (2, 1.5), (3, 2), (7, 3), (15, 4)])
def test_a_window_doubles_in_each_round_trip(windows: int, trips: float) -> None:
    (took,) = one_after_another(link(), [14_600 * windows])

    # A round trip to the first byte; then 1, 2, 4, 8 windows in each that follows.
    assert took == pytest.approx(RTT_US * (1 + trips), abs=2)


def test_where_the_window_is_larger_than_the_link_nothing_is_lost_to_it() -> None:
    thin = Trace.constant(2_000_000)  # 12,500 bytes a round trip

    (slow,) = one_after_another(link(trace=thin), [10_000_000])
    (free,) = one_after_another(link(trace=thin, slow_start=None), [10_000_000])

    assert slow == free


def test_a_window_limits_only_until_it_is_too_large_to_matter() -> None:
    wide = Trace.constant(16_000_000)  # 100,000 bytes a round trip: three doublings to fill

    (slow,) = one_after_another(link(trace=wide), [10_000_000])
    (free,) = one_after_another(link(trace=wide, slow_start=None), [10_000_000])

    # In three round trips 7 windows came instead of 300,000 bytes: the rest is waited for.
    assert slow - free == pytest.approx((300_000 - 7 * 14_600) / 2, abs=5)


def test_a_connection_keeps_its_window_for_as_long_as_it_does_not_rest() -> None:
    first, second = one_after_another(link(), [14_600 * 3, 14_600 * 3])
    busy = one_after_another(link(), [14_600 * 3] * 2, rest_us=SECOND)
    rested = one_after_another(link(), [14_600 * 3] * 2, rest_us=SECOND + 1)

    assert first == pytest.approx(3 * RTT_US, abs=2)
    # It begins with four windows, of which three are wanted.
    assert second == pytest.approx(RTT_US * 1.75, abs=2)
    assert busy == [first, second]
    assert rested == [first, first]


def test_a_window_grows_by_what_came_however_small_the_answers() -> None:
    took = one_after_another(link(), [7_300] * 4 + [14_600 * 3])

    assert took[-1] == pytest.approx(2 * RTT_US, abs=2)


def test_two_connections_start_slowly_each_for_itself_and_share_the_link() -> None:
    network = Network(link(trace=Trace.constant(2_336_000 * 2)))  # two windows a round trip
    for name in ("a", "b"):
        network.request(name, "host", "0/v0/1", size_bytes=14_600 * 5)

    ended = finish(network)

    # Each has one window a round trip, by itself at first, then as its share of the link.
    assert ended["a"] == pytest.approx(RTT_US * 6, abs=5)
    assert ended["b"] == ended["a"]


def test_a_host_is_shared_by_connections_that_start_slowly() -> None:
    slow_host = Host(trace=Trace.constant(2_336_000))  # one window a round trip
    network = Network(link(hosts={"a": slow_host}))
    for name in ("one", "two"):
        network.request(name, "a", "0/v0/1", size_bytes=14_600 * 2)
    network.request("other", "b", "0/v0/1", size_bytes=14_600)

    ended = finish(network)

    assert ended["one"] == ended["two"] == pytest.approx(RTT_US * 5, abs=5)
    assert ended["other"] == pytest.approx(RTT_US * 2, abs=2)


def test_a_window_lets_nothing_through_that_the_link_does_not_carry() -> None:
    sharing = Sharing(Trace([(SECOND, 8_000_000), (SECOND, 0)]))
    sharing.join("a", "h", None, until_bytes=900_000, window=Window(50_000, 100_000))
    sharing.advance(2 * SECOND)

    # 50,000 bytes in the first tenth of a second; then the link is the limit.
    assert sharing.received("a") == (950_000, SECOND)


def test_without_a_round_trip_there_is_no_window() -> None:
    assert link().window(0) is None
    assert link(slow_start=None).window(RTT_US) is None


def test_what_is_lost_is_sent_again_and_bounds_each_connection() -> None:
    lossy = link(slow_start=None, loss=0.01)
    segments = sqrt(1.5) / sqrt(0.01)

    (took,) = one_after_another(lossy, [10_000_000])

    assert lossy.goodput().at(0) == 792_000_000
    assert took / RTT_US == pytest.approx(1 + 10_000_000 / (segments * 1460), rel=1e-3)


def test_a_lossy_link_that_is_thin_is_only_thinner() -> None:
    thin = Trace([(SECOND, 1_000_000), (SECOND, 0)], repeats=False)
    lossy = link(trace=thin, slow_start=None, loss=0.2, rtt_us=1_000)

    (took,) = one_after_another(lossy, [50_000])

    assert lossy.goodput().pieces == ((SECOND, 800_000), (SECOND, 0))
    assert took == 1_000 + 500_000


@pytest.mark.parametrize("loss", [-0.1, 1.0, float("nan")])
def test_a_link_loses_a_share_of_what_it_carries(loss: float) -> None:
    with pytest.raises(ValueError, match="share"):
        link(loss=loss)


def test_a_sender_that_never_sends_is_refused() -> None:
    with pytest.raises(ValueError, match="a byte at least"):
        SlowStart(initial_bytes=0)


def test_slow_start_and_loss_make_a_session_worse_and_never_better() -> None:
    rate, rtt_us = Trace.constant(6_000_000), 80_000
    plain = play(link=Link(trace=rate, rtt_us=rtt_us))
    slow = play(link=Link(trace=rate, rtt_us=rtt_us, slow_start=SlowStart()))
    lossy = play(link=Link(trace=rate, rtt_us=rtt_us, loss=0.03))

    assert plain.summary.startup is not None
    assert slow.summary.startup is not None
    assert slow.summary.startup.first_frame_us > plain.summary.startup.first_frame_us
    assert mean_bps(lossy) < mean_bps(plain)
    assert {one.ending for one in (plain, slow, lossy)} == {"finished"}


rates = st.lists(
    st.tuples(st.integers(20_000, 400_000), st.just(0) | st.integers(500_000, 50_000_000)),
    min_size=1,
    max_size=5,
)


@given(
    trace=rates.map(Trace),
    window=st.builds(
        Window, st.integers(1_000, 60_000), st.integers(1_000, 200_000), st.none() | st.just(90_000)
    ),
    cuts=st.lists(st.integers(1, 600_000), max_size=8),
)
def test_looking_more_often_changes_no_window(
    trace: Trace, window: Window, cuts: list[int]
) -> None:
    once, often = Sharing(trace), Sharing(trace)
    for sharing in (once, often):
        sharing.join("a", "h", Trace.constant(9_000_000), until_bytes=10**9, window=window)
        sharing.join("b", "h", Trace.constant(9_000_000), until_bytes=10**9)
        sharing.join("c", "free", None, until_bytes=10**9, window=window)

    for cut_us in sorted(cuts):
        often.advance(cut_us)
    once.advance(700_000)
    often.advance(700_000)

    assert [often.received(name) for name in "abc"] == [once.received(name) for name in "abc"]
    carried = sum(once.received(name)[0] for name in "abc") * 8_000_000
    assert carried <= trace.total(700_000)


@given(
    trace=rates.map(Trace),
    sizes=st.lists(st.integers(1, 300_000), min_size=1, max_size=4),
    window=st.builds(Window, st.integers(1_000, 60_000), st.integers(1_000, 200_000)),
)
def test_a_window_makes_nobody_sooner_and_keeps_nobody_for_ever(
    trace: Trace, sizes: list[int], window: Window
) -> None:
    if not any(rate for _, rate in trace.pieces):
        return
    sharing = Sharing(trace)
    for number, size_bytes in enumerate(sizes):
        sharing.join(number, "h", None, until_bytes=size_bytes, window=window)
    left, end_us = len(sizes), 0
    for _ in range(2_000):
        next_us = sharing.next_us()
        if next_us is None:
            break
        sharing.advance(next_us)
        for name in sharing.arrived():
            sharing.leave(name)
            left, end_us = left - 1, next_us

    assert left == 0
    assert trace.total(end_us) >= sum(sizes) * 8_000_000
