"""The plain throughput rule and the fixed rung."""

from dataclasses import replace

import pytest
from abr_views import PLAYING, START, halfway, measured

from abr import Device, Fixed, Guardrails, Keep, Sample, Switch, Throughput


def test_a_segment_must_come_within_its_own_duration() -> None:
    throughput = measured(Throughput(), bps=1_750_000 / 0.9 * 4 / 3.95 + 10)
    slower = measured(Throughput(), bps=1_750_000 / 0.9 * 4 / 3.95 - 10)

    assert throughput.choose(PLAYING).rung == 5
    assert slower.choose(PLAYING).rung == 4


def test_a_first_byte_that_takes_longer_than_the_segment_leaves_the_lowest_rung() -> None:
    throughput = Throughput()
    throughput.observe(Sample(bytes=1_000_000, busy_s=0.1, ttfb_s=5.0))

    assert throughput.choose(PLAYING).rung == 0


def test_what_would_not_come_before_the_buffer_runs_out_is_left_alone() -> None:
    low = replace(PLAYING, buffered_s=2.05)

    # 0.9 of 2 s at 4 Mb/s is 7.2 Mb, which 1.75 Mb/s for 4 s has and 2.35 Mb/s has not.
    choice = measured(Throughput(), bps=4e6).choose(low)
    without = measured(Throughput(insufficient_buffer=False), bps=4e6).choose(low)

    assert [choice.rung, without.rung] == [5, 7]
    assert choice.reason == "2.0 s of buffer, within 3.60 Mb/s"


def test_a_faster_playback_and_audio_leave_less_for_it() -> None:
    throughput = measured(Throughput(), bps=4e6)

    double = throughput.choose(replace(PLAYING, rate=2.0))
    beside = throughput.choose(replace(PLAYING, other_bps=1_000_000.0))

    assert [double.rung, beside.rung] == [5, 6]


def test_limits_hold_and_are_named() -> None:
    throughput = measured(Throughput(guardrails=Guardrails(max_height=480)), bps=10e6)

    choice = throughput.choose(PLAYING)

    assert choice.rung == 5
    assert choice.reason == "max height, within 9.00 Mb/s"


def test_it_starts_from_what_is_remembered_or_from_the_network() -> None:
    assert Throughput(initial_bps=5e6).choose(START).rung == 8
    assert Throughput().choose(replace(START, device=Device(network="wifi"))).rung == 5


def test_knowing_nothing_it_starts_with_the_lowest_rung() -> None:
    assert Throughput().choose(START).rung == 0


def test_another_network_makes_it_forget_what_it_measured() -> None:
    throughput = measured(Throughput(), bps=20e6)
    wifi = replace(PLAYING, device=Device(network="wifi"))
    wired = replace(PLAYING, device=Device(network="wired"))

    rungs = [throughput.choose(view).rung for view in (wifi, wired)]

    assert rungs == [9, 5]


def test_it_leaves_a_download_that_takes_far_too_long() -> None:
    verdict = measured(Throughput(), bps=8e6).abandon(PLAYING, halfway())

    assert verdict == Switch(5, "6.6 s to go at 2.00 Mb/s")


def test_a_margin_must_leave_something_and_not_add_to_it() -> None:
    for margin in (0.0, 1.5):
        with pytest.raises(ValueError, match="safety_margin"):
            Throughput(margin)


def test_a_remembered_rate_must_be_one() -> None:
    with pytest.raises(ValueError, match="remembered"):
        Throughput(initial_bps=0.0)


def test_a_fixed_rung_stays() -> None:
    fixed = Fixed(2)
    fixed.observe(Sample(bytes=10, busy_s=10.0))

    assert fixed.choose(PLAYING).rung == 2
    assert fixed.abandon(replace(PLAYING, buffered_s=0.0), halfway()) == Keep()


def test_a_fixed_rung_above_the_ladder_is_its_top() -> None:
    assert Fixed(99).choose(PLAYING).rung == 9


def test_there_is_no_rung_below_the_lowest() -> None:
    with pytest.raises(ValueError, match="no rung -1"):
        Fixed(-1)
