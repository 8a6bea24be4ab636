"""Where a Representation can be fetched from: BaseURL at every level (§5.6).

Each level multiplies the choices of the level above: a relative BaseURL is tried under
every base it can be resolved against, an absolute one stands for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from netplay.manifest.dash.document import Node
from netplay.manifest.dash.values import read_seconds_us
from netplay.manifest.urls import resolve_url
from netplay.timeline import Location

__all__ = ["UNLIMITED_US", "Base", "availability_offset_us", "bases_below", "locations_of"]

MAX_BASES = 64
"""Places kept for one Representation; a guess, ten times what any service offers."""

UNLIMITED_US = 1 << 62
"""availabilityTimeOffset="INF": available from the start."""


@dataclass(frozen=True, slots=True)
class Base:
    """A URL that relative references may be resolved against, and how it is offered.

    Attributes:
        service: serviceLocation, "" if none is given down to here.
        ahead_us: How much earlier than the rule its segments are there
            (availabilityTimeOffset of every level, added up).
    """

    url: str
    service: str = ""
    priority: int = 1
    weight: int = 1
    ahead_us: int = 0


def bases_below(bases: tuple[Base, ...], level: Node) -> tuple[Base, ...]:
    """Return the bases that hold inside an element, from those that hold around it."""
    offers = level.children("BaseURL")
    if not offers:
        return bases
    found: dict[tuple[str, str], Base] = {}
    for offer in offers:
        for base in bases:
            made = _joined(base, offer)
            if made is not None and len(found) < MAX_BASES:
                found.setdefault((made.url, made.service), made)
    return tuple(found.values()) or bases


def _joined(base: Base, offer: Node) -> Base | None:
    try:
        url = resolve_url(base.url, offer.text)
        urlsplit(url)
    except ValueError:
        offer.warn(f"{offer.text[:80]!r} is not a URL and was left out")
        return None
    return Base(
        url=url,
        service=offer.get("serviceLocation") or base.service,
        priority=_dvb(offer, "priority", base.priority),
        weight=_dvb(offer, "weight", base.weight),
        ahead_us=min(base.ahead_us + availability_offset_us(offer), UNLIMITED_US),
    )


def availability_offset_us(node: Node) -> int:
    """Return @availabilityTimeOffset; 0 if absent."""
    if node.get("availabilityTimeOffset").upper() in ("INF", "+INF"):
        return UNLIMITED_US
    return node.read("availabilityTimeOffset", read_seconds_us) or 0


def _dvb(offer: Node, name: str, inherited: int) -> int:
    """Return dvb:priority or dvb:weight (ETSI TS 103 285 §10.8.2.1)."""
    text = offer.foreign_attribute(name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else inherited


def locations_of(bases: tuple[Base, ...]) -> tuple[Location, ...]:
    """Return the bases as Locations: hosts are service locations, else authorities."""
    return tuple(
        Location(
            host=base.service or urlsplit(base.url).netloc.rpartition("@")[2],
            url=base.url,
            priority=base.priority,
            weight=base.weight,
        )
        for base in bases
    )
