"""The link as the published rules take it, the insufficient-buffer rule, and kept answers."""

from dataclasses import replace

import pytest
from abr_movies import BBB, bbb_at, link_sample

from abr import Choice, Sample
from abr.held import Held
from abr.insufficient import InsufficientBuffer
from abr.segment_link import SegmentLink, share_bps


def test_the_rate_is_the_lower_of_two_means_and_the_latency_the_longer() -> None:
    link = SegmentLink()
    link.observe(link_sample(bps=1e6, busy_s=3.0, ttfb_s=0.1))
    link.observe(link_sample(bps=4e6, busy_s=3.0, ttfb_s=0.4))

    # After 3 s each, the second weighs 2/3 in the fast mean; in the slow one 1 / (1 + 2^(-3/8)).
    slow = 1 / (1 + 0.5 ** (3 / 8))
    assert link.bps == pytest.approx(1e6 + 3e6 * slow)
    assert link.ttfb_s == pytest.approx(0.1 + 0.3 * 2 / 3)


def test_what_came_from_a_cache_says_nothing() -> None:
    link = SegmentLink()
    link.observe(replace(link_sample(bps=1e6), cached=True))

    assert link.bps is None
    assert link.video_bps(bbb_at(3.0)) is None
    assert link.ttfb_s == 0


def test_a_transfer_that_brought_no_media_weighs_as_a_usual_segment() -> None:
    link = SegmentLink()
    link.observe(Sample(bytes=1000, busy_s=1.0, ttfb_s=0.2))

    assert link.ttfb_s == pytest.approx(0.2)


def test_other_tracks_and_a_faster_speed_leave_less() -> None:
    view = replace(bbb_at(3.0), rate=2.0, other_bps=100_000.0)

    assert share_bps(view, 1e6) == 400_000


def test_a_link_without_a_rate_sustains_the_lowest_rung() -> None:
    assert SegmentLink().sustainable(bbb_at(3.0), 0.0) == 0


def test_latency_counts_against_a_rung() -> None:
    link = SegmentLink()
    link.observe(link_sample(bps=2e6, ttfb_s=1.0))

    # 2 s are left of 3 for the body: 2 Mb/s carries 1333 kb/s.
    assert link.sustainable(bbb_at(3.0), 2e6) == 4


def test_trust_in_the_estimate_decays_to_a_half() -> None:
    rule = InsufficientBuffer()
    view = bbb_at(3.0)

    # 3 s at 1 Mb/s: of 3 Mb counts 0.9, 0.81, ... 0.5; the rungs take 3 s of theirs.
    rungs = [rule.cap(view, 9, bps=1e6, ttfb_s=0.0) for _ in range(9)]

    assert rungs == [3, 3, 3, 2, 2, 2, 2, 2, 2]
    assert rule.cap(view, 1, bps=1e6, ttfb_s=0.0) == 1
    assert rule.cap(view, 9, bps=1e6, ttfb_s=3.0) == 0


def test_an_answer_without_a_wait_is_not_kept() -> None:
    held = Held()

    kept = held.keep(bbb_at(3.0), Choice(3))

    assert kept == Choice(3)
    assert held.due(bbb_at(3.0)) is None


def test_a_kept_answer_is_given_again_until_it_is_due() -> None:
    held, view = Held(), bbb_at(10.0)
    held.keep(view, Choice(3, wait_s=2.0, reason="why"))

    early = held.due(replace(view, now_us=500_000))
    due = held.due(replace(view, now_us=1_999_500))

    assert early == Choice(3, wait_s=1.5, reason="why")
    assert due == Choice(3, reason="why")
    assert held.due(view) is None


def test_another_question_drops_it() -> None:
    view = bbb_at(10.0)
    others = (
        replace(view, fetched_segments=101),
        replace(view, rung=None),
        replace(view, rungs=BBB[:4]),
    )

    for other in others:
        held = Held()
        held.keep(view, Choice(9, wait_s=2.0))

        assert held.due(other) is None
