"""What is watched: a ladder, the size of every segment, and its VMAF where known.

Sabre's format and manifests become the same `Movie`: a title as the simulator takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Final

from abr.contract import Played
from netplay.errors import DatasetError
from netplay.lab.files import number, parsed, text
from netplay.naming import Template
from netplay.segments import Ranges, Run, SegmentIndex
from netplay.sim.content import Content
from netplay.timeline import (
    AdaptationSet,
    Known,
    Location,
    Period,
    Presentation,
    Representation,
)

__all__ = ["Movie", "make_movie", "read_movie"]

_MAX_RUNGS: Final = 64
_MAX_SEGMENTS: Final = 200_000
_MAX_BITS: Final = 1e13


@dataclass(frozen=True, slots=True)
class Movie:
    """A title of known sizes.

    Attributes:
        content: As the simulator takes it.
        bitrates_bps: Of the ladder of its picture, lowest first.
        segment_us: Duration of a segment; of the first where they differ.
        segments: How many are played.
        vmaf: Of each segment at each rung; None if unknown.
    """

    name: str
    content: Content
    bitrates_bps: tuple[int, ...]
    segment_us: int
    segments: int
    vmaf: tuple[tuple[float, ...], ...] | None = None

    def served_by(self, hosts: Sequence[str]) -> Movie:
        """Return it as other hosts serve it, the first preferred."""
        return self._changed(
            lambda rep: replace(
                rep,
                locations=tuple(
                    Location(host, rep.locations[0].url, priority=place)
                    for place, host in enumerate(hosts, 1)
                ),
            )
        )

    def with_audio(self, bitrate_bps: int) -> Movie:
        """Return it with a track of sound, segment beside segment, where it has none."""
        periods = self.content.presentation.periods
        if any("audio" in rep.carries for period in periods for rep in period.representations):
            return self
        made = tuple(
            replace(period, sets=(*period.sets, _sound(place, period, bitrate_bps, self)))
            for place, period in enumerate(periods)
        )
        presentation = replace(self.content.presentation, periods=made)
        return replace(self, content=replace(self.content, presentation=presentation))

    def _changed(self, change: Callable[[Representation], Representation]) -> Movie:
        periods = tuple(
            replace(
                period,
                sets=tuple(
                    replace(group, representations=tuple(map(change, group.representations)))
                    for group in period.sets
                ),
            )
            for period in self.content.presentation.periods
        )
        presentation = replace(self.content.presentation, periods=periods)
        return replace(self, content=replace(self.content, presentation=presentation))

    def judged(self, played: Sequence[Played]) -> tuple[Played, ...]:
        """Return what was played from the beginning on, with the VMAF of its segments."""
        if self.vmaf is None:
            return tuple(played)
        rated: list[Played] = []
        position_us = 0.0
        for one in played:
            middle_us = position_us + one.duration_s * 5e5
            place = min(int(middle_us) // self.segment_us, len(self.vmaf) - 1)
            rated.append(replace(one, quality=self.vmaf[place][one.rung]))
            position_us += one.duration_s * 1e6
        return tuple(rated)


def make_movie(
    name: str,
    *,
    segment_us: int,
    bitrates_bps: Sequence[int],
    sizes_bytes: Sequence[Sequence[int]],
    vmaf: Sequence[Sequence[float]] | None = None,
    segments: int | None = None,
) -> Movie:
    """Return a movie of one track of video.

    Args:
        sizes_bytes: One row a segment, one column a rung.
        vmaf: The same.
        segments: How many are played; the sizes of those behind them are known all the
            same. None: all.

    Raises:
        ValueError: The ladder does not rise, or a row has not one size a rung.
    """
    count = len(sizes_bytes) if segments is None else min(segments, len(sizes_bytes))
    rungs = len(bitrates_bps)
    if segment_us <= 0 or count < 1 or rungs < 1:
        raise ValueError("a movie has segments of some duration, and rungs")
    rising = list(bitrates_bps) == sorted(bitrates_bps)
    if not rising or bitrates_bps[0] <= 0:
        raise ValueError("bitrates rise from a positive one")
    for table in (sizes_bytes, vmaf or ()):
        for place, row in enumerate(table):
            if len(row) != rungs:
                raise ValueError(f"segment {place} has {len(row)} of {rungs} rungs")
    length_us = count * segment_us
    reps = tuple(
        _representation(rung, bps, segment_us, [row[rung] for row in sizes_bytes])
        for rung, bps in enumerate(bitrates_bps)
    )
    group = AdaptationSet("0/video", "video", reps)
    presentation = Presentation(
        url=f"https://host/{name}.mpd",
        format="dash",
        periods=(Period("0", 0, length_us, (group,)),),
        duration_us=length_us,
    )
    return Movie(
        name,
        Content(presentation),
        tuple(bitrates_bps),
        segment_us,
        count,
        None if vmaf is None else tuple(tuple(row) for row in vmaf),
    )


def read_movie(path: Path) -> Movie:
    """Return the movie of a file: Sabre's JSON, an MPD, or an HLS playlist.

    Sizes of a manifest's segments come from its byte ranges, from a sidx or from the files
    beside it, and are bitrate times duration where there is none of these.

    Raises:
        DatasetError: The file is no movie.
        ManifestError: It is a manifest that cannot be read.
        MediaError: A segment index beside it is broken.
    """
    if [suffix for suffix in path.suffixes if suffix != ".gz"][-1:] == [".json"]:
        return _sabre(path)
    from netplay.lab.manifests import read_title

    return read_title(path)


def _sabre(path: Path) -> Movie:
    said = parsed(text(path), path)
    if not isinstance(said, dict):
        raise DatasetError(str(path), 1, "not a movie: not a JSON object")
    try:
        return make_movie(
            path.name.removesuffix(".gz").removesuffix(".json"),
            segment_us=round(number(said.get("segment_duration_ms"), "segment_duration_ms") * 1000),
            bitrates_bps=[
                round(_bounded(kbps, "a bitrate") * 1000)
                for kbps in _rows(said, "bitrates_kbps", _MAX_RUNGS)
            ],
            sizes_bytes=[
                [-(-round(_bounded(bits, "a size")) // 8) for bits in _row(row, place)]
                for place, row in enumerate(_rows(said, "segment_sizes_bits", _MAX_SEGMENTS))
            ],
            vmaf=[
                [_bounded(one, "a VMAF") for one in _row(row, place)]
                for place, row in enumerate(_rows(said, "vmaf", _MAX_SEGMENTS))
            ]
            if "vmaf" in said
            else None,
        )
    except ValueError as error:
        raise DatasetError(str(path), None, str(error)) from error


def _rows(said: dict[str, object], name: str, most: int) -> list[object]:
    rows = said.get(name)
    if not isinstance(rows, list) or not rows:
        raise ValueError(f"{name} is no list")
    if len(rows) > most:
        raise ValueError(f"{name} has {len(rows):,} entries, more than {most:,}")
    return rows


def _row(row: object, place: int) -> list[object]:
    if not isinstance(row, list):
        raise ValueError(f"segment {place} is no list")  # noqa: TRY004  # of a file
    return row


def _bounded(value: object, what: str) -> float:
    taken = number(value, what)
    if taken > _MAX_BITS:
        raise ValueError(f"{what} is {taken:g}")
    return taken


def _representation(
    rung: int, bitrate_bps: int, segment_us: int, sizes_bytes: Sequence[int]
) -> Representation:
    edges = tuple(accumulate((max(1, size) for size in sizes_bytes), initial=0))
    index = SegmentIndex(
        1_000_000, (Run(0, segment_us, len(sizes_bytes)),), Ranges(f"{rung}.mp4", edges)
    )
    return Representation(
        id=f"0/v{rung}",
        name=f"v{rung}",
        kind="video",
        carries=("video",),
        bandwidth_bps=bitrate_bps,
        locations=(Location("host", f"https://host/v{rung}/"),),
        index=Known(index),
        codecs=("avc1.640028",),
        mime_type="video/mp4",
    )


def _sound(place: int, period: Period, bitrate_bps: int, movie: Movie) -> AdaptationSet:
    """Return a track of sound for a period, cut as its picture is."""
    picture = next(group for group in period.sets if group.kind == "video").representations[0]
    index = movie.content.index(picture.id)
    rep = Representation(
        id=f"{place}/sound",
        name="sound",
        kind="audio",
        carries=("audio",),
        bandwidth_bps=bitrate_bps,
        locations=picture.locations,
        index=Known(index.named(Template((f"sound-{place}-", "Number", ".m4s")))),
        codecs=("mp4a.40.2",),
        mime_type="audio/mp4",
    )
    return AdaptationSet(f"{place}/audio", "audio", (rep,))
