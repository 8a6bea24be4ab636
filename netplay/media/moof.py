"""One `moof` becomes runs of samples: where each one is, when, and how it is encrypted.

A run is the columns of one `trun`, kept as columns: lists and repeats that C code made,
turned into samples only when their bytes have arrived. A fragment of a hundred samples
costs a few calls instead of a few hundred.

Source: ISO/IEC 14496-12:2022, clauses 8.8.4 to 8.8.12; where it leaves freedom (signed
offsets in version 0, what counts as a keyframe) this follows libav, whose packets are the
reference.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from operator import add
from typing import NamedTuple

from netplay.errors import MediaError
from netplay.media.boxes import Box, Buffer, Reader, boxes
from netplay.media.init import InitSegment, SampleDefaults, TrackInit
from netplay.media.protection import SampleEncryption
from netplay.media.sample_keys import encryptions_of

__all__ = ["MAX_SAMPLES", "Run", "Sample", "read_moof"]

MAX_SAMPLES = 1 << 18
"""In one fragment. A guess with room: ten minutes of AAC in one fragment are 28,000."""

MAX_EMPTY_SAMPLES = 16
"""In one run that states no sizes: without bytes to wait for, a few header bytes could
otherwise ask for any number of samples."""

NOT_SYNC = 0x0101_0000
"""sample_is_non_sync_sample, or sample_depends_on = 1: libav takes neither for a keyframe."""

BASE_DATA_OFFSET = 0x1
DESCRIPTION_INDEX = 0x2
DEFAULT_DURATION = 0x8
DEFAULT_SIZE = 0x10
DEFAULT_FLAGS = 0x20
DEFAULT_BASE_IS_MOOF = 0x20000

DATA_OFFSET = 0x1
FIRST_FLAGS = 0x4
COLUMNS = (0x100, 0x200, 0x400, 0x800)
"""Of a `trun`, in the order they are stored: duration, size, flags, composition offset."""


class Sample(NamedTuple):
    """One sample, as a decoder takes it. A tuple, because hundreds are made a second.

    Attributes:
        track_id: As the init segment names it.
        dts: Decode time, in ticks of the track's timescale.
        pts: Composition time, in the same ticks, before any edit list.
        duration: In the same ticks.
        keyframe: Whether decoding can start here; always so for audio and text.
        data: Its bytes: a view of what was fed, or of a copy where it came in pieces.
        encryption: None: in the clear.
    """

    track_id: int
    dts: int
    pts: int
    duration: int
    keyframe: bool
    data: memoryview
    encryption: SampleEncryption | None


Row = tuple[int, int, int, int, int, bool, SampleEncryption | None]
"""Start and end byte, dts, pts, duration, keyframe and encryption of a sample."""


@dataclass(slots=True)
class Run:
    """Samples that lie one after another: what one `trun` says.

    Attributes:
        track_id: Whose samples.
        start: Where the first byte is, counted like the moof's own position.
        ends: One past the last byte of each sample.
        rows: The samples not yet handed out, in order.
        given: How many have been handed out.
    """

    track_id: int
    start: int
    ends: list[int]
    rows: Iterator[Row]
    given: int = 0


@dataclass(slots=True)
class _Trun:
    """The columns of one `trun`."""

    offset: int | None
    durations: Sequence[int]
    sizes: Sequence[int]
    keys: Iterable[bool]
    offsets: Iterable[int]


@dataclass(frozen=True, slots=True)
class _Traf:
    """What `tfhd` says about a track fragment, with the defaults of the track filled in."""

    track: TrackInit
    base: int
    defaults: SampleDefaults


def read_moof(
    data: Buffer,
    moof: Box,
    *,
    position: int,
    init: InitSegment,
    decode_ticks: dict[int, int],
    what: str,
) -> list[Run]:
    """Return the runs of one `moof`, in the order of the file.

    Args:
        data: Holds the box.
        moof: The box.
        position: Where the box starts, in the file or in whatever counts runs' positions.
        init: What the fragment leaves out.
        decode_ticks: Where each track's next sample is due if the fragment does not say;
            moved on by what the fragment holds.
        what: Names the segment in errors.

    Raises:
        MediaError: The box is broken, absurd, or of another init segment.
    """
    runs: list[Run] = []
    total = 0
    implicit_base = position
    for box in boxes(data, moof.body, moof.end, what=what):
        if box.kind != "traf":
            continue
        inner = list(boxes(data, box.body, box.end, what=what))
        traf = _read_tfhd(data, inner, position, implicit_base, init, what=what)
        truns = []
        for trun in inner:
            if trun.kind == "trun":
                columns = _read_trun(data, trun, traf, what=what)
                total += len(columns.sizes)
                if total > MAX_SAMPLES:
                    raise MediaError(what, f"more than {MAX_SAMPLES} samples in one fragment")
                truns.append(columns)
        dts = _read_tfdt(data, inner, what=what)
        if dts is None:
            dts = decode_ticks.get(traf.track.track_id, 0)
        encryptions = encryptions_of(
            data,
            inner,
            traf.track,
            description_index=traf.defaults.description_index,
            counts=[len(columns.sizes) for columns in truns],
            base=traf.base - position + moof.start,
            end=moof.end,
            what=what,
        )
        at = traf.base
        for columns, encryption in zip(truns, encryptions, strict=True):
            at = at if columns.offset is None else traf.base + columns.offset
            run = _run(traf.track.track_id, at, dts, columns, encryption)
            dts += sum(columns.durations)
            at = run.ends[-1] if run.ends else at
            if run.ends:
                runs.append(run)
        decode_ticks[traf.track.track_id] = dts
        implicit_base = at
    return runs


def _run(
    track_id: int,
    start: int,
    dts: int,
    columns: _Trun,
    encryption: Iterable[SampleEncryption | None],
) -> Run:
    ends = list(accumulate(columns.sizes, initial=start))
    times = list(accumulate(columns.durations, initial=dts))
    del times[-1]
    rows = zip(
        ends[:-1],
        ends[1:],
        times,
        map(add, times, columns.offsets),
        columns.durations,
        columns.keys,
        encryption,
        strict=False,
    )
    return Run(track_id, start, ends[1:], rows)


def _read_tfhd(
    data: Buffer,
    inner: list[Box],
    position: int,
    implicit_base: int,
    init: InitSegment,
    *,
    what: str,
) -> _Traf:
    tfhd = next((box for box in inner if box.kind == "tfhd"), None)
    if tfhd is None:
        raise MediaError(what, "a track fragment without a tfhd box")
    reader = Reader.of(data, tfhd, what=what)
    _, flags = reader.version_and_flags()
    track_id = reader.u32()
    track = init.track(track_id)
    if track is None:
        known = ", ".join(str(it.track_id) for it in init.tracks)
        raise MediaError(
            what, f"samples of track {track_id}, of which the init segment ({known}) knows nothing"
        )
    base = position if flags & DEFAULT_BASE_IS_MOOF else implicit_base
    if flags & BASE_DATA_OFFSET:
        # One from before the moof is left over from another file that the fragment was cut
        # out of; browsers count from the moof then.
        base = max(reader.u64(), position)
    stated = track.defaults
    defaults = SampleDefaults(
        description_index=reader.u32() if flags & DESCRIPTION_INDEX else stated.description_index,
        duration_ticks=reader.u32() if flags & DEFAULT_DURATION else stated.duration_ticks,
        size_bytes=reader.u32() if flags & DEFAULT_SIZE else stated.size_bytes,
        flags=reader.u32() if flags & DEFAULT_FLAGS else stated.flags,
    )
    return _Traf(track, base, defaults)


def _read_tfdt(data: Buffer, inner: list[Box], *, what: str) -> int | None:
    for box in inner:
        if box.kind == "tfdt":
            reader = Reader.of(data, box, what=what)
            version, _ = reader.version_and_flags()
            return reader.u64() if version else reader.u32()
    return None


def _read_trun(data: Buffer, trun: Box, traf: _Traf, *, what: str) -> _Trun:
    """Read the columns of a `trun`; absurd counts are refused before they take memory."""
    reader = Reader.of(data, trun, what=what)
    _, flags = reader.version_and_flags()
    count = reader.u32()
    defaults = traf.defaults
    if count > MAX_SAMPLES:
        raise MediaError(what, f"{count} samples in one run; {MAX_SAMPLES} are the most")
    # Signed in version 0 too: muxers wrote negative offsets there long before version 1.
    offset = reader.i32() if flags & DATA_OFFSET else None
    first_flags = reader.u32() if flags & FIRST_FLAGS else None
    present = [flag for flag in COLUMNS if flags & flag]
    width = len(present)
    at = reader.skip(4 * width * count)
    cells = struct.unpack_from(f">{width * count}I", data, at)
    column = {flag: cells[index::width] for index, flag in enumerate(present)}
    sizes = column.get(0x200)
    if sizes is None:
        if defaults.size_bytes == 0 and count > MAX_EMPTY_SAMPLES:
            raise MediaError(what, f"{count} samples without a size")
        sizes = (defaults.size_bytes,) * count
    signed: Iterable[int] = repeat(0)
    if 0x800 in column:
        signed = [it - 0x1_0000_0000 if it & 0x8000_0000 else it for it in column[0x800]]
    return _Trun(
        offset=offset,
        durations=column.get(0x100, (defaults.duration_ticks,) * count),
        sizes=sizes,
        keys=_keys(traf, column.get(0x400), first_flags),
        offsets=signed,
    )


def _keys(traf: _Traf, flags: Sequence[int] | None, first_flags: int | None) -> Iterable[bool]:
    """Say which samples are keyframes."""
    if traf.track.kind != "video":
        return repeat(True)
    if flags is not None:
        keys = [not it & NOT_SYNC for it in flags]
        if first_flags is not None and keys:
            keys[0] = not first_flags & NOT_SYNC
        return keys
    rest = repeat(not traf.defaults.flags & NOT_SYNC)
    return rest if first_flags is None else chain((not first_flags & NOT_SYNC,), rest)
