"""Which variants and renditions are the same content at another place.

HLS has no list of locations: a variant is written again with another URI, and with
EXT-X-MEDIA groups of its own, once for each server. Told apart by what they offer, they
become one Representation with several Locations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlsplit

from netplay.codecs import kind_of, split_codecs
from netplay.errors import shown_url
from netplay.manifest.hls.variants import Rendition, Tags, Variant
from netplay.timeline import Location

__all__ = ["GROUP_ATTRIBUTES", "Places", "authority", "public_name", "rungs"]

GROUP_ATTRIBUTES = ("AUDIO", "SUBTITLES", "VIDEO", "CLOSED-CAPTIONS")
"""Attributes of a variant that name a group; they are also the TYPEs of renditions."""

_PLACE = {"PATHWAY-ID", "STABLE-VARIANT-ID", "STABLE-RENDITION-ID", "URI", "GROUP-ID"}
"""Attributes that say where something is, not what it is."""


class Places:
    """Who serves what: hosts, and groups that are copies of one another.

    Args:
        tags: The whole playlist.
        url: Where it came from.
    """

    def __init__(self, tags: Tags, url: str) -> None:
        self._url = url
        self._first_host = ""
        self._pathways = tags.steering is not None or any(
            "PATHWAY-ID" in variant.given for variant in tags.variants
        )
        if tags.steering is not None:
            self._first_host = tags.steering.get("PATHWAY-ID", "")
        self._serving: dict[tuple[str, str], set[str]] = {}
        self._original: dict[tuple[str, str], str] = {}
        self._contents = {
            key: sorted(_offer(held.given) for held in group) for key, group in tags.groups.items()
        }
        self._find_copies(tags.variants)

    def host(self, variant: Variant) -> str:
        """Return who serves a variant: its pathway where there are any, else its authority."""
        if self._pathways:
            return variant.given.get("PATHWAY-ID") or "."  # RFC 8216bis §4.4.6.2: the default
        return authority(variant.uri) or authority(self._url)

    def host_of_rendition(self, rendition: Rendition) -> str:
        """Return who serves a rendition: the pathway of its variants, else its authority."""
        serving = self._serving.get((rendition.type, rendition.group), set())
        if self._pathways and len(serving) == 1:
            return next(iter(serving))
        return authority(rendition.uri) or authority(self._url)

    def group(self, kind: str, name: str) -> str:
        """Return the group that a group is a copy of; itself if it is none."""
        return self._original.get((kind, name), name)

    def offer(self, variant: Variant) -> tuple[tuple[str, str], ...]:
        """Return what a variant offers; equal for redundant variants."""
        given = dict(variant.given)
        for kind in GROUP_ATTRIBUTES:
            if kind in given:
                given[kind] = self.group(kind, given[kind])
        return _offer(given)

    def locations(self, places: Iterable[tuple[str, str]]) -> tuple[Location, ...]:
        """Return (host, absolute URL) as Locations, the steered one first.

        Two places at one host count as two hosts: when one fails, the other may not.
        """
        seen: Counter[str] = Counter()
        found: list[tuple[str, str]] = []
        for host, url in dict.fromkeys(places):
            seen[host] += 1
            found.append((host if seen[host] == 1 else f"{host}#{seen[host]}", url))
        order = sorted(found, key=lambda place: place[0] != self._first_host)
        return tuple(Location(host, url, number) for number, (host, url) in enumerate(order, 1))

    def _find_copies(self, variants: list[Variant]) -> None:
        """Learn which groups are copies, from variants that differ in place and group only."""
        alike: dict[tuple[tuple[str, str], ...], list[Variant]] = {}
        taken: set[tuple[str, str, str]] = set()
        for variant in variants:
            host = self.host(variant)
            for kind in GROUP_ATTRIBUTES:
                if kind in variant.given:
                    self._serving.setdefault((kind, variant.given[kind]), set()).add(host)
            bare = {k: v for k, v in variant.given.items() if k not in GROUP_ATTRIBUTES}
            earlier = alike.setdefault(_offer(bare), [])
            for other in earlier[:_MOST_COMPARED]:
                if self.host(other) != host:
                    self._pair_groups(variant, other, host=host, taken=taken)
            earlier.append(variant)

    def _pair_groups(
        self, variant: Variant, other: Variant, *, host: str, taken: set[tuple[str, str, str]]
    ) -> None:
        for kind in GROUP_ATTRIBUTES:
            mine, theirs = variant.given.get(kind), other.given.get(kind)
            if mine is None or theirs is None or mine == theirs or (kind, mine) in self._original:
                continue
            theirs = self.group(kind, theirs)
            contents = self._contents.get((kind, mine))
            if (
                contents is not None
                and contents == self._contents.get((kind, theirs))
                and (kind, theirs, host) not in taken
                and mine != theirs
            ):
                self._original[kind, mine] = theirs
                taken.add((kind, theirs, host))


_MOST_COMPARED = 16
"""More copies of one variant than any service has; bounds what a hostile playlist costs."""


def rungs(variants: list[Variant], places: Places) -> list[list[Variant]]:
    """Return variants put together that are one encoding, in the order of the playlist.

    One encoding are variants with the same playlist and picture (they differ in the audio
    beside it), and variants with other playlists that offer the same (they are redundant).
    """
    by_playlist: dict[tuple[str, ...], list[Variant]] = {}
    for variant in variants:
        by_playlist.setdefault((variant.uri, *_picture(variant)), []).append(variant)
    by_offer: dict[frozenset[tuple[tuple[str, str], ...]], list[Variant]] = {}
    for held in by_playlist.values():
        offers = frozenset(places.offer(variant) for variant in held)
        by_offer.setdefault(offers, []).extend(held)
    return list(by_offer.values())


def _picture(variant: Variant) -> tuple[str, ...]:
    given = variant.given
    video = (c for c in split_codecs(given.get("CODECS", "")) if kind_of(c) == "video")
    names = ("RESOLUTION", "FRAME-RATE", "VIDEO-RANGE", "REQ-VIDEO-LAYOUT")
    return (*(given.get(name, "") for name in names), *sorted(video))


def _offer(given: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in given.items() if name not in _PLACE))


def public_name(uri: str) -> str:
    """Return a URI as a name that may stand in a log: tokens travel in queries."""
    return shown_url(uri).removesuffix("?…")


def authority(url: str) -> str:
    """Return the host and port of a URL; "" if it has none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""
