"""BOLA: its levels, its guards, its waits, and when it leaves a download."""

import math
from dataclasses import replace

import pytest
from abr_movies import BBB, BBB_KBPS, BBB_VIEW, bbb_at, bbb_progress, link_sample
from hypothesis import given
from hypothesis import strategies as st

from abr import Bola, Keep, Rung, Sample, Switch, View
from abr.bola import Curve, Guard, curve

FAST = link_sample(bps=100e6)
TWO_MBPS = link_sample(bps=2e6)


def bola(sample: Sample = FAST, *, finite: bool = True, guard: Guard = "u") -> Bola:
    controller = Bola(finite=finite, guard=guard)
    controller.observe(sample)
    return controller


def plain() -> Curve:
    """V p = (25 s - 3 s) / (ln(6000 / 230) + 5), as in the paper."""
    return curve([rung.bitrate_bps for rung in BBB], room_ms=22_000, gamma=5.0, first=0.0)


def test_the_levels_are_those_of_the_paper() -> None:
    worth = plain()
    scale_ms = 22_000 / (math.log(6000 / 230) + 5)

    floors_ms = [worth.floor_ms(rung) for rung in range(10)]

    u = [math.log(kbps / 230) for kbps in BBB_KBPS]
    b = BBB_KBPS
    neighbours_ms = [
        scale_ms * (5 + (b[q] * u[q - 1] - b[q - 1] * u[q]) / (b[q] - b[q - 1]))
        for q in range(1, 10)
    ]
    assert floors_ms == pytest.approx([0.0, *neighbours_ms])
    assert worth.ceiling_ms(9) == pytest.approx(22_000)


@given(level_s=st.floats(0, 22))
def test_the_rung_climbs_with_the_buffer_through_the_floors(level_s: float) -> None:
    worth = plain()
    scores = worth.scores(level_s * 1000)

    rung = scores.index(max(scores))

    assert worth.floor_ms(rung) <= level_s * 1000 + 1e-6
    assert rung == 9 or level_s * 1000 <= worth.floor_ms(rung + 1) + 1e-6


def test_a_level_between_two_floors_gives_the_lower_ones_rung() -> None:
    worth = plain()
    between_s = (worth.floor_ms(4) + worth.floor_ms(5)) / 2000

    choice = bola(finite=False).choose(bbb_at(between_s, rung=4))

    assert choice.rung == 4
    assert choice.scores == worth.scores(between_s * 1000)
    assert choice.estimate_bps == pytest.approx(100e6)
    assert choice.reason == f"{between_s:.1f} s of buffer"


def test_near_the_start_and_the_end_it_thinks_of_a_small_buffer() -> None:
    # Three segments of 3 s: all levels lie within 6 s instead of 22 s.
    start = replace(bbb_at(6.0), fetched_segments=2)
    end = replace(bbb_at(6.0), remaining_segments=5)
    live = replace(bbb_at(6.0), remaining_segments=None)

    rungs = [bola().choose(view).rung for view in (start, end, bbb_at(6.0), live)]

    assert rungs == [9, 9, 0, 0]


def test_its_levels_fit_what_the_player_holds() -> None:
    # The player stops at its target, one segment later at most.
    view = replace(bbb_at(11.9), target_s=12.0, max_buffer_s=60.0)

    assert bola(finite=False).choose(view).rung == 9


def test_u_goes_one_rung_above_what_the_link_sustains() -> None:
    controller = bola(TWO_MBPS, finite=False)

    first = controller.choose(bbb_at(22.0))
    second = controller.choose(bbb_at(22.0, rung=6))

    # 1427 kb/s is sustained, the buffer wants 6000; from 2056 on it does not climb.
    assert [first.rung, second.rung] == [6, 6]
    assert first.wait_s == 0
    assert first.reason == "22.0 s of buffer say 9, the link sustains 5"


def test_o_waits_until_the_buffer_fits_what_the_link_sustains() -> None:
    controller = bola(TWO_MBPS, finite=False, guard="o")

    waits = controller.choose(replace(bbb_at(22.0), rate=2.0))
    after = controller.choose(
        replace(bbb_at(22.0 - 2 * waits.wait_s), now_us=round(waits.wait_s * 1e6))
    )

    assert waits.rung == after.rung == 4  # at twice the speed half of the link
    assert waits.wait_s == pytest.approx((22 - plain().ceiling_ms(4) / 1000) / 2)
    assert after.wait_s == 0


def test_without_a_guard_the_buffer_alone_decides_and_an_overfull_one_waits() -> None:
    start = replace(bbb_at(8.0), fetched_segments=1)

    choice = Bola(guard="none").choose(start)

    assert choice.rung == 9
    assert choice.wait_s == pytest.approx(8 - 6)
    assert choice.estimate_bps is None


def test_before_anything_was_measured_it_stays_where_it_is() -> None:
    choice = Bola().choose(bbb_at(22.0))

    assert choice.rung == 0
    assert choice.reason == "22.0 s of buffer, nothing measured yet"


def test_a_seek_starts_from_the_lowest_rung() -> None:
    controller = bola(TWO_MBPS, finite=False)
    controller.choose(bbb_at(22.0))

    after_seek = controller.choose(replace(bbb_at(0.0), rung=None))
    climbing = controller.choose(bbb_at(22.0, rung=0))

    assert [after_seek.rung, climbing.rung] == [0, 6]


def test_a_download_is_left_for_a_rung_worth_more_per_bit_than_its_rest() -> None:
    controller = bola()
    controller.choose(bbb_at(22.0, rung=9))

    verdict = controller.abandon(
        bbb_at(5.0, rung=9), bbb_progress(rung=9, share=0.1, elapsed_s=5.0)
    )

    assert isinstance(verdict, Switch)
    assert verdict.rung == 0


def test_the_next_question_is_when_the_buffer_has_fallen_far_enough() -> None:
    controller = bola()
    controller.choose(bbb_at(22.0, rung=9))
    progress = bbb_progress(rung=9, share=0.1, elapsed_s=1.0)

    verdict = controller.abandon(bbb_at(21.0, rung=9), progress)

    assert isinstance(verdict, Keep)
    assert verdict.ask_again_us is not None
    later_s = verdict.ask_again_us / 1e6
    before = controller.abandon(bbb_at(21.0 - later_s + 0.01, rung=9), progress)
    after = controller.abandon(bbb_at(21.0 - later_s - 0.01, rung=9), progress)
    assert isinstance(before, Keep)
    assert isinstance(after, Switch)


@given(
    share=st.floats(0.01, 0.95),
    level_s=st.floats(0, 22),
    more=st.floats(0, 0.5),
    part=st.floats(0, 0.999),
)
def test_whatever_arrives_the_answer_is_no_before_the_moment_it_named(
    share: float, level_s: float, more: float, part: float
) -> None:
    controller = bola()
    controller.choose(bbb_at(22.0, rung=9))
    verdict = controller.abandon(
        bbb_at(level_s, rung=9), bbb_progress(rung=9, share=share, elapsed_s=1.0)
    )
    if isinstance(verdict, Switch):
        return
    # If it named none, then none of them; the floor of 25 ms may hide a moment just ahead.
    until_s = 30.0 if verdict.ask_again_us is None else verdict.ask_again_us / 1e6 - 0.03
    later_s = max(0.0, until_s) * part

    later = controller.abandon(
        bbb_at(max(0.0, level_s - later_s), rung=9),
        bbb_progress(rung=9, share=min(0.999, share + more), elapsed_s=1.0 + later_s),
    )

    assert isinstance(later, Keep)


@pytest.mark.parametrize(
    ("view", "share"),
    [
        (bbb_at(5.0), 1.0),  # all of it is here
        (bbb_at(21.0), 0.97),  # no lower rung costs less than the rest
        (replace(bbb_at(21.0), playing=False), 0.1),  # the buffer does not fall
    ],
)
def test_a_question_that_cannot_turn_is_closed(view: View, share: float) -> None:
    controller = bola()
    controller.choose(bbb_at(22.0, rung=9))

    assert controller.abandon(view, bbb_progress(rung=9, share=share, elapsed_s=1.0)) == Keep()


def test_silence_is_asked_about_a_few_times_a_second() -> None:
    controller = bola()
    controller.choose(bbb_at(22.0, rung=9))

    silent = bbb_progress(rung=9, share=0.0, elapsed_s=1.0)

    assert controller.abandon(bbb_at(5.0), silent) == Keep(249_998)


def test_basic_leaves_no_download_and_none_was_asked_of_it_before_a_choice() -> None:
    crawling = bbb_progress(rung=9, share=0.1, elapsed_s=5.0)
    basic = bola(finite=False)
    basic.choose(bbb_at(22.0))

    assert basic.abandon(bbb_at(1.0), crawling) == Keep()
    assert bola().abandon(bbb_at(1.0), crawling) == Keep()


def test_a_buffer_smaller_than_a_segment_still_has_levels() -> None:
    tiny = replace(BBB_VIEW, max_buffer_s=2.0, target_s=2.0, buffered_s=0.0)

    assert bola(finite=False).choose(tiny).rung == 0


def test_a_ladder_of_one_rung_is_that_rung() -> None:
    alone = replace(bbb_at(22.0), rungs=(Rung(230_000),), sizes_bytes=((None,),))

    assert bola().choose(alone).rung == 0


def test_rungs_of_one_bitrate_are_worth_the_same() -> None:
    twins = replace(bbb_at(22.0), rungs=(Rung(230_000), Rung(230_000)), sizes_bytes=((None,) * 2,))

    worth = curve([230_000, 230_000], room_ms=22_000, gamma=5.0, first=0.0)

    assert worth.floor_ms(1) == 0
    assert bola(finite=False).choose(twins).rung == 0


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="gamma_p"):
        Bola(gamma_p=0.0)
    with pytest.raises(ValueError, match="guard"):
        Bola(guard="x")  # type: ignore[arg-type]
