"""Sabre's rule for downloads that take far too long."""

from dataclasses import replace

import pytest
from abr_movies import bbb_at, bbb_progress
from hypothesis import given
from hypothesis import strategies as st

from abr import Keep, Progress, Sample, Switch
from abr.contract import Abandonment
from abr.overdue import overdue
from abr.segment_link import SegmentLink


def judge(progress: Progress, *, cap: int = 9, now_us: int = 0, rate: float = 1.0) -> Abandonment:
    view = replace(bbb_at(20.0), now_us=now_us, rate=rate)
    return overdue(view, progress, SegmentLink(), safety_margin=0.9, cap=cap)


def test_a_download_that_ends_after_one_point_eight_times_its_duration_is_left() -> None:
    # A tenth came in 1 s, so that the whole is in after 10.1 s, of 5.4 s.
    slow = bbb_progress(rung=9, share=0.1, elapsed_s=1.1)

    verdict = judge(slow)

    # 0.9 of 1.8 Mb/s carries 1427 kb/s.
    assert verdict == Switch(5, "9.0 s to go at 1.80 Mb/s")


def test_it_is_given_half_a_second() -> None:
    slow = bbb_progress(rung=9, share=0.01, elapsed_s=0.49)

    assert judge(slow) == Keep(25_000)


def test_a_cap_holds_for_the_new_rung_too() -> None:
    assert judge(bbb_progress(rung=9, share=0.1, elapsed_s=1.1), cap=2) == Switch(
        2, "9.0 s to go at 1.80 Mb/s"
    )


def test_played_twice_as_fast_it_has_half_the_time() -> None:
    progress = bbb_progress(rung=9, share=0.25, elapsed_s=1.1)

    assert isinstance(judge(progress), Keep)
    assert isinstance(judge(progress, rate=2.0), Switch)


@pytest.mark.parametrize(
    "progress",
    [
        bbb_progress(rung=0, share=0.1, elapsed_s=60.0),  # nothing lower
        bbb_progress(rung=9, share=0.97, elapsed_s=60.0),  # nothing cheaper than the rest
        bbb_progress(rung=9, share=1.2, elapsed_s=60.0),  # more than was expected
    ],
)
def test_a_question_that_cannot_turn_is_closed(progress: Progress) -> None:
    assert judge(progress) == Keep()


def test_without_a_first_byte_it_is_asked_again_after_the_grace() -> None:
    silent = replace(bbb_progress(rung=9, share=0.0, elapsed_s=0.1), ttfb_s=None)

    assert judge(silent) == Keep(399_998)


def test_a_saving_must_be_one() -> None:
    # Late, but at 3.3 Mb/s it carries 2962 kb/s, which costs more than the fifth that is left.
    late = bbb_progress(rung=9, share=0.8, elapsed_s=4.5)

    verdict = judge(late)

    # Had nothing more come by then, it would not even carry 1427 kb/s.
    assert isinstance(verdict, Keep)
    assert verdict.ask_again_us == pytest.approx((0.1 + 14.4 * 0.9 / 1.427 - 4.5) * 1e6, abs=5)


def test_latency_as_long_as_a_segment_leaves_only_the_moment_it_is_late() -> None:
    link = SegmentLink()
    link.observe(Sample(bytes=1, busy_s=1.0, ttfb_s=4.0, duration_s=3.0))
    early = bbb_progress(rung=9, share=0.3, elapsed_s=0.6)

    verdict = overdue(bbb_at(20.0), early, link, safety_margin=0.9, cap=9)

    assert isinstance(verdict, Keep)
    assert verdict.ask_again_us is not None
    assert verdict.ask_again_us > 500_000


@given(
    rung=st.integers(1, 9),
    share=st.floats(0.01, 0.95),
    elapsed_s=st.floats(0.11, 6.0),
    more=st.floats(0, 0.5),
    part=st.floats(0, 0.999),
)
def test_whatever_arrives_the_answer_is_no_before_the_moment_it_named(
    rung: int, share: float, elapsed_s: float, more: float, part: float
) -> None:
    verdict = judge(bbb_progress(rung=rung, share=share, elapsed_s=elapsed_s))
    if isinstance(verdict, Switch):
        return
    until_s = 60.0 if verdict.ask_again_us is None else verdict.ask_again_us / 1e6 - 0.03
    later_s = max(0.0, until_s) * part

    later = judge(
        bbb_progress(rung=rung, share=min(0.999, share + more), elapsed_s=elapsed_s + later_s)
    )

    assert isinstance(later, Keep)
