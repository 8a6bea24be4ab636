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
from netplay.lab.sheets import Sheet
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
        lowest: Id of the lowest rung of its picture, by whose segments positions are told.
    """

    name: str
    content: Content
    bitrates_bps: tuple[int, ...]
    segment_us: int
    segments: int
    vmaf: tuple[tuple[float, ...], ...] | None = None
    lowest: str = "0/v0"

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
        index = self.content.index(self.lowest)
        position_us = float(index.start_us)
        for one in played:
            place = index.place_at(int(position_us + one.duration_s * 5e5))
            # What rounding leaves behind the end is of the last one.
            rated.append(replace(one, quality=self.vmaf[-1 if place is None else place][one.rung]))
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


def read_movie(source: Path | str, *, vmaf: Path | None = None) -> Movie:
    """Return the movie of a file or a URL: Sabre's JSON, an MPD, or an HLS playlist.

    Sizes of a manifest's segments come from its byte ranges, from a sidx, from the files beside
    it, or from the servers that have them, one HEAD request each; they are bitrate times
    duration where none of these tells.

    Args:
        source: A path; or an http or https URL of a manifest, which is fetched with the
            indexes that it names.
        vmaf: A JSON file of {"vmaf": [[...], ...]}, a row a segment of the picture and a
            column a rung, lowest first; None: for `title.mpd` it is `title.vmaf.json`, if that
            is there.

    Raises:
        DatasetError: The file is no movie; it names the line.
        ManifestError: It is a manifest that cannot be read.
        MediaError: A segment index is broken.
    """
    path = Path(source)
    if [suffix for suffix in path.suffixes if suffix != ".gz"][-1:] == [".json"]:
        movie = _sabre(path)
    else:
        from netplay.lab.manifests import read_title

        movie = read_title(source)
        beside = path.with_suffix(".vmaf.json")
        if vmaf is None and "://" not in str(source) and beside.exists():
            vmaf = beside
    return movie if vmaf is None else replace(movie, vmaf=_vmaf(vmaf, movie))


def _sabre(path: Path) -> Movie:
    sheet = Sheet(path, "a movie")
    bitrates_kbps = sheet.row("bitrates_kbps", "a bitrate", most=_MAX_RUNGS, limit=_MAX_BITS)
    rungs = len(bitrates_kbps)
    sizes_bits = sheet.table(
        "segment_sizes_bits", "a size", columns=rungs, most=_MAX_SEGMENTS, limit=_MAX_BITS
    )
    segment_ms = sheet.number("segment_duration_ms", limit=_MAX_BITS)
    try:
        return make_movie(
            path.name.removesuffix(".gz").removesuffix(".json"),
            segment_us=round(segment_ms * 1000),
            bitrates_bps=[round(kbps * 1000) for kbps in bitrates_kbps],
            sizes_bytes=[[-(-round(bits) // 8) for bits in row] for row in sizes_bits],
            vmaf=_table(sheet, rungs, len(sizes_bits)) if "vmaf" in sheet else None,
        )
    except ValueError as error:
        # Of the whole file: of a ladder that falls, or of segments that last no time.
        about = "segment_duration_ms" if round(segment_ms * 1000) <= 0 else "bitrates_kbps"
        raise sheet.wrong(about, str(error)) from error


def _vmaf(path: Path, movie: Movie) -> tuple[tuple[float, ...], ...]:
    """Return the VMAF of a movie's segments from a file of its own."""
    sheet = Sheet(path, "a table of VMAF")
    if len(movie.content.presentation.periods) > 1:
        raise sheet.wrong("vmaf", f"{movie.name} has several periods, whose rungs may differ")
    return tuple(map(tuple, _table(sheet, len(movie.bitrates_bps), movie.segments)))


def _table(sheet: Sheet, rungs: int, segments: int) -> list[list[float]]:
    rows = sheet.table("vmaf", "a VMAF", columns=rungs, most=_MAX_SEGMENTS, limit=100)
    if len(rows) != segments:
        raise sheet.wrong("vmaf", f"it rates {len(rows)} of {segments} segments")
    return rows


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
