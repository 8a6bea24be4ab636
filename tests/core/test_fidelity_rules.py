"""Rules by which another player's behaviour is written as data."""

from __future__ import annotations

from core_controllers import Scripted
from core_titles import make_movie
from core_world import World

from abr.contract import Keep, Switch
from netplay.core.messages import Cancel, Fetch
from netplay.core.rules import SessionRules


def test_the_first_segment_may_be_of_a_rung_that_is_set() -> None:
    world = World(make_movie(5), controller=Scripted([3]), rules=SessionRules(first_rung=1)).run()

    assert [name for name, _ in world.segments()] == ["0/v1"] + ["0/v3"] * 4


def test_a_first_rung_above_the_ladder_is_its_top() -> None:
    world = World(make_movie(3), controller=Scripted([0]), rules=SessionRules(first_rung=99)).run()

    assert world.segments()[0][0] == "0/v4"


def test_where_nothing_is_left_half_way_the_controller_is_not_asked() -> None:
    controller = Scripted([2], [Switch(0, "down")])

    world = World(
        make_movie(5), rate_bps=1e6, controller=controller, rules=SessionRules(abandons=False)
    ).run()

    assert controller.asked == []
    assert world.of(Cancel) == []
    assert world.finished


def test_after_leaving_a_download_the_controller_may_be_asked_anew() -> None:
    controller = Scripted([2, 1, 2], [Switch(0, "down"), Keep()])

    world = World(
        make_movie(5), rate_bps=2e6, controller=controller, rules=SessionRules(asks_anew=True)
    ).run()

    assert [name for name, number in world.segments() if number == 1] == ["0/v2", "0/v1"]
    assert world.finished


def test_what_was_left_may_be_kept_from_the_estimate() -> None:
    brought = {}
    for measures in (True, False):
        controller = Scripted([2], [Keep(700_000), Switch(0, "down"), Keep()])
        World(
            make_movie(3),
            rate_bps=1e6,
            controller=controller,
            rules=SessionRules(measures_left=measures),
        ).run()
        brought[measures] = sum(sample.bytes for sample in controller.samples)

    assert brought[True] > brought[False] > 0


def test_a_full_lane_may_look_for_room_only_after_whole_naps() -> None:
    rules = SessionRules(target_us=6_000_000, nap_us=500_000)

    world = World(make_movie(20), rate_bps=50e6, controller=Scripted([0]), rules=rules).run()

    asked_s = [at_s for at_s, f in world.timed(Fetch) if f.track == "video" and f.number > 6]
    plain = World(
        make_movie(20),
        rate_bps=50e6,
        controller=Scripted([0]),
        rules=SessionRules(target_us=6_000_000),
    ).run()
    plain_s = [at_s for at_s, f in plain.timed(Fetch) if f.track == "video" and f.number > 6]
    assert world.finished
    assert all(late >= soon for late, soon in zip(asked_s, plain_s, strict=True))
    assert asked_s != plain_s


def test_a_download_may_be_looked_at_first_after_a_while() -> None:
    first_us = []
    for rules in (SessionRules(), SessionRules(first_look_us=700_000)):
        controller = Scripted([2], [Keep()])
        World(make_movie(3), rate_bps=1e6, controller=controller, rules=rules).run()
        first_us.append(min(round(progress.elapsed_s * 1e6) for _, progress in controller.asked))

    at_once_us, later_us = first_us
    assert at_once_us < 700_000 <= later_us
