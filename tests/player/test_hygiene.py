"""Nothing is left behind: no task, thread, socket or descriptor, whenever a player is left."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

import anyio
import pytest

import abr
import netplay.edge
from netplay import Player, SessionRules, SkippingClock
from netplay.core.messages import Action, Event

from .hosts import Asked, Hosts, Reply, hosts
from .screen import Screen

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/fd").exists(), reason="/proc is missing, which lists descriptors"
    ),
]

LITTLE = SessionRules(target_us=2_000_000, max_buffer_us=3_000_000, start_us=500_000)

both_loops = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])


def descriptors() -> list[str]:
    """Return what every open descriptor leads to, but for the listing's own."""
    leads_to = []
    for link in sorted(Path("/proc/self/fd").iterdir()):
        with suppress(FileNotFoundError):
            leads_to.append(str(link.readlink()))
    return sorted(leads_to)


def working_threads() -> set[str]:
    """Return the threads that are inside the player; a loop may keep idle ones."""
    home, servers = str(Path(netplay.__file__).parent), str(Path(netplay.edge.__file__).parent)
    inside: set[int] = set()
    for ident, innermost in sys._current_frames().items():
        frame: FrameType | None = innermost
        files = []
        while frame is not None:
            files.append(frame.f_code.co_filename)
            frame = frame.f_back
        if any(file.startswith(home) and not file.startswith(servers) for file in files):
            inside.add(ident)
    return {
        thread.name
        for thread in threading.enumerate()
        if thread.ident in inside and thread is not threading.current_thread()
    }


class Leaver:
    """A tap that cancels a scope at the n-th message; None: it never does."""

    def __init__(self, at: int | None) -> None:
        self.scope = anyio.CancelScope()
        self.left = False
        self._at = at
        self._told = 0

    def __call__(self, now_us: int, message: Event | Action) -> None:
        self._told += 1
        if self._told == self._at:
            self.left = True
            self.scope.cancel()


async def run_until(served: Hosts, leaver: Leaver, path: str) -> None:
    """Do a bit of everything, until the leaver has it stopped."""
    screen = Screen()
    with leaver.scope:
        async with Player(
            screen, controller=abr.Fixed(1), clock=SkippingClock(), rules=LITTLE, taps=[leaver]
        ) as player:
            await player.open(served.url(path))
            await player.play()
            await screen.reached(30)
            await player.seek(2.2)
            await player.choose(audio_languages=("sv",), text_languages=("en",))
            served.stop("oca-1")
            await player.wait_finished()
    assert screen.closed == 1


@pytest.mark.parametrize(
    ("anyio_backend", "path", "moments"),
    [
        ("asyncio", "manifest.mpd", (1, 2, 3, 5, 8, 12, 17, 23, 30, 40, 55, 70, 90)),
        ("trio", "manifest.mpd", (1, 4, 7, 10, 15, 20, 27, 35, 47, 60, 80)),
        ("asyncio", "ts.m3u8", (1, 2, 4, 6, 9, 13, 18, 25, 33, 45, 60)),
        ("trio", "master.m3u8", (2, 3, 5, 8, 11, 16, 22, 29, 38, 50, 75)),
    ],
)
async def test_a_player_cancelled_at_any_moment_leaves_nothing_behind(
    folder: Path, path: str, moments: tuple[int, ...]
) -> None:
    async with hosts(folder, count=2) as served:
        await run_until(served, Leaver(None), path)  # whatever is made once is made now
    for moment in moments:
        leaver = Leaver(moment)
        tasks, open_before = anyio.get_running_tasks(), descriptors()

        with anyio.fail_after(10):
            async with hosts(folder, count=2) as served:
                await run_until(served, leaver, path)
                threads = working_threads()

        assert leaver.left, f"fewer than {moment} messages"
        assert threads == set(), moment
        assert anyio.get_running_tasks() == tasks, moment
        assert descriptors() == open_before, moment


@both_loops
async def test_a_player_cancelled_while_it_opens_leaves_nothing_behind(folder: Path) -> None:
    def silent(asked: Asked, reply: Reply) -> Reply:
        return replace(reply, pauses_at=asked.times)

    async with hosts(folder, count=2) as served:
        await run_until(served, Leaver(None), "manifest.mpd")
    tasks, open_before = anyio.get_running_tasks(), descriptors()
    async with hosts(folder, silent) as served:
        with anyio.move_on_after(0.1):
            async with Player() as player:
                await player.open(served.url("manifest.mpd"))

    assert anyio.get_running_tasks() == tasks
    assert descriptors() == open_before


@both_loops
async def test_a_player_left_by_an_exception_of_the_app_passes_it_on_and_ends(
    folder: Path,
) -> None:
    async def stumble(served: Hosts) -> None:
        async with Player(clock=SkippingClock()) as player:
            await player.open(served.url("manifest.mpd"))
            await player.play()
            raise LookupError("of the app")

    async with hosts(folder) as served:
        await run_until(served, Leaver(None), "manifest.mpd")
    tasks, open_before = anyio.get_running_tasks(), descriptors()
    async with hosts(folder) as served:
        with anyio.fail_after(5), pytest.raises(LookupError, match="of the app"):
            await stumble(served)

    assert anyio.get_running_tasks() == tasks
    assert descriptors() == open_before
