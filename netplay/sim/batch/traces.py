"""Many traces at once: each of `Trace`'s questions, asked of all of them in one breath.

The pieces of all traces lie one after the other in flat arrays. Where in them an answer
lies is guessed with one search in floats, a trace's part of it between its number and the
next, and then corrected in integers: the answers are those of `Trace`, to the microsecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
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

    @classmethod
    def of(cls, traces: Sequence[Trace]) -> Traces:
        """Return traces as arrays.

        Raises:
            ValueError: One does not begin anew when it ends.
        """
        if not all(trace.repeats for trace in traces):
            raise ValueError("traces begin anew when they end")
        (made,) = cls.from_pieces([trace.pieces for trace in traces])
        return made

    @classmethod
    def from_pieces(cls, rows: Sequence[Sequence[tuple[int, ...]]]) -> list[Traces]:
        """Return traces of rows of pieces: a duration first, then a value for each that is made."""
        counts = np.array([len(row) for row in rows], dtype=np.int64)
        numbers = np.fromiter(chain.from_iterable(chain.from_iterable(rows)), dtype=np.int64)
        if not len(numbers) or len(numbers) % counts.sum():
            raise ValueError("traces have at least one piece each, all of one shape")
        durations_us, *columns = numbers.reshape(int(counts.sum()), -1).T.copy()
        return [cls(durations_us, values, counts) for values in columns]

    def __len__(self) -> int:
        return len(self._counts)

    @cached_property
    def _clock(self) -> _Sums:
        """Where pieces are in time."""
        return _Sums.of(self._durations_us, self._counts)

    @cached_property
    def _carried(self) -> _Sums:
        """What was carried before each piece and after it."""
        return _Sums.of(self._durations_us * self.values, self._counts)

    @property
    def dead(self) -> Ints:
        """Which of them never carry anything."""
        return np.flatnonzero(self._carried.whole == 0)

    def lasts_us(self, total: float) -> Floats:
        """Return how long, about, it takes each to carry so much; none may be dead."""
        return total / self._carried.whole * self._clock.whole

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
        clock = self._clock
        rounds = moments_us // clock.whole
        within_us = moments_us - rounds * clock.whole
        piece = clock.piece_after(within_us)
        came = (within_us - clock.before[piece]) * self.values[piece]
        return Places(rounds, piece, self._carried.before[piece] + came)

    def at(self, moments_us: Ints) -> Ints:
        """Return the value of each trace at a moment of its own."""
        return self.values[self.places(moments_us).piece]

    def when(self, places: Places, more: Ints | int) -> Arrivals:
        """Return when each has carried so much more, a positive number; none may be dead."""
        clock, carried = self._clock, self._carried
        total = places.total + more
        rounds = (total - 1) // carried.whole
        rest = total - rounds * carried.whole
        piece = carried.piece_up_to(rest)
        value = self.values[piece]
        over = carried.after[piece] - rest
        back_us = over // value
        at_us = clock.after[piece] - back_us + (places.rounds + rounds) * clock.whole
        return Arrivals(at_us, value, over - back_us * value)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums over the pieces of many traces, each trace's from 0, shape (pieces,).

    Attributes:
        keys: The number of the trace and the share of its sum after each piece: they rise
            from the first piece of all to the last.
        whole: Sum of each trace, shape (traces,); firsts, lasts: its pieces.
    """

    before: Ints
    after: Ints
    keys: Floats
    whole: Ints
    firsts: Ints
    lasts: Ints

    @classmethod
    def of(cls, values: Ints, counts: Ints) -> _Sums:
        """Add up values, trace by trace."""
        lasts = np.cumsum(counts) - 1
        firsts = lasts - counts + 1
        # Over all traces the sum may wrap around, and taking away where a trace begins turns
        # it back: 64-bit integers add in a ring.
        after = np.cumsum(values)
        after -= np.repeat(after[firsts] - values[firsts], counts)
        whole = after[lasts]
        # A trace without a sum is never searched.
        keys = after / np.repeat(np.maximum(whole, 1), counts)
        keys += np.repeat(np.arange(len(counts)), counts)
        return cls(after - values, after, keys, whole, firsts, lasts)

    def piece_after(self, sums: Ints) -> Ints:
        """Return the first piece of each trace after which the sum is more than so much.

        That much must be less than the whole.
        """
        # Rounding keeps the order, so the guess is no piece before; it may be one behind.
        guess = np.searchsorted(self.keys, self._keys_of(sums), side="right")
        piece: Ints = np.minimum(guess, self.lasts)
        while (early := self.before[piece] > sums).any():
            piece = piece - early
        return piece

    def piece_up_to(self, sums: Ints) -> Ints:
        """Return the first piece of each trace after which the sum is at least so much.

        That much must be positive, and no more than the whole.
        """
        # Likewise: no piece behind, but perhaps one before.
        guess = np.searchsorted(self.keys, self._keys_of(sums))
        piece: Ints = np.maximum(guess, self.firsts)
        while (short := self.after[piece] < sums).any():
            piece = piece + short
        return piece

    def _keys_of(self, sums: Ints) -> Floats:
        keys: Floats = sums / self.whole
        keys += np.arange(len(keys))
        return keys
