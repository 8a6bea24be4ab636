"""A presentation laid out for reading: in lines for people, in JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netplay.cli.words import clock, columns, rate
from netplay.errors import shown_url
from netplay.manifest import request_url
from netplay.segments import ByteRange, Listing, Protection, Segment, SegmentIndex
from netplay.timeline import (
    AdaptationSet,
    Known,
    Location,
    Period,
    Presentation,
    Representation,
)

__all__ = ["Catalogue", "Resolution"]

MOST_LISTED = 1_000_000
"""Segments of one Representation; ten days of 2 s segments are 432,000. A manifest of a few
bytes can announce any number of them."""

SYSTEMS = {
    "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed": "Widevine",
    "9a04f079-9840-4286-ab92-e65be0885f95": "PlayReady",
    "94ce86fb-07ff-4f43-adb8-93d2fa968ca2": "FairPlay",
    "com.apple.streamingkeydelivery": "FairPlay",
    "com.microsoft.playready": "PlayReady",
    "1077efec-c0b2-4d02-ace3-3c1e52e2fb4b": "common pssh",
}
"""Names of DRM systems (dashif.org/identifiers/content_protection), by what manifests say."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What came of looking for an index.

    Attributes:
        index: The segments; None if they were not found.
        location: What their references resolve against.
        why: Why they were not found.
    """

    index: SegmentIndex | None = None
    location: Location | None = None
    why: str = ""


class Catalogue:
    """Everything a presentation offers.

    Args:
        presentation: As it was read.
        resolutions: What came of each Unresolved index, by the Representation's id.
    """

    def __init__(self, presentation: Presentation, resolutions: Mapping[str, Resolution]) -> None:
        self._presentation = presentation
        self._resolutions = resolutions

    def to_json(self, *, segments: bool) -> dict[str, object]:
        """Return it as a dict that `json.dumps` takes."""
        presentation = self._presentation
        live = presentation.live
        return {
            "url": presentation.url,
            "format": presentation.format,
            "live": live is not None,
            "duration_us": self._duration_us(),
            "title": presentation.title,
            "hosts": list(presentation.hosts),
            "warnings": list(presentation.warnings),
            "periods": [
                {
                    "id": period.id,
                    "start_us": period.start_us,
                    "end_us": period.end_us,
                    "sets": [self._set_json(group, segments=segments) for group in period.sets],
                }
                for period in presentation.periods
            ],
        }

    def lines(self, *, segments: bool) -> Iterator[str]:
        """Yield it as lines of text."""
        presentation = self._presentation
        duration_us = self._duration_us()
        length = "length unknown" if duration_us is None else f"{duration_us / 1e6:.3f} s"
        kind = "live" if presentation.live is not None else "on demand"
        yield shown_url(presentation.url)
        yield f"{presentation.format.upper()}, {kind}, {length}" + (
            f", {presentation.title!r}" if presentation.title else ""
        )
        yield f"hosts: {', '.join(filter(None, presentation.hosts)) or 'this machine'}"
        yield from (f"warning: {warning}" for warning in presentation.warnings)
        for period in presentation.periods:
            yield ""
            yield self._period_line(period)
            for group in period.sets:
                yield f"  {_set_line(group)}"
                rows = [self._row(representation) for representation in group.representations]
                for line, representation in zip(
                    columns(rows, indent="    "), group.representations, strict=True
                ):
                    yield line
                    if segments:
                        yield from self._segment_lines(representation)

    def _duration_us(self) -> int | None:
        """Return the length: as said, or to the end of the longest index that ended."""
        presentation = self._presentation
        if presentation.duration_us is not None or presentation.live is not None:
            return presentation.duration_us
        found = [
            resolution.index
            for resolution in self._resolutions.values()
            if resolution.index is not None
        ]
        if not found or not all(index.ended for index in found):
            return None
        return max(index.end_us for index in found)

    def _resolution(self, representation: Representation) -> Resolution:
        index = representation.index
        if isinstance(index, Known):
            first = representation.locations[0] if representation.locations else None
            return Resolution(index.index, first)
        return self._resolutions[representation.id]

    # For people.

    def _period_line(self, period: Period) -> str:
        end_us = period.end_us
        if end_us is None and len(self._presentation.periods) == 1:
            end_us = self._duration_us()
        until = "open" if end_us is None else clock(end_us)
        return f"period {period.id}: {clock(period.start_us)} to {until}"

    def _row(self, representation: Representation) -> tuple[str, ...]:
        average_bps = representation.average_bps
        average = "" if average_bps is None else f" ({rate(average_bps)} on average)"
        return (
            representation.name,
            _shape(representation),
            ",".join(representation.codecs) or representation.mime_type,
            rate(representation.bandwidth_bps) + average if representation.bandwidth_bps else "",
            self._protection(representation),
            self._segments_in_short(representation),
        )

    def _protection(self, representation: Representation) -> str:
        said = (
            SYSTEMS.get(one.system, one.system) + (f" ({one.scheme})" if one.scheme else "")
            for one in self._protections(representation)
        )
        return ", ".join(dict.fromkeys(said))

    def _segments_in_short(self, representation: Representation) -> str:
        resolution = self._resolution(representation)
        index = resolution.index
        if index is None:
            return resolution.why
        if not len(index):
            return "no segments"
        shortest_us, longest_us = _extremes_us(index)
        each = f"{longest_us / 1e6:.3f} s"
        if shortest_us != longest_us:
            each = f"{shortest_us / 1e6:.3f} to {each}"
        return f"{len(index)} segments of {each}"

    def _segment_lines(self, representation: Representation) -> Iterator[str]:
        resolution = self._resolution(representation)
        if resolution.index is None or resolution.location is None:
            return
        if len(resolution.index) > MOST_LISTED:
            yield f"      more than {MOST_LISTED} segments are not listed"
            return
        for segment in resolution.index:
            part = segment.entry.byte_range
            yield "      " + "  ".join(
                (
                    f"{segment.number}",
                    f"{segment.start_us / 1e6:.6f}",
                    f"{segment.duration_us / 1e6:.6f}",
                    "gap"
                    if segment.entry.gap
                    else request_url(resolution.location, segment.entry.uri),
                    *(() if part is None else (part.header,)),
                )
            )

    # For programs.

    def _set_json(self, group: AdaptationSet, *, segments: bool) -> dict[str, object]:
        return {
            "id": group.id,
            "kind": group.kind,
            "language": group.language,
            "label": group.label,
            "roles": list(group.roles),
            "default": group.default,
            "trick": group.trick,
            "representations": [
                self._representation_json(representation, segments=segments)
                for representation in group.representations
            ],
        }

    def _representation_json(
        self, representation: Representation, *, segments: bool
    ) -> dict[str, object]:
        frame_rate = representation.frame_rate
        return {
            "id": representation.id,
            "name": representation.name,
            "codecs": list(representation.codecs),
            "mime_type": representation.mime_type,
            "bandwidth_bps": representation.bandwidth_bps,
            "average_bps": representation.average_bps,
            "width": representation.width,
            "height": representation.height,
            "frame_rate": None if frame_rate is None else float(frame_rate),
            "sample_rate_hz": representation.sample_rate_hz,
            "channels": representation.channels,
            "video_range": representation.video_range,
            "hosts": [location.host for location in representation.locations],
            "protection": [
                {"system": one.system, "scheme": one.scheme, "default_kid": one.default_kid}
                for one in self._protections(representation)
            ],
            "segments": self._index_json(representation, segments=segments),
        }

    def _index_json(self, representation: Representation, *, segments: bool) -> dict[str, object]:
        resolution = self._resolution(representation)
        index, location = resolution.index, resolution.location
        if index is None or location is None:
            return {"count": None, "why": resolution.why}
        shortest_us, longest_us = _extremes_us(index) if len(index) else (None, None)
        told: dict[str, object] = {
            "count": len(index),
            "start_us": index.start_us,
            "end_us": index.end_us,
            "shortest_us": shortest_us,
            "longest_us": longest_us,
        }
        if segments and len(index) > MOST_LISTED:
            told["why"] = f"more than {MOST_LISTED} segments are not listed"
        elif segments:
            told["list"] = [_segment_json(segment, location) for segment in index]
        return told

    def _protections(self, representation: Representation) -> tuple[Protection, ...]:
        """Return how it is encrypted: by the manifest, or by what its segments say (HLS)."""
        index = self._resolution(representation).index
        if representation.protections or index is None or not isinstance(index.naming, Listing):
            return representation.protections
        keys = (key for entry in index.naming.entries for key in entry.keys)
        return tuple({(key.system, key.scheme): key for key in keys}.values())


def _shape(representation: Representation) -> str:
    said = []
    if representation.width and representation.height:
        said.append(f"{representation.width}x{representation.height}")
    if representation.frame_rate is not None:
        said.append(f"{float(representation.frame_rate):g} fps")
    if representation.video_range not in (None, "sdr"):
        said.append(str(representation.video_range).upper())
    if representation.sample_rate_hz is not None:
        said.append(f"{representation.sample_rate_hz} Hz")
    if representation.channels is not None:
        said.append(f"{representation.channels} ch")
    return " ".join(said)


def _set_line(group: AdaptationSet) -> str:
    words = [group.kind, group.id]
    words += [word for word in (group.language, *group.roles) if word]
    if group.label:
        words.append(repr(group.label))
    words += ["default"] * group.default + ["trick"] * group.trick
    return " ".join(words)


def _extremes_us(index: SegmentIndex) -> tuple[int, int]:
    """Return the shortest and longest of the segments' own durations.

    Taken from the runs, whose segments are equal but for the microsecond that rounding their
    edges costs; the last one, which may be cut off, is left out where there are others.
    """
    durations = [
        run.duration * 1_000_000 // index.timescale
        for run in index.runs
        if run is not index.runs[-1] or run.count > 1 or len(index.runs) == 1
    ]
    return min(durations), max(durations)


def _segment_json(segment: Segment, location: Location) -> dict[str, object]:
    entry = segment.entry
    return {
        "number": segment.number,
        "start_us": segment.start_us,
        "duration_us": segment.duration_us,
        "url": None if entry.gap else request_url(location, entry.uri),
        "byte_range": _range_json(entry.byte_range),
        "init_url": None if entry.init is None else request_url(location, entry.init.uri),
        "init_byte_range": None if entry.init is None else _range_json(entry.init.byte_range),
    }


def _range_json(part: ByteRange | None) -> dict[str, object] | None:
    return None if part is None else {"first": part.first, "length": part.length}
