"""What the next segment's rate will be: the newest rate or a mean, whichever foretold better.

Some links are noise around a steady mean, on which a long mean foretells best; others wander,
and the newest rate says most. Which of them a link is shows in how both did.
"""

from __future__ import annotations

import math

from abr.contract import Sample
from abr.estimate import DecayingMean, rate_bps
from abr.misses import LEAST_BPS, MISS_DECAY, MOST_MISS

__all__ = ["Forecast"]


class Forecast:
    """The newest rate and a mean of rates, each weighing by how well it foretold of late.

    Everything is in logarithms, in which twice as fast is as far as half as fast, and every
    segment counts alike, whatever time it took.

    Args:
        half_life_segments: Of the mean.
        sharpness: A forecast weighs e to the power of minus its recent squared errors,
            times this.

    Source:
        Weights that fall exponentially with the loss are those of prediction with expert
        advice (Littlestone, Warmuth, 1994; Cesa-Bianchi, Lugosi, 2006).
    """

    def __init__(self, half_life_segments: float, sharpness: float) -> None:
        if not sharpness >= 0:
            raise ValueError(f"sharpness must not be negative, not {sharpness}")
        self._mean = DecayingMean(half_life_segments)
        self._sharpness = sharpness
        self._newest: float | None = None
        self._lead = 0.0

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        came = math.log(max(rate_bps(sample), LEAST_BPS))
        newest, mean = self._newest, self._mean.mean
        if newest is not None and mean is not None:
            self._lead = MISS_DECAY * self._lead + _squared(mean - came) - _squared(newest - came)
        self._newest = came
        self._mean.add(came, 1.0)

    @property
    def bps(self) -> float | None:
        """The rate to count on; None while nothing was observed."""
        newest, mean = self._newest, self._mean.mean
        if newest is None or mean is None:
            return None
        # The share of one of two exponential weights, which overflows for no lead.
        share = 0.5 * (1 + math.tanh(0.5 * self._sharpness * self._lead))
        return math.exp(mean + share * (newest - mean))


def _squared(miss: float) -> float:
    return min(miss * miss, MOST_MISS * MOST_MISS)
