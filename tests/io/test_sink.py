"""Sinks get what is shown, in order; what they raise comes out as a SinkError."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import anyio
import av
import pytest
from render_clips import FRAME_US, Clip, audio_clip, video_clip, webvtt

from netplay.core.messages import Event, Feed, Hold, Play, Rendered
from netplay.errors import SinkError
from netplay.io.clock import SkippingClock
from netplay.io.show.frames import AudioBlock, Cue, VideoFrame
from netplay.io.show.images import ImageSink
from netplay.io.show.render import Renderer, RenderSettings
from netplay.io.show.sink import CallbackSink, NullSink, Sink

pytestmark = pytest.mark.anyio


async def played(sink: Sink, *media: Clip) -> list[Event]:
    """Play media from 0 to its end, as fast as it decodes."""
    clock = SkippingClock()
    events: list[Event] = []
    sources = {number: clip.source() for number, clip in enumerate(media)}
    end_us = 1_000_000
    ended = anyio.Event()

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, Rendered) and event.frame_us >= end_us - 2 * FRAME_US:
            ended.set()

    async with anyio.create_task_group() as tasks:
        renderer = Renderer(
            sink,
            emit,
            clock=clock,
            task_group=tasks,
            source=sources.__getitem__,
            settings=RenderSettings(hwaccel="none"),
        )
        renderer.perform(Hold(0, "start"))
        for number, clip in enumerate(media):
            renderer.perform(Feed(clip.config.stream, 0, number, 0, 0, last=True))
        renderer.perform(Play(0, clock.now_us(), Fraction(1)))
        with anyio.fail_after(20):
            await ended.wait()
        await renderer.aclose()
    return events


async def test_the_null_sink_counts_everything_and_nothing_is_dropped_unclocked() -> None:
    sink = NullSink()

    events = await played(sink, video_clip(25), audio_clip())

    assert sink.frames == 25
    assert sink.closed
    assert sum(event.dropped for event in events if isinstance(event, Rendered)) == 0


async def test_unclocked_playback_takes_less_time_than_it_plays() -> None:
    began = anyio.current_time()

    await played(NullSink(), video_clip(25))

    assert anyio.current_time() - began < 0.7


async def test_callbacks_get_pictures_sound_and_subtitles() -> None:
    pictures: list[VideoFrame] = []
    sounds: list[AudioBlock] = []
    texts: list[tuple[Cue, ...]] = []
    sink = CallbackSink(pictures.append, sounds.append, text=texts.append)

    await played(sink, video_clip(25), audio_clip(), webvtt("00:00.100 --> 00:00.300\nhello\n"))

    assert [frame.position_us for frame in pictures] == [n * FRAME_US for n in range(25)]
    assert sounds[0].position_us == 0
    assert [[cue.text for cue in up] for up in texts] == [["hello"], []]


async def test_a_threaded_sink_is_called_off_the_loop_in_order() -> None:
    seen: list[tuple[int, int]] = []
    loop_thread = threading.get_ident()

    def note(frame: VideoFrame) -> None:
        seen.append((frame.position_us, threading.get_ident()))

    await played(CallbackSink(note, threaded=True), video_clip(25))

    assert [position for position, _ in seen][:24] == [n * FRAME_US for n in range(24)]
    assert loop_thread not in {thread for _, thread in seen}


@pytest.mark.parametrize("threaded", [False, True])
async def test_what_a_sink_raises_comes_out_as_a_sink_error(threaded: bool) -> None:
    def fail(frame: VideoFrame) -> None:
        raise RuntimeError(f"no screen for {frame.position_us}")

    with pytest.raises(BaseExceptionGroup) as raised:
        await played(CallbackSink(fail, threaded=threaded), video_clip(25))

    found = raised.value.subgroup(SinkError)
    assert found is not None
    assert "no screen for 0" in repr(found)


def written(folder: Path) -> tuple[list[str], tuple[int, int]]:
    """Return the files' names and the size of the first picture."""
    files = sorted(folder.iterdir())
    with av.open(files[0]) as picture:
        (stream,) = picture.streams.video
        return [file.name for file in files], (stream.width, stream.height)


@pytest.mark.parametrize("image", ["png", "jpeg", "ppm"])
async def test_images_are_written_one_a_frame_and_can_be_read_again(
    tmp_path: Path, image: str
) -> None:
    sink = ImageSink(tmp_path / "frames", image=image)  # type: ignore[arg-type]

    await played(sink, video_clip(25))

    names, size = written(tmp_path / "frames")
    assert names[:24] == [f"{n * FRAME_US:012}.{image}" for n in range(24)]
    assert size == (96, 64)
