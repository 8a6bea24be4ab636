"""Packets become frames whose edges meet to the microsecond, and sound to the sample."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import av
import pytest
from render_clips import FRAME_US, audio_clip, plain_audio, plainly_decoded, video_clip

from netplay.errors import DecodeError, MediaError
from netplay.io.show.decode import MediaDecoder
from netplay.io.show.frames import AudioBlock, Entry, VideoFrame, clipped, cut
from netplay.io.source import Packet


def decoded(decoder: MediaDecoder, packets: object) -> list[Entry]:
    assert isinstance(packets, tuple)
    entries: list[Entry] = []
    for packet in packets:
        entries += decoder.decode(packet, 1)
    return entries + decoder.drain()


def samples(blocks: list[Entry]) -> bytes:
    return b"".join(
        bytes(block.frame.planes[0])[: block.frame.samples * 4]
        for block in blocks
        if isinstance(block, AudioBlock)
    )


def test_every_frame_ends_where_the_next_begins() -> None:
    clip = video_clip(25)

    entries = decoded(MediaDecoder(clip.config), clip.packets)

    assert [entry.position_us for entry in entries] == [n * FRAME_US for n in range(25)]
    assert all(entry.duration_us == FRAME_US for entry in entries)


def test_every_block_of_sound_ends_where_the_next_begins() -> None:
    clip = audio_clip()

    entries = decoded(MediaDecoder(clip.config), clip.packets)

    assert entries[0].position_us == 0
    assert all(a.until_us == b.position_us for a, b in pairwise(entries))


def test_priming_and_padding_are_cut_off_to_the_sample() -> None:
    clip = audio_clip()

    entries = decoded(MediaDecoder(clip.config), clip.packets)

    assert samples(entries) == plain_audio()


def test_a_decoder_that_was_reset_gives_the_same_frames_again() -> None:
    clip = video_clip(25)
    decoder = MediaDecoder(clip.config)
    first = decoded(decoder, clip.packets)
    decoder.reset()

    again = decoded(decoder, clip.packets)

    assert [entry.position_us for entry in again] == [entry.position_us for entry in first]


def test_frames_without_a_duration_last_until_the_next_as_far_as_can_be_told() -> None:
    clip = video_clip(25, bframes=0)
    bare = tuple(replace(packet, duration=0) for packet in clip.packets)

    entries = decoded(MediaDecoder(clip.config), bare)

    assert [entry.duration_us for entry in entries] == [FRAME_US] * 25


def test_frames_know_the_fetch_they_came_with_even_when_they_come_later() -> None:
    clip = video_clip(25)
    decoder = MediaDecoder(clip.config)
    entries: list[Entry] = []
    for number, packet in enumerate(clip.packets):
        entries += decoder.decode(packet, 1 if number < 10 else 2)
    entries += decoder.drain()

    owners = [entry.fetch_id for entry in entries]

    assert owners.count(1) == 10
    assert owners.count(2) == 15


def test_hardware_that_is_not_there_is_a_decode_error() -> None:
    clip = video_clip(25)

    with pytest.raises(DecodeError, match="h264: nowhere"):
        MediaDecoder(clip.config, hardware="nowhere")


def test_a_sound_codec_in_a_video_stream_is_refused() -> None:
    config = replace(video_clip(25).config, codec="aac")

    with pytest.raises(DecodeError, match="no video codec"):
        MediaDecoder(config)


def test_garbage_before_any_frame_is_refused() -> None:
    clip = video_clip(25)
    decoder = MediaDecoder(clip.config)

    with pytest.raises(MediaError, match="video h264"):
        decoder.decode(replace(clip.packets[0], data=b"\xff" * 100), 1)


def test_frame_threads_give_the_same_frames() -> None:
    clip = video_clip()

    entries = decoded(MediaDecoder(clip.config, threads="frame"), clip.packets)

    assert [entry.position_us for entry in entries] == [at for at, _ in plainly_decoded(clip)]


def test_the_rows_of_a_picture_are_views_without_padding() -> None:
    frame = av.VideoFrame(98, 64, "yuv420p")
    for plane in frame.planes:
        plane.update(b"\x10" * plane.buffer_size)
    held = VideoFrame(0, 1, frame)

    luma, chroma = list(held.rows(0)), list(held.rows(1))

    assert [len(row) for row in luma] == [98] * 64
    assert [len(row) for row in chroma] == [49] * 32
    assert luma[0].obj is not None


@pytest.mark.parametrize(("form", "row_bytes"), [("nv12", 98), ("p010le", 196)])
def test_rows_of_pictures_from_hardware_hold_both_colours(form: str, row_bytes: int) -> None:
    held = VideoFrame(0, 1, av.VideoFrame(98, 64, form))

    luma, chroma = list(held.rows(0)), list(held.rows(1))

    assert {len(row) for row in luma} == {row_bytes}
    assert {len(row) for row in chroma} == {row_bytes}
    assert (len(luma), len(chroma)) == (64, 32)


@pytest.mark.parametrize("at_us", [0, 1, 7_333, 10_000, 20_999])
def test_sound_that_is_cut_in_two_and_joined_is_what_it_was(at_us: int) -> None:
    clip = audio_clip()
    (block, *_) = decoded(MediaDecoder(clip.config), clip.packets[1:3])
    assert isinstance(block, AudioBlock)
    middle_us = block.position_us + at_us

    parts = [clipped(block, 0, middle_us), clipped(block, middle_us, None)]

    joined = [part for part in parts if part is not None]
    assert samples([*joined]) == samples([block])
    assert joined[0].position_us == block.position_us
    assert joined[-1].until_us == block.until_us


@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("form", ["s16", "fltp"])
def test_a_cut_keeps_exactly_the_samples_asked_for(form: str, layout: str) -> None:
    frame = av.AudioFrame(form, layout, 100)
    frame.sample_rate = 48_000
    for plane in frame.planes:
        plane.update(bytes(n % 251 for n in range(plane.buffer_size)))

    part = cut(frame, 10, 50)

    width = len(bytes(frame.planes[0])) // 100
    assert part.samples == 50
    assert bytes(part.planes[0]) == bytes(frame.planes[0])[10 * width : 60 * width]


def resized(packet: Packet, width: int, height: int) -> Packet:
    """Return a VP9 keyframe whose header claims another size."""
    data = bytearray(packet.data)
    # Behind the sync code: four bits of colour, then width and height less one, 16 bits each.
    at = data.index(b"\x49\x83\x42") + 3
    claim = (width - 1) << 16 | (height - 1)
    held = int.from_bytes(data[at : at + 5], "big")
    held = held & ~(0xFFFF_FFFF << 4) | claim << 4
    data[at : at + 5] = held.to_bytes(5, "big")
    return replace(packet, data=bytes(data))


def test_a_picture_of_absurd_size_is_refused_before_memory_is_taken_for_it() -> None:
    clip = video_clip(25, bframes=0, encoder="libvpx-vp9")

    with pytest.raises(MediaError, match="video vp9"):
        MediaDecoder(clip.config).decode(resized(clip.packets[0], 12_000, 12_000), 1)


def test_a_picture_of_another_size_is_no_reason_to_refuse_it() -> None:
    clip = video_clip(25, bframes=0, encoder="libvpx-vp9")
    (frame,) = MediaDecoder(clip.config).decode(resized(clip.packets[0], 96, 64), 1)

    assert isinstance(frame, VideoFrame)
    assert (frame.width, frame.height) == (96, 64)
