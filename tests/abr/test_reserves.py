"""The rule of the preset `tuned`, as sentences."""

import math
from dataclasses import replace

import pytest
from abr_views import LADDER, PLAYING, START, halfway, measured
from hypothesis import given
from hypothesis import strategies as st

from abr import Hybrid, HybridSettings, Reserves, Rung, Sample, Switch, View

EVEN = tuple(Rung(100_000 * 2**i) for i in range(4))
"""Rungs at 0.1, 0.2, 0.4 and 0.8 Mb/s."""

PLAIN = Reserves(
    margin=1.0,
    climb_reserve_s=10.0,
    stay_reserve_s=6.0,
    climb_slope_s=0.0,
    stay_slope_s=0.0,
    gap_s=0.0,
    climb_over_s=10.0,
    stay_over_s=10.0,
)
"""The same reserve for all rungs: 10 s for climbing, 6 s for staying."""


def even(*, rung: int | None = 1, buffered_s: float) -> View:
    """A view of the even ladder."""
    return replace(
        PLAYING, rungs=EVEN, rung=rung, sizes_bytes=((None,) * 4,), buffered_s=buffered_s
    )


def believing(bps: float, rule: Reserves = PLAIN) -> Hybrid:
    """A hybrid that goes by a rule and measured a rate, at no wait for a first byte."""
    hybrid = Hybrid(HybridSettings(rule=rule))
    for _ in range(2):
        hybrid.observe(Sample(bytes=round(bps * 10 / 8), busy_s=10.0))
    return hybrid


def rung_at(buffered_s: float, *, bps: float, rung: int = 1, rule: Reserves = PLAIN) -> int:
    """What is chosen with so much buffer by one that just came to a rung."""
    return believing(bps, rule).choose(even(rung=rung, buffered_s=buffered_s)).rung


def test_at_its_reserve_a_rung_takes_what_the_link_brings() -> None:
    assert [rung_at(s, bps=400_000) for s in (9.99, 10.0)] == [1, 2]


def test_above_its_reserve_a_rung_may_take_more() -> None:
    # Twice the rate costs a second of buffer a second: 10 s of it on top of the reserve.
    assert [rung_at(s, bps=200_000) for s in (19.9, 20.0)] == [1, 2]


def test_a_rung_is_stayed_at_with_less_than_it_is_climbed_to() -> None:
    assert [rung_at(s, bps=200_000, rung=2) for s in (15.9, 16.0)] == [1, 2]


def test_high_rungs_reserve_more() -> None:
    sloped = replace(PLAIN, climb_slope_s=3.0)

    assert [rung_at(s, bps=800_000, rule=sloped) for s in (12.9, 13.0)] == [1, 3]


def test_a_rung_far_above_the_next_one_reserves_less() -> None:
    gap = replace(PLAIN, stay_reserve_s=10.0, gap_s=2.0 / math.log(2))

    assert [rung_at(s, bps=200_000, rung=2, rule=gap) for s in (17.9, 18.01)] == [1, 2]


def test_the_sizes_of_the_next_three_segments_count_not_the_declared_bitrate() -> None:
    small, large = (1e4, 2e4, 4e4, 8e4), (1e5, 4e5, 8e5, 16e5)
    view = even(buffered_s=12.0)

    soon_small = believing(300_000).choose(replace(view, sizes_bytes=(small, small, small, large)))
    soon_large = believing(300_000).choose(replace(view, sizes_bytes=(small, small, large, small)))

    assert [soon_small.rung, soon_large.rung] == [3, 1]


def test_the_next_segment_comes_while_something_is_left_of_the_buffer() -> None:
    view = even(rung=2, buffered_s=7.9)
    sizes = ((50_000.0, 100_000.0, 305_000.0, 400_000.0),) + ((1e3,) * 4,) * 2

    # 305 kB at 400 kb/s are 6.1 s, and 2 s are to be left.
    assert believing(400_000).choose(replace(view, sizes_bytes=sizes)).rung == 1


def test_the_lower_of_the_last_two_rates_counts() -> None:
    fallen, risen = believing(800_000), believing(100_000)
    measured(fallen, bps=100_000)
    measured(risen, bps=120_000)

    assert fallen.choose(even(rung=3, buffered_s=11.0)).rung == 1
    assert risen.choose(even(rung=0, buffered_s=11.0)).rung == 0


def test_no_climb_is_spent_while_the_rate_has_only_begun_to_rise() -> None:
    hybrid = believing(400_000)
    measured(hybrid, bps=700_000)
    view = even(rung=1, buffered_s=15.0)

    rising = hybrid.choose(view)
    measured(hybrid, bps=700_000)
    risen = hybrid.choose(view)

    assert (rising.rung, risen.rung) == (1, 3)
    assert rising.reason.startswith("rising, ")


def test_no_climb_is_spent_on_less_than_the_link_sustains() -> None:
    early = believing(800_000, replace(PLAIN, climb_slope_s=6.0)).choose(
        even(rung=0, buffered_s=12.0)
    )

    assert early.rung == 0
    assert early.reason.startswith("soon more than ")


def test_with_a_thin_buffer_there_is_no_climbing() -> None:
    none = replace(PLAIN, climb_reserve_s=0.0)

    assert [rung_at(s, bps=400_000, rule=none) for s in (7.9, 8.0)] == [1, 2]


def test_at_the_end_of_the_film_nothing_is_reserved_any_more() -> None:
    ending = replace(even(buffered_s=9.0), remaining_segments=2)

    assert rung_at(9.0, bps=400_000) == 1
    assert believing(400_000).choose(ending).rung == 2


def test_with_small_targets_reserves_are_small() -> None:
    view = replace(even(buffered_s=5.0), target_s=10.0, max_buffer_s=12.0)

    assert believing(400_000).choose(view).rung == 2


def test_a_link_that_brings_nothing_gets_the_lowest() -> None:
    hybrid = Hybrid()
    hybrid.observe(Sample(bytes=0, busy_s=10.0))

    assert hybrid.choose(PLAYING).rung == 2
    assert hybrid.choose(replace(PLAYING, rung=1)).rung == 0


def test_what_other_tracks_take_and_a_faster_playback_leave_less() -> None:
    view = even(rung=1, buffered_s=10.0)

    assert believing(400_000).choose(replace(view, other_bps=1.0)).rung == 1
    assert believing(400_000).choose(replace(view, rate=1.1)).rung == 1
    assert believing(801_000).choose(replace(view, rate=2.0)).rung == 2


def test_the_first_segment_is_capped_and_the_second_is_not() -> None:
    first = Hybrid(initial_bps=100e6).choose(START)
    second = believing(100e6, Reserves()).choose(replace(PLAYING, rung=7, buffered_s=9.0))

    assert first.rung == 7
    assert second.rung == 9


def test_asked_anew_about_a_segment_that_was_left_it_goes_no_higher_than_it_left_for() -> None:
    hybrid = measured(Hybrid(), bps=50e6)
    view = replace(PLAYING, rung=8, buffered_s=6.0, fetched_segments=7)
    hybrid.choose(view)
    left = hybrid.abandon(view, halfway())

    again = hybrid.choose(view)
    next_one = hybrid.choose(replace(view, fetched_segments=8))

    assert isinstance(left, Switch)
    assert (again.rung, next_one.rung) == (left.rung, 8)
    assert again.reason.startswith(f"left for {left.rung}: ")


@pytest.mark.parametrize("name", ["margin", "climb_over_s", "stay_over_s", "ending_s"])
def test_numbers_by_which_nothing_can_be_judged_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Reserves(**{name: 0.0})  # type: ignore[arg-type]


def test_a_window_and_a_look_ahead_are_at_least_one() -> None:
    with pytest.raises(ValueError, match="window"):
        Reserves(window=0)
    with pytest.raises(ValueError, match="ahead"):
        Reserves(ahead=0)


rates_bps = st.floats(min_value=1e4, max_value=1e9)
buffers_s = st.floats(min_value=0.0, max_value=60.0)


@given(rate_bps=rates_bps, buffered_s=buffers_s, more_s=buffers_s, rung=st.integers(0, 9))
def test_a_fuller_buffer_never_gets_a_lower_rung(
    rate_bps: float, buffered_s: float, more_s: float, rung: int
) -> None:
    view = replace(PLAYING, rungs=LADDER, rung=rung)

    little = believing(rate_bps, Reserves()).choose(replace(view, buffered_s=buffered_s))
    much = believing(rate_bps, Reserves()).choose(replace(view, buffered_s=buffered_s + more_s))

    assert much.rung >= little.rung
