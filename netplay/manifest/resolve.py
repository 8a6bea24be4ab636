"""The document behind an Unresolved index becomes a SegmentIndex.

Nothing is fetched here. A sidx may refer to further ones, so an answer may be that more is
needed; what is known by then goes back in with the next document.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import assert_never

from netplay.errors import MediaError
from netplay.manifest.text import decoded
from netplay.media.sidx import Incomplete, Reference, Sidx, read_sidx
from netplay.segments import (
    ByteRange,
    Entry,
    Init,
    Listing,
    Naming,
    Ranges,
    Run,
    SegmentIndex,
)
from netplay.timeline import Representation, Unresolved

__all__ = ["MoreNeeded", "resolve"]

MAX_INDEXES = 1000
"""sidx boxes of one file. Each has to be fetched before playback can begin; packagers that
write two levels write some tens."""

MAX_PIECES = 1_000_000
FIRST_GUESS_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class MoreNeeded:
    """An index is in several pieces, and this one has to be fetched next.

    Attributes:
        uri: The document, relative to a Location's url.
        byte_range: The part of it to fetch.
        pieces: What is known so far, in order; for `resolve` alone.
        top: The first index; None before it has been read.
        read: How many indexes have been read.
    """

    uri: str
    byte_range: ByteRange
    pieces: tuple[Reference, ...] = ()
    top: Sidx | None = None
    read: int = 0


def resolve(
    representation: Representation,
    data: bytes,
    url: str,
    *,
    origin_utc_us: int | None = None,
    previous: SegmentIndex | MoreNeeded | None = None,
) -> SegmentIndex | MoreNeeded:
    """Return the segments of a Representation from the document that names them.

    Args:
        representation: Its index is Unresolved and says what had to be fetched.
        data: The document, or the byte range of it that was asked for.
        url: Where it came from, after redirects.
        origin_utc_us: Unix time of position 0 (Live.origin_utc_us), to place a live playlist
            beside the others of its presentation.
        previous: An earlier index of the same Representation (a playlist that is
            refreshed), or what MoreNeeded said.

    Raises:
        ManifestError: It is not a media playlist.
        MediaError: It is not a segment index, or one that contradicts itself.
    """
    unresolved = representation.index
    if not isinstance(unresolved, Unresolved):
        raise ValueError(f"the segments of {representation.id} are known already")  # noqa: TRY004
    match unresolved.form:
        case "playlist":
            from netplay.manifest.hls import read_media_playlist

            return read_media_playlist(
                decoded(data, url),
                url,
                unresolved=unresolved,
                previous=previous if isinstance(previous, SegmentIndex) else None,
                origin_utc_us=origin_utc_us,
            )
        case "sidx":
            state = previous if isinstance(previous, MoreNeeded) else _beginning(unresolved)
            return _sidx_read(unresolved, state, data, what=f"segment index of {representation.id}")
        case other:
            assert_never(other)


def _beginning(unresolved: Unresolved) -> MoreNeeded:
    return MoreNeeded(unresolved.uri, unresolved.byte_range or ByteRange(0))


def _sidx_read(
    unresolved: Unresolved, state: MoreNeeded, data: bytes, *, what: str
) -> SegmentIndex | MoreNeeded:
    first_byte = state.byte_range.first
    sidx = read_sidx(data, first_byte=first_byte, what=what)
    if isinstance(sidx, Incomplete):
        asked = state.byte_range.length
        if asked is None or len(data) < asked:
            raise MediaError(what, f"{len(data)} bytes, of at least {sidx.needed_bytes}")
        longer = ByteRange(first_byte, max(sidx.needed_bytes, FIRST_GUESS_BYTES))
        return MoreNeeded(state.uri, longer, state.pieces, state.top, state.read)
    top = state.top or sidx
    if state.read >= MAX_INDEXES or len(state.pieces) + len(sidx.references) > MAX_PIECES:
        raise MediaError(what, f"more than {MAX_INDEXES} indexes or {MAX_PIECES} pieces")
    pieces = _with(state.pieces, sidx, top=top, what=what)
    below = next((piece for piece in pieces if piece.kind == "index"), None)
    if below is None:
        return _index(unresolved, top, pieces, what=what)
    wanted = ByteRange(below.first_byte, below.size_bytes)
    return MoreNeeded(state.uri, wanted, pieces, top, state.read + 1)


def _with(
    pieces: tuple[Reference, ...], sidx: Sidx, *, top: Sidx, what: str
) -> tuple[Reference, ...]:
    """Return the pieces with the first index among them replaced by what it holds."""
    if sidx.timescale != top.timescale:
        raise MediaError(what, f"timescales {top.timescale} and {sidx.timescale} in one index")
    place = next((n for n, piece in enumerate(pieces) if piece.kind == "index"), 0)
    return (*pieces[:place], *sidx.references, *pieces[place + 1 :])


def _index(
    unresolved: Unresolved, top: Sidx, pieces: tuple[Reference, ...], *, what: str
) -> SegmentIndex:
    scale, timescale = 1, top.timescale
    if unresolved.origin_ticks * timescale % unresolved.timescale:
        timescale = lcm(timescale, unresolved.timescale)
        scale = timescale // top.timescale
    origin = unresolved.origin_ticks * timescale // unresolved.timescale
    runs, ends = [], None
    for piece in pieces:
        run = Run(piece.start_ticks * scale, piece.duration_ticks * scale)
        if ends is not None and run.start < ends:
            raise MediaError(what, f"the piece at byte {piece.first_byte} goes back in time")
        ends = run.start + run.duration
        runs.append(run)
    from netplay.manifest.dash.unroll import behind, clip

    kept, skipped = behind(runs, origin)
    if unresolved.period_end_us is not None:
        length_us = unresolved.period_end_us - unresolved.period_start_us
        kept = clip(kept, origin - -length_us * timescale // 1_000_000)
    shown = pieces[skipped : skipped + len(kept)]
    return SegmentIndex(
        timescale=timescale,
        runs=tuple(kept),
        naming=_naming(unresolved, top, shown),
        first_number=skipped,
        period_start_us=unresolved.period_start_us,
        origin_ticks=origin,
        clip_end_us=unresolved.period_end_us,
    )


def _naming(unresolved: Unresolved, top: Sidx, pieces: tuple[Reference, ...]) -> Naming:
    uri, moved = unresolved.uri, 0
    init = unresolved.init
    if unresolved.media_uri is not None:
        # The index of another file counts from that file's beginning.
        uri, moved = unresolved.media_uri, top.first_byte + top.size_bytes
    elif init is None and top.first_byte > 0:
        init = Init(uri, ByteRange(0, top.first_byte))
    firsts = [piece.first_byte - moved for piece in pieces]
    sizes = [piece.size_bytes for piece in pieces]
    if all(
        first + size == then for first, size, then in zip(firsts, sizes, firsts[1:], strict=False)
    ):
        last = (firsts[-1] + sizes[-1],) if pieces else ()
        return Ranges(uri, (*firsts, *last), init)
    # Further indexes lie between the pieces.
    return Listing(
        tuple(
            Entry(uri, ByteRange(first, size), init)
            for first, size in zip(firsts, sizes, strict=True)
        )
    )
