"""When the segments of one Representation are, and where their bytes are.

A SegmentIndex is runs of equal segments in integer ticks, and a Naming that says where
the bytes of the n-th one are. Segment values are made on demand, so ten hours of
segments cost as much as ten. An edge is always computed by the same function from the
same tick, so the end of one segment is exactly the start of the next.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field
from itertools import accumulate
from operator import add, gt, mul, sub
from typing import Literal, NamedTuple

from netplay.naming import (
    ByteRange,
    Entry,
    Init,
    Listing,
    Naming,
    Part,
    Protection,
    Ranges,
    Template,
)

__all__ = [
    "ByteRange",
    "Entry",
    "Init",
    "Listing",
    "Naming",
    "Part",
    "Playlist",
    "Protection",
    "Ranges",
    "Run",
    "Segment",
    "SegmentIndex",
    "Template",
]


_KEPT = 256
"""So many segments made are kept at most: those of an hour, or less."""


class Run(NamedTuple):
    """Segments of equal duration, one right after the other; in ticks of media time.

    A tuple, because a timeline of 50,000 uneven segments makes as many of them.
    """

    start: int
    duration: int
    count: int = 1  # type: ignore[assignment]  # tuple.count is not missed here


@dataclass(frozen=True, slots=True)
class Playlist:
    """What an HLS media playlist says of itself beyond its segments (RFC 8216bis).

    Attributes:
        type: "VOD", "EVENT" or "".
        skipped: Segments left out by EXT-X-SKIP that an earlier playlist must supply.
    """

    target_duration_us: int
    media_sequence: int = 0
    discontinuity_sequence: int = 0
    type: Literal["VOD", "EVENT", ""] = ""
    version: int | None = None
    part_target_us: int | None = None
    independent_segments: bool = False
    i_frames_only: bool = False
    skipped: int = 0
    hold_back_us: int | None = None
    part_hold_back_us: int | None = None
    can_block_reload: bool = False
    can_skip_until_us: int | None = None
    trailing_parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: when it is shown, and where its bytes are.

    Attributes:
        number: Its own number; the same segment keeps it when the index is refreshed.
        start_us: Where it begins on the presentation's timeline.
        end_us: Where it ends.
        offset_us: What to add to media time to get presentation time; None if only the
            media itself can tell (HLS).
        size_bytes: Expected size, where the index gives it.
    """

    number: int
    start_us: int
    end_us: int
    entry: Entry
    offset_us: int | None = None
    size_bytes: int | None = None

    @property
    def duration_us(self) -> int:
        """How long it lasts."""
        return self.end_us - self.start_us


@dataclass(frozen=True, slots=True)
class SegmentIndex:
    """The segments of one Representation: a sequence of Segment, and a search by time.

    Attributes:
        timescale: Ticks a second.
        runs: In order, not overlapping; gaps between runs are allowed.
        naming: Where the bytes are.
        first_number: The number of the first segment.
        period_start_us: Where the Period begins on the presentation's timeline.
        origin_ticks: Media time that is shown there (presentationTimeOffset).
        clip_end_us: Where the last segment is cut off (the Period's end); None: nowhere.
        timed: Media time in the bytes is the index's own (DASH); else it is to be learned.
        ended: No segment will be added.
        playlist: What an HLS media playlist says of itself; None for DASH.
    """

    timescale: int
    runs: tuple[Run, ...]
    naming: Naming
    first_number: int = 0
    period_start_us: int = 0
    origin_ticks: int = 0
    clip_end_us: int | None = None
    timed: bool = True
    ended: bool = True
    playlist: Playlist | None = None
    _firsts: tuple[int, ...] = field(init=False, repr=False, compare=False, default=())
    _ends: tuple[int, ...] = field(init=False, repr=False, compare=False, default=())
    _made: dict[int, Segment] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Check the runs and lay out their first positions and their ends for bisection."""
        if self.timescale <= 0:
            raise ValueError(f"timescale must be positive, not {self.timescale}")
        # Column by column: a timeline of 50,000 uneven segments is as many runs.
        starts, durations, counts = zip(*self.runs, strict=True) if self.runs else ((), (), ())
        ends = tuple(map(add, starts, map(mul, durations, counts)))
        if self.runs and (min(counts) < 1 or min(durations) < 0 or any(map(gt, ends, starts[1:]))):
            raise ValueError("a run is empty, goes backward or overlaps the run before it")
        object.__setattr__(self, "_firsts", tuple(accumulate(counts, initial=0)))
        object.__setattr__(self, "_ends", ends)

    def named(self, naming: Naming) -> SegmentIndex:
        """Return the same segments with their bytes elsewhere, at the cost of neither."""
        other = copy(self)
        object.__setattr__(other, "naming", naming)
        object.__setattr__(other, "_made", {})
        return other

    def __len__(self) -> int:
        return self._firsts[-1]

    def __iter__(self) -> Iterator[Segment]:
        return (self[position] for position in range(len(self)))

    def __getitem__(self, position: int) -> Segment:
        """Return the segment at a position, counted from 0; IndexError outside."""
        # Whoever plans a segment, asks for it, receives it and shows it looks it up again.
        segment = self._made.get(position)
        if segment is None:
            if not 0 <= position < len(self):
                raise IndexError(f"no segment {position} of {len(self)}")
            segment = self._make(position)
            if len(self._made) >= _KEPT:
                self._made.clear()
            self._made[position] = segment
        return segment

    def _make(self, position: int) -> Segment:
        which = bisect_right(self._firsts, position) - 1
        run = self.runs[which]
        ticks = run.start + (position - self._firsts[which]) * run.duration
        number = self.first_number + position
        entry = self.naming.entry(position, number=number, ticks=ticks)
        start_us, end_us = self.moment_us(ticks), self.moment_us(ticks + run.duration)
        if self.clip_end_us is not None:
            end_us = max(start_us, min(end_us, self.clip_end_us))
        return Segment(
            number=number,
            start_us=start_us,
            end_us=end_us,
            entry=entry,
            offset_us=self.moment_us(0) if self.timed else None,
            size_bytes=_size_bytes(entry, end_us - start_us),
        )

    def moment_us(self, ticks: int) -> int:
        """Return where a media time lies on the presentation's timeline (rounded down)."""
        return self.period_start_us + (ticks - self.origin_ticks) * 1_000_000 // self.timescale

    def numbered(self, number: int) -> Segment | None:
        """Return the segment with a number; None if the index does not hold it."""
        position = number - self.first_number
        return self[position] if 0 <= position < len(self) else None

    def at(self, position_us: int) -> Segment | None:
        """Return the segment shown at a moment, or the next one after a gap.

        None only past the end of the last segment, or when the index is empty.
        """
        place = self.place_at(position_us)
        return None if place is None else self[place]

    def place_at(self, position_us: int) -> int | None:
        """Return the position of what `at` returns, without making the segment."""
        if self.clip_end_us is not None and self.clip_end_us <= position_us:
            return None
        # It is the first segment whose end, in ticks, is at least so late that it is rounded
        # down to a moment after position_us: one bisection for the run, then arithmetic.
        late_us = position_us + 1 - self.period_start_us
        ticks = self.origin_ticks - (-late_us * self.timescale // 1_000_000)
        which = bisect_left(self._ends, ticks)
        if which == len(self._ends):
            return None
        run = self.runs[which]
        within = (ticks - run.start - 1) // run.duration if ticks > run.start else 0
        return self._firsts[which] + within

    def end_of_us(self, position: int) -> int:
        """Return where the segment at a position ends, without making the segment."""
        which = bisect_right(self._firsts, position) - 1
        run = self.runs[which]
        end_us = self.moment_us(run.start + (position + 1 - self._firsts[which]) * run.duration)
        return end_us if self.clip_end_us is None else min(end_us, self.clip_end_us)

    @property
    def has_gaps(self) -> bool:
        """Whether some segment of it does not exist."""
        return isinstance(self.naming, Listing) and any(one.gap for one in self.naming.entries)

    def is_beside(self, other: SegmentIndex) -> bool:
        """Whether every segment is where the one of the same position is in another index."""
        return (
            self.timescale == other.timescale
            and self.origin_ticks == other.origin_ticks
            and self.period_start_us == other.period_start_us
            and self.clip_end_us == other.clip_end_us
            and self.runs == other.runs
        )

    def sizes_bytes(self, position_us: int, count: int) -> tuple[float | None, ...]:
        """Return the expected sizes of so many segments from a moment on; None where unknown.

        Past the end of the index nothing is known.
        """
        if isinstance(self.naming, Template):
            return (None,) * count
        place = self.place_at(position_us)
        if place is None:
            return (None,) * count
        end = min(place + count, len(self))
        known: Iterable[int | None]
        if isinstance(self.naming, Ranges):
            edges = self.naming.edges[place : end + 1]
            known = map(sub, edges[1:], edges)
        else:
            known = [self[at].size_bytes for at in range(place, end)]
        return (*known, *((None,) * (count - (end - place))))

    @property
    def start_us(self) -> int:
        """Where the first segment begins; the Period's start when there is none."""
        return self.moment_us(self.runs[0].start) if self.runs else self.period_start_us

    @property
    def end_us(self) -> int:
        """Where the last segment ends; the Period's start when there is none."""
        return self.end_of_us(len(self) - 1) if self.runs else self.period_start_us


def _size_bytes(entry: Entry, duration_us: int) -> int | None:
    if entry.byte_range is not None and entry.byte_range.length is not None:
        return entry.byte_range.length
    if entry.bitrate_bps is not None:
        return entry.bitrate_bps * duration_us // 8_000_000
    return None
