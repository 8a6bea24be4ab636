"""Plays a title in a window, with picture, sound and subtitles in step.

    python examples/window.py URL [--seconds S]

Space pauses, the arrow keys go ten seconds back and on, Escape leaves. Needs the extra
`window` (pygame-ce). With SDL_VIDEODRIVER=dummy and SDL_AUDIODRIVER=dummy it runs on a
machine without a screen and without sound.

The sound card's clock is master: the sink tells netplay which position is heard, and
pictures follow.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import anyio
import av

import netplay

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
import pygame

SAMPLE_RATE_HZ = 48_000
SAMPLE_BYTES = 4  # two channels of 16 bits
BUFFER_SAMPLES = 512
CHUNK_BYTES = 8 * BUFFER_SAMPLES * SAMPLE_BYTES
"""What the mixer is handed at a time, 85 ms: whole buffers, so that chunks join without a gap."""
LATENCY_US = 2 * BUFFER_SAMPLES * 1_000_000 // SAMPLE_RATE_HZ
"""From the mixer to the ear: one buffer being mixed, one being played."""
UI_S = 1 / 120


@dataclass(frozen=True)
class Chunk:
    """Some sound in the mixer's hands, and the stretch of the title that it is."""

    sound: Any
    position_us: int
    until_us: int
    lasts_s: float


class Speaker:
    """Plays sound without gaps and knows which position is heard."""

    def __init__(self) -> None:
        pygame.mixer.init(SAMPLE_RATE_HZ, -16, 2, BUFFER_SAMPLES)
        self._channel = pygame.mixer.Channel(0)
        self._parts: deque[tuple[int, int, bytes]] = deque()
        self._moving = False
        self.stop()

    def stop(self) -> None:
        """Forget all sound."""
        self._channel.stop()
        self._parts.clear()
        self._resampler = av.AudioResampler("s16", "stereo", SAMPLE_RATE_HZ)
        self._playing: Chunk | None = None
        self._queued: Chunk | None = None
        self._began_s = self._looked_s = self._fed_s = time.perf_counter()

    def take(self, block: netplay.AudioBlock) -> None:
        """Play a block behind those before."""
        frames = self._resampler.resample(block.frame)
        data = b"".join(bytes(frame.planes[0])[: frame.samples * SAMPLE_BYTES] for frame in frames)
        if data:
            self._parts.append((block.position_us, block.duration_us, data))
        self._fed_s = time.perf_counter()
        self.feed()

    def move(self, *, moving: bool) -> None:
        """Let the sound go on, or rest where it is."""
        now_s = time.perf_counter()
        if moving and not self._moving:
            self._began_s += now_s - self._looked_s
            self._looked_s = now_s
            self._channel.unpause()
        elif self._moving and not moving:
            self._look()
            self._channel.pause()
        self._moving = moving

    def feed(self) -> None:
        """Keep the mixer one chunk ahead; call it more often than a chunk lasts."""
        if not self._moving:
            return
        self._look()
        if self._playing is None and (chunk := self._chunk()):
            self._channel.play(chunk.sound)
            self._playing, self._began_s = chunk, time.perf_counter()
        if self._playing is not None and self._queued is None and (chunk := self._chunk()):
            self._channel.queue(chunk.sound)
            self._queued = chunk

    def heard_us(self) -> int | None:
        """Return the position that is heard now; None while there is no sound."""
        if self._moving:
            self._look()
        chunk = self._playing
        if chunk is None:
            return None
        share = min(1.0, (self._looked_s - self._began_s) / chunk.lasts_s)
        ahead_us = round(share * (chunk.until_us - chunk.position_us))
        return max(chunk.position_us, chunk.position_us + ahead_us - LATENCY_US)

    def _look(self) -> None:
        """Find out whether the mixer has gone on to the queued chunk."""
        now_s, chunk = time.perf_counter(), self._playing
        if chunk is not None and self._channel.get_sound() is not chunk.sound:
            # It did so some time after the last look, most likely when it was due.
            due_s = self._began_s + chunk.lasts_s
            self._playing, self._queued = self._queued, None
            self._began_s = min(now_s, max(self._looked_s, due_s))
            if not self._channel.get_busy():
                self._playing = None
        self._looked_s = now_s

    def _chunk(self) -> Chunk | None:
        """Cut the next chunk; a short one, filled up with silence, when no more seems to come."""
        held = sum(len(data) for _, _, data in self._parts)
        starving = time.perf_counter() - self._fed_s > 0.05
        if not held or (held < CHUNK_BYTES and not starving):
            return None
        data, from_us, until_us = b"", self._parts[0][0], 0
        while self._parts and len(data) < CHUNK_BYTES:
            position_us, duration_us, part = self._parts.popleft()
            wanted = CHUNK_BYTES - len(data)
            taken_us = duration_us * min(wanted, len(part)) // len(part)
            data += part[:wanted]
            until_us = position_us + taken_us
            if len(part) > wanted:
                rest = (until_us, duration_us - taken_us, part[wanted:])
                self._parts.appendleft(rest)
        lasts_s = len(data) / SAMPLE_BYTES / SAMPLE_RATE_HZ
        sound = pygame.mixer.Sound(buffer=data.ljust(CHUNK_BYTES, b"\0"))
        return Chunk(sound, from_us, until_us, lasts_s)


class Window:
    """A netplay sink: keeps what is to be seen and hands sound on."""

    threaded = False

    def __init__(self) -> None:
        self.audio_ahead_us = 300_000
        self.speaker = Speaker()
        self.frame: netplay.VideoFrame | None = None
        self.cues: tuple[netplay.Cue, ...] = ()
        self.stale = False
        self.frames = 0

    def video(self, frame: netplay.VideoFrame) -> None:
        """Keep a picture for the next refresh."""
        self.frame, self.stale = frame, True
        self.frames += 1

    def audio(self, block: netplay.AudioBlock) -> None:
        """Hand sound on."""
        self.speaker.take(block)

    def text(self, cues: tuple[netplay.Cue, ...]) -> None:
        """Keep the cues that are up."""
        self.cues, self.stale = cues, True

    def move(self, rate: Fraction) -> None:
        """Let sound go on or rest."""
        self.speaker.move(moving=rate > 0)

    def flush(self, stream: Literal["video", "audio", "text"], from_us: int | None) -> None:
        """Forget all sound: the mixer's chunks are too short to cut at `from_us`."""
        del from_us
        if stream == "audio":
            self.speaker.stop()

    def heard_us(self) -> int | None:
        """Return what the speaker says."""
        return self.speaker.heard_us()

    def close(self) -> None:
        """Be silent."""
        self.speaker.stop()


def fitted(frame: netplay.VideoFrame, size: tuple[int, int]) -> tuple[bytes, tuple[int, int]]:
    """Return a picture's pixels, as large as fits; takes some milliseconds."""
    scale = min(size[0] / frame.width, size[1] / frame.height)
    width, height = (max(2, round(it * scale) // 2 * 2) for it in (frame.width, frame.height))
    picture = frame.frame.reformat(width=width, height=height, format="rgb24")
    plane = picture.planes[0]
    rows = memoryview(plane)
    return b"".join(
        rows[at : at + width * 3] for at in range(0, plane.line_size * height, plane.line_size)
    ), (width, height)


async def draw(window: Window, screen: pygame.Surface, font: pygame.font.Font) -> None:
    """Put the present picture and subtitles on the screen."""
    frame, window.stale = window.frame, False
    if frame is None:
        return
    pixels, size = await anyio.to_thread.run_sync(fitted, frame, screen.get_size())
    picture = pygame.image.frombuffer(pixels, size, "RGB")
    screen.fill("black")
    screen.blit(picture, picture.get_rect(center=screen.get_rect().center))
    bottom = screen.get_height() - 20
    for line in reversed([line for cue in window.cues for line in cue.text.split("\n")]):
        said = font.render(line, True, "white", "black")
        bottom -= said.get_height()
        screen.blit(said, said.get_rect(midtop=(screen.get_width() // 2, bottom)))
    pygame.display.flip()


async def pressed(key: int, player: netplay.Player) -> bool:
    """Do what a key asks for; return False to leave."""
    status = player.status()
    if key == pygame.K_SPACE:
        await (player.pause() if status.state == "playing" else player.resume())
    elif key in (pygame.K_LEFT, pygame.K_RIGHT):
        by_s = 10 if key == pygame.K_RIGHT else -10
        await player.seek(max(0.0, status.position_us / 1e6 + by_s))
    return key not in (pygame.K_ESCAPE, pygame.K_q)


async def interact(player: netplay.Player, window: Window, leave: anyio.CancelScope) -> None:
    """Draw, feed the speaker and listen to the keyboard, as often as a screen refreshes."""
    screen = pygame.display.set_mode((1280, 720), pygame.RESIZABLE)
    font = pygame.font.Font(None, 40)
    while True:
        for event in pygame.event.get():
            wants_more = event.type != pygame.QUIT
            if event.type == pygame.KEYDOWN:
                wants_more = await pressed(event.key, player)
            if not wants_more:
                leave.cancel()
        window.speaker.feed()
        if window.stale:
            await draw(window, screen, font)
        await anyio.sleep(UI_S)


async def show(url: str, seconds: float) -> Window:
    """Play a title, or its first seconds; return the window as it was at the end."""
    pygame.display.init()
    pygame.font.init()
    pygame.display.set_caption(f"netplay: {url}")
    window = Window()
    try:
        async with netplay.Player(window) as player:
            await player.open(url)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(interact, player, window, tasks.cancel_scope)
                await player.play()
                with anyio.move_on_after(seconds):
                    await player.wait_finished()
                tasks.cancel_scope.cancel()
            print(f"{window.frames} frames shown; {player.summary()}")
    finally:
        pygame.quit()
    return window


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, usage="window.py URL [--seconds S]")
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=math.inf)
    wanted = parser.parse_args(argv)
    code = 0
    try:
        anyio.run(show, wanted.url, wanted.seconds)
    except* netplay.NetplayError as errors:
        code = 1
        for error in errors.exceptions:
            print(error, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
