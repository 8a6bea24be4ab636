"""Where the segments of a playlist lie on the timeline, next to an earlier reading of it.

A live playlist says nothing of where it begins: its first segment is whatever the server
still holds. What an earlier reading placed stays where it was, found again by its media
sequence number; only what is new is placed behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from netplay.manifest.hls.reading import NS_PER_S
from netplay.segments import Entry, Listing, Run, SegmentIndex

__all__ = ["durations_between", "entries_between", "first_tick", "runs_of", "tick_of"]

TICKS_PER_US = NS_PER_S // 1_000_000


def runs_of(durations: Iterable[int], first_tick: int = 0) -> tuple[Run, ...]:
    """Return segments, one right after the other, as runs of equal ones."""
    runs, start = [], first_tick
    for duration, equals in groupby(durations):
        count = len(list(equals))
        runs.append(Run(start, duration, count))
        start += duration * count
    return tuple(runs)


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


def durations_between(index: SegmentIndex, first_number: int, end_number: int) -> list[int]:
    """Return how long the segments are from one number up to, not including, another."""
    low, high = first_number - index.first_number, end_number - index.first_number
    found: list[int] = []
    before = 0
    for run in index.runs:
        begin, end = max(low, before), min(high, before + run.count)
        found += [run.duration] * max(0, end - begin)
        before += run.count
    return found


def entries_between(index: SegmentIndex, first_number: int, end_number: int) -> list[Entry]:
    """Return the entries of the segments from one number up to, not including, another."""
    return [
        # A playlist lists its segments, so where they begin does not tell their names.
        index.naming.entry(number - index.first_number, number=number, ticks=0)
        for number in range(first_number, end_number)
    ]


def first_tick(
    number: int,
    *,
    durations: Sequence[int],
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
        durations: Of the segments, in ticks.
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
        laid_out = SegmentIndex(NS_PER_S, runs_of(durations), Listing(()), first_number=number)
        common = tick_of(laid_out, previous.first_number)
        if common is not None:
            return previous.runs[0].start - common
        number = previous.first_number + len(previous)
    last = previous.runs[-1]
    missing = number - previous.first_number - len(previous)
    return last.start + last.duration * last.count + missing * target_us * TICKS_PER_US
