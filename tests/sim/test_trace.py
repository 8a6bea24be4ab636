"""Sums over time and their inverse agree to the microsecond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.sim import Trace

pieces = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), min_size=1, max_size=6)
traces = st.builds(lambda made, repeats: Trace(made, repeats=repeats), pieces, st.booleans())
moments = st.integers(0, 1_000)


def test_a_trace_begins_anew_when_it_ends() -> None:
    trace = Trace([(10, 5), (20, 1)])

    assert [trace.at(moment) for moment in (0, 9, 10, 29, 30, 39, 40)] == [5, 5, 1, 1, 5, 5, 1]
    assert trace.total(60) == 2 * (10 * 5 + 20 * 1)


def test_a_trace_that_does_not_repeat_keeps_its_last_value() -> None:
    trace = Trace([(10, 5), (20, 1)], repeats=False)

    assert [trace.at(moment) for moment in (0, 29, 30, 1_000)] == [5, 1, 1, 1]
    assert trace.total(130) == 50 + 20 + 100
    assert trace.when(171) == 131


def test_what_never_comes_is_none() -> None:
    silent = Trace([(10, 0)])
    fading = Trace([(10, 3), (5, 0)], repeats=False)

    assert silent.when(1) is None
    assert fading.when(31) is None
    assert not fading.is_dead_from(9)
    assert fading.is_dead_from(10)


@pytest.mark.parametrize("bad", [[], [(0, 1)], [(-1, 1)], [(5, -1)]])
def test_a_trace_that_cannot_be_is_refused(bad: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="trace"):
        Trace(bad)


@given(trace=traces, moment_us=moments)
def test_a_sum_is_what_the_values_add_up_to(trace: Trace, moment_us: int) -> None:
    assert trace.total(moment_us) == sum(trace.at(one) for one in range(moment_us))


@given(trace=traces, total=st.integers(0, 3_000))
def test_it_is_there_when_it_said_it_would_be_and_not_a_microsecond_before(
    trace: Trace, total: int
) -> None:
    when_us = trace.when(total)

    if when_us is None:
        assert trace.total(100_000) < total
    else:
        assert trace.total(when_us) >= total
        assert when_us == 0 or trace.total(when_us - 1) < total


@given(trace=traces, moment_us=moments)
def test_between_two_changes_nothing_changes(trace: Trace, moment_us: int) -> None:
    change_us = trace.next_change_us(moment_us)

    until_us = moment_us + 500 if change_us is None else change_us
    assert until_us > moment_us
    assert {trace.at(one) for one in range(moment_us, until_us)} == {trace.at(moment_us)}
