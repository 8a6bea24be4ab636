"""Which key and IV each sample of a track fragment is encrypted with.

Three layers answer: the track's default, the key group a run of samples belongs to, and
the auxiliary information of each sample, which stands in `senc` or wherever `saio` points.

Source: ISO/IEC 23001-7:2023, clauses 5 to 7; ISO/IEC 14496-12:2022, clauses 8.7.8, 8.7.9
and 8.9.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate, repeat

from netplay.errors import MediaError
from netplay.media.boxes import Box, Buffer, Reader
from netplay.media.init import TrackInit
from netplay.media.protection import (
    PIFF_SENC,
    Protection,
    SampleEncryption,
    read_aux,
    read_seig,
    read_senc,
)

__all__ = ["Encryptions", "encryptions_of"]

Encryptions = Iterable[SampleEncryption | None]
"""One for each sample of a run; None is a sample in the clear."""


def encryptions_of(
    data: Buffer,
    inner: list[Box],
    track: TrackInit,
    *,
    description_index: int,
    counts: list[int],
    base: int,
    end: int,
    what: str,
) -> list[Encryptions]:
    """Return how the samples of a track fragment are encrypted, run by run.

    Args:
        data: Holds the fragment.
        inner: The boxes of its `traf`.
        track: Which it belongs to.
        description_index: Which of the track's descriptions it uses, from 1.
        counts: How many samples each run has.
        base: What `saio` counts from, as an offset into data.
        end: One past the last byte of the `moof`.
        what: Names the segment in errors.

    Raises:
        MediaError: The description does not exist, or what is said about keys is broken.
    """
    descriptions = track.descriptions
    if not 1 <= description_index <= len(descriptions):
        raise MediaError(what, f"sample description {description_index} of {len(descriptions)}")
    protection = descriptions[description_index - 1].protection
    if protection is None:
        return [repeat(None)] * len(counts)
    uses = _key_uses(data, inner, track, protection, sum(counts), what=what)
    found = _per_sample(data, inner, uses, counts, base=base, end=end, what=what)
    starts = accumulate(counts, initial=0)
    return [found[start : start + count] for start, count in zip(starts, counts, strict=False)]


def _per_sample(
    data: Buffer,
    inner: list[Box],
    uses: list[Protection],
    counts: list[int],
    *,
    base: int,
    end: int,
    what: str,
) -> list[SampleEncryption | None]:
    """Return how each sample is encrypted, from whichever box says so."""
    by_kind = {box.kind: box for box in inner}
    senc = by_kind.get("senc") or by_kind.get(PIFF_SENC)
    if senc is not None:
        return read_senc(data, senc, uses, what=what)
    if "saiz" in by_kind and "saio" in by_kind:
        sizes = _read_saiz(data, by_kind["saiz"], len(uses), what=what)
        places = _read_saio(data, by_kind["saio"], what=what)
        if len(places) == 1:
            counts = [len(uses)]
        if len(places) != len(counts):
            raise MediaError(what, f"saio has {len(places)} places for {len(counts)} runs")
        found: list[SampleEncryption | None] = []
        for place, count in zip(places, counts, strict=True):
            done = len(found)
            found += read_aux(
                data,
                base + place,
                end,
                sizes=sizes[done : done + count],
                uses=uses[done : done + count],
                what=what,
            )
        return found
    # No auxiliary data at all: only a constant IV can be meant, else the samples are clear.
    return [
        SampleEncryption(use.kid, use.constant_iv, (), use.pattern)
        if use.protected and use.constant_iv is not None
        else None
        for use in uses
    ]


def _key_uses(
    data: Buffer,
    inner: list[Box],
    track: TrackInit,
    protection: Protection,
    count: int,
    *,
    what: str,
) -> list[Protection]:
    """Return what protection applies to each sample: the track's, or its key group's."""
    uses = [protection] * count
    local: tuple[Protection, ...] = ()
    for box in inner:
        if box.kind == "sgpd":
            local = read_seig(data, box, protection.scheme, what=what) or local
    for box in inner:
        if box.kind == "sbgp":
            reader = Reader.of(data, box, what=what)
            version, _ = reader.version_and_flags()
            if reader.fourcc() == "seig":
                reader.skip(4 if version else 0)
                _apply_groups(reader, uses, track.key_groups, local, what=what)
                break
    return uses


def _apply_groups(
    reader: Reader,
    uses: list[Protection],
    of_track: tuple[Protection, ...],
    of_fragment: tuple[Protection, ...],
    *,
    what: str,
) -> None:
    """Replace the protection of the samples that a key group covers."""
    done = 0
    for _ in range(reader.u32()):
        length, index = min(reader.u32(), len(uses) - done), reader.u32()
        if index:
            # Above 0x10000, the fragment's own descriptions are counted.
            groups = of_fragment if index > 0x10000 else of_track
            nth = (index & 0xFFFF) - 1
            if index >> 16 > 1 or not 0 <= nth < len(groups):
                raise MediaError(what, f"key group {index} is not described")
            uses[done : done + length] = [groups[nth]] * length
        done += length


def _aux_info_type(reader: Reader) -> None:
    _, flags = reader.version_and_flags()
    reader.skip(8 if flags & 1 else 0)


def _read_saiz(data: Buffer, saiz: Box, count: int, *, what: str) -> Sequence[int]:
    reader = Reader.of(data, saiz, what=what)
    _aux_info_type(reader)
    default, stated = reader.u8(), reader.u32()
    if stated > count:
        raise MediaError(what, f"saiz speaks of {stated} samples, the fragment has {count}")
    sizes = [default] * stated if default else list(reader.take(stated))
    return sizes + [0] * (count - stated)


def _read_saio(data: Buffer, saio: Box, *, what: str) -> list[int]:
    reader = Reader.of(data, saio, what=what)
    wide = data[saio.body] != 0
    _aux_info_type(reader)
    # Each place takes at least four bytes, so the box bounds the count.
    return [reader.u64() if wide else reader.u32() for _ in range(reader.u32())]
