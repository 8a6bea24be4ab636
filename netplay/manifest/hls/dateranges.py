"""EXT-X-DATERANGE becomes TimedEvents.

A date range says when something happens by the wall-clock; EXT-X-PROGRAM-DATE-TIME says
which segment that is, and so where it lies on the timeline.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from itertools import accumulate

from netplay.manifest.hls.reading import Attributes, Reading, nanoseconds, unix_us
from netplay.segments import SegmentIndex
from netplay.timeline import TimedEvent

__all__ = ["DateRanges"]

_TAG = "#EXT-X-DATERANGE"


@dataclass(slots=True)
class _Range:
    number: int
    given: Attributes = field(default_factory=dict)


class DateRanges:
    """Collects the date ranges of a playlist; tags with the same ID are one range."""

    __slots__ = ("_ranges",)

    def __init__(self) -> None:
        self._ranges: dict[str, _Range] = {}

    def add(self, reading: Reading, number: int, text: str) -> None:
        """Read one tag; a range without an ID is left out."""
        given = reading.attributes(number, _TAG, text)
        name = given.get("ID")
        if not name:
            reading.warn(number, _TAG, "left out: ID is missing")
            return
        self._ranges.setdefault(name, _Range(number)).given.update(given)

    def events(self, reading: Reading, index: SegmentIndex) -> tuple[TimedEvent, ...]:
        """Return the ranges as events, in the order in which they begin."""
        if not self._ranges:
            return ()
        found = [
            event
            for name, held in self._ranges.items()
            if (event := _event(reading, held, name)) is not None
        ]
        found.sort(key=lambda event: event.utc_us or 0)
        return tuple(_placed(found, index))


def _event(reading: Reading, held: _Range, name: str) -> TimedEvent | None:
    given = held.given
    start_us = unix_us(given.get("START-DATE", ""))
    if start_us is None:
        reading.warn(held.number, _TAG, f"{name[:40]!r} left out: START-DATE is no date")
        return None
    length = nanoseconds(given.get("DURATION", given.get("PLANNED-DURATION", "")))
    end_us = unix_us(given.get("END-DATE", ""))
    duration_us = None if length is None or length < 0 else length // 1000
    if duration_us is None and end_us is not None and end_us >= start_us:
        duration_us = end_us - start_us
    return TimedEvent(
        scheme=given.get("CLASS", ""),
        at_us=None,
        utc_us=start_us,
        duration_us=duration_us,
        id=name,
        payload=",".join(f'{key}="{value}"' for key, value in given.items()),
    )


def _placed(events: list[TimedEvent], index: SegmentIndex) -> list[TimedEvent]:
    """Give events their positions: counted from the last segment that began before them."""
    dated = [
        (segment.entry.utc_us, segment.start_us)
        for segment in index
        if segment.entry.utc_us is not None
    ]
    if not dated:
        return events
    # Wall-clocks may jump back at a splice; a search needs a rising sequence.
    clocks = list(accumulate((utc_us for utc_us, _ in dated), max))
    placed = []
    for event in events:
        assert event.utc_us is not None
        utc_us, start_us = dated[max(0, bisect_right(clocks, event.utc_us) - 1)]
        placed.append(replace(event, at_us=start_us + event.utc_us - utc_us))
    return placed
