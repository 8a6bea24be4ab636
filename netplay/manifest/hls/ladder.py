"""Variants become AdaptationSets: a ladder for each family of codecs and dynamic range."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from typing import Literal

from netplay.codecs import family, kind_of, split_codecs
from netplay.manifest.hls.codecs import kinds_of
from netplay.manifest.hls.reading import NS_PER_S, Attributes, integer, nanoseconds
from netplay.manifest.hls.redundancy import Places, public_name, rungs
from netplay.manifest.hls.variants import TRICK_TAGS, Rendition, Tags, Variant
from netplay.manifest.urls import resolve_url
from netplay.timeline import (
    AdaptationSet,
    Descriptor,
    Kind,
    Location,
    Representation,
    Unresolved,
)

__all__ = [
    "HLS_SCHEME",
    "LAYOUT_SCHEME",
    "VARIANT_SCHEME",
    "Maker",
    "attribute_list",
    "ladders",
    "trick_sets",
]

HLS_SCHEME = "urn:netplay:hls:"
"""Begins the schemes of Descriptors that hold what only HLS says."""

VARIANT_SCHEME = HLS_SCHEME + "variant"
"""A supplemental Descriptor for each variant: its URI as id, its attributes as value."""

LAYOUT_SCHEME = HLS_SCHEME + "req-video-layout"
"""An essential Descriptor: who cannot show this layout must not choose the variant."""

_RANGES: dict[str, Literal["sdr", "pq", "hlg"]] = {"SDR": "sdr", "PQ": "pq", "HLG": "hlg"}
_RESOLUTION = re.compile(r"\s*(\d{1,6})\s*[xX]\s*(\d{1,6})")
_PARTNERS: tuple[tuple[str, Kind], ...] = (
    ("AUDIO", "audio"),
    ("SUBTITLES", "text"),
    ("VIDEO", "video"),
)


def attribute_list(given: Attributes) -> str:
    """Return attributes as the list that `split_attributes` reads."""
    return ",".join(f'{name}="{value}"' for name, value in given.items())


class Maker:
    """What every Representation of one playlist is made with.

    Args:
        tags: The whole playlist.
        places: Who serves what.
        url: Where it came from.
        variables: What it defines, for its media playlists.
    """

    def __init__(
        self,
        tags: Tags,
        places: Places,
        *,
        url: str,
        variables: tuple[tuple[str, str], ...],
    ) -> None:
        self.groups = tags.groups
        self.places = places
        self.url = url
        self.index = Unresolved("playlist", per_host=True, variables=variables)
        self._names: Counter[str] = Counter()

    def unique(self, name: str) -> str:
        """Return a name, with a number behind it if it is taken."""
        self._names[name] += 1
        return name if self._names[name] == 1 else self.unique(f"{name}#{self._names[name]}")

    def chosen(self, kind: str, group: str) -> Rendition | None:
        """Return what a group plays when nobody chooses: the default, or else the first."""
        held = self.groups.get((kind, group), [])
        return next((r for r in held if r.given.get("DEFAULT") == "YES"), held[0] if held else None)


def ladders(variants: list[Variant], maker: Maker) -> list[AdaptationSet]:
    """Return the sets of variants, those with pictures first."""
    made = [_representation(held, maker) for held in rungs(variants, maker.places)]
    pictures = [rep for rep in made if rep.kind == "video"]
    others = [rep for rep in made if rep.kind != "video"]
    sets = _by_family(pictures, maker, trick=False)
    for kind in ("audio", "text"):
        group = [rep for rep in others if rep.kind == kind]
        if group:
            # Beside pictures it is what is left when nothing else fits: never a companion.
            alone = not pictures
            sets.append(_set(kind, group, maker, default=alone, autoselect=alone))
    return sets


def trick_sets(tricks: list[Variant], maker: Maker) -> list[AdaptationSet]:
    """Return the sets for fast motion."""
    made = [_representation(held, maker) for held in rungs(tricks, maker.places)]
    sets = _by_family([rep for rep in made if rep.kind == "video"], maker, trick=True)
    images = [rep for rep in made if rep.kind == "image"]
    return [*sets, _set("image", images, maker, trick=True)] if images else sets


def _by_family(reps: list[Representation], maker: Maker, *, trick: bool) -> list[AdaptationSet]:
    """Return sets between whose members one decoder can go on."""
    families = [next(filter(None, map(family, rep.codecs)), "") for rep in reps]
    known = set(families) - {""}
    only = known.pop() if len(known) == 1 else ""
    sorted_out: dict[tuple[object, ...], list[Representation]] = {}
    for name, rep in zip(families, reps, strict=True):
        key = (name or only, rep.video_range or "sdr", rep.essential)
        sorted_out.setdefault(key, []).append(rep)
    return [
        _set("video", held, maker, default=not trick and number == 0, trick=trick)
        for number, held in enumerate(sorted_out.values())
    ]


def _set(
    kind: Kind,
    reps: list[Representation],
    maker: Maker,
    *,
    default: bool = False,
    autoselect: bool = True,
    trick: bool = False,
) -> AdaptationSet:
    ladder = sorted(reps, key=lambda rep: (rep.bandwidth_bps, rep.height or 0))
    return AdaptationSet(
        id=maker.unique(f"0/{'trick ' if trick else ''}{kind}"),
        kind=kind,
        representations=tuple(ladder),
        default=default,
        autoselect=autoselect and not trick,
        trick=trick,
    )


def _representation(held: list[Variant], maker: Maker) -> Representation:
    """Return one encoding, of the variants that are it."""
    first = held[0]
    given = first.given
    declared = tuple(
        dict.fromkeys(c for v in held for c in split_codecs(v.given.get("CODECS", "")))
    )
    kind = _kind(first, declared)
    carries = _carries(first, kind, declared=declared, maker=maker)
    width, height = _resolution(given)
    score = nanoseconds(given.get("SCORE", ""))
    rate = nanoseconds(given.get("FRAME-RATE", ""))
    averages = [integer(v.given.get("AVERAGE-BANDWIDTH", "")) for v in held]
    name = given.get("STABLE-VARIANT-ID") or public_name(first.uri)
    return Representation(
        id=maker.unique(f"0/{name}"),
        name=name,
        kind=kind,
        carries=carries,
        # Each variant counts the audio beside it; the least is nearest to this one's own.
        bandwidth_bps=min(v.bandwidth_bps for v in held),
        average_bps=min((rate for rate in averages if rate is not None), default=None),
        locations=_locations(held, maker),
        index=maker.index,
        codecs=tuple(c for c in declared if kind_of(c) in {*carries, None}),
        width=width,
        height=height,
        frame_rate=Fraction(rate, NS_PER_S) if rate else None,
        video_range=_RANGES.get(given.get("VIDEO-RANGE", "")),
        quality=None if score is None else score / NS_PER_S,
        hdcp_level=given.get("HDCP-LEVEL"),
        partners=_partners(held, maker),
        essential=_layouts(given),
        supplemental=tuple(
            Descriptor(VARIANT_SCHEME, attribute_list(v.given), v.uri) for v in held
        ),
    )


def _kind(variant: Variant, codecs: tuple[str, ...]) -> Kind:
    if variant.tag in TRICK_TAGS:
        return TRICK_TAGS[variant.tag]
    kinds = {kind_of(codec) for codec in codecs}
    pictures = {"RESOLUTION", "FRAME-RATE", "VIDEO-RANGE", "VIDEO"} & set(variant.given)
    if pictures or not kinds or kinds & {"video", None}:
        return "video"  # also where nothing is said: what nearly every playlist is
    return "audio" if "audio" in kinds else "text"


def _carries(
    variant: Variant, kind: Kind, *, declared: tuple[str, ...], maker: Maker
) -> tuple[Kind, ...]:
    """Return what is in the variant's own playlist, rather than beside it."""
    if kind != "video" or variant.tag in TRICK_TAGS:
        return (kind,)
    beside = maker.chosen("AUDIO", variant.given.get("AUDIO", ""))
    if beside is not None and beside.uri:
        return ("video",)
    return ("video", "audio") if not declared or "audio" in kinds_of(declared) else ("video",)


def _partners(held: list[Variant], maker: Maker) -> tuple[tuple[Kind, str], ...]:
    found: dict[tuple[Kind, str], None] = {}
    for variant in held:
        for attribute, kind in _PARTNERS:
            group = variant.given.get(attribute, "")
            if any(rendition.uri for rendition in maker.groups.get((attribute, group), [])):
                found[kind, maker.places.group(attribute, group)] = None
    return tuple(found)


def _locations(held: list[Variant], maker: Maker) -> tuple[Location, ...]:
    places = maker.places
    return places.locations((places.host(v), resolve_url(maker.url, v.uri)) for v in held)


def _layouts(given: Attributes) -> tuple[Descriptor, ...]:
    layout = given.get("REQ-VIDEO-LAYOUT")
    return (Descriptor(LAYOUT_SCHEME, layout),) if layout else ()


def _resolution(given: Attributes) -> tuple[int | None, int | None]:
    match = _RESOLUTION.match(given.get("RESOLUTION", ""))
    return (int(match[1]), int(match[2])) if match else (None, None)
