"""A small movie, a few traces and controllers that misbehave, for tests of the lab."""

from __future__ import annotations

from abr.contract import Abandonment, Choice, Controller, Keep, Progress, Sample, View
from netplay.lab.movies import Movie, make_movie
from netplay.lab.traces import NetworkTrace

SECOND = 1_000_000


def clip(name: str = "clip", *, vmaf: bool = False) -> Movie:
    return make_movie(
        name,
        segment_us=2 * SECOND,
        bitrates_bps=[300_000, 1_000_000],
        sizes_bytes=[[75_000, 250_000]] * 5,
        vmaf=[[40.0, 80.0]] * 5 if vmaf else None,
    )


def steady(name: str, kbps: int) -> NetworkTrace:
    return NetworkTrace(name, ((SECOND, kbps * 1000, 20_000),))


class Stubborn:
    """Always the same rung, which may not exist; raises at a segment if it is told to."""

    def __init__(self, rung: int, *, raises_at: int | None = None) -> None:
        self.rung = rung
        self.raises_at = raises_at

    def choose(self, view: View) -> Choice:
        if view.fetched_segments == self.raises_at:
            raise RuntimeError("out of ideas")
        return Choice(self.rung)

    def observe(self, sample: Sample) -> None:
        pass

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        return Keep()


def low() -> Controller:
    return Stubborn(0)


def high() -> Controller:
    return Stubborn(1)


def impossible() -> Controller:
    return Stubborn(7)


def raising() -> Controller:
    return Stubborn(0, raises_at=2)
