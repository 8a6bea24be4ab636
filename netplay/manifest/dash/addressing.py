"""Segment elements become an index: which of the three is meant, and two of them.

SegmentTemplate is in `templates`; here are SegmentList (§5.3.9.3), SegmentBase with its
sidx, and the Representation that is one file (§5.3.9.2.2).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from netplay.manifest.dash.document import Node
from netplay.manifest.dash.query import with_query
from netplay.manifest.dash.segmentation import (
    NoSegments,
    Segmentation,
    Slot,
    end_ticks,
    first_of,
    index_of,
    init_of,
    segmentation_of,
    ticks_ceiling,
    timing_of,
)
from netplay.manifest.dash.templates import index_of_template
from netplay.manifest.dash.unroll import clip
from netplay.manifest.dash.values import read_byte_range
from netplay.segments import Entry, Init, Listing, Run, SegmentIndex
from netplay.timeline import Index, Known, Unresolved

__all__ = ["read_index"]


def read_index(levels: tuple[Node, ...], slot: Slot) -> Index:
    """Return the index of a Representation.

    Args:
        levels: The Representation, its AdaptationSet and its Period.

    Raises:
        NoSegments: They do not say where its segments are.
    """
    segmentation = segmentation_of(levels)
    if segmentation is None:
        return Known(_whole_file(slot))
    match segmentation.form:
        case "SegmentBase":
            return _index_of_base(segmentation, slot)
        case "SegmentList":
            return Known(_index_of_list(segmentation, slot))
        case "SegmentTemplate":
            return index_of_template(segmentation, slot)


def _index_of_base(base: Segmentation, slot: Slot) -> Index:
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
        init=init_of(base, slot),
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
    init = None if base is None else init_of(base, slot)
    entry = Entry(with_query("", slot.query), init=init if init and init.uri else None)
    runs = (Run(origin, ticks_ceiling(slot.end_us - slot.start_us, timescale)),)
    return index_of(slot, timescale, origin, runs=runs, naming=Listing((entry,)))


def _index_of_list(listed: Segmentation, slot: Slot) -> SegmentIndex:
    urls = next((found for level in listed.levels if (found := level.children("SegmentURL"))), [])
    init = init_of(listed, slot)
    entries = [_listed_entry(url, slot, init) for url in urls]
    timing = timing_of(listed, slot)
    runs = list(timing.runs)
    if listed.child("SegmentTimeline") is None:
        duration = listed.integer("duration") or 0
        if duration > 0:
            runs = [Run(listed.origin_ticks, duration, len(entries))] if entries else []
            if slot.end_us is not None:
                runs = clip(runs, end_ticks(listed, slot.end_us - slot.start_us))
        elif len(entries) == 1 and slot.end_us is not None:
            length = ticks_ceiling(slot.end_us - slot.start_us, listed.timescale)
            runs = [Run(listed.origin_ticks, length)]
        else:
            raise NoSegments("its SegmentList gives no durations")
    if not entries:
        raise NoSegments("its SegmentList is empty")
    entries = entries[timing.skipped :]
    runs, count = first_of(runs, len(entries))
    number = listed.integer("startNumber")
    return index_of(
        slot,
        listed.timescale,
        listed.origin_ticks,
        runs=tuple(runs),
        naming=Listing(tuple(entries[:count])),
        first_number=(1 if number is None else number) + timing.skipped,
    )


def _listed_entry(url: Node, slot: Slot, init: Init | None) -> Entry:
    byte_range = url.read("mediaRange", read_byte_range)
    return Entry(with_query(url.get("media"), slot.query), byte_range, init)
