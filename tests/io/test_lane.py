"""Segments become frames in order, whatever the Feeds and Flushes."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from render_clips import FRAME_US, audio_clip, multiplex, plainly_decoded, rig, video_clip

from netplay.core.messages import Decoded, DecodeFailed, Flush, Rendered
from netplay.io.show.render import RenderSettings
from netplay.io.source import Config, Packet, Source

pytestmark = pytest.mark.anyio

SECOND_US = 1_000_000
FEED_FRAMES = 25


async def test_frames_are_those_of_a_plain_decode_in_order_with_reordering() -> None:
    clip = video_clip()
    async with rig() as player:
        player.feed(1, clip, last=True)
        player.play()

        await player.run_to_end()

        assert player.sink.pictures == plainly_decoded(clip)
        assert len(player.sink.frames) == 50


@pytest.mark.parametrize("encoder", ["libvpx-vp9", "libsvtav1"])
async def test_every_codec_family_gives_the_frames_of_a_plain_decode(encoder: str) -> None:
    clip = video_clip(25, bframes=0, encoder=encoder)
    async with rig() as player:
        player.feed(1, clip, last=True)
        player.play()

        await player.run_to_end()

        assert player.sink.pictures == plainly_decoded(clip)


async def test_frames_come_out_in_full_however_the_stream_is_cut_into_feeds() -> None:
    clip = video_clip()
    async with rig() as player:
        player.feed(1, clip.between(0, 10))
        player.feed(2, clip.between(10, 31))
        player.feed(3, clip.between(31, 50), last=True)
        player.play()

        await player.run_to_end()

        assert player.sink.pictures == plainly_decoded(clip)


async def test_the_first_frame_comes_out_before_its_segment_is_complete() -> None:
    clip = video_clip()
    source = clip.between(0, 4).source(finished=False)
    async with rig() as player:
        player.hold()
        player.feed(1, source)

        await player.until(lambda: bool(player.sink.frames))

        assert player.sink.positions == [0]
        assert player.of(Decoded) == [Decoded("video", 0, 0, FRAME_US)]
        assert player.of(Rendered) == [Rendered("video", 0, 0, player.clock.now_us(), 0)]
        assert not source.finished


async def test_the_rest_of_a_segment_is_decoded_as_it_arrives() -> None:
    clip = video_clip(25)
    source = clip.between(0, 5).source(finished=False)
    async with rig() as player:
        player.feed(1, source, last=True)
        player.play()
        await player.until(lambda: bool(player.sink.frames))

        source.add("video", list(clip.packets[5:]))
        source.finish()
        await player.run_to_end()

        assert player.sink.pictures == plainly_decoded(clip)


async def test_frames_that_end_where_showing_begins_are_decoded_and_not_shown() -> None:
    clip = video_clip(25)
    async with rig() as player:
        player.hold(10 * FRAME_US)
        player.feed(1, clip, from_us=10 * FRAME_US, until_us=20 * FRAME_US, last=True)
        await player.until(lambda: bool(player.sink.frames))
        player.play(10 * FRAME_US)

        await player.run_to_end()

        assert player.sink.pictures == plainly_decoded(clip)[10:20]


async def test_a_seek_into_a_frame_shows_the_frame_that_covers_it() -> None:
    position_us = 7 * FRAME_US + 12_345
    async with rig() as player:
        player.hold(position_us)
        player.feed(1, video_clip(25), from_us=position_us)

        await player.until(lambda: bool(player.sink.frames))

        assert player.sink.positions == [7 * FRAME_US]


async def test_the_offset_places_media_in_the_title() -> None:
    async with rig() as player:
        player.hold(60 * SECOND_US)
        player.feed(1, video_clip(25), offset_us=60 * SECOND_US, from_us=60 * SECOND_US)

        await player.until(lambda: bool(player.sink.frames))

        assert player.sink.positions == [60 * SECOND_US]


async def test_another_init_segment_gets_a_decoder_of_its_own_and_no_frame_is_lost() -> None:
    low, high = video_clip(25), video_clip(25, width=128, height=96, shade=40)
    async with rig() as player:
        player.feed(1, low)
        player.feed(2, high, offset_us=SECOND_US, from_us=SECOND_US, last=True)
        player.play()

        await player.run_to_end()

        later = [(at_us + SECOND_US, seen) for at_us, seen in plainly_decoded(high)]
        assert player.sink.pictures == plainly_decoded(low) + later
        assert {frame.width for frame in player.sink.frames[25:]} == {128}


async def test_another_codec_family_gets_a_decoder_of_its_own() -> None:
    first, second = video_clip(25), video_clip(25, bframes=0, encoder="libvpx-vp9")
    async with rig() as player:
        player.feed(1, first)
        player.feed(2, second, offset_us=SECOND_US, from_us=SECOND_US, last=True)
        player.play()

        await player.run_to_end()

        later = [(at_us + SECOND_US, seen) for at_us, seen in plainly_decoded(second)]
        assert player.sink.pictures == plainly_decoded(first) + later


async def test_a_period_that_counts_from_zero_again_loses_no_frame() -> None:
    clip = video_clip(25)
    async with rig() as player:
        player.feed(1, clip)
        player.feed(2, clip, offset_us=SECOND_US, from_us=SECOND_US, last=True)
        player.play()

        await player.run_to_end()

        again = [(at_us + SECOND_US, seen) for at_us, seen in plainly_decoded(clip)]
        assert player.sink.pictures == plainly_decoded(clip) + again


async def test_the_end_of_each_feed_is_told_and_the_last_one_finishes_the_lane() -> None:
    clip = video_clip(bframes=0)
    async with rig() as player:
        player.feed(1, clip.between(0, 25))
        player.feed(2, clip.between(25, 50), from_us=SECOND_US, last=True)
        player.play()

        await player.run_to_end()

        assert player.of(Decoded) == [
            Decoded("video", 0, 0, FRAME_US),
            Decoded("video", 0, 0, SECOND_US),
            Decoded("video", 0, 0, 2 * SECOND_US, finished=True),
        ]


async def test_no_more_than_a_quarter_of_a_second_is_decoded_ahead() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, video_clip(), last=True)

        await player.until(lambda: len(player.lane("video")) >= 6)

        # One is on the screen; 250 ms are six frames and a bit.
        assert len(player.lane("video")) == 6


async def test_memory_for_decoded_media_is_bounded_whatever_the_frames_are() -> None:
    frame_bytes = 96 * 64 * 3 // 2
    settings = RenderSettings(hwaccel="none", decoded_bytes=3 * frame_bytes + 100)
    async with rig(settings) as player:
        player.hold()
        player.feed(1, video_clip(), last=True)

        await player.until(lambda: len(player.lane("video")) >= 2)

        held = player.lane("video")
        assert 2 <= len(held) <= 3
        player.play()
        await player.run_to_end()
        assert len(player.sink.frames) == 50


async def test_a_flush_empties_the_lane_and_a_new_feed_starts_from_its_keyframe() -> None:
    clip = video_clip()
    async with rig() as player:
        player.hold()
        player.feed(1, clip)
        await player.until(lambda: len(player.lane("video")) >= 6)

        player.renderer.perform(Flush("video", 1, None))
        player.hold(30 * FRAME_US)
        player.feed(2, clip.between(25, 50), generation=1, from_us=30 * FRAME_US, last=True)
        await player.until(lambda: len(player.sink.frames) == 2)
        player.play(30 * FRAME_US)
        await player.run_to_end()

        assert player.sink.pictures == plainly_decoded(clip)[:1] + plainly_decoded(clip)[30:]
        assert {event.generation for event in player.of(Decoded)[1:]} == {1}
        assert player.of(Rendered)[1].frame_us == 30 * FRAME_US


async def test_a_flush_from_a_position_keeps_what_begins_before_it() -> None:
    low, high = video_clip(), video_clip(shade=40)
    cut_us = 35 * FRAME_US
    async with rig() as player:
        player.hold()
        player.feed(1, low)
        await player.until(lambda: len(player.lane("video")) >= 6)

        player.renderer.perform(Flush("video", 1, cut_us))
        player.feed(2, high, generation=1, from_us=cut_us, last=True)
        player.play()
        await player.run_to_end()

        assert player.sink.pictures == plainly_decoded(low)[:35] + plainly_decoded(high)[35:]


async def test_a_flush_takes_back_frames_that_are_ready_and_begin_after_it() -> None:
    low, high = video_clip(), video_clip(shade=40)
    async with rig() as player:
        player.hold()
        player.feed(1, low)
        await player.until(lambda: len(player.lane("video")) >= 6)

        player.renderer.perform(Flush("video", 1, 3 * FRAME_US))
        player.feed(2, high, generation=1, from_us=3 * FRAME_US, last=True)
        player.play()
        await player.run_to_end()

        assert player.sink.pictures == plainly_decoded(low)[:3] + plainly_decoded(high)[3:]


async def test_feeds_that_were_not_begun_are_dropped_by_a_flush() -> None:
    clip = video_clip()
    async with rig() as player:
        player.hold()
        player.feed(1, clip.between(0, 25))
        player.feed(2, clip.between(25, 50), from_us=SECOND_US)
        await player.until(lambda: len(player.lane("video")) >= 6)

        player.renderer.perform(Flush("video", 1, SECOND_US))
        player.feed(3, clip.between(25, 50), generation=1, from_us=SECOND_US, last=True)
        player.play()
        await player.run_to_end()

        assert player.sink.pictures == plainly_decoded(clip)
        assert {frame.fetch_id for frame in player.sink.frames[25:]} == {3}


async def test_a_feed_of_an_older_generation_is_void() -> None:
    async with rig() as player:
        player.renderer.perform(Flush("video", 3, None))
        player.feed(1, video_clip(25), generation=2)
        player.feed(2, video_clip(25, shade=40), generation=3, last=True)
        player.play()

        await player.run_to_end()

        assert {frame.fetch_id for frame in player.sink.frames} == {2}


async def test_a_segment_that_will_not_arrive_is_left_for_the_next_one() -> None:
    clip = video_clip(bframes=0)
    lost = clip.between(0, 5).source(finished=False)
    async with rig() as player:
        player.hold()
        player.feed(1, lost)
        await player.until(lambda: bool(player.sink.frames))

        lost.lose("cancelled")
        player.feed(2, clip, from_us=5 * FRAME_US, last=True)
        player.play()
        await player.run_to_end()

        assert player.sink.pictures == plainly_decoded(clip)
        assert not player.of(DecodeFailed)


async def test_garbage_is_told_and_the_lane_waits_for_a_flush() -> None:
    clip = video_clip(25)
    garbage = Packet(0, 0, 512, keyframe=True, data=bytes(range(256)) * 8)
    async with rig() as player:
        player.hold()
        player.feed(1, replace(clip, packets=(garbage,) * 6))
        await player.until(lambda: bool(player.of(DecodeFailed)))
        player.feed(2, clip)

        player.renderer.perform(Flush("video", 1, None))
        player.feed(3, clip, generation=1, last=True)
        player.play()
        await player.run_to_end()

        (failed,) = player.of(DecodeFailed)
        assert (failed.fetch_id, failed.media) == (1, True)
        assert {frame.fetch_id for frame in player.sink.frames} == {3}


async def test_one_damaged_packet_costs_no_more_than_itself() -> None:
    clip = video_clip(25, gop=5, bframes=0)
    packets = list(clip.packets)
    packets[7] = replace(packets[7], data=b"\xff" * 40)
    async with rig() as player:
        player.feed(1, replace(clip, packets=tuple(packets)), last=True)
        player.play()

        await player.run_to_end()

        assert not player.of(DecodeFailed)
        assert player.sink.pictures[:7] == plainly_decoded(clip)[:7]
        assert player.sink.pictures[-15:] == plainly_decoded(clip)[-15:]


async def test_a_codec_nobody_decodes_is_the_devices_fault() -> None:
    source = Source("odd")
    source.start((Config("video", "no-such-codec", 1000),))
    source.add("video", [Packet(0, 0, 40, keyframe=True, data=b"x")])
    async with rig() as player:
        player.feed(1, source)

        await player.until(lambda: bool(player.of(DecodeFailed)))

        (failed,) = player.of(DecodeFailed)
        assert not failed.media
        assert "no-such-codec" in failed.detail


async def test_a_broken_init_segment_is_the_medias_fault() -> None:
    clip = video_clip(25)
    broken = replace(clip.config, extradata=b"\x01\xff\xff")
    async with rig() as player:
        player.feed(1, replace(clip, config=broken))

        await player.until(lambda: bool(player.of(DecodeFailed)))

        assert player.of(DecodeFailed)[0].media


async def test_a_segment_without_the_lanes_stream_is_told() -> None:
    async with rig() as player:
        player.feed(1, video_clip(25), track="audio")

        await player.until(lambda: bool(player.of(DecodeFailed, "audio")))

        assert "holds no audio" in player.of(DecodeFailed, "audio")[0].detail


async def test_the_sound_of_a_multiplex_is_heard_and_does_not_report() -> None:
    async with rig() as player:
        player.feed(1, multiplex(video_clip(25), audio_clip()), last=True)
        player.play()

        await player.run_to_end()

        assert len(player.sink.frames) == 25
        assert sum(block.frame.samples for block in player.sink.blocks) > 44_000
        assert all(event.frame_us % FRAME_US == 0 for event in player.of(Rendered))
        assert not player.of(Rendered, "audio")


async def test_a_lane_of_its_own_replaces_the_sound_of_a_multiplex() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, multiplex(video_clip(25), audio_clip()), last=True)
        player.feed(2, audio_clip(), track="audio", last=True)
        player.play()

        await player.run_to_end()

        assert {block.fetch_id for block in player.sink.blocks} == {2}


async def test_an_audio_only_variant_in_the_video_lane_reports_for_it() -> None:
    async with rig() as player:
        player.hold()
        player.feed(1, audio_clip())

        await player.until(lambda: bool(player.of(Decoded)))

        assert player.of(Decoded)[0].from_us == 0


async def test_closing_ends_the_decoders_threads_and_closes_the_sink() -> None:
    async with rig(RenderSettings(hwaccel="none", threads="frame")) as player:
        player.hold()
        player.feed(1, video_clip(), last=True)
        await player.until(lambda: len(player.lane("video")) >= 6)

        with anyio.fail_after(5):
            await player.renderer.aclose()

        assert player.sink.closed
        assert all(lane._decoder is None for lane in player.renderer._lanes.values())
