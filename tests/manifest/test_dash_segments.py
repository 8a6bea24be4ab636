"""Every way in which an MPD says where segments are."""

import pytest
from mpds import TEMPLATE, first, known, mpd, names, one, read, segments, spans_s, urls

from netplay.errors import ManifestError
from netplay.segments import ByteRange, Init, Run
from netplay.timeline import Unresolved


def timeline(inner: str, attributes: str = 'media="$Number$-$Time$.m4s"') -> str:
    return (
        f"<SegmentTemplate {attributes}><SegmentTimeline>{inner}</SegmentTimeline>"
        "</SegmentTemplate>"
    )


# SegmentTemplate@duration


def test_a_duration_fills_the_period_and_the_last_segment_is_cut_at_its_end() -> None:
    index = segments(one(TEMPLATE, attributes='mediaPresentationDuration="PT5S"'))

    assert names(index) == ["1.m4s", "2.m4s", "3.m4s"]
    assert spans_s(index) == [(0, 2), (2, 4), (4, 5)]
    assert index[0].entry.init == Init("init.mp4")


def test_a_period_of_a_whole_number_of_segments_has_no_empty_one_at_its_end() -> None:
    # 117.12 / 1.92 is 61 exactly, and 61.00000000000001 in floating point.
    template = '<SegmentTemplate media="$Number$" timescale="48000" duration="92160"/>'

    index = segments(one(template, attributes='mediaPresentationDuration="PT1M57.12S"'))

    assert len(index) == 61


def test_start_number_end_number_and_time_origin_are_honoured() -> None:
    template = (
        '<SegmentTemplate media="$Number$-$Time$" timescale="10" duration="20" '
        'startNumber="5" endNumber="7" presentationTimeOffset="100"/>'
    )

    index = segments(one(template))

    assert names(index) == ["5-100", "6-120", "7-140"]
    assert spans_s(index) == [(0, 2), (2, 4), (4, 6)]
    assert index[0].offset_us == -10_000_000


def test_start_number_zero_is_not_one() -> None:
    template = '<SegmentTemplate media="$Number$" duration="5" startNumber="0"/>'

    assert names(segments(one(template))) == ["0", "1"]


def test_an_earliest_presentation_time_shifts_the_segments() -> None:
    template = '<SegmentTemplate media="$Number$" timescale="10" duration="40" eptDelta="-20"/>'

    index = segments(one(template))

    assert spans_s(index) == [(-2, 2), (2, 6), (6, 10)]


def test_identifiers_are_filled_in_with_their_widths() -> None:
    template = (
        '<SegmentTemplate duration="10" timescale="1" '
        'media="$$a$RepresentationID$_$Bandwidth%06d$/$Number%05d$.m4s"/>'
    )

    assert names(segments(one(template))) == ["$av_001000/00001.m4s"]


def test_an_unknown_identifier_stays_in_the_name() -> None:
    template = '<SegmentTemplate duration="10" media="$Foo$-$Number$-50$"/>'

    assert names(segments(one(template))) == ["$Foo$-1-50$"]


def test_without_duration_or_timeline_the_period_is_one_segment() -> None:
    index = segments(one('<SegmentTemplate media="all-$Bandwidth$.mp4"/>'))

    assert names(index) == ["all-1000.mp4"]
    assert spans_s(index) == [(0, 10)]


# SegmentTimeline


def test_a_timeline_is_read_with_repeats_and_times() -> None:
    index = segments(one(timeline('<S t="0" d="2" r="2"/><S d="1"/><S d="3"/>')))

    assert names(index) == ["1-0.m4s", "2-2.m4s", "3-4.m4s", "4-6.m4s", "5-7.m4s"]
    assert spans_s(index)[-1] == (7, 10)


def test_equal_segments_are_one_run_however_they_are_written() -> None:
    index = segments(one(timeline('<S t="0" d="2"/><S t="2" d="2"/><S d="2" r="1"/>')))

    assert index.runs == (Run(0, 2, 4),)


def test_a_negative_repeat_goes_to_the_next_start_or_to_the_end() -> None:
    index = segments(one(timeline('<S t="0" d="2" r="-1"/><S t="5" d="1" r="-1"/>')))

    assert [s.duration_us for s in index] == [2_000_000, 2_000_000, 1_000_000, *[1_000_000] * 5]


def test_segments_outside_the_period_are_left_out_and_the_rest_keep_their_numbers() -> None:
    inner = '<S t="0" d="2" r="20"/>'

    index = segments(one(timeline(inner, 'media="$Number$-$Time$" presentationTimeOffset="5"')))

    assert names(index) == ["3-4", "4-6", "5-8", "6-10", "7-12", "8-14"]
    assert spans_s(index)[0] == (-1, 1)
    assert spans_s(index)[-1] == (9, 10)


def test_when_all_segments_lie_before_the_period_they_are_kept_with_a_warning() -> None:
    text = one(timeline('<S t="0" d="2" r="1"/>', 'media="$Number$" presentationTimeOffset="50"'))

    presentation = read(text)

    assert len(segments(text)) == 2
    assert any("before its Period" in warning for warning in presentation.warnings)


def test_a_hole_of_rounding_is_closed_and_a_real_one_is_told() -> None:
    text = one(
        timeline(
            '<S t="0" d="1990"/><S t="2000" d="2000"/><S t="6000" d="2000"/>',
            'media="$Number$" timescale="1000"',
        )
    )

    index = segments(text)

    assert spans_s(index) == [(0, 2), (2, 4), (6, 8)]
    assert any("nothing is shown" in warning for warning in read(text).warnings)


def test_an_overlap_cuts_the_earlier_segment() -> None:
    text = one(timeline('<S t="0" d="2" r="1"/><S t="3" d="2"/>'))

    assert spans_s(segments(text)) == [(0, 2), (2, 3), (3, 5)]
    assert any("overlaps" in warning for warning in read(text).warnings)


def test_a_time_that_goes_back_is_ignored_so_that_no_number_is_lost() -> None:
    text = one(timeline('<S t="4" d="2" r="1"/><S t="0" d="2"/>'))

    assert names(segments(text)) == ["1-4.m4s", "2-6.m4s", "3-8.m4s"]
    assert any("goes back" in warning for warning in read(text).warnings)


def test_a_number_in_the_timeline_counts_on_from_there() -> None:
    index = segments(one(timeline('<S t="0" d="2" n="7"/><S d="2" r="1"/><S d="2" n="20"/>')))

    assert names(index) == ["7-0.m4s", "8-2.m4s", "9-4.m4s", "20-6.m4s"]
    assert index.first_number == 7


def test_skipped_segments_still_count_where_numbers_jump() -> None:
    text = one(
        timeline(
            '<S t="0" d="2" n="7" r="1"/><S d="2" n="20" r="1"/>',
            'media="$Number$-$Time$" presentationTimeOffset="2"',
        )
    )

    assert names(segments(text)) == ["8-2", "20-4", "21-6"]


def test_a_pattern_is_spelt_out_from_its_entry_on() -> None:
    inner = '<Pattern id="rot"><P d="1"/><P d="2" r="1"/></Pattern><S t="0" r="4" p="rot" pE="1"/>'

    index = segments(one(timeline(inner)))

    assert [s.duration_us // 1_000_000 for s in index] == [2, 2, 1, 2, 2]


def test_an_unreadable_segment_ends_the_timeline_with_a_warning() -> None:
    text = one(timeline('<S t="0" d="2"/><S d="two"/><S d="2"/>'))

    assert len(segments(text)) == 1
    assert any("ends before it" in warning for warning in read(text).warnings)


def test_an_end_number_does_not_shorten_a_timeline() -> None:
    text = one(timeline('<S t="0" d="2" r="3"/>', 'media="$Number$" endNumber="2"'))

    assert len(segments(text)) == 4


def test_representations_share_one_layout_under_their_own_names() -> None:
    text = mpd(
        '<Period><AdaptationSet mimeType="video/mp4">'
        + timeline('<S t="0" d="2" r="4"/>', 'media="$RepresentationID$/$Number$"')
        + '<Representation id="a"/><Representation id="b"/></AdaptationSet></Period>'
    )

    low, high = read(text).periods[0].representations

    assert known(low).runs is known(high).runs
    assert names(known(high))[0] == "b/1"


# SegmentList


def test_a_list_gives_names_ranges_and_its_init() -> None:
    text = one(
        '<SegmentList duration="5"><Initialization sourceURL="v.mp4" range="0-99"/>'
        '<SegmentURL media="v.mp4" mediaRange="100-199"/><SegmentURL mediaRange="200-"/>'
        "</SegmentList>"
    )

    index = segments(text)

    assert [s.entry.byte_range for s in index] == [ByteRange(100, 100), ByteRange(200, None)]
    assert [s.entry.uri for s in index] == ["v.mp4", ""]
    assert index[0].entry.init == Init("v.mp4", ByteRange(0, 100))
    assert index[0].size_bytes == 100


def test_a_list_is_cut_at_the_end_of_the_period() -> None:
    urls_of = "".join(f'<SegmentURL media="{n}"/>' for n in range(9))

    index = segments(one(f'<SegmentList duration="4">{urls_of}</SegmentList>'))

    assert spans_s(index) == [(0, 4), (4, 8), (8, 10)]


def test_a_list_with_a_timeline_skips_names_as_well_as_times() -> None:
    text = one(
        '<SegmentList presentationTimeOffset="20"><SegmentTimeline><S t="0" d="10" r="4"/>'
        "</SegmentTimeline>"
        + "".join(f'<SegmentURL media="s{n}"/>' for n in range(1, 6))
        + "</SegmentList>",
        attributes='mediaPresentationDuration="PT30S"',
    )

    index = segments(text)

    assert names(index) == ["s3", "s4", "s5"]
    assert index.first_number == 3


def test_one_listed_segment_without_duration_lasts_the_period() -> None:
    index = segments(one('<SegmentList><SegmentURL media="a"/></SegmentList>'))

    assert spans_s(index) == [(0, 10)]


# SegmentBase and whole files


def test_an_index_range_leaves_the_segments_to_a_sidx() -> None:
    text = one(
        "<BaseURL>v.mp4</BaseURL>"
        '<SegmentBase indexRange="100-199" timescale="90000" presentationTimeOffset="900">'
        '<Initialization range="0-99"/></SegmentBase>'
    )

    assert first(text).index == Unresolved(
        "sidx",
        byte_range=ByteRange(100, 100),
        period_end_us=10_000_000,
        origin_ticks=900,
        timescale=90_000,
        init=Init("", ByteRange(0, 100)),
    )


def test_an_index_in_a_file_of_its_own_names_the_media_beside_it() -> None:
    text = one(
        '<BaseURL>v.mp4</BaseURL><SegmentBase><RepresentationIndex sourceURL="i.mp4" '
        'range="0-79"/></SegmentBase>'
    )

    assert first(text).index == Unresolved(
        "sidx",
        uri="i.mp4",
        byte_range=ByteRange(0, 80),
        period_end_us=10_000_000,
        media_uri="",
    )


def test_an_index_template_names_its_document() -> None:
    index = first(one('<SegmentTemplate index="i-$Bandwidth$" media="v-$Bandwidth$"/>')).index

    assert isinstance(index, Unresolved)
    assert (index.uri, index.media_uri) == ("i-1000", "v-1000")


def test_a_file_without_index_is_one_segment() -> None:
    rep = first(one("<BaseURL>v.mp4</BaseURL><SegmentBase/>"))

    assert urls(rep) == ["https://cdn.example/film/v.mp4"]
    assert spans_s(known(rep)) == [(0, 10)]


def test_subtitles_may_be_nothing_but_a_file() -> None:
    text = mpd(
        '<Period><AdaptationSet contentType="text" lang="en"><Representation id="t">'
        "<BaseURL>en.vtt</BaseURL></Representation></AdaptationSet></Period>"
    )

    assert urls(first(text)) == ["https://cdn.example/film/en.vtt"]


@pytest.mark.parametrize(
    "nothing",
    [
        "<BaseURL>http://example.com</BaseURL><SegmentBase/>",
        "<SegmentTemplate/>",
        '<SegmentTemplate media="$Number$-$SubNumber$" duration="2"/>',
        "<SegmentList/>",
        '<SegmentList><SegmentURL media="a"/><SegmentURL media="b"/></SegmentList>',
        '<SegmentTemplate media="$Number$"><SegmentTimeline/></SegmentTemplate>',
    ],
)
def test_what_does_not_say_where_its_segments_are_is_left_out(nothing: str) -> None:
    with pytest.raises(ManifestError, match="nothing in it can be played") as raised:
        read(one(nothing))

    assert "left out" in str(raised.value)


# Inheritance


def test_attributes_and_children_come_from_the_nearest_level() -> None:
    text = mpd(
        '<Period><SegmentTemplate timescale="10" duration="50" startNumber="3" media="p"/>'
        '<AdaptationSet mimeType="video/mp4"><SegmentTemplate media="s-$Number$" duration="20"/>'
        '<Representation id="a"><SegmentTemplate initialization="i-$RepresentationID$"/>'
        "</Representation></AdaptationSet></Period>"
    )

    index = segments(text)

    assert names(index)[:2] == ["s-3", "s-4"]
    assert index.runs == (Run(0, 20, 5),)
    assert index[0].entry.init == Init("i-a")


def test_the_deepest_level_decides_which_kind_of_element_is_meant() -> None:
    text = one(
        '<SegmentList duration="10"><SegmentURL media="listed"/></SegmentList>',
        inside_set=TEMPLATE,
    )

    assert names(segments(text)) == ["listed"]


@pytest.mark.parametrize(
    "wrong",
    [
        '<Pattern id="a"><P d="0"/></Pattern><S t="0" p="a"/>',
        '<Pattern id="a"><P d="1" r="9999999"/></Pattern><S t="0" p="a"/>',
        '<Pattern id="a"><P d="1"/><P d="2"/></Pattern><S t="0" p="a" r="9999999"/>',
        '<S t="0" d="9000000000000000000" r="999"/>',
    ],
)
def test_a_timeline_beyond_counting_is_refused(wrong: str) -> None:
    with pytest.raises(ManifestError):
        read(one(timeline(wrong)))


def test_a_segment_that_cannot_be_is_left_out() -> None:
    text = one(timeline('<S t="0" d="2"/><S d="0"/><S d="-3"/><S d="2"/>'))

    assert spans_s(segments(text)) == [(0, 2), (2, 4)]


def test_an_open_repeat_without_an_end_is_taken_once() -> None:
    text = one(timeline('<S t="0" d="2" r="-1"/>'), attributes="")

    assert len(segments(text)) == 1
    assert any("not known" in warning for warning in read(text).warnings)


def test_a_jump_of_numbers_in_endless_segments_is_left_out() -> None:
    inner = '<S t="0" d="1"/><S d="1" r="9999999" n="7"/>'

    with pytest.raises(ManifestError, match="S@n jumps"):
        read(one(timeline(inner), attributes='mediaPresentationDuration="P3650D"'))


def test_more_segments_than_can_be_counted_are_left_out() -> None:
    template = '<SegmentTemplate media="$Number$" duration="1" timescale="1000000000"/>'

    with pytest.raises(ManifestError, match="would have"):
        read(one(template, attributes='mediaPresentationDuration="P365D"'))
