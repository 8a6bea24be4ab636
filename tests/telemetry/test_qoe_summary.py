"""What the viewer saw, summed up from what was decided and what happened."""

from __future__ import annotations

import json
import pickle
from fractions import Fraction

import pytest
from scripted import SECOND, at, opened, play, segment

from netplay.core.messages import (
    Cancel,
    DecodeFailed,
    Evict,
    Fail,
    Fetch,
    Fetched,
    FetchFailed,
    Finish,
    Flush,
    Hold,
    Paused,
    Progressed,
    Removed,
    Rendered,
    Resolve,
    Resolved,
    ResolveFailed,
    Resumed,
    Sought,
    Tick,
)
from netplay.segments import Listing, SegmentIndex
from netplay.telemetry import Qoe, Startup, Summary, played, summarise

TICK = Tick()


def test_a_session_that_has_not_begun_has_an_empty_summary() -> None:
    assert summarise([]) == Summary()


def test_start_up_is_split_into_its_phases() -> None:
    stream = [
        *at(100, opened(asked_us=40)),
        *at(110, Fetch(1, "video", "0/low", 0, "a", init=True)),
        *at(110, Fetch(2, "video", "0/low", 0, "a")),
        *at(150, Progressed(1, 0, 150, first_byte_at_us=150)),
        *at(180, Fetched(1, 500, 175, first_byte_at_us=150)),
        *at(200, Progressed(2, 900, 199, first_byte_at_us=160, media_until_us=SECOND)),
        *at(230, play(0, 230), Rendered("video", 0, 0, 229, 0)),
    ]

    startup = summarise(stream).startup

    assert startup == Startup(
        manifest_us=60,
        index_us=10,
        first_bytes_us=40,
        init_us=25,
        first_segment_us=24,
        decode_us=30,
        wait_us=190,
    )
    assert startup.first_frame_us == 189


def test_what_was_opened_paused_is_waited_for_from_the_moment_it_is_resumed() -> None:
    stream = [
        *at(100, opened(paused=True)),
        *at(200, Rendered("video", 0, 0, 200, 0)),
        *at(5_000, Resumed(), play(0, 5_000)),
    ]

    startup = summarise(stream).startup

    assert startup is not None
    assert startup.first_frame_us == 200
    assert startup.wait_us == 0


def test_nothing_is_said_of_a_start_before_the_first_frame() -> None:
    assert summarise(at(100, opened())).startup is None


def test_stalls_are_counted_and_measured_apart_from_play() -> None:
    stream = [
        *at(0, opened(), segment(1, "low", 0), play(0, 0)),
        *at(2 * SECOND, Hold(2 * SECOND, "stall")),
        *at(3 * SECOND, segment(2, "low", 1), play(2 * SECOND, 3 * SECOND)),
        *at(5 * SECOND, Hold(4 * SECOND, "end"), Finish()),
    ]

    summary = summarise(stream)

    assert (summary.stalls, summary.stalled_us) == (1, SECOND)
    assert (summary.played_us, summary.shown_us) == (4 * SECOND, 4 * SECOND)
    assert summary.stall_ratio == pytest.approx(0.2)
    assert summary.finished


def test_a_stall_that_goes_on_counts_up_to_the_last_message() -> None:
    qoe = Qoe()
    for now_us, message in at(0, opened(), play(0, 0)) + at(SECOND, Hold(SECOND, "stall")):
        qoe(now_us, message)

    qoe(3 * SECOND, TICK)
    first = qoe.summary()
    qoe(4 * SECOND, TICK)
    second = qoe.summary()

    assert (first.stalls, first.stalled_us) == (1, 2 * SECOND)
    assert (second.stalls, second.stalled_us) == (1, 3 * SECOND)


def test_bitrate_height_and_quality_are_weighted_by_the_time_they_were_shown() -> None:
    stream = [
        *at(0, opened(), segment(1, "low", 0), segment(2, "high", 1), play(0, 0)),
        *at(3 * SECOND, Hold(3 * SECOND, "pause")),
    ]

    summary = summarise(stream)

    assert summary.bitrate_bps == pytest.approx((2 * 100 + 1 * 300) / 3)
    assert summary.height == pytest.approx((2 * 180 + 1 * 720) / 3)
    assert summary.quality == pytest.approx((2 * 18 + 1 * 72) / 3)
    assert (summary.switches_up, summary.switches_down, summary.switches) == (1, 0, 1)


def test_a_faster_rate_shows_more_media_in_the_same_time() -> None:
    stream = [
        *at(0, opened(), segment(1, "low", 0), segment(2, "low", 1), play(0, 0, Fraction(2))),
        *at(2 * SECOND, TICK),
    ]

    summary = summarise(stream)

    assert (summary.played_us, summary.shown_us) == (2 * SECOND, 4 * SECOND)


def test_only_what_is_shown_counts_as_a_switch() -> None:
    stream = [
        *at(0, opened(), segment(1, "low", 0), segment(2, "high", 1), play(0, 0)),
        *at(SECOND, Flush("video", 1, 2 * SECOND), segment(3, "low", 1)),
        *at(4 * SECOND, TICK),
    ]

    summary = summarise(stream)

    assert summary.switches == 0
    assert summary.shown_us == 4 * SECOND


def test_a_segment_left_half_way_is_shown_up_to_there() -> None:
    stream = [
        *at(0, opened(), segment(1, "high", 0), play(0, 0)),
        *at(SECOND, Flush("video", 1, SECOND), segment(2, "low", 0, from_us=SECOND)),
        *at(2 * SECOND, TICK),
    ]

    records = list(played(stream))

    assert [(one.rung, one.duration_s) for one in records] == [(1, 1.0), (0, 1.0)]


def test_a_seek_is_no_stall_and_its_wait_is_kept_apart() -> None:
    stream = [
        *at(0, opened(), segment(1, "low", 0), play(0, 0)),
        *at(SECOND, Sought(10 * SECOND), Hold(10 * SECOND, "seek"), Flush("video", 1, None)),
        *at(2 * SECOND, segment(2, "low", 5), play(10 * SECOND, 2 * SECOND)),
        *at(3 * SECOND, TICK),
    ]

    summary = summarise(stream)

    assert (summary.seeks, summary.seek_wait_us, summary.stalls) == (1, SECOND, 0)
    assert summary.shown_us == 2 * SECOND


def test_what_a_jump_skips_was_not_shown() -> None:
    stream = [
        *at(0, opened(), segment(1, "low", 0), segment(2, "low", 1), play(0, 0)),
        *at(SECOND, play(3 * SECOND, SECOND)),
        *at(2 * SECOND, TICK),
    ]

    assert summarise(stream).shown_us == 2 * SECOND


def test_a_pause_is_neither_play_nor_stall() -> None:
    stream = [
        *at(0, opened(), segment(1, "low", 0), play(0, 0)),
        *at(SECOND, Paused(), Hold(SECOND, "pause")),
        *at(9 * SECOND, Resumed(), play(SECOND, 9 * SECOND)),
        *at(10 * SECOND, TICK),
    ]

    summary = summarise(stream)

    assert (summary.played_us, summary.stalled_us) == (2 * SECOND, 0)


def test_bytes_requests_and_failures_are_counted_by_host() -> None:
    stream = at(
        0,
        opened(),
        Resolve(7, "0/low", "a"),
        Resolved(7, SegmentIndex(1, (), Listing(())), bytes=50),
        Resolve(8, "0/high", "b"),
        ResolveFailed(8, "status", "404", status=404),
        Fetch(1, "video", "0/low", 0, "a"),
        Progressed(1, 400, 0),
        FetchFailed(1, "reset", "gone", bytes=450),
        Fetch(2, "video", "0/low", 0, "b"),
        Progressed(2, 300, 0),
        Cancel(fetch_id=2),
        Fetch(3, "video", "0/low", 0, "b"),
        Progressed(3, 25, 0),
    )

    summary = summarise(stream)

    assert summary.bytes_by_host == {"a": 500, "b": 325}
    assert summary.requests_by_host == {"a": 2, "b": 3}
    assert summary.failures == {"b": {"status": 1}, "a": {"reset": 1}}
    assert (summary.cancelled, summary.bytes, summary.requests) == (1, 825, 5)


def test_frames_and_the_offset_of_sound_are_summed_up() -> None:
    stream = at(
        0,
        opened(),
        Rendered("video", 0, 0, 0, 0, frames=10, dropped=2, av_offset_us=-3_000),
        Rendered("video", 0, 0, 0, 0, frames=5, av_offset_us=1_000),
        Rendered("audio", 0, 0, 0, 0, frames=99),
    )

    summary = summarise(stream)

    assert (summary.frames_shown, summary.frames_dropped) == (15, 2)
    assert (summary.av_offset_mean_us, summary.av_offset_max_us) == (2_000, 3_000)


def test_what_went_wrong_is_told() -> None:
    stream = [
        *at(0, opened(), play(0, 0), DecodeFailed("video", 0, 1, "?"), Removed("0/low", 3)),
        *at(SECOND, Fail("DeliveryError", "video/0", (("a", "503"), ("b", "refused")))),
        *at(2 * SECOND, TICK),
    ]

    summary = summarise(stream)

    assert summary.errors == ("DeliveryError: video/0 (a: 503; b: refused)",)
    assert (summary.decode_failures, summary.removed, summary.finished) == (1, 1, False)
    assert summary.played_us == SECOND


def test_each_segment_shown_is_told_with_the_stall_before_it() -> None:
    stream = [
        *at(0, opened(), segment(1, "low", 0), play(0, 0)),
        *at(2 * SECOND, Hold(2 * SECOND, "stall")),
        *at(3 * SECOND, segment(2, "high", 1), play(2 * SECOND, 3 * SECOND)),
        *at(4 * SECOND, TICK),
    ]

    records = list(played(stream))

    assert [(one.rung, one.bitrate_bps, one.duration_s, one.stall_s) for one in records] == [
        (0, 100, 2.0, 0.0),
        (1, 300, 1.0, 1.0),
    ]
    assert [(one.height, one.quality) for one in records] == [(180, 18.0), (720, 72.0)]


def test_a_summary_is_one_json_object() -> None:
    stream = [
        *at(0, opened(), segment(1, "low", 0), play(0, 0), Rendered("video", 0, 0, 0, 0)),
        *at(2 * SECOND, Hold(2 * SECOND, "end"), Finish()),
    ]

    plain = json.loads(json.dumps(summarise(stream).to_json(), allow_nan=False))

    assert plain["finished"] is True
    assert plain["bitrate_bps"] == 100
    assert plain["stall_ratio"] == 0
    assert plain["startup"]["first_frame_us"] == 0
    assert (plain["bytes"], plain["requests"], plain["switches"]) == (1000, 1, 0)


def test_a_long_session_keeps_no_more_than_a_short_one() -> None:
    qoe = Qoe()
    qoe(0, opened())
    kept = []
    for round_ in range(100):
        now_us = round_ * 20 * SECOND
        for number in range(10):
            for message in segment(round_ * 10 + number, "low", number):
                qoe(now_us, message)
        qoe(now_us, play(0, now_us))
        qoe(now_us + 20 * SECOND - 1, Evict(tuple(range(round_ * 10, round_ * 10 + 10))))
        qoe.played()
        kept.append(len(pickle.dumps(qoe)))

    assert kept[-1] <= kept[1] + 50  # the totals are longer numbers
