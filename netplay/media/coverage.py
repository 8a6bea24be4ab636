"""How much media time the samples received so far cover without a gap.

Samples arrive in decode order, and a frame shown late may arrive early. What a buffer may
count on is the stretch from the first frame up to the first one still missing, so samples
that run ahead are kept aside, as times only, until the ones before them are there.
"""

from collections.abc import Iterable
from typing import NamedTuple

from netplay.media.moof import Sample

__all__ = ["Coverage", "Span"]


class Span(NamedTuple):
    """What the samples of one track cover, in ticks of its timescale.

    Attributes:
        first_decode: Decode time of the first sample.
        start: Composition time of the earliest frame.
        until: End of the last frame before the first one that is missing.
    """

    first_decode: int
    start: int
    until: int


class Coverage:
    """Follows one track's samples and knows the span they cover without a gap."""

    __slots__ = ("_ahead", "_first_decode", "_start", "_until")

    def __init__(self) -> None:
        self._ahead: list[tuple[int, int]] = []
        self._first_decode: int | None = None
        self._start = 0
        self._until = 0

    def add(self, samples: Iterable[Sample]) -> None:
        """Count samples in, in decode order."""
        fresh = [(pts, pts + duration) for _, _, pts, duration, _, _, _ in samples]
        if not fresh:
            return
        if self._first_decode is None:
            self._first_decode = next(iter(samples)).dts
            self._start, self._until = fresh[0][0], fresh[0][0]
        self._ahead += fresh

    def span(self) -> Span | None:
        """Return what is covered without a gap, or None before the first sample."""
        if self._first_decode is None:
            return None
        self._merge()
        return Span(self._first_decode, self._start, self._until)

    def close(self) -> None:
        """Say that nothing is missing any more: what looked like a gap is just a long frame."""
        if self._ahead:
            self._until = max(self._until, max(end for _, end in self._ahead))
            self._start = min(self._start, min(start for start, _ in self._ahead))
            self._ahead.clear()

    def _merge(self) -> None:
        self._ahead.sort()
        merged = 0
        for start, end in self._ahead:
            # With a variable frame rate, durations belong to decode order and leave small
            # gaps between frames; a missing frame leaves one at least as long as a frame.
            if start - self._until >= max(end - start, 1):
                break
            self._start = min(self._start, start)
            self._until = max(self._until, end)
            merged += 1
        del self._ahead[:merged]
