"""An index that was elsewhere becomes segments; references become URLs."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpds import TEMPLATE, first, one

from netplay.errors import MediaError
from netplay.manifest import MoreNeeded, parse_manifest, request_url, resolve
from netplay.manifest.urls import resolve_url
from netplay.segments import ByteRange, Init, SegmentIndex
from netplay.timeline import Location, Representation

MEDIA_URL = "https://cdn.example/film/v.mp4"
Row = tuple[int, int, int]
"""Kind (1: a further index), size in bytes, duration in ticks."""


def sidx(rows: list[Row], *, earliest: int = 0, offset: int = 0, timescale: int = 1000) -> bytes:
    body = struct.pack(">IIIIIHH", 0, 1, timescale, earliest, offset, 0, len(rows))
    for kind, size, duration in rows:
        body += struct.pack(">III", kind << 31 | size, duration, 0x9000_0000)
    return struct.pack(">I4s", 8 + len(body), b"sidx") + body


def rep(base: str, *, attributes: str = 'mediaPresentationDuration="PT10S"') -> Representation:
    return first(one(f"<BaseURL>v.mp4</BaseURL>{base}", attributes=attributes))


def indexed(data: bytes, *, first_byte: int = 100, said: str = "") -> Representation:
    last = first_byte + len(data) - 1
    return rep(
        f'<SegmentBase indexRange="{first_byte}-{last}" {said}>'
        '<Initialization range="0-99"/></SegmentBase>'
    )


def done(found: SegmentIndex | MoreNeeded) -> SegmentIndex:
    assert isinstance(found, SegmentIndex)
    return found


def test_a_sidx_gives_ranges_and_sizes() -> None:
    data = sidx([(0, 1000, 4000), (0, 500, 4000), (0, 700, 2500)])

    index = done(resolve(indexed(data), data, MEDIA_URL))

    begin = 100 + len(data)
    assert [s.entry.byte_range for s in index] == [
        ByteRange(begin, 1000),
        ByteRange(begin + 1000, 500),
        ByteRange(begin + 1500, 700),
    ]
    assert [(s.start_us, s.end_us) for s in index] == [
        (0, 4_000_000),
        (4_000_000, 8_000_000),
        (8_000_000, 10_000_000),
    ]
    assert index[1].size_bytes == 500
    assert index[0].entry.init == Init("", ByteRange(0, 100))


def test_without_an_initialization_the_init_is_what_comes_before_the_index() -> None:
    data = sidx([(0, 1000, 4000)])
    found = rep(f'<SegmentBase indexRange="80-{79 + len(data)}"/>')

    index = done(resolve(found, data, MEDIA_URL))

    assert index[0].entry.init == Init("", ByteRange(0, 80))


def test_the_time_origin_may_be_in_another_timescale() -> None:
    data = sidx([(0, 1000, 4000), (0, 500, 4000)], earliest=1001)
    found = indexed(data, said='timescale="90000" presentationTimeOffset="90091"')

    index = done(resolve(found, data, MEDIA_URL))

    # 90091/90000 s is no whole number of milliseconds, and nothing is rounded twice.
    assert index.origin_ticks / index.timescale == pytest.approx(90_091 / 90_000, abs=1e-12)
    assert index[0].start_us == (1001 * 90 - 90_091) * 1_000_000 // 90_000


def test_what_lies_outside_the_period_is_left_out() -> None:
    data = sidx([(0, 100, 4000)] * 6)
    found = indexed(data, said='timescale="1000" presentationTimeOffset="5000"')

    index = done(resolve(found, data, MEDIA_URL))

    assert index.first_number == 1
    assert index[0].entry.byte_range == ByteRange(100 + len(data) + 100, 100)
    assert len(index) == 3


def test_the_index_of_another_file_counts_from_that_files_beginning() -> None:
    data = sidx([(0, 1000, 4000), (0, 500, 4000)])
    found = rep('<SegmentBase><RepresentationIndex sourceURL="i.mp4"/></SegmentBase>')

    index = done(resolve(found, data, "https://cdn.example/film/i.mp4"))

    assert [s.entry.byte_range for s in index] == [ByteRange(0, 1000), ByteRange(1000, 500)]
    assert {s.entry.uri for s in index} == {""}
    assert index[0].entry.init is None


def test_an_index_of_indexes_is_resolved_step_by_step() -> None:
    lower = [sidx([(0, 100, 1000), (0, 200, 1000)], earliest=n * 2000) for n in range(2)]
    sizes = [len(data) + 300 for data in lower]
    top = sidx([(1, size, 2000) for size in sizes])
    begin = 100 + len(top)
    found = indexed(top)

    step = resolve(found, top, MEDIA_URL)

    for number, data in enumerate(lower):
        assert isinstance(step, MoreNeeded)
        assert step.byte_range == ByteRange(begin + sum(sizes[:number]), sizes[number])
        step = resolve(found, data + bytes(300), MEDIA_URL, previous=step)
    index = done(step)
    assert [s.start_us for s in index] == [0, 1_000_000, 2_000_000, 3_000_000]
    assert [s.entry.byte_range for s in index][2:] == [
        ByteRange(begin + sizes[0] + len(lower[1]), 100),
        ByteRange(begin + sizes[0] + len(lower[1]) + 100, 200),
    ]


def test_a_range_that_is_too_short_is_asked_for_again_longer() -> None:
    data = sidx([(0, 1000, 4000)] * 50)
    found = rep('<SegmentBase indexRange="100-199"/>')

    step = resolve(found, data[:100], MEDIA_URL)

    assert isinstance(step, MoreNeeded)
    assert step.byte_range.first == 100
    assert step.byte_range.length is not None
    assert step.byte_range.length >= len(data)
    assert len(done(resolve(found, data, MEDIA_URL, previous=step))) == 3


def test_an_index_that_is_cut_short_is_an_error_and_not_a_loop() -> None:
    data = sidx([(0, 1000, 4000)])

    with pytest.raises(MediaError, match="segment index of 0/v"):
        resolve(indexed(data), data[:-5], MEDIA_URL)


def test_an_index_that_refers_to_itself_for_ever_is_given_up() -> None:
    data = sidx([(1, 44, 1000)])
    found = indexed(data)

    def follow_for_ever() -> None:
        step = resolve(found, data, MEDIA_URL)
        for _ in range(20_000):
            step = resolve(found, data, MEDIA_URL, previous=step)

    with pytest.raises(MediaError, match="more than"):
        follow_for_ever()


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_an_index_or_a_media_error(data: bytes) -> None:
    found = indexed(sidx([(0, 1, 1)]))

    with suppress(MediaError):
        assert resolve(found, data, MEDIA_URL) is not None


@given(st.lists(st.tuples(st.just(0), st.integers(1, 10**6), st.integers(1, 10**6)), min_size=1))
def test_ranges_and_times_chain(rows: list[Row]) -> None:
    data = sidx(rows)
    found = indexed(data)

    index = done(resolve(found, data, MEDIA_URL))

    for one_segment, then in zip(index, list(index)[1:], strict=False):
        assert one_segment.end_us == then.start_us
        here, there = one_segment.entry.byte_range, then.entry.byte_range
        assert here is not None
        assert there is not None
        assert here.length is not None
        assert here.first + here.length == there.first


def test_a_media_playlist_is_resolved_too() -> None:
    master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\nv/media.m3u8\n"
    media = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n#EXTINF:2,\nb.ts\n#EXT-X-ENDLIST\n"
    presentation = parse_manifest(master, "https://cdn.example/m.m3u8")
    found = next(presentation.periods[0].representations)

    index = done(resolve(found, media.encode(), found.locations[0].url))

    assert [request_url(found.locations[0], s.entry.uri) for s in index] == [
        "https://cdn.example/v/a.ts",
        "https://cdn.example/v/b.ts",
    ]


def test_what_is_known_needs_no_resolving() -> None:
    with pytest.raises(ValueError, match="known already"):
        resolve(first(one(TEMPLATE)), b"", MEDIA_URL)


# References


@pytest.mark.parametrize(
    ("reference", "expected"),
    [  # RFC 3986 §5.4
        ("g:h", "g:h"), ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"), ("//g", "http://g"),
        ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q#s"),
        ("g#s", "http://a/b/c/g#s"), ("g?y#s", "http://a/b/c/g?y#s"), (";x", "http://a/b/c/;x"),
        ("g;x", "http://a/b/c/g;x"), ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"), ("..", "http://a/b/"), ("../", "http://a/b/"),
        ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"), ("/./g", "http://a/g"), ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."), (".g", "http://a/b/c/.g"), ("./../g", "http://a/b/g"),
        ("./g/.", "http://a/b/c/g/"), ("g/../h", "http://a/b/c/h"), ("g?y/./x", "http://a/b/c/g?y/./x"),
    ],
)  # fmt: skip
def test_references_are_resolved_as_the_rfc_does(reference: str, expected: str) -> None:
    assert resolve_url("http://a/b/c/d;p?q", reference) == expected
    assert resolve_url("store://a/b/c/d;p?q", reference) == expected.replace("http:", "store:")


@pytest.mark.parametrize(
    ("base", "reference", "expected"),
    [
        ("https://cdn.example", "a.mp4", "https://cdn.example/a.mp4"),
        ("https://cdn.example?x=1", "a.mp4", "https://cdn.example/a.mp4"),
        ("https://cdn.example/x/", " ../a b.mp4\n", "https://cdn.example/a b.mp4"),
        ("film/m.mpd", "a.mp4", "film/a.mp4"),
    ],
)
def test_bases_without_a_path_or_a_scheme_work(base: str, reference: str, expected: str) -> None:
    assert resolve_url(base, reference) == expected


def test_a_request_url_is_ascii_and_escapes_nothing_twice() -> None:
    place = Location("h", "https://cdn.example/x/")

    assert request_url(place, "ȧ%20b.mp4") == "https://cdn.example/x/%C8%A7%20b.mp4"
    assert request_url(place, "") == "https://cdn.example/x/"


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_resolves_to_text(base: str, reference: str) -> None:
    assert isinstance(resolve_url(base, reference), str)


def test_an_index_whose_levels_disagree_is_refused() -> None:
    top = sidx([(1, 100, 1000)])
    step = resolve(indexed(top), top, MEDIA_URL)

    with pytest.raises(MediaError, match="timescales"):
        resolve(indexed(top), sidx([(0, 5, 1)], timescale=7), MEDIA_URL, previous=step)


def test_an_index_that_goes_back_in_time_is_refused() -> None:
    top = sidx([(0, 10, 5000), (1, 100, 1000)])
    step = resolve(indexed(top), top, MEDIA_URL)

    with pytest.raises(MediaError, match="back in time"):
        resolve(indexed(top), sidx([(0, 5, 1)]), MEDIA_URL, previous=step)
