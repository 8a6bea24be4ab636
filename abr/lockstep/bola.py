"""BOLA, of many sessions at once: the twin of `abr.bola`."""

from __future__ import annotations

import numpy as np

from abr.bola import GAMMA_P, LEAST_SEGMENTS, Curve, Guard, curve
from abr.lockstep.contract import Choices, Floats, Ints, Samples, Views
from abr.lockstep.links import SegmentLinks

__all__ = ["Bolas", "Curves", "full_ms"]


class Curves:
    """A `Curve` as arrays: what each rung is worth at the level of every session.

    Attributes:
        ceilings_ms: The level at which each rung is worth nothing any more, shape (rungs,).
        floors_ms: The level from which each is worth no less than any below it.
    """

    def __init__(self, worth: Curve) -> None:
        rungs = range(len(worth.utilities))
        self._kbps: Floats = np.array(worth.bitrates_kbps)
        self.ceilings_ms: Floats = np.array([worth.ceiling_ms(rung) for rung in rungs])
        self.floors_ms: Floats = np.array([worth.floor_ms(rung) for rung in rungs])

    def best(self, level_ms: Floats) -> Ints:
        """Return the rungs with the best score at levels; the lowest of equals."""
        scores = self.ceilings_ms[:, None] - level_ms
        scores /= self._kbps[:, None]
        best: Ints = scores.argmax(axis=0)
        return best


def full_ms(views: Views) -> float:
    """Return how much the buffer holds when it is full."""
    return min(views.max_buffer_s, views.target_s + views.segment_s) * 1000


class Bolas:
    """Picks what `abr.Bola` picks; the arguments are the same."""

    def __init__(
        self, *, finite: bool = True, guard: Guard = "u", gamma_p: float = GAMMA_P
    ) -> None:
        self._finite = finite
        self._guard = guard
        self._gamma = gamma_p
        self._links = SegmentLinks()
        self._last: Ints = np.zeros(0, dtype=np.int64)

    def choose(self, views: Views) -> Choices:
        """Return the rungs with the best score, within what the guard allows."""
        if views.rung is None:
            self._last = np.zeros(len(views.now_us), dtype=np.int64)
        level_ms = views.buffered_s * 1000
        curves = self._curves(views)
        rung = curves.best(level_ms)
        wait_ms: Floats | None = None
        if self._guard == "none":
            wait_ms = np.maximum(0.0, level_ms - curves.ceilings_ms[-1])
        else:
            rung, wait_ms = self._guarded(views, curves, rung, level_ms)
        self._last = rung
        return Choices(rung, None if wait_ms is None else wait_ms / 1000)

    def observe(self, samples: Samples) -> None:
        """Take in what the links did."""
        self._links.observe(samples)

    def _curves(self, views: Views) -> Curves:
        segment_ms, buffer_ms = views.segment_s * 1000, full_ms(views)
        if self._finite:
            segments = min(float(views.fetched_segments), views.remaining_segments)
            buffer_ms = min(buffer_ms, max(segments / 2, LEAST_SEGMENTS) * segment_ms)
        worth = curve(
            [rung.bitrate_bps for rung in views.ladder.rungs],
            room_ms=max(buffer_ms - segment_ms, segment_ms / 4),
            gamma=self._gamma,
            first=0.0,
        )
        return Curves(worth)

    def _guarded(
        self, views: Views, curves: Curves, rung: Ints, level_ms: Floats
    ) -> tuple[Ints, Floats | None]:
        """Return what the links allow of a step up, and the waits for it."""
        last, bps = self._last, self._links.bps
        if bps is None:
            return np.minimum(rung, last), None
        sustainable = self._links.sustainable(views, bps)
        beyond = rung > np.maximum(last, sustainable)
        kept = np.where(last > sustainable, last, sustainable + (self._guard == "u"))
        guarded = np.where(beyond, kept, rung)
        if self._guard == "u":
            return guarded, None
        wait_ms = np.maximum(0.0, level_ms - curves.ceilings_ms[sustainable])
        return guarded, np.where(beyond & (last <= sustainable), wait_ms, 0.0)
