"""What the decoders are given, and when."""

from core_titles import (
    even_index,
    listed_index,
    make_movie,
    make_playlists,
    make_rep,
    of_periods,
)
from core_world import Fault, World

from netplay.core.device import Preferences
from netplay.core.messages import Feed, Fetch, Flush, Resolve, Sought
from netplay.timeline import AdaptationSet, Period


def test_what_was_fed_and_is_not_begun_survives_that_a_later_segment_is_taken_back() -> None:
    """Media is fed long before it is decoded; a Flush far ahead must not lose it."""

    def never_ends(request: Fetch | Resolve, now_us: int) -> Fault | None:
        sound = isinstance(request, Fetch) and request.track == "audio"
        return Fault(None, after_bytes=10**9) if sound and now_us > 10_000_000 else None

    world = World(
        make_movie(),
        fault=lambda request, now_us: never_ends(request, now_us) if request.host == "a" else None,
    )

    world.run()

    flush = next(flush for flush in world.of(Flush) if flush.track == "audio")
    assert flush.keeps
    assert world.finished
    assert world.missed_us == {"video": 0, "audio": 0}


def test_what_is_needed_within_a_moment_is_fed_while_it_arrives_and_the_rest_when_it_is_whole() -> (
    None
):
    world = World(make_movie(10)).run()

    video = [feed for feed in world.of(Feed) if feed.track == "video"]
    assert video[0].reason == "needed while it arrives"
    assert {feed.reason for feed in video[3:]} == {"complete"}


def test_nothing_of_an_ordinary_segment_is_cut_off() -> None:
    """An index may be off by frames; no frame may be lost for that."""
    world = World(make_movie(5)).run()

    feeds = world.of(Feed)
    assert {(feed.from_us, feed.until_us) for feed in feeds} == {(0, None)}
    assert [feed.last for feed in feeds if feed.track == "video"] == [False] * 4 + [True]


def test_after_an_exact_seek_nothing_before_it_is_shown() -> None:
    world = World(make_movie(20), script=[(2.0, Sought(10_700_000))]).run()

    after = [feed for feed in world.of(Feed) if feed.generation == 1 and feed.track == "video"]
    assert {feed.from_us for feed in after} == {10_700_000}


def test_media_without_a_place_is_placed_by_the_picture_for_every_lane() -> None:
    world = World(make_playlists(6)).run()

    assert {feed.offset_us for feed in world.of(Feed)} == {-7_000_000}
    assert world.finished


def test_each_discontinuity_is_placed_anew() -> None:
    world = World(make_playlists(8, joins=[4])).run()

    offsets = [feed.offset_us for feed in world.of(Feed) if feed.track == "video"]
    assert offsets == [-7_000_000] * 4 + [-14_000_000] * 4
    assert world.missed_us == {"video": 0, "audio": 0}


def test_sound_alone_places_itself() -> None:
    world = World(make_playlists(6), wants=Preferences(video=False)).run()

    assert world.finished
    assert {feed.track for feed in world.of(Feed)} == {"audio"}


def test_subtitles_without_a_place_wait_for_the_picture() -> None:
    texts = make_rep("0/t0", "text", 1_000, listed_index("t", 6))
    video = make_rep("0/v0", "video", 200_000, listed_index("v", 6))
    sets = (
        AdaptationSet("v", "video", (video,)),
        AdaptationSet("t", "text", (texts,), language="en"),
    )
    movie = of_periods(Period("0", 0, 12_000_000, sets))

    world = World(
        movie, wants=Preferences(text_languages=("en",)), rtt_us=10_000, rate_bps=1e6
    ).run()

    order = [feed.track for feed in world.of(Feed)]
    assert order[0] == "video"
    assert {feed.offset_us for feed in world.of(Feed)} == {-7_000_000}


def test_a_period_shows_nothing_beyond_its_end_nor_before_its_beginning() -> None:
    def period(number: int) -> Period:
        start_us = number * 6_000_000
        rep = make_rep(
            f"{number}/v", "video", 300_000, even_index("v", 3, 2_400_000, start_us=start_us)
        )
        sets = (AdaptationSet(f"{number}/v", "video", (rep,)),)
        return Period(str(number), start_us, start_us + 6_000_000, sets)

    world = World(of_periods(period(0), period(1))).run()

    limits = [(feed.from_us, feed.until_us) for feed in world.of(Feed)]
    assert limits == [(0, None)] * 2 + [(0, 6_000_000)] + [(6_000_000, None)] * 3
    assert world.missed_us == {"video": 0}


def test_a_first_segment_that_breaks_off_after_its_first_frames_starts_anew_elsewhere() -> None:
    def breaks(request: Fetch | Resolve, now_us: int) -> Fault | None:
        first = isinstance(request, Fetch) and request.number == 1 and not request.init
        return Fault("reset", after_bytes=130_000) if first and request.host == "a" else None

    world = World(make_movie(5, ladder=[(1_000_000, 540)]), rate_bps=1_500_000, fault=breaks).run()

    (flush,) = [flush for flush in world.of(Flush) if flush.track == "video"]
    assert flush.from_us == 0
    assert world.finished
    assert world.missed_us["video"] == 0


def test_a_segment_taken_back_when_it_was_played_already_does_not_stop_the_feeding() -> None:
    """All of it came but its end: it plays to its edge, is left for its silence, and is past."""

    def never_ends(request: Fetch | Resolve, now_us: int) -> Fault | None:
        sound = isinstance(request, Fetch) and request.track == "audio" and request.number == 2
        return Fault(None, after_bytes=10**9) if sound else None

    world = World(make_movie(6, hosts=["a"]), fault=never_ends).run()

    assert world.finished
    assert world.stalls() != []
    assert world.missed_us["audio"] <= 5_000
