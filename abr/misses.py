"""How far forecasts of a link were off of late: what the next one may be off by."""

from __future__ import annotations

import math
from typing import Final

__all__ = [
    "FIRST_MISS",
    "FIRST_MISSES",
    "LEAST_BPS",
    "MISS_DECAY",
    "MOST_MISS",
    "PLEASANT_SHARE",
    "Misses",
]

MISS_DECAY: Final = 0.94
"""What an error of a forecast still counts once the next has come. Found by search over
traces, as are the four below (docs/hybrid.md)."""

FIRST_MISS: Final = 0.4
FIRST_MISSES: Final = 2.0
"""The error guessed of a link that nothing is known of, and of how many it stands for."""

PLEASANT_SHARE: Final = 0.5
"""Share of an error that counts if the link was faster than foretold."""

MOST_MISS: Final = 1.5
"""An error of more than a factor of e to this power counts as this one: the link broke."""

LEAST_BPS: Final = 1.0
"""A rate is taken as at least this: that nothing came has no logarithm."""


class Misses:
    """How far forecasts of the rate were off of late: a root mean square, in logarithms.

    A link that was faster than foretold counts less than one that was slower.
    """

    def __init__(self) -> None:
        self._squares = 0.0
        self._weight = 0.0

    def add(self, told_bps: float, came_bps: float) -> None:
        """Take in what was foretold, and what came."""
        miss = math.log(max(told_bps, LEAST_BPS)) - math.log(max(came_bps, LEAST_BPS))
        miss = min(miss if miss > 0 else -PLEASANT_SHARE * miss, MOST_MISS)
        self._squares = MISS_DECAY * self._squares + miss * miss
        self._weight = MISS_DECAY * self._weight + 1

    @property
    def spread(self) -> float:
        """The typical error; what was guessed stays among the errors and does not fade."""
        guessed = FIRST_MISSES * FIRST_MISS**2
        return math.sqrt((guessed + self._squares) / (FIRST_MISSES + self._weight))
