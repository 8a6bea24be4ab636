"""MPDs written by the mpegdash library, which knows nothing of our reader, are read right."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpds import known, read
from mpegdash import nodes
from mpegdash.parser import MPEGDASHParser

from netplay.timeline import Known


def node(kind: Any, **values: Any) -> Any:
    made = kind()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def written(groups: list[Any], **values: Any) -> str:
    period = node(nodes.Period, id="p", start="PT0S", adaptation_sets=groups)
    mpd = node(
        nodes.MPEGDASH,
        xmlns="urn:mpeg:dash:schema:mpd:2011",
        type="static",
        min_buffer_time="PT2S",
        profiles="urn:mpeg:dash:profile:isoff-live:2011",
        periods=[period],
        **values,
    )
    return str(MPEGDASHParser.get_as_doc(mpd).toxml())


def representation(number: int, **values: Any) -> Any:
    return node(nodes.Representation, id=f"r{number}", bandwidth=1000 * (number + 1), **values)


rows = st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 9)), min_size=1, max_size=6)


@given(rows=rows, timescale=st.integers(1, 10**6), origin=st.integers(0, 10**6))
def test_a_written_timeline_is_read_segment_by_segment(
    rows: list[tuple[int, int]], timescale: int, origin: int
) -> None:
    segments = [node(nodes.S, d=duration, r=repeat) for duration, repeat in rows]
    segments[0].t = origin
    template = node(
        nodes.SegmentTemplate,
        timescale=timescale,
        media="$RepresentationID$/$Number$-$Time$.m4s",
        initialization="$RepresentationID$/init.mp4",
        presentation_time_offset=origin,
        segment_timelines=[node(nodes.SegmentTimeline, Ss=segments)],
    )
    group = node(
        nodes.AdaptationSet,
        mime_type="video/mp4",
        segment_templates=[template],
        representations=[representation(0), representation(1)],
    )

    presentation = read(written([group], media_presentation_duration="P300D"))

    index = known(list(presentation.periods[0].representations)[1])
    expected: list[tuple[int, int, int]] = []
    clock = origin
    for duration, repeat in rows:
        for _ in range(repeat + 1):
            expected.append((len(expected) + 1, clock, duration))
            clock += duration
    assert [s.entry.uri for s in index] == [f"r1/{n}-{t}.m4s" for n, t, _ in expected]
    assert [s.start_us for s in index] == [
        (t - origin) * 1_000_000 // timescale for _, t, _ in expected
    ]


@given(
    durations=st.lists(st.integers(1, 100), min_size=1, max_size=5),
    length_s=st.integers(1, 5000),
    start_number=st.integers(0, 1000),
)
def test_written_durations_give_the_count_that_fills_the_period(
    durations: list[int], length_s: int, start_number: int
) -> None:
    groups = [
        node(
            nodes.AdaptationSet,
            mime_type="video/mp4",
            segment_templates=[
                node(
                    nodes.SegmentTemplate,
                    timescale=10,
                    duration=duration,
                    start_number=start_number,
                    media="$Number$",
                )
            ],
            representations=[representation(number)],
        )
        for number, duration in enumerate(durations)
    ]

    presentation = read(written(groups, media_presentation_duration=f"PT{length_s}S"))

    for duration, rep in zip(durations, presentation.periods[0].representations, strict=True):
        index = known(rep)
        assert len(index) == -(-length_s * 10 // duration)
        assert index.first_number == start_number
        assert index.end_us == length_s * 1_000_000


@pytest.mark.parametrize("count", [1, 7])
def test_a_written_list_is_read_with_its_ranges(count: int) -> None:
    urls = [
        node(nodes.SegmentURL, media=f"{n}.m4s", media_range=f"{n * 10}-{n * 10 + 9}")
        for n in range(count)
    ]
    listed = node(nodes.SegmentList, duration=2, segment_urls=urls)
    group = node(
        nodes.AdaptationSet,
        mime_type="audio/mp4",
        lang="fr",
        roles=[node(nodes.Descriptor, scheme_id_uri="urn:mpeg:dash:role:2011", value="dub")],
        representations=[representation(0, segment_lists=[listed], codecs="mp4a.40.2")],
    )

    presentation = read(written([group], media_presentation_duration="PT100S"))

    (found,) = presentation.periods[0].sets
    assert (found.kind, found.language, found.roles) == ("audio", "fr", ("dub",))
    assert isinstance(found.representations[0].index, Known)
    entries = [s.entry for s in found.representations[0].index.index]
    assert [(e.uri, e.byte_range.header) for e in entries if e.byte_range] == [
        (f"{n}.m4s", f"bytes={n * 10}-{n * 10 + 9}") for n in range(count)
    ]
