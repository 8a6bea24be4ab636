"""The media one lane holds, as spans of the timeline.

A span is one segment, complete or still arriving, or a gap that no segment will ever
fill. Spans are in order and do not overlap; two edges closer than a tolerance are one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

__all__ = ["Buffer", "Span"]

_start_us = attrgetter("start_us")
_end_us = attrgetter("end_us")


@dataclass(slots=True, eq=False)
class Span:
    """A stretch of a lane's timeline; whose ends only its Buffer changes.

    Attributes:
        end_us: Where it ends, or will end once it is complete.
        until_us: It is held up to here; end_us once it is complete.
        fetch_id: The bytes; None for a gap.
        host: Who sends or sent it; "" for a gap.
        representation: Whose segment; "" for a gap.
        number: Which segment; -1 for a gap.
        rung: Its place in the ladder it was chosen from; -1 for a gap.
        bytes: Received.
        size_bytes: Expected in all; 0 if unknown.
        offset_us: Presentation time less media time; None until known.
        continuity: Which timestamp origin it shares.
        period: Number of its Period.
        segment_start_us: Where the segment itself begins, if the span holds only the rest.
        last: Nothing follows in this lane, ever.
    """

    start_us: int
    end_us: int
    until_us: int
    fetch_id: int | None = None
    host: str = ""
    representation: str = ""
    number: int = -1
    rung: int = -1
    bytes: int = 0
    size_bytes: int = 0
    offset_us: int | None = None
    continuity: int = 0
    period: int = 0
    segment_start_us: int = 0
    last: bool = False

    @property
    def is_gap(self) -> bool:
        """No segment will ever fill it."""
        return self.fetch_id is None

    @property
    def is_complete(self) -> bool:
        """Everything it will hold, it holds."""
        return self.until_us >= self.end_us


class _Reach(NamedTuple):
    """How far media is held, and planned, from any position in [from_us, until_us)."""

    from_us: int
    until_us: int
    media_us: int
    plan_us: int


_NOWHERE = _Reach(0, 0, 0, 0)


class Buffer:
    """Spans of one lane, in order, without overlap."""

    def __init__(self, edge_us: int) -> None:
        self._edge_us = edge_us
        self._spans: list[Span] = []
        # Both are asked for many times an event. The answer of the last walk stays true
        # while the playhead moves on; whoever changes the spans forgets it.
        self._reach = _NOWHERE
        self._gap_starts_us: list[int] | None = None

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def add(self, span: Span) -> None:
        """Put a span in its place; what it overlaps at its end must not be there."""
        spans = self._spans
        if not spans or spans[-1].start_us <= span.start_us:
            spans.append(span)
        else:
            spans.insert(bisect_right(spans, span.start_us, key=_start_us), span)
        self._reach = _NOWHERE
        if span.fetch_id is None:
            self._gap_starts_us = None

    def of_fetch(self, fetch_id: int) -> Span | None:
        """Return the span that a fetch fills."""
        for span in reversed(self._spans):
            if span.fetch_id == fetch_id:
                return span
        return None

    def before(self, span: Span) -> Span | None:
        """Return the segment whose span ends where one begins; None if it is not held."""
        place = bisect_right(self._spans, span.start_us, key=_start_us) - 2
        if place < 0:
            return None
        found = self._spans[place]
        joins = found.end_us >= span.start_us - self._edge_us
        return found if joins and not found.is_gap else None

    def reach(self, span: Span, until_us: int) -> None:
        """Note that one of the spans here is held up to a moment."""
        span.until_us = until_us
        self._reach = _NOWHERE

    def remove(self, fetch_id: int) -> None:
        """Forget the span of a fetch."""
        self._spans = [span for span in self._spans if span.fetch_id != fetch_id]
        self._changed()

    def at(self, position_us: int) -> Span | None:
        """Return the span that holds a position, or begins a tolerance after it."""
        place = self._place(position_us)
        if place == len(self._spans):
            return None
        span = self._spans[place]
        return span if span.start_us <= position_us + self._edge_us else None

    def free_around(self, start_us: int, end_us: int, at_us: int) -> tuple[int, int]:
        """Return the part of a stretch around a free moment that no span holds."""
        place = bisect_right(self._spans, at_us, key=_start_us)
        if place > 0:
            start_us = max(start_us, self._spans[place - 1].end_us)
        if place < len(self._spans):
            end_us = min(end_us, self._spans[place].start_us)
        return start_us, max(start_us, end_us)

    def aim_us(self, at_us: int) -> int:
        """Return the moment whose segment belongs in the hole at a position.

        Behind a span it is a tolerance later, because edges that are meant as one lie up to
        a frame apart. Where nothing lies before, the viewer sought, and means that moment.
        """
        place = self._place(at_us)
        joins = place > 0 and at_us <= self._spans[place - 1].end_us + self._edge_us
        return at_us + self._edge_us if joins else at_us

    def edge_of_media_us(self, position_us: int) -> int:
        """Return how far media is held without a hole from a position; gaps count as held."""
        reach = self._reach
        if not reach.from_us <= position_us < reach.until_us:
            reach = self._reach = self._walk(position_us)
        return max(position_us, reach.media_us)

    def edge_of_plan_us(self, position_us: int) -> int:
        """Return the same, taking what is still arriving for complete."""
        reach = self._reach
        if not reach.from_us <= position_us < reach.until_us:
            reach = self._reach = self._walk(position_us)
        return max(position_us, reach.plan_us)

    def _changed(self) -> None:
        self._reach = _NOWHERE
        self._gap_starts_us = None

    def _place(self, position_us: int) -> int:
        """Return the place of the first span that ends after a position."""
        spans = self._spans
        # Mostly the playhead is in the first span, and what is wanted next behind the last.
        if not spans or spans[-1].end_us <= position_us:
            return len(spans)
        return 0 if spans[0].end_us > position_us else bisect_right(spans, position_us, key=_end_us)

    def _walk(self, position_us: int) -> _Reach:
        """Follow the spans from a position on, up to the first hole."""
        place = self._place(position_us)
        from_us = position_us
        if place < len(self._spans):
            # From where this span begins, or the one before it ends, the way is the same.
            behind_us = self._spans[place - 1].end_us if place else 0
            from_us = min(position_us, max(behind_us, self._spans[place].start_us))
        edge_us, tolerance_us = from_us, self._edge_us
        # Up to where the first span that is still arriving is held, and where it ends.
        media_us = arriving_us = None
        for span in self._spans[place:]:
            if span.start_us > edge_us + tolerance_us:
                break
            end_us = span.end_us
            if media_us is None and span.until_us < end_us:
                media_us, arriving_us = max(edge_us, span.until_us), end_us
            if end_us > edge_us:
                edge_us = end_us
        if media_us is None or arriving_us is None:
            return _Reach(from_us, max(edge_us, position_us + 1), edge_us, edge_us)
        return _Reach(from_us, arriving_us, media_us, edge_us)

    def ahead_bytes(self, position_us: int) -> int:
        """Return how many bytes are held, or expected, of what ends after a position."""
        ahead_bytes = 0
        for span in reversed(self._spans):
            if span.end_us <= position_us:
                break
            ahead_bytes += max(span.bytes, span.size_bytes)
        return ahead_bytes

    def cut(self, at_us: int) -> list[Span]:
        """Forget what begins at or after a moment, and end a span that straddles it there.

        A span that straddles it and is still arriving is forgotten whole. Returns what was
        forgotten.
        """
        gone = [
            s
            for s in self._spans
            if s.start_us >= at_us or (s.end_us > at_us and not s.is_complete)
        ]
        kept = [s for s in self._spans if s not in gone]
        if kept and kept[-1].end_us > at_us:
            kept[-1].end_us = kept[-1].until_us = at_us
        self._spans = kept
        self._changed()
        return gone

    def evict_before(self, position_us: int, keep_us: int, keep_bytes: int) -> list[Span]:
        """Forget the oldest spans behind a position that are too old or too much."""
        if not self._spans or self._spans[0].end_us > position_us:
            return []
        behind = [s for s in self._spans[: self._place(position_us)] if s.is_complete]
        held_bytes = sum(span.bytes for span in behind)
        gone: list[Span] = []
        for span in behind:
            if span.end_us >= position_us - keep_us and held_bytes <= keep_bytes:
                break
            held_bytes -= span.bytes
            gone.append(span)
        if gone:
            forgotten = set(map(id, gone))
            self._spans = [span for span in self._spans if id(span) not in forgotten]
            self._gap_starts_us = None
            # What lies ahead of them is as it was.
            self._reach = self._reach._replace(from_us=max(self._reach.from_us, gone[-1].end_us))
        return gone

    def clear(self) -> list[Span]:
        """Forget everything; return what was there."""
        gone, self._spans = self._spans, []
        self._changed()
        return gone

    def next_gap_us(self, position_us: int) -> int | None:
        """Return where the first gap after a position begins; None if there is none."""
        if self._gap_starts_us is None:
            self._gap_starts_us = [span.start_us for span in self._spans if span.fetch_id is None]
        for start_us in self._gap_starts_us:
            if start_us > position_us:
                return start_us
        return None

    def ranges_us(self) -> tuple[tuple[int, int], ...]:
        """Return (start, end) of every unbroken stretch of media held."""
        joined: list[tuple[int, int]] = []
        for span in self._spans:
            if span.until_us <= span.start_us:
                continue
            if joined and span.start_us <= joined[-1][1] + self._edge_us:
                joined[-1] = (joined[-1][0], max(joined[-1][1], span.until_us))
            else:
                joined.append((span.start_us, span.until_us))
        return tuple(joined)
