"""Sessions in step are the sessions one by one, to the microsecond; what cannot be is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from batch_world import (
    SECOND,
    Path,
    alone,
    as_player,
    assert_same,
    film,
    in_step,
    paths,
    walk,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from abr.lockstep import Choices, Samples, Views, names
from netplay.core.rules import SessionRules
from netplay.lab.movies import Movie, make_movie
from netplay.segments import Entry, Listing, Run, SegmentIndex
from netplay.sim import Content, Trace, make_title
from netplay.sim.batch import Links, LockstepRefused, Traces, play_in_step
from netplay.sim.profiles import Profile
from netplay.timeline import Known

PLAYERS = ("sabre", "netplay", "pensieve")


@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.parametrize("name", names())
def test_sessions_in_step_are_those_played_alone(name: str, player: str) -> None:
    movie, like = film(segments=30), as_player(player)
    links = [walk(seed, kbps=400 * 2 ** (seed % 5), rtt_us=20_000 * seed) for seed in range(8)]

    batch = in_step(movie, links, name, like)

    assert not batch.overdue.all()
    for place, path in enumerate(links):
        if not batch.overdue[place]:
            assert_same(batch, place, alone(movie, path, name, like))


@st.composite
def movies(draw: st.DrawFn) -> Movie:
    rungs = draw(st.integers(1, 6))
    rates = sorted(draw(st.lists(st.integers(50, 9_000), min_size=rungs, max_size=rungs)))
    segments = draw(st.integers(1, 14))
    # In whole milliseconds, as they are, and not shorter than our player waits for.
    segment_us = draw(st.integers(2_000, 10_000)) * 1_000
    shares = draw(st.lists(st.integers(1, 200), min_size=segments, max_size=segments))
    sizes = [[rate * segment_us * share // 800_000 + 1 for rate in rates] for share in shares]
    return make_movie(
        "drawn",
        segment_us=segment_us,
        bitrates_bps=[rate * 1000 for rate in rates],
        sizes_bytes=sizes,
        segments=draw(st.integers(1, segments)),
    )


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    movie=movies(),
    links=st.lists(paths, min_size=1, max_size=3),
    name=st.sampled_from(names()),
    player=st.sampled_from(PLAYERS),
    buffer_s=st.sampled_from([None, 4, 9.5, 25, 240]),
)
def test_whatever_the_title_and_the_links(
    movie: Movie, links: list[Path], name: str, player: str, buffer_s: float | None
) -> None:
    like = as_player(player, buffer_s)

    batch = in_step(movie, links, name, like)

    for place, path in enumerate(links):
        if not batch.overdue[place]:
            assert_same(batch, place, alone(movie, path, name, like))


@pytest.mark.parametrize(
    ("name", "given_settings"),
    [
        ("throughput", {"safety_margin": 0.5, "max_height": 500}),
        ("throughput", {"insufficient_buffer": False, "initial_bps": 1_500_000.0}),
        ("bola", {"gamma_p": 2.0}),
        ("hybrid", {"most_rungs_down": 1, "ahead": 3, "initial_bps": 2_500_000.0}),
        ("hybrid", {"max_height": 300, "panic_below_s": 8.0, "climb_every_s": 2.0}),
        ("hybrid-article", {"safety_margin": 0.95, "trusted_bytes": 0, "start_max_height": 300}),
        ("bola-e", {"oscillation_averse": True}),
        ("bola-e", {"insufficient_buffer": False, "gamma_p": 3.0}),
    ],
)
def test_settings_are_those_of_the_controller(name: str, given_settings: dict[str, object]) -> None:
    movie, like = film(segments=25), as_player("sabre", 12)
    links = [walk(seed) for seed in range(3)]

    batch = in_step(movie, links, name, like, **given_settings)

    for place, path in enumerate(links):
        assert_same(batch, place, alone(movie, path, name, like, **given_settings))


@pytest.mark.parametrize("name", ["hybrid", "hybrid-article"])
def test_samples_too_small_to_say_anything_are_kept_until_they_do(name: str) -> None:
    # Segments of 3 to 12 kB at the low rungs: less than counts alone, unless they take long.
    movie = film(segments=40, kbps=(15, 30, 60, 400, 1_500))
    links = [walk(seed, kbps=25 * 4**seed) for seed in range(5)]

    batch = in_step(movie, links, name, as_player("sabre"))

    assert {int(rung) for rung in batch.rungs.ravel()} == set(range(5))
    for place, path in enumerate(links):
        assert_same(batch, place, alone(movie, path, name, as_player("sabre")))


def test_a_link_that_is_silent_for_minutes_holds_nothing_up() -> None:
    movie, like = film(), as_player("sabre")
    silent = (Trace([(SECOND, 4_000_000), (3_000 * SECOND, 0)]), Trace.constant(0))

    batch = in_step(movie, [silent, walk(1)], "bola-e", like)

    assert batch.stall_us[0].max() > 1_000 * SECOND
    assert_same(batch, 0, alone(movie, silent, "bola-e", like))


def test_it_takes_as_many_steps_as_the_title_has_segments() -> None:
    silent = Trace([(SECOND, 4_000_000), (3_000 * SECOND, 0)])
    twin = Low()

    play(film(segments=9).content, as_player("sabre"), silent, STEADY, twin=twin)

    assert twin.asked == list(range(9))
    assert twin.told == 9


def test_a_tiny_segment_on_a_fast_link_may_come_in_the_microsecond_it_is_asked_for() -> None:
    movie = make_movie(
        "tiny", segment_us=2 * SECOND, bitrates_bps=[1000], sizes_bytes=[[1]] * 4 + [[700]] * 4
    )
    links = [
        (Trace([(3, bps), (1, bps // 3)]), Trace.constant(0)) for bps in (7_000_001, 9 * 10**9)
    ]

    batch = in_step(movie, links, "throughput", as_player("sabre"))

    for place, path in enumerate(links):
        assert_same(batch, place, alone(movie, path, "throughput", as_player("sabre")))


def test_a_session_in_which_the_players_patience_may_have_ended_says_so() -> None:
    slow = (Trace.constant(40_000), Trace.constant(0))
    late = (Trace.constant(9_000_000), Trace([(SECOND, 0), (200 * SECOND, 11 * SECOND)]))
    quiet = (Trace([(2 * SECOND, 9_000_000), (12 * SECOND, 0)]), Trace.constant(0))

    batch = in_step(film(), [slow, walk(2), late, quiet], "bba", as_player("netplay"))
    patient = in_step(film(), [slow, walk(2), late, quiet], "bba", as_player("sabre"))

    assert batch.overdue.tolist() == [True, False, True, True]
    assert not patient.overdue.any()


# What is refused.


class Low:
    """Always the lowest rung, or one that it is told to take."""

    def __init__(self, rung: int = 0) -> None:
        self.rung = rung
        self.asked: list[int] = []
        self.told = 0

    def choose(self, views: Views) -> Choices:
        self.asked.append(views.fetched_segments)
        return Choices(np.full(len(views.now_us), self.rung))

    def observe(self, samples: Samples) -> None:
        self.told += 1


def play(content: Content, like: Profile, *traces: Trace, twin: Low | None = None) -> None:
    links = Links(Traces.of(traces), Traces.of([Trace.constant(10_000)] * len(traces)))
    play_in_step(content, twin or Low(), links, like)


STEADY = Trace.constant(1_000_000)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (make_title(init=False), "one track of picture"),
        (make_title(audio=()), "init segments"),
        (make_title(audio=(), init=False, periods=2), "one Period"),
        (make_title(audio=(), init=False, hosts=("a", "b")), "on 2 hosts"),
        (make_title(audio=(), init=False, form="sidx"), "indexes are fetched"),
        (make_title(audio=(), init=False, manifest_bytes=9), "manifest is fetched"),
        (make_title(audio=(), init=False, segment_us=50_000), "too short"),
        (replace(make_title(audio=(), init=False), pieces=lambda *_: ()), "while they arrive"),
    ],
)
def test_a_title_beyond_sessions_in_step_is_refused(content: Content, why: str) -> None:
    with pytest.raises(LockstepRefused, match=why) as refused:
        play(content, as_player("sabre"), STEADY)

    assert why in refused.value.why


def test_a_title_that_begins_in_its_middle_is_refused() -> None:
    content = make_title(audio=(), init=False)
    later = replace(content, presentation=replace(content.presentation, start_us=8 * SECOND))

    with pytest.raises(LockstepRefused, match="begin at its beginning"):
        play(later, as_player("sabre"), STEADY)


@pytest.mark.parametrize(("ended", "gap", "why"), [(True, True, "gaps"), (False, False, "no end")])
def test_a_title_with_gaps_or_without_an_end_is_refused(ended: bool, gap: bool, why: str) -> None:
    content = make_title(audio=(), init=False)
    (period,) = content.presentation.periods
    (group,) = period.sets
    listing = Listing((Entry("a"), Entry("b", gap=gap), Entry("c")))
    index = Known(SegmentIndex(1, (Run(0, 4, 3),), listing, ended=ended))
    rep = replace(group.representations[0], index=index)
    holed = replace(period, end_us=12 * SECOND, sets=(replace(group, representations=(rep,)),))
    presentation = replace(content.presentation, periods=(holed,), duration_us=12 * SECOND)

    with pytest.raises(LockstepRefused, match=why):
        play(Content(presentation), as_player("sabre"), STEADY)


def test_rungs_that_are_cut_differently_are_refused() -> None:
    whole = make_title(audio=(), init=False)
    other = make_title(audio=(), init=False, segment_us=3 * SECOND)
    (period,), (cut,) = whole.presentation.periods, other.presentation.periods
    (group,), (second,) = period.sets, cut.sets
    mixed = replace(
        group, representations=(*group.representations[:1], *second.representations[1:])
    )
    presentation = replace(whole.presentation, periods=(replace(period, sets=(mixed,)),))

    with pytest.raises(LockstepRefused, match="different segments"):
        play(Content(presentation), as_player("sabre"), STEADY)


def test_rungs_whose_average_bitrates_do_not_rise_are_refused() -> None:
    content = make_title(audio=(), init=False)
    (period,) = content.presentation.periods
    (group,) = period.sets
    first, *others = group.representations
    mixed = replace(group, representations=(replace(first, average_bps=9_000_000), *others))
    presentation = replace(content.presentation, periods=(replace(period, sets=(mixed,)),))

    with pytest.raises(LockstepRefused, match="do not rise"):
        play(Content(presentation), as_player("sabre"), STEADY)


def test_a_title_without_told_sizes_and_with_a_shorter_last_segment_is_played() -> None:
    content = make_title(duration_us=13 * SECOND, audio=(), init=False)
    movie = replace(film(), content=content)

    batch = in_step(movie, [walk(3)], "bba", as_player("sabre"))

    assert batch.duration_us.tolist() == [2 * SECOND] * 6 + [SECOND]
    assert_same(batch, 0, alone(movie, walk(3), "bba", as_player("sabre")))


def rules(**changes: object) -> Profile:
    like = as_player("sabre")
    change: Callable[..., SessionRules] = partial(replace, like.rules)
    return replace(like, rules=change(**changes))


@pytest.mark.parametrize(
    ("like", "why"),
    [
        (rules(abandons=True), "left"),
        (rules(rebuffer_us=3 * SECOND), "too short for a player"),
        (rules(max_buffer_bytes=1_000_000), "memory"),
        (rules(nap_us=500_000), "naps"),
        (rules(nap_us=500_000, max_buffer_us=1 << 60, target_us=400_000), "sleep"),
    ],
)
def test_a_profile_beyond_sessions_in_step_is_refused(like: Profile, why: str) -> None:
    with pytest.raises(LockstepRefused, match=why):
        play(film().content, like, STEADY)


def test_a_link_that_never_carries_anything_is_refused() -> None:
    with pytest.raises(LockstepRefused, match="link 1 never carries"):
        play(film().content, as_player("sabre"), STEADY, Trace.constant(0))


def test_a_link_too_fast_to_count_parts_of_microseconds_on_is_refused() -> None:
    with pytest.raises(LockstepRefused, match="12 Gb/s"):
        play(film().content, as_player("sabre"), Trace.constant(20_000_000_000))


def test_a_link_on_which_the_title_would_outlast_the_clock_is_refused() -> None:
    hardly = Trace([(1, 1), (10**12, 0)])

    with pytest.raises(LockstepRefused, match="thousand years"):
        play(film().content, as_player("sabre"), hardly)


def test_links_have_a_round_trip_each() -> None:
    with pytest.raises(ValueError, match="1 links have 2 round trips"):
        Links(Traces.of([STEADY]), Traces.of([STEADY, STEADY]))


def test_a_twin_that_answers_an_impossible_rung_is_told() -> None:
    for rung in (3, -1):
        with pytest.raises(ValueError, match=f"rungs {rung} to {rung} of 3"):
            play(film().content, as_player("sabre"), STEADY, twin=Low(rung))


# Traces.


@given(
    rows=st.lists(
        st.lists(
            st.tuples(st.integers(1, 4_000_000), st.sampled_from([0, 0, 1, 3, 10_000, 5_000_000])),
            min_size=1,
            max_size=7,
        ).filter(lambda row: any(value for _, value in row)),
        min_size=1,
        max_size=4,
    ),
    moments_us=st.lists(st.integers(0, 40_000_000), min_size=4, max_size=4),
    more=st.integers(1, 10**10),
)
def test_many_traces_answer_what_each_of_them_does(
    rows: list[list[tuple[int, int]]], moments_us: list[int], more: int
) -> None:
    each = [Trace(row) for row in rows]
    at_us = np.array(moments_us[: len(rows)], dtype=np.int64)
    many = Traces.of(each)

    places = many.places(at_us)
    arrivals = many.when(places, more)

    asked: Sequence[tuple[Trace, int]] = list(zip(each, at_us.tolist(), strict=True))
    assert many.at(at_us).tolist() == [trace.at(us) for trace, us in asked]
    there_us = [trace.when(trace.total(us) + more) for trace, us in asked]
    assert arrivals.at_us.tolist() == there_us
    before = [(trace, us - 1) for trace, us in zip(each, arrivals.at_us.tolist(), strict=True)]
    assert arrivals.value.tolist() == [trace.at(us) for trace, us in before]
    beyond = [
        trace.total(there) - trace.total(us) - more
        for (trace, us), there in zip(asked, arrivals.at_us.tolist(), strict=True)
    ]
    assert arrivals.beyond.tolist() == beyond


def test_pieces_too_short_for_the_guess_are_found_all_the_same() -> None:
    # In 10^17 us a microsecond is less than a float tells apart, and so is a single microbit.
    row = [(1, 2), (1, 0), (10**17, 3), (1, 0), (1, 5), (1, 7), (1, 0), (1, 11)]
    each = [Trace(row)] * 40
    length_us, whole = sum(us for us, _ in row), sum(us * value for us, value in row)
    many = Traces.of(each)

    for early in (*range(8), *range(length_us - 8, length_us + 3)):
        at_us = np.full(40, early, dtype=np.int64)
        places = many.places(at_us)
        assert set(many.at(at_us).tolist()) == {each[0].at(early)}
        for more in (1, 2, 3, 4, 11, 18, 23, whole - 1, whole, whole + 1, whole + 2):
            there_us = each[0].when(each[0].total(early) + more)
            assert set(many.when(places, more).at_us.tolist()) == {there_us}


def test_the_longest_quiet_stretch_may_go_round_the_end() -> None:
    many = Traces.of(
        [
            Trace([(3, 0), (1, 9), (4, 0), (2, 9), (5, 1)]),
            Trace([(3, 9)]),
            Trace([(2, 9), (7, 0), (1, 7), (1, 8)]),
        ]
    )

    assert many.quiet_us(8).tolist() == [8, 0, 8]


def test_values_are_multiplied_as_round_rounds() -> None:
    values = [0, 1, 9, 10, 11, 30, 50, 70, 90, 12_345_678]
    many = Traces.of([Trace([(1, value) for value in values])])

    for share in (Fraction(95, 100), Fraction(1, 20), Fraction(1)):
        assert many.times(share).values.tolist() == [round(value * share) for value in values]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "at least one piece"),
        ([((0, 1),)], "last some time"),
        ([((1, -1),)], "not negative"),
        ([((10**10, 10**10),)], "microbits"),
        ([((1, 1), (1, 1, 1))], "one shape"),
        ([((1, 1), (1, 1)), ()], "at least one piece"),
    ],
)
def test_traces_that_are_none_are_refused(
    rows: list[tuple[tuple[int, ...], ...]], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        Traces.from_pieces(rows)


def test_a_trace_that_ends_for_good_is_refused() -> None:
    with pytest.raises(ValueError, match="begin anew"):
        Traces.of([Trace([(1, 1)], repeats=False)])
