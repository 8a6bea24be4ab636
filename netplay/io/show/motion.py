"""Where the playhead is on the driver's clock, as arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Motion"]


@dataclass(frozen=True, slots=True)
class Motion:
    """At `at_us` the playhead is at `position_us`, and goes on at `rate`; 0 keeps it still."""

    position_us: int
    at_us: int
    rate: Fraction

    def moves(self, now_us: int) -> bool:
        """Return whether the playhead is on its way."""
        return self.rate > 0 and now_us >= self.at_us

    def position(self, now_us: int) -> int:
        """Return where it is; before it starts, where it will start from."""
        since_us = max(0, now_us - self.at_us)
        return self.position_us + since_us * self.rate.numerator // self.rate.denominator

    def arrives_at(self, position_us: int) -> int | None:
        """Return the first moment at which it is there or past; None if it stands still."""
        if not self.rate:
            return None
        ahead_us = max(0, position_us - self.position_us)
        # Ceiling, so that it is there when it said it would be.
        return self.at_us - (-ahead_us * self.rate.denominator // self.rate.numerator)
