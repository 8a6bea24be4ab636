"""BOLA-E, of many sessions at once: the twin of `abr.bola_e`."""

from __future__ import annotations

import numpy as np

from abr.bola import GAMMA_P, Curve, curve
from abr.bola_e import MINIMUM_A_RUNG_MS, MINIMUM_MS
from abr.lockstep.bola import Curves, full_ms
from abr.lockstep.contract import Choices, Floats, Ints, Samples, Views
from abr.lockstep.links import InsufficientBuffers, SegmentLinks

__all__ = ["BolaEs"]


class BolaEs:
    """Picks what `abr.BolaE` picks; the arguments are the same."""

    def __init__(
        self,
        *,
        insufficient_buffer: bool = True,
        oscillation_averse: bool = False,
        gamma_p: float = GAMMA_P,
    ) -> None:
        self._insufficient = InsufficientBuffers() if insufficient_buffer else None
        self._steps_beyond = 0 if oscillation_averse else 1
        self._gamma_p = gamma_p
        self._links = SegmentLinks()
        self._starting = True
        self._placeholder_ms: Floats = np.zeros(0)
        self._asked_us: Ints = np.zeros(0, dtype=np.int64)
        self._curves: Curves | None = None
        self._segment_s = 0.0

    def choose(self, views: Views) -> Choices:
        """Return the rungs with the best score, and how long to wait for them."""
        if self._curves is None or views.segment_s != self._segment_s:
            self._curves, self._segment_s = Curves(self._worth(views)), views.segment_s
        bps = self._links.bps
        if views.rung is None or bps is None:
            count = len(views.now_us)
            self._placeholder_ms = np.zeros(count)
            return Choices(np.zeros(count, dtype=np.int64))
        level_ms = views.buffered_s * 1000
        self._take_in(views, views.rung, level_ms, self._curves)
        sustainable = self._links.sustainable(views, bps)
        if self._starting:
            self._starting = False
            floor_ms = self._curves.floors_ms[sustainable]
            self._placeholder_ms = np.maximum(0.0, floor_ms - level_ms)
            return Choices(sustainable)
        rung = self._curves.best(level_ms + self._placeholder_ms)
        held = np.maximum(views.rung, sustainable)
        beyond = np.minimum(held + self._steps_beyond, views.ladder.top)
        rung = np.where(rung > held, beyond, rung)
        wait_ms = self._wait_ms(rung, level_ms, self._curves)
        if self._insufficient is not None:
            ttfb_s = self._links.ttfb_s
            within = self._insufficient.cap(views, rung, bps=bps, ttfb_s=ttfb_s)
            less = within < rung
            if less.any():
                rung = within
                wait_ms[less] = 0.0
                self._deflate(less, rung, level_ms, self._curves)
        return Choices(rung, wait_ms / 1000)

    def observe(self, samples: Samples) -> None:
        """Take in what the links did."""
        self._asked_us = samples.asked_us
        self._links.observe(samples)

    def _take_in(self, views: Views, rung: Ints, level_ms: Floats, curves: Curves) -> None:
        """Account for the segments that came."""
        waited_ms = views.waited_s * 1000
        took_ms = (views.now_us - self._asked_us) / 1000 - waited_ms
        level_ms = level_ms + waited_ms
        level_was_ms = level_ms + took_ms
        most_ms = np.maximum(0.0, curves.ceilings_ms[rung] - level_was_ms)
        placeholder_ms = np.minimum(self._placeholder_ms, most_ms)
        least_ms = curves.floors_ms[rung] - level_was_ms
        raised_ms = np.maximum(placeholder_ms, least_ms)
        self._placeholder_ms = np.where(level_ms > 0, raised_ms, placeholder_ms)
        self._placeholder_ms += waited_ms

    def _wait_ms(self, rung: Ints, level_ms: Floats, curves: Curves) -> Floats:
        """Take what levels have above a ceiling from the placeholder; wait for the rest."""
        virtual_ms = self._placeholder_ms
        excess_ms = level_ms + virtual_ms - curves.ceilings_ms[rung]
        over = excess_ms > 0
        more = excess_ms > virtual_ms
        left_ms = np.where(over, np.where(more, 0.0, virtual_ms - excess_ms), virtual_ms)
        self._placeholder_ms = left_ms
        waits = over & more & (rung < len(curves.ceilings_ms) - 1)
        return np.where(waits, excess_ms - virtual_ms, 0.0)

    def _deflate(
        self, less: np.typing.NDArray[np.bool_], rung: Ints, level_ms: Floats, curves: Curves
    ) -> None:
        """Leave no more of the buffers virtual than their rungs need."""
        most_ms = np.maximum(0.0, curves.floors_ms[rung] - level_ms)
        deflated_ms = np.minimum(self._placeholder_ms, most_ms)
        self._placeholder_ms = np.where(less, deflated_ms, self._placeholder_ms)

    def _worth(self, views: Views) -> Curve:
        bitrates_bps = [rung.bitrate_bps for rung in views.ladder.rungs]
        room_ms = full_ms(views)
        if self._insufficient is None:
            segment_ms = views.segment_s * 1000
            levels_ms = max(room_ms - segment_ms, segment_ms / 4)
            return curve(bitrates_bps, room_ms=levels_ms, gamma=self._gamma_p - 1, first=1.0)
        shape = curve(bitrates_bps, room_ms=1.0, gamma=0.0, first=1.0)
        buffer_ms = max(MINIMUM_MS + MINIMUM_A_RUNG_MS * len(bitrates_bps), room_ms)
        # One rung alone has no spread of utilities; any would do.
        spread = (shape.utilities[-1] - 1) or 1.0
        gamma = spread / (buffer_ms / MINIMUM_MS - 1)
        return Curve(shape.bitrates_kbps, shape.utilities, MINIMUM_MS / gamma, gamma)
