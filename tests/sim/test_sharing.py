"""A link is shared fairly, and every bit it carries is somebody's."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from netplay.sim import Trace
from netplay.sim.sharing import Sharing

SECOND = 1_000_000
MEGABIT = Trace.constant(8_000_000)  # a million bytes a second

rates = st.lists(
    st.tuples(st.integers(50_000, 900_000), st.just(0) | st.integers(500_000, 50_000_000)),
    min_size=1,
    max_size=5,
)
traces = st.builds(Trace, rates)


def run(sharing: Sharing, *, limit: int = 10_000) -> list[tuple[int, object]]:
    """Let everybody finish; return (moment, who), in order."""
    done: list[tuple[int, object]] = []
    for _ in range(limit):
        next_us = sharing.next_us()
        if next_us is None:
            return done
        sharing.advance(next_us)
        for name in sharing.arrived():
            sharing.leave(name)
            done.append((next_us, name))
    raise AssertionError("it does not end")


def test_one_stream_has_the_whole_link() -> None:
    sharing = Sharing(MEGABIT)
    sharing.join("a", "host", None, until_bytes=500_000)

    assert run(sharing) == [(SECOND // 2, "a")]


def test_two_streams_have_half_each_until_one_is_done() -> None:
    sharing = Sharing(MEGABIT)
    sharing.join("a", "host", None, until_bytes=100_000)
    sharing.join("b", "host", None, until_bytes=300_000)

    assert run(sharing) == [(200_000, "a"), (400_000, "b")]


def test_who_comes_later_has_what_came_since() -> None:
    sharing = Sharing(MEGABIT)
    sharing.join("a", "host", None, until_bytes=300_000)
    sharing.advance(200_000)
    sharing.join("b", "host", None, until_bytes=100_000)

    sharing.advance(300_000)

    assert sharing.received("a") == (250_000, 300_000)
    assert sharing.received("b") == (50_000, 300_000)


def test_a_slow_host_leaves_the_rest_to_the_others() -> None:
    sharing = Sharing(MEGABIT)
    sharing.join("slow", "tortoise", Trace.constant(800_000), until_bytes=100_000)
    sharing.join("fast", "hare", None, until_bytes=900_000)

    assert run(sharing) == [(SECOND, "slow"), (SECOND, "fast")]


def test_a_ceiling_above_a_fair_share_changes_nothing() -> None:
    sharing = Sharing(MEGABIT)
    sharing.join("a", "host", Trace.constant(7_000_000), until_bytes=100_000)
    sharing.join("b", "other", None, until_bytes=100_000)

    assert run(sharing) == [(200_000, "a"), (200_000, "b")]


def test_streams_of_one_host_share_its_ceiling() -> None:
    sharing = Sharing(MEGABIT)
    ceiling = Trace.constant(800_000)
    sharing.join("a", "tortoise", ceiling, until_bytes=50_000)
    sharing.join("b", "tortoise", ceiling, until_bytes=50_000)

    assert run(sharing) == [(SECOND, "a"), (SECOND, "b")]


def test_a_link_that_is_off_for_a_while_says_when_it_came_last() -> None:
    sharing = Sharing(Trace([(SECOND, 8_000_000), (SECOND, 0)]))
    sharing.join("a", "host", None, until_bytes=1_500_000)

    sharing.advance(1_700_000)

    assert sharing.received("a") == (1_000_000, SECOND)
    assert sharing.next_us() == 2_500_000


def test_a_dead_link_is_waited_for_by_nobody() -> None:
    dead, dying = Trace.constant(0), Trace([(SECOND, 8_000_000), (1, 0)], repeats=False)
    for trace, ceiling in ((dead, None), (dead, MEGABIT), (MEGABIT, dead), (dying, MEGABIT)):
        sharing = Sharing(trace)
        sharing.join("a", "host", ceiling, until_bytes=2_000_000)

        assert run(sharing) == []


def test_a_link_and_a_host_that_are_never_on_together_are_looked_at_in_bounded_time() -> None:
    link = Trace([(1, 8_000_000), (1, 0)])
    host = Trace([(1, 0), (1, 8_000_000)])
    sharing = Sharing(link)
    sharing.join("a", "host", host, until_bytes=1)

    first_us = sharing.next_us()
    assert first_us is not None
    sharing.advance(first_us)
    second_us = sharing.next_us()

    assert second_us is not None
    assert second_us > first_us
    assert not sharing.arrived()


def test_a_stream_can_be_asked_for_its_next_mark() -> None:
    sharing = Sharing(MEGABIT)
    sharing.join("a", "host", None, until_bytes=100_000)
    sharing.advance(100_000)

    sharing.look_for("a", 400_000)

    assert run(sharing) == [(400_000, "a")]


joins = st.lists(
    st.tuples(
        st.integers(0, 300_000),
        st.integers(1, 200_000),
        st.sampled_from(["free", "h1", "h2"]),
    ),
    min_size=1,
    max_size=6,
)


@given(trace=traces, joins=joins, ceiling=traces)
def test_no_byte_comes_that_the_link_did_not_carry_and_none_is_lost(
    trace: Trace, joins: list[tuple[int, int, str]], ceiling: Trace
) -> None:
    sharing = Sharing(trace)
    horizon_us = 2_000_000
    waiting = sorted(joins)
    sizes: dict[int, int] = {}
    for at_us, size_bytes, host in waiting:
        sharing.advance(at_us)
        name = len(sizes)
        sizes[name] = size_bytes
        limit = None if host == "free" else ceiling
        sharing.join(name, host, limit, until_bytes=10**12)  # none of them ends
    sharing.advance(horizon_us)

    came = sum(Fraction(sharing.received(name)[0]) for name in sizes)

    first_us = waiting[0][0]
    carried = Fraction(trace.total(horizon_us) - trace.total(first_us), 8_000_000)
    assert came <= carried
    if all(host == "free" for _, _, host in waiting):
        assert came > carried - len(sizes)  # each has at most a part of a byte


@given(trace=traces, cuts=st.lists(st.integers(1, 400_000), max_size=6), ceiling=traces)
def test_looking_more_often_changes_nothing(trace: Trace, cuts: list[int], ceiling: Trace) -> None:
    once, often = Sharing(trace), Sharing(trace)
    for sharing in (once, often):
        sharing.join("a", "h", ceiling, until_bytes=10**9)
        sharing.join("b", "h", ceiling, until_bytes=10**9)
        sharing.join("c", "free", None, until_bytes=10**9)

    for cut_us in sorted(cuts):
        often.advance(cut_us)
    once.advance(500_000)
    often.advance(500_000)

    assert [often.received(name) for name in "abc"] == [once.received(name) for name in "abc"]


@given(trace=traces, sizes=st.lists(st.integers(1, 300_000), min_size=1, max_size=5))
def test_everybody_is_done_when_the_link_has_carried_it_all(trace: Trace, sizes: list[int]) -> None:
    sharing = Sharing(trace)
    for name, size_bytes in enumerate(sizes):
        sharing.join(name, "host", None, until_bytes=size_bytes)

    done = run(sharing)

    needed, fastest = sum(sizes) * 8_000_000, max(rate for _, rate in trace.pieces)
    if not fastest:
        assert done == []
        return
    # Things happen at whole microseconds, so an arrival may cost the rest of one.
    assert needed <= trace.total(done[-1][0]) <= needed + len(sizes) * fastest


@given(trace=traces, sizes=st.lists(st.integers(1, 300_000), min_size=1, max_size=5))
def test_a_ceiling_that_never_binds_gives_the_same_moments(trace: Trace, sizes: list[int]) -> None:
    free, capped = Sharing(trace), Sharing(trace)
    high = Trace([(79_190, 10**9), (3, 2 * 10**9)])
    for name, size_bytes in enumerate(sizes):
        free.join(name, "host", None, until_bytes=size_bytes)
        capped.join(name, name, high, until_bytes=size_bytes)

    assert run(capped) == run(free)
