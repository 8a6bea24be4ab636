"""EXT-X-MEDIA becomes AdaptationSets that belong with the variants of their group."""

from __future__ import annotations

from dataclasses import replace

from netplay.codecs import kind_of, split_codecs
from netplay.manifest.hls.ladder import HLS_SCHEME, Maker, attribute_list
from netplay.manifest.hls.reading import Attributes, integer
from netplay.manifest.hls.redundancy import public_name
from netplay.manifest.hls.variants import Rendition, Variant
from netplay.manifest.urls import resolve_url
from netplay.timeline import AdaptationSet, Descriptor, Kind, Representation

__all__ = ["RENDITION_SCHEME", "rendition_sets", "with_multiplexed", "without_repeats"]

RENDITION_SCHEME = HLS_SCHEME + "rendition"
"""A supplemental Descriptor for each EXT-X-MEDIA: TYPE/GROUP-ID/NAME as id, attributes as value."""

CAPTIONS_SCHEME = "urn:scte:dash:cc:cea-608:2015"
"""Accessibility of a set whose pictures carry captions, as DASH says it: "CC1=eng"."""

_KINDS: dict[str, Kind] = {"AUDIO": "audio", "VIDEO": "video", "SUBTITLES": "text"}

_ROLES = {
    "public.accessibility.describes-video": "description",
    "public.accessibility.describes-music-and-sound": "caption",
    "public.accessibility.transcribes-spoken-dialog": "caption",
    "public.easy-to-read": "easyreader",
    "public.auxiliary-content": "supplementary",
}
"""CHARACTERISTICS that have a name among the Roles of DASH (ISO/IEC 23009-1 §5.8.5.5)."""


def rendition_sets(
    renditions: list[Rendition], variants: list[Variant], maker: Maker
) -> list[AdaptationSet]:
    """Return a set for each rendition that has a playlist; copies share one."""
    copies: dict[tuple[str, str, int, tuple[str, str]], list[Rendition]] = {}
    seen: dict[tuple[str, str, tuple[str, str]], int] = {}
    for held in renditions:
        if held.type in _KINDS and held.uri:
            same = (held.name, held.given.get("LANGUAGE", ""))
            # Two of one name in one group are two; in a group and its copy they are one.
            turn = seen[held.type, held.group, same] = (
                seen.get((held.type, held.group, same), 0) + 1
            )
            group = maker.places.group(held.type, held.group)
            copies.setdefault((held.type, group, turn, same), []).append(held)
    codecs = _codecs_by_group(variants, maker)
    return [
        _set(held, maker, group=key[1], codecs=codecs.get(key[:2], ()))
        for key, held in copies.items()
    ]


def _codecs_by_group(
    variants: list[Variant], maker: Maker
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the codec of each group, where its variants leave no doubt which it is."""
    said: dict[tuple[str, str], set[str]] = {}
    for variant in variants:
        codecs = split_codecs(variant.given.get("CODECS", ""))
        for attribute, kind in (("AUDIO", "audio"), ("SUBTITLES", "text")):
            group = variant.given.get(attribute)
            if group is not None:
                key = (attribute, maker.places.group(attribute, group))
                said.setdefault(key, set()).update(c for c in codecs if kind_of(c) == kind)
    return {key: tuple(codecs) for key, codecs in said.items() if len(codecs) == 1}


def _set(
    held: list[Rendition], maker: Maker, *, group: str, codecs: tuple[str, ...]
) -> AdaptationSet:
    first = held[0]
    given = first.given
    kind = _KINDS[first.type]
    name = given.get("STABLE-RENDITION-ID") or public_name(first.uri)
    places = maker.places
    rep = Representation(
        id=maker.unique(f"0/{name}"),
        name=name,
        kind=kind,
        carries=(kind,),
        bandwidth_bps=0,
        locations=places.locations(
            (places.host_of_rendition(r), resolve_url(maker.url, r.uri)) for r in held
        ),
        index=maker.index,
        codecs=codecs,
        sample_rate_hz=integer(given.get("SAMPLE-RATE", "")),
        channels=integer(given.get("CHANNELS", "")),
    )
    default = given.get("DEFAULT") == "YES"
    return AdaptationSet(
        id=maker.unique(f"0/{first.type.lower()}/{group}/{first.name}"),
        kind=kind,
        representations=(rep,),
        language=given.get("LANGUAGE", ""),
        label=given.get("NAME", ""),
        roles=_roles(given, kind),
        accessibility=_characteristics(given),
        group=group,
        default=default,
        autoselect=default or given.get("AUTOSELECT") == "YES",
        supplemental=tuple(map(_note, held)),
    )


def _roles(given: Attributes, kind: Kind) -> tuple[str, ...]:
    roles = ["main" if given.get("DEFAULT") == "YES" else "alternate"]
    if kind == "text":
        roles.append("forced-subtitle" if given.get("FORCED") == "YES" else "subtitle")
    roles += [_ROLES[name] for name in _characteristic_names(given) if name in _ROLES]
    return tuple(dict.fromkeys(roles))


def _characteristics(given: Attributes) -> tuple[Descriptor, ...]:
    scheme = HLS_SCHEME + "characteristic"
    return tuple(Descriptor(scheme, name) for name in _characteristic_names(given))


def _characteristic_names(given: Attributes) -> list[str]:
    names = (name.strip() for name in given.get("CHARACTERISTICS", "").split(","))
    return [name for name in names if name]


def _note(held: Rendition) -> Descriptor:
    name = f"{held.type}/{held.group}/{held.name}"
    return Descriptor(RENDITION_SCHEME, attribute_list(held.given), name)


def with_multiplexed(
    sets: list[AdaptationSet], renditions: list[Rendition], variants: list[Variant]
) -> list[AdaptationSet]:
    """Return sets that also tell what their own media carries: audio, closed captions.

    A rendition without a playlist is inside the variants of its group; where no variant
    names the group, it is told by the first set.
    """
    inside = [held for held in renditions if not held.uri or held.type not in _KINDS]
    if not inside or not sets:
        return sets
    lines = {held: number for number, group in enumerate(sets) for held in _variants_of(group)}
    homes: dict[tuple[str, str], set[int]] = {}
    for variant in variants:
        number = lines.get((variant.uri, attribute_list(variant.given)), 0)
        for attribute in ("AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"):
            if attribute in variant.given:
                homes.setdefault((attribute, variant.given[attribute]), set()).add(number)
    told: dict[int, list[Rendition]] = {}
    for held in inside:
        for number in homes.get((held.type, held.group), {0}):
            told.setdefault(number, []).append(held)
    return [_told(group, told.get(number, [])) for number, group in enumerate(sets)]


def _variants_of(group: AdaptationSet) -> list[tuple[str, str]]:
    return [(note.id, note.value) for rep in group.representations for note in rep.supplemental]


def _told(group: AdaptationSet, inside: list[Rendition]) -> AdaptationSet:
    captions = []
    for held in inside:
        if held.type == "CLOSED-CAPTIONS":
            said = (held.given.get("INSTREAM-ID", ""), held.given.get("LANGUAGE", ""))
            captions.append(Descriptor(CAPTIONS_SCHEME, "=".join(filter(None, said))))
    audio = [held for held in inside if held.type == "AUDIO" and held.given.get("LANGUAGE")]
    audio.sort(key=lambda held: held.given.get("DEFAULT") != "YES")
    return replace(
        group,
        accessibility=(*group.accessibility, *captions),
        language=group.language or (audio[0].given["LANGUAGE"] if audio else ""),
        supplemental=(*group.supplemental, *map(_note, inside)),
    )


def without_repeats(
    ladder: list[AdaptationSet], renditions: list[AdaptationSet]
) -> list[AdaptationSet]:
    """Return all sets, an audio-only variant and a rendition with one playlist being one.

    Beside pictures the variant only tells the rendition's bitrate. Without pictures the
    variants are the ladder, and the rendition tells its language.
    """
    pictures = any(group.kind == "video" for group in ladder)
    by_url = {
        group.representations[0].locations[0].url: number
        for number, group in enumerate(renditions)
        if group.kind == "audio"
    }
    kept, beside = [], dict(enumerate(renditions))
    for group in ladder:
        alone = []
        for rep in group.representations:
            number = by_url.get(rep.locations[0].url) if group.kind == "audio" else None
            if number is None or number not in beside:
                alone.append(rep)
            elif pictures:
                beside[number] = _with_bitrate(beside[number], rep)
            else:
                alone.append(rep)
                group = _with_language(group, beside.pop(number))
        if alone:
            kept.append(replace(group, representations=tuple(alone)))
    return [*kept, *beside.values()]


def _with_bitrate(group: AdaptationSet, variant: Representation) -> AdaptationSet:
    (held,) = group.representations
    if held.bandwidth_bps:  # the playlist is also the variant of a smaller picture: the least
        bandwidth_bps = min(held.bandwidth_bps, variant.bandwidth_bps)
    else:
        bandwidth_bps = variant.bandwidth_bps
    rep = replace(
        held,
        bandwidth_bps=bandwidth_bps,
        average_bps=variant.average_bps,
        codecs=held.codecs or variant.codecs,
        supplemental=(*held.supplemental, *variant.supplemental),
    )
    return replace(group, representations=(rep,))


def _with_language(group: AdaptationSet, rendition: AdaptationSet) -> AdaptationSet:
    return replace(
        group,
        language=group.language or rendition.language,
        label=group.label or rendition.label,
        group=group.group or rendition.group,
        supplemental=(*group.supplemental, *rendition.supplemental),
    )
