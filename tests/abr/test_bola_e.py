"""BOLA-E: its published levels, and a placeholder that comes and goes."""

from dataclasses import replace

import pytest
from abr_movies import BBB, BBB_VIEW, bbb_at, bbb_progress, link_sample

from abr import BolaE, Keep, Rung, Switch, View
from abr.bola_e import MINIMUM_A_RUNG_MS, MINIMUM_MS

TWO_MBPS = link_sample(bps=2e6)


def running(
    *, bps: float = 2e6, insufficient_buffer: bool = True, oscillation_averse: bool = False
) -> BolaE:
    """One that has made its first choice, at 3 s of buffer."""
    controller = BolaE(
        insufficient_buffer=insufficient_buffer, oscillation_averse=oscillation_averse
    )
    controller.observe(link_sample(bps=bps))
    controller.choose(bbb_at(3.0))
    return controller


def came(
    view: View, *, after_s: float, buffered_s: float, rung: int, waited_s: float = 0.0
) -> View:
    """The question after the segment of this one came at a rung."""
    return replace(
        view,
        now_us=view.now_us + round((after_s + waited_s) * 1e6),
        buffered_s=buffered_s,
        rung=rung,
        fetched_segments=view.fetched_segments + 1,
        waited_s=waited_s,
    )


def test_the_levels_of_big_buck_bunny_are_the_published_ones() -> None:
    controller = running()
    worth = controller._curve
    assert worth is not None

    floors_s = [worth.floor_ms(rung) / 1000 for rung in range(10)]

    assert floors_s[1] == pytest.approx(11.05, abs=0.005)
    assert floors_s[9] == pytest.approx(29.44, abs=0.005)
    assert worth.ceiling_ms(9) / 1000 == pytest.approx(36.13, abs=0.005)
    assert worth.ceiling_ms(0) == pytest.approx(MINIMUM_MS + worth.scale_ms)


def test_the_levels_span_the_buffer_if_it_is_larger_than_the_ladder_needs() -> None:
    roomy = replace(BBB_VIEW, max_buffer_s=60.0, target_s=60.0)
    controller = BolaE()
    controller.choose(roomy)

    worth = controller._curve

    assert worth is not None
    assert MINIMUM_MS + MINIMUM_A_RUNG_MS * len(BBB) < 60_000
    assert worth.gamma == pytest.approx((worth.utilities[-1] - 1) / 5)


def test_it_starts_at_what_the_link_sustains_with_the_rest_of_the_level_virtual() -> None:
    controller = BolaE()
    nothing = controller.choose(bbb_at(0.0))
    controller.observe(TWO_MBPS)

    choice = controller.choose(bbb_at(3.0))

    assert nothing.rung == 0
    assert nothing.reason == "nothing measured yet"
    assert choice.rung == 5  # 1427 kb/s
    assert controller._curve is not None
    assert controller.placeholder_s == pytest.approx(controller._curve.floor_ms(5) / 1000 - 3)


def test_a_segment_that_came_takes_its_time_off_what_is_virtual() -> None:
    controller = running()
    assert controller._curve is not None

    # In 2 s came 3 s of media: effectively the level of rung 5's ceiling less 2 s at most.
    controller.choose(came(bbb_at(3.0), after_s=2.0, buffered_s=4.0, rung=5))

    floor_s = controller._curve.floor_ms(5) / 1000
    assert 4.0 + controller.placeholder_s == pytest.approx(max(floor_s - 2.0, floor_s + 1.0))


def test_a_rung_that_another_rule_took_lifts_what_is_virtual() -> None:
    controller = running()
    assert controller._curve is not None

    controller.take_in(came(bbb_at(3.0), after_s=1.0, buffered_s=5.0, rung=9))

    level_s = 5.0 + controller.placeholder_s
    assert level_s == pytest.approx(controller._curve.floor_ms(9) / 1000 - 1.0)


def test_a_wait_for_room_is_credited() -> None:
    with_wait, without = running(), running()

    with_wait.take_in(came(bbb_at(3.0), after_s=2.0, buffered_s=3.0, rung=5, waited_s=1.0))
    without.take_in(came(bbb_at(3.0), after_s=2.0, buffered_s=4.0, rung=5))

    assert with_wait.placeholder_s == pytest.approx(without.placeholder_s + 1.0)


def test_what_is_above_a_rungs_ceiling_comes_out_of_the_placeholder_and_then_is_waited_for() -> (
    None
):
    controller = running(bps=1e6)
    worth = controller._curve
    assert worth is not None
    view = came(bbb_at(3.0), after_s=0.5, buffered_s=22.0, rung=2)

    choice = controller.choose(view)

    # 991 kb/s is sustained, 1427 tried; its ceiling is above 22 s, nothing is waited for.
    assert choice.rung == 5
    assert choice.wait_s == 0
    later = replace(came(view, after_s=0.5, buffered_s=30.0, rung=2), rate=2.0)
    waiting = controller.choose(later)
    assert controller.placeholder_s == 0
    assert waiting.rung == 3  # half of the link at twice the speed: 477 is sustained
    assert waiting.wait_s == pytest.approx((30 - worth.ceiling_ms(3) / 1000) / 2)


def test_after_the_wait_it_fetches_what_it_waited_for() -> None:
    controller = running(bps=1e6)
    view = came(bbb_at(3.0), after_s=0.5, buffered_s=30.0, rung=2)
    waiting = controller.choose(view)
    assert waiting.wait_s > 0

    early = controller.choose(replace(view, now_us=view.now_us + 1_000_000))
    due = controller.choose(replace(view, now_us=view.now_us + round(waiting.wait_s * 1e6)))

    assert early.wait_s == pytest.approx(waiting.wait_s - 1)
    assert due == replace(waiting, wait_s=0.0)


def test_the_top_rung_is_never_waited_for() -> None:
    controller = running(bps=100e6)
    view = came(bbb_at(3.0), after_s=0.1, buffered_s=40.0, rung=9)

    choice = controller.choose(view)

    assert [choice.rung, choice.wait_s] == [9, 0]


def test_an_oscillation_averse_one_stays_with_what_the_link_sustains() -> None:
    view = came(bbb_at(3.0), after_s=0.5, buffered_s=22.0, rung=2)

    choice = running(bps=1e6, oscillation_averse=True).choose(view)

    assert choice.rung == 4
    assert "the link sustains 4" in choice.reason


def test_what_would_not_come_before_the_buffer_runs_out_is_left_alone() -> None:
    controller = running()

    # 0.9 of 1 s at 2 Mb/s: 3 s at 477 kb/s fit, at 688 kb/s they do not.
    choice = controller.choose(came(bbb_at(3.0), after_s=5.0, buffered_s=1.0, rung=5))

    assert choice.rung == 2
    assert choice.reason.endswith("too little of it for more")
    assert controller._curve is not None
    assert controller.placeholder_s <= controller._curve.floor_ms(2) / 1000 - 1.0


def test_without_the_rule_its_levels_are_those_of_bola() -> None:
    controller = running(insufficient_buffer=False)

    choice = controller.choose(came(bbb_at(3.0), after_s=2.5, buffered_s=0.5, rung=5))

    assert choice.rung == choice.scores.index(max(choice.scores)) > 0
    assert controller._curve is not None
    assert controller._curve.ceiling_ms(9) == pytest.approx(22_000)


def test_a_seek_starts_anew() -> None:
    controller = running()
    controller.observe(link_sample(bps=20e6, busy_s=100.0))

    choice = controller.choose(replace(bbb_at(0.0), rung=None, fetched_segments=0))

    assert choice.rung == 9
    assert choice.reason.startswith("start")


def leaving() -> tuple[BolaE, View, Switch]:
    controller = running(bps=8e6)
    view = came(bbb_at(3.0), after_s=0.5, buffered_s=6.0, rung=9)
    controller.choose(view)
    view = replace(view, now_us=view.now_us + 6_000_000, buffered_s=0.0)
    verdict = controller.abandon(view, bbb_progress(rung=9, share=0.1, elapsed_s=6.0))
    assert isinstance(verdict, Switch)
    return controller, view, verdict


def test_a_download_is_left_for_a_rung_worth_more_than_its_rest() -> None:
    controller, _, verdict = leaving()

    assert verdict.rung < 9
    assert controller._curve is not None
    wanted_ms = controller._curve.floor_ms(verdict.rung) if verdict.rung else MINIMUM_MS
    assert controller.placeholder_s == pytest.approx(wanted_ms / 1000)


def test_asked_anew_about_a_segment_it_left_it_decides_from_there() -> None:
    controller, view, verdict = leaving()
    before_s = controller.placeholder_s

    choice = controller.choose(view)

    assert choice.rung <= verdict.rung
    assert controller.placeholder_s <= before_s


def test_when_the_lower_rung_came_the_leaving_is_over() -> None:
    controller, view, verdict = leaving()

    controller.take_in(came(view, after_s=1.0, buffered_s=3.0, rung=verdict.rung))

    assert controller._left is None
    assert controller._last == verdict.rung


def test_leaving_for_the_lowest_rung_keeps_what_it_alone_would_do_with() -> None:
    controller = running(bps=8e6)
    view = came(bbb_at(3.0), after_s=0.5, buffered_s=6.0, rung=9)
    controller.choose(view)

    controller.leave(view, bbb_progress(rung=9, share=0.1, elapsed_s=5.0), 0)

    assert 6.0 + controller.placeholder_s == pytest.approx(10.0)


def test_the_next_question_is_when_the_level_has_fallen_far_enough() -> None:
    controller = running(bps=8e6)
    view = came(bbb_at(3.0), after_s=0.5, buffered_s=6.0, rung=9)
    controller.choose(view)
    progress = bbb_progress(rung=9, share=0.1, elapsed_s=0.2)

    verdict = controller.abandon(view, progress)

    assert isinstance(verdict, Keep)
    assert verdict.ask_again_us is not None
    assert verdict.ask_again_us > view.now_us + 1_000_000
    silent = bbb_progress(rung=9, share=0.0, elapsed_s=1.0)
    assert controller.abandon(view, silent) == Keep(view.now_us + 249_998)
    stopped = replace(view, playing=False)
    assert controller.abandon(stopped, progress) == Keep()


@pytest.mark.parametrize(
    ("rung", "share", "elapsed_s"),
    [
        (9, 1.0, 1.0),  # all of it is here
        (0, 0.1, 5.0),  # nothing lower
        (9, 0.97, 60.0),  # no lower rung costs less than the rest
    ],
)
def test_a_question_that_cannot_turn_is_closed(rung: int, share: float, elapsed_s: float) -> None:
    controller = running(bps=8e6)
    view = came(bbb_at(3.0), after_s=0.5, buffered_s=30.0, rung=9)
    controller.choose(view)

    progress = bbb_progress(rung=rung, share=share, elapsed_s=elapsed_s)

    assert controller.abandon(view, progress) == Keep()


def test_a_download_that_ends_before_another_first_byte_is_not_left() -> None:
    controller = running(bps=8e6)
    view = came(bbb_at(3.0), after_s=0.5, buffered_s=0.0, rung=9)
    controller.choose(view)

    almost = bbb_progress(rung=9, share=0.9, elapsed_s=4.0, ttfb_s=3.9)

    assert isinstance(controller.abandon(view, almost), Keep)


def test_asked_twice_about_a_segment_that_it_did_not_leave_it_counts_it_once() -> None:
    controller = running()
    before_s = controller.placeholder_s

    controller.take_in(replace(bbb_at(3.0), now_us=2_000_000))

    assert controller.placeholder_s == before_s


def test_before_its_first_choice_it_leaves_nothing() -> None:
    assert BolaE().abandon(bbb_at(0.0), bbb_progress(rung=9, share=0.1, elapsed_s=9.0)) == Keep()


def test_one_rung_alone_is_that_rung() -> None:
    alone = replace(bbb_at(20.0), rungs=(Rung(230_000),), sizes_bytes=((None,),))
    controller = BolaE()
    controller.observe(TWO_MBPS)

    rungs = [controller.choose(alone).rung, controller.choose(alone).rung]

    assert rungs == [0, 0]


def test_gamma_p_leaves_something_for_the_lowest_rung() -> None:
    with pytest.raises(ValueError, match="gamma_p"):
        BolaE(gamma_p=1.0)
