"""What is fetched, from where, in which order, and what is done when it does not come."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_controllers import Scripted, Unruly
from core_titles import (
    LADDER,
    Movie,
    even_index,
    listed_index,
    make_movie,
    make_playlists,
    make_rep,
    of_periods,
    sized_index,
    template,
)
from core_world import GONE, MISSING, REFUSED, SILENT, Fault, Faults, World, faulty

from abr.contract import Abandonment, Choice, Keep, Progress, Switch, View
from netplay.core.device import Device, Preferences
from netplay.core.messages import (
    Cancel,
    Connect,
    DeviceChanged,
    Evict,
    Fail,
    Fetch,
    Hold,
    Opened,
    Paused,
    Play,
    Progressed,
    Removed,
    Resolve,
    Sought,
    TracksChosen,
)
from netplay.core.rules import SessionRules
from netplay.core.session import Session
from netplay.segments import Run, SegmentIndex
from netplay.timeline import AdaptationSet, Period


def missing(
    representation: str = "0/v",
    number: int | None = None,
    *,
    init: bool | None = None,
    host: str = "",
    fault: Fault = MISSING,
) -> Faults:
    """Answer so for some Representations, segments, kinds of segment or hosts."""

    def answer(request: Fetch | Resolve, now_us: int) -> Fault | None:
        if not request.representation.startswith(representation):
            return None
        if host and request.host != host:
            return None
        if isinstance(request, Resolve):
            return None if init is not None or number is not None else fault
        if init is not None and request.init != init:
            return None
        return None if number is not None and request.number != number else fault

    return answer


def shown_numbers(world: World, track: str = "video") -> list[int]:
    """Return the numbers of the segments held at the end, or asked for last."""
    fetched = {f.number for f in world.watch.held.values() if f.track == track and not f.init}
    return sorted(fetched)


# The beginning.


def test_the_first_breath_asks_for_picture_and_sound_with_their_inits() -> None:
    world = World(make_movie()).run(until_s=0.001)

    first = world.log[0][2]
    assert [(f.track, f.init, f.urgent) for f in first if isinstance(f, Fetch)] == [
        ("video", True, True),
        ("video", False, True),
        ("audio", True, True),
        ("audio", False, True),
    ]


def test_playlists_of_one_rung_and_of_the_sound_are_fetched_first_and_side_by_side() -> None:
    world = World(make_playlists()).run(until_s=0.001)

    assert [type(action) for action in world.log[0][2]] == [Resolve, Resolve]


def test_media_without_init_segments_asks_for_none() -> None:
    world = World(make_movie(5, init=False)).run()

    assert world.finished
    assert not [fetch for fetch in world.of(Fetch) if fetch.init]


def test_an_init_segment_is_asked_for_once_a_representation() -> None:
    world = World(make_movie(10), controller=Scripted([0, 1, 0, 1, 0])).run()

    asked = [fetch.representation for fetch in world.of(Fetch) if fetch.init]
    assert sorted(asked) == ["0/a0", "0/v0", "0/v1"]


# Room.


def test_it_stops_at_the_target_and_goes_on_when_there_is_room() -> None:
    rules = SessionRules(target_us=10_000_000)
    world = World(make_movie(30), rate_bps=100e6, rules=rules)

    world.run(until_s=5)
    held_us = world.session.status().ahead_us
    world.run()

    assert 8_000_000 <= held_us <= 12_000_000
    assert world.finished
    assert world.stalls() == []


def test_while_paused_it_fills_up_and_then_rests() -> None:
    world = World(make_movie(60), rate_bps=100e6, script=[(2.0, Paused())])

    world.run(until_s=30)
    asked = len(world.of(Fetch))
    world.run(until_s=60)

    assert world.session.status().state == "paused"
    assert world.session.status().ahead_us >= 28_000_000
    assert len(world.of(Fetch)) == asked


def test_no_more_bytes_are_held_ahead_than_allowed() -> None:
    sizes = [1_000_000] * 30
    rules = SessionRules(max_buffer_bytes=4_000_000)
    movie = of_periods(
        Period(
            "0",
            0,
            60_000_000,
            (
                AdaptationSet(
                    "v", "video", (make_rep("0/v0", "video", 4_000_000, sized_index("v", sizes)),)
                ),
            ),
        )
    )
    world = World(movie, rate_bps=50e6, rules=rules)

    most = 0
    for second in range(1, 50):
        world.run(until_s=second)
        position_us = world.session.status().position_us
        lane = world.session._lanes["video"]
        most = max(most, lane.buffer.ahead_bytes(position_us))

    assert most == 4_000_000
    assert world.run().finished
    assert world.stalls() == []


def test_sound_does_not_run_far_ahead_of_the_picture() -> None:
    """The picture needs the whole link, and sound could be had many times as fast."""
    world = World(make_movie(30), rate_bps=700_000, controller=Scripted([1]))

    worst_us = 0
    for second in range(1, 30):
        world.run(until_s=second)
        lanes = {lane.track: lane.ahead_us for lane in world.session.status().lanes}
        worst_us = max(worst_us, lanes["audio"] - lanes["video"])

    assert worst_us <= SessionRules().lane_lead_us + 4_000_000


def test_better_sound_is_fetched_when_it_is_a_small_share_of_the_link() -> None:
    movie = make_movie(10)
    (period,) = movie.presentation.periods
    sounds = tuple(
        make_rep(f"0/a{bps}", "audio", bps, even_index("a", 10)) for bps in (64_000, 256_000)
    )
    movie = of_periods(replace(period, sets=(period.sets[0], AdaptationSet("a", "audio", sounds))))

    heard = {}
    for link_bps in (1e6, 10e6):
        world = World(movie, controller=Scripted([0], estimate_bps=link_bps)).run()
        heard[link_bps] = {name for name, _ in world.segments("audio")}

    assert heard[1e6] == {"0/a64000"}
    assert "0/a256000" in heard[10e6]


# Losses: rungs, segments, hosts.


@pytest.mark.parametrize("fault", [MISSING, GONE])
def test_a_representation_whose_init_nobody_has_is_removed_without_a_stall(fault: Fault) -> None:
    world = World(
        make_movie(20), controller=Scripted([2]), fault=missing("0/v2", init=True, fault=fault)
    ).run()

    assert [(r.representation, r.number) for r in world.of(Removed)] == [("0/v2", None)]
    assert world.finished
    assert world.stalls() == []


def test_a_representation_whose_first_segment_nobody_has_is_removed() -> None:
    world = World(make_movie(20), controller=Scripted([3]), fault=missing("0/v3", 1)).run()

    assert [(r.representation, r.number) for r in world.of(Removed)] == [("0/v3", None)]
    assert world.finished
    assert "0/v3" not in {name for name, _ in world.segments()[2:]}


def test_a_later_segment_that_nobody_has_is_taken_from_another_rung() -> None:
    world = World(make_movie(20), controller=Scripted([3]), fault=missing("0/v3", 8)).run()

    asked = [name for name, number in world.segments() if number == 8]
    assert [(r.representation, r.number) for r in world.of(Removed)] == [("0/v3", 8)]
    assert asked[:2] == ["0/v3", "0/v3"]
    assert asked[2] != "0/v3"
    assert ("0/v3", 9) in world.segments()
    assert world.finished
    assert world.stalls() == []


def test_one_host_without_a_file_is_no_loss() -> None:
    world = World(make_movie(20), fault=missing("0/v", 8, host="a")).run()

    assert world.of(Removed) == []
    assert world.finished


def test_a_segment_that_is_nowhere_fails_when_the_playhead_gets_there_and_not_before() -> None:
    world = World(make_movie(20), fault=missing("0/v", 8)).run()

    ((_, fail),) = world.timed(Fail)
    assert fail.error == "DeliveryError"
    assert fail.what == "video at 14.000 s"
    assert {host for host, _ in fail.attempts} == {"a", "b"}
    assert world.session.status().position_us >= 13_900_000
    assert world.session.status().state == "failed"


def test_a_viewer_who_seeks_past_a_hole_never_meets_it() -> None:
    world = World(make_movie(20), fault=missing("0/v", 8), script=[(5.0, Sought(20_000_000))]).run()

    assert world.failed is None
    assert world.finished


def test_a_last_segment_that_nobody_wrote_is_the_end() -> None:
    world = World(make_movie(10), fault=missing("0/v", 10)).run()

    assert world.failed is None
    assert world.finished


def test_a_title_that_nobody_has_fails_soon() -> None:
    world = World(make_movie(10), fault=missing("0/v")).run()

    assert world.now_us < 10_000_000
    assert world.failed is not None
    assert world.failed.error == "DeliveryError"


def test_subtitles_that_nobody_has_stop_no_film() -> None:
    world = World(
        make_movie(10, texts=["en"]),
        wants=Preferences(text_languages=("en",)),
        fault=missing("0/t"),
    ).run()

    assert world.finished
    assert world.failed is None
    assert world.stalls() == []


def test_a_subtitle_that_nobody_has_is_a_hole_and_the_next_ones_are_shown() -> None:
    world = World(
        make_movie(10, texts=["en"]),
        wants=Preferences(text_languages=("en",)),
        fault=missing("0/t", 4),
    ).run()

    assert world.finished
    assert world.stalls() == []


# Gaps.


def gappy(gaps: tuple[int, ...]) -> Movie:
    """Return a title of sound and picture that both lack some segments."""
    sets = tuple(
        AdaptationSet(
            f"0/{kind[0]}",
            kind,
            (make_rep(f"0/{kind[0]}0", kind, 500_000, listed_index(kind, 10, gaps=gaps)),),
        )
        for kind in ("video", "audio")
    )
    return of_periods(Period("0", 0, 20_000_000, sets))


def test_a_gap_in_everything_is_jumped() -> None:
    world = World(gappy((4, 5))).run()

    jumped_s, last = world.timed(Play)[-1]
    assert world.finished
    assert last.position_us == 12_000_000
    assert {at_s for at_s, play in world.timed(Play) if play.position_us} == {jumped_s}
    assert world.stalls() == []


def test_a_gap_at_the_beginning_is_jumped_before_anything_is_shown() -> None:
    world = World(gappy((0,))).run()

    assert world.of(Play)[0].position_us == 2_000_000
    assert world.finished


def test_a_gap_in_one_rung_is_filled_from_another() -> None:
    video = tuple(
        make_rep(f"0/v{r}", "video", bps, listed_index("v", 10, gaps=gaps))
        for r, (bps, gaps) in enumerate(((200_000, ()), (900_000, (3,))))
    )
    period = Period("0", 0, 20_000_000, (AdaptationSet("v", "video", video),))

    world = World(of_periods(period), controller=Scripted([1])).run()

    assert [name for name, number in world.segments() if number == 4] == ["0/v0"]
    assert world.finished
    assert world.missed_us == {"video": 0}


def test_a_gap_in_the_picture_alone_plays_on_with_sound() -> None:
    video = make_rep("0/v0", "video", 200_000, listed_index("v", 10, gaps=(4,)))
    audio = make_rep("0/a0", "audio", 128_000, listed_index("a", 10))
    sets = (AdaptationSet("v", "video", (video,)), AdaptationSet("a", "audio", (audio,)))

    world = World(of_periods(Period("0", 0, 20_000_000, sets))).run()

    assert world.finished
    assert [play.position_us for play in world.of(Play)] == [0]
    assert world.missed_us["audio"] == 0


def test_a_period_without_a_track_is_a_gap_in_its_lane() -> None:
    def period(number: int, *kinds: str) -> Period:
        start_us = number * 8_000_000
        sets = tuple(
            AdaptationSet(
                f"{number}/{kind}",
                kind,  # type: ignore[arg-type]  # one of the two
                (
                    make_rep(
                        f"{number}/{kind}",
                        kind,  # type: ignore[arg-type]  # one of the two
                        300_000,
                        even_index(kind, 4, start_us=start_us),
                    ),
                ),
            )
            for kind in kinds
        )
        return Period(str(number), start_us, start_us + 8_000_000, sets)

    movie = of_periods(period(0, "video", "audio"), period(1, "audio"), period(2, "video", "audio"))

    world = World(movie).run()

    assert world.finished
    assert world.stalls() == []
    assert world.missed_us["audio"] == 0


def test_media_that_runs_past_its_period_gives_way_to_the_next() -> None:
    def period(number: int, long_us: int) -> Period:
        start_us = number * 6_000_000
        rep = make_rep(
            f"{number}/v", "video", 300_000, even_index("v", 3, long_us, start_us=start_us)
        )
        return Period(
            str(number), start_us, start_us + 6_000_000, (AdaptationSet("v", "video", (rep,)),)
        )

    world = World(of_periods(period(0, 2_400_000), period(1, 2_000_000))).run()

    assert world.finished
    assert world.stalls() == []
    assert world.missed_us == {"video": 0}


def test_a_representation_shorter_than_its_period_leaves_a_gap() -> None:
    def period(number: int, count: int) -> Period:
        start_us = number * 8_000_000
        rep = make_rep(f"{number}/v", "video", 300_000, even_index("v", count, start_us=start_us))
        return Period(
            str(number), start_us, start_us + 8_000_000, (AdaptationSet("v", "video", (rep,)),)
        )

    world = World(of_periods(period(0, 3), period(1, 4))).run()

    assert [play.position_us for play in world.of(Play)] == [0, 8_000_000]
    assert world.finished


# Leaving a download.


def test_a_download_is_left_for_the_rung_the_controller_names() -> None:
    controller = Scripted([2], [Switch(0, "too slow"), Keep()])

    world = World(make_movie(10), rate_bps=2e6, controller=controller).run()

    (cancel,) = world.of(Cancel)
    number = {fetch.fetch_id: fetch.number for fetch in world.of(Fetch)}[cancel.fetch_id or 0]
    again = [name for name, n in world.segments() if n == number]
    assert "too slow" in cancel.reason
    assert again == ["0/v2", "0/v0"]
    assert world.finished


def test_a_download_is_left_for_a_rung_whose_playlist_must_come_first() -> None:
    controller = Scripted([2], [Switch(0, "too slow"), Keep()])

    world = World(make_playlists(10), rate_bps=2e6, controller=controller).run()

    asked = [name for name, n in world.segments() if n == 1]
    assert asked == ["0/v2", "0/v0"]
    assert [r.representation for r in world.of(Resolve)].count("0/v0") == 1
    assert world.finished


def test_a_controller_that_keeps_is_asked_again_when_it_said() -> None:
    controller = Scripted([2], [Keep(1_500_000), Keep()])

    World(make_movie(10), rate_bps=300_000, controller=controller, paused=True).run(until_s=3)

    first, second = (view.now_us for view, _ in controller.asked[:2])
    assert first < 1_500_000 <= second <= 1_600_000


def test_a_download_of_unannounced_size_is_taken_for_as_large_as_its_rung_is_on_average() -> None:
    controller = Scripted([2])
    session, movie = Session(controller), make_movie(10)
    opened = Opened(movie.presentation, Device(), Preferences(), asked_us=0)
    fetches = [one for one in session.handle(opened, 0) if isinstance(one, Fetch)]
    picture = next(one.fetch_id for one in fetches if one.track == "video" and not one.init)

    session.handle(Progressed(picture, 0, 100_000, first_byte_at_us=100_000), 100_000)

    ((view, progress),) = controller.asked
    assert progress.size_bytes == view.rungs[2].bitrate_bps * 2 / 8


def test_the_lowest_rung_is_never_left() -> None:
    controller = Scripted([0], [Switch(0, "down")])

    World(make_movie(5), controller=controller).run()

    assert controller.asked == []


@pytest.mark.parametrize("rung", [2, 7, -1])
def test_a_download_is_left_only_downwards(rung: int) -> None:
    world = World(make_movie(10), controller=Scripted([2], [Switch(rung)]))

    with pytest.raises(ValueError, match="the controller left rung 2"):
        world.run()


def test_a_rung_that_is_not_there_is_the_controllers_mistake() -> None:
    with pytest.raises(ValueError, match="the controller chose rung 5 of 5"):
        World(make_movie(10), controller=Unruly()).run()


def test_a_controller_that_waits_is_asked_again_after_its_wait() -> None:
    controller = Scripted([0], waits_s=[0.0, 1.5, 0.0])

    world = World(make_movie(10), controller=controller).run()

    second, third = (view.now_us for view in controller.views[1:3])
    assert third - second == 1_500_000
    assert world.finished


def test_a_wait_too_short_to_matter_is_no_livelock() -> None:
    controller = Scripted([0], waits_s=[1e-9] * 50 + [0.0])

    assert World(make_movie(3), controller=controller).run().finished


# Silence.


def test_a_silent_host_is_left_for_another_before_the_buffer_is_dry() -> None:
    world = World(
        make_movie(30),
        fault=faulty(SILENT, host="a", from_s=8),
    ).run()

    assert world.finished
    assert world.stalls() == []
    late = [fetch.host for at_s, fetch in world.timed(Fetch) if at_s > 15]
    assert late.count("a") <= 4 < late.count("b")


def test_the_only_host_is_given_all_the_patience_there_is() -> None:
    world = World(make_movie(30, hosts=["a"]), fault=faulty(SILENT))

    world.run(until_s=15)

    rules = SessionRules()
    assert min(at_s for at_s, _ in world.timed(Cancel)) == rules.patience_us / 1e6


def test_a_host_that_refuses_waits_before_it_is_asked_again_and_the_next_does_not() -> None:
    world = World(
        make_movie(30),
        fault=faulty(REFUSED, host="a", until_s=3),
    ).run()

    hosts = [(at_s, fetch.host) for at_s, fetch in world.timed(Fetch)]
    assert hosts[4][1] == "b"
    assert hosts[4][0] <= 0.05
    assert world.finished
    assert "a" in {host for at_s, host in hosts if at_s > 5}


def test_a_stall_in_which_nothing_comes_ends_in_a_failure() -> None:
    world = World(make_movie(30), fault=faulty(REFUSED, from_s=4)).run()

    stalled_s = world.stalls()[-1]
    ((failed_s, fail),) = world.timed(Fail)
    assert fail.error == "DeliveryError"
    assert {host for host, _ in fail.attempts} == {"a", "b"}
    assert failed_s - stalled_s <= SessionRules().give_up_us / 1e6 + 0.001


# Playlists that are one host's own.


def test_a_failing_host_with_its_own_playlist_is_left_for_another_and_its_playlist() -> None:
    world = World(
        make_playlists(20),
        fault=faulty(REFUSED, host="a", from_s=5),
    ).run()

    asked = {(r.representation, r.host) for r in world.of(Resolve)}
    assert world.finished
    assert world.stalls() == []
    assert ("0/a0", "a") in asked
    assert ("0/a0", "b") in asked


def test_a_document_that_holds_for_every_host_is_fetched_once() -> None:
    world = World(
        make_playlists(20, per_host=False),
        controller=Scripted([1]),
        fault=faulty(REFUSED, host="a", from_s=5),
    ).run()

    assert len(world.of(Resolve)) == 2
    assert world.finished


def test_a_rung_whose_playlist_nobody_has_is_removed() -> None:
    world = World(make_playlists(20), controller=Scripted([3]), fault=missing("0/v3")).run()

    assert [(r.representation, r.number) for r in world.of(Removed)] == [("0/v3", None)]
    assert world.finished


def test_hosts_that_number_the_same_segments_otherwise_are_asked_for_the_right_ones() -> None:
    movie = make_playlists(20, first_numbers={"a": 1, "b": 1001})

    world = World(movie, fault=faulty(REFUSED, host="a", from_s=5)).run()

    assert {fetch.number > 1000 for fetch in world.of(Fetch) if fetch.host == "b"} == {True}
    assert world.finished
    assert world.missed_us == {"video": 0, "audio": 0}


def test_a_playlist_without_segments_is_as_good_as_none() -> None:
    movie = make_playlists(10)
    empty = SegmentIndex(1, (), listed_index("x", 1).naming, timed=False)
    hidden = {key: empty if key[0] == "0/v2" else index for key, index in movie.hidden.items()}

    world = World(replace(movie, hidden=hidden), controller=Scripted([2])).run()

    assert ("0/v2", None) in [(r.representation, r.number) for r in world.of(Removed)]
    assert world.finished


def test_the_view_says_what_a_rung_would_cost_and_what_is_left() -> None:
    controller = Scripted([1])

    World(make_playlists(10), controller=controller).run(until_s=0.5)

    first, later = controller.views[0], controller.views[1]
    assert [rung.resolve_requests for rung in first.rungs] == [1] * len(LADDER)
    assert [rung.resolve_requests for rung in later.rungs] == [1, 0, 1, 1, 1]
    assert first.rung is None
    assert later.rung == 1
    assert later.remaining_segments == 9
    assert later.other_bps == 128_000


def test_a_choice_stands_while_its_playlist_is_on_its_way() -> None:
    class Fickle(Scripted):
        def choose(self, view: object) -> Choice:
            assert len(self.views) < 3, "asked again about the same segment"
            return super().choose(view)  # type: ignore[arg-type]  # a View

    world = World(make_playlists(2), controller=Fickle([2]), rtt_us=500_000)

    assert world.run().finished


def test_a_stall_is_announced_with_the_lane_that_ran_out() -> None:
    world = World(make_movie(10), rate_bps=150_000).run()

    stall = next(hold for hold in world.of(Hold) if hold.why == "stall")
    assert "video" in stall.reason


def test_a_title_that_still_grows_waits_at_its_edge_for_more() -> None:
    growing = make_rep("0/v0", "video", 300_000, even_index("v", 4, ended=False))
    sets = (AdaptationSet("v", "video", (growing,)),)
    movie = of_periods(Period("0", 0, None, sets), duration_us=None)

    world = World(movie).run(until_s=60)

    assert world.session.status().state == "stalled"
    assert world.session.status().position_us == 8_000_000
    assert world.of(Fail) == []


def test_subtitles_of_a_period_without_an_end_stop_where_they_are_missing() -> None:
    texts = make_rep("0/t0", "text", 1_000, even_index("t", 6))
    video = make_rep("0/v0", "video", 300_000, even_index("v", 6))
    sets = (
        AdaptationSet("v", "video", (video,)),
        AdaptationSet("t", "text", (texts,), language="en"),
    )
    movie = of_periods(Period("0", 0, None, sets), duration_us=None)

    world = World(movie, wants=Preferences(text_languages=("en",)), fault=missing("0/t", 3)).run()

    assert world.finished


def test_a_limit_that_comes_while_a_segment_arrives_lets_it_arrive() -> None:
    """The rung under way is not among those that may be asked for: nobody asks about it."""
    controller = Scripted([3], [Keep(0)])

    world = World(
        make_movie(20),
        rate_bps=2.6e6,
        controller=controller,
        script=[(1.0, TracksChosen(Preferences(max_height=360)))],
    ).run()

    assert {name for name, _ in world.segments()[3:]} == {"0/v1"}
    assert world.finished


def test_a_hole_in_the_timeline_of_a_representation_is_a_gap() -> None:
    runs = (Run(0, 2_000_000, 3), Run(8_000_000, 2_000_000, 3))
    index = SegmentIndex(1_000_000, runs, template("v"), first_number=1)
    rep = make_rep("0/v0", "video", 300_000, index)
    movie = of_periods(Period("0", 0, 14_000_000, (AdaptationSet("v", "video", (rep,)),)))

    world = World(movie).run()

    assert [play.position_us for play in world.of(Play)] == [0, 8_000_000]
    assert world.finished


def test_long_segments_wait_until_they_fit() -> None:
    rules = SessionRules(target_us=30_000_000, max_buffer_us=36_000_000)
    world = World(make_movie(12, 12_000_000), rate_bps=50e6, rules=rules)

    most_us = 0
    for second in range(1, 100):
        most_us = max(most_us, world.run(until_s=second).session.status().ahead_us)

    assert 24_000_000 <= most_us <= 36_000_000
    assert world.run().finished
    assert world.stalls() == []


def test_a_codec_that_is_lost_while_a_later_period_arrives_leaves_that_alone() -> None:
    def period(number: int, codec: str) -> Period:
        start_us = number * 8_000_000
        reps = tuple(
            make_rep(
                f"{number}/v{rung}",
                "video",
                300_000 * (1 + 9 * rung),
                even_index("v", 4, start_us=start_us),
                codecs=(codec,),
            )
            for rung in range(2)
        )
        sets = (AdaptationSet(f"{number}/v", "video", reps),)
        return Period(str(number), start_us, start_us + 8_000_000, sets)

    movie = of_periods(period(0, "avc1.640028"), period(1, "hvc1.1.6.L120.90"))
    world = World(
        movie,
        rate_bps=3.5e6,
        controller=Scripted([1], [Keep(0)]),
        script=[(7.2, DeviceChanged(Device(software=("h264",))))],
    )

    world.run()

    assert world.finished


def test_short_segments_are_gathered_before_it_starts() -> None:
    world = World(make_movie(40, 400_000), rate_bps=2.5e6, controller=Scripted([2])).run()

    assert world.finished
    assert world.stalls() == []


class Hasty(Scripted):
    """Leaves every download that takes three seconds."""

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        left_s = 3.0 - progress.elapsed_s
        return Keep(view.now_us + round(left_s * 1e6)) if left_s > 0 else Switch(0, "three seconds")


def test_a_silent_host_is_not_taken_for_a_rung_too_high() -> None:
    world = World(
        make_movie(30),
        controller=Hasty([2]),
        fault=faulty(Fault(None, after_bytes=20_000), host="a", from_s=6),
    ).run()

    left = {cancel.fetch_id: cancel.reason for cancel in world.of(Cancel)}
    first = next(f for f in world.of(Fetch) if f.fetch_id in left and f.track == "video")
    asked = [(f.representation, f.host) for f in world.of(Fetch) if f.number == first.number]
    assert left[first.fetch_id].startswith("silent for")
    assert ("0/v2", "b") in asked
    assert "0/v0" not in {name for name, _ in asked}
    assert world.finished


def test_with_one_host_there_is_none_to_connect_to_ahead_of_need() -> None:
    alone = World(make_movie(3, hosts=["a"])).run()
    paired = World(make_movie(3)).run()

    assert alone.of(Connect) == []
    assert [connect.host for connect in paired.of(Connect)] == ["b"]


def test_a_gap_that_was_passed_is_dropped_and_nothing_is_forgotten_for_it() -> None:
    rules = SessionRules(back_us=1_000_000)

    world = World(gappy((2,)), rules=rules).run()

    evicted = [fetch_id for evict in world.of(Evict) for fetch_id in evict.fetch_ids]
    assert world.finished
    assert len(evicted) == len(set(evicted)) >= 10


def test_a_last_segment_is_known_from_whichever_playlist_was_read() -> None:
    lowest, last = missing("0/v0"), missing("0/v", 5)

    world = World(
        make_playlists(5),
        controller=Scripted([2]),
        fault=lambda request, now_us: lowest(request, now_us) or last(request, now_us),
    ).run()

    assert ("0/v0", None) in [(r.representation, r.number) for r in world.of(Removed)]
    assert world.failed is None
    assert world.finished


def test_nothing_left_to_play_of_a_period_is_no_end_of_it() -> None:
    """Every rung is gone before its playlist was read: there is no last segment to speak of."""
    world = World(make_playlists(5), fault=missing("0/v")).run()

    assert world.failed is not None
    assert world.failed.error == "DeliveryError"
