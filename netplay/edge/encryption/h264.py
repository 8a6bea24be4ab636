"""How long an H.264 slice header is.

Read only as far as its end: what a field means matters where another depends on it.

Source: ISO/IEC 14496-10:2022, clauses 7.3.2.1, 7.3.2.2 and 7.3.3; 14496-15 for avcC.
"""

from collections.abc import Callable
from dataclasses import dataclass

from netplay.edge.encryption.bits import Bits, escaped_bytes, unescaped

__all__ = ["h264_slice_header_bytes"]

HIGH_PROFILES = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
SLICES = frozenset((1, 5))
IDR = 5
P, B, INTRA, SP, SI = range(5)


@dataclass(frozen=True, slots=True)
class _Sps:
    chroma: bool
    separate_planes: bool
    frame_num_bits: int
    order_type: int
    order_bits: int
    delta_order_zero: bool
    frames_only: bool


@dataclass(frozen=True, slots=True)
class _Pps:
    cabac: bool
    bottom_order: bool
    references: tuple[int, int]
    weighted: bool
    weighted_b: int
    deblocking: bool
    redundant: bool


def h264_slice_header_bytes(avcc: bytes) -> Callable[[bytes], int]:
    """Return what says how many bytes of a NAL unit are headers: all, unless it is a slice.

    Args:
        avcc: The track's AVCDecoderConfigurationRecord.

    Raises:
        ValueError: It holds no parameter sets that are understood.
    """
    sets, at = [], 5
    for _ in range(2):
        count = avcc[at] & 31 if at == 5 else avcc[at]
        at += 1
        for _ in range(count):
            size = int.from_bytes(avcc[at : at + 2], "big")
            sets.append(unescaped(avcc[at + 2 : at + 2 + size]))
            at += 2 + size
    sps = next((_sps(Bits(it[1:])) for it in sets if it[0] & 31 == 7), None)
    parsed = dict(_pps(Bits(it[1:])) for it in sets if it[0] & 31 == 8)
    if sps is None or not parsed:
        raise ValueError("avcC without parameter sets")

    def header_bytes(unit: bytes) -> int:
        if not unit or unit[0] & 31 not in SLICES:
            return len(unit)
        bits = Bits(unescaped(unit))
        _read(bits, sps, parsed)
        return escaped_bytes(unit, bits.whole_bytes)

    return header_bytes


def _sps(bits: Bits) -> _Sps:
    profile = bits.take(8)
    bits.take(16)
    bits.ue()
    chroma_format, separate = 1, False
    if profile in HIGH_PROFILES:
        chroma_format = bits.ue()
        separate = chroma_format == 3 and bits.flag()
        bits.ue()
        bits.ue()
        bits.take(1)
        if bits.flag():
            raise ValueError("scaling matrices in an SPS are not read")
    frame_num_bits = bits.ue() + 4
    order_type, order_bits, delta_zero = bits.ue(), 0, False
    if order_type == 0:
        order_bits = bits.ue() + 4
    elif order_type == 1:
        delta_zero = bits.flag()
        bits.se()
        bits.se()
        for _ in range(bits.ue()):
            bits.se()
    bits.ue()
    bits.take(1)
    bits.ue()
    bits.ue()
    chroma = chroma_format != 0 and not separate
    return _Sps(chroma, separate, frame_num_bits, order_type, order_bits, delta_zero, bits.flag())


def _pps(bits: Bits) -> tuple[int, _Pps]:
    number = bits.ue()
    bits.ue()
    cabac, bottom_order = bits.flag(), bits.flag()
    if bits.ue():
        raise ValueError("slice groups are not read")
    references = bits.ue() + 1, bits.ue() + 1
    weighted, weighted_b = bits.flag(), bits.take(2)
    for _ in range(3):
        bits.se()
    deblocking = bits.flag()
    bits.take(1)
    pps = _Pps(cabac, bottom_order, references, weighted, weighted_b, deblocking, bits.flag())
    return number, pps


def _read(bits: Bits, sps: _Sps, sets: dict[int, _Pps]) -> None:
    """Read a slice's NAL header and slice_header()."""
    head = bits.take(8)
    idr, is_reference = head & 31 == IDR, head & 0x60 != 0
    bits.ue()
    kind = bits.ue() % 5
    pps = sets[bits.ue()]
    _place(bits, sps, pps, idr=idr)
    counts = _references(bits, pps, kind)
    for _ in counts:
        if bits.flag():
            while bits.ue() != 3:
                bits.ue()
    if (pps.weighted and kind in (P, SP)) or (pps.weighted_b == 1 and kind == B):
        _weights(bits, counts, chroma=sps.chroma)
    if is_reference:
        _marking(bits, idr=idr)
    if pps.cabac and kind not in (INTRA, SI):
        bits.ue()
    bits.se()
    if kind in (SP, SI):
        bits.take(1 if kind == SP else 0)
        bits.se()
    if pps.deblocking and bits.ue() != 1:
        bits.se()
        bits.se()


def _place(bits: Bits, sps: _Sps, pps: _Pps, *, idr: bool) -> None:
    """Read which picture a slice is of, and its place in the order of output."""
    bits.take(2 if sps.separate_planes else 0)
    bits.take(sps.frame_num_bits)
    field = not sps.frames_only and bits.flag()
    bits.take(1 if field else 0)
    if idr:
        bits.ue()
    if sps.order_type == 0:
        bits.take(sps.order_bits)
        if pps.bottom_order and not field:
            bits.se()
    elif sps.order_type == 1 and not sps.delta_order_zero:
        bits.se()
        if pps.bottom_order and not field:
            bits.se()
    if pps.redundant:
        bits.ue()


def _references(bits: Bits, pps: _Pps, kind: int) -> tuple[int, ...]:
    """Read how many pictures each list refers to."""
    if kind in (INTRA, SI):
        return ()
    bits.take(1 if kind == B else 0)
    lists = 2 if kind == B else 1
    if bits.flag():
        return tuple(bits.ue() + 1 for _ in range(lists))
    return pps.references[:lists]


def _weights(bits: Bits, counts: tuple[int, ...], *, chroma: bool) -> None:
    bits.ue()
    if chroma:
        bits.ue()
    for count in counts:
        for _ in range(count):
            for numbers in (2, 4) if chroma else (2,):
                if bits.flag():
                    for _ in range(numbers):
                        bits.se()


def _marking(bits: Bits, *, idr: bool) -> None:
    """Read dec_ref_pic_marking()."""
    if idr:
        bits.take(2)
    elif bits.flag():
        while operation := bits.ue():
            for _ in range({1: 1, 2: 1, 3: 2, 4: 1, 6: 1}.get(operation, 0)):
                bits.ue()
