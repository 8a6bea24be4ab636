"""The media one lane holds, as spans of the timeline.

A span is one segment, complete or still arriving, or a gap that no segment will ever
fill. Spans are in order and do not overlap; two edges closer than a tolerance are one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

__all__ = ["Buffer", "Span"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a lane's timeline.

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


class Buffer:
    """Spans of one lane, in order, without overlap."""

    def __init__(self, edge_us: int) -> None:
        self._edge_us = edge_us
        self._spans: list[Span] = []

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def add(self, span: Span) -> None:
        """Put a span in its place; what it overlaps at its end must not be there."""
        place = bisect_right(self._spans, span.start_us, key=lambda held: held.start_us)
        self._spans.insert(place, span)

    def of_fetch(self, fetch_id: int) -> Span | None:
        """Return the span that a fetch fills."""
        return next((span for span in reversed(self._spans) if span.fetch_id == fetch_id), None)

    def put(self, span: Span) -> None:
        """Replace the span of the same fetch."""
        for place in range(len(self._spans) - 1, -1, -1):
            if self._spans[place].fetch_id == span.fetch_id:
                self._spans[place] = span
                return
        raise AssertionError(f"no span of fetch {span.fetch_id}")

    def remove(self, fetch_id: int) -> None:
        """Forget the span of a fetch."""
        self._spans = [span for span in self._spans if span.fetch_id != fetch_id]

    def at(self, position_us: int) -> Span | None:
        """Return the span that holds a position, or begins a tolerance after it."""
        return next((s for s in self._chain(position_us)), None)

    def free_around(self, start_us: int, end_us: int, at_us: int) -> tuple[int, int]:
        """Return the part of a stretch around a free moment that no span holds."""
        before = [span.end_us for span in self._spans if span.start_us <= at_us]
        after = [span.start_us for span in self._spans if span.start_us > at_us]
        low_us = max([start_us, *before[-1:]])
        return low_us, max(low_us, min([end_us, *after[:1]]))

    def aim_us(self, at_us: int) -> int:
        """Return the moment whose segment belongs in the hole at a position.

        Behind a span it is a tolerance later, because edges that are meant as one lie up to
        a frame apart. Where nothing lies before, the viewer sought, and means that moment.
        """
        joins = any(span.end_us <= at_us <= span.end_us + self._edge_us for span in self._spans)
        return at_us + self._edge_us if joins else at_us

    def edge_of_media_us(self, position_us: int) -> int:
        """Return how far media is held without a hole from a position; gaps count as held."""
        edge_us = position_us
        for span in self._chain(position_us):
            edge_us = max(edge_us, span.until_us)
            if not span.is_complete:
                break
        return edge_us

    def edge_of_plan_us(self, position_us: int) -> int:
        """Return the same, taking what is still arriving for complete."""
        edge_us = position_us
        for span in self._chain(position_us):
            edge_us = max(edge_us, span.end_us)
        return edge_us

    def _chain(self, position_us: int) -> Iterator[Span]:
        """Yield the span at a position and those that follow it without a hole."""
        place = bisect_right(
            self._spans, position_us + self._edge_us, key=lambda held: held.start_us
        )
        # The last span that begins at or before the position (with tolerance) may be one
        # that only begins within the tolerance while the one before still covers it.
        while place > 0 and self._spans[place - 1].end_us > position_us:
            place -= 1
        edge_us = position_us
        for span in self._spans[place:]:
            if span.start_us > edge_us + self._edge_us:
                return
            edge_us = max(edge_us, span.end_us)
            yield span

    def ahead_bytes(self, position_us: int) -> int:
        """Return how many bytes are held, or expected, of what ends after a position."""
        return sum(
            max(span.bytes, span.size_bytes) for span in self._spans if span.end_us > position_us
        )

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
            kept[-1] = replace(kept[-1], end_us=at_us, until_us=at_us)
        self._spans = kept
        return gone

    def evict_before(self, position_us: int, keep_us: int, keep_bytes: int) -> list[Span]:
        """Forget the oldest spans behind a position that are too old or too much."""
        behind = [s for s in self._spans if s.end_us <= position_us and s.is_complete]
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
        return gone

    def clear(self) -> list[Span]:
        """Forget everything; return what was there."""
        gone, self._spans = self._spans, []
        return gone

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
