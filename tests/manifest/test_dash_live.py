"""Which segments of a live MPD are there, and how it says to follow it."""

from fractions import Fraction

import pytest
from mpds import TEMPLATE, known, mpd, names, one, read, segments, spans_s

from netplay.timeline import Live

LIVE = 'type="dynamic" availabilityStartTime="1970-01-01T00:01:00Z"'
"""The timeline begins at Unix time 60 s."""


def test_a_segment_is_there_once_it_is_complete() -> None:
    text = one(TEMPLATE, attributes=LIVE, period='start="PT0S"')

    assert names(segments(text, now_s=60 + 5)) == ["1.m4s", "2.m4s"]
    assert names(segments(text, now_s=60 + 6)) == ["1.m4s", "2.m4s", "3.m4s"]
    assert names(segments(text, now_s=60)) == []
    assert names(segments(text, now_s=0)) == []


def test_a_segment_stays_for_the_depth_of_the_window_under_its_own_number() -> None:
    attributes = f'{LIVE} timeShiftBufferDepth="PT4S"'

    index = segments(one(TEMPLATE, attributes=attributes, period='start="PT0S"'), now_s=60 + 101)

    assert names(index) == ["49.m4s", "50.m4s"]
    assert index.first_number == 49
    assert spans_s(index) == [(96, 98), (98, 100)]
    assert not index.ended


def test_an_availability_offset_makes_segments_available_early() -> None:
    template = TEMPLATE.replace("duration", 'availabilityTimeOffset="1.5" duration')
    text = one(
        f'<BaseURL availabilityTimeOffset="0.5">x/</BaseURL>{template}',
        attributes=LIVE,
        period='start="PT0S"',
    )

    assert len(segments(text, now_s=60 + 4)) == 3


def test_an_infinite_offset_makes_a_whole_period_available() -> None:
    template = TEMPLATE.replace("duration", 'availabilityTimeOffset="INF" duration')

    text = one(template, attributes=LIVE, period='start="PT0S" duration="PT20S"')

    assert len(segments(text, now_s=61)) == 10


def test_a_period_that_is_over_gets_no_more_segments() -> None:
    text = one(TEMPLATE, attributes=LIVE, period='start="PT0S" duration="PT5S"')

    index = segments(text, now_s=60 + 500)

    assert len(index) == 3
    assert index.ended


def test_positions_are_on_the_timeline_of_the_availability_start() -> None:
    text = one(TEMPLATE, attributes=LIVE, period='start="PT100S"')

    presentation = read(text, now_s=60 + 104)

    assert presentation.periods[0].start_us == 100_000_000
    assert presentation.live is not None
    assert presentation.live.origin_utc_us == 60_000_000
    assert spans_s(known(next(presentation.periods[0].representations))) == [(100, 102), (102, 104)]


def test_an_open_repeat_goes_to_the_live_edge() -> None:
    template = (
        '<SegmentTemplate media="$Time$"><SegmentTimeline><S t="0" d="4" r="-1"/>'
        "</SegmentTimeline></SegmentTemplate>"
    )
    text = one(template, attributes=LIVE, period='start="PT0S"')

    assert names(segments(text, now_s=60 + 11)) == ["0", "4"]
    assert names(segments(text, now_s=60 + 3)) == []


def test_a_timeline_is_believed_whatever_the_time() -> None:
    template = (
        '<SegmentTemplate media="$Time$"><SegmentTimeline><S t="0" d="4" r="4"/>'
        "</SegmentTimeline></SegmentTemplate>"
    )
    attributes = f'{LIVE} timeShiftBufferDepth="PT8S"'

    assert len(segments(one(template, attributes=attributes, period='start="PT0S"'), now_s=70)) == 5


@pytest.mark.parametrize(
    ("attributes", "count"),
    [('publishTime="1970-01-01T00:01:09Z"', 4), ('timeShiftBufferDepth="PT6S"', 3)],
)
def test_without_a_clock_the_manifest_itself_says_when_it_is(attributes: str, count: int) -> None:
    text = one(TEMPLATE, attributes=f"{LIVE} {attributes}", period='start="PT0S"')

    assert len(segments(text)) == count


def test_how_to_follow_is_read() -> None:
    text = mpd(
        "<Location>/other.mpd?x=1</Location><PatchLocation>patch.mpp</PatchLocation>"
        '<ServiceDescription><Latency target="3000" min="2000" max="6000"/>'
        '<PlaybackRate min="0.96" max="1.04"/></ServiceDescription>'
        f'<Period start="PT0S"><AdaptationSet mimeType="video/mp4"><Representation>{TEMPLATE}'
        "</Representation></AdaptationSet></Period>"
        '<UTCTiming schemeIdUri="urn:mpeg:dash:utc:direct:2014" value="1970-01-01T00:00:00Z"/>',
        f'{LIVE} minimumUpdatePeriod="PT2S" timeShiftBufferDepth="PT1M" '
        'suggestedPresentationDelay="PT8S"',
    )

    presentation = read(text, now_s=100)

    assert presentation.duration_us is None
    assert presentation.live == Live(
        origin_utc_us=60_000_000,
        refresh_us=2_000_000,
        window_us=60_000_000,
        delay_us=8_000_000,
        target_latency_us=3_000_000,
        time_sources=(("urn:mpeg:dash:utc:direct:2014", "1970-01-01T00:00:00Z"),),
        patch_url="https://cdn.example/film/patch.mpp",
        refresh_urls=("https://cdn.example/other.mpd?x=1",),
        min_latency_us=2_000_000,
        max_latency_us=6_000_000,
        slowest_rate=Fraction(24, 25),
        fastest_rate=Fraction(26, 25),
    )
