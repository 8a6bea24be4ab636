"""Where playback is in many sessions: `Playhead` and what makes it rest, at its own speed."""

from __future__ import annotations

import numpy as np

from netplay.sim.batch.traces import Ints

__all__ = ["Playheads"]

_NOT_YET_US = 1 << 59


class Playheads:
    """Playheads that move from a moment on, and stall where media has not come.

    Attributes:
        stalls: How often each did, shape (sessions,).
    """

    def __init__(self, count: int) -> None:
        self._base_us: Ints = np.zeros(count, dtype=np.int64)
        self._since_us: Ints = np.full(count, _NOT_YET_US, dtype=np.int64)
        self.stalls: Ints = np.zeros(count, dtype=np.int64)

    def start(self, at_us: Ints) -> None:
        """Move from the beginning, from moments on."""
        self._since_us = at_us

    def position_us(self, at_us: Ints) -> Ints:
        """Return where each is at a moment."""
        moved_us: Ints = np.maximum(at_us - self._since_us, 0)
        return self._base_us + moved_us

    def reach_us(self, position_us: int, now_us: Ints) -> Ints:
        """Return when each is at a position, or now if it is there already."""
        ahead_us = position_us - self._base_us
        return np.where(ahead_us > 0, np.maximum(self._since_us + ahead_us, now_us), now_us)

    def meet(self, position_us: int, came_us: Ints) -> Ints:
        """Return how long each waited at a position for media that came at a moment."""
        late_us = came_us - (self._since_us + (position_us - self._base_us))
        stalled = late_us > 0
        if not stalled.any():
            return np.zeros_like(late_us)
        self._base_us = np.where(stalled, position_us, self._base_us)
        self._since_us = np.where(stalled, came_us, self._since_us)
        self.stalls = self.stalls + stalled
        return np.maximum(late_us, 0)
