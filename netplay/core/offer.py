"""What a controller may choose from: rungs, and the sizes of what each would bring."""

from __future__ import annotations

from collections.abc import Sequence

from abr.contract import Rung
from netplay.segments import Ranges, SegmentIndex
from netplay.timeline import Representation

__all__ = ["Offer"]

_BLOCK = 64
"""Of so many segments the sizes are laid out at once: a row is asked for by several views."""

_Rows = tuple[tuple[float | None, ...], ...]


class Offer:
    """The Representations of a ladder that may be asked for, lowest first.

    Attributes:
        places: Theirs in the ladder.
        indexes: None where not known yet.
    """

    def __init__(
        self,
        places: Sequence[int],
        reps: Sequence[Representation],
        rungs: Sequence[Rung],
        indexes: Sequence[SegmentIndex | None],
    ) -> None:
        self.places = tuple(places)
        self.reps = tuple(reps)
        self.rungs = tuple(rungs)
        self.indexes = tuple(indexes)
        self._rung_of = {rep.id: rung for rung, rep in enumerate(reps)}
        # The one index that says for all of them which segment is where.
        self._together = _common(self.indexes)
        # The rows laid out last: from which segment on, or what was asked for.
        self._rows: _Rows = ()
        self._first = 0
        self._asked: tuple[int, int] | None = None

    def rung_of(self, representation: str) -> int | None:
        """Return the rung that a Representation is; None if it is not offered."""
        return self._rung_of.get(representation)

    def sizes_bytes(self, from_us: int, count: int) -> _Rows:
        """Return the expected sizes of the segments from a moment on: a row each, a column a rung.

        None where they are not known.
        """
        place = None if self._together is None else self._together.place_at(from_us)
        if place is None:
            if self._asked != (from_us, count):
                self._asked, self._rows = (from_us, count), self._laid_out(from_us, count)
            return self._rows
        at = place - self._first
        if self._asked is not None or at < 0 or at + count > len(self._rows):
            self._asked, self._first, at = None, place, 0
            self._rows = self._laid_out(from_us, max(count, _BLOCK))
        return self._rows[at : at + count]

    def _laid_out(self, from_us: int, count: int) -> _Rows:
        unknown = (None,) * count
        columns = [
            unknown if index is None else index.sizes_bytes(from_us, count)
            for index in self.indexes
        ]
        return tuple(zip(*columns, strict=True))


def _common(indexes: Sequence[SegmentIndex | None]) -> SegmentIndex | None:
    """Return an index that all others agree with on when segments are; None if they do not."""
    first = indexes[0] if indexes else None
    if first is None:
        return None
    for index in indexes:
        if index is None or not isinstance(index.naming, Ranges) or not index.is_beside(first):
            return None
    return first
