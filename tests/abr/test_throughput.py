"""The plain throughput rule and the fixed rung."""

from dataclasses import replace

import pytest
from abr_views import PLAYING, START, halfway, measured

from abr import Device, Fixed, Guardrails, Keep, Sample, Switch, Throughput
from abr.abandonment import LateRule


def test_a_segment_must_come_within_its_own_duration() -> None:
    throughput = measured(Throughput(), bps=1_750_000 / 0.9 * 4 / 3.95 + 10)
    slower = measured(Throughput(), bps=1_750_000 / 0.9 * 4 / 3.95 - 10)

    assert throughput.choose(PLAYING).rung == 5
    assert slower.choose(PLAYING).rung == 4


def test_a_first_byte_that_takes_longer_than_the_segment_leaves_the_lowest_rung() -> None:
    throughput = Throughput()
    throughput.observe(Sample(bytes=1_000_000, busy_s=0.1, ttfb_s=5.0))

    assert throughput.choose(PLAYING).rung == 0


def test_the_level_of_the_buffer_does_not_matter() -> None:
    throughput = measured(Throughput(), bps=4e6)

    empty = throughput.choose(replace(PLAYING, buffered_s=0.0))
    full = throughput.choose(replace(PLAYING, buffered_s=60.0))

    assert empty == full


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


def test_it_leaves_a_late_download_by_the_rule_it_is_given() -> None:
    low = replace(PLAYING, buffered_s=3.0)
    patient = LateRule(settle_s=100.0)

    assert isinstance(Throughput().abandon(low, halfway()), Switch)
    assert isinstance(Throughput(late=patient).abandon(low, halfway()), Keep)


def test_a_margin_must_leave_something_and_not_add_to_it() -> None:
    for margin in (0.0, 1.5):
        with pytest.raises(ValueError, match="safety_margin"):
            Throughput(margin)


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
