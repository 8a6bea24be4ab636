"""What a screen is told, and what it takes to go on later."""

from __future__ import annotations

from fractions import Fraction

from core_titles import even_index, make_movie, make_playlists, make_rep, of_periods
from core_world import REFUSED, World, faulty

import abr
from netplay.core.device import Device, Preferences
from netplay.core.messages import Paused, RateSet, Sought
from netplay.core.session import Session
from netplay.core.status import Bookmark
from netplay.segments import Protection
from netplay.timeline import AdaptationSet, Period


def test_before_anything_was_opened_there_is_nothing_to_tell() -> None:
    status = Session(abr.controller("hybrid")).status()

    assert status.state == "opening"
    assert status.lanes == ()
    assert status.bookmark == Bookmark(0)
    assert status.lane("video") is None


def test_it_says_what_it_is_doing() -> None:
    world = World(
        make_movie(10),
        fault=faulty(REFUSED, from_s=8.5),
        script=[(3.0, Paused()), (6.0, Sought(18_000_000))],
    )

    seen = [
        world.run(until_s=until_s).session.status().state for until_s in (0.001, 2.0, 4.0, 6.001)
    ]

    assert seen == ["starting", "playing", "paused", "seeking"]


def test_it_tells_of_a_stall_a_failure_and_the_end() -> None:
    stalled = World(make_movie(30), fault=faulty(REFUSED, from_s=3)).run(until_s=30)
    failed = World(make_movie(30), fault=faulty(REFUSED)).run()
    ended = World(make_movie(5)).run()

    states = [world.session.status().state for world in (stalled, failed, ended)]

    assert states == ["stalled", "failed", "ended"]
    assert stalled.session.status().stalls == 1


def test_a_lane_tells_what_is_shown_and_what_is_fetched() -> None:
    world = World(make_movie(30), rate_bps=3e6).run(until_s=3.0)

    lane = world.session.status().lane("video")

    assert lane is not None
    assert lane.representation.startswith("0/v")
    assert lane.rungs == 5
    assert lane.bitrate_bps > 0
    assert lane.height in (180, 360, 540, 720, 1080)
    assert lane.ahead_us > 0
    assert lane.buffered_us[0][0] == 0
    assert (lane.fetching[:3], lane.host) == ("0/v", "a")


def test_time_goes_on_between_events() -> None:
    world = World(make_movie(30)).run(until_s=3.0)

    soon = world.session.status(world.now_us + 500_000)

    assert soon.position_us - world.session.status(world.now_us).position_us == 500_000


def test_the_rate_is_told() -> None:
    world = World(make_movie(30), script=[(2.0, RateSet(Fraction(3, 2)))]).run(until_s=3.0)

    assert world.session.status().rate == 1.5


def test_a_bookmark_goes_on_where_and_with_what_the_viewer_was() -> None:
    wants = Preferences(audio_languages=("de",))
    first = World(make_movie(30, sound=["en", "de"]), wants=wants).run(until_s=12.0)
    mark = first.session.status().bookmark

    again = World(
        make_movie(30, sound=["en", "de"]),
        wants=Preferences(audio_languages=mark.audio_languages, sets=mark.sets),
        start_us=mark.position_us,
    ).run(until_s=2.0)

    assert mark.position_us > 10_000_000
    assert mark.sets == ("0/v", "0/a1")
    assert again.session.status().bookmark.sets == mark.sets
    assert again.session.status().position_us >= mark.position_us
    assert again.segments("audio")[0][0] == "0/a1"


def test_the_length_of_playlists_is_known_once_they_are_read() -> None:
    world = World(make_playlists(10))

    before = world.run(until_s=0.001).session.status().duration_us
    after = world.run(until_s=1.0).session.status().duration_us

    assert (before, after) == (None, 20_000_000)


def test_where_the_author_wants_to_begin() -> None:
    period = make_movie(20).presentation.periods[0]

    starts = [
        World(of_periods(period, start_us=start_us)).run(until_s=0.001).session.status().position_us
        for start_us in (None, 5_000_000, -6_000_000, 10**9)
    ]

    assert starts == [0, 5_000_000, 34_000_000, 39_999_999]


def test_a_title_locked_in_every_rung_is_a_license_error() -> None:
    locked = make_rep("0/v0", "video", 1, even_index("v", 3), protections=(Protection("widevine"),))
    movie = of_periods(Period("0", 0, 6_000_000, (AdaptationSet("v", "video", (locked,)),)))

    world = World(movie).run()

    assert world.failed is not None
    assert world.failed.error == "LicenseError"
    assert world.failed.attempts[0][0] == "0/v0"


def test_a_title_that_nothing_here_can_decode_is_a_decode_error() -> None:
    world = World(make_movie(3, sound=[]), device=Device(software=())).run()

    assert world.failed is not None
    assert world.failed.error == "DecodeError"
    assert world.failed.attempts[0][1] == "no decoder for h264"


def test_a_title_without_segments_is_a_manifest_error() -> None:
    world = World(make_movie(0)).run()

    assert world.failed is not None
    assert world.failed.error == "ManifestError"


def test_after_a_failure_it_says_and_does_nothing_more() -> None:
    world = World(make_movie(3, sound=[]), device=Device(software=())).run()

    assert world.session.handle(Sought(1_000_000), world.now_us + 1) == []
    assert world.session.next_wakeup_us is None
