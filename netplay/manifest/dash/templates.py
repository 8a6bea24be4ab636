"""SegmentTemplate becomes an index: by timeline, by duration, or by an index segment (§5.3.9.4)."""

from __future__ import annotations

from netplay.manifest.dash.locations import UNLIMITED_US
from netplay.manifest.dash.query import with_query
from netplay.manifest.dash.segmentation import (
    NoSegments,
    Segmentation,
    Slot,
    ahead_us_of,
    end_ticks,
    first_of,
    index_of,
    init_of,
    ticks_ceiling,
    ticks_floor,
    timing_of,
)
from netplay.manifest.dash.template import fill_pattern, split_pattern
from netplay.manifest.dash.unroll import MAX_SEGMENTS, Unrolled
from netplay.segments import Entry, Listing, Run, Template
from netplay.timeline import Index, Known, Unresolved

__all__ = ["index_of_template"]

MAX_RENUMBERED = 1_000_000
"""Segments spelt out because S@n jumps."""


def index_of_template(template: Segmentation, slot: Slot) -> Index:
    """Return the index of a SegmentTemplate.

    Raises:
        NoSegments: It does not say where segments are.
    """
    media = template.get("media")
    timeline = template.child("SegmentTimeline")
    if template.get("index") and (not media or timeline is None):
        return _indexed_template(template, slot)
    if not media:
        raise NoSegments("its SegmentTemplate has no media pattern")
    if "$SubNumber" in media:
        raise NoSegments("it addresses parts of segments ($SubNumber$)")
    timing = timing_of(template, slot)
    runs, skipped = timing.runs, timing.skipped
    if timeline is None:
        duration = template.integer("duration") or 0
        if duration > 0:
            runs, skipped = _counted(template, duration, slot)
        elif slot.end_us is not None:
            length = ticks_ceiling(slot.end_us - slot.start_us, template.timescale)
            runs = (Run(template.origin_ticks, length),)
        else:
            raise NoSegments("its SegmentTemplate gives neither a timeline nor a duration")
    start_number = template.integer("startNumber")
    first_number = 1 if start_number is None else start_number
    if timing.first_number is not None:
        first_number = timing.first_number
    end_number = template.integer("endNumber")
    if end_number is not None and timeline is None:
        # Players agree that a SegmentTimeline lists its segments to the last.
        runs = tuple(first_of(list(runs), end_number - first_number - skipped + 1)[0])
    pieces = split_pattern(media, name=slot.name, bandwidth_bps=slot.bandwidth_bps)
    naming = Template(_with_query_at_end(pieces, slot.query), init=init_of(template, slot))
    return Known(
        index_of(
            slot,
            template.timescale,
            template.origin_ticks,
            runs=runs,
            naming=_renumbered(naming, timing, first_number) if timing.renumbered else naming,
            first_number=first_number + skipped,
            shared=template.levels[0].document.indexes,
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
        length = end_ticks(template, slot.end_us - slot.start_us) - begin
        total = max(0, -(-length // duration))
    first, count = 0, total
    if slot.live:
        elapsed_us = slot.now_us - slot.start_us
        ahead_us = slot.ahead_us + ahead_us_of(template)
        there = ticks_floor(elapsed_us + min(ahead_us, UNLIMITED_US), timescale) - shift
        if ahead_us >= UNLIMITED_US and total is None:
            there = ticks_floor(elapsed_us, timescale) - shift
        count = there // duration if total is None else min(there // duration, total)
        if slot.window_us is not None:
            gone = ticks_floor(elapsed_us - slot.window_us, timescale) - shift
            first = max(0, gone // duration)
    assert count is not None or not slot.live
    if count is None:
        raise NoSegments("the length of its Period is not known")
    if count <= first:
        return (), first
    if count > MAX_SEGMENTS:
        raise NoSegments(f"it would have {count} segments")
    return (Run(begin + first * duration, duration, count - first),), first


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
        init=init_of(template, slot),
        media_uri=with_query(media, slot.query),
    )


def _renumbered(naming: Template, timing: Unrolled, number: int) -> Listing:
    """Return every segment's name spelt out, because S@n breaks the count."""
    if sum(run.count for run in timing.runs) > MAX_RENUMBERED:
        raise NoSegments(f"S@n jumps in a timeline of more than {MAX_RENUMBERED} segments")
    jumps = dict(timing.renumbered)
    entries: list[Entry] = []
    for position in range(timing.skipped):
        number = jumps.get(position, number) + 1
    for run in timing.runs:
        for repeat in range(run.count):
            number = jumps.get(timing.skipped + len(entries), number)
            ticks = run.start + repeat * run.duration
            entries.append(naming.entry(len(entries), number=number, ticks=ticks))
            number += 1
    return Listing(tuple(entries))


def _with_query_at_end(pieces: tuple[str, ...], query: str) -> tuple[str, ...]:
    if not query:
        return pieces
    joint = "&" if any("?" in piece for piece in pieces) else "?"
    return (*pieces[:-1], f"{pieces[-1]}{joint}{query}")
