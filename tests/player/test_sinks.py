"""Where frames go: callbacks, image files, threads, and sinks that fail."""

from __future__ import annotations

import threading
from pathlib import Path

import anyio
import av
import pytest

import abr
from netplay import CallbackSink, ImageSink, NullSink, Player, SinkError, SkippingClock, VideoFrame
from netplay.edge.testbed import Testbed

from .screen import Screen, decoded_frames

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

both_loops = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])


def skipping(sink: CallbackSink | ImageSink | NullSink | Screen) -> Player:
    return Player(sink, controller=abr.Fixed(0), clock=SkippingClock())


async def play(player: Player, url: str) -> None:
    await player.open(url)
    await player.play()
    await player.wait_finished()


@both_loops
async def test_a_null_sink_counts_what_it_is_given_and_is_closed(bed: Testbed) -> None:
    sink = NullSink()
    with anyio.fail_after(10):
        async with skipping(sink) as player:
            await play(player, bed.mpd_url)

    assert (sink.frames, sink.samples, sink.closed) == (144, 282 * 1024, True)
    assert sink.shown_us == 143 * 1_000_000 // 24


@both_loops
async def test_a_threaded_sink_is_called_in_order_off_the_loop(bed: Testbed) -> None:
    positions_us: list[int] = []
    threads: set[int] = set()

    def show(frame: VideoFrame) -> None:
        positions_us.append(frame.position_us)
        threads.add(threading.get_ident())

    with anyio.fail_after(10):
        async with skipping(CallbackSink(video=show, threaded=True)) as player:
            await play(player, bed.mpd_url)

    assert positions_us == [number * 1_000_000 // 24 for number in range(144)]
    assert threading.get_ident() not in threads


@both_loops
async def test_an_image_sink_writes_one_file_for_every_frame(bed: Testbed, tmp_path: Path) -> None:
    with anyio.fail_after(10):
        async with skipping(ImageSink(tmp_path / "frames", image="png")) as player:
            await player.open(bed.mpd_url, start_s=5.0)
            await player.play()
            await player.wait_finished()

    files = sorted((tmp_path / "frames").iterdir())
    assert [int(file.stem) for file in files] == [
        number * 1_000_000 // 24 for number in range(120, 144)
    ]
    with av.open(str(files[0])) as image:
        picture = next(image.decode(video=0))
    assert (picture.width, picture.height) == (64, 36)


@both_loops
@pytest.mark.parametrize("threaded", [False, True], ids=["on the loop", "in a thread"])
async def test_a_sink_that_raises_ends_playback_with_its_own_exception_as_the_cause(
    bed: Testbed,
    threaded: bool,
) -> None:
    def refuse(frame: VideoFrame) -> None:
        if frame.position_us > 500_000:
            raise OSError("the window is gone")

    with anyio.fail_after(10):
        async with skipping(CallbackSink(video=refuse, threaded=threaded)) as player:
            with pytest.raises(SinkError, match="the window is gone") as failure:
                await play(player, bed.mpd_url)

    assert isinstance(failure.value.__cause__, OSError)


@both_loops
async def test_a_failure_that_nobody_waited_for_comes_out_of_the_block(bed: Testbed) -> None:
    failed = anyio.Event()

    def refuse(frame: VideoFrame) -> None:
        failed.set()
        raise OSError("the window is gone")

    async def open_and_leave() -> None:
        async with skipping(CallbackSink(video=refuse)) as player:
            await player.open(bed.mpd_url)
            await failed.wait()
            await anyio.wait_all_tasks_blocked()

    with anyio.fail_after(10), pytest.raises(SinkError, match="the window is gone"):
        await open_and_leave()


async def test_a_failure_is_raised_once_and_then_by_every_call_that_needs_playback(
    bed: Testbed,
) -> None:
    def refuse(frame: VideoFrame) -> None:
        raise OSError("the window is gone")

    with anyio.fail_after(10):
        async with skipping(CallbackSink(video=refuse)) as player:
            await player.open(bed.mpd_url)
            for _ in range(2):
                with pytest.raises(SinkError):
                    await player.seek(3.0)
            with pytest.raises(SinkError):
                await player.pause()
            state = player.status().state

    assert state in ("starting", "seeking", "paused", "failed")


async def test_a_sink_that_fails_to_close_is_told_of(bed: Testbed) -> None:
    class Stuck(Screen):
        def close(self) -> None:
            raise OSError("the device does not answer")

    with anyio.fail_after(10), pytest.raises(SinkError, match="on close"):
        async with skipping(Stuck()) as player:
            await player.open(bed.mpd_url)


async def test_what_is_shown_is_what_a_plain_decode_shows_at_the_lowest_rung_too(
    bed: Testbed, folder: Path
) -> None:
    screen = Screen()
    with anyio.fail_after(10):
        async with skipping(screen) as player:
            await play(player, bed.mpd_url)

    assert screen.frames == decoded_frames(folder, "video-36p-60k")
    assert screen.closed == 1
