"""DYNAMIC and DYNAMIC-DASH: which of their two rules is in charge, and when."""

from dataclasses import replace

import pytest
from abr_movies import bbb_at, bbb_progress, link_sample

from abr import Dynamic, DynamicDash, Keep, Switch, View


def test_dynamic_goes_to_bola_above_ten_seconds_if_bola_asks_for_no_less() -> None:
    dynamic = Dynamic()
    dynamic.observe(link_sample(bps=2e6))

    low = dynamic.choose(bbb_at(9.9))
    wants_less = dynamic.choose(bbb_at(12.0))
    high = dynamic.choose(bbb_at(22.0))

    assert low.reason == wants_less.reason == "within 1.80 Mb/s"
    assert high.reason.startswith("22.0 s of buffer")


def test_dynamic_goes_back_below_ten_seconds_if_bola_asks_for_less() -> None:
    dynamic = Dynamic()
    dynamic.observe(link_sample(bps=2e6))
    dynamic.choose(bbb_at(22.0))

    still = dynamic.choose(bbb_at(12.0))
    back = dynamic.choose(bbb_at(9.0))
    after_seek = dynamic.choose(replace(bbb_at(9.0), rung=None))

    assert still.reason.startswith("12.0 s of buffer")
    assert back.reason == after_seek.reason == "within 1.80 Mb/s"


def test_dynamic_stays_with_bola_on_a_low_buffer_while_bola_asks_for_as_much() -> None:
    dynamic = Dynamic()
    dynamic.observe(link_sample(bps=0.2e6))
    dynamic.choose(bbb_at(22.0))

    assert dynamic.choose(bbb_at(9.0)).reason.startswith("9.0 s of buffer")


def test_dynamic_leaves_downloads_by_throughput() -> None:
    dynamic = Dynamic()
    dynamic.observe(link_sample(bps=8e6))
    dynamic.choose(bbb_at(22.0))

    slow = dynamic.abandon(bbb_at(20.0), bbb_progress(rung=8, share=0.1, elapsed_s=2.0))
    quick = dynamic.abandon(bbb_at(20.0), bbb_progress(rung=8, share=0.5, elapsed_s=1.0))

    assert isinstance(slow, Switch)
    assert isinstance(quick, Keep)


def dash_at(*levels_s: float) -> list[str]:
    dash = DynamicDash()
    dash.observe(link_sample(bps=2e6))
    reasons = []
    for step, level_s in enumerate(levels_s):
        view = replace(bbb_at(level_s, rung=4), now_us=step * 3_000_000, fetched_segments=step + 1)
        reasons.append(dash.choose(view).reason)
    return reasons


def test_dynamic_dash_turns_on_at_ten_seconds_and_off_at_five() -> None:
    reasons = dash_at(9.9, 10.1, 5.1, 4.9, 9.9)

    by_throughput = [reason.endswith("Mb/s") for reason in reasons]
    assert by_throughput == [True, False, False, True, True]


def test_dynamic_dash_leaves_downloads_by_the_rule_in_charge() -> None:
    slow = bbb_progress(rung=8, share=0.1, elapsed_s=2.0)
    by_throughput, by_bola = DynamicDash(), DynamicDash()
    for dash in (by_throughput, by_bola):
        dash.observe(link_sample(bps=8e6))
    by_throughput.choose(bbb_at(9.0))
    by_bola.choose(bbb_at(22.0))

    left = by_throughput.abandon(bbb_at(9.0), slow)
    kept = by_throughput.abandon(bbb_at(9.0), replace(slow, bytes=slow.bytes * 9))
    kept_by_bola = by_bola.abandon(bbb_at(22.0), slow)

    assert isinstance(left, Switch)
    assert isinstance(kept, Keep)
    assert isinstance(kept_by_bola, Keep)


def waiting() -> tuple[DynamicDash, View, float]:
    dash = DynamicDash()
    dash.observe(link_sample(bps=1e6))
    start = replace(bbb_at(12.0), fetched_segments=1)
    dash.choose(start)
    view = replace(bbb_at(40.0, rung=2), now_us=1_000_000, fetched_segments=2)
    return dash, view, dash.choose(view).wait_s


def test_dynamic_dash_fetches_what_it_waited_for() -> None:
    dash, view, wait_s = waiting()

    due = dash.choose(replace(view, now_us=view.now_us + round(wait_s * 1e6), buffered_s=1.0))

    assert wait_s > 0
    assert [due.rung, due.wait_s] == [5, 0]


def test_the_levels_of_dynamic_dash_must_leave_a_band() -> None:
    with pytest.raises(ValueError, match="off_s"):
        DynamicDash(on_s=5.0, off_s=6.0)
