"""When the playhead moves: it starts, stalls, jumps, follows the clock and reaches the end."""

from core_titles import make_movie
from core_world import World

from netplay.core.messages import Cancel, Fetch, Hold, Play, Sought


def test_a_clock_behind_its_beginning_does_not_take_the_playhead_before_it() -> None:
    world = World(make_movie(5), drift_us=-40_000, script=[(2.0, Sought(6_000_000))])

    world.run()

    assert world.finished
    assert [play.position_us for play in world.of(Play)] == [0, 6_000_000]
    assert [hold.why for hold in world.of(Hold)] == ["seek", "end"]


def test_a_segment_that_plays_while_it_arrives_is_not_left_as_long_as_it_keeps_pace() -> None:
    """It began on the promise of arriving in time: leaving it would be a stall of our making."""
    world = World(make_movie(10), rate_bps=1_000_000)

    world.run()

    left = {cancel.fetch_id for cancel in world.of(Cancel)}
    assert world.stalls() == []
    assert left
    assert [
        fetch for fetch in world.of(Fetch) if fetch.number == 1 and fetch.fetch_id in left
    ] == []


def test_a_seek_to_where_a_segment_under_way_ends_stops_it() -> None:
    world = World(make_movie(10), script=[(1.5, Sought(6_000_000))])

    world.run()

    (cancel,) = [cancel for at_s, cancel in world.timed(Cancel) if at_s == 1.5]
    left = next(fetch for fetch in world.of(Fetch) if fetch.fetch_id == cancel.fetch_id)
    asked_s = next(at_s for at_s, f in world.timed(Fetch) if f.track == "video" and f.number == 4)
    assert left.number == 3
    assert asked_s == 1.5
