"""What is told of a real session: a log that replays, a summary that agrees with the screen."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

import abr
from netplay import DeliveryError, Network, Player, SessionRules, SkippingClock
from netplay.core.session import Session
from netplay.telemetry import Header, LogWriter, read_log, replay, summarise

from .hosts import Asked, Reply, changed, hosts, missing
from .screen import Screen

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

RULES = SessionRules(target_us=2_000_000, max_buffer_us=3_000_000, start_us=500_000)
SEED = 11

both_loops = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])


def header() -> Header:
    return Header.of("hybrid", {}, rules=RULES, seed=SEED)


async def watched(player: Player) -> None:
    """Play what is open to its end."""
    await player.play()
    await player.wait_finished()


def as_recorded(said: Header) -> Session:
    return Session(abr.controller(said.controller), rules=RULES, seed=said.seed)


@both_loops
@pytest.mark.parametrize("path", ["manifest.mpd", "master.m3u8", "base.mpd"])
async def test_the_log_of_a_real_run_with_a_dying_host_replays_to_the_same_actions(
    folder: Path, tmp_path: Path, path: str
) -> None:
    screen, file = Screen(), tmp_path / "session.jsonl"
    with anyio.fail_after(20), LogWriter(file, header()) as log:
        async with (
            hosts(folder) as served,
            Player(screen, rules=RULES, seed=SEED, clock=SkippingClock(), taps=[log]) as player,
        ):
            await player.open(served.url(path))
            await player.play()
            await screen.reached(40)
            served.stop("oca-1")
            await player.seek(3.2)
            await player.choose(audio_languages=("sv",), text_languages=("en",))
            await player.wait_finished()
            summary = player.summary()

    recorded = read_log(file)
    again = replay(recorded, as_recorded)
    assert recorded.complete
    assert again.difference is None
    assert again.actions > 30
    assert summarise((one.now_us, one.message) for one in recorded.records) == summary
    assert "oca-1" in summary.failures


@both_loops
@pytest.mark.parametrize("path", ["manifest.mpd", "master.m3u8"])
async def test_a_log_holds_no_token_of_any_url(folder: Path, tmp_path: Path, path: str) -> None:
    def with_tokens(asked: Asked, reply: Reply) -> Reply:
        """Give every file that a manifest names a token, and fail some of them."""
        if asked.path.endswith("00003.m4s"):
            return missing()
        if not asked.path.endswith((".mpd", ".m3u8")):
            return reply
        text = reply.body.decode()
        for ending in (".m4s", ".mp4", ".vtt", ".m3u8"):
            text = text.replace(ending, f"{ending}?token=hunter2")
        return changed(reply, text.encode())

    screen, file = Screen(), tmp_path / "session.jsonl"
    with anyio.fail_after(10), LogWriter(file, header()) as log:
        async with (
            hosts(folder, with_tokens) as served,
            Network(headers={"Authorization": "Bearer hunter2"}) as network,
            Player(
                screen, rules=RULES, seed=SEED, clock=SkippingClock(), taps=[log], network=network
            ) as player,
        ):
            await player.open(served.url(path) + "?token=hunter2")
            with pytest.raises(DeliveryError, match="404") as failure:
                await watched(player)

    assert "hunter2" not in file.read_text()
    assert "hunter2" not in str(failure.value)
    assert read_log(file).records
    assert replay(read_log(file), as_recorded).identical


@pytest.mark.parametrize("path", ["manifest.mpd", "ts.m3u8"])
async def test_the_summary_agrees_with_what_the_screen_saw(folder: Path, path: str) -> None:
    screen = Screen()
    async with hosts(folder) as served:
        with anyio.fail_after(10):
            async with Player(screen, controller=abr.Fixed(1), clock=SkippingClock()) as player:
                await player.open(served.url(path))
                await player.play()
                await player.wait_finished()
                summary = player.summary()
        asked = len(served.asked)

    assert summary.frames_shown == len(screen.frames) == 144
    assert summary.frames_dropped == 0
    assert summary.shown_us == 6_000_000
    assert summary.height == 72
    assert summary.switches == 0
    assert summary.finished
    assert summary.requests == asked - 1  # the manifest itself is not the session's
    assert summary.startup is not None
    assert summary.startup.manifest_us > 0
