"""How bold to be, told from what a second of buffer is worth: quality bought with the buffer.

A rung is worth the logarithm of its bitrate a segment, as in BOLA, and costs the buffer that
its segments take. What a second of buffer is worth falls with the buffer held: where it is
worth as much as a second of the link, the best rung is the one whose bitrate the link
carries; with more it may be higher, with less lower. Between rungs far apart the price of the
step decides, so nothing need be said of the ladder. The link is taken at three rates, as far
apart as its forecasts were wrong of late: a calm one is used to the full, a wild one is not.

Source:
    The logarithmic utility and its trade against the buffer are those of BOLA (Spiteri,
    Urgaonkar, Sitaraman, INFOCOM 2016); looking ahead at sizes under a forecast is MPC's (Yin
    et al., SIGCOMM 2015). The value of the buffer in closed form and the numbers are ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from abr.contract import View
from abr.estimate import LinkEstimate
from abr.forecast import Forecast
from abr.reach import Reach
from abr.segment_link import share_bps

__all__ = ["RATES", "BufferValue"]

RATES: Final = ((-math.sqrt(3.0), 1 / 6), (0.0, 4 / 6), (math.sqrt(3.0), 1 / 6))
"""The rates looked at, in standard deviations of the logarithm, and the weight of each: the
Gauss-Hermite quadrature of three points, exact for a normal law up to the fifth moment."""


@dataclass(frozen=True, slots=True)
class BufferValue:
    """Judges a rung by its quality, less the stalls and the buffer that it costs.

    Every number was found by search over traces, see docs/hybrid.md. Quality is counted in
    logarithms of the bitrate a segment. Buffer levels, and over how many seconds its worth
    changes, hold for a target buffer of `whole_target_s` and shrink in proportion below it.

    Attributes:
        margin: Share of the forecast rate that is counted on.
        half_life_segments: Of the mean that the newest rate is weighed against.
        sharpness: How soon the better of the two forecasts is believed alone.
        spread: Standard deviations of the rate a recent error of the forecast stands for.
        climb_level_s: Buffer at which a second of it is worth a second of the link, for
            climbing.
        stay_level_s: The same for staying.
        scale_s: Over so many seconds of buffer the worth falls by a factor of e.
        floor: Worth of a second of buffer that is left however much is held.
        ahead: How many of the next segments are looked at.
        stall_cost: Cost of a stall as long as a segment.
        surge: A rate so many times the one before it has only begun to rise; a climb is put
            off until the next segment. One to less than the link sustains is put off too:
            there is no other for a while.
        ending_s: So long before the end of the film the buffer levels begin to shrink, since
            at its end the buffer is of no use.
        whole_target_s: Target buffer that the levels are meant for.
        growth: How much the levels grow with a target beyond that: 1 is in proportion.
    """

    margin: float = 0.96
    half_life_segments: float = 4.0
    sharpness: float = 3.0
    spread: float = 0.9
    climb_level_s: float = 13.5
    stay_level_s: float = 7.0
    scale_s: float = 17.0
    floor: float = 0.06
    ahead: int = 2
    stall_cost: float = 1.2
    surge: float = 1.6
    ending_s: float = 36.0
    whole_target_s: float = 25.0
    growth: float = 0.5

    def __post_init__(self) -> None:
        """Refuse numbers by which no rung can be judged."""
        for name in ("margin", "scale_s", "ending_s", "whole_target_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if self.ahead < 1:
            raise ValueError(f"ahead must be at least 1, not {self.ahead}")

    def estimator(self) -> Forecast:
        """Return what the link is estimated by."""
        return Forecast(self.half_life_segments, self.sharpness)

    def share(self, target_s: float, left_s: float) -> float:
        """Return how much of the buffer levels counts, by the target and what is left to play."""
        beyond = max(target_s / self.whole_target_s - 1, 0.0)
        return self.small(target_s) * min(1.0, left_s / self.ending_s) * (1 + self.growth * beyond)

    def small(self, target_s: float) -> float:
        """Return how much smaller a target is than the one that is meant, at most 1."""
        return min(1.0, target_s / self.whole_target_s)

    def reach(self, view: View, link: LinkEstimate) -> Reach:
        """Return how high to climb, and how high to stay."""
        bps = share_bps(view, self.margin * link.bps)
        reason = f"{bps / 1e6:.2f} Mb/s for {view.buffered_s:.1f} s of buffer"
        if bps <= 0:
            return Reach(0, 0, reason)
        takes_s = _takes_s(view, self._ahead(view), bps, link)
        left_s = math.inf
        if view.remaining_segments is not None:
            left_s = max(view.remaining_segments, 1) * view.segment_s
        target_s = min(view.target_s, view.max_buffer_s)
        scale_s, share = self.scale_s * self.small(target_s), self.share(target_s, left_s)
        gains, losses = self._price(view, takes_s, self.spread * link.spread, scale_s)
        worth = math.exp(self.climb_level_s * share / scale_s)
        climb = _best([gain - worth * loss for gain, loss in zip(gains, losses, strict=True)])
        if view.rung is None:
            return Reach(climb, climb, reason)
        current = min(view.rung, len(view.rungs) - 1)
        early = ""
        if climb > current:
            if climb < _sustained(takes_s, view.segment_s):
                early = f"soon more than {climb}"
            elif link.rise > self.surge:
                early = "rising"
        worth = math.exp(self.stay_level_s * share / scale_s)
        stays = [gain - worth * loss for gain, loss in zip(gains, losses, strict=True)]
        return Reach(climb, _best(stays[: current + 1]), reason, early)

    def _ahead(self, view: View) -> int:
        if view.remaining_segments is None:
            return self.ahead
        return min(self.ahead, max(view.remaining_segments, 1))

    def _price(
        self, view: View, takes_s: Sequence[Sequence[float]], spread: float, scale_s: float
    ) -> tuple[list[float], list[float]]:
        """What each rung is worth for the next segments, and what buffer it leaves to lack.

        The lack is that of a buffer whose second is worth a second when it is empty.
        """
        most_s, segment_s = min(view.target_s, view.max_buffer_s), view.segment_s
        slower = [(math.exp(-at * spread), weight) for at, weight in RATES]
        lowest_bps = max(view.rungs[0].bitrate_bps, 1)
        gains, losses = [], []
        for rung, rung_takes_s in zip(view.rungs, takes_s, strict=True):
            gain = len(rung_takes_s) * math.log(max(rung.bitrate_bps, 1) / lowest_bps)
            loss = 0.0
            for factor, weight in slower:
                stall_s, then_s = _play(rung_takes_s, factor, view.buffered_s, segment_s, most_s)
                gain -= (stall_s * self.stall_cost - self.floor * then_s) * weight / segment_s
                loss += math.exp(-then_s / scale_s) * scale_s * weight / segment_s
            gains.append(gain)
            losses.append(loss)
        return gains, losses


def _takes_s(view: View, ahead: int, bps: float, link: LinkEstimate) -> list[list[float]]:
    """How long the next segments of each rung take, at a rate, the wait for each among it."""
    # In seconds of media: at twice the speed, the buffer waits twice as long.
    wait_s = (link.ttfb_s or 0.0) * (abs(view.rate) or 1.0)
    return [
        [8 * view.size_bytes(rung, i) / bps + wait_s for i in range(ahead)]
        for rung in range(len(view.rungs))
    ]


def _sustained(takes_s: Sequence[Sequence[float]], segment_s: float) -> int:
    """The highest rung whose next segments come as fast as they play."""
    within = [i for i, row in enumerate(takes_s) if sum(row) <= len(row) * segment_s]
    return max(within, default=0)


def _play(
    takes_s: Sequence[float], slower: float, buffered_s: float, segment_s: float, most_s: float
) -> tuple[float, float]:
    """How long segments stall that take so many times as long, and what is left."""
    stall_s, level_s = 0.0, buffered_s
    for told_s in takes_s:
        level_s -= slower * told_s
        if level_s < 0:
            stall_s, level_s = stall_s - level_s, 0.0
        level_s = min(level_s + segment_s, most_s)
    return stall_s, level_s


def _best(values: Sequence[float]) -> int:
    """The rung of the greatest value; the lowest of several."""
    return max(range(len(values)), key=lambda rung: values[rung])
