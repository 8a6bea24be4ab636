"""Each rule of the hybrid controller's preset `article`, and each limit, as a sentence."""

import math
from dataclasses import replace

import pytest
from abr_views import LADDER, PLAYING, START, halfway, measured
from hypothesis import given
from hypothesis import strategies as st

from abr import (
    Choice,
    Device,
    Guardrails,
    Hybrid,
    HybridSettings,
    Keep,
    Rung,
    SafetyMargin,
    Sample,
    Switch,
    View,
)

SECOND_US = 1_000_000

ARTICLE = HybridSettings.article()


def past_the_start(*, bps: float, settings: HybridSettings | None = None) -> Hybrid:
    """A hybrid that believes in a rate and whose buffer has been past 10 s."""
    hybrid = measured(Hybrid(settings or ARTICLE), bps=bps)
    hybrid.choose(replace(PLAYING, buffered_s=10.1, rung=9))
    return hybrid


def rate_safe_at(rung: int, margin: float = 0.5) -> float:
    """The throughput of which a rung's bitrate is exactly the safe share."""
    return LADDER[rung].bitrate_bps / margin


HALF = HybridSettings.article(SafetyMargin(0.5))  # exact in binary, so that "equal" means it


# throughput is the floor


def test_it_uses_seven_tenths_of_the_throughput() -> None:
    hybrid = past_the_start(bps=1_050_000 / 0.7 + 10)
    slower = past_the_start(bps=1_050_000 / 0.7 - 10)

    assert hybrid.choose(PLAYING).rung == 4
    assert slower.choose(PLAYING).rung == 3


def test_under_half_the_target_the_rung_lies_strictly_below_the_safe_bitrate() -> None:
    hybrid = past_the_start(bps=rate_safe_at(4), settings=HALF)

    choice = hybrid.choose(replace(PLAYING, buffered_s=14.9))

    assert choice.rung == 3


def test_from_half_the_target_on_the_rung_may_equal_the_safe_bitrate() -> None:
    hybrid = past_the_start(bps=rate_safe_at(4), settings=HALF)

    choice = hybrid.choose(replace(PLAYING, buffered_s=15.0))

    assert choice.rung == 4


def test_half_the_target_is_half_of_what_the_player_may_hold_if_that_is_less() -> None:
    hybrid = past_the_start(bps=rate_safe_at(4), settings=HALF)

    choice = hybrid.choose(replace(PLAYING, buffered_s=11.0, target_s=30.0, max_buffer_s=22.0))

    assert choice.rung == 4


def test_on_a_link_too_slow_for_the_lowest_rung_it_takes_the_lowest() -> None:
    hybrid = past_the_start(bps=100_000)

    assert hybrid.choose(replace(PLAYING, rung=0)).rung == 0


def test_played_at_twice_the_speed_a_rung_takes_twice_its_bitrate() -> None:
    hybrid = past_the_start(bps=2 * rate_safe_at(4), settings=HALF)

    choice = hybrid.choose(replace(PLAYING, rate=2.0))

    assert choice.rung == 4


def test_what_audio_takes_of_the_link_is_left_to_it() -> None:
    hybrid = past_the_start(bps=rate_safe_at(4), settings=HALF)

    choice = hybrid.choose(replace(PLAYING, other_bps=128_000.0))

    assert choice.rung == 3


def test_the_answer_tells_the_throughput_believed_in_and_why() -> None:
    hybrid = past_the_start(bps=2_000_000)

    choice = hybrid.choose(PLAYING)

    assert choice == Choice(4, reason="within 1.40 Mb/s", estimate_bps=2_000_000.0)


# the start


def test_before_any_measurement_the_start_goes_by_the_kind_of_network() -> None:
    wired = Hybrid(ARTICLE).choose(replace(START, device=Device(network="wired")))
    unknown = Hybrid(ARTICLE).choose(START)
    cellular = Hybrid(ARTICLE).choose(replace(START, device=Device(network="cellular")))

    assert [wired.rung, unknown.rung, cellular.rung] == [4, 2, 2]
    assert wired.estimate_bps is None


def test_a_remembered_throughput_starts_higher() -> None:
    choice = Hybrid(ARTICLE, initial_bps=2_600_000).choose(START)

    assert choice.rung == 5


def test_the_start_is_at_720p_or_lower_however_fast_the_link() -> None:
    choice = Hybrid(ARTICLE, initial_bps=100e6).choose(START)

    assert choice.rung == 7
    assert choice.reason == "conservative start, under 70.00 Mb/s"


def test_the_start_lasts_until_the_buffer_passes_ten_seconds() -> None:
    hybrid = measured(Hybrid(ARTICLE), bps=100e6)

    at_ten = hybrid.choose(replace(PLAYING, buffered_s=10.0))
    past_ten = hybrid.choose(replace(PLAYING, buffered_s=10.1))
    later = hybrid.choose(replace(PLAYING, buffered_s=9.0))

    assert [at_ten.rung, past_ten.rung, later.rung] == [7, 9, 9]


def test_a_ladder_that_begins_above_720p_starts_at_its_lowest_rung() -> None:
    choice = Hybrid(ARTICLE, initial_bps=100e6).choose(
        replace(START, rungs=LADDER[8:], sizes_bytes=((None, None),))
    )

    assert choice.rung == 0


def test_a_seek_starts_over() -> None:
    hybrid = past_the_start(bps=100e6)

    choice = hybrid.choose(replace(START, rung=None, rebuffers=3))

    assert choice.rung == 7


def test_the_first_kilobytes_can_lower_the_initial_belief_but_not_raise_it() -> None:
    fast, slow = Hybrid(ARTICLE), Hybrid(ARTICLE)
    fast.observe(Sample(bytes=50_000, busy_s=0.01))
    slow.observe(Sample(bytes=50_000, busy_s=0.7))

    assert fast.choose(START).rung == 2
    assert slow.choose(START).rung == 1


# switches


def test_between_two_upward_switches_lie_ten_seconds() -> None:
    hybrid = past_the_start(bps=1_200_000)
    first = hybrid.choose(replace(PLAYING, rung=2, now_us=0))
    measured(hybrid, bps=100e6)

    at_nine = hybrid.choose(replace(PLAYING, rung=3, now_us=10 * SECOND_US - 1))
    at_ten = hybrid.choose(replace(PLAYING, rung=3, now_us=10 * SECOND_US))

    assert [first.rung, at_nine.rung, at_ten.rung] == [3, 3, 9]


def test_an_upward_switch_that_did_not_come_about_does_not_count() -> None:
    hybrid = past_the_start(bps=1_200_000)
    hybrid.choose(replace(PLAYING, rung=2, now_us=0))

    again = hybrid.choose(replace(PLAYING, rung=2, now_us=SECOND_US))

    assert again.rung == 3


def test_going_down_does_not_wait_for_anything() -> None:
    hybrid = past_the_start(bps=1_600_000)
    hybrid.choose(replace(PLAYING, rung=2, now_us=0))
    measured(hybrid, bps=200_000)
    measured(hybrid, bps=200_000)

    choice = hybrid.choose(replace(PLAYING, rung=4, now_us=SECOND_US))

    assert choice.rung == 2


def test_a_downward_switch_takes_two_rungs_at_most() -> None:
    hybrid = past_the_start(bps=300_000)

    choice = hybrid.choose(replace(PLAYING, rung=9))

    assert choice.rung == 7


def test_from_a_rung_that_vanished_it_goes_on_from_the_highest_left() -> None:
    hybrid = past_the_start(bps=300_000)
    four = replace(PLAYING, rung=9, rungs=LADDER[:4], sizes_bytes=((None,) * 4,))

    assert hybrid.choose(four).rung == 1


# panic


def test_under_five_seconds_of_buffer_only_the_lowest_rung_will_do() -> None:
    hybrid = past_the_start(bps=100e6)

    under = hybrid.choose(replace(PLAYING, buffered_s=4.9))
    at_five = hybrid.choose(replace(PLAYING, buffered_s=5.0))

    assert [under.rung, at_five.rung] == [0, 9]
    assert under.reason == "4.9 s of buffer: the lowest"


def test_before_the_buffer_has_been_past_ten_seconds_a_low_buffer_is_no_panic() -> None:
    hybrid = measured(Hybrid(ARTICLE), bps=100e6)

    choice = hybrid.choose(replace(PLAYING, rung=7, buffered_s=4.0))

    assert choice.rung == 7


def test_after_a_stall_during_the_start_only_the_lowest_rung_will_do() -> None:
    hybrid = measured(Hybrid(ARTICLE), bps=100e6)
    hybrid.choose(replace(START, rebuffers=1))

    choice = hybrid.choose(replace(PLAYING, rung=7, buffered_s=0.0, rebuffers=2, playing=False))
    recovered = hybrid.choose(replace(PLAYING, rung=0, buffered_s=5.0, rebuffers=2))

    assert [choice.rung, recovered.rung] == [0, 7]


@pytest.mark.parametrize(
    ("target_s", "panic_s", "start_s"), [(8.0, 2.0, 4.0), (20.0, 5.0, 10.0), (240.0, 5.0, 10.0)]
)
def test_its_seconds_shrink_with_targets_under_twenty_seconds(
    target_s: float, panic_s: float, start_s: float
) -> None:
    hybrid = measured(Hybrid(ARTICLE), bps=100e6)
    small = replace(PLAYING, target_s=target_s, max_buffer_s=2 * target_s)

    starting = hybrid.choose(replace(small, buffered_s=start_s))
    started = hybrid.choose(replace(small, buffered_s=start_s + 0.01))
    low = hybrid.choose(replace(small, buffered_s=panic_s - 0.01))
    enough = hybrid.choose(replace(small, buffered_s=panic_s))

    assert [starting.rung, started.rung, low.rung, enough.rung] == [7, 9, 0, 9]


def test_with_a_small_target_upward_switches_come_sooner() -> None:
    hybrid = past_the_start(bps=1_200_000)
    small = replace(PLAYING, target_s=8.0)
    hybrid.choose(replace(small, rung=2, now_us=0))
    measured(hybrid, bps=100e6)

    at_three = hybrid.choose(replace(small, rung=3, now_us=4 * SECOND_US - 1))
    at_four = hybrid.choose(replace(small, rung=3, now_us=4 * SECOND_US))

    assert [at_three.rung, at_four.rung] == [3, 9]


# caps


def test_a_cap_holds_even_against_the_limit_on_rungs_down() -> None:
    hybrid = past_the_start(
        bps=100e6, settings=replace(ARTICLE, guardrails=Guardrails(max_height=480))
    )

    choice = hybrid.choose(replace(PLAYING, rung=9))

    assert choice.rung == 5
    assert choice.reason == "max height allows 5 of 9: within 70.00 Mb/s"


def test_a_cellular_link_is_capped_tighter() -> None:
    hybrid = past_the_start(bps=100e6)

    choice = hybrid.choose(replace(PLAYING, device=Device(network="cellular")))

    assert choice.rung == 7


def test_moving_to_another_network_forgets_what_was_measured() -> None:
    hybrid = measured(Hybrid(ARTICLE, initial_bps=50e6), bps=50e6)
    hybrid.choose(replace(PLAYING, device=Device(network="wifi"), buffered_s=12.0))

    choice = hybrid.choose(replace(PLAYING, rung=2, device=Device(network="cellular")))

    assert choice.rung == 2
    assert choice.estimate_bps is None


# leaving a download


def test_a_download_that_ends_after_the_buffer_is_left_for_what_is_in_sooner() -> None:
    hybrid = measured(Hybrid(ARTICLE), bps=5e6)

    verdict = hybrid.abandon(replace(PLAYING, buffered_s=3.0), halfway())

    # 2 Mb/s x 0.7 brings 4 s of rung 4 (525 kB) in 3.05 s and of rung 3 (375 kB) in 2.2 s.
    assert verdict == Switch(3, "6.6 s to go, 3.0 s to spare, rung 3 in 2.2 s")


def test_a_cap_holds_for_what_a_download_is_left_for() -> None:
    hybrid = Hybrid(replace(ARTICLE, guardrails=Guardrails(max_height=288)))

    verdict = hybrid.abandon(replace(PLAYING, buffered_s=3.0), halfway())

    assert isinstance(verdict, Switch)
    assert verdict.rung == 1


def test_a_download_that_makes_it_is_kept() -> None:
    verdict = Hybrid(ARTICLE).abandon(replace(PLAYING, buffered_s=20.0), halfway())

    assert isinstance(verdict, Keep)


# settings


def test_the_tuned_preset_is_the_default() -> None:
    assert HybridSettings() == HybridSettings.tuned()
    assert HybridSettings.article() != HybridSettings.tuned()


@pytest.mark.parametrize(
    "change",
    [
        {"most_rungs_down": 0},
        {"start_max_height": 0},
        {"full_target_s": 0.0},
    ],
)
def test_settings_that_contradict_the_rules_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        HybridSettings(**change)  # type: ignore[arg-type]


@pytest.mark.parametrize("margin", [0.0, 1.1, math.nan])
def test_a_margin_is_a_share(margin: float) -> None:
    with pytest.raises(ValueError, match="safety_margin"):
        SafetyMargin(margin)


# properties

rates_bps = st.floats(min_value=1e4, max_value=1e9)
buffers_s = st.floats(min_value=0.0, max_value=60.0)


@given(rate_bps=rates_bps, buffered_s=buffers_s, rung=st.integers(0, 9))
def test_asked_twice_it_answers_twice_the_same(
    rate_bps: float, buffered_s: float, rung: int
) -> None:
    hybrid = measured(Hybrid(ARTICLE), bps=rate_bps)
    view = replace(PLAYING, buffered_s=buffered_s, rung=rung)

    assert hybrid.choose(view) == hybrid.choose(view)


@given(rate_bps=rates_bps, more_bps=rates_bps, buffered_s=buffers_s, rung=st.integers(0, 9))
def test_a_faster_link_never_gets_a_lower_rung(
    rate_bps: float, more_bps: float, buffered_s: float, rung: int
) -> None:
    slow = measured(Hybrid(ARTICLE), bps=rate_bps)
    fast = measured(Hybrid(ARTICLE), bps=rate_bps + more_bps)
    view = replace(PLAYING, buffered_s=buffered_s, rung=rung)

    assert fast.choose(view).rung >= slow.choose(view).rung


@given(rate_bps=rates_bps, buffered_s=buffers_s, more_s=buffers_s, rung=st.integers(0, 9))
def test_a_fuller_buffer_never_gets_a_lower_rung(
    rate_bps: float, buffered_s: float, more_s: float, rung: int
) -> None:
    little, much = past_the_start(bps=rate_bps), past_the_start(bps=rate_bps)
    view = replace(PLAYING, buffered_s=buffered_s, rung=rung)

    more = much.choose(replace(view, buffered_s=buffered_s + more_s))

    assert more.rung >= little.choose(view).rung


@given(
    bitrates_bps=st.lists(st.integers(1, 10**8), min_size=1, max_size=20),
    rate_bps=rates_bps,
    buffered_s=buffers_s,
)
def test_a_rung_that_is_not_the_lowest_lies_within_the_safe_bitrate(
    bitrates_bps: list[int], rate_bps: float, buffered_s: float
) -> None:
    rungs = tuple(Rung(bitrate_bps) for bitrate_bps in sorted(bitrates_bps))
    view: View = replace(
        START, rungs=rungs, sizes_bytes=((None,) * len(rungs),), buffered_s=buffered_s
    )

    rung = Hybrid(ARTICLE, initial_bps=rate_bps).choose(view).rung

    assert rung == 0 or rungs[rung].bitrate_bps <= 0.7 * rate_bps
