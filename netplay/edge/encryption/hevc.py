"""How long an HEVC slice segment header is.

Source: ISO/IEC 23008-2:2023, clauses 7.3.2.2, 7.3.2.3, 7.3.6 and 7.3.7; 14496-15 for hvcC.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from netplay.edge.encryption.bits import Bits, escaped_bytes, unescaped

__all__ = ["hevc_slice_header_bytes"]

SPS, PPS = 33, 34
B, P, INTRA = range(3)

PictureSet = list[tuple[int, bool]]
"""Of each reference picture, how far it is in output order and whether this one uses it."""


@dataclass(frozen=True, slots=True)
class _Sps:
    chroma: bool
    separate_planes: bool
    address_bits: int
    order_bits: int
    offset_filter: bool
    sets: tuple[PictureSet, ...]
    long_term: tuple[bool, ...] | None
    temporal: bool


@dataclass(frozen=True, slots=True)
class _Pps:
    dependent: bool
    output_flag: bool
    extra_bits: int
    cabac_init: bool
    references: tuple[int, int]
    chroma_offsets: bool
    weighted: bool
    weighted_b: bool
    entry_points: bool
    across_slices: bool
    deblocking_override: bool
    deblocking_off: bool
    lists_modified: bool
    extension: bool


def hevc_slice_header_bytes(hvcc: bytes) -> Callable[[bytes], int]:
    """Return what says how many bytes of a NAL unit are headers: all, unless it is a slice.

    Args:
        hvcc: The track's HEVCDecoderConfigurationRecord.

    Raises:
        ValueError: It holds no parameter sets that are understood.
    """
    sets, at = [], 23
    for _ in range(hvcc[22]):
        count = int.from_bytes(hvcc[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            size = int.from_bytes(hvcc[at : at + 2], "big")
            sets.append(unescaped(hvcc[at + 2 : at + 2 + size]))
            at += 2 + size
    sps = next((_sps(Bits(it[2:])) for it in sets if it[0] >> 1 == SPS), None)
    parsed = dict(_pps(Bits(it[2:])) for it in sets if it[0] >> 1 == PPS)
    if sps is None or not parsed:
        raise ValueError("hvcC without parameter sets")

    def header_bytes(unit: bytes) -> int:
        kind = unit[0] >> 1 if unit else SPS
        if not (kind <= 9 or 16 <= kind <= 21):
            return len(unit)
        bits = Bits(unescaped(unit))
        bits.take(16)
        _read(bits, kind, sps, parsed)
        return escaped_bytes(unit, bits.whole_bytes)

    return header_bytes


def _sps(bits: Bits) -> _Sps:
    bits.take(4)
    layers = bits.take(3)
    bits.take(1)
    _levels(bits, layers)
    bits.ue()
    chroma_format = bits.ue()
    separate = chroma_format == 3 and bits.flag()
    width, height = bits.ue(), bits.ue()
    for _ in range(4 if bits.flag() else 0):
        bits.ue()
    bits.ue()
    bits.ue()
    order_bits = bits.ue() + 4
    for _ in range(3 * (layers + 1 if bits.flag() else 1)):
        bits.ue()
    block_bits = bits.ue() + 3
    block_bits += bits.ue()
    for _ in range(4):
        bits.ue()
    if bits.flag() and bits.flag():
        raise ValueError("scaling lists in an SPS are not read")
    bits.take(1)
    offset_filter = bits.flag()
    if bits.flag():
        bits.take(8)
        bits.ue()
        bits.ue()
        bits.take(1)
    sets: list[PictureSet] = []
    count = bits.ue()
    for number in range(count):
        sets.append(_picture_set(bits, number, count, sets))
    long_term = None
    if bits.flag():
        long_term = tuple(bits.take(order_bits + 1) & 1 == 1 for _ in range(bits.ue()))
    blocks = -(-width >> block_bits) * -(-height >> block_bits)
    return _Sps(
        chroma=chroma_format != 0 and not separate,
        separate_planes=separate,
        address_bits=(blocks - 1).bit_length(),
        order_bits=order_bits,
        offset_filter=offset_filter,
        sets=tuple(sets),
        long_term=long_term,
        temporal=bits.flag(),
    )


def _levels(bits: Bits, layers: int) -> None:
    """Read profile_tier_level()."""
    bits.take(96)
    present = [bits.take(2) for _ in range(layers)]
    bits.take(2 * (8 - layers) if layers else 0)
    for it in present:
        bits.take((88 if it & 2 else 0) + (8 if it & 1 else 0))


def _picture_set(bits: Bits, number: int, count: int, sets: list[PictureSet]) -> PictureSet:
    """Read st_ref_pic_set()."""
    found: PictureSet = []
    if number and bits.flag():
        back = bits.ue() + 1 if number == count else 1
        negative, size = bits.flag(), bits.ue() + 1
        for place, _ in [*sets[number - back], (0, False)]:
            used = bits.flag()
            moved = place + (-size if negative else size)
            if (used or bits.flag()) and moved:
                found.append((moved, used))
    else:
        before, after = bits.ue(), bits.ue()
        for step, pictures in ((-1, before), (1, after)):
            place = 0
            for _ in range(pictures):
                place += step * (bits.ue() + 1)
                found.append((place, bits.flag()))
    # Nearest first, and those before in output order before those after.
    return sorted(found, key=lambda it: (it[0] > 0, abs(it[0])))


def _pps(bits: Bits) -> tuple[int, _Pps]:
    number = bits.ue()
    bits.ue()
    dependent, output_flag, extra_bits = bits.flag(), bits.flag(), bits.take(3)
    bits.take(1)
    cabac_init = bits.flag()
    references = bits.ue() + 1, bits.ue() + 1
    bits.se()
    bits.take(2)
    if bits.flag():
        bits.ue()
    bits.se()
    bits.se()
    chroma_offsets, weighted, weighted_b = bits.flag(), bits.flag(), bits.flag()
    bits.take(1)
    tiles, synchronised = bits.flag(), bits.flag()
    if tiles:
        columns, rows = bits.ue(), bits.ue()
        if not bits.flag():
            for _ in range(columns + rows):
                bits.ue()
        bits.take(1)
    across_slices, override, off = bits.flag(), False, False
    if bits.flag():
        override, off = bits.flag(), bits.flag()
        if not off:
            bits.se()
            bits.se()
    if bits.flag():
        raise ValueError("scaling lists in a PPS are not read")
    lists_modified = bits.flag()
    bits.ue()
    return number, _Pps(
        dependent=dependent,
        output_flag=output_flag,
        extra_bits=extra_bits,
        cabac_init=cabac_init,
        references=references,
        chroma_offsets=chroma_offsets,
        weighted=weighted,
        weighted_b=weighted_b,
        entry_points=tiles or synchronised,
        across_slices=across_slices,
        deblocking_override=override,
        deblocking_off=off,
        lists_modified=lists_modified,
        extension=bits.flag(),
    )


def _read(bits: Bits, kind: int, sps: _Sps, sets: dict[int, _Pps]) -> None:
    """Read slice_segment_header()."""
    first = bits.flag()
    if 16 <= kind <= 23:
        bits.take(1)
    pps = sets[bits.ue()]
    dependent = False
    if not first:
        dependent = pps.dependent and bits.flag()
        bits.take(sps.address_bits)
    if not dependent:
        _independent(bits, kind, sps, pps)
    if pps.entry_points:
        offsets = bits.ue()
        length = bits.ue() + 1 if offsets else 0
        bits.take(offsets * length)
    if pps.extension:
        bits.take(8 * bits.ue())
    bits.take(1)  # alignment_bit_equal_to_one


def _independent(bits: Bits, kind: int, sps: _Sps, pps: _Pps) -> None:
    """Read what a dependent segment takes over from the one before."""
    bits.take(pps.extra_bits)
    slice_type = bits.ue()
    bits.take(pps.output_flag + 2 * sps.separate_planes)
    temporal, used = False, 0
    if kind not in (19, 20):
        bits.take(sps.order_bits)
        used = _pictures(bits, sps)
        temporal = sps.temporal and bits.flag()
    filtered = bits.take(1 + sps.chroma) != 0 if sps.offset_filter else False
    if slice_type != INTRA:
        _predicted(bits, slice_type, sps, pps, used=used, temporal=temporal)
    bits.se()
    if pps.chroma_offsets:
        bits.se()
        bits.se()
    off = pps.deblocking_off
    if pps.deblocking_override and bits.flag():
        off = bits.flag()
        if not off:
            bits.se()
            bits.se()
    if pps.across_slices and (filtered or not off):
        bits.take(1)


def _pictures(bits: Bits, sps: _Sps) -> int:
    """Read which pictures are kept, and return how many the slice may refer to."""
    if not bits.flag():
        pictures = _picture_set(bits, len(sps.sets), len(sps.sets), list(sps.sets))
    else:
        pictures = sps.sets[bits.take((len(sps.sets) - 1).bit_length())]
    used = sum(it for _, it in pictures)
    if sps.long_term is None:
        return used
    known = bits.ue() if sps.long_term else 0
    total = known + bits.ue()
    for number in range(total):
        if number < known:
            used += sps.long_term[bits.take((len(sps.long_term) - 1).bit_length())]
        else:
            used += bits.take(sps.order_bits + 1) & 1
        if bits.flag():
            bits.ue()
    return used


def _predicted(
    bits: Bits, slice_type: int, sps: _Sps, pps: _Pps, *, used: int, temporal: bool
) -> None:
    """Read what slices that refer to other pictures have more."""
    lists = 2 if slice_type == B else 1
    counts = pps.references[:lists]
    if bits.flag():
        counts = tuple(bits.ue() + 1 for _ in range(lists))
    if pps.lists_modified and used > 1:
        for count in counts:
            if bits.flag():
                bits.take(count * (used - 1).bit_length())
    if slice_type == B:
        bits.take(1)
    if pps.cabac_init:
        bits.take(1)
    if temporal:
        other = slice_type == B and not bits.flag()
        if counts[other] > 1:
            bits.ue()
    if (pps.weighted and slice_type == P) or (pps.weighted_b and slice_type == B):
        _weights(bits, counts, chroma=sps.chroma)
    bits.ue()


def _weights(bits: Bits, counts: tuple[int, ...], *, chroma: bool) -> None:
    """Read pred_weight_table()."""
    bits.ue()
    if chroma:
        bits.se()
    for count in counts:
        luma = [bits.flag() for _ in range(count)]
        colour = [chroma and bits.flag() for _ in range(count)]
        numbers = (2 * one + 4 * two for one, two in zip(luma, colour, strict=True))
        for _ in chain.from_iterable(map(range, numbers)):
            bits.se()
