"""Where playback is, as a function of time.

A playhead moves at a constant rate between start() and stop(), so its position is
arithmetic rather than state that somebody must remember to update. Positions and times
are integer microseconds; the rate is exact, so asking "when does it arrive?" and then
"where is it then?" can never disagree.
"""

from __future__ import annotations

from fractions import Fraction

__all__ = ["Playhead"]


class Playhead:
    """Media position: still at a point, or moving from it at a constant rate."""

    def __init__(self, position_us: int = 0, rate: Fraction = Fraction(1)) -> None:
        self._base_us = position_us
        self._since_us: int | None = None
        # The rate in two integers, which is what every question about a position needs.
        self._rate = Fraction(1)
        self._media, self._time = 1, 1
        self.speed = 1.0
        """The rate, for those who do not need it exactly."""
        self.set_rate(rate, at_us=0)

    @property
    def moving(self) -> bool:
        """Whether it moves."""
        return self._since_us is not None

    @property
    def rate(self) -> Fraction:
        """Media time a unit of time."""
        return self._rate

    def position_us(self, at_us: int) -> int:
        """Return where it is at a moment; never before where it started."""
        if self._since_us is None:
            return self._base_us
        if at_us <= self._since_us:
            return self._base_us
        return self._base_us + (at_us - self._since_us) * self._media // self._time

    def arrives_at(self, position_us: int) -> int:
        """Return the first moment at which a moving playhead is at a position."""
        assert self._since_us is not None, "a still playhead arrives nowhere"
        ahead_us = max(0, position_us - self._base_us)
        # Ceiling division: one microsecond early would wake the session for nothing, and
        # the session would ask to be woken at that same moment again, for ever.
        return self._since_us - (-ahead_us * self._time // self._media)

    def start(self, at_us: int) -> None:
        """Move, from where it is."""
        if self._since_us is None:
            self._since_us = at_us

    def stop(self, at_us: int) -> None:
        """Rest, where it is."""
        self._base_us = self.position_us(at_us)
        self._since_us = None

    def place(self, position_us: int, at_us: int) -> None:
        """Be at a position, moving or not as before."""
        self._base_us = position_us
        if self._since_us is not None:
            self._since_us = at_us

    def set_rate(self, rate: Fraction, at_us: int) -> None:
        """Go on at another rate from where it is; ValueError unless it is positive."""
        if rate <= 0:
            raise ValueError(f"rate must be positive, not {rate}")
        self.place(self.position_us(at_us), at_us)
        self._rate = rate
        self._media, self._time = rate.numerator, rate.denominator
        self.speed = float(rate)
