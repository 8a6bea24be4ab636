"""What servers hold: the indexes behind a Presentation, and the size of everything.

A Session is told only the Presentation. The indexes that it must fetch first, and how
big each resource turns out to be, is the servers' knowledge and kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from zlib import crc32

from netplay.core.messages import Fetch, Resolve
from netplay.segments import Segment, SegmentIndex
from netplay.timeline import Known, Presentation, Representation

__all__ = ["Content", "Pieces", "Sizes", "nominal_bytes", "varied_bytes"]

Sizes = Callable[[Representation, Segment], int]
"""Size of a media segment in bytes."""

Pieces = tuple[tuple[int, int], ...]
"""(bytes, microseconds), both rising: with so much of a segment so much of it is decodable."""


def nominal_bytes(rep: Representation, segment: Segment) -> int:
    """Return a segment's size as its index gives it, else bitrate times duration."""
    if segment.size_bytes is not None:
        return segment.size_bytes
    return (rep.average_bps or rep.bandwidth_bps) * segment.duration_us // 8_000_000


def varied_bytes(seed: int, share: float) -> Sizes:
    """Return sizes that vary from segment to segment, as those of real encoders do.

    Every rung of a ladder has the same easy and hard scenes, so all vary together. The mean
    is the nominal size; announced sizes stay as they are.

    Args:
        share: By how much at most: 0.4 is from 60 % to 140 %.

    Raises:
        ValueError: share is not in [0, 1).
    """
    if not 0 <= share < 1:
        raise ValueError(f"sizes vary by a share in [0, 1), not {share}")

    def size_bytes(rep: Representation, segment: Segment) -> int:
        nominal = nominal_bytes(rep, segment)
        if segment.size_bytes is not None:
            return nominal
        mixed = crc32(f"{seed} {rep.kind} {segment.start_us}".encode())
        return max(1, round(nominal * (1 + share * (2 * mixed / 0xFFFFFFFF - 1))))

    return size_bytes


@dataclass(frozen=True, slots=True)
class Content:
    """A Presentation and what its servers answer.

    Attributes:
        indexes: Of the Representations whose index is Unresolved, by id.
        sizes: Of media segments.
        init_bytes: Size of every init segment.
        manifest_bytes: Of the manifest; 0: it is there from the start, nothing is fetched.
        media_shift_us: Timestamps in the media run ahead of the presentation's timeline by
            this much, where the index does not tell (MPEG-TS often begins at 10 s).
        pieces: Of media segments, where it is known: first frames are larger than others.
    """

    presentation: Presentation
    indexes: Mapping[str, SegmentIndex] = field(default_factory=dict)
    sizes: Sizes = nominal_bytes
    init_bytes: int = 900
    manifest_bytes: int = 0
    media_shift_us: int = 0
    pieces: Callable[[Representation, Segment], Pieces] | None = None
    _representations: dict[str, Representation] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Find Representations by id; refuse one whose segments nobody knows."""
        for period in self.presentation.periods:
            for rep in period.representations:
                self._representations[rep.id] = rep
                if not isinstance(rep.index, Known) and rep.id not in self.indexes:
                    raise ValueError(f"{rep.id} is unresolved, and its index is not given")

    def index(self, representation: str) -> SegmentIndex:
        """Return the index of a Representation."""
        rep = self._representations[representation]
        return rep.index.index if isinstance(rep.index, Known) else self.indexes[representation]

    def index_bytes(self, action: Resolve) -> int:
        """Return the size of an index's document, roughly as long as real ones are."""
        rep = self._representations[action.representation]
        index = self.index(action.representation)
        is_sidx = not isinstance(rep.index, Known) and rep.index.form == "sidx"
        # 12 bytes a reference (ISO/IEC 14496-12 §8.16.3); an EXTINF line and a URI.
        return 44 + 12 * len(index) if is_sidx else 200 + 60 * len(index)

    def segment(self, action: Fetch) -> Segment | None:
        """Return the segment that is asked for; None if there is none of that number."""
        return self.index(action.representation).numbered(action.number)

    def fetch_bytes(self, action: Fetch, segment: Segment) -> int:
        """Return the size of what is asked for."""
        if action.init:
            return self.init_bytes
        return max(1, self.sizes(self._representations[action.representation], segment))

    def pieces_of(self, representation: str, segment: Segment) -> Pieces | None:
        """Return in which pieces a segment becomes decodable; None if that is not known."""
        if self.pieces is None:
            return None
        return self.pieces(self._representations[representation], segment)

    def frame_us(self, representation: str) -> int:
        """Return how long a picture lasts; 25 a second where nothing is said."""
        rate = self._representations[representation].frame_rate
        return round(1_000_000 / rate) if rate else 40_000
