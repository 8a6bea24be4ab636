"""How bold to be, told from the throughput: less a margin it bounds the rung, whatever the buffer.

The buffer only says whether a rung may lie at that bound or must lie below it.
"""

from __future__ import annotations

from dataclasses import dataclass

from abr.contract import View
from abr.estimate import FAST_HALF_LIFE_S, SLOW_HALF_LIFE_S, DualEwma, Estimator, LinkEstimate
from abr.reach import Reach
from abr.segment_link import share_bps

__all__ = ["SafetyMargin"]


@dataclass(frozen=True, slots=True)
class SafetyMargin:
    """Judges a rung by its bitrate against a safe share of the throughput.

    Attributes:
        safety_margin: Share of the estimated throughput that is safe to use. Media3's
            AdaptiveTrackSelection has the same 0.7.
        cautious_below: Share of the target buffer under which a rung must lie strictly
            below the safe bitrate; from there on it may equal it.
        fast_half_life_s: Of the fast throughput mean, in busy time. dash.js, Sabre: 3 s.
        slow_half_life_s: Of the slow throughput mean, in busy time. dash.js, Sabre: 8 s.
    """

    safety_margin: float = 0.7
    cautious_below: float = 0.5
    fast_half_life_s: float = FAST_HALF_LIFE_S
    slow_half_life_s: float = SLOW_HALF_LIFE_S

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if not 0 < self.safety_margin <= 1:
            raise ValueError(f"safety_margin lies in (0, 1], not {self.safety_margin}")

    def estimator(self) -> Estimator:
        """Return what the link is estimated by."""
        return DualEwma(self.fast_half_life_s, self.slow_half_life_s)

    def reach(self, view: View, link: LinkEstimate) -> Reach:
        """Return the highest rung within the safe bitrate; strictly below it on a low buffer."""
        safe_bps = share_bps(view, self.safety_margin * link.bps)
        target_s = min(view.target_s, view.max_buffer_s)
        cautious = view.buffered_s < self.cautious_below * target_s
        rung = max(
            (
                i
                for i, r in enumerate(view.rungs)
                if r.bitrate_bps < safe_bps or (r.bitrate_bps == safe_bps and not cautious)
            ),
            default=0,
        )
        return Reach(rung, rung, f"{'under' if cautious else 'within'} {safe_bps / 1e6:.2f} Mb/s")
