"""How long a VP9 frame's uncompressed header is, and which frames a sample holds.

Source: "VP9 Bitstream & Decoding Process Specification" 0.7, clause 6.2 and annex B.
"""

from netplay.edge.encryption.bits import Bits

__all__ = ["vp9_frames", "vp9_header_bytes"]

RGB = 7


def vp9_frames(data: bytes) -> list[int]:
    """Return the sizes of the frames of a sample: one, unless it is a superframe."""
    marker = data[-1] if data else 0
    if marker >> 5 != 0b110:
        return [len(data)]
    count, width = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index = data[-(2 + count * width) :]
    if index[0] != marker:
        return [len(data)]
    return [
        int.from_bytes(index[1 + at : 1 + at + width], "little")
        for at in range(0, count * width, width)
    ]


def vp9_header_bytes(frame: bytes, track_width: int) -> int:
    """Return the size of uncompressed_header().

    Args:
        frame: A frame, or its start.
        track_width: Of pictures that take their size over from another, in pixels.
    """
    bits = Bits(frame)
    bits.take(2)
    profile = bits.take(1) | bits.take(1) << 1
    bits.take(1 if profile == 3 else 0)
    if bits.flag():  # show_existing_frame
        return len(frame)
    key, shown, resilient = not bits.flag(), bits.flag(), bits.flag()
    width = _key(bits, profile) if key else _other(bits, profile, shown=shown, resilient=resilient)
    bits.take(2 if resilient else 4)
    _loop_filter(bits)
    bits.take(8)
    for _ in range(3):
        bits.take(5 if bits.flag() else 0)
    _segmentation(bits)
    _tiles(bits, width or track_width)
    bits.take(16)
    return bits.whole_bytes


def _key(bits: Bits, profile: int) -> int:
    bits.take(24)
    _colours(bits, profile)
    return _size(bits)


def _other(bits: Bits, profile: int, *, shown: bool, resilient: bool) -> int:
    """Read what frames that are no key frames have, and return a width, 0 if taken over."""
    intra = not shown and bits.flag()
    bits.take(0 if resilient else 2)
    if intra:
        bits.take(24)
        if profile:
            _colours(bits, profile)
        bits.take(8)
        return _size(bits)
    bits.take(8 + 3 * 4)
    taken_over = any(bits.flag() for _ in range(3))
    width = 0
    if taken_over:
        bits.take(32 if bits.flag() else 0)
    else:
        width = _size(bits)
    bits.take(1)
    if not bits.flag():
        bits.take(2)
    return width


def _colours(bits: Bits, profile: int) -> None:
    bits.take(1 if profile >= 2 else 0)
    if bits.take(3) != RGB:
        bits.take(4 if profile & 1 else 1)
    else:
        bits.take(1 if profile & 1 else 0)


def _size(bits: Bits) -> int:
    """Read frame_size() and render_size(), and return the width."""
    width = bits.take(16) + 1
    bits.take(16)
    bits.take(32 if bits.flag() else 0)
    return width


def _loop_filter(bits: Bits) -> None:
    bits.take(9)
    if bits.flag() and bits.flag():
        for _ in range(6):
            bits.take(7 if bits.flag() else 0)


def _segmentation(bits: Bits) -> None:
    if not bits.flag():
        return
    if bits.flag():
        for _ in range(7):
            bits.take(8 if bits.flag() else 0)
        temporal = bits.flag()
        for _ in range(3 if temporal else 0):
            bits.take(8 if bits.flag() else 0)
    if bits.flag():
        bits.take(1)
        for _ in range(8):
            for size in (9, 7, 2, 0):
                bits.take(size if bits.flag() else 0)


def _tiles(bits: Bits, width: int) -> None:
    columns = (width + 63) // 64
    least, most = 0, 1
    while 64 << least < columns:
        least += 1
    while columns >> most >= 4:
        most += 1
    for _ in range(most - 1 - least):
        if not bits.flag():
            break
    if bits.flag():
        bits.take(1)
