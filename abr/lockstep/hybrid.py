"""The default controller, of many sessions at once: the twin of `abr.hybrid`."""

from __future__ import annotations

import numpy as np

from abr.guardrails import highest_within
from abr.hybrid import HybridSettings
from abr.lockstep.contract import Bools, Choices, Ints, Samples, Views
from abr.lockstep.estimates import LinkEstimates
from abr.lockstep.limits import cap
from abr.lockstep.reach import rule_of

__all__ = ["Hybrids"]

_NEVER_US = -(1 << 60)


class Hybrids:
    """Picks what `abr.Hybrid` picks; the arguments are the same."""

    def __init__(
        self, settings: HybridSettings | None = None, *, initial_bps: float | None = None
    ) -> None:
        self._settings = settings = settings or HybridSettings.tuned()
        self._rule = rule_of(settings.rule)
        self._links = LinkEstimates(
            self._rule.estimators(),
            initial_bps=initial_bps,
            trusted_bytes=settings.trusted_bytes,
        )
        self._cap = self._start_cap = 0
        self._starting: Bools = np.zeros(0, dtype=np.bool_)
        self._rose_at_us: Ints = np.zeros(0, dtype=np.int64)

    def choose(self, views: Views) -> Choices:
        """Return the rungs to fetch next; never a wait."""
        settings, before = self._settings, views.rung
        if before is None:
            self._begin(views)
        self._starting = self._starting & ~(
            views.buffered_s > self._scaled_s(settings.start_until_s, views)
        )
        rung = np.minimum(self._rung(views), self._cap)
        if before is not None:
            self._rose_at_us = np.where(rung > before, views.now_us, self._rose_at_us)
        return Choices(rung)

    def observe(self, samples: Samples) -> None:
        """Take in what the links did."""
        self._links.observe(samples)

    def _begin(self, views: Views) -> None:
        count, settings = len(views.now_us), self._settings
        self._cap = cap(settings.guardrails, views)
        self._start_cap = highest_within(views.ladder.rungs, settings.start_max_height)
        self._starting = np.ones(count, dtype=np.bool_)
        self._rose_at_us = np.full(count, _NEVER_US, dtype=np.int64)

    def _scaled_s(self, seconds_s: float, views: Views) -> float:
        target_s = min(views.target_s, views.max_buffer_s)
        return seconds_s * min(1.0, target_s / self._settings.full_target_s)

    def _rung(self, views: Views) -> Ints:
        """The rungs by links and buffers alone, before any cap."""
        settings, current = self._settings, views.rung
        reach = self._rule.reach(views, self._links)
        wanted, stay = reach.climb, reach.stay
        if current is not None:
            wanted = np.where(wanted > current, wanted, np.minimum(current, stay))
        capped_s = self._scaled_s(settings.start_capped_s, views)
        capped = self._starting & (views.buffered_s <= capped_s)
        wanted = np.where(capped, np.minimum(wanted, self._start_cap), wanted)
        if current is not None:
            every_us = self._scaled_s(settings.climb_every_s, views) * 1e6
            waits = views.now_us - self._rose_at_us < every_us
            if reach.early is not None:
                waits |= reach.early
            if settings.free_start:
                waits &= ~self._starting
            wanted = np.where(waits & (wanted > current), current, wanted)
            wanted = np.maximum(wanted, current - settings.most_rungs_down)
        low = views.buffered_s < self._scaled_s(settings.panic_below_s, views)
        panics = low & ((views.rebuffers > 0) | ~self._starting)
        return np.where(panics, 0, wanted)
