"""Segment elements become an index: SegmentTemplate, SegmentList, SegmentBase (§5.3.9).

The three inherit from Period to AdaptationSet to Representation, attribute by attribute
and child by child. The deepest level that has any of them decides which one is meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from netplay.manifest.dash.document import Node
from netplay.manifest.dash.locations import UNLIMITED_US, availability_offset_us
from netplay.manifest.dash.query import with_query
from netplay.manifest.dash.template import fill_pattern, split_pattern
from netplay.manifest.dash.unroll import MAX_SEGMENTS, Unrolled, clip, unroll
from netplay.manifest.dash.values import read_byte_range
from netplay.segments import (
    Entry,
    Init,
    Listing,
    Naming,
    Run,
    SegmentIndex,
    Template,
)
from netplay.timeline import Index, Kind, Known, Unresolved

__all__ = ["NoSegments", "Slot", "read_index"]

MAX_RENUMBERED = 1_000_000
"""Segments spelt out because S@n jumps."""

Form = Literal["SegmentBase", "SegmentList", "SegmentTemplate"]
FORMS: tuple[Form, ...] = ("SegmentBase", "SegmentList", "SegmentTemplate")


class NoSegments(ValueError):
    """A Representation does not say where its segments are."""


@dataclass(frozen=True, slots=True)
class Slot:
    """What the index of a Representation depends on besides its Segment elements.

    Attributes:
        start_us: Where the Period begins on the presentation's timeline.
        end_us: Where it ends, if known.
        url: What its references resolve against.
        query: What to add to every reference.
        live: Segments appear as time passes.
        now_us: Where the time of reading is on the presentation's timeline; live only.
        window_us: How long segments stay; None: for ever.
        ahead_us: How much earlier than the rule they are there.
    """

    start_us: int
    end_us: int | None
    name: str
    bandwidth_bps: int
    kind: Kind
    url: str
    query: str = ""
    live: bool = False
    now_us: int = 0
    window_us: int | None = None
    ahead_us: int = 0

    @property
    def ended(self) -> bool:
        """Whether no segment will be added."""
        return not self.live or (self.end_us is not None and self.end_us <= self.now_us)


@dataclass(frozen=True, slots=True)
class Segmentation:
    """One kind of Segment element with what it inherits; deepest level first."""

    form: Form
    levels: tuple[Node, ...]

    def level_with(self, attribute: str) -> Node | None:
        """Return the deepest level that has an attribute."""
        return next((level for level in self.levels if level.has(attribute)), None)

    def get(self, attribute: str) -> str:
        """Return an attribute; "" if no level has it."""
        level = self.level_with(attribute)
        return "" if level is None else level.get(attribute)

    def integer(self, attribute: str) -> int | None:
        """Return a whole number; None if no level has it."""
        level = self.level_with(attribute)
        return None if level is None else level.integer(attribute)

    def child(self, name: str) -> Node | None:
        """Return a child of the deepest level that has one."""
        found = (level.child(name) for level in self.levels)
        return next((child for child in found if child is not None), None)

    @property
    def timescale(self) -> int:
        """Ticks a second; 1 by default."""
        return max(1, self.integer("timescale") or 1)

    @property
    def origin_ticks(self) -> int:
        """Media time shown where the Period begins."""
        return self.integer("presentationTimeOffset") or 0


def read_index(levels: tuple[Node, ...], slot: Slot) -> Index:
    """Return the index of a Representation.

    Args:
        levels: The Representation, its AdaptationSet and its Period.

    Raises:
        NoSegments: They do not say where its segments are.
    """
    segmentation = _segmentation(levels)
    if segmentation is None:
        return Known(_whole_file(slot))
    match segmentation.form:
        case "SegmentBase":
            return _from_base(segmentation, slot)
        case "SegmentList":
            return Known(_from_list(segmentation, slot))
        case "SegmentTemplate":
            return _from_template(segmentation, slot)


def _segmentation(levels: tuple[Node, ...]) -> Segmentation | None:
    for level in levels:
        for form in FORMS:
            if level.child(form) is not None:
                found = (other.child(form) for other in levels)
                return Segmentation(form, tuple(node for node in found if node is not None))
    return None


# SegmentBase


def _from_base(base: Segmentation, slot: Slot) -> Index:
    stated = base.child("RepresentationIndex")
    level = base.level_with("indexRange")
    byte_range = None if level is None else level.read("indexRange", read_byte_range)
    uri, media_uri = "", None
    if stated is not None:
        uri = with_query(stated.get("sourceURL"), slot.query)
        media_uri = with_query("", slot.query)
        byte_range = stated.read("range", read_byte_range) or (None if uri else byte_range)
    if byte_range is None and not uri:
        return Known(_whole_file(slot, base))
    return Unresolved(
        form="sidx",
        uri=uri or with_query("", slot.query),
        byte_range=byte_range,
        period_start_us=slot.start_us,
        period_end_us=slot.end_us,
        origin_ticks=base.origin_ticks,
        timescale=base.timescale,
        init=_init(base, slot),
        media_uri=media_uri,
    )


def _whole_file(slot: Slot, base: Segmentation | None = None) -> SegmentIndex:
    """Return an index of one segment: everything that the BaseURL names."""
    path = urlsplit(slot.url).path
    if slot.kind in ("video", "audio") and (not path or path.endswith("/")):
        raise NoSegments("its URL names a folder and nothing names segments in it")
    if slot.end_us is None:
        raise NoSegments("it is one file, and the length of its Period is not known")
    timescale = 1_000_000 if base is None else base.timescale
    origin = 0 if base is None else base.origin_ticks
    init = None if base is None else _init(base, slot)
    entry = Entry(with_query("", slot.query), init=init if init and init.uri else None)
    runs = (Run(origin, _ticks_ceiling(slot.end_us - slot.start_us, timescale)),)
    return _index(slot, timescale, origin, runs=runs, naming=Listing((entry,)))


# SegmentList


def _from_list(listed: Segmentation, slot: Slot) -> SegmentIndex:
    urls = next((found for level in listed.levels if (found := level.children("SegmentURL"))), [])
    init = _init(listed, slot)
    entries = [_listed_entry(url, slot, init) for url in urls]
    timing = _timing(listed, slot)
    runs = list(timing.runs)
    if listed.child("SegmentTimeline") is None:
        duration = listed.integer("duration") or 0
        if duration > 0:
            runs = [Run(listed.origin_ticks, duration, len(entries))] if entries else []
            if slot.end_us is not None:
                runs = clip(runs, _end_ticks(listed, slot.end_us - slot.start_us))
        elif len(entries) == 1 and slot.end_us is not None:
            length = _ticks_ceiling(slot.end_us - slot.start_us, listed.timescale)
            runs = [Run(listed.origin_ticks, length)]
        else:
            raise NoSegments("its SegmentList gives no durations")
    runs, count = _first(runs, len(entries))
    if not entries:
        raise NoSegments("its SegmentList is empty")
    number = listed.integer("startNumber")
    return _index(
        slot,
        listed.timescale,
        listed.origin_ticks,
        runs=tuple(runs),
        naming=Listing(tuple(entries[:count])),
        first_number=1 if number is None else number,
    )


def _listed_entry(url: Node, slot: Slot, init: Init | None) -> Entry:
    byte_range = url.read("mediaRange", read_byte_range)
    return Entry(with_query(url.get("media"), slot.query), byte_range, init)


def _first(runs: list[Run], limit: int) -> tuple[list[Run], int]:
    """Return the first segments of some runs, at most so many, and their count."""
    kept, count = [], 0
    for run in runs:
        take = min(run.count, limit - count)
        if take <= 0:
            break
        kept.append(Run(run.start, run.duration, take))
        count += take
    return kept, count


# SegmentTemplate


def _from_template(template: Segmentation, slot: Slot) -> Index:
    media = template.get("media")
    if template.get("index") and template.child("SegmentTimeline") is None:
        return _indexed_template(template, slot)
    if not media:
        raise NoSegments("its SegmentTemplate has no media pattern")
    timing = _timing(template, slot)
    runs, skipped = timing.runs, 0
    if template.child("SegmentTimeline") is None:
        duration = template.integer("duration") or 0
        if duration > 0:
            runs, skipped = _counted(template, duration, slot)
        elif slot.end_us is not None:
            length = _ticks_ceiling(slot.end_us - slot.start_us, template.timescale)
            runs = (Run(template.origin_ticks, length),)
        else:
            raise NoSegments("its SegmentTemplate gives neither a timeline nor a duration")
    start_number = template.integer("startNumber")
    first_number = 1 if start_number is None else start_number
    if timing.first_number is not None:
        first_number = timing.first_number
    end_number = template.integer("endNumber")
    if end_number is not None and template.child("SegmentTimeline") is None:
        # Players agree that a SegmentTimeline lists its segments to the last.
        runs = tuple(_first(list(runs), end_number - first_number - skipped + 1)[0])
    pieces = split_pattern(media, name=slot.name, bandwidth_bps=slot.bandwidth_bps)
    naming = Template(_with_query_at_end(pieces, slot.query), init=_init(template, slot))
    return Known(
        _index(
            slot,
            template.timescale,
            template.origin_ticks,
            runs=runs,
            naming=_renumbered(naming, timing, runs, first_number) if timing.renumbered else naming,
            first_number=first_number + skipped,
        )
    )


def _counted(template: Segmentation, duration: int, slot: Slot) -> tuple[tuple[Run, ...], int]:
    """Return the segments of @duration, and how many before them are gone (live).

    A segment is there once it is complete, or availabilityTimeOffset earlier, and stays
    for the depth of the time-shift buffer (§5.3.9.5.3).
    """
    timescale = template.timescale
    shift = template.integer("eptDelta") or 0
    begin = template.origin_ticks + shift
    total: int | None = None
    if slot.end_us is not None:
        length = _end_ticks(template, slot.end_us - slot.start_us) - begin
        total = max(0, -(-length // duration))
    first, count = 0, total
    if slot.live:
        elapsed_us = slot.now_us - slot.start_us
        ahead_us = slot.ahead_us + _ahead_us(template)
        there = _ticks_floor(elapsed_us + min(ahead_us, UNLIMITED_US), timescale) - shift
        if ahead_us >= UNLIMITED_US and total is None:
            there = _ticks_floor(elapsed_us, timescale) - shift
        count = there // duration if total is None else min(there // duration, total)
        if slot.window_us is not None:
            gone = _ticks_floor(elapsed_us - slot.window_us, timescale) - shift
            first = max(0, gone // duration)
    assert count is not None or not slot.live
    if count is None:
        raise NoSegments("the length of its Period is not known")
    if count <= first:
        return (), first
    if count > MAX_SEGMENTS:
        raise NoSegments(f"it would have {count} segments")
    return (Run(begin + first * duration, duration, count - first),), first


def _ahead_us(segmentation: Segmentation) -> int:
    level = segmentation.level_with("availabilityTimeOffset")
    return 0 if level is None else availability_offset_us(level)


def _indexed_template(template: Segmentation, slot: Slot) -> Unresolved:
    """Return the way to an index segment, which describes one media file."""
    index = fill_pattern(template.get("index"), name=slot.name, bandwidth_bps=slot.bandwidth_bps)
    media = fill_pattern(template.get("media"), name=slot.name, bandwidth_bps=slot.bandwidth_bps)
    return Unresolved(
        form="sidx",
        uri=with_query(index, slot.query),
        period_start_us=slot.start_us,
        period_end_us=slot.end_us,
        origin_ticks=template.origin_ticks,
        timescale=template.timescale,
        init=_init(template, slot),
        media_uri=with_query(media, slot.query),
    )


def _renumbered(naming: Template, timing: Unrolled, runs: tuple[Run, ...], number: int) -> Listing:
    """Return every segment's name spelt out, because S@n breaks the count."""
    if sum(run.count for run in runs) > MAX_RENUMBERED:
        raise NoSegments(f"S@n jumps in a timeline of more than {MAX_RENUMBERED} segments")
    jumps = dict(timing.renumbered)
    entries: list[Entry] = []
    for run in runs:
        for repeat in range(run.count):
            number = jumps.get(len(entries), number)
            ticks = run.start + repeat * run.duration
            entries.append(naming.entry(len(entries), number=number, ticks=ticks))
            number += 1
    return Listing(tuple(entries))


def _with_query_at_end(pieces: tuple[str, ...], query: str) -> tuple[str, ...]:
    if not query:
        return pieces
    joint = "&" if any("?" in piece for piece in pieces) else "?"
    return (*pieces[:-1], f"{pieces[-1]}{joint}{query}")


# What they have in common


def _init(segmentation: Segmentation, slot: Slot) -> Init | None:
    pattern = segmentation.get("initialization")
    if pattern:
        filled = fill_pattern(pattern, name=slot.name, bandwidth_bps=slot.bandwidth_bps)
        return Init(with_query(filled, slot.query))
    stated = segmentation.child("Initialization")
    if stated is None:
        return None
    uri = with_query(stated.get("sourceURL"), slot.query)
    return Init(uri, stated.read("range", read_byte_range))


def _timing(segmentation: Segmentation, slot: Slot) -> Unrolled:
    timeline = segmentation.child("SegmentTimeline")
    if timeline is None:
        return Unrolled(())
    end = now = None
    if slot.end_us is not None:
        end = _end_ticks(segmentation, slot.end_us - slot.start_us)
    if slot.live and not slot.ended:
        ahead_us = min(slot.ahead_us + _ahead_us(segmentation), UNLIMITED_US)
        elapsed_us = slot.now_us - slot.start_us + (ahead_us if ahead_us < UNLIMITED_US else 0)
        now = segmentation.origin_ticks + _ticks_floor(elapsed_us, segmentation.timescale)
    unrolled = unroll(timeline, timescale=segmentation.timescale, end_ticks=end, now_ticks=now)
    if not unrolled.runs and not slot.live:
        raise NoSegments("its SegmentTimeline has no segment in the Period")
    return unrolled


def _index(
    slot: Slot,
    timescale: int,
    origin_ticks: int,
    *,
    runs: tuple[Run, ...],
    naming: Naming,
    first_number: int = 1,
) -> SegmentIndex:
    return SegmentIndex(
        timescale=timescale,
        runs=runs,
        naming=naming,
        first_number=first_number,
        period_start_us=slot.start_us,
        origin_ticks=origin_ticks,
        clip_end_us=slot.end_us,
        ended=slot.ended,
    )


def _ticks_floor(length_us: int, timescale: int) -> int:
    return length_us * timescale // 1_000_000


def _ticks_ceiling(length_us: int, timescale: int) -> int:
    return -(-length_us * timescale // 1_000_000)


def _end_ticks(segmentation: Segmentation, length_us: int) -> int:
    """Return the media time where the Period ends, rounded up: nothing begins at or after it."""
    return segmentation.origin_ticks + _ticks_ceiling(length_us, segmentation.timescale)
