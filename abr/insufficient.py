"""The insufficient-buffer rule: no rung that would not come before the buffer runs out.

It goes by the bitrate of a rung, not by the size of the segment, as its authors have it.
"""

from __future__ import annotations

from typing import Final

from abr.contract import View

__all__ = ["InsufficientBuffer"]

FIRST_SHARE: Final = 0.9
LAST_SHARE: Final = 0.5
DECAY: Final = 0.9
"""Sabre: of what the link brings while the buffer lasts, 0.9 counts at first, 0.9 of that at
the next segment, and so on down to 0.5: trust in the estimate ends with the start-up."""


class InsufficientBuffer:
    """Holds a rung down to what arrives before the buffer is empty.

    Source:
        Spiteri, Sitaraman, Sparacio, "From theory to practice: improving bitrate adaptation
        in the DASH reference player", MMSys 2018; the numbers are Sabre's.
    """

    def __init__(self) -> None:
        self._share = FIRST_SHARE

    def cap(self, view: View, rung: int, *, bps: float, ttfb_s: float) -> int:
        """Return a rung, or the highest below it that comes in time; each call decays the trust."""
        safe_bits = self._share * (view.buffered_s - ttfb_s) * bps
        self._share = max(self._share * DECAY, LAST_SHARE)
        for lower in range(rung):
            if view.rungs[lower + 1].bitrate_bps * view.segment_s > safe_bits:
                return lower
        return rung
