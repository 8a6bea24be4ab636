"""How bold to be, told from the buffer: what lies above a reserve may be spent.

A rung that takes more than the link brings drains the buffer, one that takes less fills it.
So a rung may be played for as long as the buffer above its reserve pays for it: at the
reserve exactly what the link sustains, more above it, less below. High rungs keep a larger
reserve than low ones: media is quickly fetched again while the link is fast, and once it is
slow a full buffer is worth most. Where the next rung down is far below, less is reserved,
since more would be lost by going there. What a rung takes is told by the sizes of the next
segments, not by its declared bitrate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from abr.contract import Rung, View
from abr.estimate import Estimator, LinkEstimate, Lowest
from abr.reach import Reach
from abr.segment_link import share_bps

__all__ = ["Reserves"]


@dataclass(frozen=True, slots=True)
class Reserves:
    """Judges a rung by the next segments' sizes, the rate of late, and the buffer above a reserve.

    Every value was found by cross-validation, see docs/hybrid.md. The seconds hold for
    buffer targets of `whole_target_s` and more and shrink in proportion below that.

    Attributes:
        margin: Share of the estimated throughput that is counted on.
        window: The estimate is the lowest rate of so many last segments.
        ahead: How many of the next segments' sizes count, where so many are known.
        climb_reserve_s: Buffer with which the lowest rung that is sustained just so is
            climbed to, where the rung below it is near.
        stay_reserve_s: The same for staying at a rung.
        climb_slope_s: How much more the highest rung of the ladder reserves than the lowest,
            in between by the logarithm of the bitrate, for climbing to it.
        stay_slope_s: The same for staying.
        gap_s: How much less a rung reserves for a factor of e between its bitrate and that
            of the rung below it.
        climb_over_s: The buffer above the reserve may be spent over so long, for climbing.
        stay_over_s: The same for staying.
        spare_s: How much of the buffer must be left when the next segment comes.
        climb_above_s: With less buffer than this there is no climbing.
        surge: A rate so many times the one before it has only begun to rise; climbing waits
            for the next segment, since there is no other climb for a while.
        ending_s: So long before the end of the film the reserves begin to shrink, and so
            many seconds of media are fetched in a row: at its end they are of no use.
        whole_target_s: Target buffer from which on the seconds above hold as they are.
    """

    margin: float = 0.95
    window: int = 2
    ahead: int = 3
    climb_reserve_s: float = 11.0
    stay_reserve_s: float = 7.5
    climb_slope_s: float = 6.0
    stay_slope_s: float = 9.7
    gap_s: float = 12.0
    climb_over_s: float = 27.0
    stay_over_s: float = 12.0
    spare_s: float = 2.0
    climb_above_s: float = 8.0
    surge: float = 1.5
    ending_s: float = 20.0
    whole_target_s: float = 25.0

    def __post_init__(self) -> None:
        """Refuse numbers by which no rung can be judged."""
        for name in ("margin", "climb_over_s", "stay_over_s", "ending_s", "whole_target_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("window", "ahead"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    def estimator(self) -> Estimator:
        """Return what the link is estimated by."""
        return Lowest(self.window)

    def reach(self, view: View, link: LinkEstimate) -> Reach:
        """Return how high to climb, and how high to stay."""
        bps = share_bps(view, self.margin * link.bps)
        reason = f"{bps / 1e6:.2f} Mb/s for {view.buffered_s:.1f} s of buffer"
        if bps <= 0:
            return Reach(0, 0, reason)
        small = min(1.0, min(view.target_s, view.max_buffer_s) / self.whole_target_s)
        left_s = math.inf
        if view.remaining_segments is not None:
            left_s = max(view.remaining_segments, 1) * view.segment_s
        share = small * min(1.0, left_s / self.ending_s)
        drains = self._drains(view, bps, link, spare_s=self.spare_s * small)
        places = _places(view.rungs)
        climb = _highest(
            drains,
            [self.climb_reserve_s + self.climb_slope_s * u - self.gap_s * gap for u, gap in places],
            share=share,
            over_s=min(self.climb_over_s * small, left_s),
            buffered_s=view.buffered_s,
        )
        stay = _highest(
            drains,
            [self.stay_reserve_s + self.stay_slope_s * u - self.gap_s * gap for u, gap in places],
            share=share,
            over_s=min(self.stay_over_s * small, left_s),
            buffered_s=view.buffered_s,
        )
        if view.rung is not None and climb > (current := min(view.rung, len(view.rungs) - 1)):
            sustained = max((i for i, drain in enumerate(drains) if drain <= 0), default=0)
            if climb < sustained:
                return Reach(current, current, f"soon more than {climb}, {reason}")
            if view.buffered_s < self.climb_above_s * small:
                return Reach(current, current, f"too little to climb, {reason}")
            if link.rise > self.surge:
                return Reach(current, current, f"rising, {reason}")
        return Reach(climb, stay, reason)

    def _drains(self, view: View, bps: float, link: LinkEstimate, *, spare_s: float) -> list[float]:
        """How many seconds of buffer a second of each rung costs; infinite if it comes too late."""
        # In seconds of media: at twice the speed, the buffer waits twice as long.
        wait_s = (link.ttfb_s or 0.0) * (abs(view.rate) or 1.0)
        in_s = math.inf if view.rung is None else view.buffered_s - spare_s
        ahead = range(min(self.ahead, len(view.sizes_bytes)))
        drains = []
        for rung in range(len(view.rungs)):
            sizes_bytes = [view.size_bytes(rung, i) for i in ahead]
            fetch_s = 8 * (sum(sizes_bytes) / len(sizes_bytes)) / bps + wait_s
            late = 8 * sizes_bytes[0] / bps + wait_s > in_s
            drains.append(math.inf if late else fetch_s / view.segment_s - 1)
        return drains


def _places(rungs: tuple[Rung, ...]) -> list[tuple[float, float]]:
    """Where each rung lies, from 0 to 1, and how far above the one below, by logarithms."""
    logs = [math.log(max(rung.bitrate_bps, 1)) for rung in rungs]
    span = logs[-1] - logs[0]
    below = [logs[0], *logs]
    return [
        ((log - logs[0]) / span if span > 0 else 0.0, log - under)
        for log, under in zip(logs, below, strict=False)
    ]


def _highest(
    drains: list[float],
    reserves_s: list[float],
    *,
    share: float,
    over_s: float,
    buffered_s: float,
) -> int:
    """The highest rung whose drain the buffer above its reserve pays for; else the lowest."""
    return max(
        (
            rung
            for rung, (drain, reserve_s) in enumerate(zip(drains, reserves_s, strict=True))
            if drain * over_s <= buffered_s - reserve_s * share
        ),
        default=0,
    )
