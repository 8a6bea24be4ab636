"""What the links carry, told from what they did: `abr.segment_link` and `abr.estimate`, in step.

Every session has had as many samples as any other, so what depends on their number alone is
one number. `expm1` of numpy may differ from that of `math` in its last bit, and with it a
mean; a rung would differ only where a decision hangs on that bit.
"""

from __future__ import annotations

import math

import numpy as np

from abr.estimate import FAST_HALF_LIFE_S, SHORTEST_S, SLOW_HALF_LIFE_S
from abr.insufficient import DECAY, FIRST_SHARE, LAST_SHARE
from abr.lockstep.contract import Floats, Ints, Ladder, Samples, Views

__all__ = ["DecayingMeans", "DualEwmas", "InsufficientBuffers", "SegmentLinks"]


class DecayingMeans:
    """`abr.estimate.DecayingMean` of many sessions."""

    def __init__(self, half_life: float) -> None:
        self._half_life = half_life
        self._weight: Floats | float = 0.0
        self.mean: Floats | None = None

    def add(self, values: Floats, weight: Floats | float) -> None:
        """Take in a value of each session, of so much weight."""
        self._weight = self._weight + weight
        if self.mean is None:
            self.mean = values
            return
        share = self._share(weight) / self._share(self._weight)
        self.mean = self.mean + share * (values - self.mean)

    def _share(self, weight: Floats | float) -> Floats | float:
        if isinstance(weight, float):
            return -math.expm1(-math.log(2) * weight / self._half_life)
        shares: Floats = np.expm1(-math.log(2) * weight / self._half_life)
        return np.negative(shares, out=shares)


class DualEwmas:
    """`abr.estimate.DualEwma` of many sessions."""

    def __init__(
        self,
        fast_half_life_s: float = FAST_HALF_LIFE_S,
        slow_half_life_s: float = SLOW_HALF_LIFE_S,
    ) -> None:
        self._fast = DecayingMeans(fast_half_life_s)
        self._slow = DecayingMeans(slow_half_life_s)
        self.bps: Floats | None = None

    def observe(self, samples: Samples) -> None:
        """Take in what the links did."""
        busy_s: Floats = np.maximum(samples.busy_s, SHORTEST_S)
        rates = 8 * samples.bytes / busy_s
        self._fast.add(rates, busy_s)
        self._slow.add(rates, busy_s)
        assert self._fast.mean is not None
        assert self._slow.mean is not None
        self.bps = np.minimum(self._fast.mean, self._slow.mean)


class SegmentLinks:
    """`abr.segment_link.SegmentLink` of many sessions.

    Attributes:
        bps: The rates to count on; None while nothing was observed.
        ttfb_s: The times to first byte to count on; 0 while nothing was observed.
    """

    def __init__(self) -> None:
        self._rates = DualEwmas()
        self._fast_ttfb = DecayingMeans(FAST_HALF_LIFE_S)
        self._slow_ttfb = DecayingMeans(SLOW_HALF_LIFE_S)
        self.ttfb_s: Floats | float = 0.0

    @property
    def bps(self) -> Floats | None:
        """The rates to count on; None while nothing was observed."""
        return self._rates.bps

    def observe(self, samples: Samples) -> None:
        """Take in what the links did."""
        self._rates.observe(samples)
        self._fast_ttfb.add(samples.ttfb_s, samples.duration_s)
        self._slow_ttfb.add(samples.ttfb_s, samples.duration_s)
        assert self._fast_ttfb.mean is not None
        assert self._slow_ttfb.mean is not None
        self.ttfb_s = np.maximum(self._fast_ttfb.mean, self._slow_ttfb.mean)

    def sustainable(self, views: Views, bps: Floats) -> Ints:
        """Return the highest rungs whose latency and body come within the segment's duration."""
        above = views.segment_s * views.ladder.bitrates_bps[1:, None]
        with np.errstate(divide="ignore"):
            comes = self.ttfb_s + above / bps <= views.segment_s
        comes &= bps > 0
        # Bitrates rise, so the first rung that does not come is the last one looked at.
        return _count(comes)


class InsufficientBuffers:
    """`abr.insufficient.InsufficientBuffer` of many sessions, which all ask it equally often."""

    def __init__(self) -> None:
        self._share = FIRST_SHARE

    def cap(self, views: Views, rung: Ints, *, bps: Floats, ttfb_s: Floats | float) -> Ints:
        """Return rungs, or the highest below them that come in time; each call decays the trust."""
        safe_bits = self._share * (views.buffered_s - ttfb_s) * bps
        self._share = max(self._share * DECAY, LAST_SHARE)
        return np.minimum(rung, highest_within(views.ladder, views.segment_s, safe_bits))


def highest_within(ladder: Ladder, segment_s: float, bits: Floats) -> Ints:
    """Return the highest rungs whose segment, by their bitrate, is no more than so many bits."""
    above = ladder.bitrates_bps[1:] * segment_s
    return np.searchsorted(above, bits, side="right").astype(np.int64, copy=False)


def _count(held: np.typing.NDArray[np.bool_]) -> Ints:
    """Return how many rungs of each session are held to be true."""
    # In bytes, as a ladder has fewer than 256 rungs: five times as fast as in integers.
    few = np.add.reduce(held.view(np.uint8), axis=0, dtype=np.uint8)
    counted: Ints = few.astype(np.int64)
    return counted
