"""Which segment of which rung each fetch is for, for the lane that is watched.

The actions name a Representation and a segment's number; when that segment is shown and
how good it is stands in the Presentation and in the indexes that came later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netplay.core.messages import (
    Cancel,
    Evict,
    Fetch,
    FetchFailed,
    Opened,
    Resolve,
    Resolved,
    Track,
)
from netplay.segments import Segment, SegmentIndex
from netplay.telemetry.wire import Message
from netplay.timeline import Known

__all__ = ["Library", "RungOf"]


@dataclass(frozen=True, slots=True)
class RungOf:
    """A Representation as one step of its set's ladder.

    Attributes:
        place: From 0, the lowest.
        bitrate_bps: The average where declared, else the peak, as controllers see it.
    """

    place: int
    bitrate_bps: int
    height: int | None
    quality: float | None


class Library:
    """Knows the rung and the segment of each fetch that can still be fed.

    Attributes:
        lane: The lane that is watched: video, or audio where there is no picture.
    """

    TAKES: ClassVar = frozenset((Fetch, FetchFailed, Cancel, Evict, Opened, Resolve, Resolved))
    """The messages that it takes in; others name no segment."""

    def __init__(self) -> None:
        self.lane: Track = "video"
        self._rungs: dict[str, RungOf] = {}
        self._known: dict[str, SegmentIndex] = {}
        self._indexes: dict[tuple[str, str], SegmentIndex] = {}
        self._resolves: dict[int, tuple[str, str]] = {}
        self._fetches: dict[int, Fetch] = {}

    def take(self, message: Message) -> None:
        """Take in one event or action."""
        match message:
            case Fetch(track=track, init=False, fetch_id=fetch_id) if track == self.lane:
                self._fetches[fetch_id] = message
            case FetchFailed(fetch_id=int(fetch_id)) | Cancel(fetch_id=int(fetch_id)):
                self._fetches.pop(fetch_id, None)
            case Evict(fetch_ids=fetch_ids):
                for fetch_id in fetch_ids:
                    self._fetches.pop(fetch_id, None)
            case Opened():
                self._opened(message)
            case Resolve(resolve_id=resolve_id, representation=representation, host=host):
                self._resolves[resolve_id] = (representation, host)
            case Resolved(resolve_id=resolve_id, index=index) if resolve_id in self._resolves:
                self._indexes[self._resolves.pop(resolve_id)] = index

    def of_fetch(self, fetch_id: int) -> tuple[RungOf, Segment] | None:
        """Return a fetch's rung and segment; None if it is for another lane or unknown."""
        fetch = self._fetches.get(fetch_id)
        if fetch is None:
            return None
        rung, segment = self._rungs.get(fetch.representation), self._segment(fetch)
        return None if rung is None or segment is None else (rung, segment)

    def _opened(self, event: Opened) -> None:
        """Learn the ladders."""
        watched = event.preferences.video and any(
            True for period in event.presentation.periods for _ in period.of_kind("video")
        )
        self.lane = "video" if watched else "audio"
        for period in event.presentation.periods:
            for group in period.sets:
                for place, rep in enumerate(group.representations):
                    bitrate_bps = rep.average_bps or rep.bandwidth_bps
                    self._rungs[rep.id] = RungOf(place, bitrate_bps, rep.height, rep.quality)
                    if isinstance(rep.index, Known):
                        self._known[rep.id] = rep.index.index

    def _segment(self, fetch: Fetch) -> Segment | None:
        """Return a fetch's segment, by the index of its host, or by what another host said."""
        index = self._known.get(fetch.representation)
        if index is None:
            index = self._indexes.get((fetch.representation, fetch.host))
        if index is None:
            index = next(
                (
                    one
                    for (rep_id, _), one in self._indexes.items()
                    if rep_id == fetch.representation
                ),
                None,
            )
        return index.numbered(fetch.number) if index is not None else None
