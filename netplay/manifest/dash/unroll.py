"""A SegmentTimeline becomes runs (§5.3.9.6).

`S` elements say where segments start and how long they are; what they leave open (no t, a
negative r) follows from their neighbours, the Period's end or, live, from the time. What
contradicts itself is repaired so that every segment keeps its number: players find it
again by that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from xml.etree.ElementTree import Element

from netplay.manifest.dash.document import Node
from netplay.segments import Run

__all__ = ["MAX_SEGMENTS", "Unrolled", "behind", "clip", "unroll"]

MAX_SEGMENTS = 1 << 40
"""Segments of one index. They cost nothing until made, but their count must stay a count."""

MAX_PATTERNED = 1_000_000
"""Segments spelt out from a Pattern, which unlike runs cost memory each."""

MAX_TICKS = 1 << 63

GAP_TOLERANCE_S = 0.1
"""A shorter hole is an encoder's rounding and is closed; a guess, a little above the 1/15 s
that is common in players. A longer one is believed."""


@dataclass(frozen=True, slots=True)
class Unrolled:
    """The segments of a SegmentTimeline.

    Attributes:
        first_number: S@n of the first segment, if given.
        skipped: Segments left out at the beginning, because the Period begins after them.
        renumbered: Position and number of every segment where S@n breaks the count;
            positions count the skipped ones.
    """

    runs: tuple[Run, ...]
    first_number: int | None = None
    skipped: int = 0
    renumbered: tuple[tuple[int, int], ...] = ()


def unroll(
    timeline: Node,
    *,
    timescale: int,
    start_ticks: int,
    end_ticks: int | None,
    now_ticks: int | None,
) -> Unrolled:
    """Return the runs of a SegmentTimeline.

    Args:
        timescale: Ticks a second.
        start_ticks: Media time at which the Period begins; segments that end there or
            before are left out.
        end_ticks: Media time at which the Period ends; segments that begin there or later
            are left out. None if it has no known end.
        now_ticks: Media time of the live edge: a last negative r repeats for the segments
            that are complete by then. None if not live.
    """
    key = (timeline.element, timescale, start_ticks, end_ticks, now_ticks)
    if key in timeline.document.unrolled:
        return timeline.document.unrolled[key]
    tape = _Tape(timeline, timescale)
    elements = timeline.element.findall(f"{timeline.document.namespace}S")
    patterns = _patterns(timeline)
    place = 0
    while (place := tape.follow(elements, place)) < len(elements):
        row = _row(timeline, elements[place], patterns)
        if row is None:
            break
        place += 1
        begin = tape.begin(row.start)
        if row.number is not None:
            tape.renumber(row.number)
        if row.repeat < 0:
            then = _stated_start(elements[place]) if place < len(elements) else end_ticks
            now = now_ticks if place == len(elements) else None
            row = row._replace(repeat=_repeat(timeline, row, begin, then=then, now_ticks=now))
        if row.repeat >= 0 and row.durations[0] > 0:
            tape.add(begin, row.durations, row.repeat + 1)
    runs = tape.runs if end_ticks is None else clip(tape.runs, end_ticks)
    kept, skipped = behind(runs, start_ticks)
    if kept:
        runs = kept
    elif runs:
        timeline.warn("every segment is before its Period begins; they were kept nevertheless")
        skipped = 0
    unrolled = Unrolled(tuple(runs), tape.first_number, skipped, tuple(tape.renumbered))
    timeline.document.unrolled[key] = unrolled
    return unrolled


def clip(runs: list[Run], end_ticks: int) -> list[Run]:
    """Return the runs without the segments that begin at a media time or later."""
    kept = list(runs)
    while kept and kept[-1].start >= end_ticks:
        kept.pop()
    if kept and kept[-1].duration:
        start, duration, count = kept[-1]
        kept[-1] = Run(start, duration, min(count, -(-(end_ticks - start) // duration)))
    return kept


def behind(runs: list[Run], start_ticks: int) -> tuple[list[Run], int]:
    """Return the runs without the segments that end at a media time or before, and their count."""
    skipped = 0
    for place, (start, duration, count) in enumerate(runs):
        if start + duration * count > start_ticks:
            gone = max(0, (start_ticks - start) // duration)
            return [Run(start + gone * duration, duration, count - gone), *runs[place + 1 :]], (
                skipped + gone
            )
        skipped += count
    return [], skipped


class _Row(NamedTuple):
    """What an S says; durations are several only for a Pattern."""

    start: int | None
    durations: tuple[int, ...]
    repeat: int
    number: int | None


def _row(timeline: Node, element: Element, patterns: dict[str, tuple[int, ...]]) -> _Row | None:
    """Return what an S says; None, with a warning, if it cannot be read.

    What cannot be is read as a segment without duration, which is left out.
    """
    given = element.attrib
    node = Node(element, timeline.document)
    try:
        start = int(given["t"]) if "t" in given else None
        repeat = int(given.get("r", 0))
        number = int(given["n"]) if "n" in given else None
        if "p" in given:
            durations = patterns[given["p"]]
            entry = int(given.get("pE", 0)) % len(durations)
            durations = durations[entry:] + durations[:entry]
        else:
            durations = (int(given["d"]),)
    except (KeyError, ValueError):
        shown = dict(list(given.items())[:4])
        node.warn(f"{shown} cannot be read; the timeline ends before it")
        return None
    if not 0 < durations[0] < MAX_TICKS or abs(start or 0) > MAX_TICKS or repeat > MAX_SEGMENTS:
        node.warn(f"d={durations[0]}, t={start}, r={repeat} cannot be; it was left out")
        return _Row(None, (0,), 0, None)
    return _Row(start, durations, repeat, number)


def _stated_start(element: Element) -> int | None:
    try:
        return int(element.attrib["t"])
    except (KeyError, ValueError):
        return None


def _repeat(
    timeline: Node, row: _Row, begin: int, *, then: int | None, now_ticks: int | None
) -> int:
    """Return how often a segment with a negative r repeats; -1: it does not even begin."""
    duration = row.durations[0]
    counts = [] if then is None else [-(-(then - begin) // duration)]
    if now_ticks is not None:
        counts.append((now_ticks - begin) // duration)
    if not counts:
        timeline.warn("a segment repeats to an end that is not known; taken once")
    return max(0, min(counts, default=1)) - 1


def _patterns(timeline: Node) -> dict[str, tuple[int, ...]]:
    """Return the durations that each Pattern spells (6th edition)."""
    patterns: dict[str, tuple[int, ...]] = {}
    for pattern in timeline.children("Pattern"):
        durations: list[int] = []
        for part in pattern.children("P"):
            duration, times = part.integer("d") or 0, (part.integer("r") or 0) + 1
            if not 0 < duration < MAX_TICKS or not 0 < times + len(durations) <= MAX_PATTERNED:
                raise part.error(f"d={duration}, r={times - 1} cannot be")
            durations += [duration] * times
        if durations:
            patterns[pattern.get("id")] = tuple(durations)
    return patterns


class _Tape:
    """Runs being laid down, each segment where the one before it ends."""

    def __init__(self, timeline: Node, timescale: int) -> None:
        self.runs: list[Run] = []
        self.first_number: int | None = None
        self.renumbered: list[tuple[int, int]] = []
        self._timeline = timeline
        self._close_ticks = int(GAP_TOLERANCE_S * timescale)
        self._clock = 0
        self._length = 0

    def follow(self, elements: list[Element], place: int) -> int:
        """Lay down the plain segments from a place on; return where something else comes.

        Plain is one that begins where the one before it ends. Nearly all are, and this is
        the only loop that a long timeline spends its time in.
        """
        if not self.runs:
            return place
        run_start, run_duration, run_count = self.runs.pop()
        clock, beginning = self._clock, place
        try:
            while place < len(elements):
                given = elements[place].attrib
                duration, count, plain = int(given["d"]), 1, 1
                if "t" in given:
                    if int(given["t"]) != clock:
                        break
                    plain = 2
                if "r" in given:
                    count = int(given["r"]) + 1
                    plain += 1
                if len(given) != plain or duration <= 0 or count <= 0:
                    break
                if duration == run_duration and clock == run_start + run_duration * run_count:
                    run_count += count
                else:
                    self.runs.append(Run(run_start, run_duration, run_count))
                    run_start, run_duration, run_count = clock, duration, count
                clock += duration * count
                self._length += count
                place += 1
        except (KeyError, ValueError):
            pass  # Whatever cannot be read is for the slow way to name.
        self.runs.append(Run(run_start, run_duration, run_count))
        self._clock = clock
        if place > beginning:
            self._check()
        return place

    def begin(self, start: int | None) -> int:
        """Return where the next segment begins, and make the one before it end there."""
        if start is None or start == self._clock:
            return self._clock
        if not self.runs:
            return start
        last = self.runs[-1]
        begins = last.start + (last.count - 1) * last.duration
        if start < begins:
            self._timeline.warn(f"t={start} goes back behind {begins}; it was ignored")
            return self._clock
        gap = start - self._clock
        if gap > self._close_ticks:
            self._timeline.warn(f"nothing is shown for {gap} ticks before t={start}")
            return start
        if gap < -self._close_ticks:
            self._timeline.warn(f"t={start} overlaps the segment before it by {-gap} ticks")
        self.runs.pop()
        if last.count > 1:
            self.runs.append(Run(last.start, last.duration, last.count - 1))
        self.runs.append(Run(begins, start - begins, 1))
        return start

    def renumber(self, number: int) -> None:
        """Give the next segment its own number."""
        if not self._length:
            self.first_number = number
        else:
            self.renumbered.append((self._length, number))

    def add(self, start: int, durations: tuple[int, ...], count: int) -> None:
        """Lay down segments from a media time on, with these durations in turn."""
        if len(durations) > 1:
            if count > MAX_PATTERNED:
                raise self._timeline.error(f"a pattern is repeated for {count} segments")
            for position in range(count):
                self.add(start, (durations[position % len(durations)],), 1)
                start = self._clock
            return
        duration = durations[0]
        last = self.runs[-1] if self.runs else None
        if last is not None and last.duration == duration and start == self._clock:
            self.runs[-1] = Run(last.start, duration, last.count + count)
        else:
            self.runs.append(Run(start, duration, count))
        self._clock = start + duration * count
        self._length += count
        self._check()

    def _check(self) -> None:
        if self._length > MAX_SEGMENTS or abs(self._clock) > MAX_TICKS:
            raise self._timeline.error("describes more than a player could count")
