"""An HLS media playlist read again: segments keep their place, deltas are completed."""

from __future__ import annotations

import pytest
from hls_playlists import URL, playlist, read, segments

from netplay.errors import ManifestError
from netplay.manifest.hls import live_of, read_media_playlist
from netplay.segments import SegmentIndex


def sliding(first: int, count: int, *extra: str) -> str:
    head = [f"#EXT-X-MEDIA-SEQUENCE:{first}", *extra]
    return playlist(*head, *segments(count, first=first), ended=False)


def refreshed(before: SegmentIndex, text: str) -> SegmentIndex:
    return read_media_playlist(text, URL, previous=before)


def test_a_segment_keeps_its_place_when_the_playlist_slides() -> None:
    before = read_media_playlist(sliding(10, 5), URL)

    after = refreshed(before, sliding(12, 5))

    assert [segment.number for segment in after] == [12, 13, 14, 15, 16]
    assert after[0].start_us == 12_000_000
    assert after[2] == before[4]


def test_segments_missed_altogether_leave_a_hole_of_their_length() -> None:
    before = read_media_playlist(sliding(10, 5), URL)

    after = refreshed(before, sliding(17, 2))

    assert after.start_us == before.end_us + 2 * 6_000_000


def test_a_playlist_that_goes_back_is_aligned_where_it_can_be_and_else_begins_behind() -> None:
    before = read_media_playlist(sliding(10, 5), URL)

    assert refreshed(before, sliding(8, 4)).start_us == -12_000_000
    assert refreshed(before, sliding(0, 4)).start_us == before.end_us


def test_discontinuities_go_on_being_counted_without_their_sequence() -> None:
    before = read_media_playlist(
        playlist(
            "#EXT-X-DISCONTINUITY", *segments(1), "#EXT-X-DISCONTINUITY", *segments(2, first=1)
        ),
        URL,
    )

    after = refreshed(before, sliding(2, 2))

    assert [segment.entry.continuity for segment in after] == [2, 2]


def test_a_delta_update_is_completed_from_what_was_read_before() -> None:
    full = [
        *('#EXT-X-MAP:URI="init.mp4"', '#EXT-X-KEY:METHOD=AES-128,URI="k"'),
        "#EXT-X-PROGRAM-DATE-TIME:2024-01-01T00:00:00Z",
        *segments(2),
        "#EXT-X-DISCONTINUITY",
        *("#EXTINF:6,", "#EXT-X-BYTERANGE:10@0", "2.m4s"),
    ]
    tail = ["#EXTINF:6,", "#EXT-X-BYTERANGE:5", "2.m4s", *segments(1, first=4)]
    before = read_media_playlist(playlist(*full, ended=False), URL)

    after = refreshed(before, playlist("#EXT-X-SKIP:SKIPPED-SEGMENTS=3", *tail, ended=False))

    assert list(after) == list(read_media_playlist(playlist(*full, *tail, ended=False), URL))
    assert after.playlist is not None
    assert after.playlist.skipped == 0


def test_a_delta_update_without_an_earlier_reading_says_how_much_is_missing() -> None:
    index = read(
        "#EXT-X-MEDIA-SEQUENCE:5", "#EXT-X-SKIP:SKIPPED-SEGMENTS=3", *segments(2), ended=False
    ).index

    assert index.playlist is not None
    assert index.playlist.skipped == 3
    assert [segment.number for segment in index] == [8, 9]


def test_a_delta_update_that_skips_what_was_never_read_is_refused() -> None:
    before = read_media_playlist(sliding(10, 2), URL)

    with pytest.raises(ManifestError, match="#EXT-X-SKIP: segments 10 to 14"):
        refreshed(before, sliding(10, 2, "#EXT-X-SKIP:SKIPPED-SEGMENTS=5"))


def test_a_live_playlist_tells_how_to_follow_it() -> None:
    index = read_media_playlist(sliding(0, 3, "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:01:00Z"), URL)

    live = live_of(index)

    assert live is not None
    assert (live.origin_utc_us, live.refresh_us, live.window_us) == (
        60_000_000,
        6_000_000,
        18_000_000,
    )


def test_live_playlists_read_for_the_first_time_are_placed_by_one_clock() -> None:
    text = sliding(0, 3, "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:01:00Z")

    index = read_media_playlist(text, URL, origin_utc_us=50_000_000)

    assert index.start_us == 10_000_000
