"""Movies from manifests: an MPD or an HLS playlist, with what lies beside it.

Indexes that the manifest leaves open are read from where it names them. How large a segment
is, is said by its byte range or its sidx; else by the file that it is, or by the server that
has it. Where none of these tells, it is as large as its bitrate says.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

from netplay.errors import DatasetError, MediaError
from netplay.lab.files import text
from netplay.lab.movies import Movie
from netplay.lab.shelf import Shelf, file_of
from netplay.manifest import MoreNeeded, parse_manifest, resolve
from netplay.segments import Listing, Segment, SegmentIndex
from netplay.sim.content import Content, nominal_bytes
from netplay.timeline import Known, Presentation, Representation, Unresolved

__all__ = ["read_title"]

_MAX_MANIFEST_BYTES: Final = 64 << 20
_MAX_INDEX_BYTES: Final = 16 << 20
_MAX_PIECES: Final = 1000


def read_title(source: Path | str) -> Movie:
    """Return the movie that a manifest, on the disk or at an http URL, describes.

    Raises:
        DatasetError: It has no video, or is live, or an index is not where it should be.
        ManifestError: It cannot be read.
        MediaError: A segment index is broken.
    """
    with Shelf() as shelf:
        if urlsplit(str(source)).scheme in ("http", "https"):
            url, name = str(source), Path(urlsplit(str(source)).path).stem
            data = shelf.read(url, most=_MAX_MANIFEST_BYTES)
            presentation = parse_manifest(data.decode("utf-8-sig", "replace"), url)
        else:
            path = Path(source)
            url, name = path.resolve().as_uri(), path.stem
            presentation = parse_manifest(text(path), url)
        return _movie(presentation, name, str(source), shelf)


def _movie(presentation: Presentation, name: str, source: str, shelf: Shelf) -> Movie:
    if presentation.live is not None:
        raise DatasetError(source, None, "it is live; the simulator plays titles that end")
    presentation = _unlocked(presentation)
    reps = [rep for period in presentation.periods for rep in period.representations]
    indexes = {
        rep.id: _without_keys(_index(rep, rep.index, source, shelf))
        for rep in reps
        if isinstance(rep.index, Unresolved)
    }
    known = Content(presentation, indexes)
    ladder = _ladder(presentation, source)
    if not all(rep.average_bps or rep.bandwidth_bps for rep in ladder):
        raise DatasetError(source, None, "it says no bitrate; a multivariant playlist does")
    first = known.index(ladder[0].id)
    if not first:
        raise DatasetError(source, None, f"{ladder[0].id} has no segment")
    # Subtitles are so small that their rate is near enough.
    heavy = [rep for rep in reps if rep.kind != "text"]
    told = shelf.sizes(
        _url(rep, segment)
        for rep in heavy
        for segment in known.index(rep.id)
        if segment.size_bytes is None and not segment.entry.gap
    )
    return Movie(
        name,
        Content(presentation, indexes, sizes=_Sizes(told)),
        tuple(rep.average_bps or rep.bandwidth_bps for rep in ladder),
        first[0].duration_us,
        len(first),
        lowest=ladder[0].id,
    )


def _unlocked(presentation: Presentation) -> Presentation:
    """Return a title as if it were in the clear: encryption changes no size, and no time here."""
    periods = tuple(
        replace(
            period,
            sets=tuple(
                replace(
                    group,
                    representations=tuple(_clear(rep) for rep in group.representations),
                )
                for group in period.sets
            ),
        )
        for period in presentation.periods
    )
    return replace(presentation, periods=periods, session_protections=())


def _clear(rep: Representation) -> Representation:
    index = Known(_without_keys(rep.index.index)) if isinstance(rep.index, Known) else rep.index
    return replace(rep, protections=(), index=index)


def _without_keys(index: SegmentIndex) -> SegmentIndex:
    if not isinstance(index.naming, Listing):
        return index
    entries = tuple(replace(entry, keys=()) for entry in index.naming.entries)
    return replace(index, naming=Listing(entries))


def _ladder(presentation: Presentation, source: str) -> tuple[Representation, ...]:
    """Return the rungs of the first video, lowest first."""
    for period in presentation.periods:
        for group in period.of_kind("video"):
            if not group.trick:
                return tuple(
                    sorted(
                        group.representations, key=lambda rep: rep.average_bps or rep.bandwidth_bps
                    )
                )
    raise DatasetError(source, None, "it has no video")


class _Sizes:
    """Sizes of segments: by the index, by the server, by the file, else by the bitrate.

    Args:
        told: By servers, by URL.
    """

    def __init__(self, told: dict[str, int]) -> None:
        self._told = told
        self._known: dict[tuple[str, int], int] = {}

    def __call__(self, rep: Representation, segment: Segment) -> int:
        """Return the size of a segment in bytes."""
        if segment.size_bytes is not None:
            return segment.size_bytes
        key = (rep.id, segment.number)
        if key not in self._known:
            url = _url(rep, segment)
            file = file_of(url)
            if url in self._told:
                self._known[key] = self._told[url]
            elif file is not None and file.is_file():
                self._known[key] = file.stat().st_size
            else:
                self._known[key] = nominal_bytes(rep, segment)
        return self._known[key]


def _url(rep: Representation, segment: Segment) -> str:
    return urljoin(rep.locations[0].url, segment.entry.uri)


def _index(rep: Representation, unresolved: Unresolved, source: str, shelf: Shelf) -> SegmentIndex:
    """Read an index from where it is."""
    uri, byte_range = unresolved.uri, unresolved.byte_range
    state: MoreNeeded | None = None
    for _ in range(_MAX_PIECES):
        url = urljoin(rep.locations[0].url, uri)
        if not shelf.has(url):
            detail = f"the index of {rep.id} is not beside it: {uri or url}"
            raise DatasetError(source, None, detail)
        data = shelf.read(
            url,
            first=byte_range.first if byte_range else 0,
            length=byte_range.length if byte_range else None,
            most=_MAX_INDEX_BYTES,
        )
        answer = resolve(rep, data, url, previous=state)
        if isinstance(answer, SegmentIndex):
            if not answer.ended:
                raise DatasetError(url, None, "it is live; the simulator plays what ends")
            return answer
        state, uri, byte_range = answer, answer.uri, answer.byte_range
    raise MediaError(f"segment index of {rep.id}", f"more than {_MAX_PIECES} pieces")
