"""The playhead is arithmetic: asked when and asked where, it never disagrees with itself."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.core.playhead import Playhead

moments_us = st.integers(0, 10**13)
positions_us = st.integers(0, 10**12)
rates = st.fractions(Fraction(1, 16), 16, max_denominator=1000)


@given(start_us=moments_us, ahead_us=positions_us, rate=rates)
def test_it_is_there_when_it_said_it_would_be_and_not_a_microsecond_before(
    start_us: int, ahead_us: int, rate: Fraction
) -> None:
    playhead = Playhead(rate=rate)
    playhead.start(start_us)

    arrival_us = playhead.arrives_at(ahead_us)

    assert playhead.position_us(arrival_us) >= ahead_us
    assert ahead_us == 0 or playhead.position_us(arrival_us - 1) < ahead_us


@given(start_us=moments_us, base_us=positions_us, rate=rates, later_us=positions_us)
def test_it_never_goes_back_by_itself(
    start_us: int, base_us: int, rate: Fraction, later_us: int
) -> None:
    playhead = Playhead(base_us, rate)
    playhead.start(start_us)

    before_us = playhead.position_us(start_us + later_us)
    after_us = playhead.position_us(start_us + later_us + 1_000)

    assert base_us <= before_us <= after_us


@given(start_us=moments_us, rest_us=positions_us, rate=rates)
def test_at_rest_it_stays_where_it_stopped(start_us: int, rest_us: int, rate: Fraction) -> None:
    playhead = Playhead(5_000_000, rate)
    playhead.start(start_us)
    playhead.stop(start_us + 1_000_000)

    stopped_us = playhead.position_us(start_us + 1_000_000)

    assert not playhead.moving
    assert playhead.position_us(start_us + 1_000_000 + rest_us) == stopped_us


@given(start_us=moments_us, before=rates, after=rates, span_us=positions_us)
def test_another_rate_goes_on_from_where_it_is(
    start_us: int, before: Fraction, after: Fraction, span_us: int
) -> None:
    playhead = Playhead(rate=before)
    playhead.start(start_us)
    there_us = playhead.position_us(start_us + span_us)

    playhead.set_rate(after, start_us + span_us)

    assert playhead.rate == after
    assert playhead.position_us(start_us + span_us) == there_us


def test_starting_twice_starts_once() -> None:
    playhead = Playhead()
    playhead.start(1_000_000)
    playhead.start(2_000_000)

    assert playhead.position_us(3_000_000) == 2_000_000


def test_it_is_placed_without_being_stopped_or_started() -> None:
    still, moving = Playhead(), Playhead()
    moving.start(0)

    still.place(7_000_000, 1_000_000)
    moving.place(7_000_000, 1_000_000)

    assert still.position_us(2_000_000) == 7_000_000
    assert moving.position_us(2_000_000) == 8_000_000


def test_a_place_behind_is_reached_at_once() -> None:
    playhead = Playhead(5_000_000)
    playhead.start(1_000_000)

    assert playhead.arrives_at(4_000_000) == 1_000_000


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(-1)])
def test_a_rate_that_is_not_positive_is_refused(rate: Fraction) -> None:
    with pytest.raises(ValueError, match="rate must be positive"):
        Playhead(rate=rate)
