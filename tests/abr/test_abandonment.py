"""Leaving a download: when, for what, and when to be asked again."""

from dataclasses import replace

import pytest
from abr_views import LADDER, PLAYING, START, halfway
from hypothesis import assume, given
from hypothesis import strategies as st

from abr import Keep, Progress, Switch, View
from abr.abandonment import LateRule
from abr.contract import Abandonment

LOW = replace(PLAYING, buffered_s=3.0)
"""Three seconds left, while `halfway()` has 6.6 to go."""


def judge(view: View, progress: Progress, *, ttfb_s: float | None = 0.05) -> Abandonment:
    return LateRule().judge(view, progress, ttfb_s=ttfb_s, cap=9)


def ask_in_s(verdict: Abandonment, view: View = LOW) -> float:
    assert isinstance(verdict, Keep)
    assert verdict.ask_again_us is not None
    return (verdict.ask_again_us - view.now_us) / 1e6


def test_a_late_download_is_left_for_the_highest_rung_that_is_in_before_the_buffer_ends() -> None:
    verdict = judge(LOW, halfway())

    assert isinstance(verdict, Switch)
    assert verdict.rung == 3


def test_if_none_is_in_before_that_it_is_left_for_the_soonest() -> None:
    verdict = judge(replace(LOW, buffered_s=0.1), halfway())

    assert isinstance(verdict, Switch)
    assert verdict.rung == 0


def test_the_lowest_rung_is_never_left_and_never_asked_about_again() -> None:
    crawling = halfway(rung=0, received=10_000, elapsed_s=20.0)

    assert judge(replace(LOW, buffered_s=0.0), crawling) == Keep()


def test_once_less_is_left_than_any_lower_rung_takes_the_question_is_closed() -> None:
    almost = halfway(received=2_000_000, elapsed_s=60.0)

    assert judge(replace(LOW, buffered_s=0.0), almost) == Keep()


def test_a_lower_rung_that_would_not_be_in_sooner_is_not_worth_it() -> None:
    two = replace(LOW, rungs=LADDER[:2], sizes_bytes=((None, None),), buffered_s=1.0)
    progress = halfway(rung=1, received=10_000, elapsed_s=1.05)

    quick = judge(two, progress)
    slow = judge(two, progress, ttfb_s=10.0)

    assert quick == Switch(0, "17.8 s to go, 1.0 s to spare, rung 0 in 16.8 s")
    assert isinstance(slow, Keep)


def test_a_rung_that_needs_its_playlist_first_is_in_later() -> None:
    costly = tuple(replace(rung, resolve_requests=2) for rung in LADDER[:4]) + LADDER[4:]

    near = judge(replace(LOW, rungs=costly), halfway(), ttfb_s=0.05)
    far = judge(replace(LOW, rungs=costly), halfway(), ttfb_s=0.5)

    assert isinstance(near, Switch)
    assert isinstance(far, Switch)
    assert [near.rung, far.rung] == [3, 1]


def test_announced_sizes_count_and_not_the_bitrate() -> None:
    sizes = (200_000.0, None, 2_000_000.0, 2_100_000.0, *[None] * 6)

    verdict = judge(replace(LOW, sizes_bytes=(sizes,)), halfway())

    assert isinstance(verdict, Switch)
    assert verdict.rung == 1


def test_before_bytes_flowed_for_half_a_second_nothing_is_left() -> None:
    verdict = judge(replace(LOW, buffered_s=1.0), halfway(received=1_000, elapsed_s=0.25))

    assert ask_in_s(verdict) == pytest.approx(0.3)


def test_before_a_server_answers_nothing_is_known_of_the_link() -> None:
    waiting = replace(halfway(received=0, elapsed_s=9.0), ttfb_s=None)

    assert ask_in_s(judge(LOW, waiting)) == 0.5


def test_a_link_that_died_after_the_headers_is_left_for_the_lowest_rung() -> None:
    dead = halfway(received=0, elapsed_s=0.8)

    verdict = judge(LOW, dead)

    assert isinstance(verdict, Switch)
    assert verdict.rung == 0


def test_with_time_to_spare_half_the_duration_must_have_shown_that_it_is_late() -> None:
    view = replace(PLAYING, buffered_s=30.0)
    crawling = halfway(received=1_000, elapsed_s=1.05)

    early = judge(view, crawling)
    late = judge(view, replace(crawling, elapsed_s=2.06))

    assert ask_in_s(early, view) == pytest.approx(1.0)
    assert isinstance(late, Switch)


def test_with_little_to_spare_a_quarter_of_that_is_enough() -> None:
    view = replace(PLAYING, buffered_s=4.0)
    crawling = halfway(received=1_000, elapsed_s=0.65)

    early = judge(view, crawling)
    late = judge(replace(view, buffered_s=3.6), replace(crawling, elapsed_s=1.06))

    assert ask_in_s(early, view) == pytest.approx(0.32)
    assert isinstance(late, Switch)


def test_the_moment_to_ask_again_is_when_it_would_be_late_if_nothing_more_came() -> None:
    view = replace(PLAYING, buffered_s=20.0)
    progress = halfway()
    later_s = ask_in_s(judge(view, progress), view)

    def after(seconds_s: float) -> Abandonment:
        return judge(
            replace(
                view,
                now_us=round(seconds_s * 1e6),
                buffered_s=20.0 - seconds_s,
            ),
            replace(progress, elapsed_s=progress.elapsed_s + seconds_s),
        )

    assert later_s == pytest.approx((20.0 - 6.6) / (1 + 1_650_000 / 500_000))
    assert isinstance(after(later_s - 0.001), Keep)
    assert isinstance(after(later_s + 0.001), Switch)


def test_at_twice_the_speed_the_buffer_lasts_half_as_long() -> None:
    view = replace(PLAYING, buffered_s=13.0)

    assert isinstance(judge(view, halfway()), Keep)
    assert isinstance(judge(replace(view, rate=2.0), halfway()), Switch)


def test_while_nothing_plays_patience_ends_after_two_seconds() -> None:
    stalled = replace(START, playing=False)
    fine = halfway(received=1_700_000, elapsed_s=7.0)
    slow = halfway(received=500_000, elapsed_s=2.05)

    assert isinstance(judge(stalled, fine), Keep)
    assert isinstance(judge(stalled, slow), Switch)


def test_while_nothing_plays_the_moment_to_ask_again_is_when_patience_would_end() -> None:
    progress = halfway(received=1_600_000, elapsed_s=1.65)
    verdict = judge(START, progress)

    # 550 kB to go at 1 MB/s is 0.55 s; it becomes 2 s when the mean has fallen to 275 kB/s.
    assert ask_in_s(verdict, START) == pytest.approx(1_600_000 / 275_000 - 1.6)


def test_more_bytes_than_announced_are_no_reason_to_leave() -> None:
    assert judge(LOW, halfway(received=3_000_000)) == Keep()


@pytest.mark.parametrize("numbers", [{"margin": 0.0}, {"margin": 1.5}, {"step_s": 0.0}])
def test_a_rule_that_would_ask_for_ever_is_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(numbers))):
        LateRule(**numbers)


progresses = st.builds(
    halfway,
    rung=st.integers(0, 9),
    received=st.integers(0, 3_000_000),
    elapsed_s=st.floats(0.05, 60.0),
)


@given(progress=progresses, buffered_s=st.floats(0, 60), playing=st.booleans())
def test_a_download_is_only_ever_left_for_a_lower_rung(
    progress: Progress, buffered_s: float, playing: bool
) -> None:
    verdict = judge(replace(PLAYING, buffered_s=buffered_s, playing=playing), progress)

    assert isinstance(verdict, Keep) or 0 <= verdict.rung < progress.rung


@given(
    progress=progresses,
    buffered_s=st.floats(0, 60),
    playing=st.booleans(),
    wait=st.floats(0, 1, exclude_max=True),
    more=st.integers(0, 2_000_000),
)
def test_before_the_moment_to_ask_again_the_answer_would_not_have_changed(
    progress: Progress, buffered_s: float, playing: bool, wait: float, more: int
) -> None:
    view = replace(PLAYING, buffered_s=buffered_s, playing=playing)
    verdict = judge(view, progress)
    assume(isinstance(verdict, Keep))
    # "Never again" is tried out over a minute.
    closed = isinstance(verdict, Keep) and verdict.ask_again_us is None
    wait_s = wait * (60.0 if closed else ask_in_s(verdict, view))
    # The least time between two answers is the one thing that may come too late.
    assume(closed or wait_s * (1 - 1e-9) <= ask_in_s(verdict, view) - 0.05)

    later = judge(
        replace(
            view,
            now_us=round(wait_s * 1e6),
            buffered_s=max(buffered_s - wait_s, 0.0) if playing else buffered_s,
        ),
        replace(progress, bytes=progress.bytes + more, elapsed_s=progress.elapsed_s + wait_s),
    )

    assert isinstance(later, Keep)
