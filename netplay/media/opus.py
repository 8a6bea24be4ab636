"""How long a packet of Opus is, by its own words.

Source: RFC 6716, clauses 3.1 (the TOC byte) and 3.2 (frame packing).
"""

from netplay.media.boxes import Buffer

__all__ = ["opus_samples"]

LONGEST_SAMPLES = 5760
"""120 ms at 48 kHz, requirement R5."""
LONGEST_FRAME_BYTES = 1275
"""Requirement R2."""


def opus_samples(packet: Buffer) -> int | None:
    """Return how many samples at 48 kHz a packet holds, or None where it is not well-formed."""
    if not packet:
        return None
    frame, code = _frame_samples(packet[0] >> 3), packet[0] & 3
    size = len(packet) - 1
    match code:
        case 0:
            count, fits = 1, size <= LONGEST_FRAME_BYTES
        case 1:
            count, fits = 2, size % 2 == 0 and size // 2 <= LONGEST_FRAME_BYTES
        case 2:
            first, at = _length(packet, 1)
            count, fits = 2, 0 <= len(packet) - at - first <= LONGEST_FRAME_BYTES
        case _:
            count, fits = _many(packet)
    return frame * count if fits and frame * count <= LONGEST_SAMPLES else None


def _frame_samples(configuration: int) -> int:
    if configuration < 12:  # SILK: 10, 20, 40 and 60 ms
        return (480, 960, 1920, 2880)[configuration & 3]
    if configuration < 16:  # hybrid: 10 and 20 ms
        return (480, 960)[configuration & 1]
    return (120, 240, 480, 960)[configuration & 3]


def _length(packet: Buffer, at: int) -> tuple[int, int]:
    """Return a frame's length and where the next thing is; an impossible one if cut short."""
    if at >= len(packet) or (packet[at] >= 252 and at + 1 >= len(packet)):
        return len(packet), at
    if packet[at] < 252:
        return packet[at], at + 1
    return packet[at] + 4 * packet[at + 1], at + 2


def _many(packet: Buffer) -> tuple[int, bool]:
    """Return the count of a packet of code 3, and whether its parts fit into it."""
    if len(packet) < 2 or not packet[1] & 63:
        return 0, False
    count, at, padding = packet[1] & 63, 2, 0
    if packet[1] & 0x40:
        more = 255
        while more == 255:
            if at >= len(packet):
                return 0, False
            more = packet[at]
            padding += 254 if more == 255 else more
            at += 1
    left = len(packet) - padding
    if not packet[1] & 0x80:
        return count, left >= at and (left - at) % count == 0
    stated = 0
    for _ in range(count - 1):
        size, at = _length(packet, at)
        stated += size
    return count, left - at - stated >= 0
