"""What is played in step: the segments of one ladder, and their sizes, as told and as they are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from abr.contract import Rung
from abr.lockstep.contract import Ladder
from netplay.core.device import Device, Preferences
from netplay.core.title import Title
from netplay.core.view import HORIZON
from netplay.segments import Segment
from netplay.sim.batch.refusal import LockstepRefused
from netplay.sim.batch.traces import Ints
from netplay.sim.content import Content
from netplay.timeline import Known, Representation

__all__ = ["Film", "Step", "film"]


@dataclass(frozen=True, slots=True)
class Step:
    """One segment, as all sessions are about to fetch it.

    Attributes:
        start_us, end_us: Where it is on the timeline.
        told_bytes: What a view says of the sizes from here on: a row a segment.
        size_bytes: What comes when it is asked for, shape (rungs,).
        remaining: How many segments are left, this one included.
    """

    start_us: int
    end_us: int
    told_bytes: tuple[tuple[float | None, ...], ...]
    size_bytes: Ints
    remaining: int

    @property
    def duration_us(self) -> int:
        """How long it lasts."""
        return self.end_us - self.start_us


@dataclass(frozen=True, slots=True)
class Film:
    """A title of one track of picture."""

    ladder: Ladder
    steps: tuple[Step, ...]


def film(content: Content, *, edge_us: int) -> Film:
    """Return a title as it is played in step.

    Args:
        edge_us: `SessionRules.edge_us`: two edges closer than this are one.

    Raises:
        LockstepRefused: It has several tracks, Periods or hosts, is live, or something
            must be fetched before or beside its segments.
    """
    title = Title(content.presentation, Device(), Preferences())
    reps = _representations(content, title)
    columns = [_segments(content, rep, edge_us) for rep in reps]
    spans = [[(one.start_us, one.end_us) for one in column] for column in columns]
    if any(other != spans[0] for other in spans):
        raise LockstepRefused("its rungs are cut into different segments")
    rungs = tuple(map(_rung, reps))
    if any(higher.bitrate_bps < lower.bitrate_bps for lower, higher in pairwise(rungs)):
        raise LockstepRefused("the average bitrates of its rungs do not rise")
    duration_us = title.duration_us()
    assert duration_us is not None, "every index is known"
    # More than are played: a file may hold more, and a view shows what it knows of them.
    indexes = [rep.index.index for rep in reps if isinstance(rep.index, Known)]
    count = len(spans[0]) + HORIZON
    table = tuple(zip(*(one.sizes_bytes(edge_us, count) for one in indexes), strict=True))
    rows = [
        [content.sizes(rep, one) for one in column]
        for rep, column in zip(reps, columns, strict=True)
    ]
    size_bytes = np.maximum(np.array(rows, dtype=np.int64).T, 1).copy()
    steps = []
    for place, (start_us, end_us) in enumerate(spans[0]):
        left = (duration_us - start_us) / 1e6 / ((end_us - start_us) / 1e6)
        remaining = max(1, round(left))
        told = _told(table[place:], remaining)
        steps.append(Step(start_us, end_us, told, size_bytes[place], remaining))
    return Film(Ladder(rungs), tuple(steps))


def _representations(content: Content, title: Title) -> tuple[Representation, ...]:
    """Return the rungs of the picture, lowest first."""
    presentation = content.presentation
    if presentation.live is not None or len(presentation.periods) != 1:
        raise LockstepRefused("a title in step has one Period, and an end")
    if title.tracks() != ("video",):
        raise LockstepRefused(f"a title in step has one track of picture, not {title.tracks()}")
    if content.manifest_bytes and presentation.hosts:
        raise LockstepRefused("its manifest is fetched first")
    if content.pieces is not None:
        raise LockstepRefused("its segments are decoded while they arrive")
    if presentation.start_us or presentation.periods[0].start_us:
        raise LockstepRefused("it does not begin at its beginning")
    _, ladder = title.ladder("video", 0)
    assert ladder is not None, "it is the one track there is"
    hosts = {location.host for rep in ladder.representations for location in rep.locations}
    if len(hosts) != 1:
        raise LockstepRefused(f"it is on {len(hosts)} hosts")
    return ladder.representations


def _segments(content: Content, rep: Representation, edge_us: int) -> list[Segment]:
    """Return the segments of a rung that are played."""
    if not isinstance(rep.index, Known):
        raise LockstepRefused("its indexes are fetched first")
    period_end_us = content.presentation.periods[0].end_us
    segments: list[Segment] = []
    at_us = 0
    for segment in rep.index.index:
        if period_end_us is not None and segment.start_us >= period_end_us:
            break
        if segment.start_us != at_us or segment.duration_us <= 2 * edge_us:
            raise LockstepRefused("its segments are too short, or do not follow one another")
        if segment.entry.gap or segment.entry.keys or segment.entry.init is not None:
            raise LockstepRefused("its segments have gaps, keys or init segments")
        segments.append(segment)
        at_us = segment.end_us
    if not segments or not rep.index.index.ended:
        raise LockstepRefused("it has no segments, or no end")
    return segments


def _rung(rep: Representation) -> Rung:
    """Return a Representation as controllers know it."""
    return Rung(
        bitrate_bps=rep.average_bps or rep.bandwidth_bps,
        width=rep.width,
        height=rep.height,
        quality=rep.quality,
    )


def _told(
    table: tuple[tuple[float | None, ...], ...], remaining: int
) -> tuple[tuple[float | None, ...], ...]:
    """Return the sizes that a View shows, by the same rule."""
    rows = max(1, min(HORIZON, remaining + 1))
    sizes = table[:rows]
    return sizes[:-1] if rows > remaining and not any(sizes[-1]) else sizes
