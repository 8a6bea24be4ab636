"""Each frame is shown at its moment; time is moved by hand and nothing sleeps."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from render_clips import (
    FRAME_US,
    RecordingSink,
    Rig,
    audio_clip,
    plainly_decoded,
    rig,
    video_clip,
    webvtt,
)

from netplay.core.messages import DecodeLagged, Finish, Flush, Hold, Play, Rendered
from netplay.io.source import Stream

pytestmark = pytest.mark.anyio

SECOND_US = 1_000_000


async def ready(player: Rig, frames: int = 6) -> None:
    """Let the video lane decode ahead."""
    await player.until(lambda: len(player.lane("video")) >= frames)


async def test_a_frame_is_shown_at_its_moment_and_not_before() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(25))
        await ready(player)
        player.play()

        player.step(FRAME_US - 1)
        await player.settle()
        before = player.sink.positions
        player.step(1)
        await player.settle()

        assert before == [0]
        assert player.sink.positions == [0, FRAME_US]


async def test_the_presenter_sleeps_until_the_next_frame_is_due() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(25))
        await ready(player)

        player.play()
        await player.settle()

        assert player.clock.stepped.next_us() == player.clock.now_us() + FRAME_US


async def test_at_twice_the_rate_frames_come_twice_as_soon() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(25))
        await ready(player)
        player.play(rate=2)

        player.step(FRAME_US // 2)
        await player.settle()

        assert player.sink.positions == [0, FRAME_US]


async def test_a_frame_whose_successor_is_due_is_dropped_and_counted() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(25))
        await ready(player)
        player.play()
        await player.settle()

        player.step(3 * FRAME_US)
        await player.until(lambda: len(player.sink.frames) == 2)
        player.step(4 * FRAME_US)
        await player.until(lambda: len(player.of(Rendered)) == 2)

        assert player.sink.positions[:2] == [0, 3 * FRAME_US]
        assert player.of(Rendered)[1].dropped >= 2


async def test_the_first_frame_after_a_stall_is_never_dropped() -> None:
    clip = video_clip(25)
    source = clip.between(0, 1).source(finished=False)
    async with rig() as player:
        player.hold()
        player.feed(1, source, last=True)
        player.play()
        player.renderer.perform(Hold(0, "stall"))

        player.play()
        player.step(10 * FRAME_US)
        await player.settle()
        source.add("video", list(clip.packets[1:]))
        source.finish()
        await player.until(lambda: bool(player.sink.frames))

        assert player.sink.positions[0] == 0


async def test_frames_that_keep_coming_late_are_told_as_a_lag() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(), last=True)
        await ready(player)
        player.play()
        await player.settle()

        for _ in range(5):
            player.step(SECOND_US // 4)
            await player.settle()
            await player.until(
                lambda: bool(len(player.lane("video"))) or player.is_through("video")
            )
        await player.until(lambda: bool(player.of(DecodeLagged)))

        lagged = player.of(DecodeLagged)[0]
        assert lagged.dropped > 0
        assert lagged.window_us >= SECOND_US


async def test_while_held_the_playhead_rests_and_nothing_more_is_shown() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(25))
        await ready(player)

        player.step(10 * SECOND_US)
        await player.settle()

        assert player.sink.positions == [0]


async def test_holding_in_a_frame_that_is_shown_shows_nothing_again() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(25))
        await ready(player)
        player.play()
        player.step(FRAME_US)
        await player.settle()

        player.renderer.perform(Hold(FRAME_US + 10_000, "pause"))
        player.step(SECOND_US)
        await player.settle()

        assert player.sink.positions == [0, FRAME_US]


async def test_holding_further_on_among_ready_frames_shows_the_one_that_covers() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(25))
        await ready(player)

        player.renderer.perform(Hold(3 * FRAME_US + 1, "seek"))
        await player.settle()

        assert player.sink.positions == [0, 3 * FRAME_US]


async def test_holding_past_the_last_frame_shows_the_last_frame() -> None:
    async with rig() as player:
        player.hold(10 * SECOND_US)
        player.feed(1, video_clip(25), last=True)

        await player.until(lambda: bool(player.sink.frames))

        assert player.sink.positions == [24 * FRAME_US]


async def test_media_that_begins_after_the_position_shows_its_first_frame() -> None:
    async with rig() as player:
        player.hold(0)
        player.feed(1, video_clip(25), offset_us=80_000)

        await player.until(lambda: bool(player.sink.frames))

        assert player.sink.positions == [80_000]


async def test_a_play_that_is_still_to_come_waits_for_its_moment() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(25))
        await ready(player)

        player.renderer.perform(Play(0, player.clock.now_us() + 500_000, Fraction(1)))
        player.step(500_000)
        await player.settle()
        early = player.sink.positions
        player.step(FRAME_US)
        await player.settle()

        assert early == [0]
        assert player.sink.positions == [0, FRAME_US]


async def test_rendered_comes_at_the_first_frame_and_at_most_four_times_a_second() -> None:
    async with rig() as player:
        player.feed(1, video_clip(50), last=True)
        player.play()

        await player.run_to_end()

        told = player.of(Rendered)
        apart = [b.at_us - a.at_us for a, b in pairwise(told)]
        assert told[0].frame_us == 0
        assert all(gap_us >= 250_000 for gap_us in apart)
        assert len(told) == 8


async def test_every_frame_shown_is_in_some_rendered() -> None:
    async with rig() as player:
        player.feed(1, video_clip(50), last=True)
        player.play()

        await player.run_to_end()
        player.step(SECOND_US)
        await player.settle()

        assert sum(event.frames for event in player.of(Rendered)) == 50


async def test_sound_is_handed_over_when_it_is_due() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, audio_clip(), track="audio")
        await player.until(lambda: len(player.lane("audio")) >= 10)
        before = len(player.sink.blocks)
        player.play()

        player.step(50_000)
        await player.settle()

        assert before == 0
        assert [block.position_us for block in player.sink.blocks] == [0, 21_333, 42_666]


async def test_a_sink_gets_sound_as_long_ahead_as_it_wants() -> None:
    async with rig(sink=RecordingSink(audio_ahead_us=100_000)) as player:
        player.hold()
        player.feed(1, audio_clip(), track="audio")
        await player.until(lambda: len(player.lane("audio")) >= 10)

        player.play()
        await player.until(lambda: len(player.sink.blocks) >= 5)

        assert player.sink.blocks[-1].position_us <= 100_000


async def test_pictures_follow_the_sound_that_is_heard() -> None:
    heard: list[int | None] = [None]
    async with rig(sink=RecordingSink(hears_us=lambda: heard[0])) as player:
        player.hold()
        player.feed(1, video_clip(25))
        await ready(player)
        player.play()
        await player.settle()

        heard[0] = 0
        player.step(2 * FRAME_US)
        await player.settle()
        behind = player.sink.positions
        heard[0] = 2 * FRAME_US
        player.step(FRAME_US)
        await player.settle()

        # The device had played nothing yet, so no picture was due either.
        assert behind == [0]
        assert player.sink.positions[-1] == 2 * FRAME_US


async def test_the_position_told_is_that_of_the_master_clock() -> None:
    heard: list[int | None] = [None]
    async with rig(sink=RecordingSink(hears_us=lambda: heard[0])) as player:
        player.hold()
        player.feed(1, video_clip(50))
        await ready(player)
        player.play()
        await player.settle()

        heard[0] = 5 * FRAME_US
        player.step(10 * FRAME_US)
        await player.until(lambda: len(player.of(Rendered)) == 2)

        assert player.of(Rendered)[1].position_us == 5 * FRAME_US
        assert player.of(Rendered)[1].av_offset_us == 0


async def test_the_offset_between_sound_and_picture_is_measured() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(50))
        player.feed(2, audio_clip(), track="audio")
        await ready(player)
        await player.until(lambda: len(player.lane("audio")) >= 10)
        player.play()
        await player.settle()

        player.step(FRAME_US + 7_000)
        await player.settle()
        player.step(250_000)
        await player.until(lambda: len(player.of(Rendered)) >= 2)

        offset_us = player.of(Rendered)[1].av_offset_us
        assert offset_us is not None
        assert 0 <= offset_us < FRAME_US


@pytest.mark.parametrize("rate", [Fraction(3, 2), Fraction(1, 2)])
async def test_sound_at_another_rate_lasts_as_long_as_the_playhead_takes(rate: Fraction) -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, audio_clip(), track="audio", last=True)
        player.play(rate=rate)

        await player.run_to_end("audio")

        samples = sum(block.frame.samples for block in player.sink.blocks)
        assert samples == pytest.approx(48_000 / rate, abs=6_000)
        covered = [block.position_us for block in player.sink.blocks]
        assert covered == sorted(covered)
        assert covered[-1] > 850_000


async def test_beyond_twice_the_rate_there_is_no_sound() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, audio_clip(), track="audio", last=True)
        player.play(rate=3)

        await player.run_to_end("audio")

        assert player.sink.blocks == []


async def test_the_sink_is_told_when_the_playhead_moves_and_rests() -> None:
    async with rig() as player:
        player.play()
        await player.settle()
        player.play(rate=2)
        player.renderer.perform(Hold(0, "pause"))
        player.renderer.perform(Flush("audio", 1, None))
        await player.settle()

        assert player.sink.orders == [
            ("move", Fraction(1)),
            ("move", Fraction(2)),
            ("move", Fraction(0)),
            ("flush", "audio", None),
        ]


CUES = """\
00:00.100 --> 00:00.300
one

00:00.200 --> 00:00.400
two
"""


async def test_cues_come_and_go_at_their_times() -> None:
    async with rig() as player:
        player.feed(1, webvtt(CUES), track="text", last=True)
        await player.until(lambda: len(player.lane("text")) == 2)
        player.play()

        for _ in range(5):
            player.step(100_000)
            await player.settle()

        assert player.sink.texts == [("one",), ("one", "two"), ("two",), ()]
        assert player.of(Rendered, "text")[0].frame_us == 100_000


async def test_a_cue_that_two_segments_tell_of_is_shown_once() -> None:
    async with rig() as player:
        player.feed(1, webvtt(CUES), track="text")
        player.feed(2, webvtt(CUES), track="text", last=True)
        await player.until(lambda: len(player.lane("text")) == 4)
        player.play()

        player.step(250_000)
        await player.settle()

        assert player.sink.texts[-1] == ("one", "two")


async def test_other_subtitles_replace_those_that_are_up() -> None:
    async with rig() as player:
        player.feed(1, webvtt(CUES), track="text")
        await player.until(lambda: len(player.lane("text")) == 2)
        player.play()
        player.step(150_000)
        await player.settle()

        player.renderer.perform(Flush("text", 1, None))
        await player.settle()

        assert player.sink.texts == [("one",), ()]


async def test_the_end_takes_subtitles_away_and_leaves_the_last_picture() -> None:
    async with rig() as player:
        player.feed(1, webvtt(CUES), track="text")
        await player.until(lambda: len(player.lane("text")) == 2)
        player.play()
        player.step(150_000)
        await player.settle()

        player.renderer.perform(Finish())
        await player.settle()

        assert player.sink.texts == [("one",), ()]
        assert player.sink.orders[-1] == ("move", Fraction(0))


async def test_each_frame_is_shown_once_in_order_whatever_holds_come_between() -> None:
    clip = video_clip(50)
    async with rig() as player:
        player.hold()
        player.feed(1, clip, last=True)
        for stop in range(1, 5):
            await ready(player)
            player.play(player.sink.positions[-1])
            for _ in range(3):
                player.step(FRAME_US)
                await player.settle()
            player.renderer.perform(Hold(player.sink.positions[-1] + stop, "pause"))
            await player.settle()
        player.play(player.sink.positions[-1])

        await player.run_to_end()

        assert player.sink.pictures == plainly_decoded(clip)


async def test_frames_that_a_jump_goes_past_are_neither_shown_nor_late() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(25))
        await ready(player)
        player.play()
        await player.settle()

        player.play(4 * FRAME_US + 1)
        await player.settle()
        player.renderer.perform(Hold(4 * FRAME_US + 1, "pause"))
        await player.settle()

        assert player.sink.positions == [0, 4 * FRAME_US]
        assert [event.dropped for event in player.of(Rendered)] == [0, 0]


async def test_what_was_shown_is_told_as_soon_as_the_playhead_rests() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(25))
        await ready(player)
        player.play()
        await player.settle()
        for _ in range(3):
            player.step(FRAME_US)
            await player.settle()

        player.renderer.perform(Hold(3 * FRAME_US, "end"))
        await player.settle()

        last = player.of(Rendered)[-1]
        assert (last.at_us, last.frame_us) == (player.clock.now_us(), 3 * FRAME_US)


async def test_sound_that_a_flush_took_away_does_not_move_the_playhead() -> None:
    heard: list[int | None] = [None]

    class Device(RecordingSink):
        def flush(self, stream: Stream, from_us: int | None) -> None:
            heard[0] = None

    async with rig(sink=Device(hears_us=lambda: heard[0])) as player:
        player.play()
        await player.settle()
        heard[0] = 100_000

        player.renderer.perform(Flush("audio", 1, None))
        player.play(10 * SECOND_US)
        player.step(1_000)
        await player.settle()

        assert player.renderer._presenter.motion.position(player.clock.now_us()) == 10_001_000


async def test_frames_from_before_a_flush_never_pass_for_those_of_the_new_generation() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(25))
        await ready(player)
        player.play()
        await player.settle()
        player.step(FRAME_US)
        await player.settle()

        player.renderer.perform(Flush("video", 1, None))
        player.renderer.perform(Hold(10 * FRAME_US, "seek"))
        await player.settle()
        before = [event.frame_us for event in player.of(Rendered) if event.generation == 1]
        player.feed(2, video_clip(25), generation=1, from_us=10 * FRAME_US)
        await player.until(lambda: player.of(Rendered)[-1].generation == 1)

        assert before == []
        assert player.of(Rendered)[-1].frame_us == 10 * FRAME_US
        assert sum(event.frames for event in player.of(Rendered)) == 3
