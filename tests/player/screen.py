"""A sink that remembers what it was shown, and the same title decoded by PyAV alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import anyio
import av
import numpy as np
import numpy.typing as npt

from netplay import AudioBlock, Cue, Player, VideoFrame
from netplay.core.messages import Action, Event, Track
from netplay.edge.picture import read_marker
from netplay.io.source import Stream

__all__ = [
    "Block",
    "Screen",
    "Shown",
    "Watch",
    "decoded_frames",
    "decoded_sound",
    "gaps",
    "joined",
    "language",
]

Told = TypeVar("Told")

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture.

    Attributes:
        number: The frame's number in the title, as the picture itself says.
        rung: The same of its rung.
    """

    position_us: int
    duration_us: int
    digest: str
    number: int
    rung: int


@dataclass(frozen=True, slots=True)
class Block:
    """Some sound; samples of shape (channels, count)."""

    position_us: int
    duration_us: int
    samples: Samples


class Screen:
    """Keeps every picture, block of sound and set of cues, in the order they came.

    Attributes:
        cues: Each set that was put up, and where the picture before it began.
        moves: Every rate it was told of.
        closed: How often it was closed.
        on_frame: Called with each picture.
    """

    threaded = False
    protected = True
    audio_ahead_us = 0

    def __init__(self) -> None:
        self.frames: list[Shown] = []
        self.blocks: list[Block] = []
        self.cues: list[tuple[int, tuple[Cue, ...]]] = []
        self.moves: list[Fraction] = []
        self.closed = 0
        self.on_frame: Callable[[Shown], None] | None = None
        self._changed = anyio.Event()

    async def reached(self, number: int) -> None:
        """Return once a frame of that number, or one behind it, is shown."""
        while not self.frames or self.frames[-1].number < number:
            self._changed = anyio.Event()
            await self._changed.wait()

    def covers(self, position_s: float) -> bool:
        """Whether the picture that is up is the one of a position."""
        shown = self.frames[-1]
        return shown.position_us <= position_s * 1e6 < shown.position_us + shown.duration_us

    @property
    def numbers(self) -> list[int]:
        """Which frames were shown."""
        return [frame.number for frame in self.frames]

    @property
    def positions_us(self) -> list[int]:
        """Where they were."""
        return [frame.position_us for frame in self.frames]

    def video(self, frame: VideoFrame) -> None:
        shown = _shown(frame.frame, frame.position_us, frame.duration_us)
        self.frames.append(shown)
        self._changed.set()
        if self.on_frame is not None:
            self.on_frame(shown)

    def audio(self, block: AudioBlock) -> None:
        samples = block.frame.to_ndarray().astype(np.float32, copy=False)
        if not block.frame.format.is_planar:
            samples = samples.reshape(-1, block.channels).T
        self.blocks.append(Block(block.position_us, block.duration_us, samples))

    def text(self, cues: tuple[Cue, ...]) -> None:
        self.cues.append((self.frames[-1].position_us if self.frames else 0, cues))

    def move(self, rate: Fraction) -> None:
        self.moves.append(rate)

    def flush(self, stream: Stream, from_us: int | None) -> None:
        """What was shown was shown."""

    def heard_us(self) -> int | None:
        return None

    def close(self) -> None:
        self.closed += 1


class Watch:
    """A tap that keeps every message, and lets a test wait for what follows from one."""

    def __init__(self) -> None:
        self.messages: list[Event | Action] = []
        self._changed = anyio.Event()

    def __call__(self, now_us: int, message: Event | Action) -> None:
        self.messages.append(message)
        self._changed.set()

    def of(self, kind: type[Told]) -> list[Told]:
        """Return the messages of a kind, in order."""
        return [message for message in self.messages if isinstance(message, kind)]

    async def held(self, player: Player, *tracks: Track) -> None:
        """Return once all of the title is held on these tracks."""

        def is_held() -> bool:
            lanes = [player.status().lane(track) for track in tracks]
            return all(
                lane is not None
                and len(lane.buffered_us) == 1
                and lane.buffered_us[0][0] == 0
                and lane.buffered_us[0][1] >= 5_990_000
                for lane in lanes
            )

        await self.until(is_held)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once something holds; it is looked at after every message."""
        while not holds():
            self._changed = anyio.Event()
            await self._changed.wait()


def _shown(frame: av.VideoFrame, position_us: int, duration_us: int) -> Shown:
    planes = [_pixels(plane) for plane in frame.planes]
    digest = sha256(b"".join(plane.tobytes() for plane in planes)).hexdigest()[:16]
    marker = read_marker(planes[0])
    assert marker is not None, f"the frame at {position_us} µs does not say which it is"
    return Shown(position_us, duration_us, digest, *marker)


def _pixels(plane: av.video.plane.VideoPlane) -> npt.NDArray[np.uint8]:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def decoded_frames(folder: Path, track: str) -> list[Shown]:
    """Return every picture of a track's single file, decoded by PyAV alone."""
    with av.open(str(folder / track / "all.mp4")) as container:
        stamped = [(frame, _us(frame)) for frame in container.decode(video=0)]
        rate = container.streams.video[0].average_rate
    assert rate is not None
    ends_us = [position_us for _, position_us in stamped[1:]]
    ends_us.append(int(len(stamped) * 1_000_000 / rate))
    return [
        _shown(frame, position_us, end_us - position_us)
        for (frame, position_us), end_us in zip(stamped, ends_us, strict=True)
    ]


def decoded_sound(folder: Path, track: str) -> Samples:
    """Return every sample of a track's single file, decoded by PyAV alone."""
    with av.open(str(folder / track / "all.mp4")) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def gaps(blocks: list[Block]) -> list[tuple[int, int]]:
    """Return where a block does not begin where the one before it ended, and how far off."""
    apart = [
        (after.position_us, after.position_us - (before.position_us + before.duration_us))
        for before, after in pairwise(blocks)
    ]
    return [(at_us, apart_us) for at_us, apart_us in apart if abs(apart_us) > 1]


def joined(blocks: list[Block]) -> Samples:
    """Return the sound of blocks, one behind the other; they must leave no gap."""
    assert gaps(blocks) == []
    return np.concatenate([block.samples for block in blocks], axis=1)


def language(samples: Samples) -> str:
    """Return which of the title's tones some sound is; "" where a beep covers it, or silence."""
    at_s = np.arange(samples.shape[1]) / 48_000
    power = {
        name: abs(np.mean(samples[0] * np.exp(-2j * np.pi * hz * at_s)))
        for name, hz in (("en", 220.0), ("sv", 330.0), ("beep", 880.0), ("beep too", 1320.0))
    }
    loudest = max(power, key=lambda name: power[name])
    return loudest if loudest in ("en", "sv") and power[loudest] > 0.02 else ""


def _us(frame: av.VideoFrame) -> int:
    assert frame.pts is not None
    assert frame.time_base is not None
    return int(frame.pts * frame.time_base * 1_000_000 // 1)
