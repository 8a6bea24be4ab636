"""Many traces at once: each of `Trace`'s questions, asked of all of them in one breath.

The pieces of all traces lie one after the other in flat arrays. Where in them an answer
lies is guessed with one search in floats, a trace's part of it between its number and the
next, and then corrected in integers: the answers are those of `Trace`, to the microsecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from netplay.sim.trace import Trace

__all__ = ["Arrivals", "Bools", "Floats", "Ints", "Places", "Traces"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_MOST_SUM = 2.0**62
"""Of one round of a trace, in microbits: what 64 bits hold, with room for a segment more."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where traces are at moments, shape (traces,).

    Attributes:
        rounds: How often each began anew.
        piece: In which piece it is, counted over the pieces of all.
        total: Its sum since it last began anew.
    """

    rounds: Ints
    piece: Ints
    total: Ints


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When traces have carried something, shape (traces,).

    Attributes:
        at_us: The first moment by which they have.
        value: Their value right before it.
        beyond: How much more they have carried by then, less than in a microsecond.
    """

    at_us: Ints
    value: Ints
    beyond: Ints


class Traces:
    """Traces that begin anew when they end.

    Args:
        durations_us: Of the pieces of all traces, one trace after the other.
        values: The same.
        counts: How many pieces each trace has.

    Raises:
        ValueError: A trace has no pieces, one lasts no time, a value is negative, or they
            add up to more than 64 bits hold.
    """

    def __init__(self, durations_us: Ints, values: Ints, counts: Ints) -> None:
        if not len(counts) or counts.min() < 1 or counts.sum() != len(durations_us):
            raise ValueError("traces have at least one piece each")
        if durations_us.min() <= 0 or values.min() < 0:
            raise ValueError("pieces last some time, and their values are not negative")
        firsts = np.cumsum(counts) - counts
        if np.add.reduceat(durations_us * values.astype(np.float64), firsts).max() >= _MOST_SUM:
            raise ValueError("a round of a trace carries more than 2^62 microbits")
        self.values = values
        self._counts = counts
        self._durations_us = durations_us
        self._number = np.arange(len(counts), dtype=np.float64)
        self._starts_us, self._ends_us = _summed(durations_us, firsts, counts)
        self._before, self._after = _summed(durations_us * values, firsts, counts)
        lasts = firsts + counts - 1
        self._length_us, self._whole = self._ends_us[lasts], self._after[lasts]
        numbers = np.repeat(self._number, counts)
        self._time_keys = numbers + self._ends_us / np.repeat(self._length_us, counts)
        # A trace that never carries anything has no sums to search.
        whole = np.maximum(self._whole, 1)
        self._sum_keys = numbers + self._after / np.repeat(whole, counts)
        self._most = len(durations_us) - 1

    @classmethod
    def of(cls, traces: Sequence[Trace]) -> Traces:
        """Return traces as arrays.

        Raises:
            ValueError: One does not begin anew when it ends.
        """
        if not all(trace.repeats for trace in traces):
            raise ValueError("traces begin anew when they end")
        return cls.from_pieces([trace.pieces for trace in traces])

    @classmethod
    def from_pieces(cls, rows: Sequence[Sequence[tuple[int, ...]]], column: int = 1) -> Traces:
        """Return traces of rows of pieces: a duration first, and the value in a column."""
        counts = np.array([len(row) for row in rows], dtype=np.int64)
        flat = _flat(chain.from_iterable(rows), int(counts.sum()))
        return cls(flat[:, 0].copy(), flat[:, column].copy(), counts)

    def __len__(self) -> int:
        return len(self._counts)

    @property
    def dead(self) -> Ints:
        """Which of them never carry anything."""
        return np.flatnonzero(self._whole == 0)

    def constants(self) -> Ints | None:
        """Return the one value of each trace; None if some have several."""
        firsts = np.cumsum(self._counts) - self._counts
        least: Ints = np.minimum.reduceat(self.values, firsts)
        most: Ints = np.maximum.reduceat(self.values, firsts)
        return least if np.array_equal(least, most) else None

    def quiet_us(self, below: int) -> Ints:
        """Return the longest stretch of each, beginnings anew included, under a value."""
        firsts = np.cumsum(self._counts) - self._counts
        quiet = self.values < below
        turns = np.append(True, quiet[1:] != quiet[:-1])
        turns[firsts] = True
        places = np.flatnonzero(turns)
        lasts_us: Ints = np.add.reduceat(self._durations_us, places) * quiet[places]
        first = np.searchsorted(places, firsts)
        last = np.append(first[1:], len(places)) - 1
        # The end of one round and the beginning of the next are one stretch.
        around_us: Ints = lasts_us[first] + lasts_us[last]
        longest_us: Ints = np.maximum(np.maximum.reduceat(lasts_us, first), around_us)
        return longest_us

    def times(self, share: Fraction) -> Traces:
        """Return the traces with every value multiplied, and rounded as `round` does."""
        if share == 1:
            return self
        whole, rest = np.divmod(self.values * share.numerator, share.denominator)
        up = (2 * rest > share.denominator) | ((2 * rest == share.denominator) & (whole % 2 == 1))
        return Traces(self._durations_us, whole + up, self._counts)

    def places(self, moments_us: Ints) -> Places:
        """Return where each trace is at a moment of its own."""
        rounds = moments_us // self._length_us
        within_us = moments_us - rounds * self._length_us
        keys = self._number + within_us / self._length_us
        piece = np.minimum(np.searchsorted(self._time_keys, keys, side="right"), self._most)
        while (early := self._starts_us[piece] > within_us).any():
            piece -= early
        while (late := self._ends_us[piece] <= within_us).any():
            piece += late
        total = self._before[piece] + (within_us - self._starts_us[piece]) * self.values[piece]
        return Places(rounds, piece, total)

    def at(self, moments_us: Ints) -> Ints:
        """Return the value of each trace at a moment of its own."""
        return self.values[self.places(moments_us).piece]

    def when(self, places: Places, more: Ints | int) -> Arrivals:
        """Return when each has carried so much more, a positive number; none may be dead."""
        total = places.total + more
        rounds = (total - 1) // self._whole
        rest = total - rounds * self._whole
        keys = self._number + rest / self._whole
        piece = np.minimum(np.searchsorted(self._sum_keys, keys), self._most)
        while (far := self._before[piece] >= rest).any():
            piece -= far
        while (short := self._after[piece] < rest).any():
            piece += short
        value = self.values[piece]
        back_us, beyond = np.divmod(self._after[piece] - rest, value)
        at_us = self._ends_us[piece] - back_us + (places.rounds + rounds) * self._length_us
        return Arrivals(at_us, value, beyond)


def _flat(rows: Iterable[tuple[int, ...]], count: int) -> Ints:
    """Return rows of equally many numbers as an array."""
    numbers = np.fromiter(chain.from_iterable(rows), dtype=np.int64)
    if not count or len(numbers) % count:
        raise ValueError("traces have at least one piece each, all of one shape")
    return numbers.reshape(count, -1)


def _summed(values: Ints, firsts: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Return the sum before and after each value, within its trace."""
    # Over all traces the sum may wrap around, and taking away where a trace begins turns it
    # back: 64-bit integers add in a ring.
    after = np.cumsum(values)
    after -= np.repeat(after[firsts] - values[firsts], counts)
    return after - values, after
