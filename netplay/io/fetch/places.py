"""Where the bytes that an action means are: segment numbers become URLs and ranges.

The Session speaks of representations, numbers and hosts; here is what a presentation and
the indexes resolved so far make of them.
"""

from __future__ import annotations

from urllib.parse import urljoin

from drm.initdata import uri_kid
from netplay.core.messages import Fetch
from netplay.io.fetch.unlock import AES_128, SegmentKey
from netplay.io.net.ranges import wanted_range
from netplay.io.net.transport import Request
from netplay.manifest import request_url
from netplay.segments import Entry, Init, SegmentIndex
from netplay.timeline import Known, Location, Presentation, Representation, Unresolved

__all__ = ["Places"]


class Places:
    """Knows a presentation's representations, and the indexes resolved a host."""

    def __init__(self, presentation: Presentation) -> None:
        self._url = presentation.url
        self._representations = {
            rep.id: rep for period in presentation.periods for rep in period.representations
        }
        self._indexes: dict[tuple[str, str], SegmentIndex] = {}
        self._moved: dict[tuple[str, str], Location] = {}

    def representation(self, name: str) -> Representation:
        """Return a Representation by its id."""
        return self._representations[name]

    def declared(self, name: str, host: str) -> Location:
        """Return where the manifest says a host keeps a Representation."""
        rep = self._representations[name]
        return next(location for location in rep.locations if location.host == host)

    def location(self, name: str, host: str) -> Location:
        """Return where a host keeps it, by what its playlist's own redirects showed."""
        return self._moved.get((name, host)) or self.declared(name, host)

    def resolved(self, name: str, host: str, index: SegmentIndex, location: Location) -> None:
        """Learn the segments of a Representation, and what they are relative to there."""
        self._indexes[name, self._index_host(name, host)] = index
        self._moved[name, host] = location

    def request(self, action: Fetch) -> tuple[Request, Init | None]:
        """Return what to ask for, and the init segment it is or needs."""
        entry = self._entry(action)
        place: Entry | Init = entry
        if action.init:
            assert entry.init is not None, f"{action.representation} has no init segment"
            place = entry.init
        request = Request(
            url=request_url(self.location(action.representation, action.host), place.uri),
            purpose="init" if action.init else "segment",
            byte_range=wanted_range(place.byte_range, action.first_byte),
            about=action,
        )
        return request, entry.init

    def key_base(self, representation: str) -> str:
        """Return what the URIs of its keys are relative to; "" asks for the manifest."""
        if not representation:
            return self._url
        # The first host's playlist, whichever the segments come from: one key has one name.
        first = self._representations[representation].locations[0]
        return self.location(representation, first.host).url

    def key(self, action: Fetch) -> SegmentKey | None:
        """Return the key without an id that a playlist names for a segment, if it does."""
        for way in self._entry(action).keys:
            if way.system == "identity":
                uri = urljoin(self.key_base(action.representation), way.key_uri)
                iv = way.iv or action.number.to_bytes(16, "big")
                kid = bytes.fromhex(way.default_kid or uri_kid(uri))
                return SegmentKey(kid, way.scheme, iv)
        return None

    def has_locked_samples(self, action: Fetch) -> bool:
        """Whether a playlist says that the samples of a segment are encrypted, one by one."""
        return any(way.scheme not in ("", AES_128) for way in self._entry(action).keys)

    def _index_host(self, name: str, host: str) -> str:
        index = self._representations[name].index
        return host if isinstance(index, Unresolved) and index.per_host else ""

    def _entry(self, action: Fetch) -> Entry:
        name = action.representation
        index = self._representations[name].index
        known = (
            index.index
            if isinstance(index, Known)
            else self._indexes[name, self._index_host(name, action.host)]
        )
        segment = known.numbered(action.number)
        assert segment is not None, f"{name} has no segment {action.number}"
        return segment.entry
