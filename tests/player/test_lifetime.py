"""One player over its life: titles after one another, closing at any moment, no trace left."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

import abr
from netplay import Network, Player, SkippingClock
from netplay.edge.testbed import Testbed

from .hosts import Asked, Reply, hosts
from .screen import Screen

pytestmark = pytest.mark.anyio

ALL = list(range(144))

both_loops = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])


def skipping(screen: Screen) -> Player:
    return Player(screen, controller=abr.Fixed(0), clock=SkippingClock())


def silent(asked: Asked, reply: Reply) -> Reply:
    """Begin no answer."""
    return Reply(b"", announced=1, then="silence")


@both_loops
@pytest.mark.slow
async def test_a_second_title_takes_the_place_of_the_first(bed: Testbed) -> None:
    screen = Screen()
    with anyio.fail_after(10):
        async with skipping(screen) as player:
            await player.open(bed.mpd_url)
            await player.play()
            await screen.reached(20)
            await player.open(bed.hls_url)
            screen.frames.clear()
            await player.play()
            await player.wait_finished()
            state = player.status().state

    assert screen.numbers[-143:] == ALL[1:]
    assert state == "ended"
    assert screen.closed == 2


@both_loops
async def test_closing_while_a_title_opens_ends_the_opening(folder: Path) -> None:
    outcome: list[BaseException] = []

    async def open_it() -> None:
        try:
            await player.open(served.url("manifest.mpd"))
        except anyio.ClosedResourceError as error:
            outcome.append(error)

    async with hosts(folder, silent) as served:
        with anyio.fail_after(3):
            async with skipping(Screen()) as player, anyio.create_task_group() as tasks:
                tasks.start_soon(open_it)
                await anyio.wait_all_tasks_blocked()
                await player.close()

    assert len(outcome) == 1


@both_loops
@pytest.mark.parametrize("wait", ["play", "seek", "wait_finished"])
async def test_closing_ends_whoever_waits_for_playback(folder: Path, wait: str) -> None:
    outcome: list[BaseException] = []

    async def wait_for_it() -> None:
        try:
            if wait == "play":
                await player.play()
            elif wait == "seek":
                await player.seek(4.0)
            else:
                await player.wait_finished()
        except anyio.ClosedResourceError as error:
            outcome.append(error)

    def media_is_silent(asked: Asked, reply: Reply) -> Reply:
        return silent(asked, reply) if asked.path.endswith(".m4s") else reply

    async with hosts(folder, media_is_silent) as served:
        with anyio.fail_after(3):
            async with skipping(Screen()) as player, anyio.create_task_group() as tasks:
                await player.open(served.url("manifest.mpd"))
                tasks.start_soon(wait_for_it)
                await anyio.wait_all_tasks_blocked()
                await player.close()

    assert len(outcome) == 1


@both_loops
@pytest.mark.slow
async def test_a_newer_open_takes_the_place_of_one_under_way(folder: Path) -> None:
    outcome: list[BaseException] = []

    def manifest_is_silent(asked: Asked, reply: Reply) -> Reply:
        return silent(asked, reply) if asked.path == "list.mpd" else reply

    async def open_the_first() -> None:
        try:
            await player.open(served.url("list.mpd"))
        except anyio.ClosedResourceError as error:
            outcome.append(error)

    screen = Screen()
    async with hosts(folder, manifest_is_silent) as served:
        with anyio.fail_after(5):
            async with skipping(screen) as player, anyio.create_task_group() as tasks:
                tasks.start_soon(open_the_first)
                await anyio.wait_all_tasks_blocked()
                await player.open(served.url("manifest.mpd"))
                await player.play()
                await player.wait_finished()

    assert screen.numbers == ALL
    assert len(outcome) == 1


async def test_a_player_that_has_opened_nothing_says_so() -> None:
    async with Player() as player:
        for ask in (player.status, lambda: player.presentation, player.tracks):
            with pytest.raises(ValueError, match="nothing is open"):
                ask()
        with pytest.raises(ValueError, match="nothing is open"):
            await player.pause()
        await player.close()


async def test_a_player_that_was_not_entered_opens_nothing(bed: Testbed) -> None:
    with pytest.raises(ValueError, match="async with"):
        await Player().open(bed.mpd_url)


def test_a_controller_that_nobody_knows_is_refused_when_the_player_is_made() -> None:
    with pytest.raises(ValueError, match="clairvoyant"):
        Player(controller="clairvoyant")


@pytest.mark.slow
async def test_players_share_a_network_and_what_it_measured(bed: Testbed) -> None:
    with anyio.fail_after(10):
        async with Network() as network:
            for _ in range(2):
                async with Player(network=network, clock=SkippingClock()) as player:
                    await player.open(bed.mpd_url)
                    await player.play()
                    await player.wait_finished()
            measured_bps = network.memory.throughput_bps

    assert measured_bps is not None
    assert measured_bps > 100_000
