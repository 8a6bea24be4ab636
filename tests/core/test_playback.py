"""When the playhead moves: it starts, stalls, jumps, follows the clock and reaches the end."""

from __future__ import annotations

from fractions import Fraction

import pytest
from core_controllers import Scripted
from core_titles import even_index, make_movie, make_playlists, make_rep, of_periods
from core_world import REFUSED, Deed, World, faulty

from abr import controller
from netplay.core.messages import (
    Cancel,
    Fetch,
    Fetched,
    Finish,
    Flush,
    Hold,
    Paused,
    Play,
    RateSet,
    Rendered,
    Resumed,
    Sought,
    Tick,
)
from netplay.core.rules import SessionRules
from netplay.timeline import AdaptationSet, Period

SECOND = 1_000_000


# The start.


def test_on_a_slow_link_it_starts_with_a_second_held() -> None:
    """So slow that nothing is foreseen to arrive in time."""

    def slow() -> World:
        return World(make_movie(10), rate_bps=340_000, controller=Scripted([0]))

    began_s = slow().run(until_s=10).timed(Play)[0][0]

    before = slow().run(until_s=began_s - 0.001).session.status().ahead_us
    at_start = slow().run(until_s=began_s).session.status().ahead_us
    assert before < SECOND <= at_start


def test_on_a_fast_link_it_starts_when_what_is_on_its_way_will_be_in_time() -> None:
    """The segment comes four times as fast as it plays: no reason to wait for a second of it."""
    world = World(make_movie(10, ladder=[(1_000_000, 360)]), rate_bps=4_500_000).run()

    began_s = world.timed(Play)[0][0]
    assert began_s < 0.25
    assert world.stalls() == []


def test_a_lane_that_is_over_needs_no_foresight() -> None:
    """The sound lasts a moment; the picture must still be foreseen to come in time."""
    video = make_rep("0/v", "video", 1_000_000, even_index("v", 3))
    audio = make_rep("0/a", "audio", 128_000, even_index("a", 1, 300_000))
    sets = (AdaptationSet("v", "video", (video,)), AdaptationSet("a", "audio", (audio,)))

    world = World(of_periods(Period("0", 0, 6_000_000, sets)), rate_bps=1_600_000).run()

    began_s = world.timed(Play)[0][0]
    came_s = next(
        at_us / 1e6 for at_us, e, _ in world.log if isinstance(e, Fetched) and e.bytes > 100_000
    )
    assert began_s < came_s
    assert world.finished
    assert world.stalls() == []
    assert world.missed_us["video"] == 0


def test_paused_it_holds_the_first_frame_and_moves_only_when_it_is_told() -> None:
    world = World(make_movie(10), paused=True, script=[(5.0, Resumed())]).run()

    assert world.timed(Play)[0][0] == 5.0
    assert world.finished


def test_a_pause_and_a_resume_go_on_where_it_was() -> None:
    world = World(make_movie(10), script=[(5.0, Paused()), (9.0, Resumed())]).run()

    (hold,) = [hold for hold in world.of(Hold) if hold.why == "pause"]
    assert world.of(Play)[1].position_us == hold.position_us
    assert world.timed(Play)[1][0] == 9.0
    assert world.finished


def test_to_pause_what_rests_and_to_resume_what_moves_is_nothing() -> None:
    script: list[tuple[float, Deed]] = [
        (5.0, Paused()),
        (5.5, Paused()),
        (6.0, Resumed()),
        (6.5, Resumed()),
    ]

    world = World(make_movie(10), script=script).run()

    assert len([hold for hold in world.of(Hold) if hold.why == "pause"]) == 1
    assert len(world.of(Play)) == 2


@pytest.mark.parametrize("rate", [Fraction(1, 2), Fraction(3, 2), Fraction(2)])
def test_another_rate_plays_the_title_in_another_time(rate: Fraction) -> None:
    world = World(make_movie(20), rate_bps=20e6, script=[(2.0, RateSet(rate))]).run()

    began_s = world.timed(Play)[0][0]
    played_us = 2 * SECOND - round(began_s * 1e6)
    expected_us = 2 * SECOND + (40 * SECOND - played_us) / rate
    assert world.finished
    assert abs(world.now_us - expected_us) < 400_000
    assert world.stalls() == []


def test_a_rate_set_at_rest_is_that_of_the_next_move() -> None:
    script: list[tuple[float, Deed]] = [(1.0, RateSet(Fraction(2))), (2.0, Resumed())]

    world = World(make_movie(10), paused=True, script=script).run(until_s=3)

    assert [play.rate for play in world.of(Play)] == [Fraction(2)]


# Stalls.


def test_it_stalls_when_nothing_is_left_and_goes_on_with_two_seconds() -> None:
    world = World(make_movie(20), fault=faulty(REFUSED, from_s=3, until_s=20)).run()

    (stalled_s,) = world.stalls()
    resumed_s = next(at_s for at_s, _ in world.timed(Play) if at_s > stalled_s)
    assert resumed_s >= 20
    assert world.finished
    assert world.missed_us == {"video": 0, "audio": 0}


def test_after_a_stall_a_promise_is_not_enough() -> None:
    def stalling() -> World:
        return World(
            make_movie(20),
            rules=SessionRules(rebuffer_us=6 * SECOND),
            rate_bps=2e6,
            controller=Scripted([0]),
            fault=faulty(REFUSED, from_s=1, until_s=20),
        )

    world = stalling().run()

    (stalled_s,) = world.stalls()
    resumed_s = next(at_s for at_s, _ in world.timed(Play) if at_s > stalled_s)
    assert stalling().run(until_s=resumed_s).session.status().ahead_us >= 6 * SECOND


def test_a_segment_of_sound_a_frame_short_of_two_seconds_ends_a_stall_like_one_of_two() -> None:
    def stalling() -> World:
        video = make_rep("0/v", "video", 300_000, even_index("v", 10))
        audio = make_rep("0/a", "audio", 128_000, even_index("a", 10, 1_985_000))
        sets = (AdaptationSet("v", "video", (video,)), AdaptationSet("a", "audio", (audio,)))
        return World(
            of_periods(Period("0", 0, 19_850_000, sets)),
            rate_bps=1e6,
            fault=faulty(REFUSED, from_s=1, until_s=20),
        )

    world = stalling().run()

    (stalled_s,) = world.stalls()
    resumed_s = next(at_s for at_s, _ in world.timed(Play) if at_s > stalled_s)
    held_us = stalling().run(until_s=resumed_s).session.status().ahead_us
    assert 1_970_000 <= held_us < 2_000_000


# The clock.


def test_a_clock_behind_its_beginning_does_not_take_the_playhead_before_it() -> None:
    world = World(make_movie(5), drift_us=-40_000, script=[(2.0, Sought(6_000_000))])

    world.run()

    assert world.finished
    assert [play.position_us for play in world.of(Play)] == [0, 6_000_000]
    assert [hold.why for hold in world.of(Hold)] == ["seek", "end"]


@pytest.mark.parametrize("late_us", [-1_500, 1_500, 200_000])
def test_a_clock_that_is_elsewhere_is_followed(late_us: int) -> None:
    def report(world: World) -> Rendered:
        position_us = world.session.status(world.now_us).position_us
        return Rendered("video", 0, position_us + late_us, world.now_us, position_us)

    world = World(make_movie(10), renders=False, script=[(5.0, report)])

    before_us = world.run(until_s=4.999).position_us(5 * SECOND)
    after_us = world.run(until_s=5.0).session.status(5 * SECOND).position_us

    assert after_us - before_us == late_us


def test_a_clock_less_than_a_millisecond_away_is_the_same_clock() -> None:
    def report(world: World) -> Rendered:
        position_us = world.session.status(world.now_us).position_us
        return Rendered("video", 0, position_us + 900, world.now_us, position_us)

    world = World(make_movie(10), renders=False, script=[(5.0, report)])

    before_us = world.run(until_s=4.999).position_us(5 * SECOND)
    after_us = world.run(until_s=5.0).session.status(5 * SECOND).position_us

    assert after_us == before_us


# The end.


@pytest.mark.parametrize("renders", [True, False])
def test_the_end_is_said_once_the_last_frame_is_shown_or_should_have_been(renders: bool) -> None:
    world = World(make_movie(5), renders=renders).run()

    (end,) = [(at_s, hold) for at_s, hold in world.timed(Hold) if hold.why == "end"]
    ((finished_s, _),) = world.timed(Finish)
    assert end[1].position_us == 10_000_000
    waited_s = finished_s - end[0]
    # Word of the last frame comes within a frame of the end, or does not come.
    assert 0 <= waited_s < 0.041 if renders else waited_s == pytest.approx(0.25)


def test_news_of_a_moment_before_the_end_is_not_that_the_last_frame_was_shown() -> None:
    first = World(make_movie(5), renders=False).run()
    ended_s = next(at_s for at_s, hold in first.timed(Hold) if hold.why == "end")
    late = Rendered("video", 0, 9 * SECOND, round((ended_s - 1) * 1e6), 9 * SECOND)

    world = World(make_movie(5), renders=False, script=[(ended_s + 0.1, late)]).run()

    ((finished_s, _),) = world.timed(Finish)
    assert finished_s - ended_s == pytest.approx(0.25)


def test_after_the_end_nothing_happens_until_a_seek_plays_it_again() -> None:
    world = World(make_movie(5)).run()
    session, now_us = world.session, world.now_us

    rest = [session.handle(event, now_us + SECOND) for event in (Tick(), Resumed(), Paused())]
    wakeup_us = session.next_wakeup_us
    again = session.handle(Sought(2_000_000), now_us + 2 * SECOND)

    assert rest == [[], [], []]
    assert wakeup_us is None
    assert any(isinstance(action, Hold) and action.why == "seek" for action in again)


def test_a_title_of_playlists_ends_where_they_do() -> None:
    world = World(make_playlists(7)).run()

    (end,) = [hold for hold in world.of(Hold) if hold.why == "end"]
    assert end.position_us == 14_000_000


# Seeks.


def test_a_seek_within_what_is_held_fetches_nothing_again() -> None:
    world = World(make_movie(20), rate_bps=50e6, script=[(6.0, Sought(12_500_000))])

    world.run(until_s=5.9)
    held = set(world.watch.held)
    world.run()

    numbers = [number for _, number in world.segments()]
    assert held <= {fetch.fetch_id for fetch in world.of(Fetch)}
    assert len(numbers) == len(set(numbers))
    assert world.finished
    assert world.missed_us == {"video": 0, "audio": 0}


def test_a_seek_back_within_what_is_kept_fetches_nothing_again() -> None:
    world = World(make_movie(20), rate_bps=50e6, script=[(15.0, Sought(3_000_000))]).run()

    numbers = [number for _, number in world.segments()]
    assert len(numbers) == len(set(numbers))
    assert world.finished


def test_a_seek_back_behind_what_is_kept_fetches_it_anew() -> None:
    world = World(make_movie(30), rate_bps=50e6, script=[(45.0, Sought(1_000_000))]).run()

    assert [number for _, number in world.segments()].count(1) == 2
    assert world.finished
    assert world.missed_us == {"video": 0, "audio": 0}


def test_a_seek_elsewhere_stops_what_is_under_way_and_starts_there() -> None:
    world = World(make_movie(60), rate_bps=2e6, script=[(3.0, Sought(80_500_000))])

    world.run()

    asked = [fetch.number for at_s, fetch in world.timed(Fetch) if at_s == 3.0]
    assert len([cancel for at_s, cancel in world.timed(Cancel) if at_s == 3.0]) >= 1
    assert set(asked) == {41}
    assert {flush.track for flush in world.of(Flush)} == {"video", "audio"}
    assert next(p for at_s, p in world.timed(Play) if at_s > 3).position_us == 80_500_000


def test_a_newer_seek_supersedes_one_that_is_still_waiting() -> None:
    script = [(3.0, Sought(80_000_000)), (3.05, Sought(40_000_000)), (3.1, Sought(100_000_000))]

    world = World(make_movie(60), rate_bps=2e6, script=script).run()

    assert next(p for at_s, p in world.timed(Play) if at_s > 3).position_us == 100_000_000
    assert world.finished


def test_a_seek_past_the_end_goes_to_the_last_frame_and_one_before_the_start_to_the_first() -> None:
    script = [(3.0, Sought(10**12)), (5.0, Sought(-5))]

    world = World(make_movie(10), script=script).run()

    places = [hold.position_us for hold in world.of(Hold) if hold.why == "seek"]
    assert places == [19_999_999, 0]
    assert world.finished


@pytest.mark.parametrize("held", [True, False])
def test_a_seek_to_a_keyframe_goes_to_where_its_segment_begins(held: bool) -> None:
    target_us = 4_700_000 if held else 90_300_000

    world = World(make_movie(60), script=[(3.0, Sought(target_us, keyframe=True))]).run(until_s=4)

    (hold,) = [hold for hold in world.of(Hold) if hold.why == "seek"]
    assert hold.position_us == (4_000_000 if held else 90_000_000)


def test_a_seek_to_a_keyframe_that_no_playlist_tells_of_is_exact() -> None:
    script = [(0.0, Sought(7_300_000, keyframe=True))]

    world = World(make_playlists(10), script=script).run(until_s=1)

    (hold,) = [hold for hold in world.of(Hold) if hold.why == "seek"]
    assert hold.position_us == 7_300_000


def test_a_seek_while_paused_stays_paused_there() -> None:
    script: list[tuple[float, Deed]] = [(3.0, Paused()), (4.0, Sought(10_000_000))]

    world = World(make_movie(20), script=script).run(until_s=10)

    assert len(world.of(Play)) == 1
    assert world.session.status().position_us == 10_000_000
    assert world.session.status().state == "paused"


# Downloads and the playhead.


def test_a_segment_that_plays_while_it_arrives_is_not_left_as_long_as_it_keeps_pace() -> None:
    """It began on the promise of arriving in time: leaving it would be a stall of our making."""
    world = World(make_movie(10), rate_bps=1_000_000, controller=controller("hybrid-article"))

    world.run()

    left = {cancel.fetch_id for cancel in world.of(Cancel)}
    assert world.stalls() == []
    assert left
    assert [f for f in world.of(Fetch) if f.number == 1 and f.fetch_id in left] == []


def test_a_seek_to_where_a_segment_under_way_ends_stops_it() -> None:
    script: list[tuple[float, Deed]] = [(1.5, Sought(6_000_000))]
    world = World(make_movie(10), script=script, controller=controller("hybrid-article"))

    world.run()

    (cancel,) = [cancel for at_s, cancel in world.timed(Cancel) if at_s == 1.5]
    left = next(fetch for fetch in world.of(Fetch) if fetch.fetch_id == cancel.fetch_id)
    asked_s = next(at_s for at_s, f in world.timed(Fetch) if f.track == "video" and f.number == 4)
    assert left.number == 3
    assert asked_s == 1.5
