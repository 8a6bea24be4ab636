"""What each fetch is for: its Representation, its set, its segment, and the one after it.

The actions name a Representation and a segment's number; everything else stands in the
Presentation and in the indexes that came later.
"""

from __future__ import annotations

import posixpath
from urllib.parse import urljoin, urlsplit

from netplay.core.messages import Cancel, Fetch, Opened, Resolve, Resolved, ResolveFailed
from netplay.naming import ByteRange
from netplay.segments import Segment, SegmentIndex
from netplay.telemetry.cmcd.keys import Next
from netplay.telemetry.wire import Message
from netplay.timeline import AdaptationSet, Known, Representation

__all__ = ["Media"]

MOST_PATH = 512
"""Characters of the next object's path; headers of some kilobytes are refused by servers."""


class Media:
    """Knows the Representations of a presentation and the segments that are known of each."""

    def __init__(self, opened: Opened | None = None) -> None:
        self._opened = opened
        self._sets: dict[str, tuple[Representation, AdaptationSet]] = {}
        self._indexes: dict[str, dict[str, SegmentIndex]] = {}
        self._resolves: dict[int, tuple[str, str]] = {}
        for period in opened.presentation.periods if opened is not None else ():
            for group in period.sets:
                for rep in group.representations:
                    self._sets[rep.id] = (rep, group)
                    if isinstance(rep.index, Known):
                        self._indexes[rep.id] = {"": rep.index.index}

    def take(self, message: Message) -> None:
        """Take in what says more of an index."""
        match message:
            case Resolve(resolve_id=resolve_id, representation=name, host=host):
                self._resolves[resolve_id] = (name, host)
            case Resolved(resolve_id=resolve_id, index=index):
                name, host = self._resolves.pop(resolve_id, ("", ""))
                self._indexes.setdefault(name, {})[host] = index
            case ResolveFailed(resolve_id=resolve_id) | Cancel(resolve_id=int(resolve_id)):
                self._resolves.pop(resolve_id, None)

    def representation(self, name: str) -> Representation | None:
        """Return a Representation by its id; None if nothing was opened that has it."""
        found = self._sets.get(name)
        return found[0] if found is not None else None

    def segment(self, fetch: Fetch) -> Segment | None:
        """Return the segment that a fetch is for, or whose init segment it is for."""
        index = self._index(fetch)
        return index.numbered(fetch.number) if index is not None else None

    def ladder_bps(self, name: str) -> tuple[int, int] | None:
        """Return the lowest and the highest peak rate that may be played beside one's own.

        Rungs that the device or the viewer's limits rule out do not count; one's own does.
        """
        if name not in self._sets or self._opened is None:
            return None
        own, group = self._sets[name]
        rates = [rep.bandwidth_bps for rep in group.representations if rep is own or self._may(rep)]
        return min(rates), max(rates)

    def next_object(self, fetch: Fetch) -> Next | None:
        """Return what follows a segment if its rung is kept; None if that cannot be said.

        What a query string would be needed for is not said: it may hold a token.
        """
        index = self._index(fetch)
        here = index.numbered(fetch.number) if index is not None else None
        after = index.numbered(fetch.number + 1) if index is not None else None
        rep = self.representation(fetch.representation)
        if rep is None or here is None or after is None or after.entry.gap or fetch.init:
            return None
        location = next((one.url for one in rep.locations if one.host == fetch.host), "")
        base = urlsplit(urljoin(location, here.entry.uri))
        target = urlsplit(urljoin(location, after.entry.uri))
        if base[:2] != target[:2] or target.query:
            return None
        part = _range(after.entry.byte_range)
        same = base.path == target.path
        if same and not part:
            return None
        path = posixpath.relpath(target.path or "/", posixpath.dirname(base.path) or "/")
        return Next(path, part, same=same) if len(path) <= MOST_PATH else None

    def _index(self, fetch: Fetch) -> SegmentIndex | None:
        known = self._indexes.get(fetch.representation)
        if not known:
            return None
        return known.get(fetch.host) or next(iter(known.values()))

    def _may(self, rep: Representation) -> bool:
        assert self._opened is not None
        device, wants = self._opened.device, self._opened.preferences
        limits = [one for one in (device.max_height, wants.max_height) if one is not None]
        too_tall = rep.height is not None and bool(limits) and rep.height > min(limits)
        most_bps = device.max_bitrate_bps
        return not too_tall and (most_bps is None or rep.bandwidth_bps <= most_bps)


def _range(byte_range: ByteRange | None) -> str:
    return "" if byte_range is None else byte_range.header.removeprefix("bytes=")
