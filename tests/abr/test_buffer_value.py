"""The rule of the preset `tuned`, as sentences."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from abr_views import LADDER, PLAYING, START, halfway, measured
from hypothesis import given
from hypothesis import strategies as st

from abr import BufferValue, Hybrid, HybridSettings, Rung, Sample, Switch, View
from abr.buffer_value import RATES

EVEN = tuple(Rung(100_000 * 2**i) for i in range(4))
"""Rungs at 0.1, 0.2, 0.4 and 0.8 Mb/s."""

PLAIN = BufferValue(
    margin=1.0,
    spread=0.0,
    climb_level_s=12.0,
    stay_level_s=12.0,
    scale_s=10.0,
    floor=0.0,
    ahead=1,
)
"""One rate and one segment are looked at; a second of buffer is worth a second at 12 s."""


def even(*, rung: int | None = 1, buffered_s: float) -> View:
    """A view of the even ladder."""
    return replace(
        PLAYING, rungs=EVEN, rung=rung, sizes_bytes=((None,) * 4,), buffered_s=buffered_s
    )


def believing(bps: float, rule: BufferValue = PLAIN, *, times: int = 2) -> Hybrid:
    """A hybrid that goes by a rule and measured a rate, at no wait for a first byte."""
    hybrid = Hybrid(HybridSettings(rule=rule))
    for _ in range(times):
        hybrid.observe(Sample(bytes=round(bps * 10 / 8), busy_s=10.0))
    return hybrid


def rung_at(buffered_s: float, *, bps: float, rung: int = 1, rule: BufferValue = PLAIN) -> int:
    """What is chosen with so much buffer by one that just came to a rung."""
    return believing(bps, rule).choose(even(rung=rung, buffered_s=buffered_s)).rung


def test_the_rates_looked_at_have_the_mean_and_the_spread_they_stand_for() -> None:
    assert sum(weight for _, weight in RATES) == pytest.approx(1)
    assert sum(weight * at for at, weight in RATES) == pytest.approx(0)
    assert sum(weight * at * at for at, weight in RATES) == pytest.approx(1)


def test_where_buffer_is_worth_what_the_link_is_the_rung_that_it_carries_is_best() -> None:
    # A segment that takes as long as it plays leaves 9 s at 9 s: a little more is a little bolder.
    rates_bps = (180_000, 220_000, 360_000, 440_000)

    assert [rung_at(9.0, bps=bps) for bps in rates_bps] == [0, 1, 1, 2]


def test_a_fuller_buffer_buys_more_and_an_emptier_one_less() -> None:
    levels_s = (6.0, 12.0, 26.0)

    assert [rung_at(s, bps=400_000, rung=3) for s in levels_s] == [1, 2, 3]


def test_a_rung_is_stayed_at_with_less_than_it_is_climbed_to() -> None:
    rule = replace(PLAIN, stay_level_s=6.0)

    assert rung_at(10.0, bps=290_000, rung=1, rule=rule) == 1
    assert rung_at(10.0, bps=290_000, rung=2, rule=rule) == 2


def test_a_step_between_rungs_far_apart_costs_more() -> None:
    far = (Rung(100_000), Rung(200_000), Rung(1_600_000))
    view = replace(even(rung=1, buffered_s=12.0), rungs=far, sizes_bytes=((None,) * 3,))
    rates_bps = (800_000, 850_000)

    # With even steps 1.6 Mb/s would do from 1.28 Mb/s on, and 0.8 Mb/s from 0.64.
    rule = replace(PLAIN, stall_cost=0.0)
    assert [believing(bps, rule).choose(view).rung for bps in rates_bps] == [1, 2]


def test_a_wild_link_gets_less_than_a_calm_one() -> None:
    rule = replace(PLAIN, spread=1.0)
    calm, wild = believing(420_000, rule, times=20), believing(420_000, rule, times=20)
    for bps in (2_000_000, 90_000) * 3:
        measured(wild, bps=bps)
    for _ in range(2):
        measured(wild, bps=420_000)
    view = even(rung=2, buffered_s=9.0)

    assert (calm.choose(view).rung, wild.choose(view).rung) == (2, 1)


def test_the_sizes_of_the_next_segments_count_not_the_declared_bitrate() -> None:
    small, large = (1e4, 2e4, 4e4, 8e4), (1e5, 4e5, 8e5, 16e5)
    view = even(rung=3, buffered_s=12.0)
    two = replace(PLAIN, ahead=2)

    soon_small = believing(300_000, two).choose(replace(view, sizes_bytes=(small, small, large)))
    soon_large = believing(300_000, two).choose(replace(view, sizes_bytes=(small, large, small)))

    assert [soon_small.rung, soon_large.rung] == [3, 1]


def test_a_stall_costs_a_rung() -> None:
    view = even(rung=3, buffered_s=5.5)
    deaf = replace(PLAIN, stay_level_s=0.0, stall_cost=0.0)

    # 0.8 Mb/s for 4 s take 6.4 s at 0.5 Mb/s.
    assert believing(500_000, deaf).choose(view).rung == 3
    assert believing(500_000, replace(deaf, stall_cost=5.0)).choose(view).rung == 2


def test_no_climb_is_spent_while_the_rate_has_only_begun_to_rise() -> None:
    hybrid = believing(400_000)
    measured(hybrid, bps=1_200_000)
    view = even(rung=1, buffered_s=15.0)

    rising = hybrid.choose(view)
    measured(hybrid, bps=1_200_000)
    risen = hybrid.choose(view)

    assert (rising.rung, risen.rung) == (1, 3)
    assert rising.reason.startswith("rising, ")


def test_no_climb_is_spent_on_less_than_the_link_sustains() -> None:
    early = believing(820_000).choose(even(rung=0, buffered_s=6.0))

    assert early.rung == 0
    assert early.reason.startswith("soon more than ")


def test_the_preset_brisk_climbs_freely_until_the_start_is_over() -> None:
    rule = HybridSettings.brisk().rule
    assert isinstance(rule, BufferValue)
    starting = Hybrid(replace(HybridSettings.brisk(), rule=PLAIN))
    for _ in range(2):
        starting.observe(Sample(bytes=375_000, busy_s=10.0))
    view = even(rung=0, buffered_s=8.0)

    first = starting.choose(view).rung
    second = starting.choose(replace(view, rung=first, buffered_s=9.9)).rung
    for _ in range(2):
        starting.observe(Sample(bytes=9_000_000, busy_s=1.0))
    third = starting.choose(replace(view, rung=second, buffered_s=9.95)).rung
    over = starting.choose(replace(view, rung=1, buffered_s=10.1))

    assert 0 < first <= second < third
    assert over.rung == 1
    assert over.reason.startswith("climbed a moment ago")


def test_at_the_end_of_the_film_the_buffer_is_of_no_use() -> None:
    ending = replace(even(buffered_s=8.0), remaining_segments=1)

    assert rung_at(8.0, bps=300_000) == 1
    assert believing(300_000).choose(ending).rung == 2


def test_with_small_targets_the_same_share_of_them_is_held() -> None:
    view = replace(even(buffered_s=4.8), target_s=10.0, max_buffer_s=12.0)

    assert believing(460_000).choose(view).rung == 2


def test_with_large_targets_more_is_held() -> None:
    view = replace(even(rung=2, buffered_s=14.0), target_s=60.0, max_buffer_s=60.0)
    rule = replace(PLAIN, growth=1.0)

    assert believing(300_000, replace(PLAIN, growth=0.0)).choose(view).rung == 2
    assert believing(300_000, rule).choose(view).rung < 2


def test_a_link_that_brings_nothing_gets_the_lowest() -> None:
    hybrid = Hybrid()
    hybrid.observe(Sample(bytes=0, busy_s=10.0))

    assert hybrid.choose(PLAYING).rung == 2
    assert hybrid.choose(replace(PLAYING, rung=1)).rung == 0


def test_a_link_that_others_take_all_of_gets_the_lowest() -> None:
    assert believing(400_000).choose(replace(even(buffered_s=9.0), other_bps=4e5)).rung == 0


def test_a_faster_playback_leaves_less() -> None:
    view = even(rung=2, buffered_s=12.0)

    assert believing(400_000).choose(view).rung == 2
    assert believing(400_000).choose(replace(view, rate=2.0)).rung == 1


def test_the_first_segment_is_capped_and_the_second_is_not() -> None:
    first = Hybrid(initial_bps=100e6).choose(START)
    second = believing(100e6, BufferValue()).choose(replace(PLAYING, rung=7, buffered_s=9.0))

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
    assert again.rung == left.rung < next_one.rung
    assert again.reason.startswith(f"left for {left.rung}: ")


@pytest.mark.parametrize("name", ["margin", "scale_s", "ending_s"])
@pytest.mark.parametrize("wrong", [0.0, math.nan])
def test_numbers_by_which_nothing_can_be_judged_are_refused(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=name):
        BufferValue(**{name: wrong})  # type: ignore[arg-type]


def test_a_look_ahead_is_one_segment_at_least() -> None:
    with pytest.raises(ValueError, match="ahead"):
        BufferValue(ahead=0)


rates_bps = st.floats(min_value=1e4, max_value=1e9)
buffers_s = st.floats(min_value=0.0, max_value=60.0)


@given(rate_bps=rates_bps, buffered_s=buffers_s, more_s=buffers_s)
def test_a_fuller_buffer_never_gets_less_of_the_ladder(
    rate_bps: float, buffered_s: float, more_s: float
) -> None:
    view = replace(PLAYING, rungs=LADDER, rung=len(LADDER) - 1)

    little = believing(rate_bps, BufferValue()).choose(replace(view, buffered_s=buffered_s))
    much = believing(rate_bps, BufferValue()).choose(replace(view, buffered_s=buffered_s + more_s))

    assert much.rung >= little.rung
