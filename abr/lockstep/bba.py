"""BBA-0, BBA-1 and BBA-2, of many sessions at once: the twin of `abr.bba`."""

from __future__ import annotations

from typing import Literal

import numpy as np

from abr.bba import (
    BOLD_SHARE,
    CALM_SHARE,
    CUSHION_S,
    FULL_S,
    LEAST_RESERVOIR_S,
    MOST_RESERVOIR_S,
    RESERVOIR_S,
)
from abr.lockstep.contract import Bools, Choices, Floats, Ints, Samples, Views

__all__ = ["Bbas"]


class Bbas:
    """Picks what `abr.Bba` picks; the argument is the same."""

    def __init__(self, version: Literal[0, 1, 2] = 2) -> None:
        self._version = version
        self._starting: Bools = np.zeros(0, dtype=np.bool_)
        self._level_s: Floats = np.zeros(0)
        self._fetched_s: Floats = np.zeros(0)

    def choose(self, views: Views) -> Choices:
        """Return the rungs on the map, or bolder ones at the start."""
        if views.rung is None:
            count = len(views.now_us)
            self._starting = np.full(count, self._version == 2)
            self._level_s = np.zeros(count)
            return Choices(np.zeros(count, dtype=np.int64))
        scale = _scale(views)
        top_s = (RESERVOIR_S + CUSHION_S) * scale
        reservoir_s = self._reservoir_s(views, scale)
        share = np.clip((views.buffered_s - reservoir_s) / (top_s - reservoir_s), 0.0, 1.0)
        rung = self._mapped(views, views.rung, share)
        if self._version == 2 and self._starting.any():
            rung = self._bold(views, views.rung, rung, cushion_s=top_s)
        return Choices(rung)

    def observe(self, samples: Samples) -> None:
        """Take in how long segments took; what they brought a second is not looked at."""
        self._fetched_s = (samples.busy_s + samples.ttfb_s) / samples.duration_s

    def _size_bits(self, views: Views, rung: int, ahead: int = 0) -> float:
        if self._version == 0:
            return views.ladder.rungs[rung].bitrate_bps * views.segment_s
        return 8 * views.size_bytes(rung, ahead)

    def _reservoir_s(self, views: Views, scale: float) -> float:
        if self._version == 0:
            return RESERVOIR_S * scale
        lowest_bps = max(views.ladder.rungs[0].bitrate_bps, 1)
        needs_s = sum(
            self._size_bits(views, 0, ahead) / lowest_bps - views.segment_s
            for ahead in range(len(views.sizes_bytes))
        )
        return min(max(needs_s, LEAST_RESERVOIR_S * scale), MOST_RESERVOIR_S * scale)

    def _mapped(self, views: Views, before: Ints, share: Floats) -> Ints:
        """Return the rungs by the map: those before until the next size up or down is passed."""
        ladder, top = views.ladder, views.ladder.top
        sizes = np.array([self._size_bits(views, rung) for rung in range(top + 1)])
        low_bits = ladder.rungs[0].bitrate_bps * views.segment_s
        high_bits = ladder.rungs[top].bitrate_bps * views.segment_s
        map_bits = low_bits + share * (high_bits - low_bits)
        # Beyond either end there is no next size, and none is ever passed.
        next_up = np.append(sizes[1:], np.inf)[before]
        next_down = np.append(-np.inf, sizes[:-1])[before]
        rises = map_bits >= next_up
        falls = ~rises & (map_bits <= next_down)
        rung = before.copy()
        if rises.any():
            rung[rises] = _highest_below(sizes, map_bits[rises], before[rises])
        if falls.any():
            rung[falls] = _lowest_above(sizes, map_bits[falls], before[falls])
        rung[share >= 1] = top
        rung[share <= 0] = 0
        return rung

    def _bold(self, views: Views, before: Ints, mapped: Ints, *, cushion_s: float) -> Ints:
        """Return the rungs of the start, one up at most; those of the map once it is over."""
        level_s = views.buffered_s + views.waited_s
        self._starting &= (mapped <= before) & (level_s >= self._level_s)
        self._level_s = level_s
        filled = np.minimum(views.buffered_s / cushion_s, 1.0)
        needed = BOLD_SHARE - (BOLD_SHARE - CALM_SHARE) * filled
        brought = 1 - self._fetched_s
        up = np.minimum(before + (brought > needed), views.ladder.top)
        return np.where(self._starting, up, mapped)


def _scale(views: Views) -> float:
    """How much smaller this buffer is than the paper's."""
    full_s = min(views.max_buffer_s, views.target_s + views.segment_s) - views.segment_s
    return max(full_s, views.segment_s / 4) / FULL_S


def _highest_below(sizes: Floats, bits: Floats, otherwise: Ints) -> Ints:
    """Return the highest rungs with a size below so many bits."""
    below = sizes[:, None] < bits
    return np.where(below.any(axis=0), len(sizes) - 1 - below[::-1].argmax(axis=0), otherwise)


def _lowest_above(sizes: Floats, bits: Floats, otherwise: Ints) -> Ints:
    """Return the lowest rungs with a size above so many bits."""
    above = sizes[:, None] > bits
    return np.where(above.any(axis=0), above.argmax(axis=0), otherwise)
