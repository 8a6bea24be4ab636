"""One title played from beginning to end while somebody watches: what play and demo share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio

from drm.contract import KeySystem
from netplay.cli.screen import Screen
from netplay.core.device import Preferences
from netplay.core.messages import Play
from netplay.core.rules import SessionRules
from netplay.errors import shown_url
from netplay.player import Player
from netplay.telemetry.log import Header, LogWriter
from netplay.telemetry.summary import Summary
from netplay.telemetry.tap import Tap
from netplay.telemetry.wire import Message

__all__ = ["Beat", "PlayRequest", "watch"]

ANY, USUAL = Preferences(), SessionRules()

LOOK_EVERY_S = 0.25
"""Often enough for a person; rendering a screen costs some milliseconds of the loop's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayRequest:
    """What to play, and how.

    Attributes:
        duration_s: Stop when so much media was played; None: at the end.
        key_systems: Open protected titles, the preferred one first.
    """

    url: str
    controller: str = "hybrid"
    hwaccel: str = "auto"
    preferences: Preferences = ANY
    rules: SessionRules = USUAL
    start_s: float | None = None
    duration_s: float | None = None
    seed: int = 0
    key_systems: tuple[KeySystem, ...] = ()

    def log_to(self, path: Path) -> LogWriter:
        """Return a tap that writes a log from which this session can be replayed.

        Raises:
            OSError: The file cannot be written.
        """
        header = Header.of(
            self.controller,
            {},
            rules=asdict(self.rules),
            seed=self.seed,
            notes={"url": shown_url(self.url)},
        )
        return LogWriter(path, header)


@dataclass(frozen=True, slots=True)
class Beat:
    """Something to do once, when the playhead reaches a position."""

    at_us: int
    act: Callable[[], Awaitable[None]]


class _Beginning:
    """Notes where playback began, which an exact duration is counted from."""

    def __init__(self) -> None:
        self.position_us: int | None = None

    def __call__(self, now_us: int, message: Message) -> None:
        del now_us
        if self.position_us is None and isinstance(message, Play):
            self.position_us = message.position_us


async def watch(
    wanted: PlayRequest, screen: Screen, *, taps: Sequence[Tap] = (), beats: Sequence[Beat] = ()
) -> Summary:
    """Play to the end, or for as long as was asked, and return how it went.

    Raises:
        NetplayError: Playback failed.
    """
    beginning = _Beginning()
    async with Player(
        controller=wanted.controller,
        hwaccel=wanted.hwaccel,
        preferences=wanted.preferences,
        rules=wanted.rules,
        seed=wanted.seed,
        key_systems=wanted.key_systems,
        taps=(*taps, beginning),
    ) as player:
        screen.say(f"opening {shown_url(wanted.url)}")
        await player.open(wanted.url, start_s=wanted.start_s)
        await player.resume()
        left = sorted(beats, key=lambda beat: beat.at_us)
        while True:
            status = player.status()
            screen.show(status)
            due_us = [beat.at_us for beat in left[:1]]
            if wanted.duration_s is not None and beginning.position_us is not None:
                until_us = beginning.position_us + round(wanted.duration_s * 1e6)
                if status.position_us >= until_us:
                    await player.pause()  # so that the summary counts up to here
                    break
                due_us.append(until_us)
            if left and status.position_us >= left[0].at_us:
                await left.pop(0).act()
                continue
            if await _finished(player, _pause_s(due_us, status.position_us)):
                break
        return player.summary()


def _pause_s(due_us: list[int], position_us: int) -> float:
    """Return how long to look away, so that what is due next is not seen late."""
    left_s = min(((at_us - position_us) / 1e6 for at_us in due_us), default=LOOK_EVERY_S)
    return min(max(left_s, 0.01), LOOK_EVERY_S)


async def _finished(player: Player, within_s: float) -> bool:
    with anyio.move_on_after(within_s):
        await player.wait_finished()
        return True
    return False
