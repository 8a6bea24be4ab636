"""What netplay reads in an HLS playlist, in the words in which the vectors are scored.

Only the public model is looked at: what a playlist says and the model cannot tell is lost
here, as it would be to an app.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from netplay.manifest import parse_manifest
from netplay.manifest.hls import RENDITION_SCHEME, VARIANT_SCHEME, split_attributes
from netplay.manifest.urls import resolve_url
from netplay.segments import Entry, Playlist, SegmentIndex
from netplay.timeline import Descriptor, Known, Presentation, Representation

Facts = dict[str, Any]


def parse_hls(text: str, base_url: str) -> Facts:
    """Return the facts of one playlist."""
    presentation = parse_manifest(text, base_url)
    (period,) = presentation.periods
    for rep in period.representations:
        if isinstance(rep.index, Known) and rep.index.index.playlist is not None:
            return _media(presentation, rep.index.index, rep.index.index.playlist)
    return _multivariant(presentation)


def _media(presentation: Presentation, index: SegmentIndex, playlist: Playlist) -> Facts:
    url = presentation.url
    segments = list(index)
    entries = [segment.entry for segment in segments]
    first_utc_us = entries[0].utc_us if entries else None
    return {
        "type": "media",
        "target_duration": playlist.target_duration_us / 1e6,
        "media_sequence": playlist.media_sequence,
        "discontinuity_sequence": playlist.discontinuity_sequence,
        # A VOD playlist has ended without the tag too, and says in a warning that it lacks it.
        "endlist": index.ended and not any("EXT-X-ENDLIST" in w for w in presentation.warnings),
        "playlist_type": playlist.type or None,
        "version": playlist.version,
        "n_segments": len(segments),
        "urls": [resolve_url(url, entry.uri) for entry in entries],
        "durations": [segment.duration_us / 1e6 for segment in segments],
        "byteranges": [_range(entry) for entry in entries],
        "discontinuity_before": _discontinuities(entries, playlist.discontinuity_sequence),
        "key_methods": [_method(entry) for entry in entries],
        "key_urls": [_key_url(entry, url) for entry in entries],
        "maps": [resolve_url(url, entry.init.uri) if entry.init else None for entry in entries],
        "pdt_ms_first": None if first_utc_us is None else first_utc_us // 1000,
        "part_target": None if playlist.part_target_us is None else playlist.part_target_us / 1e6,
        "gaps": [number for number, entry in enumerate(entries) if entry.gap],
        "total_duration": sum(segment.duration_us for segment in segments) / 1e6,
    }


def _range(entry: Entry) -> list[int | None] | None:
    cut = entry.byte_range
    return None if cut is None else [cut.length, cut.first]


def _discontinuities(entries: list[Entry], first: int) -> list[int]:
    before = [first, *(entry.continuity for entry in entries)]
    return [n for n, entry in enumerate(entries) if entry.continuity != before[n]]


def _method(entry: Entry) -> str | None:
    if not entry.keys:
        return None
    scheme = entry.keys[0].scheme
    return "SAMPLE-AES-CTR" if scheme == "cenc" else scheme.upper()


def _key_url(entry: Entry, url: str) -> str | None:
    return resolve_url(url, entry.keys[0].key_uri) if entry.keys else None


def _multivariant(presentation: Presentation) -> Facts:
    url = presentation.url
    variants = sorted(
        (
            (resolve_url(url, note.id), rep, split_attributes(note.value))
            for group in presentation.periods[0].sets
            for rep in group.representations
            if not group.trick
            for note in _notes(rep.supplemental, VARIANT_SCHEME)
        ),
        key=lambda variant: variant[0],
    )
    renditions = _sorted(_renditions(presentation))
    tricks = [rep for g in presentation.periods[0].sets if g.trick for rep in g.representations]
    return {
        "type": "multivariant",
        "version": presentation.version,
        "n_variants": len(variants),
        "variant_urls": [place for place, _, _ in variants],
        "bandwidths": _sorted([[place, _bandwidth(rep, given)] for place, rep, given in variants]),
        "codecs": _sorted([[place, given.get("CODECS")] for place, _, given in variants]),
        "audio_groups": _sorted([[place, given.get("AUDIO")] for place, _, given in variants]),
        "subtitle_groups": _sorted(
            [[place, given.get("SUBTITLES")] for place, _, given in variants]
        ),
        "resolutions": _sorted([[place, rep.width, rep.height] for place, rep, _ in variants]),
        "frame_rates": _sorted([[place, _frame_rate(rep)] for place, rep, _ in variants]),
        "n_renditions": len(renditions),
        "renditions": renditions,
        "n_iframe_streams": sum(
            1 for rep in tricks for _ in _notes(rep.supplemental, VARIANT_SCHEME)
        ),
    }


def _sorted(facts: list[list[Any]]) -> list[list[Any]]:
    """Return facts in the order of the vectors, which sort them as JSON text."""
    return sorted(facts, key=lambda fact: json.dumps(fact, separators=(",", ":")))


def _bandwidth(rep: Representation, given: dict[str, str]) -> int:
    """Return a variant's own rate where several are one Representation."""
    alone = len(list(_notes(rep.supplemental, VARIANT_SCHEME))) == 1
    return rep.bandwidth_bps if alone else int(given["BANDWIDTH"])


def _notes(descriptors: tuple[Descriptor, ...], scheme: str) -> Iterator[Descriptor]:
    return (note for note in descriptors if note.scheme == scheme)


def _frame_rate(rep: Representation) -> float | None:
    return None if rep.frame_rate is None else float(rep.frame_rate)


def _renditions(presentation: Presentation) -> list[list[str | None]]:
    """Return each rendition once; one inside several ladders is told by each of them."""
    found: dict[Descriptor, list[str | None]] = {}
    for group in presentation.periods[0].sets:
        for note in _notes(group.supplemental, RENDITION_SCHEME):
            given = split_attributes(note.value)
            uri = given.get("URI")
            found[note] = [
                given["TYPE"],
                given["GROUP-ID"],
                given.get("NAME"),
                resolve_url(presentation.url, uri) if uri else None,
            ]
    return list(found.values())
