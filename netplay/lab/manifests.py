"""Movies from manifests: an MPD or an HLS playlist, with what lies beside it on the disk.

Nothing is fetched. Indexes that the manifest leaves open are read from the files it names,
and a segment that is a file of its own is as large as that file. Where there is neither a
byte range nor a file, a segment is as large as its bitrate says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from netplay.errors import DatasetError, MediaError
from netplay.lab.files import text
from netplay.lab.movies import Movie
from netplay.manifest import MoreNeeded, parse_manifest, resolve
from netplay.segments import Segment, SegmentIndex
from netplay.sim.content import Content, nominal_bytes
from netplay.timeline import Presentation, Representation, Unresolved

__all__ = ["read_title"]

_MAX_INDEX_BYTES: Final = 16 << 20
_MAX_PIECES: Final = 1000


def read_title(path: Path) -> Movie:
    """Return the movie that a manifest on the disk describes.

    Raises:
        DatasetError: It has no video, or is live, or an index is not beside it.
        ManifestError: It cannot be read.
        MediaError: A segment index is broken.
    """
    presentation = parse_manifest(text(path), path.resolve().as_uri())
    if presentation.live is not None:
        raise DatasetError(str(path), None, "it is live; the simulator plays titles that end")
    indexes = {
        rep.id: _index(rep, rep.index, path)
        for period in presentation.periods
        for rep in period.representations
        if isinstance(rep.index, Unresolved)
    }
    content = Content(presentation, indexes, sizes=_Sizes())
    ladder = _ladder(presentation, path)
    first = content.index(ladder[0].id)
    if not first:
        raise DatasetError(str(path), None, f"{ladder[0].id} has no segment")
    return Movie(
        path.stem,
        content,
        tuple(rep.average_bps or rep.bandwidth_bps for rep in ladder),
        first[0].duration_us,
        len(first),
    )


def _ladder(presentation: Presentation, path: Path) -> tuple[Representation, ...]:
    """Return the rungs of the first video, lowest first."""
    for period in presentation.periods:
        for group in period.of_kind("video"):
            if not group.trick:
                return tuple(
                    sorted(
                        group.representations, key=lambda rep: rep.average_bps or rep.bandwidth_bps
                    )
                )
    raise DatasetError(str(path), None, "it has no video")


class _Sizes:
    """Sizes of segments, by the index, else by the file, else by the bitrate."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], int] = {}

    def __call__(self, rep: Representation, segment: Segment) -> int:
        """Return the size of a segment in bytes."""
        if segment.size_bytes is not None:
            return segment.size_bytes
        key = (rep.id, segment.number)
        if key not in self._known:
            url = urljoin(rep.locations[0].url, segment.entry.uri)
            file = _file(url)
            self._known[key] = (
                file.stat().st_size
                if file is not None and file.is_file()
                else nominal_bytes(rep, segment)
            )
        return self._known[key]


def _index(rep: Representation, unresolved: Unresolved, path: Path) -> SegmentIndex:
    """Read an index from the file it is in."""
    uri, byte_range = unresolved.uri, unresolved.byte_range
    state: MoreNeeded | None = None
    for _ in range(_MAX_PIECES):
        url = urljoin(rep.locations[0].url, uri)
        file = _file(url)
        if file is None or not file.is_file():
            raise DatasetError(
                str(path), None, f"the index of {rep.id} is not beside it: {uri or url}"
            )
        with file.open("rb") as opened:
            opened.seek(byte_range.first if byte_range else 0)
            length = byte_range.length if byte_range else None
            data = opened.read(min(length or _MAX_INDEX_BYTES, _MAX_INDEX_BYTES))
        answer = resolve(rep, data, url, previous=state)
        if isinstance(answer, SegmentIndex):
            if not answer.ended:
                raise DatasetError(str(file), None, "it is live; the simulator plays what ends")
            return answer
        state, uri, byte_range = answer, answer.uri, answer.byte_range
    raise MediaError(f"segment index of {rep.id}", f"more than {_MAX_PIECES} pieces")


def _file(url: str) -> Path | None:
    """Return the file of a URL; None if it is elsewhere."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
