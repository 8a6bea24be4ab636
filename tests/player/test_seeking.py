"""Where the viewer wants to be: start, seek, pause, speed, and coming back another day."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

import abr
from netplay import Player, SkippingClock
from netplay.edge.testbed import Testbed

from .hosts import hosts
from .screen import Screen, joined

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ALL = list(range(144))

both_loops = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
both_formats = pytest.mark.parametrize("path", ["manifest.mpd", "master.m3u8"])


def skipping(screen: Screen) -> Player:
    return Player(screen, controller=abr.Fixed(0), clock=SkippingClock())


@both_loops
@both_formats
async def test_playback_begins_with_the_frame_that_covers_the_start(
    bed: Testbed, path: str
) -> None:
    screen = Screen()
    with anyio.fail_after(10):
        async with skipping(screen) as player:
            await player.open(bed.url(path), start_s=2.52)
            await player.play()
            await player.wait_finished()

    assert screen.numbers == ALL[60:]
    assert screen.blocks[0].position_us == pytest.approx(2_520_000, abs=21)


@both_loops
@both_formats
async def test_a_seek_returns_with_the_frame_that_covers_its_position_shown(
    bed: Testbed, path: str
) -> None:
    screen = Screen()
    with anyio.fail_after(10):
        async with skipping(screen) as player:
            await player.open(bed.url(path))
            for position_s in (3.9, 1.0, 5.99, 0.0, 1.98, 2.4999, 2.5001):
                shown = await player.seek(position_s)

                assert shown
                assert screen.covers(position_s)
                assert player.status().position_us == position_s * 1e6
            await player.play()
            await player.wait_finished()

    assert screen.numbers[-84:] == ALL[60:]


async def test_a_seek_to_a_keyframe_shows_the_one_before(bed: Testbed) -> None:
    screen = Screen()
    with anyio.fail_after(10):
        async with skipping(screen) as player:
            await player.open(bed.mpd_url)
            await player.seek(3.9, keyframe=True)
            far = screen.frames[-1].number
            await player.seek(3.5, keyframe=True)
            near = player.status().position_us
            await player.play()
            await player.wait_finished()

    assert far == 72
    assert near == 3_000_000
    assert screen.numbers[-72:] == ALL[72:]


async def test_a_seek_past_either_end_is_brought_within_the_title(bed: Testbed) -> None:
    screen = Screen()
    with anyio.fail_after(10):
        async with skipping(screen) as player:
            await player.open(bed.mpd_url)
            await player.seek(1e6)
            last = screen.frames[-1].number
            await player.seek(-5)

    assert last == 143
    assert screen.frames[-1].number == 0


@both_loops
async def test_a_newer_seek_supersedes_the_one_before(bed: Testbed) -> None:
    screen = Screen()
    outcomes: dict[float, bool] = {}

    async def seek(position_s: float) -> None:
        outcomes[position_s] = await player.seek(position_s)

    with anyio.fail_after(10):
        async with skipping(screen) as player:
            await player.open(bed.mpd_url)
            async with anyio.create_task_group() as tasks:
                for position_s in (5.0, 1.0, 3.0):
                    tasks.start_soon(seek, position_s)
                    await anyio.lowlevel.checkpoint()

    assert outcomes == {5.0: False, 1.0: False, 3.0: True}
    assert screen.covers(3.0)


async def test_seeking_while_it_plays_goes_on_from_there(bed: Testbed) -> None:
    screen = Screen()
    with anyio.fail_after(10):
        async with skipping(screen) as player:
            await player.open(bed.mpd_url)
            await player.play()
            await screen.reached(30)
            await player.seek(4.0)
            place = screen.numbers.index(96)
            await player.wait_finished()
            summary = player.summary()

    assert screen.numbers[:place] == ALL[:place]
    assert screen.numbers[place:] == ALL[96:]
    assert (summary.seeks, summary.stalls) == (1, 0)


@both_loops
async def test_after_the_end_a_seek_back_plays_what_is_held_and_fetches_nothing(
    folder: Path,
) -> None:
    screen = Screen()
    async with hosts(folder) as served:
        with anyio.fail_after(10):
            async with skipping(screen) as player:
                await player.open(served.url("manifest.mpd"))
                await player.play()
                await player.wait_finished()
                fetched = len(served.asked)
                await player.seek(1.5)
                covered = screen.covers(1.5)
                await player.wait_finished()

    assert covered
    assert len(served.asked) == fetched
    assert screen.numbers == ALL + ALL[36:]


@both_loops
async def test_a_pause_rests_for_as_long_as_it_lasts_and_loses_no_frame(bed: Testbed) -> None:
    screen, clock = Screen(), SkippingClock()
    with anyio.fail_after(10):
        async with Player(screen, controller=abr.Fixed(0), clock=clock) as player:
            await player.open(bed.mpd_url)
            await player.play()
            await screen.reached(50)
            await player.pause()
            await anyio.wait_all_tasks_blocked()
            position_us, shown = player.status().position_us, len(screen.frames)
            clock.skip_to(clock.now_us() + 3_600_000_000)
            await anyio.wait_all_tasks_blocked()
            rested = (player.status().position_us, len(screen.frames), player.status().state)
            await player.resume()
            await player.wait_finished()

    assert rested == (position_us, shown, "paused")
    assert screen.numbers == ALL
    assert joined(screen.blocks).shape == (2, 282 * 1024)


async def test_twice_the_speed_takes_half_the_time_and_shows_every_frame(bed: Testbed) -> None:
    screen = Screen()
    with anyio.fail_after(10):
        async with skipping(screen) as player:
            await player.open(bed.mpd_url)
            await player.set_rate(2)
            await player.play()
            await player.wait_finished()
            summary = player.summary()

    assert screen.numbers == ALL
    assert summary.shown_us == 6_000_000
    assert 3_000_000 <= summary.played_us + summary.stalled_us < 4_000_000
    heard = sum(block.samples.shape[1] for block in screen.blocks)
    assert heard == pytest.approx(144_000, rel=0.03)
    assert screen.moves[0] == 2


@pytest.mark.parametrize("rate", [0, -1])
async def test_a_rate_that_does_not_go_forward_is_refused(bed: Testbed, rate: int) -> None:
    async with skipping(Screen()) as player:
        await player.open(bed.mpd_url)
        with pytest.raises(ValueError, match="positive"):
            await player.set_rate(rate)


@both_formats
async def test_a_bookmark_opens_where_the_viewer_was_with_the_same_tracks(
    bed: Testbed, path: str
) -> None:
    first, second = Screen(), Screen()
    with anyio.fail_after(10):
        async with skipping(first) as player:
            await player.open(bed.url(path))
            await player.choose(audio_languages=("sv",), text_languages=("sv",))
            await player.play()
            await first.reached(70)
            await player.pause()
            bookmark = player.status().bookmark
        async with skipping(second) as player:
            await player.open(bed.url(path), at=bookmark)
            await player.play()
            languages = {lane.track: lane.language for lane in player.status().lanes}
            await player.wait_finished()

    start = bookmark.position_us * 24 // 1_000_000
    assert start >= 70
    assert second.numbers == ALL[start:]
    assert languages == {"video": "", "audio": "sv", "text": "sv"}
