"""What the three Segment elements have in common (§5.3.9.2).

SegmentBase, SegmentList and SegmentTemplate inherit from Period to AdaptationSet to
Representation, attribute by attribute and child by child. The deepest level that has any of
them decides which one is meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netplay.manifest.dash.document import Node
from netplay.manifest.dash.locations import UNLIMITED_US, availability_offset_us
from netplay.manifest.dash.query import with_query
from netplay.manifest.dash.template import fill_pattern
from netplay.manifest.dash.unroll import Unrolled, unroll
from netplay.manifest.dash.values import read_byte_range
from netplay.segments import Init, Naming, Run, SegmentIndex
from netplay.timeline import Kind

__all__ = [
    "NoSegments",
    "Segmentation",
    "Slot",
    "ahead_us_of",
    "end_ticks",
    "first_of",
    "index_of",
    "init_of",
    "segmentation_of",
    "ticks_ceiling",
    "ticks_floor",
    "timing_of",
]

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


def segmentation_of(levels: tuple[Node, ...]) -> Segmentation | None:
    """Return which Segment element is meant, with what it inherits; None if there is none."""
    for level in levels:
        for form in FORMS:
            if level.child(form) is not None:
                found = (other.child(form) for other in levels)
                return Segmentation(form, tuple(node for node in found if node is not None))
    return None


def init_of(segmentation: Segmentation, slot: Slot) -> Init | None:
    """Return where the init segment is; None if the media needs none."""
    pattern = segmentation.get("initialization")
    if pattern:
        filled = fill_pattern(pattern, name=slot.name, bandwidth_bps=slot.bandwidth_bps)
        return Init(with_query(filled, slot.query))
    stated = segmentation.child("Initialization")
    if stated is None:
        return None
    uri = with_query(stated.get("sourceURL"), slot.query)
    return Init(uri, stated.read("range", read_byte_range))


def timing_of(segmentation: Segmentation, slot: Slot) -> Unrolled:
    """Return the segments of the SegmentTimeline; none if there is no SegmentTimeline.

    Raises:
        NoSegments: It has no segment, and no more will come.
    """
    timeline = segmentation.child("SegmentTimeline")
    if timeline is None:
        return Unrolled(())
    end = now = None
    if slot.end_us is not None:
        end = end_ticks(segmentation, slot.end_us - slot.start_us)
    if slot.live and not slot.ended:
        ahead_us = min(slot.ahead_us + ahead_us_of(segmentation), UNLIMITED_US)
        elapsed_us = slot.now_us - slot.start_us + (ahead_us if ahead_us < UNLIMITED_US else 0)
        now = segmentation.origin_ticks + ticks_floor(elapsed_us, segmentation.timescale)
    unrolled = unroll(
        timeline,
        timescale=segmentation.timescale,
        start_ticks=segmentation.origin_ticks,
        end_ticks=end,
        now_ticks=now,
    )
    if not unrolled.runs and not slot.live:
        raise NoSegments("its SegmentTimeline has no segment in the Period")
    return unrolled


def index_of(
    slot: Slot,
    timescale: int,
    origin_ticks: int,
    *,
    runs: tuple[Run, ...],
    naming: Naming,
    first_number: int = 1,
    shared: dict[tuple[object, ...], SegmentIndex] | None = None,
) -> SegmentIndex:
    """Return an index whose times are those of the slot.

    Args:
        shared: Indexes made before: one with the same runs is not laid out again.
    """
    key = (id(runs), timescale, origin_ticks, first_number, slot.start_us, slot.end_us, slot.ended)
    if shared is not None and key in shared:
        return shared[key].named(naming)
    index = SegmentIndex(
        timescale=timescale,
        runs=runs,
        naming=naming,
        first_number=first_number,
        period_start_us=slot.start_us,
        origin_ticks=origin_ticks,
        clip_end_us=slot.end_us,
        ended=slot.ended,
    )
    if shared is not None:
        # The runs live as long as their key, so that no other gets their id.
        shared[key] = index
    return index


def ticks_floor(length_us: int, timescale: int) -> int:
    """Return a length in ticks, rounded down."""
    return length_us * timescale // 1_000_000


def ticks_ceiling(length_us: int, timescale: int) -> int:
    """Return a length in ticks, rounded up."""
    return -(-length_us * timescale // 1_000_000)


def end_ticks(segmentation: Segmentation, length_us: int) -> int:
    """Return the media time where the Period ends, rounded up: nothing begins at or after it."""
    return segmentation.origin_ticks + ticks_ceiling(length_us, segmentation.timescale)


def ahead_us_of(segmentation: Segmentation) -> int:
    """Return how much earlier than the rule its segments are there."""
    level = segmentation.level_with("availabilityTimeOffset")
    return 0 if level is None else availability_offset_us(level)


def first_of(runs: list[Run], limit: int) -> tuple[list[Run], int]:
    """Return the first segments of some runs, at most so many, and their count."""
    kept, count = [], 0
    for run in runs:
        take = min(run.count, limit - count)
        if take <= 0:
            break
        kept.append(Run(run.start, run.duration, take))
        count += take
    return kept, count
