"""Other tracks while playing: what was heard goes on until what is wanted is there."""

from __future__ import annotations

from core_titles import make_movie
from core_world import Deed, World

from netplay.core.device import Device, Preferences
from netplay.core.messages import (
    Cancel,
    DeviceChanged,
    Evict,
    Fail,
    Feed,
    Fetch,
    Flush,
    NetworkChanged,
    NetworkMemory,
    Paused,
    Play,
    TracksChosen,
)

GERMAN = TracksChosen(Preferences(audio_languages=("de",)))
TEXT = TracksChosen(Preferences(text_languages=("en",)))
NO_TEXT = TracksChosen(Preferences())


def test_another_language_takes_over_a_little_ahead_and_nothing_is_missed() -> None:
    world = World(make_movie(20, sound=["en", "de"]), script=[(6.0, GERMAN)]).run()

    (flush,) = world.of(Flush)
    position_us = next(status for at_s, status in [(6.0, 6_000_000)] if at_s == 6.0) - round(
        world.timed(Play)[0][0] * 1e6
    )
    assert flush.track == "audio"
    assert flush.from_us is not None
    assert abs(flush.from_us - position_us - 1_000_000) < 1_000
    assert world.finished
    assert world.stalls() == []
    assert world.missed_us == {"video": 0, "audio": 0}


def test_only_what_the_new_language_needs_is_fetched() -> None:
    world = World(make_movie(20, sound=["en", "de"]), script=[(6.0, GERMAN)]).run()

    german = [number for name, number in world.segments("audio") if name == "0/a1"]
    pictures = [number for _, number in world.segments("video")]
    assert german == list(range(4, 21))
    assert len(pictures) == len(set(pictures))


def test_what_is_dropped_of_the_old_language_is_forgotten() -> None:
    world = World(make_movie(20, sound=["en", "de"]), script=[(6.0, GERMAN)]).run()

    evicted = {i for at_s, evict in world.timed(Evict) if at_s == 6.0 for i in evict.fetch_ids}
    late = {f.fetch_id for f in world.of(Fetch) if f.representation == "0/a0" and f.number > 4}
    assert late
    assert evicted == {i for i in late if i not in {c.fetch_id for c in world.of(Cancel)}}


def test_another_language_before_anything_came_leaves_nothing_to_forget() -> None:
    world = World(make_movie(10, sound=["en", "de"]), script=[(0.02, GERMAN)]).run()

    assert [evict for at_s, evict in world.timed(Evict) if at_s < 1] == []
    assert world.segments("audio")[1][0] == "0/a1"
    assert world.finished


def test_while_it_rests_another_language_takes_over_where_it_is() -> None:
    script: list[tuple[float, Deed]] = [(5.0, Paused()), (6.0, GERMAN)]
    world = World(make_movie(20, sound=["en", "de"]), script=script).run(until_s=10)

    assert world.session.status().lanes[1].language == "de"
    assert world.session.status().state == "paused"


def test_the_same_language_again_changes_nothing() -> None:
    world = World(
        make_movie(20, sound=["en", "de"]), wants=GERMAN.preferences, script=[(6.0, GERMAN)]
    ).run()

    assert world.of(Flush) == []


def test_subtitles_come_and_go_while_it_plays() -> None:
    script = [(4.0, TEXT), (10.0, NO_TEXT), (14.0, TEXT)]

    world = World(make_movie(20, texts=["en"]), script=script).run()

    generations = [feed.generation for feed in world.of(Feed) if feed.track == "text"]
    (off,) = world.of(Flush)
    assert (off.track, off.from_us) == ("text", None)
    assert set(generations) == {0, 1}
    assert world.finished
    assert world.stalls() == []


def test_subtitles_turned_off_before_anything_came_leave_nothing_to_forget() -> None:
    script: list[tuple[float, Deed]] = [(0.0, TEXT), (0.001, NO_TEXT)]

    world = World(make_movie(5, texts=["en"]), script=script).run()

    assert [evict for at_s, evict in world.timed(Evict) if at_s < 1] == []
    assert world.finished


def test_a_picture_that_is_turned_off_leaves_the_sound_playing() -> None:
    world = World(make_movie(20), script=[(6.0, TracksChosen(Preferences(video=False)))]).run()

    assert [lane.track for lane in world.session.status().lanes] == ["audio"]
    assert world.finished
    assert world.stalls() == []
    assert world.missed_us["audio"] == 0


def test_a_lower_limit_keeps_what_is_held_and_fetches_within_it() -> None:
    world = World(make_movie(20), script=[(6.0, TracksChosen(Preferences(max_height=360)))]).run()

    later = {
        f.representation for at_s, f in world.timed(Fetch) if at_s > 6.5 and f.track == "video"
    }
    assert world.of(Flush) == []
    assert later <= {"0/v0", "0/v1"}
    assert world.finished


def test_a_device_that_can_do_less_is_given_less() -> None:
    world = World(make_movie(20), script=[(6.0, DeviceChanged(Device(max_height=180)))]).run()

    later = {
        f.representation for at_s, f in world.timed(Fetch) if at_s > 6.5 and f.track == "video"
    }
    assert later <= {"0/v0"}
    assert world.finished


def test_another_network_is_seen_by_the_controller() -> None:
    event = NetworkChanged(NetworkMemory(), Device(network="cellular"))

    world = World(make_movie(20), script=[(6.0, event)]).run()

    assert world.finished
    assert world.of(Flush) == []


def test_turning_off_the_only_track_is_an_end_and_not_a_playhead_that_runs_for_ever() -> None:
    silent = TracksChosen(Preferences(video=False))

    world = World(make_movie(20, sound=[]), script=[(6.0, silent)]).run()

    assert [fail.error for fail in world.of(Fail)] == ["DecodeError"]
    assert not world.finished
