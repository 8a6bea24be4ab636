"""The plain throughput rule, of many sessions at once: the twin of `abr.throughput`."""

from __future__ import annotations

import numpy as np

from abr.guardrails import Guardrails
from abr.lockstep.contract import Choices, Floats, Samples, Views
from abr.lockstep.limits import cap
from abr.lockstep.links import InsufficientBuffers, SegmentLinks
from abr.throughput import SAFETY_MARGIN

__all__ = ["Throughputs"]


class Throughputs:
    """Picks what `abr.Throughput` picks; the arguments are the same."""

    def __init__(
        self,
        safety_margin: float = SAFETY_MARGIN,
        *,
        initial_bps: float | None = None,
        guardrails: Guardrails | None = None,
        insufficient_buffer: bool = True,
    ) -> None:
        self._safety_margin = safety_margin
        self._initial_bps = initial_bps
        self._guardrails = guardrails or Guardrails()
        self._insufficient = InsufficientBuffers() if insufficient_buffer else None
        self._links = SegmentLinks()
        self._cap = 0

    def choose(self, views: Views) -> Choices:
        """Return the highest rungs that the links keep up with."""
        if views.rung is None:
            self._cap = cap(self._guardrails, views)
        measured = self._links.bps
        bps = measured if measured is not None else self._believed_bps(views)
        rung = self._links.sustainable(views, self._safety_margin * bps)
        rung = np.minimum(rung, self._cap)
        if measured is not None and self._insufficient is not None:
            rung = self._insufficient.cap(views, rung, bps=measured, ttfb_s=self._links.ttfb_s)
        return Choices(rung)

    def observe(self, samples: Samples) -> None:
        """Take in what the links did."""
        self._links.observe(samples)

    def _believed_bps(self, views: Views) -> Floats:
        # Of an unknown network nothing is believed but what was remembered.
        return np.full(len(views.now_us), self._initial_bps or 0.0)
