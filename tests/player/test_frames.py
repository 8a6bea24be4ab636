"""What is shown is what was encoded: every frame and every sample, once, in order, on time."""

from __future__ import annotations

from pathlib import Path

import anyio
import numpy as np
import pytest

import abr
from abr.contract import Abandonment, Choice, Controller, Keep, Progress, Sample, Switch, View
from netplay import Player, SkippingClock
from netplay.edge.cache import cached_title
from netplay.edge.link import LinkSpec
from netplay.edge.testbed import Testbed
from netplay.edge.title import TINY, Rung, TitleSpec

from .hosts import Asked, Reply, hosts
from .screen import Screen, decoded_frames, decoded_sound, joined

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

DASH = ["manifest.mpd", "timeline.mpd", "list.mpd", "base.mpd", "periods.mpd"]
HLS = ["master.m3u8", "range.m3u8", "ts.m3u8"]
RUNG = "video-72p-120k"

both_loops = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])


async def played(url: str, controller: Controller | str | None = None) -> Screen:
    """Play a title to its end, at the middle rung unless a controller says otherwise."""
    screen = Screen()
    with anyio.fail_after(20):
        async with Player(
            screen, controller=controller or abr.Fixed(1), clock=SkippingClock()
        ) as player:
            await player.open(url)
            await player.play()
            await player.wait_finished()
    return screen


class Zigzag:
    """Takes another rung for every segment; leaves a rung half way when it is told to."""

    def __init__(self, rungs: tuple[int, ...], *, leaves: int | None = None) -> None:
        self.left = 0
        self._rungs = rungs
        self._leaves = leaves
        self._asked = 0

    def choose(self, view: View) -> Choice:
        rung = self._rungs[self._asked % len(self._rungs)]
        self._asked += 1
        return Choice(rung, reason="its turn")

    def observe(self, sample: Sample) -> None:
        """Nothing is learned."""

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        if progress.rung == self._leaves and progress.bytes:
            self.left += 1
            return Switch(0, "told to")
        return Keep(view.now_us + 10_000)


@both_loops
@pytest.mark.parametrize("path", DASH + HLS)
async def test_frames_are_those_of_a_plain_decode_however_the_manifest_says_it(
    bed: Testbed, folder: Path, path: str
) -> None:
    screen = await played(bed.url(path))

    assert screen.frames == decoded_frames(folder, RUNG)


@pytest.mark.parametrize("path", [path for path in DASH + HLS if path != "periods.mpd"])
async def test_sound_is_that_of_a_plain_decode_joined_without_a_gap(
    bed: Testbed, folder: Path, path: str
) -> None:
    screen = await played(bed.url(path))

    np.testing.assert_array_equal(joined(screen.blocks), decoded_sound(folder, "audio-en"))


async def test_sound_is_cut_to_the_sample_where_a_period_begins_inside_a_block(
    bed: Testbed, folder: Path
) -> None:
    screen = await played(bed.url("periods.mpd"))

    # The first Period names segments up to 2.98667 s and the second is shown from 3 s on.
    early = [block.samples for block in screen.blocks if block.position_us < 3_000_000]
    late = [block.samples for block in screen.blocks if block.position_us >= 3_000_000]
    expected = decoded_sound(folder, "audio-en")
    np.testing.assert_array_equal(np.concatenate(early, axis=1), expected[:, :143_360])
    np.testing.assert_array_equal(np.concatenate(late, axis=1), expected[:, 144_001:])


async def test_a_tone_goes_on_from_period_to_period_where_both_name_all_of_it(
    tmp_path: Path,
) -> None:
    # 16 frames at 25 a second are exactly 30 blocks of 1,024 samples at 48 kHz.
    whole_blocks = TitleSpec(
        duration_s=2.56,
        segment_s=0.64,
        fps=TINY.fps.from_float(25.0),
        rungs=(Rung(36, 64, 60),),
        audio_languages=("en",),
        text_languages=(),
        forms=("segments", "file"),
    )
    folder = cached_title(whole_blocks, tmp_path)
    async with hosts(folder) as served:
        screen = await played(served.url("periods.mpd"), abr.Fixed(0))

    np.testing.assert_array_equal(joined(screen.blocks), decoded_sound(folder, "audio-en"))
    assert screen.frames == decoded_frames(folder, "video-36p-60k")


@both_loops
async def test_at_a_discontinuity_media_time_jumps_and_playback_does_not(
    bed: Testbed, folder: Path
) -> None:
    screen = await played(bed.url("swapped.m3u8"))

    plain = decoded_frames(folder, RUNG)
    assert [frame.digest for frame in screen.frames] == [
        frame.digest for frame in plain[72:] + plain[:72]
    ]
    assert screen.positions_us == [frame.position_us for frame in plain]


async def test_at_a_discontinuity_sound_begins_anew_with_the_picture(
    bed: Testbed, folder: Path
) -> None:
    screen = await played(bed.url("swapped.m3u8"))

    plain = decoded_sound(folder, "audio-en")
    turn = next(at for at, block in enumerate(screen.blocks) if block.position_us == 3_000_000)
    before, after = screen.blocks[:turn], screen.blocks[turn:]
    # The first block behind a jump lacks the one it overlaps with, in any decoder, and AAC
    # fills bands with noise that depends on what was decoded before.
    heard = joined(before[2:])
    np.testing.assert_allclose(heard, plain[:, -heard.shape[1] :], atol=0.01)
    np.testing.assert_allclose(joined(after), plain[:, : 140 * 1024], atol=0.01)
    assert before[0].position_us == pytest.approx(0, abs=21)


@both_loops
@pytest.mark.parametrize("path", ["manifest.mpd", "base.mpd", "master.m3u8", "ts.m3u8"])
async def test_every_frame_is_shown_once_while_the_rung_changes_at_every_segment(
    bed: Testbed, path: str
) -> None:
    screen = await played(bed.url(path), Zigzag((0, 2, 1)))

    assert screen.numbers == list(range(144))
    assert [frame.rung for frame in screen.frames[::24]] == [0, 2, 1, 0, 2, 1]
    joined(screen.blocks)


async def test_a_segment_left_half_way_is_shown_from_its_start_at_the_lower_rung(
    folder: Path,
) -> None:
    def pause_the_third(asked: Asked, reply: Reply) -> Reply:
        if asked.path != "video-108p-240k/00003.m4s":
            return reply
        return Reply(reply.body, pauses_at=len(reply.body) // 2)

    controller = Zigzag((2,), leaves=2)
    async with hosts(folder, pause_the_third) as served:
        screen = await played(served.url("manifest.mpd"), controller)

    assert screen.numbers == list(range(144))
    assert controller.left >= 1
    rungs = [frame.rung for frame in screen.frames[48:72]]
    assert rungs == sorted(rungs, reverse=True)
    assert rungs[-1] == 0


async def test_every_frame_is_shown_once_over_a_link_that_varies(folder: Path) -> None:
    link = LinkSpec(trace=((0.25, 3000), (0.25, 500)), rtt_s=0.01)
    async with Testbed(folder, link=link, link_in_process=True) as bed:
        screen = await played(bed.mpd_url, "hybrid")

    assert screen.numbers == list(range(144))
    assert screen.positions_us == [number * 1_000_000 // 24 for number in range(144)]
    joined(screen.blocks)
