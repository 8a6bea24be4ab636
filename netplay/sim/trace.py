"""A quantity that changes in steps, and its sum over time, exactly.

Bandwidth over time is a row of pieces, each of a duration and a rate. What a link
carried up to a moment is the sum of whole pieces and a part of one, so both questions,
how much by then and by when so much, are one bisection, in integers.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate

__all__ = ["Trace"]


class Trace:
    """Bits a second (or microseconds of round trip) over time.

    Args:
        pieces: (duration in microseconds, value), in order; durations positive, values
            not negative.
        repeats: The row begins anew when it ends; else its last value holds for ever.

    Raises:
        ValueError: There are no pieces, or one is not as above.
    """

    def __init__(self, pieces: Iterable[tuple[int, int]], *, repeats: bool = True) -> None:
        self.pieces = tuple(pieces)
        self.repeats = repeats
        if not self.pieces:
            raise ValueError("a trace has at least one piece")
        for number, (duration_us, value) in enumerate(self.pieces):
            if duration_us <= 0 or value < 0:
                raise ValueError(f"piece {number} of a trace is {duration_us} us of {value}")
        self._ends_us = tuple(accumulate(duration_us for duration_us, _ in self.pieces))
        self._values = tuple(value for _, value in self.pieces)
        self._sums = tuple(accumulate(duration_us * value for duration_us, value in self.pieces))
        # One value for ever needs no search, and is the commonest trace of all in tests.
        self._constant = self._values[0] if len(set(self._values)) == 1 else None

    @classmethod
    def constant(cls, value: int) -> Trace:
        """Return a trace that never changes."""
        return cls([(1_000_000, value)])

    def __repr__(self) -> str:
        return f"Trace({self.pieces!r}, repeats={self.repeats})"

    def is_dead_from(self, moment_us: int) -> bool:
        """Whether it is 0 from a moment on, for ever."""
        return self.when(self.total(moment_us) + 1) is None

    def at(self, moment_us: int) -> int:
        """Return the value at a moment."""
        if self._constant is not None:
            return self._constant
        if moment_us >= self._ends_us[-1]:
            if not self.repeats:
                return self._values[-1]
            moment_us %= self._ends_us[-1]
        return self._values[bisect_right(self._ends_us, moment_us)]

    def total(self, moment_us: int) -> int:
        """Return the sum up to a moment: value times microseconds (of a rate: microbits)."""
        if self._constant is not None:
            return self._constant * moment_us
        length_us, rounds_sum = self._ends_us[-1], 0
        if moment_us >= length_us:
            if not self.repeats:
                return self._sums[-1] + (moment_us - length_us) * self._values[-1]
            rounds, moment_us = divmod(moment_us, length_us)
            rounds_sum = rounds * self._sums[-1]
        which = bisect_right(self._ends_us, moment_us)
        missing_us = self._ends_us[which] - moment_us
        return rounds_sum + self._sums[which] - missing_us * self._values[which]

    def when(self, total: int) -> int | None:
        """Return the first moment by which the sum is at least a total; None: never."""
        if total <= 0:
            return 0
        whole = self._sums[-1]
        if total > whole and not self.repeats:
            if self._values[-1] == 0:
                return None
            return self._ends_us[-1] - (whole - total) // self._values[-1]
        if whole == 0:
            return None
        # The last bit of a round belongs to that round, not to the start of the next.
        rounds = (total - 1) // whole
        total -= rounds * whole
        which = bisect_left(self._sums, total)
        surplus = self._sums[which] - total
        return rounds * self._ends_us[-1] + self._ends_us[which] - surplus // self._values[which]

    def next_change_us(self, moment_us: int) -> int | None:
        """Return the first moment after one at which a piece begins; None: never."""
        if self._constant is not None:
            return None
        length_us = self._ends_us[-1]
        if moment_us >= length_us:
            if not self.repeats:
                return None
            rounds, moment_us = divmod(moment_us, length_us)
            return rounds * length_us + self._ends_us[bisect_right(self._ends_us, moment_us)]
        return self._ends_us[bisect_right(self._ends_us, moment_us)]
