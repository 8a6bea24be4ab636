"""Where the segments of a playlist lie on the timeline, next to an earlier reading of it.

A live playlist says nothing of where it begins: its first segment is whatever the server
still holds. What an earlier reading placed stays where it was, found again by its media
sequence number; only what is new is placed behind it.
"""

from __future__ import annotations

from collections.abc import Iterator

from netplay.manifest.hls.reading import NS_PER_S
from netplay.segments import Entry, Listing, Run, SegmentIndex

__all__ = ["Runs", "entries_between", "first_tick", "runs_between", "tick_of"]

TICKS_PER_US = NS_PER_S // 1_000_000


class Runs:
    """Collects durations, one segment after the other, as runs of equal ones."""

    __slots__ = ("_count", "_done", "_duration", "end")

    def __init__(self) -> None:
        self._done: list[Run] = []
        self._duration = 0
        self._count = 0
        self.end = 0

    def append(self, duration: int) -> None:
        """Put one more segment behind the last."""
        if duration == self._duration and self._count:
            self._count += 1
        else:
            self._close()
            self._duration, self._count = duration, 1
        self.end += duration

    def extend(self, runs: list[Run]) -> None:
        """Put whole runs behind the last segment, wherever they were."""
        self._close()
        for run in runs:
            self._done.append(Run(self.end, run.duration, run.count))
            self.end += run.duration * run.count

    def placed(self, first_tick: int) -> tuple[Run, ...]:
        """Return the runs, the first segment beginning at a tick."""
        self._close()
        return tuple(Run(run.start + first_tick, run.duration, run.count) for run in self._done)

    def starts(self) -> Iterator[int]:
        """Yield where each segment begins, the first at 0."""
        self._close()
        for run in self._done:
            end = run.start + run.duration * run.count
            yield from range(run.start, end, run.duration) if run.duration else [end] * run.count

    def _close(self) -> None:
        if self._count:
            start = self.end - self._duration * self._count
            self._done.append(Run(start, self._duration, self._count))
        self._count = 0


def tick_of(index: SegmentIndex, number: int) -> int | None:
    """Return where the segment with a number begins in an index; None if it is not there.

    One past the last segment counts as there: it is where the next one will begin.
    """
    position = number - index.first_number
    if position < 0:
        return None
    for run in index.runs:
        if position < run.count:
            return run.start + position * run.duration
        position -= run.count
        if position == 0:
            end = run.start + run.count * run.duration
    return end if position == 0 and index.runs else None


def runs_between(index: SegmentIndex, first_number: int, last_number: int) -> list[Run]:
    """Return the runs of the segments from one number up to, not including, another."""
    low, high = first_number - index.first_number, last_number - index.first_number
    found, before = [], 0
    for run in index.runs:
        begin, end = max(low, before), min(high, before + run.count)
        if begin < end:
            start = run.start + (begin - before) * run.duration
            found.append(Run(start, run.duration, end - begin))
        before += run.count
    return found


def entries_between(index: SegmentIndex, first_number: int, last_number: int) -> list[Entry]:
    """Return the entries of the segments from one number up to, not including, another."""
    return [index[number - index.first_number].entry for number in range(first_number, last_number)]


def first_tick(
    number: int,
    *,
    runs: Runs,
    utc_us: int | None,
    target_us: int,
    previous: SegmentIndex | None,
    origin_utc_us: int | None,
) -> int:
    """Return where the first segment of a playlist begins.

    In order: where the previous reading of the same playlist has it; behind what was held
    before, by as many target durations as there are segments missing; where its wall-clock
    says, counted from what position 0 stands for; at 0.

    Args:
        number: The first segment's own number.
        runs: The segments, laid out from 0.
        utc_us: The first segment's Unix time, if known.
        target_us: The target duration.
        previous: The previous reading, if there is one.
        origin_utc_us: The Unix time of position 0, if known.
    """
    if previous is None or not previous.runs:
        if utc_us is None or origin_utc_us is None:
            return 0
        return (utc_us - origin_utc_us) * TICKS_PER_US
    known = tick_of(previous, number)
    if known is not None:
        return known
    if number < previous.first_number:
        # The server went back; without a segment in common, it started again from nothing.
        laid_out = SegmentIndex(NS_PER_S, runs.placed(0), Listing(()), first_number=number)
        common = tick_of(laid_out, previous.first_number)
        if common is not None:
            return previous.runs[0].start - common
        number = previous.first_number + len(previous)
    last = previous.runs[-1]
    missing = number - previous.first_number - len(previous)
    return last.start + last.duration * last.count + missing * target_us * TICKS_PER_US
