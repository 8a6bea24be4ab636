"""AdaptationSet and Representation elements become their namesakes in the timeline.

A Representation takes from its AdaptationSet what it does not say itself (§5.3.7). What
cannot be played is left out with a warning: a Representation that does not say where its
segments are, one whose EssentialProperty is not understood, one of no known kind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from netplay.codecs import kind_of, split_codecs
from netplay.manifest.dash.addressing import read_index
from netplay.manifest.dash.descriptors import (
    channels_of,
    descriptors,
    is_thumbnails,
    is_trick,
    strangers,
    video_range_of,
)
from netplay.manifest.dash.document import Node
from netplay.manifest.dash.locations import Base, bases_below, locations_of
from netplay.manifest.dash.protection import read_protections
from netplay.manifest.dash.query import query_below
from netplay.manifest.dash.segmentation import NoSegments, Slot
from netplay.manifest.dash.values import read_fraction
from netplay.timeline import AdaptationSet, Descriptor, Kind, Representation

__all__ = ["Scope", "read_set"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What holds around an element: the elements it inherits from and what they amount to.

    Attributes:
        number: Of the Period.
        levels: Elements from the innermost to the MPD.
    """

    number: int
    levels: tuple[Node, ...]
    bases: tuple[Base, ...]
    query: str
    start_us: int
    end_us: int | None
    live: bool
    now_us: int
    window_us: int | None

    def inside(self, node: Node) -> Scope:
        """Return the scope inside a child element."""
        return replace(
            self,
            levels=(node, *self.levels),
            bases=bases_below(self.bases, node),
            query=query_below(self.query, node),
        )


def read_set(node: Node, around: Scope, *, position: int) -> AdaptationSet | None:
    """Return an AdaptationSet; None, with a warning, if nothing of it can be played."""
    scope = around.inside(node)
    essential = descriptors(node, "EssentialProperty")
    supplemental = descriptors(node, "SupplementalProperty")
    if unknown := strangers(essential):
        node.warn(f"left out: it demands {unknown[0].scheme[:80]!r}, which is not understood")
        return None
    found = [
        made
        for child in node.children("Representation")
        if (made := _read_representation(child, scope, shared=(essential, supplemental)))
    ]
    if not found:
        node.warn("left out: it has no Representation that can be played")
        return None
    properties = [*essential, *supplemental, *_of_each(found)]
    kind = found[0].kind
    roles = tuple(role.value for role in descriptors(node, "Role") if role.value)
    labels = [label.text for label in node.children("Label")]
    return AdaptationSet(
        id=f"{scope.number}/{node.get('id') or f'set{position}'}",
        kind=kind,
        representations=tuple(sorted(found, key=lambda rep: rep.bandwidth_bps)),
        language=_language(node),
        label=next((label for label in labels if label), ""),
        roles=roles,
        accessibility=descriptors(node, "Accessibility"),
        default="main" in roles,
        trick=is_trick(properties) or is_thumbnails(properties),
        essential=essential,
        supplemental=supplemental,
    )


def _of_each(found: list[Representation]) -> list[Descriptor]:
    """Return the essential properties that all Representations share."""
    first, *others = (rep.essential for rep in found)
    return [wanted for wanted in first if all(wanted in other for other in others)]


def _language(node: Node) -> str:
    parts = [node, *node.children("ContentComponent"), *node.children("Representation")]
    return next((lang for part in parts if (lang := part.get("lang"))), "")


def _read_representation(
    node: Node, around: Scope, *, shared: tuple[tuple[Descriptor, ...], tuple[Descriptor, ...]]
) -> Representation | None:
    scope = around.inside(node)
    group = around.levels[0]
    essential = descriptors(node, "EssentialProperty")
    supplemental = descriptors(node, "SupplementalProperty")
    properties = (*essential, *supplemental, *shared[0], *shared[1])
    if unknown := strangers(essential):
        node.warn(f"left out: it demands {unknown[0].scheme[:80]!r}, which is not understood")
        return None
    carries = _carries(node, group, properties)
    if not carries:
        node.warn("left out: it is neither video, audio, text nor image")
        return None
    name = node.get("id")
    bandwidth_bps = max(0, node.integer("bandwidth") or 0)
    slot = Slot(
        start_us=scope.start_us,
        end_us=scope.end_us,
        name=name,
        bandwidth_bps=bandwidth_bps,
        kind=carries[0],
        url=scope.bases[0].url,
        query=scope.query,
        live=scope.live,
        now_us=scope.now_us,
        window_us=scope.window_us,
        ahead_us=scope.bases[0].ahead_us,
    )
    try:
        index = read_index(scope.levels[:-1], slot)
    except NoSegments as error:
        node.warn(f"left out: {error}")
        return None
    either = (node, group)
    rate = _inherited(either, "frameRate")
    sampling = _inherited(either, "audioSamplingRate")
    configurations = [
        found for level in either for found in descriptors(level, "AudioChannelConfiguration")
    ]
    return Representation(
        id=f"{scope.number}/{name}",
        name=name,
        kind=carries[0],
        carries=carries,
        bandwidth_bps=bandwidth_bps,
        locations=locations_of(scope.bases),
        index=index,
        codecs=_codecs(node, group),
        mime_type=_text(either, "mimeType").lower(),
        width=_size(either, "width"),
        height=_size(either, "height"),
        frame_rate=None if rate is None else rate.read("frameRate", read_fraction),
        sample_rate_hz=None if sampling is None else _first_integer(sampling),
        channels=channels_of(configurations),
        video_range=video_range_of(properties),
        protections=read_protections(scope.levels),
        depends_on=tuple(f"{scope.number}/{other}" for other in node.get("dependencyId").split()),
        essential=essential,
        supplemental=supplemental,
        inband_events=tuple(
            found for level in either for found in descriptors(level, "InbandEventStream")
        ),
    )


def _inherited(levels: tuple[Node, ...], attribute: str) -> Node | None:
    return next((level for level in levels if level.has(attribute)), None)


def _text(levels: tuple[Node, ...], attribute: str) -> str:
    found = _inherited(levels, attribute)
    return "" if found is None else found.get(attribute)


def _size(levels: tuple[Node, ...], attribute: str) -> int | None:
    found = _inherited(levels, attribute)
    value = None if found is None else found.integer(attribute)
    return value if value is not None and value > 0 else None


def _first_integer(node: Node) -> int | None:
    """Return the first of one or two sampling rates (@audioSamplingRate)."""
    first = node.get("audioSamplingRate").split()[:1]
    return int(first[0]) if first and first[0].isascii() and first[0].isdigit() else None


def _codecs(node: Node, group: Node) -> tuple[str, ...]:
    stated = _text((node, group), "codecs")
    return split_codecs(stated)


def _carries(node: Node, group: Node, properties: tuple[Descriptor, ...]) -> tuple[Kind, ...]:
    """Return every kind of content in a Representation, the one it is for first."""
    kinds: set[Kind | None] = {kind_of(codec) for codec in _codecs(node, group)}
    components = [part.get("contentType") for part in group.children("ContentComponent")]
    stated = _text((node, group), "contentType")
    mime = _text((node, group), "mimeType")
    if is_thumbnails(properties):
        return ("image",)
    for word in (stated, *components, mime):
        kinds.add(_kind_of_word(word.lower()))
    if _kind_of_word(mime.lower()) == "text":
        return ("text",)
    order: tuple[Kind, ...] = ("video", "audio", "text", "image")
    return tuple(kind for kind in order if kind in kinds)


def _kind_of_word(word: str) -> Kind | None:
    """Return what a content type or a MIME type is about."""
    beginning = word.partition("/")[0]
    match beginning:
        case "video" | "audio" | "text" | "image":
            return beginning
        case "application" if "ttml" in word or "vtt" in word:
            return "text"
    return None
