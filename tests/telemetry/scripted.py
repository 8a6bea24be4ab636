"""A small title and a session played by hand: for folds, which only listen."""

from __future__ import annotations

from fractions import Fraction

from netplay.core.device import Device, Preferences
from netplay.core.messages import (
    Action,
    Event,
    Feed,
    Fetch,
    Fetched,
    Opened,
    Play,
)
from netplay.segments import Init, Run, SegmentIndex, Template
from netplay.telemetry import Message
from netplay.timeline import AdaptationSet, Known, Location, Period, Presentation, Representation

__all__ = ["MOVIE", "RATE", "SECOND", "Parrot", "at", "opened", "play", "segment"]

SECOND = 1_000_000
RATE = Fraction(1)


def rung(name: str, bitrate_bps: int, height: int) -> Representation:
    naming = Template((f"{name}/", "Number", ".m4s"), init=Init(f"{name}/init.mp4"))
    return Representation(
        id=f"0/{name}",
        name=name,
        kind="video",
        carries=("video",),
        bandwidth_bps=bitrate_bps,
        locations=(Location("a", "http://a/"), Location("b", "http://b/", priority=2)),
        index=Known(SegmentIndex(1, (Run(0, 2, 10),), naming)),
        height=height,
        quality=float(height) / 10,
    )


MOVIE = Presentation(
    url="http://a/movie.mpd",
    format="dash",
    periods=(
        Period(
            "0",
            0,
            20 * SECOND,
            (AdaptationSet("0/v", "video", (rung("low", 100, 180), rung("high", 300, 720))),),
        ),
    ),
    duration_us=20 * SECOND,
)


def opened(*, asked_us: int = 0, paused: bool = False) -> Opened:
    return Opened(MOVIE, Device(), Preferences(), asked_us=asked_us, paused=paused)


def segment(fetch_id: int, name: str, number: int, *, from_us: int = 0) -> list[Message]:
    """Return a segment asked for, fetched and fed."""
    return [
        Fetch(fetch_id, "video", f"0/{name}", number, "a"),
        Fetched(fetch_id, 1000, 0),
        Feed("video", 0, fetch_id, offset_us=0, from_us=from_us),
    ]


def play(position_us: int, at_us: int, rate: Fraction = RATE) -> Play:
    return Play(position_us, at_us, rate)


def at(now_us: int, *messages: Message | list[Message]) -> list[tuple[int, Message]]:
    """Return messages of one moment, flattened."""
    stream: list[tuple[int, Message]] = []
    for one in messages:
        stream += [(now_us, message) for message in (one if isinstance(one, list) else [one])]
    return stream


class Parrot:
    """Answers each event with what the script says for it; a Session for the replay's eyes."""

    def __init__(self, answers: list[list[Action]]) -> None:
        self._answers = iter(answers)
        self.told: list[tuple[int, Event]] = []

    def handle(self, event: Event, now_us: int) -> list[Action]:
        self.told.append((now_us, event))
        return next(self._answers)
