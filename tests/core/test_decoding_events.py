"""What decoders say: broken media is asked of another host, what no decoder takes is left."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from core_controllers import Scripted
from core_titles import make_movie
from core_world import MISSING, Fault, World

import abr
from netplay.core.device import Device, Preferences
from netplay.core.messages import (
    Decoded,
    DecodeFailed,
    DecodeLagged,
    Event,
    Evict,
    Fail,
    Fetch,
    Fetched,
    Flush,
    Opened,
    Removed,
    Rendered,
    Resolve,
    Tick,
)
from netplay.core.rules import SessionRules
from netplay.core.session import Session


def refusing(
    representation: str, number: int | None = None, *, host: str = ""
) -> Callable[[Fetch], str | None]:
    def refuses(fetch: Fetch) -> str | None:
        fits = fetch.representation.startswith(representation) and host in ("", fetch.host)
        return "garbage" if fits and number in (None, fetch.number) else None

    return refuses


def test_a_segment_that_does_not_decode_is_fetched_from_another_host() -> None:
    world = World(
        make_movie(10), controller=Scripted([2]), undecodable=refusing("0/v", 4, host="a")
    ).run()

    hosts = [
        fetch.host for fetch in world.of(Fetch) if fetch.track == "video" and fetch.number == 4
    ]
    assert hosts[:2] == ["a", "b"]
    assert world.finished
    assert world.missed_us == {"video": 0, "audio": 0}


def test_a_segment_broken_everywhere_is_taken_from_another_rung() -> None:
    world = World(make_movie(10), controller=Scripted([2]), undecodable=refusing("0/v2", 4)).run()

    assert [(r.representation, r.number) for r in world.of(Removed)] == [("0/v2", 4)]
    assert world.finished


def test_what_no_decoder_here_takes_goes_altogether() -> None:
    world = World(
        make_movie(10),
        controller=Scripted([3]),
        undecodable=refusing("0/v3"),
        media_to_blame=False,
    ).run()

    assert [(r.representation, r.number) for r in world.of(Removed)] == [("0/v3", None)]
    assert "0/v3" not in {name for name, number in world.segments() if number > 2}
    assert world.finished


def test_a_title_that_nothing_here_decodes_is_a_decode_error() -> None:
    world = World(make_movie(10), undecodable=refusing("0/v"), media_to_blame=False).run()

    assert world.failed is not None
    assert world.failed.error == "DecodeError"
    assert any("cannot be decoded: garbage" in said for _, said in world.failed.attempts)


def test_a_refused_segment_is_forgotten_and_its_lane_emptied_from_there() -> None:
    world = World(make_movie(10), undecodable=refusing("0/v", 4, host="a")).run()

    at, actions = next(
        (event, actions) for _, event, actions in world.log if isinstance(event, DecodeFailed)
    )
    flush, evict = actions[0], actions[1]
    assert isinstance(flush, Flush)
    assert flush.from_us == 6_000_000
    assert evict == Evict((at.fetch_id,), "cannot be decoded: garbage")


def lagging(dropped: int) -> Callable[[World], Event | None]:
    def deed(world: World) -> Event | None:
        generation = world.watch.generations.get("video", 0)
        return DecodeLagged("video", generation, dropped, 100 - dropped, 1_000_000)

    return deed


@pytest.mark.parametrize(("dropped", "left"), [(14, False), (15, True), (90, True)])
def test_a_rung_that_decodes_too_slowly_is_left_for_a_while(dropped: int, left: bool) -> None:
    rules = SessionRules(lag_ban_us=8_000_000, target_us=4_000_000)
    world = World(
        make_movie(20), controller=Scripted([3]), rules=rules, script=[(5.0, lagging(dropped))]
    ).run()

    during = {
        f.representation for at_s, f in world.timed(Fetch) if 5 < at_s < 13 and f.track == "video"
    }
    after = {f.representation for at_s, f in world.timed(Fetch) if at_s > 14 and f.track == "video"}
    assert during == ({"0/v2"} if left else {"0/v3"})
    assert after == {"0/v3"}
    assert world.finished


def test_the_lowest_rung_is_kept_however_slowly_it_decodes() -> None:
    world = World(make_movie(10), controller=Scripted([0]), script=[(5.0, lagging(90))]).run()

    assert {name for name, _ in world.segments()} == {"0/v0"}
    assert world.finished


def test_when_every_rung_left_is_banned_they_are_used_nevertheless() -> None:
    def only_top(request: Fetch | Resolve, now_us: int) -> Fault | None:
        return MISSING if request.representation in ("0/v0", "0/v1", "0/v2") else None

    world = World(
        make_movie(20),
        controller=Scripted([4]),
        fault=only_top,
        rules=SessionRules(target_us=4_000_000, lag_ban_us=10**9),
        script=[(5.0, lagging(90)), (9.0, lagging(90))],
    ).run()

    assert world.finished


def test_sound_that_lags_changes_nothing() -> None:
    event = DecodeLagged("audio", 0, 90, 10, 1_000_000)
    world = World(make_movie(10), script=[(5.0, event)]).run()

    assert world.finished


def test_the_hardware_that_decodes_is_in_the_status() -> None:
    world = World(
        make_movie(10), script=[(3.0, Decoded("video", 0, 0, 40_000, hardware="vaapi"))]
    ).run(until_s=3.5)

    lane = world.session.status().lane("video")
    assert lane is not None
    assert lane.hardware == "vaapi"


def test_the_playhead_follows_the_master_clock() -> None:
    world = World(
        make_movie(10),
        renders=False,
        script=[(3.0, lambda world: Rendered("video", 0, 2_000_000, world.now_us, 2_000_000))],
    ).run(until_s=3.5)

    position_us = world.session.status(world.now_us).position_us
    assert abs(position_us - 2_500_000) < 150_000


def test_a_failure_of_what_is_not_held_any_more_is_ignored() -> None:
    event = DecodeFailed("video", 0, 10**6, "long gone")

    world = World(make_movie(10), script=[(5.0, event)]).run()

    assert world.of(Removed) == []
    assert world.of(Fail) == []
    assert world.finished


def test_the_clock_is_that_of_the_picture_where_there_is_one() -> None:
    def report(world: World) -> Event:
        return Rendered("audio", 0, 0, world.now_us, 0)

    world = World(make_movie(10), renders=False, script=[(3.0, report)]).run(until_s=3.5)

    assert world.session.status(world.now_us).position_us > 3_000_000


def test_media_that_gives_no_frame_and_no_error_ends_in_an_error_and_not_in_waiting() -> None:
    session = Session(abr.controller("fixed"))
    title = make_movie(1, sound=[])
    actions = session.handle(
        Opened(title.presentation, Device(), Preferences(), 0, paused=False), 0
    )
    for action in actions:
        if isinstance(action, Fetch):
            session.handle(Fetched(action.fetch_id, 100, 1_000, 500, 0, 2_000_000), 1_000)

    assert session.next_wakeup_us is not None
    ended = session.handle(Tick(), session.next_wakeup_us)

    assert [action.error for action in ended if isinstance(action, Fail)] == ["DecodeError"]
