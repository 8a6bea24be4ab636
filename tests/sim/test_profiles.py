"""Other players' behaviour, held to arithmetic done by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abr.contract import Abandonment, Choice, Keep, Progress, Sample, Switch, View
from netplay.core.messages import Cancel, Fetch
from netplay.sim import Content, Link, Simulated, Trace, make_title, simulate_session
from netplay.sim.looks import Looks, OnLooks
from netplay.sim.profiles import Profile, profile

SECOND = 1_000_000


class Told:
    """Chooses the rungs it was given, leaves as it was told, and keeps what it saw."""

    def __init__(self, rungs: list[int], *, leaves_after_s: float | None = None) -> None:
        self.rungs = rungs
        self.leaves_after_s = leaves_after_s
        self.views: list[View] = []
        self.samples: list[Sample] = []
        self.asked: list[float] = []

    def choose(self, view: View) -> Choice:
        self.views.append(view)
        return Choice(self.rungs[min(len(self.views), len(self.rungs)) - 1])

    def observe(self, sample: Sample) -> None:
        self.samples.append(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        self.asked.append(progress.elapsed_s)
        if self.leaves_after_s is None:
            return Keep()
        if progress.elapsed_s >= self.leaves_after_s:
            self.leaves_after_s = None
            return Switch(0, "told so")
        left_s = self.leaves_after_s - progress.elapsed_s
        return Keep(view.now_us + round(left_s * 1e6))


def title(seconds: int, *ladder: int) -> Content:
    return make_title(
        duration_us=seconds * SECOND,
        segment_us=2 * SECOND,
        ladder=[(bps, 360) for bps in ladder],
        audio=(),
        init=False,
    )


def watch(
    like: Profile, content: Content, controller: Told, bps: int, *, rtt_us: int = 0
) -> tuple[Simulated, list[tuple[int, Fetch | Cancel]]]:
    seen: list[tuple[int, Fetch | Cancel]] = []

    def tap(now_us: int, message: object) -> None:
        if isinstance(message, Fetch | Cancel):
            seen.append((now_us, message))

    link = like.link(Trace.constant(bps), rtt_us)
    result = simulate_session(
        content,
        like.controller(controller, link),
        link,
        rules=like.rules,
        decoding=like.decoding,
        taps=(tap,),
    )
    return result, seen


def test_sabre_starts_with_one_segment_and_waits_for_room_for_one() -> None:
    # A segment of 2 Mb takes 100 ms + 200 ms, and 12 of 2 s fit under 25 s.
    controller = Told([0])

    result, seen = watch(
        profile("sabre"), title(60, 1_000_000), controller, 10_000_000, rtt_us=100_000
    )

    assert result.summary.startup is not None
    assert result.summary.startup.first_frame_us == 300_000
    at_us = [now_us for now_us, _ in seen]
    # The n-th is asked for when the playhead leaves room behind the ones before it.
    assert at_us[:3] == [0, 300_000, 600_000]
    assert at_us[20] == 300_000 + 20 * 2 * SECOND + 2 * SECOND - 25 * SECOND
    assert controller.views[20].buffered_s == 23
    assert controller.views[20].waited_s == pytest.approx(1.7)
    assert [view.fetched_segments for view in controller.views][:30] == list(range(30))


def test_sabre_begins_with_the_lowest_rung_whatever_the_controller_says() -> None:
    result, _ = watch(profile("sabre"), title(8, 500_000, 900_000), Told([1]), 10_000_000)

    assert [one.rung for one in result.played] == [0, 1, 1, 1]


def test_pensieve_begins_with_the_second_rung_or_the_only_one() -> None:
    two, _ = watch(profile("pensieve"), title(4, 500_000, 900_000), Told([0]), 10_000_000)
    one, _ = watch(profile("pensieve"), title(4, 500_000), Told([0]), 10_000_000)

    assert [played.rung for played in two.played] == [1, 0]
    assert [played.rung for played in one.played] == [0, 0]


def test_sabre_asks_anew_after_a_download_was_left_and_its_mending_does_not() -> None:
    kept, mended = Told([0, 1, 1, 1], leaves_after_s=1.0), Told([0, 1, 1], leaves_after_s=1.0)

    defect, _ = watch(profile("sabre"), title(6, 100_000, 2_000_000), kept, 1_000_000)
    cured, _ = watch(profile("sabre-mended"), title(6, 100_000, 2_000_000), mended, 1_000_000)

    assert [one.rung for one in defect.played] == [0, 1, 1]
    assert [one.rung for one in cured.played] == [0, 0, 1]
    assert [view.fetched_segments for view in kept.views][:4] == [0, 1, 1, 2]


def test_what_was_left_says_nothing_of_the_link_in_sabre() -> None:
    controller = Told([0, 1, 0], leaves_after_s=1.0)

    watch(profile("sabre"), title(6, 100_000, 2_000_000), controller, 1_000_000)

    assert [sample.bytes for sample in controller.samples] == [25_000] * 3
    assert {sample.requests for sample in controller.samples} == {1}


def test_without_abandonment_nobody_is_asked_about_downloads() -> None:
    controller = Told([0, 1, 1], leaves_after_s=0.0)

    _, seen = watch(
        profile("sabre").keeping_downloads(), title(6, 100_000, 2_000_000), controller, 1_000_000
    )

    assert controller.asked == []
    assert not [action for _, action in seen if isinstance(action, Cancel)]


def test_sabre_looks_at_a_download_every_50_ms_or_12_000_bits() -> None:
    # At 100 kb/s 12,000 bits take 120 ms, behind a round trip of 30 ms.
    controller = Told([0, 1], leaves_after_s=0.4)

    watch(profile("sabre"), title(4, 10_000, 200_000), controller, 100_000, rtt_us=30_000)

    assert controller.asked[:2] == [pytest.approx(0.15), pytest.approx(0.51)]


def test_pensieve_sleeps_in_half_seconds_once_it_holds_more_than_its_buffer() -> None:
    like = profile("pensieve").buffering(6 * SECOND)
    controller = Told([0])

    # 2 Mb at 95 % of 4/0.95 Mb/s take half a second.
    _, seen = watch(like, title(30, 1_000_000), controller, round(4_000_000 / 0.95))

    # After the fourth it holds 8 s less the 1.5 s that were played; after the fifth, 6.5 s
    # again, and it sleeps until 6 s are left.
    at_us = [now_us for now_us, _ in seen]
    gaps_us = [b - a for a, b in pairwise(at_us)]
    assert set(gaps_us[:3]) == {500_000}
    assert all(gap_us % 500_000 == 0 for gap_us in gaps_us)
    assert all(view.buffered_s <= 6 for view in controller.views)
    assert sum(gaps_us[5:]) == (len(gaps_us) - 5) * 2 * SECOND


def test_the_trace_of_pensieve_stands_still_during_a_round_trip() -> None:
    like = profile("pensieve")
    # 1 s of 1 Mb/s, 1 s of nothing: with a clock that ran on, the second request would meet
    # nothing 80 ms earlier.
    link = like.link(Trace([(SECOND, round(1_000_000 / 0.95)), (SECOND, 0)]), 80_000)
    samples = Told([0])

    simulate_session(title(4, 200_000), samples, link, rules=like.rules, decoding=like.decoding)

    assert [sample.busy_s for sample in samples.samples] == [pytest.approx(0.4)] * 2
    assert [sample.ttfb_s for sample in samples.samples] == [pytest.approx(0.08)] * 2


def test_another_buffer_keeps_what_a_profile_aims_at_in_proportion() -> None:
    ours = profile("netplay").buffering(12 * SECOND).rules

    assert ours.max_buffer_us == 12 * SECOND
    assert ours.target_us == 10 * SECOND
    assert profile("sabre").buffering(10 * SECOND).rules.target_us == 10 * SECOND


def test_an_unknown_profile_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="netplay, sabre, sabre-mended, pensieve"):
        profile("shaka")


class Curious:
    """Wants to be asked again at once, and writes down when it is."""

    def __init__(self) -> None:
        self.looks_us: list[int] = []

    def choose(self, view: View) -> Choice:
        return Choice(0)

    def observe(self, sample: Sample) -> None:
        pass

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        self.looks_us.append(view.now_us)
        return Keep(view.now_us)


@given(
    pieces=st.lists(
        st.tuples(st.integers(1, 400_000), st.sampled_from([0, 7_000, 90_000, 900_000])),
        min_size=1,
        max_size=6,
    ).filter(lambda pieces: any(bps for _, bps in pieces)),
    rtt_us=st.integers(0, 90_000),
)
def test_looks_are_those_of_a_poll_that_walks_microsecond_by_microsecond(
    pieces: list[tuple[int, int]], rtt_us: int
) -> None:
    trace = Trace(pieces)
    curious = Curious()
    asker = OnLooks(
        curious, Looks(every_us=50_000, every_bits=12_000), Link(trace=trace, rtt_us=rtt_us)
    )
    now_us = 0

    for _ in range(6):
        answer = asker.abandon(view_at(now_us), progress_at(now_us))
        assert isinstance(answer, Keep)
        assert answer.ask_again_us is not None
        assert answer.ask_again_us > now_us
        now_us = answer.ask_again_us

    bits_from, last_us = trace.total(rtt_us), 0
    for look_us in curious.looks_us:
        came = trace.total(look_us) - bits_from
        assert look_us - last_us >= 50_000 - 1
        assert came >= 12_000 * SECOND - 1_000_000
        by_time = look_us - last_us <= 50_000 + 1
        by_bits = trace.total(look_us - 2) - bits_from < 12_000 * SECOND
        assert by_time or by_bits
        bits_from, last_us = trace.total(look_us), look_us


def view_at(now_us: int) -> View:
    return View(now_us, (), None, 2.0, ((None,),), 10.0, 30.0, 30.0)


def progress_at(now_us: int) -> Progress:
    return Progress(1, 1, 1_000_000, now_us / 1e6, 0.0, 2.0)


@pytest.mark.parametrize(("name", "third_us"), [("sabre", 2_000_000), ("netplay", 2_000_003)])
def test_requests_in_a_row_lose_no_time_to_rounding_where_a_profile_counts_in_fractions(
    name: str, third_us: int
) -> None:
    # 2 Mb at 3 Mb/s take two thirds of a second: three of them two seconds.
    like = replace(profile(name), connect_rtts=0, header_bytes=0)

    _, seen = watch(like, title(8, 1_000_000), Told([0]), 3_000_000)

    assert [now_us for now_us, _ in seen][3] in range(third_us - 2, third_us + 1)
    assert ([now_us for now_us, _ in seen][3] == 2_000_000) == like.loses_no_time
