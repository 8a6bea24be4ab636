"""Properties, roles and the other descriptors: what they say in the words of the timeline.

An EssentialProperty that is not understood forbids its element (§5.8.4.8): `understood`
names those that are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from netplay.manifest.dash.document import Node
from netplay.timeline import Descriptor

__all__ = [
    "channels_of",
    "descriptors",
    "is_thumbnails",
    "is_trick",
    "strangers",
    "video_range_of",
]

TRICK_MODE = "http://dashif.org/guidelines/trickmode"
TILES = ("http://dashif.org/guidelines/thumbnail_tile", "http://dashif.org/thumbnail_tile")
CICP = "urn:mpeg:mpegb:cicp:"
TRANSFER = CICP + "transfercharacteristics"

UNDERSTOOD_BEGINNINGS = (
    TRICK_MODE,
    *TILES,
    CICP,
    "urn:mpeg:dash:urlparam:",
    "urn:mpeg:dash:adaptation-set-switching:2016",
    # Ways to join or leave low-latency streams faster; without them playback is as usual.
    "urn:mpeg:dash:ssr:2023",
    # A font that may be downloaded, else the device's own is used (ETSI TS 103 285 §7.2).
    "urn:dvb:dash:fontdownload:",
)
PRESELECTION = "urn:mpeg:dash:preselection:2016"


def descriptors(level: Node, name: str) -> tuple[Descriptor, ...]:
    """Return the descriptors of one name directly inside an element."""
    return tuple(
        Descriptor(node.get("schemeIdUri"), node.get("value"), node.get("id"))
        for node in level.children(name)
    )


def strangers(properties: Iterable[Descriptor]) -> list[Descriptor]:
    """Return the properties whose meaning is not known."""
    return [found for found in properties if not _understood(found)]


def _understood(found: Descriptor) -> bool:
    scheme = found.scheme.lower()
    if scheme == PRESELECTION:
        # "1,2": playable as set 2 alone; without a value, or "1,2 3": only with others.
        return bool(found.value) and len(found.value.partition(",")[2].split()) <= 1
    return scheme.startswith(UNDERSTOOD_BEGINNINGS)


def is_trick(properties: Iterable[Descriptor]) -> bool:
    """Whether something is only for fast motion (DASH-IF IOP §3.2.9)."""
    return any(found.scheme.lower() == TRICK_MODE for found in properties)


def is_thumbnails(properties: Iterable[Descriptor]) -> bool:
    """Whether something holds tiles of thumbnails (DASH-IF IOP §6.2.6)."""
    return any(found.scheme.lower() in TILES for found in properties)


def video_range_of(properties: Iterable[Descriptor]) -> Literal["sdr", "pq", "hlg"] | None:
    """Return the transfer characteristics (ISO/IEC 23091-2 §8.2), where given."""
    for found in properties:
        if found.scheme.lower() == TRANSFER:
            match found.value:
                case "16":
                    return "pq"
                case "18":
                    return "hlg"
                case "1" | "4" | "5" | "6" | "7" | "13" | "14" | "15":
                    return "sdr"
    return None


CICP_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8, 2, 3, 4, 7, 8, 24, 8, 12, 10, 12, 14, 12, 14)
"""Channels of each ChannelConfiguration (ISO/IEC 23091-3 table 8); 0 is unknown."""

# How many loudspeakers each bit of a Dolby mask stands for, highest bit first:
# ETSI TS 102 366 §I.1.2.1 (16 bits), and lowest first ETSI TS 103 190-2 §G.3 (24 bits).
DOLBY_2011 = (1, 1, 1, 1, 1, 2, 2, 1, 1, 2, 2, 2, 1, 2, 1, 1)
DOLBY_2015 = (2, 1, 2, 2, 2, 2, 1, 2, 2, 1, 1, 1, 1, 2, 1, 1, 2, 2, 2)


def channels_of(configurations: Iterable[Descriptor]) -> int | None:
    """Return how many channels AudioChannelConfiguration descriptors say there are."""
    for found in configurations:
        count = _channels(found.scheme.lower(), found.value.strip())
        if count:
            return count
    return None


def _channels(scheme: str, value: str) -> int:
    if scheme.endswith("outputchannelpositionlist:2012"):
        return len(value.split())
    if "dolby" in scheme:
        return _dolby(scheme, value)
    if not (value.isascii() and value.isdigit() and len(value) < 4):
        return 0
    number = int(value)
    if scheme == CICP + "channelconfiguration":
        return CICP_CHANNELS[number] if number < len(CICP_CHANNELS) else 0
    if "23003:3:audio_channel_configuration" in scheme or "dts" in scheme:
        return number
    return 0


def _dolby(scheme: str, value: str) -> int:
    try:
        mask = int(value, 16)
    except ValueError:
        return 0
    if ":2015" in scheme:
        return sum(n for bit, n in enumerate(DOLBY_2015) if mask >> bit & 1)
    return sum(n for bit, n in enumerate(DOLBY_2011) if mask >> (15 - bit) & 1)
