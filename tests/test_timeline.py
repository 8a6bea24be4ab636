"""The laws of a SegmentIndex, and of the values around it."""

import pickle
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.segments import (
    ByteRange,
    Entry,
    Init,
    Listing,
    Ranges,
    Run,
    Segment,
    SegmentIndex,
    Template,
)
from netplay.timeline import (
    AdaptationSet,
    Known,
    Location,
    Period,
    Presentation,
    Representation,
)

NUMBERS = Template(("s", "Number", ".m4s"))


@st.composite
def indexes(draw: st.DrawFn) -> SegmentIndex:
    """Indexes with odd timescales, origins before and after the first tick, and holes."""
    clock = draw(st.integers(-(10**9), 10**9))
    runs = []
    for _ in range(draw(st.integers(0, 4))):
        clock += draw(st.integers(0, 3)) * draw(st.integers(0, 10**6))
        run = Run(clock, draw(st.integers(0, 10**6)), draw(st.integers(1, 4)))
        runs.append(run)
        clock += run.duration * run.count
    index = SegmentIndex(
        timescale=draw(st.sampled_from([1, 7, 30, 1001, 44_100, 48_000, 90_000, 10**7])),
        runs=tuple(runs),
        naming=NUMBERS,
        first_number=draw(st.integers(-5, 10**9)),
        period_start_us=draw(st.integers(0, 10**12)),
        origin_ticks=draw(st.integers(-(10**9), 10**9)),
    )
    clip_us = draw(st.none() | st.integers(index.start_us, index.end_us + 10**6))
    return SegmentIndex(
        timescale=index.timescale,
        runs=index.runs,
        naming=index.naming,
        first_number=index.first_number,
        period_start_us=index.period_start_us,
        origin_ticks=index.origin_ticks,
        clip_end_us=clip_us,
    )


@given(indexes())
def test_the_end_of_a_segment_is_exactly_the_start_of_the_next(index: SegmentIndex) -> None:
    ticks = [
        (run.start + n * run.duration, run.start + (n + 1) * run.duration)
        for run in index.runs
        for n in range(run.count)
    ]

    segments = list(index)

    for (here, then), (ticks_here, ticks_then) in zip(
        pairwise(segments), pairwise(ticks), strict=True
    ):
        clipped = index.clip_end_us is not None and here.end_us == max(
            here.start_us, index.clip_end_us
        )
        assert here.start_us <= here.end_us
        assert clipped or (here.end_us == then.start_us) or ticks_here[1] < ticks_then[0]
        assert here.end_us <= then.start_us


@given(indexes())
def test_numbers_count_on_and_find_their_segment(index: SegmentIndex) -> None:
    segments = list(index)

    assert [s.number for s in segments] == list(
        range(index.first_number, index.first_number + len(index))
    )
    for segment in segments:
        assert index.numbered(segment.number) == segment
        assert segment.entry.uri == f"s{segment.number}.m4s"
    assert index.numbered(index.first_number - 1) is None
    assert index.numbered(index.first_number + len(index)) is None


@given(indexes(), st.integers(-(10**13), 10**13), st.integers(-2, 2))
def test_a_search_by_time_finds_what_a_look_at_every_segment_finds(
    index: SegmentIndex, position_us: int, beside_us: int
) -> None:
    places = [position_us, index.start_us + beside_us, index.end_us + beside_us]
    places += [s.start_us + beside_us for s in index] + [s.end_us + beside_us for s in index]

    for place in places:
        found: Segment | None = next(
            (s for n, s in enumerate(index) if index.end_of_us(n) > place), None
        )
        assert index.at(place) == found
        if found is not None and found.start_us <= place:
            assert place < found.end_us


@given(indexes())
def test_edges_agree_with_the_segments(index: SegmentIndex) -> None:
    segments = list(index)

    assert len(segments) == len(index)
    for position, segment in enumerate(segments):
        assert segment == index[position]
        assert segment.end_us == max(segment.start_us, index.end_of_us(position))
    if segments:
        assert index.start_us == segments[0].start_us
    else:
        assert index.start_us == index.end_us == index.period_start_us


@given(indexes(), st.integers(0, 10))
def test_a_segment_keeps_its_number_and_place_when_older_ones_fall_away(
    index: SegmentIndex, gone: int
) -> None:
    spelt = [
        Run(run.start + n * run.duration, run.duration)
        for run in index.runs
        for n in range(run.count)
    ]
    gone = min(gone, len(spelt))

    later = SegmentIndex(
        timescale=index.timescale,
        runs=tuple(spelt[gone:]),
        naming=index.naming,
        first_number=index.first_number + gone,
        period_start_us=index.period_start_us,
        origin_ticks=index.origin_ticks,
        clip_end_us=index.clip_end_us,
    )

    assert list(later) == list(index)[gone:]


@pytest.mark.parametrize(
    "runs",
    [
        (Run(0, 10, 0),),
        (Run(0, -1),),
        (Run(0, 10), Run(9, 10)),
        (Run(0, 10, 3), Run(20, 10)),
        (Run(10, 1), Run(0, 1)),
    ],
)
def test_runs_that_contradict_themselves_are_refused(runs: tuple[Run, ...]) -> None:
    with pytest.raises(ValueError, match="overlaps"):
        SegmentIndex(1, runs, NUMBERS)


def test_a_timescale_must_be_positive() -> None:
    with pytest.raises(ValueError, match="timescale"):
        SegmentIndex(0, (), NUMBERS)


def test_there_is_nothing_outside_an_index() -> None:
    index = SegmentIndex(1, (Run(0, 1, 2),), NUMBERS)

    for position in (-1, 2):
        with pytest.raises(IndexError):
            index[position]


def test_ten_years_of_segments_cost_as_much_as_one() -> None:
    index = SegmentIndex(1, (Run(0, 2, 160_000_000),), NUMBERS)

    found = index.at(123_456_789 * 1_000_000)

    assert found is not None
    assert found.number == 61_728_394


def test_a_segment_is_made_once_for_all_who_look_it_up() -> None:
    index = SegmentIndex(1, (Run(0, 2, 600),), NUMBERS)

    made = index[3]
    others = [index[position] for position in (4, 5, 6)]

    assert index.at(7_000_000) is index.numbered(3) is made
    assert made not in others


def test_an_index_forgets_the_segments_of_a_long_title_and_is_the_same_without_them() -> None:
    index, other = (SegmentIndex(1, (Run(0, 2, 600),), NUMBERS) for _ in range(2))
    made = index[0]

    list(index)

    assert index[0] == made
    assert index[0] is not made
    assert index == other == pickle.loads(pickle.dumps(index))
    assert hash(index) == hash(other)


def test_the_same_segments_can_have_other_names() -> None:
    index = SegmentIndex(1, (Run(0, 2, 3),), NUMBERS, first_number=1)

    other = index.named(Template(("x", "Time", "")))

    assert [s.entry.uri for s in other] == ["x0", "x2", "x4"]
    assert [s.entry.uri for s in index] == ["s1.m4s", "s2.m4s", "s3.m4s"]
    assert [(s.number, s.start_us) for s in other] == [(s.number, s.start_us) for s in index]


def test_a_template_pads_numbers_and_times() -> None:
    naming = Template(("a", "Number%05d", "-", "Time%03d", ""), Init("i"))

    assert naming.entry(0, number=42, ticks=7) == Entry("a00042-007", init=Init("i"))
    assert naming.entry(0, number=1_000_000, ticks=1234).uri == "a1000000-1234"


def test_a_listing_and_ranges_name_segments_by_position() -> None:
    listing = Listing((Entry("a"), Entry("b")))
    ranges = Ranges("f", (10, 30, 35), Init("f", ByteRange(0, 10)))

    assert listing.entry(1, number=99, ticks=99).uri == "b"
    assert ranges.entry(1, number=99, ticks=99) == Entry(
        "f", ByteRange(30, 5), Init("f", ByteRange(0, 10))
    )


def test_a_size_is_expected_from_the_range_or_else_from_the_bitrate() -> None:
    naming = Listing(
        (Entry("a", ByteRange(0, 99)), Entry("b", bitrate_bps=8000), Entry("c", ByteRange(5)))
    )

    index = SegmentIndex(1, (Run(0, 2, 3),), naming)

    assert [s.size_bytes for s in index] == [99, 2000, None]


def test_a_range_header_counts_its_last_byte() -> None:
    assert ByteRange(0, 100).header == "bytes=0-99"
    assert ByteRange(500).header == "bytes=500-"


def test_the_offset_to_media_time_is_known_only_where_the_index_tells_it() -> None:
    runs = (Run(180_000, 90_000),)

    timed = SegmentIndex(90_000, runs, NUMBERS, origin_ticks=180_000, period_start_us=5_000_000)
    learned = SegmentIndex(90_000, runs, NUMBERS, timed=False)

    assert timed[0].offset_us == 3_000_000
    assert timed[0].start_us == 5_000_000
    assert learned[0].offset_us is None


def presentation(*starts_us: int) -> Presentation:
    index = Known(SegmentIndex(1, (Run(0, 2),), NUMBERS))

    def period(number: int, start_us: int) -> Period:
        rep = Representation(
            f"{number}/v", "v", "video", ("video",), 1, (Location(f"h{number}", "u"),), index
        )
        trick = AdaptationSet("t", "video", (rep,), trick=True)
        return Period(str(number), start_us, None, (AdaptationSet("v", "video", (rep,)), trick))

    return Presentation("u", "dash", tuple(period(n, at) for n, at in enumerate(starts_us)))


def test_a_position_lies_in_the_last_period_that_has_begun() -> None:
    film = presentation(0, 10, 20)

    assert [film.period_at(us) for us in (-5, 0, 9, 10, 19, 20, 999)] == [0, 0, 0, 1, 1, 2, 2]


def test_hosts_are_named_once_and_trick_sets_are_not_for_normal_play() -> None:
    film = presentation(0, 10)

    assert film.hosts == ("h0", "h1")
    assert [group.id for group in film.periods[0].of_kind("video")] == ["v"]
    assert list(film.periods[0].of_kind("audio")) == []
