"""Spread out in time, and the same again on a replay.

Clients that failed together must not come back together; a log must replay to the same
microsecond. So the randomness is a seed that was passed in, and a generator small
enough to be the same in every version of Python.
"""

from __future__ import annotations

__all__ = ["Jitter"]

_MASK = (1 << 64) - 1


class Jitter:
    """A seeded stream of stretched durations.

    Source:
        SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators",
        OOPSLA 2014.
    """

    def __init__(self, seed: int, share: float) -> None:
        self._state = seed & _MASK
        self._share = share

    def spread(self, duration_us: int) -> int:
        """Return the duration, stretched or shrunk by up to the share it was made with."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        mixed ^= mixed >> 31
        unit = (mixed >> 11) / (1 << 53)
        return round(duration_us * (1 + self._share * (2 * unit - 1)))
