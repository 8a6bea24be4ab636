"""Other tracks while a title plays: language, subtitles, height."""

from __future__ import annotations

from pathlib import Path

import anyio
import numpy as np
import pytest

import abr
from netplay import Player, Preferences, SessionRules, SkippingClock
from netplay.core.messages import Rendered
from netplay.edge.testbed import Testbed

from .hosts import hosts
from .screen import Block, Screen, Watch, decoded_sound, gaps, joined, language

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ALL = list(range(144))
CUES = [
    (0, 1_200_000, "0 seconds so far"),
    (1_500_000, 1_200_000, "1.5 seconds so far"),
    (3_000_000, 1_200_000, "3 seconds so far"),
    (4_500_000, 1_200_000, "4.5 seconds so far"),
]

both_loops = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
both_formats = pytest.mark.parametrize("path", ["manifest.mpd", "master.m3u8"])


def skipping(screen: Screen, **more: object) -> Player:
    return Player(screen, controller=abr.Fixed(0), clock=SkippingClock(), **more)  # type: ignore[arg-type]


def languages(blocks: list[Block]) -> list[str]:
    """Return what is spoken, each change once; beeps speak no language."""
    heard = [language(block.samples) for block in blocks]
    spoken = [name for name in heard if name]
    return [name for place, name in enumerate(spoken) if place == 0 or spoken[place - 1] != name]


@both_loops
@both_formats
async def test_another_language_is_heard_within_a_moment_and_nothing_stalls(
    bed: Testbed, path: str
) -> None:
    screen, watch = Screen(), Watch()
    quick = SessionRules(switch_lead_us=400_000)
    with anyio.fail_after(10):
        # The real clock: a clock that skips would outrun the new track on its way.
        async with Player(screen, controller=abr.Fixed(0), rules=quick, taps=[watch]) as player:
            await player.open(bed.url(path), start_s=4.4)
            await player.play()
            await player.choose(audio_languages=("sv",))
            await player.wait_finished()
            summary = player.summary()

    assert languages(screen.blocks) == ["en", "sv"]
    assert summary.stalls == 0
    # A machine that is busy may drop what is late by a clock that is real, and says so.
    dropped = sum(event.dropped for event in watch.of(Rendered) if event.track == "audio")
    assert len(gaps(screen.blocks)) <= dropped
    assert len(screen.numbers) + summary.frames_dropped == 39
    assert screen.numbers[-1] == 143


async def test_a_language_chosen_before_the_start_is_the_only_one_heard(
    bed: Testbed, folder: Path
) -> None:
    screen = Screen()
    with anyio.fail_after(10):
        async with skipping(screen, preferences=Preferences(audio_languages=("sv",))) as player:
            await player.open(bed.mpd_url)
            await player.play()
            await player.wait_finished()

    np.testing.assert_array_equal(joined(screen.blocks), decoded_sound(folder, "audio-sv"))


async def test_a_language_chosen_while_paused_at_the_first_frame_replaces_what_is_held(
    bed: Testbed,
) -> None:
    screen = Screen()
    with anyio.fail_after(10):
        async with skipping(screen) as player:
            await player.open(bed.mpd_url)
            await screen.reached(0)
            await player.choose(audio_languages=("sv",))
            await player.play()
            await player.wait_finished()

    assert languages(screen.blocks)[-1] == "sv"
    assert screen.numbers == ALL


async def test_sets_are_chosen_by_their_ids_and_an_unknown_id_is_refused(bed: Testbed) -> None:
    screen = Screen()
    with anyio.fail_after(10):
        async with skipping(screen) as player:
            await player.open(bed.mpd_url)
            wanted = next(group for group in player.tracks() if group.language == "sv")
            with pytest.raises(ValueError, match="no AdaptationSet 'dubbed'"):
                await player.choose(sets=("dubbed",))
            await player.choose(sets=(wanted.id,))
            await player.play()
            lane = player.status().lane("audio")

    assert lane is not None
    assert lane.language == "sv"


@both_loops
@both_formats
async def test_subtitles_come_and_go_at_their_times(bed: Testbed, path: str) -> None:
    screen, watch = Screen(), Watch()
    with anyio.fail_after(10):
        async with skipping(
            screen, taps=[watch], preferences=Preferences(text_languages=("en",))
        ) as player:
            await player.open(bed.url(path))
            await player.play()
            await player.pause()
            # Nothing waits for subtitles, and a clock that skips runs ahead of them.
            await watch.held(player, "text")
            await player.seek(0)
            await player.resume()
            await player.wait_finished()

    shown = [(at_us, cues) for at_us, cues in screen.cues if cues]
    told = [(cue.position_us, cue.duration_us, cue.text) for _, cues in shown for cue in cues]
    assert told[-4:] == CUES
    for at_us, (cue,) in shown[-4:]:
        assert cue.position_us - 45_000 < at_us <= cue.position_us
    gone = [at_us for at_us, cues in screen.cues if not cues][-4:]
    for at_us, (start_us, duration_us, _) in zip(gone, CUES, strict=True):
        assert start_us + duration_us - 45_000 < at_us <= start_us + duration_us


async def test_subtitles_turned_off_go_at_once_and_stay_away(bed: Testbed) -> None:
    screen, watch = Screen(), Watch()
    with anyio.fail_after(10):
        async with skipping(
            screen, taps=[watch], preferences=Preferences(text_languages=("en",))
        ) as player:
            await player.open(bed.mpd_url)
            await player.play()
            await player.pause()
            await watch.held(player, "text")
            await player.seek(1.6)
            await watch.until(lambda: bool(screen.cues) and bool(screen.cues[-1][1]))
            await player.choose(text_languages=())
            await player.resume()
            await player.wait_finished()
            tracks = {lane.track for lane in player.status().lanes}

    assert screen.cues[-2][1][0].text == CUES[1][2]
    assert screen.cues[-1][1] == ()
    assert screen.cues[-1][0] < 2_500_000
    assert tracks == {"video", "audio"}
    assert screen.numbers[-105:] == ALL[39:]


async def test_subtitles_turned_on_in_the_middle_begin_with_the_cue_that_is_due(
    bed: Testbed,
) -> None:
    screen, watch = Screen(), Watch()
    with anyio.fail_after(10):
        async with skipping(screen, taps=[watch]) as player:
            await player.open(bed.mpd_url, start_s=2.0)
            await player.play()
            await player.pause()
            await player.choose(text_languages=("sv",))
            await watch.until(lambda: bool(screen.cues) and bool(screen.cues[-1][1]))
            await player.resume()
            await player.wait_finished()
            lanes = {lane.track: lane.language for lane in player.status().lanes}

    told = [cue.position_us for _, cues in screen.cues for cue in cues]
    assert told == [1_500_000, 3_000_000, 4_500_000]
    assert lanes["text"] == "sv"


async def test_a_lower_limit_of_height_holds_for_what_is_fetched_from_then_on(
    folder: Path,
) -> None:
    screen = Screen()
    little = SessionRules(target_us=1_500_000, max_buffer_us=2_500_000)
    async with hosts(folder) as served:
        with anyio.fail_after(10):
            async with Player(
                screen, controller=abr.Fixed(2), clock=SkippingClock(), rules=little
            ) as player:
                await player.open(served.url("manifest.mpd"))
                await player.play()
                await screen.reached(24)
                await player.choose(max_height=72)
                await player.wait_finished()

    rungs = [frame.rung for frame in screen.frames]
    assert screen.numbers == ALL
    assert rungs == sorted(rungs, reverse=True)
    assert (rungs[0], rungs[-1]) == (2, 1)


async def test_tracks_lists_what_is_on_offer_without_the_trick_tracks(bed: Testbed) -> None:
    async with skipping(Screen()) as player:
        await player.open(bed.hls_url)
        offered = [(group.kind, group.language) for group in player.tracks()]

    assert sorted(offered) == [
        ("audio", "en"),
        ("audio", "sv"),
        ("text", "en"),
        ("text", "sv"),
        ("video", ""),
    ]
